"""Sends the webhooks that are owed: signed, in no fixed order, again until they are taken."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import stripe
import urllib3

from infra.local.stripe_counterpart.control import Control
from infra.local.stripe_counterpart.store import Delivery, Store

log = logging.getLogger(__name__)

SENDERS = 4
LONGEST_WAIT = 60.0  # seconds between two attempts


@dataclass(frozen=True, slots=True)
class Address:
    """Where webhooks go (``url`` "" = nowhere), signed with what, how patiently: waits double from ``first_wait``."""

    url: str
    secret: str
    attempts: int = 20
    first_wait: float = 1.0
    timeout: float = 30.0


class Postman:
    """A thread that wakes when ``wake`` is called, or when something is due."""

    def __init__(self, store: Store, control: Control, address: Address) -> None:
        self._store = store
        self._control = control
        self._address = address
        self._http = urllib3.PoolManager(maxsize=SENDERS, retries=False, timeout=address.timeout)
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)

    def start(self) -> None:
        """Begin to send, if there is anywhere to send to."""
        if self._address.url:
            self._thread.start()

    def stop(self) -> None:
        """Finish what is on its way; what is still owed waits in the store."""
        self._stopping = True
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._http.clear()

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    def _run(self) -> None:
        with ThreadPoolExecutor(SENDERS) as senders:
            while not self._stopping:
                self._woken.clear()
                batch = self._batch()
                if self._control.switches.reverse:
                    for delivery in batch:
                        self._deliver(delivery)
                else:
                    list(senders.map(self._deliver, batch))
                if not batch:
                    self._woken.wait(self._pause())

    def _batch(self) -> list[Delivery]:
        """What is due now, in the order of sending."""
        if self._control.switches.hold:
            return []
        with self._store.transaction():
            batch = self._store.owed(time.time())
        if self._control.switches.reverse:
            return batch[::-1]
        random.shuffle(batch)
        return batch

    def _pause(self) -> float | None:
        """Seconds until something is due; None: until woken."""
        if self._control.switches.hold:
            return None
        with self._store.transaction():
            due = self._store.next_due()
        return None if due is None else max(0.0, due - time.time())

    def _deliver(self, delivery: Delivery) -> None:
        if self._control.switches.drop:
            state, due = "dropped", 0.0
        else:
            taken = [self._post(delivery.event) for _ in range(2 if self._control.switches.duplicate else 1)]
            state, due = ("delivered", 0.0) if all(taken) else self._later(delivery)
        with self._store.transaction():
            self._store.settle(delivery, state, due)

    def _later(self, delivery: Delivery) -> tuple[str, float]:
        if delivery.attempts + 1 >= self._address.attempts:
            log.warning("webhook %s given up", delivery.event)
            return "given_up", 0.0
        wait = min(self._address.first_wait * 2**delivery.attempts, LONGEST_WAIT)
        return "owed", time.time() + wait

    def _post(self, event: str) -> bool:
        """Whether the other side has taken it."""
        with self._store.transaction():
            body = json.dumps(self._store.get("event", event), indent=2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, self._address.secret),
        }
        try:
            answer = self._http.request("POST", self._address.url, body=body.encode(), headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            log.info("webhook %s: %s", event, type(error).__name__)
            return False
        return 200 <= answer.status < 300


def sign(body: str, secret: str, timestamp: int | None = None) -> str:
    """A ``Stripe-Signature`` header, made by Stripe's own library."""
    header: str = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp)
    return header
