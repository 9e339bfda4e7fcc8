"""Vendors' health, as several processes learn it, share it and go by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import Parameter, isfunction, signature
from typing import Any

import pytest

from chalicelib import ports
from chalicelib.adapters.memory import MemoryLookups
from chalicelib.domain.circuit import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, PROBE, State, state
from chalicelib.ports import VendorError, VendorRejected, VendorTemporary, VendorUnknown
from chalicelib.usecases.vendors import FRESH, PAYMENTS, CircuitOpen, GuardedCourier, GuardedPayments, Health
from tests.halls import MONDAY, Clock
from tests.workers.faults import Faulty, always

VENDOR = "sf"
DOWN = VendorTemporary(VENDOR, "http_502")
MOMENT = timedelta(seconds=1)


class CountingLookups(MemoryLookups):
    """Tells how often the store was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = 0

    def get(self, *args: Any, **more: Any) -> Any:
        self.reads += 1
        return super().get(*args, **more)

    def put_once(self, *args: Any, **more: Any) -> Any:
        self.writes += 1
        return super().put_once(*args, **more)

    def replace(self, *args: Any, **more: Any) -> Any:
        self.writes += 1
        return super().replace(*args, **more)


@dataclass
class World:
    """A clock, a store, a vendor, and processes that share them."""

    now: Clock = field(default_factory=lambda: Clock(MONDAY))
    lookups: Any = field(default_factory=CountingLookups)
    error: Exception | None = None
    calls: int = 0

    def process(self) -> Health:
        return Health(self, lambda: 1.0)

    def question(self) -> str:
        self.calls += 1
        if self.error:
            raise self.error
        return "yes"

    def ask(self, process: Health) -> str:
        """``yes``, ``refused`` (it was not asked), or the kind of failure."""
        try:
            return process.ask(VENDOR, self.question)
        except CircuitOpen:
            return "refused"
        except VendorError as error:
            return type(error).__name__

    def fail(self, process: Health, times: int = FAILURES, error: Exception = DOWN) -> None:
        self.error = error
        for _ in range(times):
            self.ask(process)


@pytest.fixture
def world() -> World:
    return World()


def test_a_vendor_that_works_costs_one_read_in_a_while_and_no_write(world: World) -> None:
    process = world.process()
    for _ in range(100):
        assert world.ask(process) == "yes"
    assert (world.lookups.reads, world.lookups.writes) == (1, 0)
    world.now.advance(FRESH)
    world.ask(process)
    assert (world.lookups.reads, world.lookups.writes) == (2, 0)


@pytest.mark.parametrize("error", [DOWN, VendorUnknown(VENDOR, "no_answer")])
def test_a_vendor_that_keeps_failing_is_not_asked_any_more(world: World, error: VendorError) -> None:
    process = world.process()
    world.fail(process, FAILURES * 3, error)
    assert world.calls == FAILURES
    with pytest.raises(CircuitOpen) as refused:
        process.ask(VENDOR, world.question)
    assert (refused.value.vendor, refused.value.code) == (VENDOR, "circuit_open")
    assert refused.value.retry_at == world.now() + FIRST_PAUSE
    assert (process.circuit(VENDOR).error, process.circuit(VENDOR).since) == (error.code, MONDAY)


def test_no_is_an_answer(world: World) -> None:
    process = world.process()
    world.fail(process, FAILURES - 1)
    world.fail(process, 1, VendorRejected(VENDOR, "address"))
    world.fail(process, FAILURES - 1)
    assert world.ask(process) == "VendorTemporary"
    assert world.calls == 2 * FAILURES


def test_one_vendor_s_outage_is_no_other_s(world: World) -> None:
    process = world.process()
    world.fail(process)
    world.error = None
    assert process.ask("ems", world.question) == "yes"
    assert world.ask(process) == "refused"


def test_processes_share_what_they_learn(world: World) -> None:
    one, other, new = world.process(), world.process(), world.process()
    world.ask(other)
    calls = world.calls
    world.fail(one, FAILURES - 2)
    world.fail(other, 2)
    assert world.calls == calls + FAILURES
    assert [world.ask(process) for process in (other, new)] == ["refused", "refused"]
    assert world.ask(one) == "VendorTemporary"  # which has not heard of it yet, and hears of it by that
    assert world.ask(one) == "refused"


def test_one_process_probes_and_the_others_wait_for_what_it_finds(world: World) -> None:
    one, other = world.process(), world.process()
    world.fail(one)
    world.ask(other)
    world.now.advance(FIRST_PAUSE)
    asked: list[str] = []

    def probe() -> str:
        asked.append(world.ask(other))
        return world.question()

    world.error = None
    assert one.ask(VENDOR, probe) == "yes"
    assert asked == ["refused"]
    world.now.advance(FRESH)
    assert world.ask(other) == "yes"


