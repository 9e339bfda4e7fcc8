"""Stripe's API under ``/v1``: which request does what, with the parameters that each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.local.stripe_counterpart import objects, params
from infra.local.stripe_counterpart.ledger import Ledger, expand
from infra.local.stripe_counterpart.params import Hash, boolean, choice, currency, integer, metadata, span, text, url
from infra.local.stripe_counterpart.problems import invalid
from infra.local.stripe_counterpart.store import Json

# https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-locale
LOCALES = (
    *("auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hi-IN"),
    *("hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk"),
    *("sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW"),
)

EXPAND = {"expand": [text()]}

PRODUCT = Hash({"name": text(250), "metadata": metadata, "description": text()}, "name")
PRICE = Hash(
    {"currency": currency, "unit_amount": integer(0), "product_data": PRODUCT},
    "currency",
    "product_data",
    "unit_amount",
)
LINE_ITEM = Hash({"price_data": PRICE, "quantity": integer(1, 999_999)}, "price_data", "quantity")

SESSION = {
    "mode": choice("payment", "setup", "subscription"),
    "line_items": [LINE_ITEM],
    "client_reference_id": text(200),
    "metadata": metadata,
    "payment_intent_data": Hash({"metadata": metadata}),
    "success_url": url,
    "cancel_url": url,
    "expires_at": integer(0, 10**12),
    "locale": choice(*LOCALES),
    "submit_type": choice("auto", "book", "donate", "pay", "subscribe"),
    "adaptive_pricing": Hash({"enabled": boolean}),
    "ui_mode": choice("hosted_page"),
    **EXPAND,
}
REFUND = {
    "payment_intent": text(),
    "charge": text(),
    "amount": integer(1),
    "metadata": metadata,
    "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
    **EXPAND,
}

Handler = Callable[[Ledger, Mapping[str, str], Json], Json]


@dataclass(frozen=True, slots=True)
class Call:
    """A kind of request: its parameters, and what it does with the ids of its path."""

    method: str
    path: str
    grammar: params.Grammar
    handler: Handler
    required: tuple[str, ...] = ()

    def read(self, form: str) -> Json:
        """The parameters. Problem: they have not the right form."""
        return params.read(self.grammar, params.decode(form), self.required)

    def answer(self, ledger: Ledger, ids: Mapping[str, str], given: Json) -> Json:
        """The object that is answered. Problem: what Stripe would refuse."""
        wanted = given.pop("expand", [])
        found = self.handler(ledger, ids, given)
        for path in wanted:
            expand(ledger, found, path.split("."))
        return found


def _retrieve(path: str, kind: str) -> Call:
    return Call("GET", f"{path}/{{id}}", EXPAND, lambda ledger, ids, _: ledger.find(kind, ids["id"]))


def _list(path: str, kind: str, *filters: str, of: str = "") -> Call:
    """A list, filtered by time of making, by parameters and, where it is the list ``of`` an object, by that object's id
    in the path."""
    grammar = {
        "limit": integer(1, 100),
        "starting_after": text(),
        "ending_before": text(),
        **({} if of else {"created": span}),
        **{name: text() for name in filters},
        **EXPAND,
    }

    def handler(ledger: Ledger, ids: Mapping[str, str], given: Json) -> Json:
        for name in ("starting_after", "ending_before"):
            if name in given and ledger.store.get(kind, given[name]) is None:
                raise invalid(f"No such {kind}: '{given[name]}'", name, "resource_missing")
        wanted = {name: given[name] for name in filters if name in given}
        wanted |= {of: ledger.find(of, ids["id"])["id"]} if of else {}
        if kind == "checkout.session":
            ledger.expire_lapsed()
        before, after = given.get("ending_before", ""), given.get("starting_after", "")
        data, has_more = ledger.store.page(
            kind, wanted, given.get("limit", 10), before=before, after=after, created=given.get("created", {})
        )
        return objects.listing(path.format(**ids), data, has_more=has_more)

    return Call("GET", path, grammar, handler)


def _line_items(ledger: Ledger, ids: Mapping[str, str], _: Json) -> Json:
    url_ = f"/v1/checkout/sessions/{ids['id']}/line_items"
    return objects.listing(url_, ledger.line_items(ids["id"]), has_more=False)


SESSIONS = "/v1/checkout/sessions"

CALLS: tuple[Call, ...] = (
    Call(
        "POST",
        SESSIONS,
        SESSION,
        lambda ledger, _, given: ledger.open_session(given),
        ("mode", "line_items", "success_url"),
    ),
    Call("POST", f"{SESSIONS}/{{id}}/expire", EXPAND, lambda ledger, ids, _: ledger.expire_session(ids["id"])),
    Call("GET", f"{SESSIONS}/{{id}}/line_items", {"limit": integer(1, 100), **EXPAND}, _line_items),
    _retrieve(SESSIONS, "checkout.session"),
    _list(SESSIONS, "checkout.session", "payment_intent", "status"),
    _retrieve("/v1/payment_intents", "payment_intent"),
    _list("/v1/payment_intents", "payment_intent"),
    _list("/v1/charges/{id}/refunds", "refund", of="charge"),
    _retrieve("/v1/charges", "charge"),
    _list("/v1/charges", "charge", "payment_intent"),
    Call("POST", "/v1/refunds", REFUND, lambda ledger, _, given: ledger.refund(given)),
    _retrieve("/v1/refunds", "refund"),
    _list("/v1/refunds", "refund", "charge", "payment_intent"),
    _retrieve("/v1/disputes", "dispute"),
    _list("/v1/disputes", "dispute", "charge", "payment_intent"),
    _retrieve("/v1/events", "event"),
    _list("/v1/events", "event", "type"),
)
