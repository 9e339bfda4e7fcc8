"""The counterpart's objects against the types that Stripe's own client declares for the pinned version.

The client's classes are generated from Stripe's published OpenAPI document, for the very version that it (and so the
adapter) asks for: see ``test_the_pinned_version_is_the_one_that_the_library_was_made_for``. So their annotations are
Stripe's word on the fields and types. Each object that the counterpart can make, in each of its states, is walked
field by field: one that the class does not know is a misfit, and so is a needed one that is missing, or one whose
value, however deep, is of another type or is none of the words that are listed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import stripe

from infra.local.stripe_counterpart import api, params
from infra.local.stripe_counterpart.ledger import Ledger
from infra.local.stripe_counterpart.problems import Problem
from infra.local.stripe_counterpart.store import Json, Store

NOW = 1_790_000_000
SESSION_END = NOW + 3600
SESSION = {
    "mode": "payment",
    "line_items": [
        {
            "price_data": {"currency": "cny", "unit_amount": 1200, "product_data": {"name": "工本费"}},
            "quantity": 1,
        }
    ],
    "client_reference_id": "D7K3-M9QF-2XHVA",
    "metadata": {"case": "D7K3-M9QF-2XHVA"},
    "payment_intent_data": {"metadata": {"case": "D7K3-M9QF-2XHVA"}},
    "success_url": "https://hall.example/t/x",
    "cancel_url": "https://hall.example/t/x",
    "expires_at": SESSION_END,
    "locale": "zh",
    "submit_type": "pay",
}


class Names(dict[str, Any]):
    """What annotations refer to: the library's names; a name that it hides is anything."""

    def __missing__(self, name: str) -> Any:
        return getattr(stripe, name, Any)


def misfits(value: Any, annotation: Any, where: str) -> Iterator[str]:
    """Where a JSON value isn't what an annotation of the library says."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        yield from union_misfits(value, args, where)
    elif origin is Literal:
        if value not in args:
            yield f"{where}: {value!r} is none of {args}"
    elif origin is list:
        yield from list_misfits(value, args[0], where)
    elif origin is stripe.ListObject:
        yield from object_misfits(value, stripe.ListObject, where)
        yield from list_misfits(value.get("data"), args[0], f"{where}.data")
    elif origin is not None or annotation is stripe._stripe_object.UntypedStripeObject:
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no hash"
    elif isinstance(annotation, type) and issubclass(annotation, stripe.StripeObject):
        yield from object_misfits(value, annotation, where)
    elif annotation is not Any and type(value) is not {Decimal: str}.get(annotation, annotation):
        yield f"{where}: {value!r} is no {annotation}"


def union_misfits(value: Any, args: tuple[Any, ...], where: str) -> Iterator[str]:
    """A union fits if one of its arms does; beside its known words, a text's own arm does not count."""
    if value is None and type(None) in args:
        return
    known = any(get_origin(arg) is Literal for arg in args)
    arms = [arg for arg in args if arg is not type(None) and not (known and arg is str)]
    found = [list(misfits(value, arg, where)) for arg in arms]
    if all(found):
        yield from found[-1]


def list_misfits(value: Any, item: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where}: {value!r} is no array"
        return
    for index, one in enumerate(value):
        yield from misfits(one, item, f"{where}[{index}]")


