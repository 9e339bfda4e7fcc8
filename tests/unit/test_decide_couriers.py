"""What the hall does when couriers refuse, come in vain or not at all, and do not find the door."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain import events as e
from chalicelib.domain.case import ADDRESS
from chalicelib.domain.due import Kind, due, next_courier, pickup_window
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.service import Leg
from chalicelib.domain.shipments import IN_VAIN
from chalicelib.domain.status import actions, status
from chalicelib.domain.worklist import worklist
from tests.cases import Book

COURIERS = ("ems", "sf")


def names(events: tuple[e.Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def owed(book: Book) -> list[tuple[str, str]]:
    return [(step.kind, step.subject) for step in due(book.case, book.now) if step.kind != Kind.NOTIFY]


def told(book: Book) -> list[str]:
    return [happening.code for happening in book.case.happenings]


def rows(book: Book) -> list[tuple[str, str]]:
    return [(item.room, item.state) for item in worklist(book.case, book.now) if item.task == ""]


def ready() -> Book:
    """Paid and pre-checked: a courier is owed."""
    book = Book.open()
    book.pay()
    book.decide("pre")
    return book


def order(book: Book, leg: Leg = Leg.PICKUP, couriers: tuple[str, ...] = COURIERS) -> str:
    """What the worker does: the next courier takes the order. Gives its code, "" when none is left."""
    attempt = len(book.case.attempts(leg)) + 1
    assert (Kind.ORDER_COURIER, f"{leg}-{attempt}") in owed(book)
    courier = next_courier(book.case, leg, couriers)
    if courier is None:
        book.do(c.RecordNoCourier, leg=leg, attempt=attempt)
        return ""
    window = pickup_window(book.case, book.now) if leg is Leg.PICKUP else None
    book.do(c.RequestCourier, leg=leg, attempt=attempt, courier=courier, window=window)
    book.do(c.RecordCourierOrder, by=f"courier:{courier}", leg=leg, attempt=attempt, waybill=f"W-{leg}-{attempt}")
    return courier


def refuse(book: Book, leg: Leg = Leg.PICKUP, couriers: tuple[str, ...] = COURIERS) -> str:
    attempt = len(book.case.attempts(leg)) + 1
    courier = next_courier(book.case, leg, couriers)
    assert courier is not None
    book.do(c.RequestCourier, leg=leg, attempt=attempt, courier=courier, window=None)
    book.do(c.RecordCourierRefusal, leg=leg, attempt=attempt, code="B0001")
    return courier


def move(book: Book, leg: Leg, state: str, reason: str = "") -> tuple[e.Event, ...]:
    last = book.case.last_shipment(leg)
    assert last is not None
    values = {"courier": last.courier, "waybill": last.waybill, "reason": reason}
    return book.news(leg, state, last.attempt, **values)


def called_off(book: Book, leg: Leg = Leg.PICKUP) -> None:
    """The courier that came in vain is called off, once its order can't be on its way any more."""
    attempt = len(book.case.attempts(leg))
    book.pass_time(minutes=4)
    assert (Kind.CANCEL_COURIER, f"{leg}-{attempt}") in owed(book)
    book.do(c.RecordCancellation, leg=leg, attempt=attempt, done=True)


def in_vain(book: Book, reason: str = "nobody_home") -> None:
    order(book)
    move(book, Leg.PICKUP, "exception", reason)
    called_off(book)


# --- nobody takes the order ---


def test_when_a_courier_refuses_the_next_one_is_asked_at_once_and_each_but_once() -> None:
    book = ready()
    assert [refuse(book), refuse(book)] == ["ems", "sf"]
    assert order(book) == ""
    assert owed(book) == []
    assert rows(book) == [("supervision", "no_courier")]


def test_when_all_refuse_the_applicant_may_give_another_address() -> None:
    book = ready()
    refuse(book, couriers=("ems",))
    order(book, couriers=("ems",))
    assert told(book)[-1] == "address_wanted"
    assert status(book.case) == "awaiting_correction"
    assert actions(book.case) == ("correct", "reschedule_pickup", "withdraw")
    book.do(c.Correct, by="applicant", digest="d", pointers=("/pickup/address/street",), materials=())
    assert order(book, couriers=("ems",)) == "ems"
    assert rows(book) == []


def test_when_all_refuse_the_applicant_may_choose_another_window() -> None:
    book = ready()
    refuse(book, couriers=("ems",))
    order(book, couriers=("ems",))
    book.do(c.Reschedule, by="applicant", window=book.window(days=3))
    assert book.case.open_correction is None
    assert order(book, couriers=("ems",)) == "ems"


