"""Couriers that say no when they are asked, and cases that move on while one is being ordered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib import ports
from chalicelib.domain.commands import Reschedule
from chalicelib.domain.due import CANCEL_AFTER, Kind
from chalicelib.domain.events import Window
from chalicelib.domain.worklist import worklist
from chalicelib.ports import VendorRejected, VendorUnknown
from chalicelib.usecases.execute import execute, load
from chalicelib.usecases.perform import perform
from chalicelib.usecases.shipping import order_courier
from tests.halls import COURIER
from tests.workers.faults import Faulty, always
from tests.workers.journeys import Way
from tests.workers.owing import owing


def will_not_say(way: Way) -> None:
    """The courier takes orders and calls them off, but refuses every query."""
    vendors = way.hall.vendors
    vendors[COURIER] = Faulty(vendors[COURIER], "query", always(VendorRejected(COURIER, "6150")))


def test_a_parcel_that_its_courier_will_not_tell_of_is_looked_for_by_a_person() -> None:
    way = owing(Kind.ASK_COURIER)
    assert perform(way.hall, way.number, Kind.ASK_COURIER, "pickup-1") == "done"
    will_not_say(way)
    way.hall.clock.advance(timedelta(days=11))
    assert perform(way.hall, way.number, Kind.ASK_COURIER, "pickup-1") == "done"
    assert "parcel_lost" in [item.state for item in worklist(way.case, way.hall.clock())]


def test_a_pickup_that_its_courier_will_not_tell_of_is_missed_when_its_time_is_over() -> None:
    way = owing(Kind.ORDER_COURIER)
    perform(way.hall, way.number, Kind.ORDER_COURIER, "pickup-1")
    will_not_say(way)
    way.hall.clock.advance(timedelta(days=10))
    perform(way.hall, way.number, Kind.ASK_COURIER, "pickup-1")
    assert way.case.shipments[0].missed_at is not None


def unanswered() -> Way:
    """Booked, but the answer was lost; and now the courier will not tell of it."""
    way = owing(Kind.ORDER_COURIER)
    way.hall.courier(COURIER).timeout_after_booking = 1
    with pytest.raises(VendorUnknown):
        perform(way.hall, way.number, Kind.ORDER_COURIER, "pickup-1")
    will_not_say(way)
    return way


def test_an_order_that_was_never_answered_is_placed_again_when_the_courier_will_not_tell_of_it() -> None:
    way = unanswered()
    assert perform(way.hall, way.number, Kind.ORDER_COURIER, "pickup-1") == "done"
    assert way.case.shipments[0].state == "ordered"
    assert list(way.hall.courier(COURIER).orders) == [f"{way.number}-pickup-1"]


def test_an_order_that_was_never_answered_is_called_off_though_the_courier_will_not_tell_of_it() -> None:
    way = unanswered()
    way.withdraw()
    way.hall.clock.advance(CANCEL_AFTER)
    assert perform(way.hall, way.number, Kind.CANCEL_COURIER, "pickup-1") == "done"
    assert way.case.shipments[0].state == "cancelled"
    assert way.hall.courier(COURIER).is_called_off(f"{way.number}-pickup-1")


# --- the case moves on while a courier is being ordered ---


def order_what_was_owed(way: Way, meanwhile: Callable[[], object]) -> None:
    """The worker has loaded the case and seen what it owes; then something else happens."""
    loaded = load(way.hall, way.number)
    meanwhile()
    way.hall.clock.advance(timedelta(milliseconds=5))
    order_courier(way.hall, loaded, "pickup-1")


def test_a_courier_is_ordered_for_the_window_that_was_chosen_in_the_meantime() -> None:
    way = owing(Kind.ORDER_COURIER)
    at = way.hall.clock()
    chosen = Window(at + timedelta(days=5), at + timedelta(days=5, hours=2))
    order_what_was_owed(
        way, lambda: execute(way.hall, way.number, lambda _: Reschedule(at=at, by="applicant", window=chosen))
    )
    assert way.case.shipments[0].window == chosen
    ordered = way.hall.courier(COURIER).orders[f"{way.number}-pickup-1"].window
    assert ordered == ports.Window(chosen.start, chosen.end)


def test_no_courier_is_ordered_for_a_case_that_was_withdrawn_in_the_meantime() -> None:
    way = owing(Kind.ORDER_COURIER)
    order_what_was_owed(way, way.withdraw)
    assert way.case.shipments == ()
    assert way.hall.courier(COURIER).orders == {}


def test_nobody_is_said_to_be_left_when_none_is_needed_any_more() -> None:
    way = owing(Kind.ORDER_COURIER)
    way.hall.courier_codes = ()
    order_what_was_owed(way, way.withdraw)
    assert way.case.no_courier == ()
