"""A whole hall in memory: every port, the real catalogue, and a clock that goes only when it is told to.

``drain`` does what the stream, the queue and the sweep would do, in a fixed order, until nothing is left to do now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.adapters import memory
from chalicelib.adapters.calendars import HolidayCalendar
from chalicelib.adapters.couriers.memory import MemoryCourier
from chalicelib.adapters.couriers.open_http import OpenWebhook
from chalicelib.adapters.local_signer import LocalSigner
from chalicelib.adapters.memory_payments import MemoryPayments
from chalicelib.adapters.oidc import OidcIdentities
from chalicelib.adapters.stripe_webhook import StripeWebhook
from chalicelib.domain.secrecy import derived
from chalicelib.forms.catalogue import Catalogue
from chalicelib.forms.inspection import inspect
from chalicelib.ports import CertificateDocument, CourierWebhook, Finding, InboxMessage, Party
from chalicelib.usecases.folds import Folds
from chalicelib.usecases.inbox import try_apply
from chalicelib.usecases.perform import perform
from chalicelib.usecases.relay import relay
from chalicelib.usecases.vendors import GuardedCourier, GuardedPayments, Health
from chalicelib.workers.sweep import push

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
COURIER = "open"
COURIER_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
COURIER_TOKEN = "a-secret-part-of-the-path"
STRIPE_SECRET = "whsec_test"
ISSUER = "https://issuer.invalid/desk"
AUDIENCE = "doorstep-desk"
ROUNDS = 100  # more than any case can need: a hall that never comes to rest is a failure


def token_of(courier: str) -> str:
    """The secret part of the address that this courier reports to."""
    return derived(COURIER_TOKEN, courier)


@dataclass
class Clock:
    """Gives the time; ``advance`` turns it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> datetime:
        self.now += by
        return self.now


@dataclass(frozen=True)
class Message:
    key: str
    channel: str
    to: str
    text: str


@dataclass
class RecordingNotifier:
    """Implements ports.Notifier; a gateway that keeps keys: the same message again is sent once."""

    messages: list[Message] = field(default_factory=list)

    def sms(self, key: str, phone: str, text: str) -> None:
        self._send(Message(key, "sms", phone, text))

    def email(self, key: str, address: str, subject: str, text: str) -> None:
        self._send(Message(key, "email", address, f"{subject}\n{text}"))

    def _send(self, message: Message) -> None:
        if message.key not in {sent.key for sent in self.messages}:
            self.messages.append(message)


class PlainTypesetter:
    """Implements ports.Typesetter without Typst: a text that names the certificate."""

    def typeset(self, template: str, document: CertificateDocument) -> bytes:
        return f"%PDF-1.7 {document.number} {document.seal_url} {sorted(document.fields)}".encode()


class PlainInspector:
    """Implements ports.Inspector in this very process."""

    def inspect(self, content: bytes, accepts: Sequence[str]) -> Finding:
        return Finding(*inspect(content, accepts))


class Issuer:
    """An OpenID Connect issuer with one key, for the desk's tokens."""

    def __init__(self, clock: Clock, issuer: str = ISSUER) -> None:
        self._clock = clock
        self._issuer = issuer
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.kid = "desk-key"
        self.fetched: list[str] = []

    def fetch(self, url: str) -> dict[str, Any]:
        """What ``OidcIdentities`` gets instead of the network."""
        self.fetched.append(url)
        if url.endswith("openid-configuration"):
            return {"issuer": self._issuer, "jwks_uri": f"{self._issuer}/keys"}
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": self.kid, "alg": "ES256", "use": "sig"}]}

    def token(self, subject: str, *groups: str, **changes: Any) -> str:
        """A signed token of this person; ``changes`` replace claims, None takes one out."""
        now = int(self._clock().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + 3600,
            "cognito:groups": list(groups),
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self._key, algorithm="ES256", headers={"kid": self.kid})


class _Behind:
    """A guard that tests can look behind: what it does not have itself is that of the vendor behind it."""

    def __init__(self, guard: Any, vendor: Any) -> None:
        vars(self).update(guard=guard, vendor=vendor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.guard if hasattr(type(self.guard), name) else self.vendor, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.vendor, name, value)


