"""Refunds are followed to their end, whatever becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations

import pytest

from chalicelib.domain.money import Money
from chalicelib.ports import VendorRejected
from chalicelib.usecases.inbox import try_apply
from tests.api import RESIDENCE, Answer, Api, Json, api_over
from tests.halls import MemoryHall
from tests.workers.faults import Faulty, always


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


def refund_event(case: Json, type: str, id: str = "") -> bytes:
    content = {"object": "refund", "id": "re_1", "metadata": {"case": case["case"]}}
    event = {"id": id or f"evt_{type}", "object": "event", "type": type}
    return json.dumps({**event, "data": {"object": content}}).encode()


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
    assert supervision(api) == (["refund_failed"] if state == "failed" else [])


def supervision(api: Api) -> list[str]:
    queue = api.get("/v1/desk/queue", api.supervisor).json["cases"]
    return [row["state"] for row in queue]


KINDS = ["refund.updated", "charge.refund.updated", "refund.failed"]


@pytest.mark.parametrize("kinds", list(permutations(KINDS)))
def test_a_refund_that_the_bank_sends_back_later_fails_once_in_whatever_order_it_is_told(
    api: Api, kinds: tuple[str, ...]
) -> None:
    case = withdrawn(api)
    key = f"{case['case']}-refund-1"
    api.hall.payments.settle(key, "succeeded")
    api.stripe(refund_event(case, "refund.updated", "evt_0"))
    api.hall.drain()
    assert refund_events(api, case)[-1] == "RefundDone"
    assert api.track(case)["payment"]["refunded"] == 1000
    api.hall.payments.settle(key, "failed", "lost_or_stolen_card")
    for kind in [*kinds, *kinds]:
        assert api.stripe(refund_event(case, kind)).status == 200
        api.hall.drain()
    assert refund_events(api, case) == ["RefundOwed", "RefundSent", "RefundDone", "RefundFailed"]
    assert supervision(api) == ["refund_failed"]
    assert api.track(case)["payment"]["refunded"] == 0
    told = [message for message in api.hall.notifier.messages if "-refund_returned-1-" in message.key]
    assert len(told) == 1


def test_a_refund_that_was_made_but_not_written_down_is_found_by_its_event(api: Api) -> None:
    case = api.paid(RESIDENCE)
    path = f"/v1/cases/{case['case']}/withdrawal"
    assert api.post(path, {}, api.session(case)).status == 200
    api.hall.payments.refund(f"{case['case']}-refund-1", "pi_cs_1", Money(1000, "cny"), case["case"])
    api.stripe(refund_event(case, "refund.created"))
    for message in list(api.hall.inbox.new_before(api.hall.clock() + timedelta(seconds=1))):
        assert try_apply(api.hall, message)
    assert refund_events(api, case) == ["RefundOwed", "RefundDone"]


def test_the_state_in_an_event_is_not_believed(api: Api) -> None:
    case = withdrawn(api)
    body = json.loads(refund_event(case, "refund.failed"))
    body["data"]["object"]["status"] = "failed"
    api.stripe(json.dumps(body).encode())
    api.hall.drain()
    assert refund_events(api, case) == ["RefundOwed", "RefundSent"]


# --- what a person settles


def failed(api: Api) -> Json:
    case = withdrawn(api)
    api.hall.payments.settle(f"{case['case']}-refund-1", "failed", "expired_or_canceled_card")
    api.stripe(refund_event(case, "refund.failed"))
    api.hall.drain()
    return case


def settle(api: Api, case: Json, token: str, refund: str = "1", **body: str) -> Answer:
    answer = api.post(f"/v1/desk/cases/{case['case']}/refunds/{refund}/settlement", body, token)
    api.hall.drain()
    return answer


def test_a_supervisor_settles_a_refund_that_failed(api: Api) -> None:
    case = failed(api)
    answer = settle(api, case, api.supervisor, reason="已转账至张三的账户")
    assert answer.status == 200
    assert answer.json["log"][-1]["events"] == [{"type": "RefundSettled", "refund": 1, "reason": "已转账至张三的账户"}]
    assert supervision(api) == []
    assert api.track(case)["payment"]["refunded"] == 1000
    assert [m.text for m in api.hall.notifier.messages if "-settled-1-" in m.key]
    assert settle(api, case, api.supervisor, reason="again").status == 200
    assert refund_events(api, case).count("RefundSettled") == 1


@pytest.mark.parametrize(
    ("refund", "reason", "code"),
    [
        ("2", "x", "unknown_refund"),
        ("0", "x", "unknown_refund"),
        ("one", "x", "unknown_refund"),
        ("1", " ", "reason_missing"),
    ],
)
def test_a_settlement_that_makes_no_sense_is_refused(api: Api, refund: str, reason: str, code: str) -> None:
    assert settle(api, failed(api), api.supervisor, refund, reason=reason).code == code


def test_a_refund_that_is_on_its_way_is_not_paid_by_hand(api: Api) -> None:
    assert settle(api, withdrawn(api), api.supervisor, reason="x").code == "refund_not_failed"


def test_the_provider_is_asked_before_a_refund_is_paid_by_hand(api: Api) -> None:
    """It had refused, so it seemed; and then it has given the money back after all."""
    case = api.paid(RESIDENCE)
    assert api.post(f"/v1/cases/{case['case']}/withdrawal", {}, api.session(case)).status == 200
    sound = api.hall.payments
    api.hall.payments = Faulty(sound, "refund", always(VendorRejected("memory", "odd")))  # type: ignore[assignment]
    api.hall.drain()
    api.hall.payments = sound
    assert supervision(api) == ["refund_failed"]
    sound.refund(f"{case['case']}-refund-1", "pi_cs_1", Money(1000, "cny"), case["case"])
    assert settle(api, case, api.supervisor, reason="x").code == "refund_not_failed"
    assert refund_events(api, case)[-1] == "RefundDone"


@pytest.mark.parametrize("groups", [("role:clerk",), ("role:auditor",), ("role:reviewer", "department:x")])
def test_nobody_but_a_supervisor_settles_refunds(api: Api, groups: tuple[str, ...]) -> None:
    assert settle(api, failed(api), api.staff("somebody", *groups), reason="x").status in (403, 404)
