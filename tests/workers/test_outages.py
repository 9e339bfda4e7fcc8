"""Outages: vendors that are down for hours are asked seldom, and all that waited for them comes right afterwards."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.case import Case
from chalicelib.domain.circuit import FAILURES, LONGEST_PAUSE, State, state
from chalicelib.domain.commit import make_commit
from chalicelib.domain.due import Kind, Step, due
from chalicelib.domain.numbers import case_number
from chalicelib.ports import VendorTemporary, VendorUnknown
from chalicelib.usecases import turns
from chalicelib.usecases.execute import load
from chalicelib.usecases.perform import perform
from chalicelib.usecases.sweep import LONGEST_WAIT
from chalicelib.usecases.turns import ASKING, CROWD, EVERY, LIMITS, Limit, Turns, vendor_of
from chalicelib.usecases.vendors import FRESH, PAYMENTS
from tests.halls import COURIER, MemoryHall
from tests.workers.faults import Faulty, always
from tests.workers.journeys import Way
from tests.workers.lambdas import Backstage, call_perform, call_relay, call_sweep, inbox_record, message
from tests.workers.owing import owing

DOWN = VendorTemporary(COURIER, "http_502")


@pytest.fixture(autouse=True)
def _the_same_chances_each_time() -> Iterator[None]:
    before = random.getstate()
    random.seed(5)
    yield
    random.setstate(before)


@dataclass
class Calls:
    """A vendor in front of another one: counts what it is asked, and does nothing while it is down."""

    code: str
    vendor: Any
    clock: Any
    down: bool = True
    at: list[datetime] = field(default_factory=list)
    by_case: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.vendor, name)
        if name not in ("order", "cancel", "query", "checkout", "expire_checkout", "refund", "open_checkout"):
            return value

        def call(*args: Any, **more: Any) -> Any:
            self.at.append(self.clock())
            if self.down:
                raise (VendorUnknown if len(self.at) % 2 else VendorTemporary)(self.code, "down")
            answer = value(*args, **more)
            self.by_case[name] += 1
            return answer

        return call


def crowd(way: Way, count: int) -> list[str]:
    """So many cases, this one and others that stand just where it does."""
    numbers = [case_number(way.hall.mac_key, f"key of the crowd {number}") for number in range(1, count)]
    for number in numbers:
        _copy(way, number)
    return [way.number, *numbers]


def _copy(way: Way, number: str) -> None:
    head = ""
    for commit in way.record.commits:
        copied = make_commit(number, commit.version, commit.events, head)
        beside = [replace(one, case=number) for one in way.record.submissions] if commit.version == 1 else []
        way.hall.log.append(copied, *beside)
        head = copied.hash


def pass_time(backstage: Backstage, hours: float) -> None:
    for _ in range(int(hours * 60 / 5)):
        backstage.hall.clock.advance(EVERY)
        backstage.sweep()


# Who has found a vendor down comes back as late as anybody whose step fails, all others as soon as it is back.
LONGEST_HOURS = (LONGEST_WAIT + 2 * EVERY) / timedelta(hours=1)
COUNTS = [40, pytest.param(1000, marks=pytest.mark.thorough)]


@pytest.mark.parametrize("count", COUNTS)
def test_a_courier_that_is_down_for_hours_gets_few_calls_and_then_every_order_once(count: int) -> None:
    way = owing(Kind.ORDER_COURIER)
    hall = way.hall
    courier = hall.vendors[COURIER] = Calls(COURIER, hall.vendors[COURIER], hall.clock)
    numbers = crowd(way, count)
    backstage = Backstage(hall, hall)
    backstage.carry()
    hours = 3
    pass_time(backstage, hours)
    assert len(courier.at) <= FAILURES + 7 + hours * 60 / (LONGEST_PAUSE.total_seconds() / 60 / 2)
    assert courier.vendor.orders == {}

    courier.down, found_down = False, len(courier.at)
    pass_time(backstage, 2)
    assert len(courier.vendor.orders) >= count - found_down
    pass_time(backstage, LONGEST_HOURS)
    assert sorted(courier.vendor.orders) == sorted(f"{number}-pickup-1" for number in numbers)
    assert courier.by_case["order"] == count
    assert all(load(hall, number).case.shipments[0].waybill for number in numbers)


def test_a_courier_that_is_down_costs_the_queue_no_second_try() -> None:
    way = owing(Kind.ORDER_COURIER)
    hall = way.hall
    hall.vendors[COURIER] = Faulty(hall.vendors[COURIER], "order", always(DOWN))
    numbers = crowd(way, FAILURES + 20)
    failed = call_perform(hall, [message(number, "order_courier", "pickup-1") for number in numbers])
    assert len(failed) == FAILURES - 1  # the last of the row opens the circuit, and knows it


def test_a_step_that_was_turned_away_is_looked_at_when_the_outage_may_be_over_and_not_counted_as_tried() -> None:
    way = owing(Kind.REFUND)
    hall = way.hall
    hall.health.ask(PAYMENTS, lambda: None)
    hall.clock.advance(EVERY)
    call_sweep(hall)  # hands the case on
    for _ in range(FAILURES):
        with pytest.raises(VendorTemporary):
            hall.health.ask(PAYMENTS, always(VendorTemporary(PAYMENTS, "down")))
    assert perform(hall, way.number, Kind.REFUND, "1") == "vendor_down"
    retry_at = hall.health.circuit(PAYMENTS).retry_at
    assert retry_at is not None
    assert list(hall.read_model.needing_attention(retry_at - timedelta(milliseconds=1))) == []
    assert list(hall.read_model.needing_attention(retry_at + EVERY)) == [(way.number, way.case.version, 0)]


def test_a_step_that_always_fails_does_not_keep_a_quiet_vendor_shut() -> None:
    way = owing(Kind.REFUND)
    hall = way.hall
    sound = hall.payments.vendor
    hall.payments = hall.guarded(broken := Faulty(sound, "refund", always(VendorUnknown(PAYMENTS, "http_500"))))
    backstage = Backstage(hall, hall)
    backstage.carry()
    found = []
    for _ in range(12 * 24):
        hall.clock.advance(EVERY)
        backstage.sweep()
        found.append(state(hall.health.look(PAYMENTS), hall.clock()))
    assert found.count(State.CLOSED) > 0.9 * len(found)
    assert 8 <= broken.calls < 24


def test_money_waits_out_an_outage_and_goes_back_once() -> None:
    way = owing(Kind.REFUND)
    hall = way.hall
    payments = Calls(PAYMENTS, hall.payments.vendor, hall.clock)
    hall.payments = hall.guarded(payments)
    backstage = Backstage(hall, hall)
    backstage.carry()
    pass_time(backstage, 5)
    assert len(payments.at) < 60
    assert hall.payments.refunds == {}
    payments.down = False
    pass_time(backstage, LONGEST_HOURS)
    assert len(hall.payments.refunds) == 1
    assert way.case.refunds[0].state == "done"


def test_what_a_sound_vendor_tells_is_not_held_up_by_another_one_s_outage() -> None:
    way = owing(Kind.ASK_CHECKOUT)
    hall = way.hall
    way.asleep = True
    sound = hall.payments
    hall.payments = hall.guarded(Faulty(sound.vendor, "checkout", always(VendorTemporary(PAYMENTS, "down"))))
    way.pay()
    waiting = [inbox_record(each.id) for each in hall.inbox.new_before(hall.clock() + EVERY)]
    assert len(waiting) == 1
    for _ in range(FAILURES):
        assert call_relay(hall, waiting) == [waiting[0]["dynamodb"]["SequenceNumber"]]
    assert call_relay(hall, waiting) == []  # the stream goes on, the message stays for the sweep
    hall.payments = sound
    hall.clock.advance(LONGEST_PAUSE)
    assert call_sweep(hall, grace_s=0)["messages"] == 1
    assert way.case.payment is not None


def test_each_run_of_the_sweep_tells_who_is_down_and_no_more_once_they_are_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hall = MemoryHall()
    for _ in range(FAILURES):
        with pytest.raises(VendorTemporary):
            hall.health.ask(COURIER, always(DOWN))

    def told() -> list[str]:
        caplog.clear()
        call_sweep(hall)
        return [vars(line)["vendor"] for line in caplog.records if line.message == "vendor down"]

    assert (told(), told()) == ([COURIER], [COURIER])
    hall.clock.advance(LONGEST_PAUSE)
    assert told() == [COURIER]  # nobody has found out yet
    hall.health.ask(COURIER, lambda: None)
    assert told() == []


def test_an_outage_that_nobody_meets_any_more_is_not_told_of_for_long(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that is owed needs the vendor: nobody finds out that it is back."""
    hall = MemoryHall()
    for _ in range(FAILURES):
        with pytest.raises(VendorTemporary):
            hall.health.ask(COURIER, always(DOWN))
    runs = 0
    for _ in range(12 * 2):
        caplog.clear()
        hall.clock.advance(EVERY)
        call_sweep(hall)
        runs += any(line.message == "vendor down" for line in caplog.records)
    assert timedelta(minutes=20) < runs * EVERY < timedelta(minutes=35)


