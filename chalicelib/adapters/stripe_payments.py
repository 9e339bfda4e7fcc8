"""Payments by Stripe Checkout (https://docs.stripe.com/api/checkout/sessions), through the official client.

Stripe learns the fee lines, the language and the case number; nothing personal. What an applicant types on Stripe's
page stays with Stripe.

Stripe forgets an idempotency key after a day, our steps may be repeated for longer. So every refund carries its key as
metadata and is looked for before it is made: the same key stays the same refund for good. Within that day it would
repeat a refusal, though the refund may be made by now; so Stripe's own key tells besides how the payment stands. A
checkout needs no such care: it never lives longer than its key, and what it asks for is never allowed later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import requests
import stripe
import urllib3

from chalicelib.domain.money import Money
from chalicelib.ports import (
    Checkout,
    CheckoutLine,
    Dispute,
    Refund,
    Statement,
    StatementItem,
    VendorError,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
)

if TYPE_CHECKING:
    from stripe import RequestOptions
    from stripe.params import DisputeListParams, RefundCreateParams
    from stripe.params.checkout import SessionCreateParams

API_VERSION = "2026-10-28.endive"

# Our languages by Stripe's names (`locale` of a Checkout Session); Stripe asks the browser for any other.
LOCALES = {"zh-CN": "zh", "zh-TW": "zh-TW", "zh-HK": "zh-HK", "en": "en"}

# https://docs.stripe.com/api/refunds/object#refund_object-status, less the ones that are called the same here.
REFUND_STATES = {"requires_action": "pending"}

# https://docs.stripe.com/api/disputes/object#dispute_object-status, less the ones that are called the same here.
DISPUTE_STATES = {
    "warning_closed": "closed",
    "prevented": "closed",
    "appeal_needs_response": "needs_response",
    "appeal_under_review": "under_review",
}

_STATES: Mapping[str, Mapping[str, str]] = {"charge": {}, "refund": REFUND_STATES, "dispute": DISPUTE_STATES}

READ_RETRIES = 2
PAGE = 100  # objects of a list in one answer, the most that Stripe gives

T = TypeVar("T")


class StripePayments:
    """Implements ports.Payments.

    ``api_base`` "" is Stripe itself. Time-outs are in seconds. ``attempts`` is how often an effect is asked for while
    its outcome is unknown: the second time makes up for the socket that a frozen Lambda lost.
    """

    def __init__(
        self,
        api_key: str,
        api_base: str = "",
        *,
        connect_timeout: float = 3,
        read_timeout: float = 9,
        attempts: int = 2,
    ) -> None:
        # It would write an installation id to the home directory and send it along with the platform's name.
        stripe.enable_telemetry = False
        self._attempts = attempts
        self._http = stripe.RequestsClient(timeout=(connect_timeout, read_timeout))
        self._stripe = stripe.StripeClient(
            api_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")} if api_base else None,
            http_client=self._http,
        )

    def close(self) -> None:
        """Close this thread's connections."""
        self._http.close()  # type: ignore[no-untyped-call]

    def open_checkout(
        self,
        key: str,
        case: str,
        lines: Sequence[CheckoutLine],
        currency: str,
        *,
        language: str,
        return_url: str,
        expires_at: datetime,
    ) -> Checkout:
        """Open a checkout; the same ``key`` and content give the same one, as it was when it was opened.

        ``expires_at`` is content too, so it has to be the same at each repetition; Stripe takes 30 minutes to 24 hours
        from its own now. VendorRejected ``idempotency_error``: the key was used for other content.
        """
        params: SessionCreateParams = {
            "mode": "payment",
            "line_items": [_line_item(line, currency) for line in lines],
            "client_reference_id": case,
            "metadata": {"case": case},
            "payment_intent_data": {"metadata": {"case": case}},
            "success_url": return_url,
            "cancel_url": return_url,
            "expires_at": int(expires_at.timestamp()),
            "locale": LOCALES.get(language, "auto"),
            "submit_type": "pay",
            "adaptive_pricing": {"enabled": False},  # a public fee is charged in its own currency
        }
        return self._effect(
            lambda: _checkout(self._stripe.v1.checkout.sessions.create(params, {"idempotency_key": key}))
        )

    def checkout(self, id: str) -> Checkout:
        """A checkout as it is now. VendorRejected ``resource_missing``: there is none."""
        return self._read(
            lambda: _checkout(
                self._stripe.v1.checkout.sessions.retrieve(
                    id, {"expand": ["payment_intent"]}, {"max_network_retries": READ_RETRIES}
                )
            )
        )

    def expire_checkout(self, id: str) -> Checkout:
        """Close an open checkout; one that is paid or expired already is given as it is."""
        try:
            return self._effect(lambda: _checkout(self._stripe.v1.checkout.sessions.expire(id)))
        except VendorRejected:
            found = self.checkout(id)
            if found.state == "open":
                raise
            return found

    def refund(self, key: str, payment: str, amount: Money, case: str) -> Refund:
        """Give back part of a payment; the same ``key`` gives the same refund, as it is now.

        VendorRejected: more than is left (``charge_already_refunded``, ``invalid_request_error``), another currency
        than the payment's (``currency_mismatch``), or the key was used for another amount (``idempotency_error``).
        """
        before, stripes_key = self._read(lambda: self._refund_before(key, payment, amount))
        if before is not None:
            return before
        params: RefundCreateParams = {
            "payment_intent": payment,
            "amount": amount.amount,
            "metadata": {"case": case, "key": key},
        }
        return self._effect(lambda: _refund(self._stripe.v1.refunds.create(params, {"idempotency_key": stripes_key})))

    def refund_made(self, key: str, payment: str) -> Refund | None:
        """The refund that was made under this key, however long ago, as it is now; None: there is none."""
        return self._read(lambda: _refund_of(self._payment(payment), key))

    def dispute(self, id: str) -> Dispute:
        """A dispute as it is now. VendorRejected ``resource_missing``: there is none."""
        return self._read(
            lambda: _dispute(
                self._stripe.v1.disputes.retrieve(
                    id, {"expand": ["payment_intent"]}, {"max_network_retries": READ_RETRIES}
                )
            )
        )

    def disputes(self, payment: str) -> tuple[Dispute, ...]:
        """All disputes of a payment, newest first."""
        params: DisputeListParams = {"payment_intent": payment, "expand": ["data.payment_intent"]}
        return self._read(
            lambda: tuple(
                _dispute(one)
                for one in self._stripe.v1.disputes.list(
                    params, {"max_network_retries": READ_RETRIES}
                ).auto_paging_iter()
            )
        )

    def _refund_before(self, key: str, payment: str, amount: Money) -> tuple[Refund | None, str]:
        """The refund that was made under this key, and under which key of Stripe's to try to make it."""
        intent = self._payment(payment)
        if intent.currency != amount.currency:
            raise VendorRejected("stripe", "currency_mismatch")
        made = _refund_of(intent, key)
        if made is not None and made.amount != amount:
            raise VendorRejected("stripe", "idempotency_error")
        return made, f"{key}-{amount.amount}-{self._standing(intent)}"

    def _standing(self, intent: stripe.PaymentIntent) -> str:
        """All that decides whether a refund is refused: Stripe says under a key what it once said, be it no."""
        charge = intent.latest_charge
        if not isinstance(charge, stripe.Charge):
            return ""
        wanted: DisputeListParams = {"payment_intent": intent.id}
        options: RequestOptions = {"max_network_retries": READ_RETRIES}
        disputes = self._stripe.v1.disputes.list(wanted, options).auto_paging_iter() if charge.disputed else ()
        return "-".join([str(charge.amount_refunded), *(dispute.status for dispute in disputes)])

    def _payment(self, id: str) -> stripe.PaymentIntent:
        """A payment with its refunds."""
        return self._stripe.v1.payment_intents.retrieve(
            id, {"expand": ["latest_charge.refunds"]}, {"max_network_retries": READ_RETRIES}
        )

    def statement(self, since: datetime, until: datetime) -> Statement:
        """All that was made from ``since`` on and before ``until``: four lists, a request for each 100 objects."""
        api = self._stripe.v1
        wanted: Any = {"created": {"gte": _second(since), "lt": _second(until)}, "limit": PAGE}
        paid: Any = {**wanted, "expand": ["data.payment_intent"]}
        options: RequestOptions = {"max_network_retries": READ_RETRIES}
        return self._read(
            lambda: Statement(
                tuple(map(_checkout_item, api.checkout.sessions.list(paid, options).auto_paging_iter())),
                tuple(map(_item, api.charges.list(wanted, options).auto_paging_iter())),
                tuple(map(_item, api.refunds.list(paid, options).auto_paging_iter())),
                tuple(map(_item, api.disputes.list(paid, options).auto_paging_iter())),
            )
        )

    def _effect(self, request: Callable[[], T]) -> T:
        """Ask for an effect, again while its outcome is unknown.

        The library's own retries would hide an unknown outcome behind the failure of the last attempt.
        """
        doubt: VendorUnknown | None = None
        for _ in range(self._attempts):
            try:
                return self._ask(request)
            except VendorUnknown as error:
                doubt = error
            except VendorTemporary:
                if doubt is None:
                    raise
        assert doubt is not None
        raise doubt

    def _read(self, request: Callable[[], T]) -> T:
        """Ask for something that has no effect, so that no failure leaves a doubt."""
        try:
            return self._ask(request)
        except VendorUnknown as error:
            raise VendorTemporary(error.vendor, error.code) from error

    @staticmethod
    def _ask(request: Callable[[], T]) -> T:
        try:
            return request()
        except stripe.StripeError as error:
            raise _kind(error)("stripe", _code(error)) from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # The library trips over answers that aren't Stripe's, such as a proxy's error page in GBK.
            raise VendorUnknown("stripe", "unreadable_answer") from error