class MemoryHall:
    """Implements usecases.hall.Hall."""

    url = "https://hall.example"
    mac_key = b"a key of the tests, and of nothing else"
    party = Party("政务服务中心", "02100000000", "上海市", "上海市", "徐汇区", "样例路 2 号", "200030")

    def __init__(
        self, now: datetime = MONDAY, *, catalogue: Catalogue | None = None, couriers: Sequence[str] = (COURIER,)
    ) -> None:
        self.clock = Clock(now)
        self.calendar = HolidayCalendar("CN", "Asia/Shanghai")
        self.catalogue = catalogue or Catalogue()
        self.folds = Folds()
        self.log = memory.MemoryCaseLog()
        self.ledger = memory.MemoryLedger()
        self.read_model = memory.MemoryReadModel()
        self.inbox = memory.MemoryInbox()
        self.register = memory.MemoryCertificateRegister()
        self.lookups = memory.MemoryLookups()
        self.steps = memory.MemoryStepQueue()
        self.files = memory.MemoryFiles()
        self.uploads = memory.MemoryFiles("https://uploads.invalid")
        self.inspector = PlainInspector()
        self.scans_uploads = False
        self.uploads_bucket = "uploads"
        self.health = Health(self)
        self.payments = self.guarded(MemoryPayments(self.clock))
        self.payment_webhook = StripeWebhook(STRIPE_SECRET)
        self.notifier = RecordingNotifier()
        self.signer = LocalSigner()
        self.typesetter = PlainTypesetter()
        self.issuer = Issuer(self.clock)
        self.identities = OidcIdentities(ISSUER, AUDIENCE, clock=self.clock, fetch=self.issuer.fetch)
        self.courier_codes = tuple(couriers)
        self.vendors: dict[str, Any] = {code: MemoryCourier(code) for code in couriers}

    @property
    def now(self) -> Clock:
        return self.clock

    def guarded(self, payments: Any) -> Any:
        """Payments as the hall asks them, with all that is behind the guard."""
        return _Behind(GuardedPayments(payments, self.health), payments)

    def couriers_for(self, service: str) -> Sequence[str]:
        return self.courier_codes

    def courier(self, code: str) -> Any:
        """As the hall asks it, with all that is behind the guard. ``vendors[code]`` is what stands there."""
        return _Behind(GuardedCourier(self.vendors[code], self.health), self.vendors[code])

    def courier_webhook(self, code: str) -> CourierWebhook:
        if code not in self.vendors:
            raise KeyError(code)
        return OpenWebhook(COURIER_SECRET, code)

    def courier_token(self, code: str) -> str:
        return token_of(code)

    # --- the workers' part ---

    def drain(self) -> int:
        """Hand on, apply and perform everything that is due now, until nothing is left; gives the steps done."""
        done = 0
        for _ in range(ROUNDS):
            moved = self._apply_inbox() + self._relay()
            performed = self._perform()
            done += performed
            if not moved and not performed:
                return done
        raise AssertionError("the hall does not come to rest")

    def sweep_and_drain(self) -> int:
        """As ``drain``, after the sweep has looked at every case whose time has come."""
        push(self, grace=timedelta(seconds=-1))
        return self.drain()

    def _apply_inbox(self) -> int:
        """What was applied or set aside; what has to wait for the sweep is left to it."""
        waiting = self._new_messages()
        for message in waiting:
            try_apply(self, message)
        return len(waiting) - len(self._new_messages())

    def _new_messages(self) -> list[InboxMessage]:
        return list(self.inbox.new_before(self.clock() + timedelta(seconds=1)))

    def _relay(self) -> int:
        waiting = sorted(self.log.unrelayed(self.clock() + timedelta(seconds=1)))
        for number in sorted({number for number, _ in waiting}):
            relay(self, number, [version for case, version in waiting if case == number])
        return len(waiting)

    def _perform(self) -> int:
        """A step sent twice in one round is done once: the second finds nothing owed."""
        taken = self.steps.take()
        return sum(perform(self, number, kind, subject) == "done" for number, kind, subject in taken)
