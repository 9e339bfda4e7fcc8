"""Refunds and disputes are followed to their end, whatever becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from urllib.parse import quote

import pytest

from chalicelib.domain.events import DisputeMoved
from chalicelib.domain.money import Money
from chalicelib.ports import CheckoutLine, VendorRejected
from chalicelib.usecases.execute import execute, load
from chalicelib.usecases.inbox import try_apply
from chalicelib.usecases.payment import record_of, refund_key
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


@pytest.mark.parametrize("disputes", [None, VendorRejected("memory", "resource_missing")])
def test_a_refund_of_a_payment_that_the_provider_does_not_know_is_settled_by_a_person(
    api: Api, disputes: VendorRejected | None
) -> None:
    case = api.paid(RESIDENCE)
    del api.hall.payments.checkouts["cs_1"]
    if disputes:
        asked = Faulty(api.hall.payments, "disputes", always(disputes))
        api.hall.payments = asked  # type: ignore[assignment]
    withdraw(api, case)
    assert refund_events(api, case) == ["RefundOwed", "RefundFailed"]
    assert supervision(api) == ["refund_failed"]
    assert settle(api, case, api.supervisor, reason="x").status == 200
    assert supervision(api) == []


def test_a_payment_that_the_provider_does_not_know_keeps_no_news_of_another_one_back(api: Api) -> None:
    case = api.paid(RESIDENCE)
    number, payments = case["case"], api.hall.payments
    surplus = payments.open_checkout(
        "other",
        number,
        [CheckoutLine("fee", "fee", 500)],
        "cny",
        language="zh-CN",
        return_url="https://hall.example",
        expires_at=api.hall.clock() + timedelta(hours=2),
    )
    seen = record_of(api.hall, payments.pay(surplus.id))
    execute(api.hall, number, lambda _: seen)
    refused = Faulty(payments, "refund", always(VendorRejected("memory", "odd")))
    api.hall.payments = refused  # type: ignore[assignment]
    withdraw(api, case)
    api.hall.payments = payments
    assert set(supervision(api)) == {"refund_failed"}
    owed = load(api.hall, number).case.refunds
    last = owed[-1]
    payments.refund(refund_key(number, last.number), last.payment, Money(last.amount, "cny"), number)
    del payments.checkouts[next(key for key, one in payments.checkouts.items() if one.payment == owed[0].payment)]
    assert settle(api, case, api.supervisor, str(last.number), reason="x").code == "refund_not_failed"
    assert load(api.hall, number).case.refunds[-1].state == "done"


@pytest.mark.parametrize("groups", [("role:clerk",), ("role:auditor",), ("role:reviewer", "department:x")])
def test_nobody_but_a_supervisor_settles_refunds(api: Api, groups: tuple[str, ...]) -> None:
    assert settle(api, failed(api), api.staff("somebody", *groups), reason="x").status in (403, 404)


# --- disputes


def dispute_event(dispute: str, id: str = "", type: str = "charge.dispute.updated") -> bytes:
    """As Stripe sends it: with the payer's name, and without the payment's metadata."""
    content = {"object": "dispute", "id": dispute, "metadata": {}, "evidence": {"customer_name": "张三"}}
    event = {"id": id or f"evt_{dispute}_{type}", "object": "event", "type": type}
    return json.dumps({**event, "data": {"object": content}}).encode()


def disputed(api: Api, amount: int = 0) -> str:
    """The dispute of a paid case's payment, of which the hall has heard."""
    dispute = api.hall.payments.open_dispute("pi_cs_1", amount).id
    assert api.stripe(dispute_event(dispute, type="charge.dispute.created")).status == 200
    api.hall.drain()
    return str(dispute)


def becomes(api: Api, dispute: str, state: str) -> None:
    api.hall.payments.move_dispute(dispute, state)
    api.stripe(dispute_event(dispute, f"evt_{state}"))
    api.hall.drain()


def withdraw(api: Api, case: Json) -> None:
    assert api.post(f"/v1/cases/{case['case']}/withdrawal", {}, api.session(case)).status == 200
    api.hall.drain()


def test_a_dispute_is_on_the_supervisors_list_until_it_is_answered(api: Api) -> None:
    case = api.paid(RESIDENCE)
    dispute = disputed(api)
    rows = api.get("/v1/desk/queue", api.supervisor).json["cases"]
    (row,) = (row for row in rows if row["state"] == "dispute_needs_response")
    assert (row["light"], row["due"]) == ("red", "2026-12-02T10:00:00+08:00")
    log = api.get(f"/v1/desk/cases/{case['case']}", api.supervisor).json["log"]
    assert log[-1]["events"][0] == {
        "type": "DisputeMoved",
        "amount": 1000,
        "status": "needs_response",
        "code": "fraudulent",
        "respond_by": "2026-12-02T02:00:00Z",
    }
    becomes(api, dispute, "under_review")
    assert "dispute_needs_response" not in supervision(api)