def test_a_probe_that_fails_doubles_the_pause_and_a_probe_that_dies_gives_way(world: World) -> None:
    process = world.process()
    world.fail(process)
    world.now.advance(FIRST_PAUSE)
    assert [world.ask(process), world.ask(process)] == ["VendorTemporary", "refused"]
    assert process.circuit(VENDOR).retry_at == world.now() + 2 * FIRST_PAUSE

    world.now.advance(2 * FIRST_PAUSE)
    with pytest.raises(ZeroDivisionError):
        process.ask(VENDOR, lambda: 1 // 0)
    assert world.ask(process) == "refused"
    world.now.advance(PROBE)
    world.error = None
    assert world.ask(process) == "yes"
    assert process.look(VENDOR).retry_at is None


def test_a_long_outage_costs_few_calls_and_ends_within_the_longest_pause(world: World) -> None:
    processes = [world.process() for _ in range(4)]
    world.error = DOWN
    for _ in range(6 * 60):
        for process in processes:
            world.ask(process)
        world.now.advance(timedelta(minutes=1))
    assert world.calls <= FAILURES + len(processes) + 6 * 60 / 10 + 7
    world.error = None
    world.now.advance(LONGEST_PAUSE)
    assert world.ask(processes[0]) == "yes"
    world.now.advance(FRESH)
    assert [world.ask(process) for process in processes] == ["yes"] * 4


def test_two_that_take_the_probe_at_once_probe_once(world: World) -> None:
    one, other = world.process(), world.process()
    world.fail(one)
    world.ask(other)
    world.now.advance(FIRST_PAUSE)
    calls, sound = world.calls, world.lookups
    world.error = None
    said: list[str] = []
    # The other one is faster by the moment between the look and the write of the first.
    world.lookups = Faulty(sound, "replace", _once(lambda: said.append(world.ask(other))))
    said.append(world.ask(one))
    assert world.calls == calls + 2  # one probe, and a call after it was found to be back
    assert said == ["yes", "yes"]
    assert sound.get(f"vendor#{VENDOR}", now=world.now())["retry_at"] is None


def _once(act: Callable[[], object]) -> Callable[..., None]:
    waiting = [act]

    def before(*_: Any, **__: Any) -> None:
        if waiting:
            waiting.pop()()

    return before


def test_what_others_write_down_at_the_same_moment_is_not_lost(world: World) -> None:
    others = World(world.now, world.lookups, DOWN)
    world.fail(world.process(), 1)
    world.lookups = Faulty(world.lookups, "replace", _once(lambda: others.ask(others.process())))
    process = world.process()
    world.ask(process)
    assert process.circuit(VENDOR).failures == 3


def test_who_loses_again_and_again_leaves_it_to_the_winners(world: World) -> None:
    others = World(world.now, world.lookups, DOWN)
    world.fail(world.process(), 1)
    world.lookups = Faulty(world.lookups, "replace", lambda *_, **__: others.ask(others.process()))
    assert world.ask(world.process()) == "VendorTemporary"
    assert state(others.process().look(VENDOR), world.now()) is State.CLOSED
    assert world.ask(world.process()) == "VendorTemporary"
    assert state(others.process().look(VENDOR), world.now()) is State.OPEN


@pytest.mark.parametrize("method", ["get", "put_once", "replace"])
def test_a_store_out_of_reach_keeps_nobody_from_a_vendor_and_loses_no_answer(world: World, method: str) -> None:
    process = world.process()
    world.fail(process, 2)
    world.error = None
    world.now.advance(FRESH)
    world.lookups = Faulty(world.lookups, method, always(VendorTemporary("dynamodb", "throttled")))
    assert world.ask(process) == "yes"
    world.fail(process, 1)
    assert world.ask(process) == "VendorTemporary"


# --- the guards ---


def questions(port: type) -> list[str]:
    """What a port can be asked."""
    return sorted(name for name, value in vars(port).items() if isfunction(value) and not name.startswith("_"))


def arguments(method: Callable[..., Any]) -> tuple[list[str], dict[str, str]]:
    """A word for each parameter."""
    told = list(signature(method).parameters.values())
    by_name = {one.name: one.name for one in told if one.kind is Parameter.KEYWORD_ONLY}
    return [one.name for one in told if one.kind is Parameter.POSITIONAL_OR_KEYWORD], by_name


@dataclass
class Recorder:
    """A vendor that answers everything with what it was asked."""

    code: str = VENDOR
    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        def answer(*args: Any, **named: Any) -> Any:
            self.asked.append((name, args, named))
            return self.asked[-1]

        return answer


GUARDS = [(GuardedCourier, ports.Courier, VENDOR), (GuardedPayments, ports.Payments, PAYMENTS)]
EVERY_QUESTION = [(guard, name, vendor) for guard, port, vendor in GUARDS for name in questions(port)]


@pytest.mark.parametrize(("guard", "question", "vendor"), EVERY_QUESTION)
def test_every_question_of_a_port_is_guarded_and_handed_on_as_it_is(
    world: World, guard: Any, question: str, vendor: str
) -> None:
    behind, health = Recorder(), world.process()
    ask = getattr(guard(behind, health), question)
    args, named = arguments(ask)
    answer = ask(*args, **named)
    assert behind.asked == [(question, tuple(args), named)]
    assert answer in (None, behind.asked[0])
    for _ in range(FAILURES):
        with pytest.raises(VendorTemporary):
            health.ask(vendor, always(VendorTemporary(vendor, "down")))
    with pytest.raises(CircuitOpen):
        ask(*args, **named)
    assert len(behind.asked) == 1
