"""What the checks stand on: a courier's adapter, and what can be done behind its back.

``MemoryRig`` has the courier in memory, ``CounterpartRig`` a courier of the registry with the counterpart at the other
end, ``EndpointRig`` a stranger's endpoint of the open contract.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import urllib3

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.http import Http
from chalicelib.adapters.couriers.memory import MemoryCourier
from chalicelib.adapters.couriers.open_http import OpenCourier
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.domain.numbers import ALPHABET
from chalicelib.ports import (
    COURIER_STATES,
    Courier,
    CourierOrder,
    CourierWebhook,
    News,
    Party,
    Reply,
    Shipment,
    VendorTemporary,
    VendorUnknown,
    Window,
)
from infra.local.courier_counterpart.app import SIDES
from infra.local.courier_counterpart.dialects import REASONS, TAKEN_BACK
from tests.conformance.couriers import WIRES, Wire
from tests.conformance.listener import CatchingHall, Received

LONGEST_WAIT_S = 20.0
_BEIJING = timezone(timedelta(hours=8))
APPLICANT = Party("张三", "13800000000", "上海市", "上海市", "徐汇区", "样例路 1 号 101 室", "200030")
HALL = Party("政务服务中心", "021-00000000", "上海市", "上海市", "徐汇区", "样例路 2 号", "200030")
NOBODYS_WAYBILL = "0000000000000"


class Ability(StrEnum):
    """What a rig may be able to do, in words that end "needs …"."""

    MOVES = "a way to move parcels (DRIVE, or a person)"
    DRIVE = "a drive (a person would be asked too often)"
    HEARS = "news of what has moved"
    PUSHES = "the courier's messages (LISTEN)"
    ERRS = "a courier that errs on demand"
    LOOKS = "a look into the courier's book"
    NETWORK = "an adapter of the hall that goes over the network"
    OPEN = "an endpoint of the open contract"


class CannotTell(Exception):
    """The courier has no way to tell this state; the check is skipped."""


class Silence(Exception):
    """What had to come did not come."""


@dataclass(frozen=True, slots=True)
class Words:
    """The states, the pairs of state and reason, and the states to take back, that a courier can tell."""

    states: frozenset[str]
    reasons: frozenset[tuple[str, str]]
    takes_back: frozenset[str]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Of the open contract: its address without a slash at the end, and the shared ``whsec_…``."""

    url: str
    secret: str = field(repr=False)


class Profile(Protocol):
    """What can be asked of a courier, and of the rig that it hangs in."""

    @property
    def wire(self) -> Wire: ...
    @property
    def words(self) -> Words: ...
    @property
    def abilities(self) -> frozenset[Ability]: ...


class Rig(Profile, Protocol):
    """One courier with what a check needs to do behind its back. What ``abilities`` doesn't name is not called."""

    @property
    def courier(self) -> Courier: ...
    @property
    def webhook(self) -> CourierWebhook: ...

    def begin(self) -> None:
        """Before each check: no faults are on."""

    def order_unanswered(self, order: CourierOrder) -> NoReturn:
        """Order, and give up waiting when it may be booked: raises VendorUnknown."""

    def move(self, shipment: Shipment, state: str, *, reason: str = "", undoes: str = "") -> None:
        """MOVES: let something happen to a parcel. CannotTell: the courier has no word for it."""

    def told(self, shipment: Shipment) -> tuple[News, ...]:
        """HEARS: the news that came next of this shipment. Silence: none came."""

    def push(self, shipment: Shipment) -> Received:
        """PUSHES: the next message about this shipment, taken. Silence: none came."""

    def turn_away(self, shipment: Shipment) -> None:
        """PUSHES: refuse the next message about this shipment, as a hall in trouble does."""

    def all_is_heard(self) -> bool:
        """LOOKS: whether the courier is done with repeating, or will be soon."""

    def booked(self, number: str) -> list[str]:
        """LOOKS: the waybills that the courier has booked under this order number."""

    def err(self, fault: str) -> None:
        """ERRS: ``refuse`` the next order, or ``lose`` each message from now on."""

    def unreachable(self) -> Courier:
        """NETWORK: the adapter, with nobody at the other end."""

    def stranger(self) -> CourierWebhook:
        """PUSHES: the adapter of a hall that has agreed upon other secrets."""

    @property
    def endpoint(self) -> Endpoint:
        """OPEN: where the courier speaks the open contract."""


