"""What only Stripe's adapter has to do: what it sends, and what each failure means."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stripe

from chalicelib.adapters import stripe_payments
from chalicelib.adapters.stripe_payments import StripePayments
from chalicelib.domain.money import Money
from chalicelib.ports import Checkout, VendorRejected, VendorTemporary, VendorUnknown
from infra.local.stripe_counterpart import objects
from tests.contract.payments_rig import CASE, LINES, RETURN_URL, Ear, Pages, client, counterpart

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=12)
MONEY = Money(500, "cny")


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with counterpart(tmp_path) as found:
        yield found


@pytest.fixture
def payments(pages: Pages) -> Iterator[StripePayments]:
    """Asks once only."""
    with client(pages.url, attempts=1) as found:
        yield found


@pytest.fixture
def ear() -> Iterator[Ear]:
    with Ear() as found:
        yield found


def open_checkout(payments: StripePayments, key: str = "key-1", language: str = "zh-CN") -> Checkout:
    return payments.open_checkout(key, CASE, LINES, "cny", language=language, return_url=RETURN_URL, expires_at=LATER)


def pay(payments: StripePayments, pages: Pages) -> str:
    opened = open_checkout(payments)
    assert pages.use(opened.id, "paid").status == 303
    return payments.checkout(opened.id).payment


def test_the_pinned_version_is_the_one_that_the_library_was_made_for() -> None:
    assert stripe.api_version in (None, stripe_payments.API_VERSION)
    assert stripe_payments.API_VERSION == stripe._api_version._ApiVersion.CURRENT == objects.API_VERSION


# --- what it sends


def test_stripe_is_told_the_case_number_and_nothing_else_of_the_applicant(ear: Ear) -> None:
    ear.answers = [(500, b"{}")]
    with client(ear.url, attempts=1) as payments, pytest.raises(VendorUnknown):
        open_checkout(payments)
    heard = ear.heard[0]
    assert heard.path == "/v1/checkout/sessions"
    assert heard.headers["idempotency-key"] == "key-1"
    assert heard.headers["stripe-version"] == stripe_payments.API_VERSION
    assert "platform" not in heard.headers["x-stripe-client-user-agent"]
    assert "telemetry" not in heard.headers["x-stripe-client-user-agent"]
    assert dict(parse_qsl(heard.body.decode())) == {
        "mode": "payment",
        "line_items[0][price_data][currency]": "cny",
        "line_items[0][price_data][unit_amount]": "1200",
        "line_items[0][price_data][product_data][name]": "上门取件",
        "line_items[0][price_data][product_data][metadata][code]": "pickup",
        "line_items[0][quantity]": "1",
        "line_items[1][price_data][currency]": "cny",
        "line_items[1][price_data][unit_amount]": "800",
        "line_items[1][price_data][product_data][name]": "工本费",
        "line_items[1][price_data][product_data][metadata][code]": "fee",
        "line_items[1][quantity]": "1",
        "client_reference_id": CASE,
        "metadata[case]": CASE,
        "payment_intent_data[metadata][case]": CASE,
        "success_url": RETURN_URL,
        "cancel_url": RETURN_URL,
        "expires_at": str(int(LATER.timestamp())),
        "locale": "zh",
        "submit_type": "pay",
        "adaptive_pricing[enabled]": "false",
    }


@pytest.mark.parametrize(("language", "locale"), [("zh-CN", "zh"), ("en", "en"), ("zh-HK", "zh-HK"), ("ug", "auto")])
def test_the_page_speaks_the_applicants_language(
    payments: StripePayments, pages: Pages, language: str, locale: str
) -> None:
    opened = open_checkout(payments, language=language)
    assert pages.get(f"/v1/checkout/sessions/{opened.id}").json()["locale"] == locale


def test_a_refund_carries_its_case_and_key(payments: StripePayments, pages: Pages) -> None:
    refund = payments.refund("r-1", pay(payments, pages), MONEY, CASE)
    assert pages.get(f"/v1/refunds/{refund.id}").json()["metadata"] == {"case": CASE, "key": "r-1"}


def test_a_pending_refund_is_pending_until_it_is_settled(payments: StripePayments, pages: Pages) -> None:
    payment = pay(payments, pages)
    pages.control(refund_status="pending")
    refund = payments.refund("r-1", payment, MONEY, CASE)
    assert refund.state == "pending"
    pages.settle(refund.id, "succeeded")
    assert payments.refund("r-1", payment, MONEY, CASE).state == "succeeded"


# --- the same key after a failure


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_refund_without_an_answer_may_have_happened_and_the_same_key_finds_out(
    payments: StripePayments, pages: Pages, after_effect: bool
) -> None:
    payment = pay(payments, pages)
    pages.control(fail_next={"path": "/v1/refunds", "after_effect": after_effect, "delay_s": 2})
    with client(pages.url, attempts=1, read_timeout=1) as hasty, pytest.raises(VendorUnknown, match="ReadTimeout"):
        hasty.refund("r-1", payment, MONEY, CASE)
    assert payments.refund("r-1", payment, MONEY, CASE).state == "succeeded"
    assert pages.count("/v1/refunds") == 1


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("status", [500, 502, 503, 409])
def test_an_outage_leaves_the_outcome_open(
    payments: StripePayments, pages: Pages, status: int, after_effect: bool
) -> None:
    pages.control(fail_next={"path": "/v1/checkout/sessions", "status": status, "after_effect": after_effect})
    with pytest.raises(VendorUnknown):
        open_checkout(payments)
    assert open_checkout(payments).state == "open"
    assert pages.count("/v1/checkout/sessions") == 1


def test_a_lost_answer_is_asked_for_once_more(pages: Pages) -> None:
    with client(pages.url) as payments:
        payment = pay(payments, pages)
        pages.control(fail_next={"path": "/v1/refunds", "after_effect": True})
        assert payments.refund("r-1", payment, MONEY, CASE).state == "succeeded"
    assert pages.count("/v1/refunds") == 1


def test_a_doubt_is_not_dispelled_by_a_later_refusal_to_serve(ear: Ear) -> None:
    busy = json.dumps({"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "…"}}).encode()
    ear.answers = [None, (429, busy)]
    with client(ear.url) as payments, pytest.raises(VendorUnknown):
        open_checkout(payments)
    assert len(ear.heard) == 2


def test_closing_a_checkout_without_an_answer_finds_it_closed(pages: Pages) -> None:
    with client(pages.url) as payments:
        opened = open_checkout(payments)
        pages.control(fail_next={"path": f"/v1/checkout/sessions/{opened.id}/expire", "after_effect": True})
        assert payments.expire_checkout(opened.id).state == "expired"


# --- what a failure means


def test_nothing_has_happened_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with client(f"http://127.0.0.1:{bound.getsockname()[1]}") as payments, pytest.raises(VendorTemporary):
            open_checkout(payments)


def test_nothing_has_happened_where_the_name_is_unknown() -> None:
    with client("http://stripe.invalid") as payments, pytest.raises(VendorTemporary):
        open_checkout(payments)


def test_a_connection_that_breaks_after_the_question_leaves_the_outcome_open(ear: Ear) -> None:
    ear.answers = [None]
    with client(ear.url, attempts=1) as payments, pytest.raises(VendorUnknown, match="ConnectionError"):
        open_checkout(payments)


@pytest.mark.parametrize("body", [b"<html>gateway</html>", b"", b"\xff\xfe", b"[]", b"{}", b'{"error": "x"}'])
@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_that_makes_no_sense_leaves_the_outcome_open(ear: Ear, status: int, body: bytes) -> None:
    ear.answers = [(status, body)]
    with client(ear.url, attempts=1) as payments, pytest.raises(VendorUnknown):
        open_checkout(payments)


def test_too_many_requests_are_for_later(payments: StripePayments, pages: Pages) -> None:
    pages.control(fail_next={"path": "/v1/checkout/sessions", "status": 429})
    with pytest.raises(VendorTemporary, match="rate_limit"):
        open_checkout(payments)


def test_a_card_error_is_a_no(payments: StripePayments, pages: Pages) -> None:
    pages.control(fail_next={"path": "/v1/checkout/sessions", "status": 402})
    with pytest.raises(VendorRejected, match="card_declined"):
        open_checkout(payments)


def test_a_wrong_key_is_for_the_operator_and_for_later(pages: Pages) -> None:
    with client(pages.url, key="sk_live_wrong") as payments, pytest.raises(VendorTemporary):
        open_checkout(payments)


def test_a_missing_permission_is_for_the_operator_and_for_later(payments: StripePayments, pages: Pages) -> None:
    pages.control(fail_next={"path": "/v1/checkout/sessions", "status": 403})
    with pytest.raises(VendorTemporary):
        open_checkout(payments)


def test_a_look_that_fails_leaves_no_doubt(payments: StripePayments, pages: Pages) -> None:
    opened = open_checkout(payments)
    pages.control(fail_next={"path": "/v1/checkout/sessions", "method": "GET", "times": 3})
    with pytest.raises(VendorTemporary):
        payments.checkout(opened.id)
    assert payments.checkout(opened.id) == opened


def test_a_look_is_tried_again_by_itself(payments: StripePayments, pages: Pages) -> None:
    opened = open_checkout(payments)
    pages.control(fail_next={"path": "/v1/checkout/sessions", "method": "GET", "times": 1})
    assert payments.checkout(opened.id) == opened


def test_an_error_names_the_vendor_and_the_code_alone(payments: StripePayments) -> None:
    with pytest.raises(VendorRejected) as caught:
        payments.checkout("cs_test_张三")
    assert str(caught.value) == "stripe: resource_missing"


# --- delayed ways of paying, which the counterpart doesn't have


def session(**changes: Any) -> stripe.checkout.Session:
    params = {
        "line_items": [],
        "expires_at": int(LATER.timestamp()),
        "client_reference_id": CASE,
    }
    item = objects.line_item(
        {"price_data": {"currency": "cny", "unit_amount": 5, "product_data": {"name": "x"}}, "quantity": 1}, 0
    )
    values = {**objects.session(params, [item], 0, "https://pay.example"), **changes}
    return stripe.checkout.Session.construct_from(values, "sk_test")


@pytest.mark.parametrize(
    ("intent", "state"), [("processing", "open"), ("requires_payment_method", "expired"), ("canceled", "expired")]
)
def test_a_delayed_payment_is_open_while_under_way_and_over_once_it_has_failed(intent: str, state: str) -> None:
    waiting = {**objects.payment_intent(5, "cny", {}, 0), "status": intent}
    found = stripe_payments._checkout(session(status="complete", payment_status="unpaid", payment_intent=waiting))
    assert (found.state, found.payment) == (state, "")


def test_a_delayed_payment_that_has_arrived_is_paid() -> None:
    arrived = {**objects.payment_intent(5, "cny", {}, 0), "status": "succeeded"}
    found = stripe_payments._checkout(session(status="complete", payment_status="paid", payment_intent=arrived))
    assert (found.state, found.payment) == ("paid", arrived["id"])


# --- what it costs


def test_a_webhook_is_checked_without_loading_the_library() -> None:
    program = "import sys, chalicelib.adapters.stripe_webhook; sys.exit('stripe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
