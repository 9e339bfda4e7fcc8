"""What follows a certificate out of the house: the public record, and the messages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain.due import Kind, due
from chalicelib.ports import Staff, VendorRejected, VendorTemporary
from chalicelib.usecases import desk
from tests.api import APPLICANT, RESIDENCE, RESIDENCE_ANSWERS
from tests.cases import Book, simple_service
from tests.workers.faults import Faulty, always
from tests.workers.journeys import Way, new_hall
from tests.workers.lambdas import call_perform, message
from tests.workers.mortality import Killed, Life
from tests.workers.owing import owing

SUPERVISOR = Staff("supervisor-1", frozenset({"supervisor"}))
REFUSED = VendorRejected("sns", "InvalidParameter")


def test_a_certificate_is_valid_for_all_the_world_from_the_moment_the_courier_brought_it() -> None:
    way = owing(Kind.CLOSE)
    number = way.case.certificates[0].number
    before = way.hall.register.get(number)
    assert before is not None
    assert before.delivered_at is None
    assert call_perform(way.hall, [message(way.number, Kind.CLOSE, "")]) == []
    after = way.hall.register.get(number)
    assert after is not None
    assert after.delivered_at == way.case.shipments[-1].moves[-1].at


def test_news_that_comes_late_does_not_change_when_it_was_brought() -> None:
    book = Book.open().to_delivered()
    brought = book.case.brought_at
    assert brought is not None
    book.pass_time(hours=1)
    book.news(book.case.shipments[-1].leg, "in_transit", happened_at=brought - timedelta(hours=1), waybill="W2")
    assert book.case.brought_at == brought


def test_what_nobody_has_to_bring_is_there_once_it_is_issued() -> None:
    task = {"code": "answer", "department": "d1", "reads": [], "working_days": 2, "certificate": {"code": "answer"}}
    book = Book.open(simple_service(tasks=[task]))
    book.decide("answer")
    assert book.case.brought_at is None
    book.issue()
    assert book.case.brought_at == book.now
    assert [step.kind for step in due(book.case, book.now) if step.kind is Kind.CLOSE] == [Kind.CLOSE]
    assert book.do(c.Close)


def test_a_revocation_that_was_cut_short_is_finished_by_doing_it_again() -> None:
    way = owing(Kind.CLOSE)
    number = way.case.certificates[0].number
    cut = Way(way.hall, Life(lambda call: call == 4), number=way.number)  # after the log, before the public record
    with pytest.raises(Killed):
        desk.revoke(cut.seen, SUPERVISOR, number, "登记有误")
    assert way.case.certificates[0].revoked
    assert desk.revoke(way.hall, SUPERVISOR, number, "登记有误").revoked_at is not None


def with_email() -> Way:
    way = Way(new_hall(), asleep=True)
    way.apply_for(RESIDENCE, {**RESIDENCE_ANSWERS, "applicant": {**APPLICANT, "email": "zhangsan@mail.example"}})
    return way


def notify(way: Way) -> list[str]:
    return call_perform(way.hall, [message(way.number, Kind.NOTIFY, "submitted")])


@pytest.mark.parametrize(("refused", "other"), [("sms", "email"), ("email", "sms")])
def test_who_can_not_be_reached_one_way_is_told_the_other(refused: str, other: str) -> None:
    way = with_email()
    told = way.hall.notifier
    way.hall.notifier = Faulty(told, refused, always(REFUSED))  # type: ignore[assignment]
    assert notify(way) == []
    assert [sent.channel for sent in told.messages] == [other]
    assert way.case.told == {"submitted"}


def test_who_can_not_be_reached_at_all_is_not_said_to_be_told() -> None:
    way = with_email()
    told = way.hall.notifier
    way.hall.notifier = Faulty(Faulty(told, "sms", always(REFUSED)), "email", always(REFUSED))  # type: ignore[assignment]
    assert notify(way) != []
    assert way.case.told == frozenset()


def test_a_gateway_that_is_down_is_asked_again_and_tells_nobody_twice() -> None:
    way = with_email()
    told = way.hall.notifier
    way.hall.notifier = Faulty(told, "email", always(VendorTemporary("ses", "down")))  # type: ignore[assignment]
    assert notify(way) != []
    assert way.case.told == frozenset()
    way.hall.notifier = told
    assert notify(way) == []
    assert sorted(sent.channel for sent in told.messages) == ["email", "sms"]
