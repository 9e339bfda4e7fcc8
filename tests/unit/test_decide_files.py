"""The rule book about uploads: no case goes on with one that nobody has looked at, or with one that was refused."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain import events as e
from chalicelib.domain.due import Kind, due
from chalicelib.domain.errors import Conflict, Invalid, NotAllowed
from chalicelib.domain.status import actions, status, timeline
from tests.cases import Book, service

WITHOUT_PRE_CHECK = [{"code": "first", "department": "d1", "reads": ["/shop"], "working_days": 2}]


def with_photo(**changes: Any) -> Book:
    return Book.open(service(**changes), materials=("photo",))


def names(events: tuple[e.Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def kinds(book: Book) -> list[Kind]:
    silent = (Kind.NOTIFY, Kind.ASK_CHECKOUT)
    return [step.kind for step in due(book.case, book.now) if step.kind not in silent]


def stop(book: Book, code: str) -> str:
    return next((stop.state for stop in timeline(book.case) if stop.code == code), "")


def correct(book: Book, *materials: str) -> tuple[e.Event, ...]:
    return book.do(c.Correct, by="applicant", digest="d2", pointers=(), materials=materials)


def test_a_case_without_uploads_waits_for_nothing() -> None:
    book = Book.open()
    assert kinds(book) == []
    assert "TaskStarted" in names(book.pay())
    assert stop(book, "files") == ""


def test_a_case_with_uploads_owes_their_check_from_the_first_moment_on() -> None:
    book = with_photo()
    assert names(book.commits[0].events) == ["Submitted", "FilesSent"]
    assert kinds(book) == [Kind.CHECK_FILES]
    assert names(book.check_files()) == ["FilesChecked"]
    assert kinds(book) == []
    assert [file.upload for file in book.case.kept] == ["upload-1"]


def test_no_task_starts_before_the_files_are_clean() -> None:
    book = with_photo()
    assert "TaskStarted" not in names(book.pay())
    assert (stop(book, "paid"), stop(book, "files"), stop(book, "pre_check")) == ("done", "now", "ahead")
    assert names(book.check_files()) == ["FilesChecked", "TaskStarted"]
    assert (stop(book, "files"), stop(book, "pre_check")) == ("done", "now")


def test_no_courier_is_asked_for_before_the_files_are_clean() -> None:
    book = with_photo(tasks=WITHOUT_PRE_CHECK)
    book.pay()
    assert kinds(book) == [Kind.CHECK_FILES]
    book.check_files()
    assert kinds(book) == [Kind.ORDER_COURIER]


def test_a_refused_file_asks_the_applicant_for_another_one_and_the_clock_stands() -> None:
    book = with_photo()
    book.pay()
    assert names(book.check_files("photo")) == ["FilesChecked"]
    assert status(book.case) == "awaiting_correction"
    assert actions(book.case) == ("correct", "reschedule_pickup", "withdraw")
    assert kinds(book) == []
    term = book.case.promise_term(book.now)
    assert term is not None
    assert term.standing
    correction = book.case.open_correction
    assert correction is not None
    assert (correction.task, correction.pointers, correction.materials) == ("", (), ("photo",))
    assert [file.code for file in correction.refused] == ["file_infected"]
    assert book.case.happenings[-1].code == "files_refused"


def test_a_refused_file_can_be_replaced_before_the_fee_is_paid() -> None:
    book = with_photo()
    book.check_files("photo")
    assert status(book.case) == "awaiting_payment"
    assert actions(book.case)[:2] == ("pay", "correct")
    assert "TaskStarted" not in names(book.pay())
    correct(book, "photo")
    assert "TaskStarted" in names(book.check_files())


def test_only_what_was_refused_can_be_replaced_and_all_of_it_has_to_be() -> None:
    materials = [{"code": code, "upload": True} for code in ("photo", "plan", "deed")]
    book = Book.open(service(materials=materials), materials=("photo", "plan", "deed"))
    book.check_files("photo", "plan")
    with pytest.raises(NotAllowed, match="field_not_asked"):
        correct(book, "photo", "plan", "deed")
    with pytest.raises(NotAllowed, match="field_not_asked"):
        book.do(c.Correct, by="applicant", digest="d2", pointers=("/shop",), materials=("photo", "plan"))
    with pytest.raises(Invalid, match="file_missing") as refusal:
        correct(book, "photo")
    assert refusal.value.pointers == ("/uploads/plan",)
    assert names(correct(book, "photo", "plan")) == ["Corrected", "FilesSent"]


def test_new_files_are_checked_like_the_first_and_as_often_as_it_takes() -> None:
    book = with_photo(correction_rounds=1)
    book.pay()
    for submission in (1, 2, 3):
        assert book.case.submission == submission
        book.check_files("photo")
        correct(book, "photo")
        assert kinds(book) == [Kind.CHECK_FILES]
    assert "TaskStarted" in names(book.check_files())


def test_files_that_a_reviewer_asked_for_are_checked_before_anybody_decides() -> None:
    book = with_photo()
    book.pay()
    book.check_files()
    book.decide("pre", "correct", pointers=("/uploads/photo",))
    correct(book, "photo")
    with pytest.raises(Conflict, match="files_being_checked"):
        book.decide("pre")
    book.check_files()
    book.decide("pre")
    assert kinds(book) == [Kind.ORDER_COURIER]


def test_a_correction_without_files_needs_no_check() -> None:
    book = with_photo()
    book.pay()
    book.check_files()
    book.decide("pre", "correct", pointers=("/applicant/name",))
    book.do(c.Correct, by="applicant", digest="d2", pointers=("/applicant/name",), materials=())
    assert kinds(book) == []
    assert book.case.kept


def test_what_was_found_in_an_older_submission_is_not_said_of_the_newest() -> None:
    book = with_photo()
    book.check_files("photo")
    correct(book, "photo")
    assert book.do(c.RecordFiles, submission=1, kept=(), refused=()) == ()
    assert kinds(book) == [Kind.CHECK_FILES]


def test_what_was_found_is_written_down_once() -> None:
    book = with_photo()
    book.check_files()
    assert book.check_files() == ()


def test_a_case_that_has_ended_needs_no_check() -> None:
    book = with_photo()
    book.do(c.Withdraw, by="applicant")
    assert Kind.CHECK_FILES not in kinds(book)
    assert book.check_files("photo") == ()
    assert book.case.open_correction is None


@pytest.mark.parametrize("act", ["withdraw", "reschedule"])
def test_the_applicant_keeps_all_other_rights_while_files_are_checked(act: str) -> None:
    book = with_photo()
    book.pay()
    if act == "withdraw":
        assert "Withdrawn" in names(book.do(c.Withdraw, by="applicant"))
    else:
        assert names(book.do(c.Reschedule, by="applicant", window=book.window(3))) == ["PickupRescheduled"]