def _kind(error: stripe.StripeError) -> type[VendorError]:
    """What to do about a failure (https://docs.stripe.com/error-low-level, https://docs.stripe.com/error-codes).

    A wrong key (401, 403) is the operator's to put right, and nothing has happened: ask again later. A 5xx, a
    409 (the same key is at work elsewhere) and an answer that can't be read all leave the outcome open.
    """
    match error:
        case stripe.APIConnectionError():
            return VendorTemporary if _never_sent(error) else VendorUnknown
        case stripe.RateLimitError() | stripe.AuthenticationError() | stripe.PermissionError():
            return VendorTemporary
        case stripe.InvalidRequestError() | stripe.CardError() | stripe.IdempotencyError():
            return VendorRejected
        case _:
            return VendorUnknown


def _never_sent(error: stripe.APIConnectionError) -> bool:
    """Whether the connection itself failed, so that no request can have arrived."""
    match error.__cause__:
        case requests.exceptions.ConnectTimeout() | requests.exceptions.ProxyError():
            return True
        case requests.exceptions.ConnectionError(args=(urllib3.exceptions.MaxRetryError(reason=reason),)):
            return isinstance(reason, urllib3.exceptions.NewConnectionError)
        case _:
            return False


def _code(error: stripe.StripeError) -> str:
    """Stripe's own code, else its type of error, else the HTTP status, else what happened to the connection."""
    if isinstance(error, stripe.APIConnectionError):
        return type(error.__cause__).__name__
    body = error.json_body.get("error") if isinstance(error.json_body, dict) else None
    if isinstance(body, dict):
        return str(body.get("code") or body.get("type"))
    return f"http_{error.http_status}"