def test_a_parcel_that_nobody_takes_is_asked_about_and_can_be_dispatched_anew() -> None:
    book = Book.open().to_approved().issue()
    contents = ("certificate", "originals")
    book.do(c.Dispatch, by="staff:clerk", contents=contents)
    refuse(book, Leg.DELIVERY, ("ems",))
    assert order(book, Leg.DELIVERY, ("ems",)) == ""
    assert rows(book) == [("front", "awaiting_address"), ("supervision", "no_courier")]
    with pytest.raises(Conflict, match="correction_under_way"):
        book.do(c.Dispatch, by="staff:clerk", contents=contents)
    book.do(c.Correct, by="applicant", digest="d", pointers=("/delivery/address/street",), materials=())
    assert order(book, Leg.DELIVERY, ("ems",)) == "ems"


def test_a_late_refusal_or_a_late_word_of_no_courier_changes_nothing() -> None:
    book = ready()
    order(book)
    assert book.do(c.RecordNoCourier, leg=Leg.PICKUP, attempt=1) == ()
    assert book.do(c.RecordNoCourier, leg=Leg.PICKUP, attempt=2) == ()
    assert book.do(c.RecordCourierRefusal, leg=Leg.PICKUP, attempt=1, code="late") == ()


# --- it comes in vain ---


@pytest.mark.parametrize("reason", sorted(IN_VAIN - {"wrong_address"}))
def test_a_pickup_in_vain_is_told_called_off_and_ordered_for_the_next_working_day(reason: str) -> None:
    book = ready()
    order(book)
    first = book.case.shipments[0].window
    move(book, Leg.PICKUP, "exception", reason)
    assert told(book)[-1] == "pickup_failed"
    assert "reschedule_pickup" in actions(book.case)
    called_off(book)
    order(book)
    second = book.case.shipments[1].window
    assert first is not None
    assert second is not None
    assert second.start == first.start + timedelta(days=1)
    assert [shipment.live for shipment in book.case.shipments] == [False, True]


def test_a_pickup_that_is_merely_late_is_not_called_off() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "delayed")
    book.pass_time(minutes=4)
    assert owed(book) == []
    assert rows(book) == []


def test_a_courier_that_comes_after_all_is_not_called_off() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "nobody_home")
    book.pass_time(minutes=2)
    move(book, Leg.PICKUP, "picked_up")
    book.pass_time(minutes=4)
    assert owed(book) == []
    assert status(book.case) == "pickup_under_way"


def test_a_window_missed_by_an_hour_is_noticed_once_the_courier_was_asked() -> None:
    book = ready()
    order(book)
    window = book.case.shipments[0].window
    assert window is not None
    book.now = window.end + timedelta(minutes=59)
    assert owed(book) == []
    assert book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1) == ()
    book.pass_time(minutes=1)
    assert owed(book) == [(Kind.ASK_COURIER, "pickup-1")]
    assert names(book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1)) == ["PickupMissed"]
    assert book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1) == ()
    assert told(book)[-1] == "pickup_failed"
    called_off(book)
    assert order(book) == "sf"


def test_who_did_not_come_is_asked_again_only_when_there_is_no_other() -> None:
    book = ready()
    order(book)
    book.pass_time(days=2)
    book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1)
    assert next_courier(book.case, Leg.PICKUP, COURIERS) == "sf"
    assert next_courier(book.case, Leg.PICKUP, ("ems",)) == "ems"


def test_after_three_pickups_in_vain_the_applicant_is_asked_for_another_window_and_the_clock_stands() -> None:
    book = ready()
    for _ in range(3):
        in_vain(book)
    assert owed(book) == []
    assert told(book)[-3:] == ["pickup_failed", "pickup_failed", "window_wanted"]
    assert rows(book) == [("supervision", "pickup_in_vain")]
    assert actions(book.case)[0] == "reschedule_pickup"
    promise = book.case.promise_term(book.now)
    assert promise is not None
    assert promise.standing
    book.pass_time(days=30)
    assert owed(book) == []
    book.do(c.Reschedule, by="applicant", window=book.window())
    assert rows(book) == []
    assert not book.case.standing
    assert order(book) == "ems"
    in_between = book.case.promise_term(book.now)
    assert in_between is not None
    assert in_between.due > promise.due + timedelta(days=25)


def test_a_new_window_starts_anew() -> None:
    book = ready()
    for _ in range(3):
        in_vain(book)
    book.do(c.Reschedule, by="applicant", window=book.window())
    for _ in range(3):
        in_vain(book)
    assert told(book).count("window_wanted") == 2
    assert told(book).count("pickup_failed") == 4


def test_a_courier_that_can_not_be_called_off_after_a_pickup_in_vain_is_a_persons_matter() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "nobody_home")
    book.pass_time(minutes=4)
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=False)
    assert owed(book) == []
    assert rows(book) == [("supervision", "courier_trouble")]
    book.pass_time(days=2)
    assert owed(book) == [(Kind.ASK_COURIER, "pickup-1")]
    book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1)
    assert owed(book) == [(Kind.CANCEL_COURIER, "pickup-1")]