def an_order(leg: str = "pickup", *, window: bool = True) -> CourierOrder:
    """An order that no run has placed before; the window is tomorrow's, in Beijing."""
    case = "-".join("".join(secrets.choice(ALPHABET) for _ in range(size)) for size in (4, 4, 5))
    start = datetime.now(_BEIJING).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    hours = Window(start, start + timedelta(hours=2))
    return CourierOrder(f"{case}-{leg}-1", APPLICANT, HALL, hours if window else None)


def eventually(condition: Callable[[], bool], wait_s: float = LONGEST_WAIT_S) -> bool:
    """Ask until it holds, for as long as one may wait."""
    deadline = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class MemoryRig:
    """The courier in memory: no wire, no messages, only news."""

    wire = Wire()
    words = Words(frozenset(COURIER_STATES) - {"cancelled"}, REASONS, frozenset(TAKEN_BACK))
    abilities = frozenset({Ability.MOVES, Ability.DRIVE, Ability.HEARS, Ability.ERRS, Ability.LOOKS})

    def __init__(self) -> None:
        self.courier: MemoryCourier = MemoryCourier()
        self._now = datetime(2026, 1, 5, 10, tzinfo=UTC)
        self._told: dict[str, list[News]] = {}

    def begin(self) -> None:
        self.courier.refuse = self.courier.timeout_after_booking = 0

    def order_unanswered(self, order: CourierOrder) -> NoReturn:
        self.courier.timeout_after_booking = 1
        self.courier.order(order)
        raise AssertionError("the order was answered")

    def move(self, shipment: Shipment, state: str, *, reason: str = "", undoes: str = "") -> None:
        self._now += timedelta(seconds=1)
        news = self.courier.move(shipment.waybill, state, self._now, undoes=undoes, reason=reason)
        self._told.setdefault(shipment.order, []).append(news)

    def told(self, shipment: Shipment) -> tuple[News, ...]:
        return (self._told[shipment.order].pop(0),)

    def all_is_heard(self) -> bool:
        return True

    def booked(self, number: str) -> list[str]:
        shipment = self.courier.query(number, "")
        return [shipment.waybill] if shipment else []

    def err(self, fault: str) -> None:
        if fault == "refuse":
            self.courier.refuse = 1

    @property
    def webhook(self) -> NoReturn:
        raise NotImplementedError

    push = turn_away = unreachable = stranger = endpoint = webhook


@dataclass
class Ear:
    """Listens for one courier: takes its messages out of what a hall has caught, and turns some away."""

    hall: CatchingHall
    webhook: CourierWebhook
    wait_s: float = LONGEST_WAIT_S
    _turned_away: list[Shipment] = field(default_factory=list)

    def push(self, shipment: Shipment) -> Received:
        """The next message about this shipment. Silence: none came."""
        try:
            return self.hall.next(self.wait_s, lambda push: self._is_about(push, shipment))
        except TimeoutError:
            raise Silence(f"no message about {shipment.order} came within {self.wait_s:g} s") from None

    def told(self, shipment: Shipment) -> tuple[News, ...]:
        """The news of that message."""
        push = self.push(shipment)
        now = datetime.now(UTC)
        self.webhook.authenticate(push.headers, push.body, now)
        return tuple(news.heard(now) for news in self.webhook.read(push.body))

    def turn_away(self, shipment: Shipment) -> None:
        """Refuse the next message about it."""
        self._turned_away.append(shipment)

    def answer(self, push: Received) -> Reply:
        """What the hall answers to a message."""
        about = next((shipment for shipment in self._turned_away if self._is_about(push, shipment)), None)
        if about:
            self._turned_away.remove(about)
            return Reply(503, "text/plain", "")
        return self.webhook.acknowledge(push.body)

    def _is_about(self, push: Received, shipment: Shipment) -> bool:
        try:
            news = self.webhook.read(push.body)
        except ValueError:
            return False
        return any(each.order == shipment.order or each.waybill == shipment.waybill != "" for each in news)