def object_misfits(value: Any, kind: type[Any], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no {kind.__name__}"
        return
    hints = fields(kind)
    for name in value.keys() - hints.keys():
        yield f"{where}.{name}: unknown to {kind.__qualname__}"
    for name, annotation in hints.items():
        if name in value:
            yield from misfits(value[name], annotation, f"{where}.{name}")
        elif type(None) not in get_args(annotation):
            yield f"{where}.{name}: missing"


def fields(kind: type[Any]) -> dict[str, Any]:
    names: Mapping[str, Any] = vars(sys.modules[kind.__module__])
    hints = get_type_hints(kind, dict(names), Names())
    if kind is stripe.ListObject:
        hints = {"object": Literal["list"], "data": list[Any], "has_more": bool, "url": str}
    return {name: hint for name, hint in hints.items() if name[0] != "_" and get_origin(hint) is not ClassVar}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    store = Store(tmp_path)
    with store.transaction():
        yield Ledger(store, NOW, "https://pay.example")
    store.close()


def opened(ledger: Ledger) -> Json:
    return ledger.open_session(SESSION)


def declined(ledger: Ledger) -> Json:
    return ledger.decline(opened(ledger)["id"])


def paid(ledger: Ledger) -> Json:
    return ledger.pay(declined(ledger)["id"])


def expired(ledger: Ledger) -> Json:
    return ledger.expire_session(declined(ledger)["id"])


def payment(ledger: Ledger) -> Json:
    return ledger.find("payment_intent", paid(ledger)["payment_intent"])


def declined_payment(ledger: Ledger) -> Json:
    return ledger.find("payment_intent", declined(ledger)["payment_intent"])


def canceled_payment(ledger: Ledger) -> Json:
    return ledger.find("payment_intent", expired(ledger)["payment_intent"])


def charge(ledger: Ledger) -> Json:
    return ledger.find("charge", payment(ledger)["latest_charge"])


def declined_charge(ledger: Ledger) -> Json:
    return ledger.find("charge", declined_payment(ledger)["latest_charge"])


def refund(ledger: Ledger) -> Json:
    return ledger.refund({"payment_intent": payment(ledger)["id"], "amount": 500, "metadata": {"key": "r-1"}})


def failed_refund(ledger: Ledger) -> Json:
    return ledger.settle_refund(refund(ledger)["id"], "failed", "lost_or_stolen_card")


def disputed(ledger: Ledger, *, inquiry: bool = False) -> Json:
    return ledger.open_dispute(payment(ledger)["id"], None, "fraudulent", inquiry=inquiry)


def dispute_that(*statuses: str, inquiry: bool = False) -> Callable[[Ledger], Json]:
    def make(ledger: Ledger) -> Json:
        dispute = disputed(ledger, inquiry=inquiry)
        for status in statuses:
            dispute = ledger.move_dispute(dispute["id"], status)
        return dispute

    return make


def disputed_charge(ledger: Ledger) -> Json:
    return ledger.find("charge", disputed(ledger)["charge"])


def expanded_disputes(ledger: Ledger) -> Json:
    """A list's first, with its charge and payment in place of their ids."""
    form = f"payment_intent={disputed(ledger)['payment_intent']}&expand[0]=data.charge&expand[1]=data.payment_intent"
    return dict(answer("GET", "/v1/disputes", {}, form, ledger)["data"][0])


def answer(method: str, path: str, ids: Mapping[str, str], form: str, ledger: Ledger) -> Json:
    call = next(call for call in api.CALLS if (call.method, call.path) == (method, path))
    return call.answer(ledger, ids, call.read(form))


def expanded(ledger: Ledger) -> Json:
    form = "expand[0]=payment_intent.latest_charge.refunds&expand[1]=line_items"
    session = ledger.find("checkout.session", paid(ledger)["id"])
    ledger.refund({"payment_intent": session["payment_intent"]})
    return answer("GET", "/v1/checkout/sessions/{id}", {"id": session["id"]}, form, ledger)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (opened, stripe.checkout.Session),
        (declined, stripe.checkout.Session),
        (paid, stripe.checkout.Session),
        (expired, stripe.checkout.Session),
        (expanded, stripe.checkout.Session),
        (payment, stripe.PaymentIntent),
        (declined_payment, stripe.PaymentIntent),
        (canceled_payment, stripe.PaymentIntent),
        (charge, stripe.Charge),
        (declined_charge, stripe.Charge),
        (refund, stripe.Refund),
        (failed_refund, stripe.Refund),
        (disputed_charge, stripe.Charge),
        (disputed, stripe.Dispute),
        (dispute_that("under_review", "won"), stripe.Dispute),
        (dispute_that("lost", "appeal_under_review", "won"), stripe.Dispute),
        (dispute_that("warning_under_review", "warning_closed", inquiry=True), stripe.Dispute),
        (dispute_that("needs_response", "lost", inquiry=True), stripe.Dispute),
        (expanded_disputes, stripe.Dispute),
    ],
)
def test_each_object_has_every_field_of_the_clients_types(
    ledger: Ledger, make: Callable[[Ledger], Json], kind: type[Any]
) -> None:
    assert list(misfits(make(ledger), kind, kind.__name__)) == []


def test_each_line_item_has_every_field_of_the_clients_types(ledger: Ledger) -> None:
    items = ledger.line_items(opened(ledger)["id"])
    assert items
    assert list(misfits(items, list[stripe.LineItem], "line_items")) == []


def test_each_balance_transaction_of_a_dispute_has_every_field_of_the_clients_types(ledger: Ledger) -> None:
    moved = dispute_that("under_review", "won")(ledger)["balance_transactions"]
    assert [one["amount"] for one in moved] == [-1200, 1200]
    assert list(misfits(moved, list[stripe.BalanceTransaction], "balance_transactions")) == []


