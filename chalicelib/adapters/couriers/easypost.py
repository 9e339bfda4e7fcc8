"""EasyPost (api.easypost.com, v2): carriers of the rest of the world, with pickups at the door.

A shipment takes up to four calls: make it, buy its label, make a pickup, buy that. Each is written under our order
number as ``reference``, and ordering again goes on where an earlier attempt has stopped. What EasyPost's pages say of
``reference``, and what not:

- confirmed: a shipment can be got by its reference in place of its id; references need not be unique
- unconfirmed: that a pickup can, too ("in some API endpoints"); to be tried in test mode before a hall relies on it
- unconfirmed: which of several shipments with one reference is given; so the one that is given is the one to buy

Sources: docs.easypost.com (objects, shipments, pickups, trackers, events, errors, shipping refunds, webhooks guide).
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from urllib.parse import quote

from chalicelib.adapters.couriers.http import Http, json_object
from chalicelib.adapters.couriers.scans import readable
from chalicelib.adapters.couriers.times import plausible
from chalicelib.domain.secrecy import is_same
from chalicelib.ports import (
    CourierOrder,
    Forged,
    News,
    Party,
    Reply,
    Shipment,
    VendorError,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
    Window,
)

if TYPE_CHECKING:
    from chalicelib.adapters.couriers.terms import Terms

API = "https://api.easypost.com/v2"
SIGNATURE = "x-hmac-signature"
_JSON = "application/json"
_REFUSALS = frozenset({400, 402, 404, 405, 409, 422})

STATUSES: Mapping[str, tuple[str, str]] = {
    "pre_transit": ("ordered", ""),
    "in_transit": ("in_transit", ""),
    "out_for_delivery": ("out_for_delivery", ""),
    "available_for_pickup": ("out_for_delivery", "awaiting_collection"),
    "delivered": ("delivered", ""),
    "failure": ("delivery_failed", ""),
    "return_to_sender": ("returned", ""),
    "cancelled": ("cancelled", ""),
    "error": ("exception", ""),
}
"""Status of a tracker -> canonical state and why; ``unknown`` tells nothing. Source: the tracker object."""

DETAILS: Mapping[tuple[str, str], tuple[str, str]] = {
    **{
        (status, mishap): ("exception", mishap)
        for status in ("in_transit", "failure", "error")
        for mishap in ("lost", "damaged")
    },
    ("in_transit", "received_at_origin_facility"): ("picked_up", ""),
    ("in_transit", "delayed"): ("in_transit", "delayed"),
    ("in_transit", "weather_delay"): ("in_transit", "delayed"),
    ("failure", "refused"): ("delivery_failed", "refused"),
    ("failure", "address_correction"): ("delivery_failed", "wrong_address"),
    ("return_to_sender", "refused"): ("returned", "refused"),
    ("return_to_sender", "address_correction"): ("returned", "wrong_address"),
}
"""Status and ``status_detail`` -> canonical state and why, where the detail says more. Source: the tracker object,
which does not say what details go with what status."""

_NOT_YET_FETCHED = frozenset({"ordered", "cancelled", "exception"})  # these say nothing of the parcel's having left

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")


@dataclass(frozen=True, slots=True)
class Product:
    """What to buy: of the rates that fit ``carrier`` and ``service`` ("" fits all) the cheapest. ``package`` is one of
    the carrier's (``FlatRateEnvelope``; "": a plain one), ``weight_oz`` its weight in ounces."""

    carrier: str = ""
    service: str = ""
    package: str = ""
    weight_oz: float = 8.0


def signature(secret: str, body: bytes) -> str:
    """What the header X-Hmac-Signature says of a body. Source: ``validate_webhook`` of EasyPost's own clients."""
    return f"hmac-sha256-hex={hmac.digest(normalize('NFKD', secret).encode(), body, sha256).hex()}"