class CounterpartProfile:
    """What can be asked of a courier of the registry before the counterpart at its other end."""

    def __init__(self, code: str, terms: Terms) -> None:
        side = SIDES[code]({**terms.options, **terms.secrets})
        self.wire = WIRES[code]
        self.words = Words(side.states, side.reasons, side.takes_back)
        self.abilities = frozenset(Ability) - (frozenset() if code == "open" else {Ability.OPEN})


class CounterpartRig(CounterpartProfile):
    """A courier of the registry, with the counterpart at ``url`` and an ``ear`` for its messages."""

    def __init__(self, code: str, url: str, terms: Terms, stranger: Terms, ear: Ear) -> None:
        super().__init__(code, terms)
        self._code, self._url, self._terms, self._stranger, self._ear = code, url, terms, stranger, ear
        self.courier = self._courier(terms)
        self.webhook = ear.webhook
        self.endpoint = Endpoint(terms.options["url"], terms.secrets.get("secret", ""))
        self.push, self.told, self.turn_away = ear.push, ear.told, ear.turn_away

    def begin(self) -> None:
        self._call("PUT", "/chaos", {})

    def order_unanswered(self, order: CourierOrder) -> NoReturn:
        self._call("PUT", "/chaos", {"timeout_after_booking": 1})
        try:
            self._courier(replace(self._terms, read_s=0.3)).order(order)
        except VendorUnknown:
            assert eventually(lambda: bool(self.booked(order.number)), self._ear.wait_s), "it is not in the book"
            raise
        raise AssertionError("the order was answered")

    def move(self, shipment: Shipment, state: str, *, reason: str = "", undoes: str = "") -> None:
        (waybill,) = self.booked(shipment.order)
        wish = {"undoes": undoes} if undoes else {"state": state, "reason": reason}
        answer = self._call("POST", f"/waybills/{waybill}/events", wish)
        assert answer.status == 201, answer.data

    def all_is_heard(self) -> bool:
        return eventually(lambda: self._call("GET", "/pushes").json() == {"undelivered": 0}, self._ear.wait_s)

    def booked(self, number: str) -> list[str]:
        return [parcel["waybill"] for parcel in self._call("GET", f"/waybills?order={number}").json()]

    def err(self, fault: str) -> None:
        self._call("PUT", "/chaos", {fault: 1})

    def unreachable(self) -> Courier:
        options = {**self._terms.options, "url": "http://127.0.0.1:9"}
        return self._courier(replace(self._terms, options=options))

    def stranger(self) -> CourierWebhook:
        return couriers.webhook(self._code, self._stranger)

    def _courier(self, terms: Terms) -> Courier:
        return couriers.courier(self._code, terms)

    def _call(self, method: str, path: str, document: Any = None) -> urllib3.BaseHTTPResponse:
        return call(method, self._url + path, document)


