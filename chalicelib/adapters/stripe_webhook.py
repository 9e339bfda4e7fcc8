"""What Stripe tells us by webhook: verified over the raw bytes, without loading the ``stripe`` library.

The scheme is Stripe's own (https://docs.stripe.com/webhooks#verify-manually): ``Stripe-Signature: t=<unix>,v1=<hex>``,
where each ``v1`` is an HMAC-SHA-256 of ``<t>.<body>``; there are several while a secret is being rolled. The library's
check takes its time from the wall clock and lets the future pass, so ours is the stricter one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.domain.secrecy import is_same
from chalicelib.ports import Forged

CHECKOUT_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    }
)


DISPUTE_EVENTS = "charge.dispute."  # created, updated, closed, funds_withdrawn, funds_reinstated

# What is kept of an event, of the thing that it is about, and of the metadata that the hall gave it.
EVENT_KEPT = ("id", "object", "type", "api_version", "created")
THING_KEPT = ("id", "object", "payment_intent", "charge")
METADATA_KEPT = ("case", "key")


class StripeWebhook:
    """Implements ports.PaymentWebhook.

    ``secrets`` are the endpoint's signing secrets: one, or two while one is being replaced. ``tolerance`` is in
    seconds, into the past as into the future.
    """

    def __init__(self, secrets: str | Sequence[str], tolerance: int = 300) -> None:
        given = (secrets,) if isinstance(secrets, str) else tuple(secrets)
        if not given or not all(secret.strip() for secret in given):
            raise ValueError("a webhook needs its signing secret")
        self._secrets = tuple(secret.encode() for secret in given)
        self._tolerance = tolerance

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The event's id. Forged: the signature or its time does not hold, or what is signed is no event."""
        timestamp, signatures = _parse(headers.get("stripe-signature", ""))
        if not any(self._signed(timestamp, body, signature) for signature in signatures):
            raise Forged("signature")
        if abs(now.timestamp() - int(timestamp)) > self._tolerance:
            raise Forged("time")
        return _event_id(body)

    def reduced(self, body: bytes) -> bytes:
        """What is read of an authenticated event, and what a person needs to find it at Stripe: ``…_KEPT``.

        The rest may tell of the payer (https://docs.stripe.com/api/charges/object#charge_object-billing_details), and
        what has become of the thing is asked for anew anyway.
        """
        event = json.loads(body)
        data = event.get("data")
        thing = data.get("object") if isinstance(data, dict) else None
        kept = _plain(event, EVENT_KEPT)
        if isinstance(thing, dict):
            kept["data"] = {"object": _plain(thing, THING_KEPT)}
            if isinstance(thing.get("metadata"), dict):
                kept["data"]["object"]["metadata"] = _plain(thing["metadata"], METADATA_KEPT)
        return json.dumps(kept, separators=(",", ":")).encode()

    def checkout_of(self, body: bytes) -> str | None:
        """The checkout that an authenticated event is about; None: an event that changes no checkout.

        Charges and refunds don't carry their session's id: see ``case_of`` for those.
        """
        event = json.loads(body)
        return str(event["data"]["object"]["id"]) if event["type"] in CHECKOUT_EVENTS else None

    def dispute_of(self, body: bytes) -> str | None:
        """The dispute that an authenticated event is about. It does not carry its payment's metadata."""
        event = json.loads(body)
        return str(event["data"]["object"]["id"]) if event["type"].startswith(DISPUTE_EVENTS) else None

    def case_of(self, body: bytes) -> str | None:
        """The number of the case that an authenticated event's session, payment, charge or refund was made for."""
        metadata: dict[str, Any] | None = json.loads(body)["data"]["object"].get("metadata")
        return (metadata or {}).get("case")

    def _signed(self, timestamp: str, body: bytes, signature: bytes) -> bool:
        payload = timestamp.encode() + b"." + body
        digests = (hmac.new(secret, payload, hashlib.sha256).hexdigest() for secret in self._secrets)
        return any(is_same(signature, digest) for digest in digests)


def _parse(header: str) -> tuple[str, list[bytes]]:
    """Timestamp and ``v1`` signatures of a header; signatures of other schemes do not count."""
    pairs = list(_pairs(header))
    timestamps = [value for name, value in pairs if name == "t"]
    signatures = [value.encode(errors="replace") for name, value in pairs if name == "v1"]
    if len(timestamps) != 1 or not (timestamps[0].isascii() and timestamps[0].isdigit()) or len(timestamps[0]) > 12:
        raise Forged("header")
    return timestamps[0], signatures


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    for item in header.split(","):
        name, _, value = item.strip().partition("=")
        yield name, value


def _plain(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Only these, and of these only texts and numbers: an object in place of its id could hold anything."""
    return {name: given[name] for name in names if isinstance(given.get(name), str | int)}


def _event_id(body: bytes) -> str:
    try:
        event = json.loads(body)
    except ValueError:
        raise Forged("body") from None
    if not isinstance(event, dict) or event.get("object") != "event" or not isinstance(event.get("id"), str):
        raise Forged("body")
    return str(event["id"])