def test_a_courier_that_was_called_off_reports_again_and_can_not_be_called_off_is_a_persons_matter_too() -> None:
    book = ready()
    in_vain(book)
    order(book)
    move_first = {"courier": "ems", "waybill": "W-pickup-1", "reason": "nobody_home"}
    book.news(Leg.PICKUP, "exception", 1, **move_first)
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=False)
    move(book, Leg.PICKUP, "exception", "nobody_home")
    called_off(book)
    assert owed(book) == []
    assert rows(book) == [("supervision", "courier_trouble")]
    values = {"leg": Leg.PICKUP, "attempt": 1, "resolution": "not_collected", "note": "n"}
    book.do(c.ResolveShipment, by="staff:clerk", **values)
    assert rows(book) == []
    order(book)


def test_a_parcel_that_no_courier_fetches_from_the_hall_is_a_persons_matter_after_three() -> None:
    book = Book.open().to_approved().issue()
    contents = ("certificate", "originals")
    book.do(c.Dispatch, by="staff:clerk", contents=contents)
    for _ in range(3):
        order(book, Leg.DELIVERY)
        book.pass_time(days=3)
        book.do(c.RecordSilence, leg=Leg.DELIVERY, attempt=len(book.case.attempts(Leg.DELIVERY)))
        assert status(book.case) == "awaiting_dispatch"
        called_off(book, Leg.DELIVERY)
    assert owed(book) == [(Kind.BREAK_PROMISE, "")]
    assert rows(book) == [("front", "awaiting_dispatch"), ("supervision", "courier_trouble")]
    book.do(c.Dispatch, by="staff:clerk", contents=contents)
    order(book, Leg.DELIVERY)


def test_a_courier_that_carries_it_is_not_called_off_whatever_it_answers() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "picked_up")
    assert names(book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=True)) == ["CancellationRefused"]
    assert status(book.case) == "pickup_under_way"


def test_news_of_what_was_never_ordered_are_not_believed() -> None:
    """An order is written down before it is placed: no courier can know of one that the log does not."""
    book = ready()
    order(book)
    for leg, attempt in ((Leg.PICKUP, 2), (Leg.DELIVERY, 1)):
        with pytest.raises(NotFound, match="unknown_shipment"):
            book.news(leg, "delivered", attempt)
    assert [shipment.key for shipment in book.case.shipments] == [(Leg.PICKUP, 1)]


def test_two_couriers_at_once_are_one_too_many() -> None:
    """One that was thought refused reports all the same, after the next one was ordered."""
    book = ready()
    refuse(book)
    order(book)
    book.news(Leg.PICKUP, "pickup_scheduled", 1, courier="ems")
    book.pass_time(minutes=4)
    assert owed(book) == [(Kind.CANCEL_COURIER, "pickup-1")]
    book.news(Leg.PICKUP, "picked_up", 1, courier="ems")
    assert owed(book) == [(Kind.CANCEL_COURIER, "pickup-2")]


def test_an_envelope_that_the_first_courier_brings_after_all_is_the_one_that_counts() -> None:
    book = ready()
    refuse(book)
    order(book)
    for state in ("picked_up", "delivered"):
        book.news(Leg.PICKUP, state, 1, courier="ems")
    assert status(book.case) == "awaiting_originals_check"
    assert rows(book) == [("front", "awaiting_originals_check")]
    called_off(book)
    assert owed(book) == []
    assert status(book.case) == "awaiting_originals_check"
    book.receive()
    assert owed(book) == []
    assert status(book.case) == "in_review"


def test_a_result_that_the_first_courier_brings_after_all_ends_the_case() -> None:
    book = Book.open().to_approved().issue()
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate", "originals"))
    refuse(book, Leg.DELIVERY)
    order(book, Leg.DELIVERY)
    for state in ("picked_up", "delivered"):
        book.news(Leg.DELIVERY, state, 1, courier="ems")
    called_off(book, Leg.DELIVERY)
    assert status(book.case) == "delivered"
    assert rows(book) == []
    assert owed(book) == [(Kind.CLOSE, "")]
    assert book.case.brought_at is not None


def test_a_withdrawn_case_orders_no_courier_after_one_that_came_in_vain() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "nobody_home")
    book.do(c.Withdraw, by="applicant")
    book.pass_time(minutes=4)
    assert (Kind.CANCEL_COURIER, "pickup-1") in owed(book)
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=True)
    assert owed(book) == [(Kind.REFUND, "1")]
    assert rows(book) == []


# --- it does not find the door ---


