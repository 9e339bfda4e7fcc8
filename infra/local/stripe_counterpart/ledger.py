"""What Stripe does with sessions, payments and refunds, and what it tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from infra.local.stripe_counterpart import objects
from infra.local.stripe_counterpart.problems import Problem, invalid, missing
from infra.local.stripe_counterpart.store import Json, Store

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts; other currencies are converted first
LEAST = {"usd": 50, "eur": 50, "gbp": 30, "hkd": 400, "jpy": 50, "sgd": 50}

SHORTEST, LONGEST = 30 * 60, 24 * 3600  # seconds for which a session may be open

PARAM_NAMES = {  # how errors call the id in the path
    "checkout.session": "session",
    "payment_intent": "intent",
    "dispute": "dispute",
}

# What may become of a dispute (https://docs.stripe.com/disputes/how-disputes-work, …/api/disputes/object).
NEXT_OF_DISPUTE = {
    "warning_needs_response": ("warning_under_review", "warning_closed", "needs_response"),
    "warning_under_review": ("warning_closed", "needs_response"),
    "needs_response": ("under_review", "won", "lost"),
    "under_review": ("won", "lost"),
    "lost": ("appeal_needs_response", "appeal_under_review"),
    "appeal_needs_response": ("appeal_under_review", "won", "lost"),
    "appeal_under_review": ("won", "lost"),
}
CLOSED = ("warning_closed", "won", "lost")


@dataclass(slots=True)
class Ledger:
    """One request's work on the store, to be done within its transaction.

    ``now`` is in Unix seconds; ``cause`` is the ``request`` of its events; ``refund_status`` the status of new refunds.
    """

    store: Store
    now: int
    public_url: str
    cause: Json = field(default_factory=lambda: {"id": None, "idempotency_key": None})
    refund_status: str = "succeeded"

    def find(self, kind: str, id: str) -> Json:
        """An object. Problem 404: there is none."""
        found = self.store.get(kind, id)
        if found is None:
            raise missing(kind, id, PARAM_NAMES.get(kind, "id"))
        if kind == "checkout.session" and found["status"] == "open" and found["expires_at"] <= self.now:
            return self._close(found)
        return found

    def open_session(self, params: Json) -> Json:
        """Open a session, of parameters that have the right form."""
        self._check(params)
        items = [objects.line_item(item, self.now) for item in params["line_items"]]
        session = objects.session(params, items, self.now, self.public_url)
        self.store.put(session)
        metadata = params.get("payment_intent_data", {}).get("metadata", {})
        self.store.put({"id": f"draft:{session['id']}", "object": "draft", "items": items, "intent_metadata": metadata})
        return session

    def line_items(self, session: str) -> list[Json]:
        """The lines of a session."""
        self.find("checkout.session", session)
        return list(self.find("draft", f"draft:{session}")["items"])

    def expire_session(self, id: str) -> Json:
        """Close an open session. Problem 400: it is over already."""
        session = self.find("checkout.session", id)
        if session["status"] != "open":
            message = (
                'Only Checkout Sessions with a status in ["open"] can be expired. '
                f"This Checkout Session has a status of `{session['status']}`."
            )
            raise invalid(message, "session")
        return self._close(session)

    def expire_lapsed(self) -> None:
        """Close the sessions whose time is over."""
        for session in self.store.lapsed(self.now):
            self._close(session)

    def pay(self, id: str) -> Json:
        """The applicant pays on the hosted page; what is over stays as it is."""
        session = self.find("checkout.session", id)
        if session["status"] != "open":
            return session
        intent = self._intent(session)
        intent["payment_method"] = objects.new_id("pm_1")
        charge = objects.charge(intent, self.now, paid=True)
        intent |= {
            "amount_received": intent["amount"],
            "last_payment_error": None,
            "latest_charge": charge["id"],
            "status": "succeeded",
        }
        session |= {
            "payment_intent": intent["id"],
            "payment_status": "paid",
            "status": "complete",
            "url": None,
        }
        self._change("charge.succeeded", charge)
        self._change("payment_intent.succeeded", intent)
        self._change("checkout.session.completed", session)
        return session

    def decline(self, id: str) -> Json:
        """The applicant's card is declined on the hosted page: the session stays open."""
        session = self.find("checkout.session", id)
        if session["status"] != "open":
            return session
        intent = self._intent(session)
        charge = objects.charge(intent, self.now, paid=False)
        intent |= {"latest_charge": charge["id"], "last_payment_error": objects.decline(charge["id"], self.now)}
        session["payment_intent"] = intent["id"]
        self.store.put(session)
        self._change("charge.failed", charge)
        self._change("payment_intent.payment_failed", intent)
        return session

    def refund(self, params: Json) -> Json:
        """Give back part of a charge, or what is left of it."""
        charge = self._charge_to_refund(params)
        taken = self._taken_back(charge)
        left = charge["amount"] - charge["amount_refunded"] - taken
        if self._held_back(charge) or (taken and left == 0):
            message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
            raise Problem(400, message, code="charge_disputed")
        if left == 0:
            message = f"Charge {charge['id']} has already been refunded."
            raise Problem(400, message, code="charge_already_refunded")
        amount = params.get("amount", left)
        if amount > left:
            kind = "unrefunded amount on charge" if charge["amount_refunded"] or taken else "charge amount"
            raise invalid(
                f"Refund amount ({_money(amount, charge)}) is greater than {kind} ({_money(left, charge)})", "amount"
            )
        refund = objects.refund({**params, "amount": amount}, charge, self.refund_status, self.now)
        self._change("refund.created", refund)
        self._count_refund(charge, amount)
        if amount == left:
            self._end_inquiries(charge)
        return refund

    def settle_refund(self, id: str, status: str, reason: str) -> Json:
        """The bank's last word on a refund; a failed one flows back."""
        refund = self.find("refund", id)
        if refund["status"] in ("failed", "canceled"):
            return refund
        previous = {"status": refund["status"]}
        refund["status"] = status
        if status == "failed":
            refund |= {"failure_reason": reason, "failure_balance_transaction": objects.new_id("txn_3")}
            self._count_refund(self.find("charge", refund["charge"]), -refund["amount"])
        self._change("refund.updated", refund, previous)
        self._emit("charge.refund.updated", refund, previous)
        if status == "failed":
            self._emit("refund.failed", refund, previous)
        return refund

    def open_dispute(self, payment: str, amount: int | None, reason: str, *, inquiry: bool) -> Json:
        """The payer's bank disputes a paid payment, or so much of it. Problem 400: more than is left of it."""
        intent = self._named("payment_intent", payment, "payment_intent")
        if intent["status"] != "succeeded":
            raise invalid(f"The PaymentIntent {payment} has no successful charge.", "payment_intent")
        if reason not in objects.DISPUTE_REASONS:
            raise invalid(f"Invalid reason: must be one of {', '.join(objects.DISPUTE_REASONS)}", "reason")
        charge = self.find("charge", intent["latest_charge"])
        left = charge["amount"] - charge["amount_refunded"] - self._taken_back(charge)
        wanted = left if amount is None else amount
        if self._held_back(charge) or not 0 < wanted <= left:
            raise invalid(f"No bank takes back {wanted} of {charge['id']}: {left} is left.", "amount")
        dispute = objects.dispute(charge, wanted, reason, self.now, inquiry=inquiry)
        self.store.put(charge | {"disputed": True})
        self._change("charge.dispute.created", dispute)
        if not inquiry:
            self._withdraw(dispute)
        return dispute

    def move_dispute(self, id: str, status: str) -> Json:
        """What becomes of a dispute. Problem 400: that can't become of it."""
        dispute = self.find("dispute", id)
        before = dispute["status"]
        if status not in NEXT_OF_DISPUTE.get(before, ()):
            raise invalid(f"A dispute that is `{before}` can't become `{status}`.", "status")
        dispute["status"] = status
        if status.endswith("under_review"):
            dispute["evidence_details"] |= {"has_evidence": True, "submission_count": 1, "submission_method": "manual"}
        kind = "closed" if status in CLOSED else "updated"
        self._change(f"charge.dispute.{kind}", dispute, {"status": before})
        if status == "needs_response":
            self._withdraw(dispute)
        elif status == "won":
            dispute["balance_transactions"].append(objects.balance_transaction(dispute, dispute["amount"], self.now))
            self._change("charge.dispute.funds_reinstated", dispute)
        return dispute

    def _end_inquiries(self, charge: Json) -> None:
        """All of the charge has gone back: https://docs.stripe.com/disputes/how-disputes-work."""
        for dispute in self._disputes(charge):
            if dispute["status"] in ("warning_needs_response", "warning_under_review"):
                before = dispute["status"]
                dispute["status"] = "warning_closed"
                self._change("charge.dispute.closed", dispute, {"status": before})

    def _withdraw(self, dispute: Json) -> None:
        dispute["is_charge_refundable"] = False
        dispute["balance_transactions"].append(objects.balance_transaction(dispute, -dispute["amount"], self.now))
        self._change("charge.dispute.funds_withdrawn", dispute)

    def _disputes(self, charge: Json) -> list[Json]:
        return self.store.page("dispute", {"charge": charge["id"]}, 100)[0]

    def _held_back(self, charge: Json) -> bool:
        """Whether a bank has the money and may still give it back."""
        open_ = ("needs_response", "under_review", "appeal_needs_response", "appeal_under_review")
        return any(dispute["status"] in open_ for dispute in self._disputes(charge))

    def _taken_back(self, charge: Json) -> int:
        """What lost disputes have taken."""
        return sum(dispute["amount"] for dispute in self._disputes(charge) if dispute["status"] == "lost")

    def _check(self, params: Json) -> None:
        """What no single parameter's form can tell."""
        if params["mode"] != "payment":
            raise invalid("This counterpart only knows the mode `payment`.", "mode")
        currencies = {item["price_data"]["currency"] for item in params["line_items"]}
        if len(currencies) != 1:
            raise invalid("All line items must have the same currency.", "line_items")
        total = sum(item["price_data"]["unit_amount"] * item["quantity"] for item in params["line_items"])
        if total < LEAST.get(currencies.pop(), 1):
            message = "The Checkout Session's total amount due must add up to at least the minimum charge amount."
            raise Problem(400, message, code="amount_too_small")
        lives = params.get("expires_at", self.now + LONGEST - 1) - self.now
        if lives < SHORTEST:
            message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
            raise invalid(message, "expires_at")
        if lives >= LONGEST:
            message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
            raise invalid(message, "expires_at")

    def _close(self, session: Json) -> Json:
        session |= {"status": "expired", "url": None}
        if session["payment_intent"]:
            intent = self.find("payment_intent", session["payment_intent"])
            intent |= {"status": "canceled", "canceled_at": self.now, "cancellation_reason": "automatic"}
            self._change("payment_intent.canceled", intent)
        self._change("checkout.session.expired", session)
        return session

    def _intent(self, session: Json) -> Json:
        """The session's payment, made at the first try to pay."""
        if session["payment_intent"]:
            return self.find("payment_intent", session["payment_intent"])
        metadata = self.find("draft", f"draft:{session['id']}")["intent_metadata"]
        intent = objects.payment_intent(session["amount_total"], session["currency"], metadata, self.now)
        self._change("payment_intent.created", intent)
        return intent

    def _charge_to_refund(self, params: Json) -> Json:
        if "payment_intent" not in params:
            if "charge" not in params:
                message = "One of the following params should be provided for this request: payment_intent or charge."
                raise Problem(400, message)
            return self._named("charge", params["charge"], "charge")
        intent = self._named("payment_intent", params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            raise invalid(
                f"The PaymentIntent {intent['id']} does not have a successful charge to refund.", "payment_intent"
            )
        return self.find("charge", intent["latest_charge"])

    def _named(self, kind: str, id: str, param: str) -> Json:
        """An object that a parameter names."""
        found = self.store.get(kind, id)
        if found is None:
            raise missing(kind, id, param)
        return found

    def _count_refund(self, charge: Json, amount: int) -> None:
        previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        if amount > 0:
            self._change("charge.refunded", charge, previous)
        else:
            self.store.put(charge)

    def _change(self, type: str, thing: Json, previous: Json | None = None) -> None:
        self.store.put(thing)
        self._emit(type, thing, previous)

    def _emit(self, type: str, thing: Json, previous: Json | None = None) -> None:
        event = objects.event(type, thing, self.now, self.cause, previous)
        self.store.put(event)
        self.store.owe(event["id"])


def _money(amount: int, charge: Json) -> str:
    return f"{amount / 100:.2f} {charge['currency']}"


def expand(ledger: Ledger, thing: Any, path: list[str]) -> None:
    """Put an object in the place of its id, or a list in its place (https://docs.stripe.com/api/expanding_objects)."""
    name, *rest = path
    if thing["object"] == "list" and name == "data":
        for item in thing["data"]:
            expand(ledger, item, rest)
        return
    loader = _EXPANSIONS.get((thing["object"], name))
    if loader is None:
        raise invalid(f"This property cannot be expanded ({name}).", "expand")
    if not isinstance(thing.get(name), dict):
        thing[name] = loader(ledger, thing)
    if rest and thing[name] is not None:
        expand(ledger, thing[name], rest)


def _by_id(kind: str, name: str) -> Any:
    return lambda ledger, thing: thing[name] and ledger.find(kind, thing[name])


def _refunds_of(ledger: Ledger, charge: Json) -> Json:
    data, has_more = ledger.store.page("refund", {"charge": charge["id"]}, 10)
    return objects.listing(f"/v1/charges/{charge['id']}/refunds", data, has_more=has_more)


def _items_of(ledger: Ledger, session: Json) -> Json:
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return objects.listing(url, ledger.line_items(session["id"]), has_more=False)


_EXPANSIONS = {
    ("checkout.session", "payment_intent"): _by_id("payment_intent", "payment_intent"),
    ("checkout.session", "line_items"): _items_of,
    ("payment_intent", "latest_charge"): _by_id("charge", "latest_charge"),
    ("charge", "payment_intent"): _by_id("payment_intent", "payment_intent"),
    ("charge", "refunds"): _refunds_of,
    ("dispute", "charge"): _by_id("charge", "charge"),
    ("dispute", "payment_intent"): _by_id("payment_intent", "payment_intent"),
    ("refund", "charge"): _by_id("charge", "charge"),
    ("refund", "payment_intent"): _by_id("payment_intent", "payment_intent"),
}
