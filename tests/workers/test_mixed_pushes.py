"""A push that tells of several parcels: what belongs to nobody here does not hold up what does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import pytest

from chalicelib.adapters.couriers.sf_news import SfWebhook
from chalicelib.adapters.couriers.times import BEIJING, FORM
from chalicelib.ports import CourierWebhook, InboxMessage
from chalicelib.usecases import inbox
from chalicelib.usecases.inbox import ORDERING
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.halls import MemoryHall
from tests.workers.journeys import CATALOGUE, Way

STRANGE = ("SF9", "")


class SfHall(MemoryHall):
    """A hall that SF reports to."""

    def __init__(self) -> None:
        super().__init__(catalogue=CATALOGUE, couriers=("sf",))

    def courier_webhook(self, code: str) -> CourierWebhook:
        return SfWebhook()


@pytest.fixture
def way() -> Way:
    """A certificate that waits for its courier."""
    way = Way(SfHall())
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.pay()
    way.decide("verify-residence")
    way.dispatch("certificate")
    return way


def ours(way: Way) -> tuple[str, str]:
    shipment = way.case.shipments[-1]
    return shipment.waybill, shipment.order


def push(way: Way, at: datetime, *parcels: tuple[str, str], op: str = "50") -> bool:
    stored = inbox.accept_courier_push(way.hall, "sf", {}, a_batch(at.astimezone(BEIJING).strftime(FORM), op, parcels))
    way.work()
    return stored


def a_batch(at: str, op: str, parcels: Sequence[tuple[str, str]]) -> bytes:
    routes = [{"mailno": waybill, "orderid": order, "acceptTime": at, "opCode": op} for waybill, order in parcels]
    return json.dumps({"Body": {"WaybillRoute": routes}}).encode()


def failed(way: Way) -> list[InboxMessage]:
    """What is set aside in the end: a waybill that is not known might be in a moment."""
    way.pass_time(ORDERING)
    return list(way.hall.inbox.failed())


def states(way: Way) -> list[str]:
    return [move.state for move in way.case.shipments[-1].moves]


@pytest.mark.parametrize("ours_is", [0, 1, 2])
def test_what_is_ours_is_taken_wherever_it_stands_among_others(way: Way, ours_is: int) -> None:
    parcels = [STRANGE, ("SF8", "D7K3-M9QF-2XHVA-delivery-1")]
    parcels.insert(ours_is, ours(way))
    assert push(way, way.hall.clock(), *parcels)
    assert states(way) == ["picked_up"]
    (message,) = failed(way)
    assert message.source == "courier:sf"


@pytest.mark.parametrize("first", [True, False])
def test_what_may_be_ours_in_a_moment_is_waited_for_whatever_else_is_told(way: Way, first: bool) -> None:
    waybill, order = ours(way)
    way.hall.lookups.delete(f"waybill#sf#{waybill}")  # the order's answer is not written down yet
    parcels = [(waybill, ""), ("SF8", "D7K3-M9QF-2XHVA-delivery-1")]
    push(way, way.hall.clock(), *(parcels if first else reversed(parcels)))
    assert states(way) == []
    way.hall.lookups.put(f"waybill#sf#{waybill}", {"order": order})
    assert len(failed(way)) == 1
    assert states(way) == ["picked_up"]


def test_news_of_an_attempt_that_was_never_ordered_are_set_aside(way: Way) -> None:
    push(way, way.hall.clock(), ("SF8", f"{way.number}-delivery-2"), op="80")
    (message,) = failed(way)
    assert message.error == "unknown_shipment"
    assert states(way) == []


def test_a_batch_that_is_replayed_tells_nothing_twice(way: Way) -> None:
    push(way, way.hall.clock(), ours(way), STRANGE)
    (message,) = failed(way)
    inbox.replay(way.hall, message.id)
    assert states(way) == ["picked_up"]


def test_a_batch_that_comes_again_in_part_tells_nothing_twice(way: Way) -> None:
    at = way.hall.clock()
    assert [push(way, at, *parcels) for parcels in ((ours(way), STRANGE), (ours(way),), (ours(way),))] == [
        True,
        True,
        False,
    ]
    assert states(way) == ["picked_up"]


def test_a_parcel_is_known_by_its_waybill_alone_and_its_times_are_those_of_beijing(way: Way) -> None:
    waybill, _ = ours(way)
    at = way.hall.clock()
    push(way, at, (waybill, ""), op="80")
    (move,) = way.case.shipments[-1].moves
    assert (move.state, move.at) == ("delivered", at.replace(microsecond=0))
    assert failed(way) == []
