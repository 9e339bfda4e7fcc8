"""What the tests of payments stand on: a clock to turn, two desks that must behave alike, an ear for webhooks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import urllib3

from chalicelib.adapters.memory_payments import MemoryPayments
from chalicelib.adapters.stripe_payments import StripePayments
from chalicelib.domain.money import Money
from chalicelib.ports import Checkout, CheckoutLine, Payments, Refund
from infra.local.stripe_counterpart.postman import Address
from infra.local.stripe_counterpart.running import running

CASE = "D7K3-M9QF-2XHVA"
LINES = (CheckoutLine("pickup", "上门取件", 1200), CheckoutLine("fee", "工本费", 800))
RETURN_URL = "https://hall.example/t/D7K3M9QF2XHVA"
SECRET = "whsec_test"
STRIPE_STATES = {"closed": "warning_closed"}  # of a dispute, less the ones that are called the same here


@dataclass(slots=True)
class Clock:
    """A clock that starts at the real time and goes only when it is told to."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, step: timedelta) -> None:
        self.now += step

    def unix(self) -> float:
        return self.now.timestamp()


@dataclass(frozen=True, slots=True)
class Desk:
    """Payments, and the hands of the applicant, of time, and of the bank.

    ``name`` makes its keys its own, so that one counterpart serves many desks.
    """

    name: str
    payments: Payments
    clock: Clock
    pay: Callable[[str], object]
    decline: Callable[[str], object]
    expire: Callable[[str], object]
    fail_refund: Callable[[str, str], object]  # by key and refund id
    open_dispute: Callable[[str, int, bool], str]  # of a payment: so much of it (0: all), only asking; its id
    move_dispute: Callable[[str, str], object]

    def open(self, key: str = "key-1", **changes: Any) -> Checkout:
        wanted: dict[str, Any] = {
            "lines": LINES,
            "currency": "cny",
            "language": "zh-CN",
            "return_url": RETURN_URL,
            "expires_at": self.clock() + timedelta(hours=12),
        }
        wanted |= changes
        return self.payments.open_checkout(f"{self.name}-{key}", CASE, **wanted)

    def refund(self, key: str, payment: str, amount: int, currency: str = "cny") -> Refund:
        return self.payments.refund(f"{self.name}-{key}", payment, Money(amount, currency), CASE)

    def refund_made(self, key: str, payment: str) -> Refund | None:
        return self.payments.refund_made(f"{self.name}-{key}", payment)

    def bounce(self, key: str, refund: Refund) -> None:
        """The bank sends a refund back."""
        self.fail_refund(f"{self.name}-{key}", refund.id)


@dataclass(frozen=True, slots=True)
class Pages:
    """A browser and a test's hand on a counterpart."""

    url: str
    http: urllib3.PoolManager

    def use(self, session: str, outcome: str) -> urllib3.BaseHTTPResponse:
        fields = {"outcome": outcome}
        address = f"{self.url}/pay/{session}"
        return self.http.request("POST", address, fields=fields, encode_multipart=False, redirect=False)

    def control(self, **wanted: Any) -> dict[str, Any]:
        answer = self.http.request("PUT", f"{self.url}/_control", json=wanted)
        assert answer.status == 200, answer.data
        return dict(answer.json())

    def settle(self, refund: str, status: str, reason: str = "") -> None:
        wanted = {"status": status, "reason": reason}
        assert self.http.request("PUT", f"{self.url}/_control/refunds/{refund}", json=wanted).status == 200

    def dispute(self, payment: str, amount: int = 0, *, inquiry: bool = False) -> str:
        """The payer's bank disputes a payment; the dispute's id. ValueError: more than is left."""
        wanted = {"payment": payment, "inquiry": inquiry, **({"amount": amount} if amount else {})}
        answer = self.http.request("POST", f"{self.url}/_control/disputes", json=wanted)
        if answer.status == 400:
            raise ValueError(answer.data.decode())
        return str(answer.json()["id"])

    def move_dispute(self, dispute: str, status: str) -> None:
        answer = self.http.request("PUT", f"{self.url}/_control/disputes/{dispute}", json={"status": status})
        assert answer.status == 200, answer.data

    def get(self, path: str, key: str = "sk_test_rig", **headers: str) -> urllib3.BaseHTTPResponse:
        return self.http.request("GET", self.url + path, headers={"Authorization": f"Bearer {key}", **headers})

    def post(self, path: str, body: str = "", key: str = "sk_test_rig", **headers: str) -> urllib3.BaseHTTPResponse:
        form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {key}"}
        return self.http.request("POST", self.url + path, body=body, headers={**form, **headers})

    def until(self, webhooks: dict[str, int]) -> None:
        """Waits until so many webhooks are in these states; fails after 20 seconds."""
        deadline = time.monotonic() + 20
        while (found := self.control()["webhooks"]) != webhooks:
            assert time.monotonic() < deadline, found

    def count(self, path: str) -> int:
        return len(self.get(f"{path}?limit=100").json()["data"])


