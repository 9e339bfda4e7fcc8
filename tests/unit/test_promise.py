"""The promise, door to door: what its clock counts, when it stands, and what a broken one gives back by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain import events as e
from chalicelib.domain.due import Kind, due
from chalicelib.domain.service import Leg
from chalicelib.usecases.tracking import promise_state
from tests.cases import Book, service

DUE = datetime.fromisoformat("2026-11-30T16:00:00+00:00")  # paid on Monday: the midnight after the next Monday
AN_HOUR = timedelta(hours=1)


def breaks_at(book: Book) -> datetime | None:
    """When the promise is broken, if nobody does anything."""
    steps = due(book.case, datetime.max.replace(tzinfo=DUE.tzinfo) - timedelta(days=400))
    return next((step.at for step in steps if step.kind == Kind.BREAK_PROMISE), None)


def refunds(book: Book) -> list[tuple[str, tuple[str, ...]]]:
    return [(refund.reason, tuple(line.code for line in refund.lines)) for refund in book.case.refunds]


def dispatched(at: datetime, **news: object) -> Book:
    """The result, taken over by the courier at this time."""
    book = Book.open().to_dispatched()
    book.now = max(book.now, at)
    book.news(Leg.DELIVERY, "picked_up", waybill="W2", happened_at=at)
    return book


def test_the_clock_runs_from_the_payment_to_the_hand_over_to_the_delivery_courier() -> None:
    book = Book.open()
    assert breaks_at(book) is None
    book.pay()
    assert breaks_at(book) == DUE
    assert breaks_at(dispatched(DUE - AN_HOUR)) is None


def test_nothing_else_that_the_hall_or_a_courier_does_stops_the_clock() -> None:
    book = Book.open().to_pickup()
    book.news(Leg.PICKUP, "exception", reason="not_collectable")
    book.do(c.RecordCourierRefusal, leg=Leg.PICKUP, attempt=1, code="full")
    assert breaks_at(book) == DUE
    book = Book.open().to_dispatched()
    book.do(c.RecordCourierRefusal, leg=Leg.DELIVERY, attempt=1, code="full")
    assert breaks_at(book) == DUE


def test_the_clock_stands_while_the_applicant_puts_the_courier_off() -> None:
    """From Tuesday to Thursday, and then to Friday instead; the pre-check goes on meanwhile."""
    book = Book.open()
    book.pay()
    first, task = breaks_at(book), book.case.tasks[0]
    pre_check = book.case.task_term(task, book.now).due
    book.do(c.Reschedule, by="applicant", window=book.window(3))
    book.do(c.Reschedule, by="applicant", window=book.window(4))
    assert first == DUE
    assert breaks_at(book) == DUE + timedelta(days=3, seconds=3)
    assert book.case.task_term(task, book.now).due == pre_check


def test_a_courier_that_is_wished_for_earlier_again_was_not_put_off() -> None:
    book = Book.open()
    book.pay()
    window = book.case.window
    book.do(c.Reschedule, by="applicant", window=book.window(3))
    book.do(c.Reschedule, by="applicant", window=window)
    assert breaks_at(book) == DUE


def test_choosing_anew_after_the_courier_did_not_come_stops_nothing() -> None:
    book = Book.open().to_pickup()
    book.pass_time(days=2)
    book.do(c.Reschedule, by="applicant", window=book.window(1))
    assert breaks_at(book) == DUE


@pytest.mark.parametrize(("late", "broken"), [(-AN_HOUR, False), (timedelta(), True), (AN_HOUR, True)])
def test_a_result_that_left_too_late_breaks_the_promise_however_late_somebody_looks(
    late: timedelta, broken: bool
) -> None:
    book = dispatched(DUE + late)
    book.news(Leg.DELIVERY, "delivered", waybill="W2")
    book.do(c.Close)
    book.pass_time(days=3)
    assert bool(book.do(c.BreakPromise)) is broken
    assert refunds(book) == ([("promise_broken", ("service",))] if broken else [])


def test_a_result_that_left_too_late_is_shown_as_a_broken_promise_at_once() -> None:
    assert promise_state(dispatched(DUE).case) == "broken"
    assert promise_state(dispatched(DUE - AN_HOUR).case) == "kept"


def test_news_that_come_late_count_from_when_it_happened() -> None:
    book = Book.open().to_dispatched()
    book.now = DUE - AN_HOUR / 2
    book.news(Leg.DELIVERY, "picked_up", waybill="W2", happened_at=DUE - AN_HOUR)
    book.now = DUE + AN_HOUR
    assert book.do(c.BreakPromise) == ()


def test_a_parcel_that_the_courier_has_lost_was_never_handed_over() -> None:
    book = dispatched(DUE - 3 * AN_HOUR)
    book.do(c.ResolveShipment, by="staff:clerk", leg=Leg.DELIVERY, attempt=1, resolution="lost", note="n")
    assert breaks_at(book) == DUE
    book.now = DUE
    assert [type(event) for event in book.do(c.BreakPromise)] == [e.PromiseBroken, e.RefundOwed]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("nobody_home", True), ("refused", True), ("wrong_address", True), ("delayed", False), ("", False)],
)
def test_a_parcel_that_came_back_counts_as_handed_over_if_the_door_had_a_part_in_that(reason: str, kept: bool) -> None:
    book = dispatched(DUE - 3 * AN_HOUR)
    book.news(Leg.DELIVERY, "delivery_failed", waybill="W2", reason=reason)
    book.news(Leg.DELIVERY, "returned", waybill="W2")
    assert breaks_at(book) == (None if kept else DUE)


def test_a_case_that_ended_in_time_breaks_no_promise() -> None:
    book = Book.open().to_review()
    book.decide("first", "reject")
    book.now = DUE + AN_HOUR
    assert breaks_at(book) is None
    assert book.do(c.BreakPromise) == ()


def test_a_case_that_ended_too_late_has_broken_it_all_the_same() -> None:
    book = Book.open().to_review()
    book.now = DUE + AN_HOUR
    book.decide("first", "reject")
    assert breaks_at(book) == DUE
    book.do(c.BreakPromise)
    assert refunds(book) == [("promise_broken", ("service",))]


def test_each_line_goes_back_once_whatever_the_reasons() -> None:
    book = Book.open()
    book.pay()
    book.now = DUE
    book.do(c.BreakPromise)
    book.do(c.Withdraw, by="applicant")
    assert refunds(book) == [("promise_broken", ("service",)), ("withdrawn", ("pickup", "delivery"))]
    assert sum(refund.amount for refund in book.case.refunds) == book.case.fee


def test_a_promise_without_a_line_gives_nothing_back() -> None:
    book = Book.open(service(promise={"working_days": 5}))
    book.pay()
    book.now = DUE
    assert [type(event) for event in book.do(c.BreakPromise)] == [e.PromiseBroken]


def test_the_applicant_is_told_of_a_broken_promise_once() -> None:
    book = Book.open()
    book.pay()
    book.now = DUE
    book.do(c.BreakPromise)
    assert book.do(c.BreakPromise) == ()
    assert [h.code for h in book.case.happenings].count("promise_broken") == 1