class EndpointRig:
    """A stranger's endpoint of the open contract.

    Its parcels are moved by ``drive`` (POST <drive>/waybills/<waybill>/events), or by a person whom ``tell`` gives an
    instruction; ``tell`` gives whether it was carried out. Without either nothing moves.
    """

    wire = WIRES["open"]
    words = Words(frozenset(COURIER_STATES), REASONS, frozenset(TAKEN_BACK))

    def __init__(
        self, endpoint: Endpoint, *, ear: Ear | None, drive: str = "", tell: Callable[[str], bool] | None = None
    ) -> None:
        self.endpoint, self._ear, self._drive, self._tell = endpoint, ear, drive, tell
        self.courier: Courier = couriers.courier("open", Terms({"url": endpoint.url}, self._secrets))
        self._seen: dict[str, set[str]] = {}
        moves = {Ability.MOVES, Ability.HEARS} if drive or tell else set()
        driven, heard = {Ability.DRIVE} if drive else set(), {Ability.PUSHES} if ear else set()
        self.abilities = frozenset({Ability.OPEN}) | moves | driven | heard

    @property
    def webhook(self) -> CourierWebhook:
        return couriers.webhook("open", Terms(secrets=self._secrets))

    def begin(self) -> None:
        pass

    def order_unanswered(self, order: CourierOrder) -> NoReturn:
        OpenCourier(self.endpoint.url, self.endpoint.secret, http=HangingUp("open")).order(order)
        raise AssertionError("the order was answered")

    def move(self, shipment: Shipment, state: str, *, reason: str = "", undoes: str = "") -> None:
        waybill = shipment.waybill or self._waybill(shipment.order)
        if self._drive:
            self._post(waybill, {"undoes": undoes} if undoes else {"state": state, "reason": reason})
        elif not (self._tell and self._tell(_instruction(waybill, shipment.order, state, reason, undoes))):
            raise CannotTell(f"nobody let it be {state}")

    def told(self, shipment: Shipment) -> tuple[News, ...]:
        """By message where the kit hears them, else by asking."""
        if self._ear:
            return self._ear.told(shipment)
        seen = self._seen.setdefault(shipment.order, set())
        if not eventually(lambda: bool(self._unseen(shipment, seen))):
            raise Silence(f"asking tells nothing new of {shipment.order}")
        news = self._unseen(shipment, seen)[:1]
        seen.update(each.identity for each in news)
        return news

    def push(self, shipment: Shipment) -> Received:
        assert self._ear
        return self._ear.push(shipment)

    def turn_away(self, shipment: Shipment) -> None:
        assert self._ear
        self._ear.turn_away(shipment)

    def stranger(self) -> CourierWebhook:
        return couriers.webhook("open", Terms(secrets={"secret": other_secret()}))

    @property
    def booked(self) -> NoReturn:
        raise NotImplementedError

    err = all_is_heard = unreachable = booked

    @property
    def _secrets(self) -> Mapping[str, str]:
        return {"secret": self.endpoint.secret}

    def _post(self, waybill: str, wish: Mapping[str, str]) -> None:
        answer = call("POST", f"{self._drive}/waybills/{waybill}/events", wish)
        if answer.status == 422:
            raise CannotTell(f"the endpoint can not tell {' '.join(filter(None, wish.values()))}")
        assert answer.status == 201, f"the drive answered {answer.status}"

    def _waybill(self, number: str) -> str:
        def shipment() -> Shipment | None:
            return self.courier.query(number, "")

        assert eventually(lambda: bool((found := shipment()) and found.waybill)), "it never got a waybill"
        found = shipment()
        return found.waybill if found else ""

    def _unseen(self, shipment: Shipment, seen: set[str]) -> tuple[News, ...]:
        found = self.courier.query(shipment.order, shipment.waybill)
        return tuple(news for news in (found.news if found else ()) if news.identity not in seen)


class HangingUp(Http):
    """Sends a request whole, and does not wait for the answer."""

    def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str],
        changes: bool,
        accepts: frozenset[int] = frozenset(),
    ) -> NoReturn:
        address = urlsplit(url)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        with closing(kind(address.hostname or "", address.port, timeout=LONGEST_WAIT_S)) as connection:
            try:
                connection.request(method, address.path, body, dict(headers))
            except OSError as fault:
                raise VendorTemporary(self._vendor, "no_connection") from fault
        raise self.doubt("hung_up", changes=changes)


def other_secret() -> str:
    """A secret that nobody has agreed upon."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def _instruction(waybill: str, number: str, state: str, reason: str, undoes: str) -> str:
    if undoes:
        return f"Take back that parcel {waybill} (order {number}) is {undoes}; it is {state} again."
    return f"Let parcel {waybill} (order {number}) be {state}{f', because: {reason}' if reason else ''}."


def call(method: str, url: str, document: Any = None, headers: Mapping[str, str] = {}) -> urllib3.BaseHTTPResponse:
    """One request with a JSON body, or without one."""
    body = None if document is None else json.dumps(document).encode()
    told = {"content-type": "application/json", **headers}
    return urllib3.request(method, url, body=body, headers=told, retries=False, redirect=False)