class EasyPostCourier:
    """Orders through EasyPost (``ports.Courier``). ``key`` is the API key (``EZAK…``, or ``EZTK…`` in test mode)."""

    code = "easypost"
    # It is asked by our number, but an order of which only a part is bought is not told: ordering again completes it.
    finds_by_order = False

    def __init__(self, url: str, key: str, product: Product | None = None, *, http: Http | None = None) -> None:
        self._url = url
        self._key = key
        self._product = product or Product()
        self._http = http or Http(self.code)

    def order(self, order: CourierOrder) -> Shipment:
        """Buy a label, and a pickup when there is a window; what was bought before is not bought again."""
        label = self._label(order.number) or self._made(order)
        if label.is_returned:
            raise VendorRejected(self.code, "called_off")
        if not label.waybill:
            label = self._bought(label)
        if order.window is not None:
            self._have_fetched(order, label, order.window)
        return Shipment(order.number, label.waybill)

    def cancel(self, order: str, waybill: str) -> None:  # noqa: ARG002
        """Call the pickup off and give the label back, unless the parcel is on its way."""
        label = self._label(order)
        if label is None:
            raise VendorRejected(self.code, "unknown_order")
        if label.is_returned:
            return
        if any(news.state not in _NOT_YET_FETCHED for news in self._track(label)):
            raise VendorRejected(self.code, "too_late")
        pickup = self._pickup(order)
        if pickup is not None and pickup.status == "scheduled":
            self._post(f"/pickups/{pickup.id}/cancel")
        if label.waybill and not self._given_back(label):
            raise VendorTemporary(self.code, "refund_rejected")  # "retry by submitting the same request again"

    def query(self, order: str, waybill: str) -> Shipment | None:  # noqa: ARG002
        """The order with its tracker's details; None also while only a part of it is bought."""
        label = self._label(order)
        if label is None or not label.waybill:
            return None
        news = self._track(label)
        has_left = any(each.state not in _NOT_YET_FETCHED for each in news)
        if label.to_be_fetched and not has_left and not self._is_arranged(order):
            return None
        return Shipment(order, label.waybill, news)

    # --- label ---

    def _label(self, number: str) -> _Label | None:
        document = self._by_reference("shipments", number)
        return None if document is None else self._read_label(document, changes=False)

    def _made(self, order: CourierOrder) -> _Label:
        made = self._read_label(self._post("/shipments", {"shipment": self._shipment_document(order)}), changes=True)
        # Somebody else may have made one at the same time: both then buy the one that goes by our number, once.
        return self._label(order.number) or made

    def _bought(self, label: _Label) -> _Label:
        rate = self._cheapest(label.rates, carrier=self._product.carrier, service=self._product.service)
        if rate is None:
            raise VendorRejected(self.code, "no_rate")
        path = f"/shipments/{label.id}"
        try:
            bought = self._read_label(self._post(f"{path}/buy", {"rate": {"id": rate["id"]}}), changes=True)
        except VendorRejected:
            found = self._get(path)
            bought = label if found is None else self._read_label(found, changes=True)
            if not bought.waybill:
                raise
        if not bought.waybill:
            raise self._http.doubt("no_waybill", changes=True)
        return bought

    def _given_back(self, label: _Label) -> bool:
        refunded = self._read_label(self._post(f"/shipments/{label.id}/refund"), changes=True)
        return refunded.is_returned

    def _track(self, label: _Label) -> tuple[News, ...]:
        tracker = self._get(f"/trackers/{label.tracker}") if label.tracker else None
        if tracker is None:
            return ()
        with self._reading(changes=False):
            return tracker_news(tracker)

    # --- pickup ---

    def _have_fetched(self, order: CourierOrder, label: _Label, window: Window) -> None:
        """Arrange the pickup. Where the carrier won't come, the label is given back: nothing is left of the order."""
        try:
            self._arrange(order, label, window)
        except VendorRejected:
            try:
                is_given_back = self._given_back(label)
            except VendorError as fault:
                raise VendorUnknown(self.code, "label_not_given_back") from fault
            if not is_given_back:
                raise VendorUnknown(self.code, "label_not_given_back") from None
            raise

    def _arrange(self, order: CourierOrder, label: _Label, window: Window) -> None:
        pickup = self._pickup(order.number)
        if pickup is None:
            document = {"pickup": _pickup_document(order, label, window)}
            pickup = self._read_pickup(self._post("/pickups", document), changes=True)
        if pickup.status in _ARRANGED:
            return
        rate = self._cheapest(pickup.rates, carrier=label.carrier, service="")
        if rate is None:
            raise VendorRejected(self.code, "no_pickup_rate")
        try:
            self._post(f"/pickups/{pickup.id}/buy", {"carrier": rate["carrier"], "service": rate["service"]})
        except VendorRejected:
            if not self._is_arranged(order.number):
                raise

    def _is_arranged(self, number: str) -> bool:
        pickup = self._pickup(number)
        return pickup is not None and pickup.status in _ARRANGED

    def _pickup(self, number: str) -> _Pickup | None:
        document = self._by_reference("pickups", number)
        return None if document is None else self._read_pickup(document, changes=False)

    # --- wire ---

    def _shipment_document(self, order: CourierOrder) -> dict[str, Any]:
        parcel = {"weight": self._product.weight_oz}
        package = {"predefined_package": self._product.package} if self._product.package else {}
        document = {
            "reference": order.number,
            "from_address": _address(order.sender),
            "to_address": _address(order.receiver),
            "parcel": {**parcel, **package},
            "options": _options(order.window),
        }
        if order.sender.country != order.receiver.country:
            document["customs_info"] = _customs(order, self._product.weight_oz)
        return document

    def _by_reference(self, kind: str, number: str) -> dict[str, Any] | None:
        document = self._get(f"/{kind}/{quote(number, safe='')}")
        return document if document and document.get("reference") == number else None

    def _get(self, path: str) -> dict[str, Any] | None:
        answer = self._http.send(
            "GET", self._url + path, headers=self._headers(), changes=False, accepts=frozenset({404})
        )
        return None if answer.status == 404 else self._http.json(answer, changes=False)

    def _post(self, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = json.dumps(document or {}, ensure_ascii=False).encode()
        answer = self._http.send(
            "POST", self._url + path, body=body, headers=self._headers(), changes=True, accepts=_REFUSALS
        )
        if answer.status in _REFUSALS:
            raise VendorRejected(self.code, _error_code(answer.body) or f"http_{answer.status}")
        return self._http.json(answer, changes=True)

    def _headers(self) -> dict[str, str]:
        credentials = b64encode(f"{self._key}:".encode()).decode()
        return {"authorization": f"Basic {credentials}", "content-type": _JSON, "accept": _JSON}

    def _read_label(self, document: Mapping[str, Any], *, changes: bool) -> _Label:
        with self._reading(changes=changes):
            return _label(document)

    def _read_pickup(self, document: Mapping[str, Any], *, changes: bool) -> _Pickup:
        with self._reading(changes=changes):
            rates = tuple(dict(rate) for rate in document.get("pickup_rates") or ())
            return _Pickup(_word(document, "id"), str(document["status"]), rates)

    def _cheapest(self, rates: Iterable[Mapping[str, Any]], *, carrier: str, service: str) -> Mapping[str, Any] | None:
        with self._reading(changes=True):
            fitting = [
                rate
                for rate in rates
                if rate["carrier"] == (carrier or rate["carrier"]) and rate["service"] == (service or rate["service"])
            ]
            return min(fitting, key=lambda rate: Decimal(str(rate["rate"])), default=None)

    @contextmanager
    def _reading(self, *, changes: bool) -> Iterator[None]:
        try:
            yield
        except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError) as fault:
            raise self._http.doubt("unreadable", changes=changes) from fault


