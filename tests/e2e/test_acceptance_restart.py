"""The hall closes in the middle of its work, and opens again: nothing is forgotten, and what lay waiting goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infra.local.demo import CARRIED, Hall, Walk
from tests.e2e.backstage import Backstage, wait_until
from tests.e2e.halls import OneHall
from tests.e2e.outcome import check_log, check_messages, check_one_of_each

pytestmark = pytest.mark.hall


def test_a_hall_that_was_closed_goes_on_where_it_stood(
    one_hall: OneHall, walk: Callable[..., Walk], door: Hall, backstage: Backstage
) -> None:
    carried, unheard = walk("business-licence-change"), walk("residence-certificate")
    carried.submit()
    carried.pay()
    carried.pre_check()
    _pick_up_untold(carried, door)
    _pay_unheard(unheard, door, backstage)
    before = carried.track()

    one_hall.close()
    backstage = Backstage(one_hall.open)

    assert carried.track()["case"] == before["case"]
    assert carried.track()["submitted_at"] == before["submitted_at"]
    assert unheard.track()["status"] == "awaiting_payment"
    swept = backstage.sweep()  # the streams are still cut off: what they did not hand on, it finds by itself
    assert swept["commits"] >= 1, "the case that nobody was told of"
    assert swept["messages"] >= 1, "its payment"
    backstage.connect("RelayName", enabled=True)
    for way in (carried, unheard):
        _finish(way)
        check_log(way)
        check_messages(way)
        check_one_of_each(way, backstage)


def _pick_up_untold(walk: Walk, door: Hall) -> None:
    """The courier collects the envelope; its news are still on their way when the hall closes."""
    courier = door.addresses["courier"]
    waybill = walk.until("a courier", lambda: walk.waybill("pickup"))
    door.call("PUT", f"{courier}/chaos", expect=200, json={"delay_s": 3600})
    for state in CARRIED:
        door.call("POST", f"{courier}/waybills/{waybill}/events", expect=201, json={"state": state})
    assert door.get(f"{courier}/pushes") == {"undelivered": len(CARRIED)}


def _pay_unheard(walk: Walk, door: Hall, backstage: Backstage) -> None:
    """Submitted and paid while nothing of it is handed on."""
    backstage.connect("RelayName", enabled=False)
    walk.submit()
    walk.pay()
    control = f"{door.addresses['stripe']}/_control"
    wait_until(lambda: not door.get(control)["webhooks"].get("owed"), "the webhooks to be taken")


def _finish(walk: Walk) -> None:
    """The rest of the way, of a case whose envelope is with the courier or that needs none."""
    if walk.definition["pickup"]:
        walk.until_status("awaiting_originals_check")
        walk.receive_originals()
    walk.review()
    walk.bring_result()
    walk.until_status("closed")
