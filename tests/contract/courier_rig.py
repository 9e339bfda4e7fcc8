"""What the courier tests stand on: the counterpart, a hall that catches its pushes, and a rig for each courier."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import urllib3
import uvicorn
from starlette.types import ASGIApp

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.adapters.memory import MemoryLookups
from chalicelib.ports import Courier, CourierOrder, CourierWebhook, News, Reply, Window
from infra.local import agreements
from infra.local.courier_counterpart.app import build
from infra.local.courier_counterpart.postman import Hall
from tests.conformance.listener import CatchingHall, Received, catching_hall
from tests.conformance.rigs import APPLICANT, HALL, LONGEST_WAIT_S, CounterpartRig, Ear

OPEN_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRETS = {**agreements.made(), "open": {"secret": OPEN_SECRET}}
TOKEN = "a-secret-part-of-the-path"
MEMORY = MemoryLookups()
BEIJING = timezone(timedelta(hours=8))
WINDOW = Window(datetime(2026, 1, 5, 9, tzinfo=BEIJING), datetime(2026, 1, 5, 11, tzinfo=BEIJING))


def an_order(number: str = "D7K3-M9QF-2XHVA-pickup-1", window: Window | None = WINDOW) -> CourierOrder:
    return CourierOrder(number, APPLICANT, HALL, window)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve from a thread. The socket listens before the server starts, so an early request just waits for it."""
    listening = socket.socket(proto=socket.IPPROTO_TCP)  # named, so that asyncio knows to answer without delay
    listening.bind(("127.0.0.1", 0))
    listening.listen()
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
        MEMORY,
    )


def webhook_of(code: str) -> CourierWebhook:
    return couriers.webhook(code, terms_of(code))


def courier_at(url: str, code: str, *, read_s: float = LONGEST_WAIT_S, **changes: str) -> Courier:
    """A courier with the counterpart at the other end, as patient as ``read_s`` says."""
    return couriers.courier(code, terms_of(code, url, read_s=read_s, **changes))


class HttpRig:
    """A courier by HTTP, with the counterpart at the other end."""

    def __init__(self, code: str, url: str, hall: CatchingHall) -> None:
        self.courier = courier_at(url, code)
        self.webhook = webhook_of(code)
        self.url = url
        self.hall = hall

    def tell(self, waybill: str, state: str, undoes: str = "") -> None:
        wish = {"undoes": undoes} if undoes else {"state": state}
        assert self.call("POST", f"/waybills/{waybill}/events", wish).status == 201

    def read(self, push: Received) -> News:
        self.webhook.authenticate(push.headers, push.body, datetime.now(UTC))
        *_, news = self.webhook.read(push.body)  # some couriers tell all that happened before, too
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


@contextmanager
def conformance_rigs(state: Path) -> Iterator[Mapping[str, CounterpartRig]]:
    """A rig for each courier of the registry, all before one counterpart and one hall."""
    ears: dict[str, Ear] = {}
    with (
        catching_hall(lambda push: ears[push.path.split("/")[3]].answer(push)) as hall,
        counterpart(hall.url, state) as url,
    ):
        ears |= {code: Ear(hall, webhook_of(code)) for code in couriers.MODULES}
        yield {code: CounterpartRig(code, url, terms_of(code, url), stranger_to(code), ears[code]) for code in ears}


def stranger_to(code: str) -> Terms:
    """What another hall has agreed upon with this courier."""
    return replace(terms_of(code), secrets=agreements.made()[code])
