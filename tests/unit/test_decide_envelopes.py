"""An envelope that a clerk opens once and tells of twice, and one that went back to a case that has ended."""

from __future__ import annotations

from chalicelib.domain import commands as c
from chalicelib.domain.due import Kind, due
from chalicelib.domain.service import Leg
from chalicelib.domain.worklist import worklist
from tests.cases import Book
from tests.unit.test_decide_couriers import move


def opened_with_one_missing() -> Book:
    book = Book.open().to_pickup()
    for state in ("picked_up", "delivered"):
        move(book, Leg.PICKUP, state)
    book.receive("licence")
    return book


def test_the_same_envelope_told_of_again_changes_nothing() -> None:
    book = opened_with_one_missing()
    book.pass_time(hours=1)
    assert book.receive("licence") == ()


def test_a_window_for_the_rest_is_kept_to_though_the_clerk_tells_of_the_first_envelope_again() -> None:
    book = opened_with_one_missing()
    book.pass_time(hours=1)
    book.do(c.Reschedule, by="applicant", window=book.window(2))
    book.pass_time(hours=1)
    book.receive("licence")
    assert Kind.ORDER_COURIER in {step.kind for step in due(book.case, book.now)}


def test_the_next_envelope_is_not_taken_for_opened_when_the_clerk_tells_of_the_first_one_again() -> None:
    book = opened_with_one_missing()
    book.pass_time(hours=1)
    book.do(c.Reschedule, by="applicant", window=book.window(2))
    book.order(Leg.PICKUP, 2, "W2")
    book.pass_time(hours=1)
    assert book.receive("licence") == ()
    move(book, Leg.PICKUP, "picked_up")
    assert [shipment.attempt for shipment in book.case.envelopes] == [2]


def test_the_next_envelope_is_checked_in_before_its_courier_says_a_word() -> None:
    book = opened_with_one_missing()
    book.pass_time(hours=1)
    book.do(c.Reschedule, by="applicant", window=book.window(2))
    book.order(Leg.PICKUP, 2, "W2")
    book.pass_time(hours=1)
    assert book.receive("deed") != ()
    assert book.case.originals_complete


def test_what_is_found_in_the_mail_room_after_all_is_written_down() -> None:
    book = opened_with_one_missing()
    book.pass_time(hours=1)
    assert book.receive("licence", "deed") != ()
    assert book.case.originals_complete


def test_a_parcel_that_went_back_to_the_applicant_is_no_trouble_once_the_case_has_ended() -> None:
    book = Book.open().to_pickup()
    for attempt in (1, 2):
        book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=attempt, done=True)
        book.order(Leg.PICKUP, attempt + 1, f"W{attempt + 1}")
    for state in ("picked_up", "returned"):
        book.news(Leg.PICKUP, state, 3)
    book.do(c.Withdraw, by="applicant")
    assert [item.row for item in worklist(book.case, book.now)] == []
