"""Where a parcel is that a clerk has opened, whatever its courier has told of it."""

from __future__ import annotations

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain.service import Leg
from chalicelib.domain.whereabouts import Place, parcels
from tests.cases import Book
from tests.unit.test_decide_couriers import move


@pytest.mark.parametrize("told", [(), ("picked_up",), ("picked_up", "in_transit")])
def test_an_envelope_that_was_opened_is_at_the_hall_though_its_courier_has_not_said_so(told: tuple[str, ...]) -> None:
    book = Book.open().to_pickup()
    for state in told:
        move(book, Leg.PICKUP, state)
    assert parcels(book.case)[Leg.PICKUP, 1].place is (Place.COURIER if told else Place.APPLICANT)
    book.receive("licence", "deed")
    assert parcels(book.case)[Leg.PICKUP, 1].place is Place.HALL


def test_the_envelope_of_a_later_attempt_tells_nothing_of_one_that_came_to_nothing() -> None:
    book = Book.open().to_pickup()
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=True)
    book.order(Leg.PICKUP, 2, "W2")
    move(book, Leg.PICKUP, "picked_up")
    book.receive("licence", "deed")
    assert {key: where.place for key, where in parcels(book.case).items()} == {
        (Leg.PICKUP, 1): Place.NOWHERE,
        (Leg.PICKUP, 2): Place.HALL,
    }
