"""An order that a courier may have or not: a person at the desk is told in time, and can settle it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain.due import Kind
from chalicelib.domain.service import Leg
from chalicelib.domain.worklist import DOUBTFUL, SUPERVISION, worklist
from chalicelib.ports import VendorUnknown
from chalicelib.usecases.perform import perform
from tests.cases import Book
from tests.halls import COURIER
from tests.workers.faults import Faulty, always
from tests.workers.lambdas import call_sweep
from tests.workers.owing import owing

NOT_ANSWERED = VendorUnknown(COURIER, "asked_too_long_ago")
MOMENT = timedelta(seconds=1)
DOUBT = [(SUPERVISION, "order_in_doubt")]


def asked_for(**window: float) -> Book:
    book = Book.open()
    book.pay()
    book.decide("pre")
    hours = book.window(**window) if window else None
    book.do(c.RequestCourier, leg=Leg.PICKUP, attempt=1, courier=COURIER, window=hours)
    return book


def rows(book: Book, at: datetime) -> list[tuple[str, str]]:
    return [(item.room, item.state) for item in worklist(book.case, at) if item.row.startswith("courier#")]


def test_an_order_without_an_answer_shows_at_the_desk_after_some_hours() -> None:
    book = asked_for(days=2)
    asked = book.case.shipments[0].requested_at
    assert rows(book, asked + DOUBTFUL - MOMENT) == []
    assert rows(book, asked + DOUBTFUL) == DOUBT


def test_an_order_without_an_answer_shows_at_once_when_its_window_is_over() -> None:
    book = asked_for(days=0)
    window = book.case.shipments[0].window
    assert window is not None
    assert rows(book, window.end - MOMENT) == []
    assert rows(book, window.end) == DOUBT


@pytest.mark.parametrize("answer", [c.RecordCourierOrder, c.RecordCourierRefusal])
def test_an_order_that_was_answered_is_in_no_doubt(answer: type[c.Command]) -> None:
    book = asked_for(days=2)
    values = {"waybill": "W1"} if answer is c.RecordCourierOrder else {"code": "B0001"}
    book.do(answer, by=f"courier:{COURIER}", leg=Leg.PICKUP, attempt=1, **values)
    assert ("supervision", "order_in_doubt") not in rows(book, book.now + timedelta(days=9))


def test_an_order_in_doubt_shows_after_the_applicant_has_withdrawn_too_until_a_person_settles_it() -> None:
    book = asked_for(days=2)
    book.do(c.Withdraw, by="applicant")
    book.pass_time(days=9)
    assert rows(book, book.now) == DOUBT
    book.do(c.ResolveShipment, by="desk", leg=Leg.PICKUP, attempt=1, resolution="not_collected", note="电话确认")
    assert rows(book, book.now) == []


def test_the_sweep_brings_an_order_in_doubt_to_the_desk_though_nothing_is_written_down() -> None:
    way = owing(Kind.ORDER_COURIER)
    vendor = Faulty(way.hall.vendors[COURIER], "order", always(NOT_ANSWERED))
    way.hall.vendors[COURIER] = vendor
    with pytest.raises(VendorUnknown):
        perform(way.hall, way.number, Kind.ORDER_COURIER, "pickup-1")
    way.backstage.carry()
    version = way.case.version
    way.hall.clock.advance(DOUBTFUL)
    call_sweep(way.hall, grace_s=0)
    page = way.hall.read_model.queue(SUPERVISION, "order_in_doubt", limit=9, cursor="")
    assert [row.case for row in page.rows] == [way.number]
    assert way.case.version == version
    assert [case for case, *_ in way.hall.read_model.needing_attention(way.hall.clock() + timedelta(days=1))] == [
        way.number
    ]