@contextlib.contextmanager
def counterpart(
    state_dir: Path, address: Address | None = None, clock: Callable[[], float] = time.time
) -> Iterator[Pages]:
    """A counterpart, and a client for what is not the API."""
    with running(state_dir, address, clock) as url, urllib3.PoolManager(retries=False, timeout=10) as http:
        yield Pages(url, http)


@contextlib.contextmanager
def client(url: str, key: str = "sk_test_rig", **options: Any) -> Iterator[StripePayments]:
    """The adapter, closed at the end."""
    with contextlib.closing(StripePayments(key, url, **options)) as payments:
        yield payments


def memory_desk(clock: Clock) -> Desk:
    """Payments in memory."""
    payments = MemoryPayments(clock)

    def fail_refund(key: str, refund: str) -> object:
        return payments.settle(key, "failed", "lost_or_stolen_card")

    def dispute(payment: str, amount: int, inquiry: bool) -> str:
        return payments.open_dispute(payment, amount, inquiry=inquiry).id

    return Desk(
        "memory",
        payments,
        clock,
        payments.pay,
        payments.decline,
        payments.expire,
        fail_refund,
        dispute,
        payments.move_dispute,
    )


def stripe_desk(clock: Clock, pages: Pages, payments: StripePayments) -> Desk:
    """Stripe's client against a counterpart that goes by this clock."""
    return Desk(
        uuid4().hex,
        payments,
        clock,
        pay=lambda checkout: pages.use(checkout, "paid"),
        decline=lambda checkout: pages.use(checkout, "declined"),
        expire=lambda checkout: pages.use(checkout, "expired"),
        fail_refund=lambda key, refund: pages.settle(refund, "failed", "lost_or_stolen_card"),
        open_dispute=lambda payment, amount, inquiry: pages.dispute(payment, amount, inquiry=inquiry),
        move_dispute=lambda dispute, state: pages.move_dispute(dispute, STRIPE_STATES.get(state, state)),
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that came in, header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Ear:
    """An HTTP server that notes what it hears and answers as it is told."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answers: list[tuple[int, bytes] | None] = []  # the next ones; None hangs up without a word
        self._news = threading.Condition()
        ear = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = ear.note(Heard(self.path, headers, self.rfile.read(length)))
                self.close_connection = True
                if answer is None:
                    return
                status, body = answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def note(self, heard: Heard) -> tuple[int, bytes] | None:
        with self._news:
            self.heard.append(heard)
            self._news.notify_all()
            return self.answers.pop(0) if self.answers else (200, b"{}")

    def wait(self, enough: Callable[[list[Heard]], bool]) -> list[Heard]:
        """What was heard once it is enough; fails after 20 seconds."""
        with self._news:
            assert self._news.wait_for(lambda: enough(self.heard), timeout=20), [h.path for h in self.heard]
            return list(self.heard)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