def _line_item(line: CheckoutLine, currency: str) -> Any:
    return {
        "price_data": {
            "currency": currency,
            "unit_amount": line.amount,
            "product_data": {"name": line.title, "metadata": {"code": line.code}},
        },
        "quantity": 1,
    }


def _checkout(session: stripe.checkout.Session) -> Checkout:
    state = _state(session)
    intent = session.payment_intent
    payment = intent if isinstance(intent, str) else intent.id if intent else ""
    return Checkout(
        id=session.id,
        url=session.url or "",
        state=state,
        amount=Money(session.amount_total or 0, session.currency or ""),
        expires_at=datetime.fromtimestamp(session.expires_at, UTC),
        case=session.client_reference_id or "",
        payment=payment if state == "paid" else "",
    )


def _state(session: stripe.checkout.Session) -> str:
    """Complete but unpaid is a delayed payment method: under way while its payment is, and over if that has failed."""
    if session.status == "complete" and session.payment_status == "unpaid":
        intent = session.payment_intent
        failed = isinstance(intent, stripe.PaymentIntent) and intent.status in ("requires_payment_method", "canceled")
        return "expired" if failed else "open"
    return {"complete": "paid", "expired": "expired"}.get(session.status or "", "open")


def _refund_of(intent: stripe.PaymentIntent, key: str) -> Refund | None:
    charge = intent.latest_charge
    if not isinstance(charge, stripe.Charge) or charge.refunds is None:
        return None
    return next((_refund(one) for one in charge.refunds.auto_paging_iter() if _metadata(one).get("key") == key), None)