class EasyPostWebhook:
    """EasyPost's events (``ports.CourierWebhook``), signed with ``secret``.

    ``mode`` is ``production`` or ``test``: events of the other one are not for this hall.
    """

    code = "easypost"

    def __init__(self, secret: str, mode: str = "production") -> None:
        if not secret:
            raise ValueError("an empty secret signs nothing")
        self._secret = secret
        self._mode = mode

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:  # noqa: ARG002
        """HMAC-SHA256 of the body as it came. EasyPost signs no time, so an old event is the same event again."""
        given = headers.get(SIGNATURE, "").encode(errors="replace")
        if not is_same(given, signature(self._secret, body)):
            raise Forged("easypost: the signature does not hold")
        try:
            event = json_object(body)
            if event.get("mode") != self._mode:
                raise Forged("easypost: of another mode")
            return _word(event, "id")
        except ValueError:
            return sha256(body).hexdigest()

    def acknowledge(self, body: bytes) -> Reply:  # noqa: ARG002
        """Any 2xx will do, within 7 seconds."""
        return Reply(200, _JSON, '{"received":true}')

    def refuse(self) -> Reply:
        """The answer to an event whose signature does not hold."""
        return Reply(401, _JSON, '{"error":"bad_signature"}')

    def read(self, body: bytes) -> tuple[News, ...]:
        """All that the event's tracker has told so far; none when the event is about something else."""
        event = json_object(body)
        if not str(event.get("description")).startswith("tracker."):
            return ()
        if not isinstance(tracker := event.get("result"), dict):
            raise ValueError("no tracker")  # noqa: TRY004
        try:
            return tracker_news(tracker)
        except (AttributeError, TypeError) as fault:
            raise ValueError("not a tracker") from fault


