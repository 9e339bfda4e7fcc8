"""The sweep's handler: it finds what got lost, goes on where one thing fails, and does not pester anybody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.due import Kind, due
from chalicelib.ports import InboxMessage, VendorTemporary
from chalicelib.usecases.payment import follow_dispute
from chalicelib.usecases.submit import Application, submit
from chalicelib.usecases.sweep import FIRST_WAIT, GRACE, LONGEST_WAIT, wait
from tests.api import LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS
from tests.halls import COURIER, MemoryHall
from tests.workers.faults import Faulty, always, of
from tests.workers.journeys import Way, new_hall
from tests.workers.lambdas import call_relay, call_sweep, commit_record
from tests.workers.owing import owing

DOWN = VendorTemporary("v", "down")
MOMENT = timedelta(seconds=1)
NOTHING = {"messages": 0, "commits": 0, "cases": 0, "failed": 0}


@pytest.fixture
def hall() -> MemoryHall:
    return new_hall()


def a_case(hall: MemoryHall, key: str = "key-00000001") -> str:
    return submit(hall, Application(key, RESIDENCE, "", "zh-CN", RESIDENCE_ANSWERS, {})).case.number


def test_a_hall_at_rest_needs_no_push(hall: MemoryHall) -> None:
    assert call_sweep(hall) == NOTHING


def test_commits_whose_record_never_came_are_handed_on(hall: MemoryHall) -> None:
    number = a_case(hall)
    hall.clock.advance(GRACE + MOMENT)
    assert call_sweep(hall) == {**NOTHING, "commits": 1}
    assert list(hall.log.unrelayed(hall.clock())) == []
    assert hall.steps.take() == [(number, "notify", "submitted")]
    assert call_sweep(hall) == NOTHING


def test_the_stream_is_given_time_first(hall: MemoryHall) -> None:
    a_case(hall)
    hall.clock.advance(GRACE - MOMENT)
    assert call_sweep(hall) == NOTHING
    assert call_sweep(hall, grace_s=0)["commits"] == 1


def test_messages_that_were_never_relayed_are_applied(hall: MemoryHall) -> None:
    way = Way(hall)
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.asleep = True
    way.pay()
    hall.clock.advance(GRACE + MOMENT)
    assert call_sweep(hall)["messages"] == 1
    assert way.case.payment is not None


def test_a_step_whose_message_was_lost_is_sent_again(hall: MemoryHall) -> None:
    number = a_case(hall)
    assert call_relay(hall, [commit_record(number, 1), commit_record(number, 2)]) == []
    lost = hall.steps.take()
    hall.clock.advance(timedelta(minutes=4))
    assert call_sweep(hall) == NOTHING
    hall.clock.advance(timedelta(minutes=2))
    assert call_sweep(hall)["cases"] == 1
    assert set(lost) <= set(hall.steps.take())


@pytest.mark.parametrize("error", [DOWN, ZeroDivisionError()])
def test_one_case_that_can_not_be_read_keeps_no_other_waiting(hall: MemoryHall, error: Exception) -> None:
    cases = sorted(a_case(hall, f"key-0000000{number}") for number in range(4))
    sound = hall.log
    hall.log = Faulty(sound, "load", of(cases[0], error))  # type: ignore[assignment]
    hall.clock.advance(GRACE + MOMENT)
    assert call_sweep(hall) == {**NOTHING, "commits": 3, "failed": 1}
    assert {case for case, _ in sound.unrelayed(hall.clock())} == {cases[0]}

    hall.clock.advance(timedelta(minutes=10))
    hall.steps.take()
    assert call_sweep(hall) == {**NOTHING, "cases": 3, "failed": 1}
    assert {case for case, _, _ in hall.steps.take()} == set(cases[1:])


@pytest.mark.parametrize("error", [DOWN, ZeroDivisionError()])
def test_a_vendor_that_is_down_keeps_nobody_else_waiting(hall: MemoryHall, error: Exception) -> None:
    way = Way(hall)
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.asleep = True
    way.pay()
    sound, hall.payments = hall.payments, Faulty(hall.payments, "checkout", always(error))  # type: ignore[assignment]
    other = a_case(hall, "key-00000002")
    hall.inbox.put(InboxMessage(f"courier:{COURIER}#m", f"courier:{COURIER}", b"no json", hall.clock()))
    hall.clock.advance(GRACE + MOMENT)
    assert call_sweep(hall) == {**NOTHING, "messages": 1, "commits": 1, "failed": 1}
    assert (other, "notify", "submitted") in hall.steps.take()
    hall.payments = sound
    assert call_sweep(hall)["messages"] == 1
    assert way.case.payment is not None


def test_a_step_that_never_works_is_tried_less_and_less_often_but_never_given_up() -> None:
    way = owing(Kind.REFUND)
    hall = way.hall
    hall.payments = broken = Faulty(hall.payments, "refund", always(DOWN))  # type: ignore[assignment]
    way.backstage.carry()
    tried = []
    for _ in range(12 * 24 * 3):
        before = broken.calls
        hall.clock.advance(timedelta(minutes=5))
        way.backstage.sweep()
        tried.append(broken.calls > before)
    first_day, third_day = sum(tried[: 12 * 24]), sum(tried[-12 * 24 :])
    assert 8 <= first_day <= 20
    assert 4 <= third_day <= 9


def test_what_stays_owed_for_weeks_does_not_make_the_hall_late_for_anything_else() -> None:
    """A bank that takes its time over a dispute, and a courier that misses its window meanwhile."""
    way = Way(new_hall())
    way.apply_for(LICENCE, LICENCE_ANSWERS)
    way.pay()
    way.decide("pre-check")
    hall = way.hall
    hall.payments.open_dispute(way.case.payments[0].id)
    follow_dispute(hall, "du_1")
    way.work()
    (shipment,) = way.case.shipments
    hall.clock.advance(timedelta(days=1, hours=1))
    while hall.clock() < shipment.overdue_at - timedelta(minutes=5):
        way.pass_time(timedelta(minutes=5))
    assert Kind.ASK_DISPUTE in {step.kind for step in due(way.case, hall.clock())}
    courier = hall.vendors[COURIER] = Faulty(hall.vendors[COURIER], "query", lambda *_: None)
    way.pass_time(timedelta(minutes=5))
    way.pass_time(timedelta(minutes=5))
    assert courier.calls == 1


@given(looks=st.integers(0, 10_000))
def test_the_wait_doubles_with_each_look_and_spreads_over_its_upper_half(looks: int) -> None:
    longest = min(FIRST_WAIT * 2 ** min(looks, 20), LONGEST_WAIT)
    assert longest / 2 <= wait(looks) <= longest


def test_cases_that_got_stuck_together_do_not_come_back_together() -> None:
    waits = {wait(10) for _ in range(100)}
    assert max(waits) - min(waits) > LONGEST_WAIT / 4


def test_a_case_that_waits_for_people_is_looked_at_when_its_time_comes_and_not_before(hall: MemoryHall) -> None:
    way = Way(hall)
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.pay()
    for _ in range(12 * 24):
        hall.clock.advance(timedelta(minutes=5))
        assert call_sweep(hall) == NOTHING
    hall.clock.advance(timedelta(days=2))
    assert call_sweep(hall)["cases"] == 1
    assert ("turn_light", "verify-residence") in {(kind, subject) for _, kind, subject in hall.steps.take()}


def test_a_case_that_has_ended_is_never_looked_at_again() -> None:
    way = owing(Kind.CLOSE)
    way.asleep = False
    way.work()
    assert way.case.ending == "closed"
    way.hall.clock.advance(timedelta(days=365))
    assert call_sweep(way.hall) == NOTHING
