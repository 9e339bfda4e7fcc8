"""Refunds are followed to their end, whatever becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from chalicelib.domain.money import Money
from tests.api import RESIDENCE, Api, Json, api_over
from tests.halls import MemoryHall


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def withdrawn(api: Api) -> Json:
    """A paid case that was withdrawn, its refund on its way."""
    case = api.paid(RESIDENCE)
    # A bank that takes its time: the refund that the hall is about to ask for stays pending.
    key = f"{case['case']}-refund-1"
    api.hall.payments.refund(key, "pi_cs_1", Money(1000, "cny"), case["case"])
    api.hall.payments.settle(key, "pending")
    path = f"/v1/cases/{case['case']}/withdrawal"
    assert api.post(path, {}, api.session(case)).status == 200
    api.hall.drain()
    return case


def refund_event(case: Json, type: str) -> bytes:
    content = {"object": "refund", "id": "re_1", "metadata": {"case": case["case"]}}
    return json.dumps({"id": f"evt_{type}", "object": "event", "type": type, "data": {"object": content}}).encode()


def refund_events(api: Api, case: Json) -> list[str]:
    record = api.hall.log.load(case["case"])
    assert record is not None
    names = [type(event).__name__ for commit in record.commits for event in commit.events]
    return [name for name in names if name.startswith("Refund")]


@pytest.mark.parametrize(("state", "event"), [("succeeded", "RefundDone"), ("failed", "RefundFailed")])
def test_an_event_about_a_refund_makes_the_hall_look(api: Api, state: str, event: str) -> None:
    case = withdrawn(api)
    assert refund_events(api, case) == ["RefundOwed", "RefundSent"]
    api.hall.payments.settle(f"{case['case']}-refund-1", state)
    assert api.stripe(refund_event(case, "refund.updated")).status == 200
    api.hall.drain()
    assert refund_events(api, case) == ["RefundOwed", "RefundSent", event]
    queue = api.get("/v1/desk/queue", api.supervisor).json["cases"]
    assert [row["state"] for row in queue] == (["refund_failed"] if state == "failed" else [])