def test_each_event_has_every_field_of_the_clients_types(ledger: Ledger) -> None:
    expired(ledger)
    failed_refund(ledger)
    dispute_that("needs_response", "under_review", "won", inquiry=True)(ledger)
    events, more = ledger.store.page("event", {}, 100)
    assert not more
    assert {event["type"] for event in events} >= {
        "checkout.session.completed",
        "checkout.session.expired",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    }
    assert list(misfits(events, list[stripe.Event], "events")) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"amount": None}, "Refund.amount: None is no <class 'int'>"),
        ({"amount": "1"}, "Refund.amount: '1' is no <class 'int'>"),
        ({"amount": True}, "Refund.amount: True is no <class 'int'>"),
        ({"colour": "red"}, "Refund.colour: unknown to Refund"),
        ({"reason": "whim"}, "Refund.reason: 'whim' is none of"),
        ({"metadata": []}, "Refund.metadata: [] is no hash"),
        ({"destination_details": {"card": {"type": "x"}}}, "Refund.destination_details.type: missing"),
    ],
)
def test_a_misfit_would_be_found(ledger: Ledger, change: Json, found: str) -> None:
    assert any(one.startswith(found) for one in misfits(refund(ledger) | change, stripe.Refund, "Refund"))


def test_a_misfit_deep_within_would_be_found(ledger: Ledger) -> None:
    session = expanded(ledger)
    session["payment_intent"]["latest_charge"]["refunds"]["data"][0]["amount"] = "500"
    session["line_items"]["data"][0]["price"]["unit_amount_decimal"] = 1200
    assert sorted(misfits(session, stripe.checkout.Session, "Session")) == [
        "Session.line_items.data[0].price.unit_amount_decimal: 1200 is no <class 'decimal.Decimal'>",
        "Session.payment_intent.latest_charge.refunds.data[0].amount: '500' is no <class 'int'>",
    ]


# --- disputes


@pytest.mark.parametrize(
    ("inquiry", "statuses"),
    [
        (False, ["won", "lost"]),
        (False, ["warning_closed"]),
        (True, ["won"]),
        (True, ["warning_closed", "needs_response"]),
        (False, ["nonsense"]),
    ],
)
def test_a_dispute_takes_only_the_ways_that_there_are(ledger: Ledger, inquiry: bool, statuses: list[str]) -> None:
    with pytest.raises(Problem, match="can't become"):
        dispute_that(*statuses, inquiry=inquiry)(ledger)


def test_an_inquiry_takes_no_money_until_it_is_a_dispute(ledger: Ledger) -> None:
    inquiry = disputed(ledger, inquiry=True)
    assert (inquiry["balance_transactions"], inquiry["is_charge_refundable"]) == ([], True)
    dispute = ledger.move_dispute(inquiry["id"], "needs_response")
    assert [one["amount"] for one in dispute["balance_transactions"]] == [-1200]
    assert dispute["is_charge_refundable"] is False


@pytest.mark.parametrize(("refunded", "wanted"), [(0, 1201), (200, 1001), (0, 0), (0, -1), (1200, None)])
def test_no_bank_takes_back_more_than_is_left(ledger: Ledger, refunded: int, wanted: int | None) -> None:
    paid_with = payment(ledger)["id"]
    if refunded:
        ledger.refund({"payment_intent": paid_with, "amount": refunded})
    with pytest.raises(Problem, match="is left"):
        ledger.open_dispute(paid_with, wanted, "fraudulent", inquiry=False)


# --- time


def test_sessions_expire_when_their_time_is_over_though_nobody_asks(ledger: Ledger) -> None:
    first, second = opened(ledger)["id"], paid(ledger)["id"]
    ledger.now = SESSION_END - 1
    ledger.expire_lapsed()
    assert ledger.store.get("checkout.session", first)["status"] == "open"
    ledger.now = SESSION_END
    ledger.expire_lapsed()
    ledger.expire_lapsed()
    assert ledger.store.get("checkout.session", first)["status"] == "expired"
    assert ledger.store.get("checkout.session", second)["status"] == "complete"
    expiries, _ = ledger.store.page("event", {"type": "checkout.session.expired"}, 10)
    assert [event["data"]["object"]["id"] for event in expiries] == [first]


# --- parameters


def test_brackets_nest_and_arrays_keep_their_order() -> None:
    form = "a[b][c]=1&list[0][x]=2&list[1][x]=3&expand[]=p&expand[]=q&plain=%E5%8A%9E"
    assert params.decode(form) == {
        "a": {"b": {"c": "1"}},
        "list": {"0": {"x": "2"}, "1": {"x": "3"}},
        "expand": {"0": "p", "1": "q"},
        "plain": "办",
    }
