"""News whose courier names no time count from when the hall was told, however often and late they are applied."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from chalicelib.adapters.couriers.kuaidi100 import Kuaidi100Webhook, push_sign
from chalicelib.adapters.couriers.memory import MemoryCourier
from chalicelib.ports import CourierOrder, CourierWebhook, Shipment
from chalicelib.usecases import inbox
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.halls import MemoryHall
from tests.workers.journeys import CATALOGUE, Way

SALT = "sample"


class Kuaidi100Hall(MemoryHall):
    """A hall that Kuaidi100 reports to."""

    def __init__(self) -> None:
        super().__init__(catalogue=CATALOGUE, couriers=("kuaidi100",))

    def courier_webhook(self, code: str) -> CourierWebhook:
        return Kuaidi100Webhook(SALT, self.lookups)


@pytest.fixture
def way() -> Way:
    """A certificate that waits for its courier."""
    return dispatched(Kuaidi100Hall())


class NumberingLate(MemoryCourier):
    """Assigns its waybills later."""

    def order(self, order: CourierOrder) -> Shipment:
        return replace(super().order(order), waybill="")


def dispatched(hall: MemoryHall) -> Way:
    way = Way(hall)
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.pay()
    way.decide("verify-residence")
    way.dispatch("certificate")
    return way


def call_back(way: Way, status: str, order_id: str = "1", *, waybill: bool = True) -> bool:
    data = {"orderId": order_id, "status": status}
    param = json.dumps({"kuaidinum": way.case.shipments[-1].waybill if waybill else "", "data": data})
    body = urlencode({"taskId": "T", "sign": push_sign(param, SALT), "param": param}).encode()
    return inbox.accept_courier_push(way.hall, "kuaidi100", {}, body)


def test_a_callback_counts_from_when_it_came_and_not_from_when_it_was_applied(way: Way) -> None:
    told_at = way.hall.clock()
    assert call_back(way, "10")
    way.hall.clock.advance(timedelta(minutes=10))
    way.work()
    assert [(move.state, move.at) for move in way.case.shipments[-1].moves] == [("picked_up", told_at)]


def test_a_callback_before_there_is_a_waybill_reaches_its_case() -> None:
    hall = Kuaidi100Hall()
    hall.vendors["kuaidi100"] = NumberingLate("kuaidi100")
    way = dispatched(hall)
    ordered = way.case.shipments[-1]
    hall.lookups.put("kuaidi100-order#12301004", {"order": ordered.order})
    assert call_back(way, "99", "12301004", waybill=False)
    way.apply_inbox()
    shipment = way.case.shipment(ordered.leg, ordered.attempt)
    assert shipment is not None
    assert [move.state for move in shipment.moves] == ["cancelled"]


def test_a_callback_that_comes_again_later_changes_nothing(way: Way) -> None:
    call_back(way, "10")
    way.work()
    moves = way.case.shipments[-1].moves
    way.hall.clock.advance(timedelta(minutes=30))
    assert not call_back(way, "10")
    way.work()
    assert way.case.shipments[-1].moves == moves