def courier(terms: Terms) -> EasyPostCourier:
    """EasyPost under the hall's account: secret ``key``, option ``url`` (API, unless given), and those of Product.

    ValueError: the weight is no number.
    """
    options = terms.options
    product = Product(
        options.get("carrier", ""),
        options.get("service", ""),
        options.get("package", ""),
        float(options.get("weight_oz", Product().weight_oz)),
    )
    http = Http("easypost", read_s=terms.read_s)
    return EasyPostCourier(options.get("url", API), terms.secrets["key"], product, http=http)


def webhook(terms: Terms) -> EasyPostWebhook:
    """EasyPost's events: secret ``webhook_secret``; option ``mode``: ``production``, unless given, or ``test``."""
    return EasyPostWebhook(terms.secrets["webhook_secret"], terms.options.get("mode", "production"))


def tracker_news(tracker: Mapping[str, Any]) -> tuple[News, ...]:
    """What a tracker has told so far, oldest first, without our order number, which it does not know.

    No status says that the parcel was picked up: that is told before the first scan of a parcel on its way. That there
    is an order is nothing new: EasyPost tells it while the hall is still writing down the waybill.
    ValueError, TypeError, AttributeError: this is no tracker.
    """
    id_, waybill = _word(tracker, "id"), _word(tracker, "tracking_code")
    scans = sorted(readable(tracker.get("tracking_details") or (), _scan), key=lambda scan: scan.at)
    news = [
        News(f"{id_}-{scan.code}-{scan.at:%Y%m%dT%H%M%S}", waybill, "", state, scan.at, scan.code, "", reason)
        for scan in scans
        for state, reason in scan.meanings
    ]
    status = str(tracker.get("status"))
    if status in STATUSES and (not scans or scans[-1].status != status):
        # The tracker's own status counts, though no scan may say so: a label that was given back, a fault of theirs.
        state, reason = STATUSES[status]
        at = max([_time(tracker, "updated_at"), *(scan.at for scan in scans)])
        news.append(News(f"{id_}-{status}", waybill, "", state, at, status, "", reason))
    return _with_pickup(id_, [each for each in news if each.state != "ordered"])


def _with_pickup(tracker: str, news: list[News]) -> tuple[News, ...]:
    first = next((index for index, each in enumerate(news) if each.state not in _NOT_YET_FETCHED), None)
    if first is None or news[first].state == "picked_up":
        return tuple(news)
    just_before = news[first].at - timedelta(microseconds=1)
    fetched = replace(news[first], identity=f"{tracker}-picked_up", state="picked_up", at=just_before, reason="")
    return (*news[:first], fetched, *news[first:])


_ARRANGED = frozenset({"scheduled", "canceled"})  # statuses of a pickup that was bought