def _refund(refund: stripe.Refund) -> Refund:
    state = refund.status or "pending"
    return Refund(
        id=refund.id,
        state=REFUND_STATES.get(state, state),
        amount=Money(refund.amount, refund.currency),
        reason=getattr(refund, "failure_reason", None) or "",  # sent only with a refund that has failed
    )


def _dispute(dispute: stripe.Dispute) -> Dispute:
    """Whose case it is, only its payment says. A ``due_by`` of 0 is the bank's way to hear nobody."""
    intent = dispute.payment_intent
    paid = intent if isinstance(intent, stripe.PaymentIntent) else None
    due_by = dispute.evidence_details.due_by
    return Dispute(
        id=dispute.id,
        payment=paid.id if paid else "",
        case=_metadata(paid).get("case", ""),
        amount=Money(dispute.amount, dispute.currency),
        state=DISPUTE_STATES.get(dispute.status, dispute.status),
        reason=dispute.reason,
        respond_by=_instant(due_by) if due_by else None,
    )


def _checkout_item(session: stripe.checkout.Session) -> StatementItem:
    """With the payment that it came to, or with the one that was tried in vain."""
    checkout, intent = _checkout(session), session.payment_intent
    payment = intent.id if isinstance(intent, stripe.PaymentIntent) else intent or ""
    return StatementItem(
        checkout.id, checkout.case, payment, checkout.amount, checkout.state, _instant(session.created)
    )


def _item(thing: stripe.Charge | stripe.Refund | stripe.Dispute) -> StatementItem:
    """A dispute, or a refund that somebody made by hand, tells its case by its payment alone."""
    intent = thing.payment_intent
    payment = intent if isinstance(intent, stripe.PaymentIntent) else None
    state = thing.status or "pending"
    return StatementItem(
        id=thing.id,
        case=_metadata(thing).get("case") or _metadata(payment).get("case", ""),
        payment=payment.id if payment else str(intent or ""),
        amount=Money(thing.amount, thing.currency),
        state=_STATES[thing.object].get(state, state),
        created=_instant(thing.created),
        key=_metadata(thing).get("key", "") if isinstance(thing, stripe.Refund) else "",
    )


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _second(at: datetime) -> int:
    """The first whole second that is not before this instant."""
    return math.ceil(at.timestamp())


def _metadata(thing: stripe.Charge | stripe.Dispute | stripe.PaymentIntent | stripe.Refund | None) -> dict[str, Any]:
    return thing.metadata.to_dict() if thing and thing.metadata else {}