def test_a_wrong_pickup_address_is_asked_for_and_the_next_courier_waits_for_it() -> None:
    book = ready()
    order(book)
    assert names(move(book, Leg.PICKUP, "exception", "wrong_address")) == ["ShipmentMoved", "CorrectionRequested"]
    correction = book.case.open_correction
    assert correction is not None
    assert correction.by_form
    assert correction.pointers == ADDRESS[Leg.PICKUP] == ("/pickup/address",)
    assert told(book)[-1] == "address_wanted"
    assert "pickup_failed" not in told(book)
    called_off(book)
    book.pass_time(days=3)
    assert owed(book) == []
    assert names(
        book.do(c.Correct, by="applicant", digest="d", pointers=("/pickup/address/street",), materials=())
    ) == ["Corrected"]
    order(book)


def test_an_envelope_that_comes_all_the_same_answers_where_the_door_is() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "wrong_address")
    book.receive()
    assert book.case.open_correction is None
    assert not book.case.standing
    assert rows(book) == []
    book.decide("first")


def test_what_is_missing_in_an_envelope_that_came_all_the_same_is_asked_for() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "wrong_address")
    assert names(book.receive("licence")) == ["OriginalsReceived", "CorrectionRequested"]
    assert book.case.open_correction is not None
    assert book.case.open_correction.materials == ("deed",)
    assert told(book)[-1] == "correction_requested"


def test_a_wrong_address_is_asked_for_while_originals_are_missing() -> None:
    book = ready()
    order(book)
    book.receive("licence")
    book.do(c.Reschedule, by="applicant", window=book.window())
    order(book)
    assert names(move(book, Leg.PICKUP, "exception", "wrong_address")) == ["ShipmentMoved", "CorrectionRequested"]
    assert told(book)[-1] == "address_wanted"
    called_off(book)
    assert owed(book) == []
    assert "correct" in actions(book.case)
    book.do(c.Correct, by="applicant", digest="d", pointers=("/pickup/address/street",), materials=())
    assert book.case.open_correction is not None
    assert book.case.open_correction.materials == ("deed",)
    order(book)
    move(book, Leg.PICKUP, "exception", "wrong_address")
    book.receive("deed")
    assert book.case.open_correction is None
    assert status(book.case) == "in_review"
    assert book.refold() == book.case


def test_an_address_is_asked_for_once_per_courier_that_did_not_find_it() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "wrong_address")
    assert names(move(book, Leg.PICKUP, "exception", "wrong_address")) == ["ShipmentMoved"]
    book.do(c.Correct, by="applicant", digest="d", pointers=(), materials=())
    called_off(book)
    order(book)
    assert names(move(book, Leg.PICKUP, "exception", "wrong_address")) == ["ShipmentMoved", "CorrectionRequested"]


def test_a_wrong_delivery_address_keeps_the_result_at_the_hall_until_it_is_put_right() -> None:
    book = Book.open().to_dispatched()
    contents = ("certificate", "originals")
    move(book, Leg.DELIVERY, "picked_up")
    move(book, Leg.DELIVERY, "delivery_failed", "wrong_address")
    assert status(book.case) == "awaiting_correction"
    move(book, Leg.DELIVERY, "returned")
    assert rows(book) == [("front", "awaiting_address")]
    with pytest.raises(Conflict, match="correction_under_way"):
        book.do(c.Dispatch, by="staff:clerk", contents=contents)
    book.do(c.Correct, by="applicant", digest="d", pointers=("/delivery/address/street",), materials=())
    assert rows(book) == [("front", "awaiting_dispatch")]
    book.do(c.Dispatch, by="staff:clerk", contents=contents)
    order(book, Leg.DELIVERY)


def test_an_address_that_was_found_after_all_is_asked_for_no_more() -> None:
    book = Book.open().to_dispatched()
    move(book, Leg.DELIVERY, "picked_up")
    move(book, Leg.DELIVERY, "delivery_failed", "wrong_address")
    move(book, Leg.DELIVERY, "delivered")
    assert book.case.open_correction is None
    assert status(book.case) == "delivered"


def test_originals_on_their_way_back_from_a_withdrawn_case_find_a_corrected_address_too() -> None:
    book = Book.open().to_review()
    book.do(c.Withdraw, by="applicant")
    book.do(c.Dispatch, by="staff:clerk", contents=("originals",))
    order(book, Leg.RETURN)
    move(book, Leg.RETURN, "picked_up")
    move(book, Leg.RETURN, "delivery_failed", "wrong_address")
    assert actions(book.case) == ("correct",)
    move(book, Leg.RETURN, "returned")
    assert rows(book) == [("front", "awaiting_address")]
    book.do(c.Correct, by="applicant", digest="d", pointers=("/delivery/address/street",), materials=())
    assert actions(book.case) == ()
    book.do(c.Dispatch, by="staff:clerk", contents=("originals",))
    order(book, Leg.RETURN)