@dataclass(frozen=True, slots=True)
class _Label:
    """A shipment as EasyPost has it. ``waybill`` and ``tracker`` are "" until it is bought."""

    id: str
    waybill: str
    tracker: str
    carrier: str
    to_be_fetched: bool
    refund: str
    rates: tuple[Mapping[str, Any], ...]

    @property
    def is_returned(self) -> bool:
        """Given back, or not to be paid as it was not used (``not_applicable``: carriers that bill on scan)."""
        return self.refund in ("submitted", "refunded", "not_applicable")


@dataclass(frozen=True, slots=True)
class _Pickup:
    id: str
    status: str  # unknown: not bought yet; scheduled; canceled
    rates: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Scan:
    """A tracking detail; its message and place may hold personal data and are left behind."""

    status: str
    detail: str
    at: datetime

    @property
    def code(self) -> str:
        return f"{self.status}.{self.detail}" if self.detail else self.status

    @property
    def meanings(self) -> tuple[tuple[str, str], ...]:
        """Canonical state and why; none for what tells nothing, and for a status that is new to us."""
        meaning = DETAILS.get((self.status, self.detail)) or STATUSES.get(self.status)
        return () if meaning is None else (meaning,)


def _label(document: Mapping[str, Any]) -> _Label:
    return _Label(
        id=_word(document, "id"),
        waybill=_word(document, "tracking_code") if document.get("tracking_code") else "",
        tracker=_word(document["tracker"], "id") if document.get("tracker") else "",
        carrier=str((document.get("selected_rate") or {}).get("carrier", "")),
        to_be_fetched="pickup_min_datetime" in (document.get("options") or {}),
        refund=str(document.get("refund_status") or ""),
        rates=tuple({**rate, "id": _word(rate, "id")} for rate in document.get("rates") or ()),
    )


def _scan(detail: Mapping[str, Any]) -> _Scan:
    """An odd ``status_detail`` counts as none."""
    more = detail.get("status_detail")
    more = more if isinstance(more, str) and _WORD.fullmatch(more) else ""
    return _Scan(_word(detail, "status"), more, _time(detail, "datetime"))


def _word(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(f"{name} is missing or malformed")
    return value


def _time(document: Mapping[str, Any], name: str) -> datetime:
    """In UTC, which is meant where EasyPost writes no offset."""
    value = document.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no time")  # noqa: TRY004
    at = plausible(datetime.fromisoformat(value))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _error_code(body: bytes) -> str:
    """EasyPost's own code; its text may quote names and addresses."""
    try:
        error = json_object(body).get("error")
    except ValueError:
        return ""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _options(window: Window | None) -> dict[str, Any]:
    """The window stands in the shipment, too: it says that a pickup belongs to the order, whoever looks at it later."""
    if window is None:
        return {}
    return {"pickup_min_datetime": window.start.isoformat(), "pickup_max_datetime": window.end.isoformat()}


def _pickup_document(order: CourierOrder, label: _Label, window: Window) -> dict[str, Any]:
    return {
        "reference": order.number,
        "shipment": {"id": label.id},
        "address": _address(order.sender),
        "min_datetime": window.start.isoformat(),
        "max_datetime": window.end.isoformat(),
        "is_account_address": False,
    }


def _address(party: Party) -> dict[str, Any]:
    return {
        "name": party.name,
        "phone": party.phone,
        "street1": party.street,
        "street2": party.county,
        "city": party.city,
        "state": party.province,
        "zip": party.postcode,
        "country": party.country,
    }


def _customs(order: CourierOrder, weight_oz: float) -> dict[str, Any]:
    """What crosses a border is papers, of no value to trade (source: the customs info object)."""
    item = {
        "description": "Documents",
        "quantity": 1,
        "value": 1,
        "weight": weight_oz,
        "origin_country": order.sender.country,
    }
    return {
        "contents_type": "documents",
        "restriction_type": "none",
        "non_delivery_option": "return",
        "customs_certify": True,
        "customs_signer": order.sender.name,
        "customs_items": [item],
    }
