"""Circuit breaking as data in, data out: when a vendor is left alone, and how it comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.circuit import (
    FAILURES,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    PROBE,
    SOUND,
    Circuit,
    State,
    failed,
    from_json,
    pause,
    probing,
    state,
    to_json,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
chances = st.floats(0, 1)


def opened(chance: float = 1.0, at: datetime = NOW) -> Circuit:
    circuit = SOUND
    for _ in range(FAILURES):
        circuit = failed(circuit, "down", at, chance)
    return circuit


def half_open_at(circuit: Circuit) -> datetime:
    assert circuit.retry_at is not None
    return circuit.retry_at


def test_a_vendor_that_fails_less_than_the_limit_in_a_row_is_still_asked() -> None:
    circuit = SOUND
    for _ in range(FAILURES - 1):
        circuit = failed(circuit, "down", NOW, 0)
    assert state(circuit, NOW) is State.CLOSED
    assert state(failed(circuit, "down", NOW, 0), NOW) is State.OPEN


def test_an_outage_is_dated_by_its_first_failure_and_told_by_its_last() -> None:
    circuit = failed(SOUND, "http_502", NOW, 0)
    for second in range(1, FAILURES):
        circuit = failed(circuit, "no_answer", NOW + timedelta(seconds=second), 0)
    assert (circuit.since, circuit.error) == (NOW, "no_answer")


@given(chance=chances)
def test_after_the_pause_and_no_sooner_somebody_may_probe(chance: float) -> None:
    circuit = opened(chance)
    at = half_open_at(circuit)
    assert FIRST_PAUSE / 2 <= at - NOW <= FIRST_PAUSE
    assert state(circuit, at - MOMENT) is State.OPEN
    assert state(circuit, at) is State.HALF_OPEN


def test_only_one_probes_at_a_time_and_one_that_dies_holds_nobody_up_for_good() -> None:
    circuit = opened()
    at = half_open_at(circuit)
    taken = probing(circuit, at)
    with pytest.raises(ValueError, match="not half open"):
        probing(taken, at)
    assert state(taken, at + PROBE - MOMENT) is State.OPEN
    assert state(taken, at + PROBE) is State.HALF_OPEN


@pytest.mark.parametrize("circuit", [SOUND, opened()])
def test_nobody_probes_a_vendor_that_works_or_that_is_to_be_left_alone(circuit: Circuit) -> None:
    with pytest.raises(ValueError, match="not half open"):
        probing(circuit, NOW)


def test_each_probe_that_fails_makes_the_pause_twice_as_long_up_to_the_limit() -> None:
    circuit, pauses = opened(), []
    for _ in range(10):
        at = half_open_at(circuit)
        circuit = failed(probing(circuit, at), "down", at, 1, probe=True)
        pauses.append(half_open_at(circuit) - at)
    assert pauses[:4] == [FIRST_PAUSE * 2, FIRST_PAUSE * 4, FIRST_PAUSE * 8, FIRST_PAUSE * 16]
    assert pauses[-1] == LONGEST_PAUSE


@given(pauses=st.integers(0, 10_000), chance=chances)
def test_a_pause_is_never_longer_than_the_limit_and_never_shorter_than_half_the_first(
    pauses: int, chance: float
) -> None:
    assert FIRST_PAUSE / 2 <= pause(pauses, chance) <= LONGEST_PAUSE
    assert pause(pauses, 0) * 2 == pause(pauses, 1)


def test_calls_that_were_under_way_when_it_opened_do_not_make_the_pause_longer() -> None:
    circuit = opened()
    assert failed(circuit, "late", NOW + MOMENT, 1) == circuit


@given(data=st.data())
def test_what_is_stored_is_what_is_read(data: st.DataObject) -> None:
    instants = st.none() | st.datetimes(timezones=st.just(UTC))
    circuit = Circuit(
        data.draw(st.integers(0, 99)), data.draw(st.integers(0, 99)), data.draw(instants), data.draw(st.text()),
        data.draw(instants),
    )  # fmt: skip
    assert from_json(to_json(circuit)) == circuit


@dataclass
class World:
    """A vendor that is down for a span of seconds, asked by somebody every so often."""

    down: tuple[int, int]
    circuit: Circuit = SOUND
    calls: list[tuple[int, bool]] = field(default_factory=list)  # when, and whether it was an answer

    def ask(self, second: int, chance: float) -> None:
        now = NOW + timedelta(seconds=second)
        found = state(self.circuit, now)
        if found is State.OPEN:
            return
        probe = found is State.HALF_OPEN
        if probe:
            self.circuit = probing(self.circuit, now)
        fails = self.down[0] <= second < self.down[1]
        self.calls.append((second, not fails))
        self.circuit = failed(self.circuit, "down", now, chance, probe=probe) if fails else SOUND


@settings(max_examples=40)
@given(begin=st.integers(0, 600), lasts=st.integers(1, 7_200), every=st.integers(5, 120), chance=chances)
def test_an_outage_costs_few_calls_however_long_and_however_many_ask_and_ends_by_itself(
    begin: int, lasts: int, every: int, chance: float
) -> None:
    world = World((begin, begin + lasts))
    over = begin + lasts + int(LONGEST_PAUSE.total_seconds()) + every
    for second in range(0, over + every, every):
        world.ask(second, chance)
    in_vain = [second for second, answered in world.calls if not answered]
    shortest = LONGEST_PAUSE.total_seconds() / 2
    assert len(in_vain) <= FAILURES + 7 + lasts / shortest  # seven pauses lead up to the longest
    assert world.calls[-1][1]
    assert state(world.circuit, NOW + timedelta(seconds=over)) is State.CLOSED
