"""Webhooks that nobody sent: genuine ones of each vendor, and what a stranger can make of them, by lot from a seed."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.ports import CourierOrder, Forged, News, Shipment
from infra.local import agreements
from infra.local.courier_counterpart.app import SIDES
from infra.local.courier_counterpart.book import Book, Event, Push
from infra.local.courier_counterpart.chaos import Chaos
from infra.local.courier_counterpart.depot import Depot
from infra.local.courier_counterpart.dialects import Dialect
from tests.halls import STRIPE_SECRET, Clock

SECRETS = agreements.made()
STRANGERS = agreements.made()
MINUTE = timedelta(minutes=1)
NONSENSE = (b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 9999, b"sign=&param=", b'{"Body":1}', b"0" * 1000)


@dataclass(frozen=True)
class Webhook:
    """One request; ``at`` is how far from now it comes to the hall's door, ``kind`` what was done to it."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    kind: str = "genuine"
    later: timedelta = timedelta()


def terms_of(code: str, token: str, secrets: Mapping[str, Mapping[str, str]] = SECRETS) -> Terms:
    """What the hall and a courier have agreed upon."""
    options = agreements.options("https://couriers.example")[code]
    return Terms(options, secrets[code], f"https://hall.example/webhooks/couriers/{code}/{token}")


class Sender:
    """A courier, from its own side: books orders, and writes what it would push."""

    def __init__(self, code: str, room: Path, token: str, clock: Clock) -> None:
        self.code, self._clock, self._token = code, clock, token
        self._depot = Depot(Book(room / f"{code}.sqlite"), Chaos(), clock)
        self._side = self._dialect(SECRETS)
        self._stranger = self._dialect(STRANGERS)
        self.webhook = couriers.webhook(code, terms_of(code, token))

    def close(self) -> None:
        """Close the book."""
        self._depot.book.close()

    def push(self, number: str, state: str) -> Webhook:
        """Let something happen to a parcel, and tell it as the courier would, now."""
        parcel = self._depot.accept(self.code, number)
        return self._letter(self._side, number, self._depot.move(parcel, state, "", self._side.tick), self._clock())

    def again(self, number: str, away: timedelta = timedelta()) -> Webhook:
        """What happened last, told once more, so far from now."""
        return self._letter(self._side, number, self._last(number), self._clock() + away)

    def of_a_stranger(self, number: str) -> Webhook:
        """What happened last, told by somebody who has other secrets."""
        return self._letter(self._stranger, number, self._last(number), self._clock())

    def understood(self, webhook: Webhook, now: datetime) -> tuple[str, tuple[News, ...]] | None:
        """Identity and news of a message; None when it is refused."""
        try:
            return self.webhook.authenticate(webhook.headers, webhook.body, now), self.webhook.read(webhook.body)
        except (Forged, ValueError):
            return None

    def _last(self, number: str) -> Event:
        parcel = self._depot.book.ordered(self.code, number)
        assert parcel is not None
        return parcel.events[-1]

    def _dialect(self, secrets: Mapping[str, Mapping[str, str]]) -> Dialect:
        side = SIDES[self.code](agreements.terms(secrets)[self.code])
        side.routes(self._depot)
        return side

    def _letter(self, side: Dialect, number: str, event: Event, now: datetime) -> Webhook:
        letter = side.letter(Push(1, event, self.code, number, 0.0, 0), now)
        return Webhook(f"/webhooks/couriers/{self.code}/{self._token}", letter.headers, letter.body)


@dataclass
class SenderAsCourier:
    """Implements ports.Courier as far as a hall needs it that waits for news: the parcel is the sender's."""

    sender: Sender
    finds_by_order = False

    @property
    def code(self) -> str:
        return self.sender.code

    def order(self, order: CourierOrder) -> Shipment:
        """Book it; the waybill is the one that its messages name."""
        told = self.sender.webhook.read(self.sender.push(order.number, "in_transit").body)
        return Shipment(order.number, told[-1].waybill)

    def cancel(self, order: str, waybill: str) -> None:
        """Nothing is called off here."""

    def query(self, order: str, waybill: str) -> Shipment | None:
        """Nothing is asked for here."""


def stripe_event(event_id: str, session: str, at: datetime, *, secret: str = STRIPE_SECRET) -> Webhook:
    """A paid session, signed as Stripe does."""
    event = {
        "id": event_id,
        "object": "event",
        "type": "checkout.session.completed",
        "data": {"object": {"id": session, "metadata": {}}},
    }
    body = json.dumps(event).encode()
    time = str(int(at.timestamp()))
    signature = hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "Stripe-Signature": f"t={time},v1={signature}"}
    return Webhook("/webhooks/stripe", headers, body)


# --- what a stranger makes of them -------------------------------------------------------------------------------

Forge = Callable[[random.Random], Webhook]


def altered(webhook: Webhook, dice: random.Random) -> Webhook:
    """Some bytes of the body are other ones, more, or fewer."""
    body = bytearray(webhook.body)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        at = dice.randrange(len(body))
        match dice.randrange(4):
            case 0:
                body[at] ^= 1 << dice.randrange(8)
            case 1:
                body[at:at] = dice.randbytes(dice.randrange(1, 4))
            case 2:
                del body[at : at + dice.randrange(1, 20)]
            case _:
                body[at:] = b""
        if not body:
            break
    return replace(webhook, body=bytes(body), kind="altered")


def with_other_proof(webhook: Webhook, dice: random.Random) -> Webhook:
    """A header that proves something is missing, or says something else."""
    proofs = [name for name in webhook.headers if name.lower() != "content-type"]
    name = dice.choice(proofs)
    headers = dict(webhook.headers)
    value = headers.pop(name)
    at = dice.randrange(len(value))
    other = dice.choice([c for c in "0123456789abcdefABCDEF,=. " if c != value[at]])
    match dice.randrange(4):
        case 0:
            pass
        case 1:
            headers[name] = value[:at] + other + value[at + 1 :]
        case 2:
            headers[name] = value[:at]
        case _:
            headers[name] = ""
    return replace(webhook, headers=headers, kind="another proof")


def at_another_address(webhook: Webhook, dice: random.Random) -> Webhook:
    """The secret part of the path is guessed."""
    base, token = webhook.path.rsplit("/", 1)
    at = dice.randrange(len(token))
    guesses = (
        "".join(dice.choices("abcdefghijklmnopqrstuvwxyz-_0123456789", k=dice.randrange(1, 60))),
        token[:at] + ("x" if token[at] != "x" else "y") + token[at + 1 :],
        token[: at or 1],
        token + dice.choice("abc-_~"),
        token.upper(),
        token[::-1],
        "%00" + token,
    )
    return replace(webhook, path=f"{base}/{dice.choice(guesses)}", kind="another address")


def nonsense(webhook: Webhook, dice: random.Random) -> Webhook:
    """No message of anybody's."""
    body = dice.choice((*NONSENSE, dice.randbytes(dice.randrange(1, 300))))
    return replace(webhook, body=body, kind="nonsense")


def by_lot(seed: str, number: int, forges: Mapping[str, Forge]) -> Iterator[Webhook]:
    """So many forgeries of all kinds in turn; the same ones for the same seed."""
    dice = random.Random(seed)
    kinds = list(forges)
    return (forges[kinds[n % len(kinds)]](dice) for n in range(number))
