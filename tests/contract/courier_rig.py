"""What the courier tests stand on: the counterpart, a hall that catches its pushes, and one rig per courier."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import urllib3
import uvicorn
from starlette.types import ASGIApp

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.memory import MemoryCourier
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.ports import Courier, CourierOrder, CourierWebhook, News, Party, Reply, Window
from infra.local import agreements
from infra.local.courier_counterpart.app import build
from infra.local.courier_counterpart.postman import Hall

OPEN_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRETS = {**agreements.made(), "open": {"secret": OPEN_SECRET}}
TOKEN = "a-secret-part-of-the-path"
BEIJING = timezone(timedelta(hours=8))
WINDOW = Window(datetime(2026, 1, 5, 9, tzinfo=BEIJING), datetime(2026, 1, 5, 11, tzinfo=BEIJING))
APPLICANT = Party("张三", "13800000000", "上海市", "上海市", "徐汇区", "样例路 1 号 101 室", "200030")
HALL = Party("政务服务中心", "021-00000000", "上海市", "上海市", "徐汇区", "样例路 2 号", "200030")
LONGEST_WAIT_S = 20.0


def an_order(number: str = "D7K3-M9QF-2XHVA-pickup-1", window: Window | None = WINDOW) -> CourierOrder:
    return CourierOrder(number, APPLICANT, HALL, window)


@dataclass(frozen=True)
class Received:
    """A push as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class CatchingHall:
    """A hall that keeps each push and answers as ``answer`` says."""

    answer: Callable[[Received], Reply]
    inbox: queue.Queue[Received] = field(default_factory=queue.Queue)
    url: str = ""

    def next(self) -> Received:
        return self.inbox.get(timeout=LONGEST_WAIT_S)


@contextmanager
def catching_hall(answer: Callable[[Received], Reply], port: int = 0) -> Iterator[CatchingHall]:
    hall = CatchingHall(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            reply = hall.answer(received)
            content = reply.body.encode()
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            hall.inbox.put(received)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    hall.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hall
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve from a thread. The socket listens before the server starts, so an early request just waits for it."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", loop="asyncio", http="h11", ws="none", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def terms_of(
    code: str, url: str = "https://couriers.example", *, read_s: float = LONGEST_WAIT_S, **changes: str
) -> Terms:
    """What hall and courier have agreed upon; ``changes`` replace options or secrets."""
    options, secrets = agreements.options(url)[code], SECRETS[code]
    return Terms(
        {name: changes.get(name, value) for name, value in options.items()},
        {name: changes.get(name, value) for name, value in secrets.items()},
        f"https://hall.example/webhooks/couriers/{code}/{TOKEN}",
        read_s,
    )


def webhook_of(code: str) -> CourierWebhook:
    return couriers.webhook(code, terms_of(code))


def courier_at(url: str, code: str, *, read_s: float = LONGEST_WAIT_S, **changes: str) -> Courier:
    """A courier with the counterpart at the other end, as patient as ``read_s`` says."""
    return couriers.courier(code, terms_of(code, url, read_s=read_s, **changes))


def eventually(condition: Callable[[], bool]) -> bool:
    """Ask until it holds, for as long as a test may wait."""
    deadline = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Rig(Protocol):
    """One courier with what a test needs to do behind its back."""

    @property
    def courier(self) -> Courier: ...
    @property
    def states(self) -> frozenset[str]: ...
    @property
    def finds_by_order(self) -> bool: ...
    def impatient(self) -> Courier: ...
    def move(self, waybill: str, state: str, undoes: str = "") -> News: ...
    def fault(self, **faults: float) -> None: ...
    def waybills(self) -> list[str]: ...


class MemoryRig:
    """The in-memory courier."""

    states = frozenset({"picked_up", "in_transit", "out_for_delivery", "delivered", "delivery_failed", "returned"})
    finds_by_order = True

    def __init__(self) -> None:
        self.courier: MemoryCourier = MemoryCourier()
        self._now = datetime(2026, 1, 5, 10, tzinfo=UTC)

    def impatient(self) -> Courier:
        return self.courier

    def move(self, waybill: str, state: str, undoes: str = "") -> News:
        self._now += timedelta(seconds=1)
        return self.courier.move(waybill, state, self._now, undoes=undoes)

    def fault(self, **faults: float) -> None:
        for name, value in faults.items():
            setattr(self.courier, name, int(value))

    def waybills(self) -> list[str]:
        return [self.courier.order(order).waybill for order in self.courier.orders.values()]


class HttpRig:
    """A courier by HTTP, with the counterpart at the other end."""

    finds_by_order: bool

    def __init__(self, code: str, url: str, hall: CatchingHall) -> None:
        self.courier = courier_at(url, code)
        self.webhook = webhook_of(code)
        self.states = frozenset(
            {"picked_up", "in_transit", "out_for_delivery", "delivered", "delivery_failed", "returned", "cancelled"}
            | {"exception"}
        )
        self.finds_by_order = code == "open"
        self.url = url
        self.hall = hall

    def impatient(self) -> Courier:
        return courier_at(self.url, self.webhook.code, read_s=1.0)

    def move(self, waybill: str, state: str, undoes: str = "") -> News:
        self.tell(waybill, state, undoes)
        return self.read(self.hall.next())

    def tell(self, waybill: str, state: str, undoes: str = "") -> None:
        wish = {"undoes": undoes} if undoes else {"state": state}
        assert self.call("POST", f"/waybills/{waybill}/events", wish).status == 201

    def read(self, push: Received) -> News:
        self.webhook.authenticate(push.headers, push.body, datetime.now(UTC))
        (news,) = self.webhook.read(push.body)
        return news

    def fault(self, **faults: float) -> None:
        assert self.call("PUT", "/chaos", faults).status == 200

    def waybills(self) -> list[str]:
        return [parcel["waybill"] for parcel in self.call("GET", "/waybills").json()]

    def call(self, method: str, path: str, document: Any = None) -> urllib3.BaseHTTPResponse:
        body = None if document is None else json.dumps(document)
        headers = {"content-type": "application/json"}
        return urllib3.request(method, self.url + path, body=body, headers=headers, retries=False)


def acknowledging(received: Received) -> Reply:
    """The answer of a hall that is well."""
    code = received.path.split("/")[3]
    return webhook_of(code).acknowledge(received.body)


@contextmanager
def counterpart(hall_url: str, state: Path) -> Iterator[str]:
    with serving(
        build(Hall(hall_url, TOKEN), agreements.terms(SECRETS), state / "couriers.sqlite", retry_s=0.05)
    ) as url:
        yield url


@contextmanager
def http_rig(code: str, state: Path) -> Iterator[HttpRig]:
    with catching_hall(acknowledging) as hall, counterpart(hall.url, state) as url:
        yield HttpRig(code, url, hall)
