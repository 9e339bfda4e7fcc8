"""Webhooks: which are believed, and that each arrives in the end."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.stripe_payments import StripePayments
from chalicelib.adapters.stripe_webhook import CHECKOUT_EVENTS, StripeWebhook
from chalicelib.domain.money import Money
from chalicelib.ports import Checkout, Forged
from infra.local.stripe_counterpart.postman import Address, sign
from tests.contract.payments_rig import CASE, LINES, RETURN_URL, SECRET, Ear, Heard, Pages, client, counterpart

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BODY = json.dumps(
    {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "data": {"object": {"id": "cs_test_1", "object": "checkout.session", "metadata": {"case": CASE}}},
    }
)
WEBHOOK = StripeWebhook(SECRET)


def signed(body: str = BODY, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    return {"stripe-signature": sign(body, secret, int(at.timestamp()))}


def test_a_signed_event_is_believed_and_known_by_its_id() -> None:
    assert WEBHOOK.authenticate(signed(), BODY.encode(), NOW) == "evt_1"


def test_the_signature_is_the_documented_one() -> None:
    digest = hmac.new(SECRET.encode(), f"{NOW.timestamp():.0f}.{BODY}".encode(), hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={NOW.timestamp():.0f},v1={digest},v0=ignored"}
    assert WEBHOOK.authenticate(headers, BODY.encode(), NOW) == "evt_1"


def test_an_altered_body_is_forged() -> None:
    with pytest.raises(Forged):
        WEBHOOK.authenticate(signed(), BODY.replace("cs_test_1", "cs_test_2").encode(), NOW)


def test_another_secret_is_forged() -> None:
    with pytest.raises(Forged):
        WEBHOOK.authenticate(signed(secret="whsec_other"), BODY.encode(), NOW)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_signature_within_five_minutes_is_fresh(seconds: int) -> None:
    assert WEBHOOK.authenticate(signed(at=NOW + timedelta(seconds=seconds)), BODY.encode(), NOW) == "evt_1"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_stale_signature_is_forged_and_so_is_one_from_the_future(seconds: int) -> None:
    with pytest.raises(Forged):
        WEBHOOK.authenticate(signed(at=NOW + timedelta(seconds=seconds)), BODY.encode(), NOW)


def test_one_good_signature_among_several_is_enough() -> None:
    good = signed()["stripe-signature"]
    stamp, signature = good.split(",")
    headers = {"stripe-signature": f"{stamp},v1={'0' * 64},{signature},v1=short"}
    assert WEBHOOK.authenticate(headers, BODY.encode(), NOW) == "evt_1"


@pytest.mark.parametrize("secret", ["whsec_old", "whsec_new"])
def test_two_secrets_hold_while_one_is_replaced(secret: str) -> None:
    webhook = StripeWebhook(["whsec_old", "whsec_new"])
    assert webhook.authenticate(signed(secret=secret), BODY.encode(), NOW) == "evt_1"


@pytest.mark.parametrize("secrets", ["", " ", [], [SECRET, ""]])
def test_an_empty_secret_guards_nothing_and_is_refused(secrets: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        StripeWebhook(secrets)


def test_a_message_without_a_signature_is_forged() -> None:
    with pytest.raises(Forged):
        WEBHOOK.authenticate({}, BODY.encode(), NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.replace("v1=", "v0="),
        lambda header: header.replace("t=", "t=x"),
        lambda header: header.replace("t=", "t=-"),
        lambda header: header.replace("t=", "t=٣"),
        lambda header: header.replace("t=", "t=9999999999999"),
        lambda header: f"t=1,{header}",
        lambda header: header.split(",")[1],
        lambda header: header.split(",")[0],
        lambda header: "",
        lambda header: ",,=,",
    ],
)
def test_a_malformed_header_is_forged(change: object) -> None:
    assert callable(change)
    header = change(signed()["stripe-signature"])
    with pytest.raises(Forged):
        WEBHOOK.authenticate({"stripe-signature": header}, BODY.encode(), NOW)


@pytest.mark.parametrize("body", ["", "not json", "[]", "null", '"evt"', "{}", '{"object":"event"}', '{"id":"evt_1"}'])
def test_what_is_signed_but_no_event_is_forged(body: str) -> None:
    with pytest.raises(Forged):
        WEBHOOK.authenticate(signed(body), body.encode(), NOW)


@given(header=st.text(), body=st.binary())
def test_nothing_unsigned_is_believed(header: str, body: bytes) -> None:
    with pytest.raises(Forged):
        WEBHOOK.authenticate({"stripe-signature": header}, body, NOW)


@given(place=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, flip: int) -> None:
    body = bytearray(BODY.encode())
    body[place] ^= flip
    with pytest.raises(Forged):
        WEBHOOK.authenticate(signed(), bytes(body), NOW)


@pytest.mark.parametrize("type", sorted(CHECKOUT_EVENTS))
def test_an_event_of_a_checkout_names_it(type: str) -> None:
    assert WEBHOOK.checkout_of(BODY.replace("checkout.session.completed", type).encode()) == "cs_test_1"


@pytest.mark.parametrize("type", ["payment_intent.succeeded", "charge.refunded", "refund.failed", "customer.created"])
def test_another_event_names_no_checkout(type: str) -> None:
    assert WEBHOOK.checkout_of(BODY.replace("checkout.session.completed", type).encode()) is None


# --- from the counterpart


@pytest.fixture
def ear() -> Iterator[Ear]:
    with Ear() as found:
        yield found


@pytest.fixture
def address(ear: Ear) -> Address:
    return Address(f"{ear.url}/webhooks/stripe", SECRET, attempts=6, first_wait=0.02, timeout=5)


@pytest.fixture
def pages(tmp_path: Path, address: Address) -> Iterator[Pages]:
    with counterpart(tmp_path, address) as found:
        yield found


@pytest.fixture
def payments(pages: Pages) -> Iterator[StripePayments]:
    with client(pages.url) as found:
        yield found


def opened(payments: StripePayments, key: str = "key-1") -> Checkout:
    later = datetime.now(UTC) + timedelta(hours=12)
    return payments.open_checkout(key, CASE, LINES, "cny", language="en", return_url=RETURN_URL, expires_at=later)


def types(heard: list[Heard]) -> list[str]:
    return [json.loads(one.body)["type"] for one in heard]


def identity(one: Heard) -> str:
    """Believes what was heard, as the hall would."""
    return WEBHOOK.authenticate(one.headers, one.body, datetime.now(UTC))


PAID = {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"}


def test_a_payment_is_told_of_by_signed_events(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    checkout = opened(payments)
    pages.use(checkout.id, "paid")
    heard = ear.wait(lambda heard: set(types(heard)) == PAID)
    assert len({identity(one) for one in heard}) == len(PAID)
    assert {WEBHOOK.checkout_of(one.body) for one in heard} == {None, checkout.id}
    assert {WEBHOOK.case_of(one.body) for one in heard} == {CASE}
    assert {one.path for one in heard} == {"/webhooks/stripe"}


def test_a_declined_card_is_told_of_without_closing_the_checkout(
    payments: StripePayments, pages: Pages, ear: Ear
) -> None:
    pages.use(opened(payments).id, "declined")
    expected = {"payment_intent.created", "charge.failed", "payment_intent.payment_failed"}
    heard = ear.wait(lambda heard: set(types(heard)) == expected)
    assert all(WEBHOOK.checkout_of(one.body) is None for one in heard)


def test_an_expired_checkout_is_told_of(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    checkout = payments.expire_checkout(opened(payments).id)
    heard = ear.wait(lambda heard: bool(heard))
    assert (types(heard), WEBHOOK.checkout_of(heard[0].body)) == (["checkout.session.expired"], checkout.id)


def test_a_refund_and_its_failure_are_told_of_with_their_case(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    checkout = opened(payments)
    pages.use(checkout.id, "paid")
    refund = payments.refund("r-1", payments.checkout(checkout.id).payment, Money(2000, "cny"), CASE)
    pages.settle(refund.id, "failed", "declined")
    expected = {"refund.created", "charge.refunded", "refund.updated", "charge.refund.updated", "refund.failed"}
    heard = ear.wait(lambda heard: expected <= set(types(heard)))
    assert {WEBHOOK.case_of(one.body) for one in heard} == {CASE}


def test_a_dispute_is_told_of_by_its_id(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    checkout = opened(payments)
    pages.use(checkout.id, "paid")
    dispute = pages.dispute(payments.checkout(checkout.id).payment)
    for status in ("under_review", "won"):
        pages.move_dispute(dispute, status)
    kinds = ("created", "funds_withdrawn", "updated", "closed", "funds_reinstated")
    expected = {f"charge.dispute.{kind}" for kind in kinds}
    heard = ear.wait(lambda heard: expected <= set(types(heard)))
    told = [one.body for one in heard if json.loads(one.body)["type"] in expected]
    assert {WEBHOOK.dispute_of(body) for body in told} == {dispute}
    assert {WEBHOOK.checkout_of(body) for body in told} == {WEBHOOK.case_of(body) for body in told} == {None}


def test_what_is_kept_of_an_event_is_read_as_the_whole(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    checkout = opened(payments)
    pages.use(checkout.id, "paid")
    payment = payments.checkout(checkout.id).payment
    refund = payments.refund("r-1", payment, Money(500, "cny"), CASE)
    pages.settle(refund.id, "failed", "declined")
    pages.move_dispute(pages.dispute(payment), "lost")
    heard = ear.wait(lambda heard: {"charge.dispute.closed", "refund.failed", *PAID} <= set(types(heard)))
    for body in (one.body for one in heard):
        kept = WEBHOOK.reduced(body)
        for read in (WEBHOOK.checkout_of, WEBHOOK.dispute_of, WEBHOOK.case_of):
            assert read(kept) == read(body)
        assert WEBHOOK.reduced(kept) == kept
        event = json.loads(kept)
        assert event.keys() == {"id", "object", "type", "api_version", "created", "data"}
        assert event["data"]["object"].keys() <= {"id", "object", "payment_intent", "charge", "metadata"}


PAYER = {"name": "张三", "email": "zhang@example.cn", "phone": "13800000000", "address": {"line1": "样例路 1 号"}}


def test_nothing_of_the_payer_is_kept() -> None:
    """A charge as Stripe sends it once somebody has paid; an operator has added metadata, a proxy an odd field."""
    charge = {
        "id": "ch_1",
        "object": "charge",
        "billing_details": PAYER,
        "customer": PAYER,
        "metadata": {"case": CASE, "key": f"{CASE}-refund-1", "phone": "13800000000"},
        "payment_intent": {"id": "pi_1", "object": "payment_intent", "receipt_email": "zhang@example.cn"},
        "payment_method_details": {"card": {"last4": "4242"}},
        "receipt_email": "zhang@example.cn",
    }
    event = {"id": "evt_1", "object": "event", "api_version": "x", "created": 1, "type": "charge.succeeded"}
    whole = {**event, "data": {"object": charge, "previous_attributes": {"billing_details": PAYER}}, "account": PAYER}
    kept = {"id": "ch_1", "object": "charge", "metadata": {"case": CASE, "key": f"{CASE}-refund-1"}}
    assert json.loads(WEBHOOK.reduced(json.dumps(whole).encode())) == {**event, "data": {"object": kept}}


@pytest.mark.parametrize(
    "data", [{}, {"data": None}, {"data": []}, {"data": {"object": "x"}}, {"data": {"object": []}}]
)
def test_an_event_of_an_odd_form_is_kept_as_far_as_it_goes(data: dict[str, object]) -> None:
    body = json.dumps({"id": "evt_1", "object": "event", "type": "odd", **data, "who": PAYER}).encode()
    assert json.loads(WEBHOOK.reduced(body)) == {"id": "evt_1", "object": "event", "type": "odd"}


def test_a_webhook_is_sent_until_it_is_taken(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    ear.answers = [(500, b""), None, (302, b"")]
    payments.expire_checkout(opened(payments).id)
    heard = ear.wait(lambda heard: len(heard) == 4)
    assert len({identity(one) for one in heard}) == 1


def test_a_webhook_that_nobody_takes_is_given_up(
    payments: StripePayments, pages: Pages, ear: Ear, address: Address
) -> None:
    ear.answers = [(500, b"")] * 100
    payments.expire_checkout(opened(payments).id)
    pages.until({"given_up": 1})
    assert len(ear.heard) == address.attempts


def test_a_webhook_that_comes_twice_has_one_identity(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    pages.control(duplicate=True)
    payments.expire_checkout(opened(payments).id)
    heard = ear.wait(lambda heard: len(heard) == 2)
    assert identity(heard[0]) == identity(heard[1])


def test_held_webhooks_wait_and_can_be_let_go_backwards(payments: StripePayments, pages: Pages, ear: Ear) -> None:
    pages.control(hold=True)
    checkout = opened(payments)
    pages.use(checkout.id, "declined")
    pages.use(checkout.id, "paid")
    pages.until({"owed": 6})
    assert ear.heard == []
    pages.control(hold=False, reverse=True)
    heard = ear.wait(lambda heard: len(heard) == 6)
    assert types(heard)[0] == "checkout.session.completed"
    assert types(heard)[-1] == "payment_intent.created"


def test_a_dropped_webhook_never_comes_but_the_checkout_can_be_asked(
    payments: StripePayments, pages: Pages, ear: Ear
) -> None:
    pages.control(drop=True)
    checkout = opened(payments)
    pages.use(checkout.id, "paid")
    pages.until({"dropped": len(PAID)})
    pages.control(drop=False)
    second = payments.expire_checkout(opened(payments, "key-2").id)
    heard = ear.wait(lambda heard: bool(heard))
    assert [WEBHOOK.checkout_of(one.body) for one in heard] == [second.id]
    assert payments.checkout(checkout.id).state == "paid"


def test_a_restart_forgets_neither_sessions_nor_webhooks(tmp_path: Path, address: Address, ear: Ear) -> None:
    with counterpart(tmp_path, address) as pages, client(pages.url) as payments:
        pages.control(hold=True)
        checkout = opened(payments)
        pages.use(checkout.id, "paid")
    assert ear.heard == []
    with counterpart(tmp_path, address) as pages, client(pages.url) as payments:
        assert payments.checkout(checkout.id).state == "paid"
        ear.wait(lambda heard: set(types(heard)) == PAID)
