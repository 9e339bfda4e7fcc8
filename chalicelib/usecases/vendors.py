"""Vendors' health: a vendor that keeps failing is left alone for a while, by all processes of the hall together.

What is known of a vendor is a circuit (``domain/circuit.py``) in Lookups under ``vendor#<code>``. A process reads it at
most once in ``FRESH`` and keeps it; while a vendor works nothing is written. ``GuardedCourier`` and ``GuardedPayments``
stand around the adapters, so that nobody who asks a vendor has to think of its health.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from chalicelib import ports
from chalicelib.domain.circuit import SOUND, Circuit, State, failed, from_json, probing, state, to_json
from chalicelib.domain.money import Money
from chalicelib.logs import logger
from chalicelib.ports import VendorError, VendorRejected, VendorTemporary, VendorUnknown

PAYMENTS = "stripe"  # the payment provider's code among the vendors
FRESH = timedelta(seconds=30)  # for so long a process goes by what it read
# What nobody has added to for so long says nothing about today. Longer than whoever waits for a vendor stays away from
# it (LONGEST_PAUSE, a spread and a run of the sweep), or an outage would be forgotten while it lasts.
FORGET = timedelta(minutes=30)
TRIES = 3  # at writing down what several find out at once
CODE = "circuit_open"

log = logger("vendors")
T = TypeVar("T")


class CircuitOpen(VendorTemporary):
    """The vendor was not asked, because it has not answered lately. Whoever comes back at ``retry_at`` may be the one
    to see whether it answers again."""

    def __init__(self, vendor: str, retry_at: datetime) -> None:
        super().__init__(vendor, CODE)
        self.retry_at = retry_at


class _Shared(Protocol):
    """What all processes of the hall have in common."""

    @property
    def now(self) -> Callable[[], datetime]: ...

    @property
    def lookups(self) -> ports.Lookups: ...


class Health:
    """What is known of the vendors. One for a process; ``chance`` gives numbers from 0 to 1, for jitter.

    That the store is out of reach must keep nobody from a vendor, nor lose its answer: then a process goes by what it
    knew last.
    """

    def __init__(self, hall: _Shared, chance: Callable[[], float] = random.random) -> None:
        self._hall = hall
        self._chance = chance
        self._seen: dict[str, tuple[Circuit, datetime]] = {}

    def circuit(self, vendor: str) -> Circuit:
        """As it was within the last ``FRESH``: one read at most."""
        circuit, at = self._seen.get(vendor, (SOUND, None))
        return circuit if at and self._hall.now() - at < FRESH else self.look(vendor)

    def look(self, vendor: str) -> Circuit:
        """As it is now: one read."""
        try:
            return self._keep(vendor, self._stored(vendor) or SOUND)
        except VendorError as error:
            _not_known(vendor, error)
            return self._known(vendor)

    def retry_at(self, vendor: str) -> datetime | None:
        """When a vendor that this process knows to be down may be asked again; None for any other. No read."""
        return self._known(vendor).retry_at

    def ask(self, vendor: str, question: Callable[[], T]) -> T:
        """Ask the vendor, and learn from how it goes. CircuitOpen: it was not asked."""
        probe = self._admit(vendor)
        try:
            answer = question()
        except VendorRejected:
            self._answered(vendor)
            raise
        except (VendorTemporary, VendorUnknown) as error:
            self._failed(vendor, error.code, probe=probe)
            raise
        self._answered(vendor)
        return answer

    def _admit(self, vendor: str) -> bool:
        """Whether this is a probe. CircuitOpen: neither that nor a vendor that works."""
        circuit = self.circuit(vendor)
        now = self._hall.now()
        if state(circuit, now) is State.HALF_OPEN:
            if self._take_probe(vendor, circuit):
                return True
            circuit = self._known(vendor)
        if circuit.retry_at is None:
            return False
        raise CircuitOpen(vendor, max(circuit.retry_at, now))

    def _take_probe(self, vendor: str, circuit: Circuit) -> bool:
        """Whether it is ours to probe. Whoever was faster is known afterwards."""
        now = self._hall.now()
        try:
            if self._replace(vendor, circuit, probing(circuit, now)):
                return True
        except VendorError as error:
            _not_known(vendor, error)
            return False
        self.look(vendor)
        return False

    def _failed(self, vendor: str, code: str, *, probe: bool) -> None:
        now, chance = self._hall.now(), self._chance()
        before, after = self._learn(vendor, lambda circuit: failed(circuit, code, now, chance, probe=probe))
        if state(before, now) is State.CLOSED and state(after, now) is State.OPEN:
            log.warning("vendor is down", extra={"vendor": vendor, "error": code, "retry_at": after.retry_at})

    def _answered(self, vendor: str) -> None:
        """One answer makes up for all failures. A process that knows of none has nothing to write."""
        if self._known(vendor) == SOUND:
            return
        before, _ = self._learn(vendor, lambda _: SOUND)
        if before.retry_at is not None:
            log.info("vendor is back", extra={"vendor": vendor, "since": before.since})

    def _learn(self, vendor: str, lesson: Callable[[Circuit], Circuit]) -> tuple[Circuit, Circuit]:
        """Write down what was learnt: the circuit before and after. Who loses too often leaves it to the winners."""
        before = after = SOUND
        try:
            for _ in range(TRIES):
                stored = self._stored(vendor)
                before = stored or SOUND
                after = lesson(before)
                if after == before or self._put(vendor, stored, after):
                    self._keep(vendor, after)
                    break
        except VendorError as error:
            _not_known(vendor, error)
        return before, after

    def _put(self, vendor: str, stored: Circuit | None, circuit: Circuit) -> bool:
        if stored is not None:
            return self._replace(vendor, stored, circuit)
        now = self._hall.now()
        return self._hall.lookups.put_once(_key(vendor), to_json(circuit), now=now, expires=now + FORGET)

    def _replace(self, vendor: str, stored: Circuit, circuit: Circuit) -> bool:
        expires = self._hall.now() + FORGET
        done = self._hall.lookups.replace(_key(vendor), to_json(stored), to_json(circuit), expires=expires)
        if done:
            self._keep(vendor, circuit)
        return done

    def _stored(self, vendor: str) -> Circuit | None:
        found = self._hall.lookups.get(_key(vendor), now=self._hall.now())
        return None if found is None else from_json(found)

    def _known(self, vendor: str) -> Circuit:
        return self._seen[vendor][0] if vendor in self._seen else SOUND

    def _keep(self, vendor: str, circuit: Circuit) -> Circuit:
        self._seen[vendor] = circuit, self._hall.now()
        return circuit


def _key(vendor: str) -> str:
    return f"vendor#{vendor}"


def _not_known(vendor: str, error: VendorError) -> None:
    log.warning("vendor's health is not known", extra={"vendor": vendor, "error": error.code})


class GuardedCourier:
    """Implements ports.Courier around another one. Every method may raise CircuitOpen besides."""

    def __init__(self, courier: ports.Courier, health: Health) -> None:
        self._courier = courier
        self._health = health

    @property
    def code(self) -> str:
        return self._courier.code

    @property
    def finds_by_order(self) -> bool:
        return self._courier.finds_by_order

    def order(self, order: ports.CourierOrder) -> ports.Shipment:
        return self._health.ask(self.code, lambda: self._courier.order(order))

    def cancel(self, order: str, waybill: str) -> None:
        self._health.ask(self.code, lambda: self._courier.cancel(order, waybill))

    def query(self, order: str, waybill: str) -> ports.Shipment | None:
        return self._health.ask(self.code, lambda: self._courier.query(order, waybill))


class GuardedPayments:
    """Implements ports.Payments around another one. Every method may raise CircuitOpen besides."""

    def __init__(self, payments: ports.Payments, health: Health) -> None:
        self._payments = payments
        self._health = health

    def open_checkout(
        self,
        key: str,
        case: str,
        lines: Sequence[ports.CheckoutLine],
        currency: str,
        *,
        language: str,
        return_url: str,
        expires_at: datetime,
    ) -> ports.Checkout:
        return self._ask(
            lambda: self._payments.open_checkout(
                key, case, lines, currency, language=language, return_url=return_url, expires_at=expires_at
            )
        )

    def checkout(self, id: str) -> ports.Checkout:
        return self._ask(lambda: self._payments.checkout(id))

    def expire_checkout(self, id: str) -> ports.Checkout:
        return self._ask(lambda: self._payments.expire_checkout(id))

    def refund(self, key: str, payment: str, amount: Money, case: str) -> ports.Refund:
        return self._ask(lambda: self._payments.refund(key, payment, amount, case))

    def refund_made(self, key: str, payment: str) -> ports.Refund | None:
        return self._ask(lambda: self._payments.refund_made(key, payment))

    def dispute(self, id: str) -> ports.Dispute:
        return self._ask(lambda: self._payments.dispute(id))

    def disputes(self, payment: str) -> tuple[ports.Dispute, ...]:
        return self._ask(lambda: self._payments.disputes(payment))

    def statement(self, since: datetime, until: datetime) -> ports.Statement:
        return self._ask(lambda: self._payments.statement(since, until))

    def _ask(self, question: Callable[[], T]) -> T:
        return self._health.ask(PAYMENTS, question)