# --- whose turn it is ---


@dataclass(frozen=True)
class Silence:
    """So many parcels that have been silent for too long."""

    hall: MemoryHall
    case: Case
    count: int

    def swept(self) -> list[tuple[list[Step], datetime | None]]:
        """What one run gives to each of them."""
        run = Turns(self.hall)
        steps = [step for step in due(self.case, self.hall.clock()) if step.kind is Kind.ASK_COURIER]
        return [run.of(self.case, steps) for _ in range(self.count)]


def silence(count: int) -> Silence:
    way = owing(Kind.ASK_COURIER)
    return Silence(way.hall, way.case, count)


def test_ten_thousand_stale_cases_are_not_ten_thousand_calls_but_come_by_and_by() -> None:
    stale = silence(10_000)
    limit, now = turns.OTHERS.run, stale.hall.clock()
    found = stale.swept()
    assert [len(steps) for steps, _ in found] == [1] * limit + [0] * (10_000 - limit)
    later = sorted(at for _, at in found if at)
    before_run = Counter((at - now) // EVERY for at in later)
    assert [before_run[run] for run in range(10_000 // limit - 1)] == [limit] * (10_000 // limit - 1)


def test_stale_cases_get_their_turn_run_by_run_and_each_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    way = owing(Kind.ASK_COURIER)
    hall = way.hall
    monkeypatch.setattr(turns, "LIMITS", {COURIER: Limit(run=2)})
    courier = hall.vendors[COURIER] = Calls(COURIER, hall.vendors[COURIER], hall.clock, down=False)
    numbers = crowd(way, 7)
    hall.clock.advance(EVERY)
    call_sweep(hall)  # hands them on, with all that is due
    hall.steps.take()
    asked = []
    for _ in range(6):
        hall.clock.advance(EVERY)
        call_sweep(hall)
        sent = [case for case, kind, _ in hall.steps.take() if kind == "ask_courier"]
        call_perform(hall, [message(case, "ask_courier", "pickup-1") for case in sent])
        asked.append(sent)
    assert [len(sent) for sent in asked] == [2, 2, 2, 1, 0, 0]
    assert sorted(case for sent in asked for case in sent) == sorted(numbers)
    assert courier.by_case["query"] == 7


def test_a_courier_with_a_limit_for_the_day_is_asked_so_often_and_again_after_midnight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stale = silence(8)
    hall = stale.hall
    monkeypatch.setattr(turns, "LIMITS", {COURIER: Limit(run=3, day=5)})
    asked = []
    for _ in range(4):
        found = stale.swept()
        asked.append(sum(len(steps) for steps, _ in found))
        last = found[-1][1]
        hall.clock.advance(EVERY)
    assert asked == [3, 2, 0, 0]
    midnight = hall.clock().astimezone(hall.calendar.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    assert last is not None
    assert midnight + timedelta(days=1) <= last < midnight + timedelta(days=1) + 3 * EVERY
    hall.clock.advance(last - hall.clock())
    assert sum(len(steps) for steps, _ in stale.swept()) == 3


def test_one_step_alone_finds_out_whether_the_vendor_is_back() -> None:
    stale = silence(CROWD + 10)
    hall = stale.hall
    for _ in range(FAILURES):
        with pytest.raises(VendorTemporary):
            hall.health.ask(COURIER, always(DOWN))
    retry_at = hall.health.circuit(COURIER).retry_at
    assert retry_at is not None
    found = stale.swept()
    assert [steps for steps, _ in found] == [[]] * stale.count
    assert all(retry_at <= at < retry_at + 2 * EVERY for _, at in found if at)
    assert sum(at < retry_at + EVERY for _, at in found if at) == CROWD

    hall.clock.advance(FRESH + (retry_at - hall.clock()))
    assert state(hall.health.circuit(COURIER), hall.clock()) is State.HALF_OPEN
    assert [len(steps) for steps, _ in stale.swept()] == [1] + [0] * (stale.count - 1)


def test_what_asks_no_vendor_waits_for_none() -> None:
    way = owing(Kind.CANCEL_COURIER)
    hall = way.hall
    for _ in range(FAILURES):
        with pytest.raises(VendorTemporary):
            hall.health.ask(COURIER, always(DOWN))
    steps, later = Turns(hall).of(way.case, due(way.case, hall.clock()))
    assert Kind.CANCEL_COURIER not in {step.kind for step in steps}
    assert {Kind.REFUND, Kind.NOTIFY} <= {step.kind for step in steps}
    assert later is not None


@pytest.mark.parametrize("kind", Kind)
def test_of_every_step_it_is_known_whom_it_asks(kind: Kind) -> None:
    """A new kind of step has to be listed, or an outage would burn its tries."""
    ours = {Kind.CHECK_FILES, Kind.ISSUE, Kind.NOTIFY, Kind.TURN_LIGHT, Kind.BREAK_PROMISE, Kind.CLOSE}
    way = owing(kind)
    step = next(step for step in due(way.case, way.hall.clock()) if step.kind is kind)
    begins = kind is Kind.ORDER_COURIER and not way.case.shipments  # the courier is yet to be chosen
    expected = (
        "" if kind in ours or begins else PAYMENTS if kind in turns.OF_PAYMENTS or kind is Kind.LAPSE else COURIER
    )
    assert vendor_of(way.case, step) == expected


def test_every_limit_lets_something_through() -> None:
    assert all(limit.run > 0 and (limit.day is None or limit.day >= limit.run) for limit in LIMITS.values())
    assert ASKING < turns.OF_PAYMENTS | turns.OF_COURIERS