@pytest.mark.parametrize(
    ("end", "events", "refunded"),
    [
        ("won", ["RefundOwed", "RefundDone"], 1000),
        ("lost", ["RefundOwed", "RefundAdjusted"], 0),
        ("closed", ["RefundOwed", "RefundDone"], 1000),
    ],
)
def test_a_refund_waits_for_the_end_of_a_dispute(api: Api, end: str, events: list[str], refunded: int) -> None:
    case = api.paid(RESIDENCE)
    dispute = disputed(api)
    withdraw(api, case)
    api.hall.clock.advance(timedelta(days=30))
    api.hall.sweep_and_drain()
    assert refund_events(api, case) == ["RefundOwed"]
    becomes(api, dispute, end)
    assert refund_events(api, case) == events
    assert api.track(case)["payment"]["refunded"] == refunded
    assert supervision(api) == []


def test_what_a_dispute_has_left_is_given_back(api: Api) -> None:
    case = api.paid(RESIDENCE)
    dispute = disputed(api, 300)
    withdraw(api, case)
    becomes(api, dispute, "lost")
    assert api.track(case)["payment"]["refunded"] == 700
    assert [refund.amount.amount for _, refund in api.hall.payments.refunds.values()] == [700]


def test_a_dispute_that_nobody_told_of_is_found_when_the_refund_is_refused(api: Api) -> None:
    case = api.paid(RESIDENCE)
    dispute = api.hall.payments.open_dispute("pi_cs_1").id
    withdraw(api, case)
    assert refund_events(api, case) == ["RefundOwed"]
    assert "dispute_needs_response" in supervision(api)
    becomes(api, dispute, "won")
    assert refund_events(api, case) == ["RefundOwed", "RefundDone"]


def test_disputes_told_of_twice_and_backwards_come_out_as_they_are(api: Api) -> None:
    case = api.paid(RESIDENCE)
    dispute = api.hall.payments.open_dispute("pi_cs_1").id
    api.hall.payments.move_dispute(dispute, "lost")
    kinds = ("closed", "funds_withdrawn", "created")
    for kind in [*kinds, *kinds]:
        assert api.stripe(dispute_event(dispute, type=f"charge.dispute.{kind}")).status == 200
        api.hall.drain()
    record = api.hall.log.load(case["case"])
    assert record is not None
    moved = [event for commit in record.commits for event in commit.events if isinstance(event, DisputeMoved)]
    assert [event.status for event in moved] == ["lost"]


def test_a_failed_refund_is_not_paid_by_hand_while_the_bank_may_take_the_money(api: Api) -> None:
    """The hall has not even heard of the dispute: it asks first."""
    case = failed(api)
    dispute = api.hall.payments.open_dispute("pi_cs_1").id
    assert settle(api, case, api.supervisor, reason="x").code == "payment_disputed"
    becomes(api, dispute, "lost")
    assert settle(api, case, api.supervisor, reason="x").code == "refund_not_failed"
    assert supervision(api) == []


def test_a_dispute_about_no_cases_payment_is_nothing_to_the_hall(api: Api) -> None:
    case = api.paid(RESIDENCE)
    payments = api.hall.payments
    dispute = payments.open_dispute("pi_cs_1").id
    payments.disputed[dispute] = replace(payments.disputed[dispute], case="", payment="pi_of_another_shop")
    assert api.stripe(dispute_event(dispute)).status == 200
    api.hall.drain()
    assert api.hall.inbox.get(f"stripe#evt_{dispute}_charge.dispute.updated").state == "applied"  # type: ignore[union-attr]
    assert "dispute_needs_response" not in supervision(api)
    assert api.track(case)["payment"]["refunded"] == 0


# --- what is kept of an event


def test_only_what_matters_of_an_event_is_kept(api: Api) -> None:
    case = withdrawn(api)
    body = json.loads(refund_event(case, "refund.updated"))
    body["data"]["object"] |= {"billing_details": {"name": "张三", "phone": "13800000000"}, "status": "succeeded"}
    api.stripe(json.dumps(body, ensure_ascii=False).encode())
    kept = api.hall.inbox.get("stripe#evt_refund.updated")
    assert kept is not None
    assert json.loads(kept.body) == json.loads(refund_event(case, "refund.updated"))


def test_what_is_kept_of_an_event_is_enough_to_replay_it(api: Api) -> None:
    api.paid(RESIDENCE)
    dispute = api.hall.payments.open_dispute("pi_cs_1").id
    hidden = api.hall.payments.disputed.pop(dispute)
    api.stripe(dispute_event(dispute))
    api.hall.drain()
    (message,) = api.get("/v1/desk/inbox", api.supervisor).json["messages"]
    assert message["error"] == "resource_missing"
    api.hall.payments.disputed[dispute] = hidden
    replayed = api.post(f"/v1/desk/inbox/{quote(message['id'], safe='')}/replay", None, api.supervisor)
    assert replayed.json["state"] == "applied"
    api.hall.drain()
    assert "dispute_needs_response" in supervision(api)
