"""The perform worker's handler: each kind of step once, whatever comes twice, at the same time, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.due import Kind, due
from chalicelib.ports import VendorRejected, VendorTemporary, VendorUnknown
from chalicelib.usecases import applicant
from chalicelib.usecases.perform import LEASE, perform
from tests.halls import COURIER
from tests.workers.faults import Faulty, always
from tests.workers.journeys import A_SWEEP_LATER, Way
from tests.workers.lambdas import Record, call_perform, message, message_of, twice_and_backwards
from tests.workers.mortality import Killed, Life
from tests.workers.owing import owing

every_kind = pytest.mark.parametrize("kind", Kind)


def owed(way: Way) -> list[Record]:
    return [message(way.number, step.kind, step.subject) for step in due(way.case, way.hall.clock())]


def of_kind(way: Way, kind: Kind) -> Record:
    """A message for the first owed step of a kind. StopIteration when none is owed."""
    step = next(step for step in due(way.case, way.hall.clock()) if step.kind is kind)
    return message(way.number, step.kind, step.subject)


def outside(way: Way) -> tuple[Any, ...]:
    """What vendors and people have seen of a case."""
    hall = way.hall
    return (
        dict(hall.courier(COURIER).orders),
        [hall.courier(COURIER).is_called_off(order) for order in hall.courier(COURIER).orders],
        dict(hall.payments.checkouts),
        dict(hall.payments.refunds),
        dict(hall.files.stored),
        dict(hall.uploads.stored),
        list(hall.notifier.messages),
    )


@every_kind
def test_a_step_is_done_once_though_its_message_comes_twice_and_all_come_backwards(kind: Kind) -> None:
    way = owing(kind)
    messages = owed(way)
    chosen = of_kind(way, kind)
    assert call_perform(way.hall, twice_and_backwards(messages)) == []
    with pytest.raises(StopIteration):
        of_kind(way, kind)
    commits, seen = way.record.commits, outside(way)
    assert call_perform(way.hall, [*messages, chosen]) == []
    assert way.record.commits == commits
    assert outside(way) == seen


@every_kind
def test_a_step_that_another_worker_is_at_is_left_to_it(kind: Kind) -> None:
    way = owing(kind)
    record = of_kind(way, kind)
    step = next(step for step in due(way.case, way.hall.clock()) if step.kind is kind)
    lease = f"lease#{way.number}-{kind}-{step.subject}"
    assert way.hall.lookups.put_once(lease, {}, now=way.hall.clock(), expires=way.hall.clock() + LEASE)
    commits, seen = way.record.commits, outside(way)
    assert call_perform(way.hall, [record]) == []
    assert (way.record.commits, outside(way)) == (commits, seen)
    way.hall.clock.advance(LEASE)
    assert call_perform(way.hall, [record]) == []
    assert way.record.commits != commits


def test_a_killed_worker_holds_its_step_no_longer_than_its_lease() -> None:
    way = owing(Kind.ORDER_COURIER)
    kind, subject = Kind.ORDER_COURIER, "pickup-1"
    mortal = Way(way.hall, Life(lambda call: call == 3), number=way.number)  # after the lease and the load
    with pytest.raises(Killed):
        perform(mortal.seen, way.number, kind, subject)
    assert perform(way.hall, way.number, kind, subject) == "under_way"
    way.hall.clock.advance(LEASE)
    assert perform(way.hall, way.number, kind, subject) == "done"
    assert list(way.hall.courier(COURIER).orders) == [f"{way.number}-pickup-1"]


@pytest.mark.parametrize("error", [VendorTemporary("v", "down"), VendorUnknown("v", "no_answer"), ZeroDivisionError()])
def test_a_step_that_failed_comes_again_and_the_others_of_its_batch_are_done(error: Exception) -> None:
    way = owing(Kind.REFUND)
    sound, way.hall.payments = way.hall.payments, Faulty(way.hall.payments, "refund", always(error))  # type: ignore[assignment]
    refund, told = of_kind(way, Kind.REFUND), of_kind(way, Kind.NOTIFY)
    assert call_perform(way.hall, [refund, told]) == [refund["messageId"]]
    assert "withdrawn" in way.case.told
    assert way.case.refunds[0].state == "owed"
    way.hall.payments = sound
    assert call_perform(way.hall, [refund]) == []
    assert way.case.refunds[0].state == "done"


def test_an_order_whose_answer_was_lost_is_found_and_not_placed_again() -> None:
    way = owing(Kind.ORDER_COURIER)
    way.hall.courier(COURIER).timeout_after_booking = 1
    record = of_kind(way, Kind.ORDER_COURIER)
    assert call_perform(way.hall, [record]) == [record["messageId"]]
    assert way.case.shipments[0].state == "requested"
    assert call_perform(way.hall, [record]) == []
    assert way.case.shipments[0].waybill == "M000000000001"
    assert list(way.hall.courier(COURIER).orders) == [f"{way.number}-pickup-1"]


def test_a_refund_that_the_provider_refuses_is_left_to_a_person() -> None:
    way = owing(Kind.REFUND)
    refused = Faulty(way.hall.payments, "refund", always(VendorRejected("v", "charge_disputed")))
    way.hall.payments = refused  # type: ignore[assignment]
    assert call_perform(way.hall, [of_kind(way, Kind.REFUND)]) == []
    assert way.case.refunds[0].state == "failed"


def test_a_refund_is_written_down_though_the_case_moved_on_meanwhile() -> None:
    way = owing(Kind.REFUND)
    case, hall = way.number, way.hall
    hall.payments = Faulty(  # type: ignore[assignment]
        hall.payments, "refund", lambda *_: call_perform(hall, [of_kind(way, Kind.NOTIFY)])
    )
    assert call_perform(hall, [message(case, Kind.REFUND, "1")]) == []
    assert way.case.refunds[0].state == "done"
    assert "withdrawn" in way.case.told


@pytest.mark.parametrize("body", ["", "no json", "[]", "null", "1", "{}", '{"case":"D7K3-M9QF-2XHV5"}', '"text"'])
def test_a_message_that_makes_no_sense_is_set_aside_and_holds_nobody_up(body: str) -> None:
    """It comes again until the queue moves it to the dead letters, which raises the alarm."""
    way = owing(Kind.NOTIFY)
    poison = message_of(body)
    assert call_perform(way.hall, [poison, *owed(way)]) == [poison["messageId"]]
    assert due(way.case, way.hall.clock()) == ()


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("teleport", "1"), ("refund", "7"), ("refund", "x"), ("order_courier", "sideways-1"), ("notify", ""), ("", "")],
)
def test_what_nobody_owes_is_not_done(kind: str, subject: str) -> None:
    way = owing(Kind.NOTIFY)
    commits = way.record.commits
    assert call_perform(way.hall, [message(way.number, kind, subject)]) == []
    assert call_perform(way.hall, [message("0000-0000-00000", "notify", "submitted")]) == []
    assert way.record.commits == commits


def test_the_lease_of_a_step_is_given_back() -> None:
    way = owing(Kind.NOTIFY)
    assert perform(way.hall, way.number, Kind.NOTIFY, "submitted") == "done"
    assert perform(way.hall, way.number, Kind.NOTIFY, "submitted") == "not_owed"
    way.hall.clock.advance(A_SWEEP_LATER)
    applicant.withdraw(way.hall, way.number, "")
    assert perform(way.hall, way.number, Kind.NOTIFY, "withdrawn") == "done"
