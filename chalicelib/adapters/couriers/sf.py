"""SF Express (顺丰): the open platform Fengqiao (丰桥, open.sf-express.com), for customers with a monthly account.

Field names and codes follow the platform's documentation of EXP_RECE_CREATE_ORDER, EXP_RECE_UPDATE_ORDER,
EXP_RECE_SEARCH_ORDER_RESP, EXP_RECE_SEARCH_ROUTES and RoutePushService. What only public clients show, or no source
confirms, is marked "unconfirmed" and stands in one table (``sf_codes``) or constant, easily changed.

SF signs no push: what it says is as true as the secret address that it comes to. Pushes tell of the parcel's way
(routes) and of the order (the courier's visit, a cancellation); SF can be asked for the routes alone.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import md5
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urljoin
from uuid import uuid4

from chalicelib.adapters.couriers.http import Http, json_object, utc_now
from chalicelib.adapters.couriers.sf_codes import ERRORS
from chalicelib.adapters.couriers.sf_news import (
    STATE_ANSWER,
    SfWebhook,
    code_of,
    fields,
    number_of,
    route_news,
    text_of,
    told,
)
from chalicelib.adapters.couriers.times import in_beijing
from chalicelib.ports import (
    CourierOrder,
    News,
    Party,
    Shipment,
    VendorError,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
    Window,
)

if TYPE_CHECKING:
    from chalicelib.adapters.couriers.terms import Terms

PRODUCTION = "https://bspgw.sf-express.com/std/service"
PRODUCTION_TOKENS = "https://sfapi.sf-express.com/oauth2/accessToken"
_FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
_TOKEN_MARGIN = timedelta(minutes=5)  # a token is renewed so long before it ends

_ORDER, _UPDATE = "EXP_RECE_CREATE_ORDER", "EXP_RECE_UPDATE_ORDER"
_FIND, _TRACK = "EXP_RECE_SEARCH_ORDER_RESP", "EXP_RECE_SEARCH_ROUTES"
_CHINESE = {"language": "zh-CN"}
_CALL_OFF = 2  # dealType
_NOT_SERVED = "3"  # filterResult
_TO_BE_CONFIRMED = frozenset({"1", "4"})  # filterResult; the waybill may come later
_MISMATCH = "1"  # resStatus

_OK = "A1000"
_STALE_TOKEN = frozenset({"A1002", "A1011"})
_ORDERED_BEFORE = "8016"
_UNKNOWN_ORDER = frozenset({"6150", "8018"})
_CALLED_OFF = frozenset({"8037", "8253"})
_SETTLED = "8019"  # confirmed or called off: it does not say which

_MOBILE = re.compile(r"(\+?86)?1\d{10}")
_SECONDS = re.compile(r"\d{1,8}", re.ASCII)


def digest(message: str, timestamp: str, checkword: str, *, encoded: bool = True) -> str:
    """``msgDigest``: Base64 of the MD5 of message, time and checkword, written as Java's URLEncoder would.

    ``encoded=False``: without that, which the console calls standard MD5.
    """
    text = message + timestamp + checkword
    if encoded:
        text = quote_plus(text, safe="*").replace("~", "%7E")
    return b64encode(md5(text.encode(), usedforsecurity=False).digest()).decode()


@dataclass(slots=True)
class Token:
    """An access token and when it ends."""

    text: str = ""
    until: datetime = datetime(1970, 1, 1, tzinfo=UTC)


class Platform:
    """The platform's one address for all services, and the other one that gives tokens.

    ``partner`` is the customer code (顾客编码), ``checkword`` its secret (校验码). ``signs``: ``oauth2``, ``digest``,
    or ``plain_digest`` where the console says standard MD5 (标准MD5). ``token`` is where a token is kept.
    """

    def __init__(
        self,
        url: str,
        token_url: str,
        partner: str,
        checkword: str,
        *,
        signs: str = "oauth2",
        token: Token | None = None,
        http: Http | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._url = url
        self.token_url = token_url
        self._partner = partner
        self._checkword = checkword
        self._signs = signs
        self.token = token or Token()
        self._http = http or Http(SfWebhook.code)
        self._clock = clock

    def call(self, service: str, document: Mapping[str, Any], *, changes: bool) -> dict[str, Any]:
        """What a service answers. A token that SF doesn't take any more is renewed once."""
        message = _compact(document)
        envelope = self._sent(service, message, changes=changes)
        if self._signs == "oauth2" and text_of(envelope, "apiResultCode") in _STALE_TOKEN:
            self.token.text = ""
            envelope = self._sent(service, message, changes=changes)
        return self._result(envelope, changes=changes)

    def doubt(self, code: str, *, changes: bool) -> VendorError:
        """The error of a request that was not properly answered."""
        return self._http.doubt(code, changes=changes)

    def _sent(self, service: str, message: str, *, changes: bool) -> dict[str, Any]:
        timestamp = str(int(self._clock().timestamp() * 1000))
        form = {
            "partnerID": self._partner,
            "requestID": str(uuid4()),
            "serviceCode": service,
            "timestamp": timestamp,
            "msgData": message,
            **self._proof(message, timestamp),
        }
        return self._posted(self._url, form, changes=changes)

    def _posted(self, url: str, form: Mapping[str, str], *, changes: bool) -> dict[str, Any]:
        answer = self._http.send("POST", url, body=urlencode(form).encode(), headers=_FORM, changes=changes)
        return self._http.json(answer, changes=changes)

    def _proof(self, message: str, timestamp: str) -> dict[str, str]:
        """One of the two, never both."""
        if self._signs == "oauth2":
            return {"accessToken": self._valid_token()}
        encoded = {"digest": True, "plain_digest": False}[self._signs]
        return {"msgDigest": digest(message, timestamp, self._checkword, encoded=encoded)}

    def _valid_token(self) -> str:
        now = self._clock()
        if not self.token.text or now >= self.token.until - _TOKEN_MARGIN:
            form = {"partnerID": self._partner, "secret": self._checkword, "grantType": "password"}
            self._take_token(self._posted(self.token_url, form, changes=False), now)
        return self.token.text

    def _take_token(self, given: Mapping[str, Any], now: datetime) -> None:
        self._check(given, changes=False)
        text, seconds = text_of(given, "accessToken"), text_of(given, "expiresIn")
        if not text or not _SECONDS.fullmatch(seconds):
            raise self.doubt("no_token", changes=False)
        self.token.text, self.token.until = text, now + timedelta(seconds=int(seconds))

    def _result(self, envelope: Mapping[str, Any], *, changes: bool) -> dict[str, Any]:
        """What is in an envelope: that SF took the request does not mean that the service did it."""
        self._check(envelope, changes=changes)
        try:
            result = _object(envelope.get("apiResultData"))
            done = str(result.get("success")).lower() == "true"
            content = _object(result.get("msgData") or {}) if done else {}
        except ValueError as fault:
            raise self.doubt("unreadable", changes=changes) from fault
        if not done:
            raise self._error(text_of(result, "errorCode"), VendorRejected, changes=changes)
        return content

    def _check(self, envelope: Mapping[str, Any], *, changes: bool) -> None:
        if (code := text_of(envelope, "apiResultCode")) != _OK:
            raise self._error(code, VendorUnknown, changes=changes)

    def _error(self, told: str, otherwise: type[VendorError], *, changes: bool) -> VendorError:
        code = code_of(told)
        kind = ERRORS.get(code, otherwise) if code else VendorUnknown
        if kind is VendorUnknown:
            return self.doubt(code or "unreadable", changes=changes)
        return kind(SfWebhook.code, code)


@dataclass(frozen=True, slots=True)
class Account:
    """How the hall sends and pays.

    ``pay_pickup`` and ``pay_delivery`` are SF's payMethod: 1 the sender, 2 the receiver, 3 a third party; the monthly
    card goes with an order that the hall pays. ``express_type`` is the product, 2 for 标快. ``phone_end``: the last
    four digits of the hall's phone, needed to ask for routes where the card is not bound to the customer code.
    """

    monthly_card: str = ""
    pay_pickup: str = "3"
    pay_delivery: str = "1"
    express_type: str = "2"
    phone_end: str = ""


class SfCourier:
    """Orders from SF (``ports.Courier``)."""

    code = SfWebhook.code
    finds_by_order = True

    def __init__(self, platform: Platform, account: Account) -> None:
        self.platform = platform
        self._account = account

    def order(self, order: CourierOrder) -> Shipment:
        """Order a shipment; SF sends somebody to the door when there is a window.

        What SF does not serve is called off before it is refused: such an order still stands there.
        """
        try:
            booking = self.platform.call(_ORDER, self._order_document(order), changes=True)
        except VendorRejected as refusal:
            if refusal.code != _ORDERED_BEFORE:
                raise
            booking = self._booked(order.number)
        screening, waybill = text_of(booking, "filterResult"), _waybill(booking)
        if screening == _NOT_SERVED:
            self._call_off_unserved(order.number)
            raise VendorRejected(self.code, f"not_served_{code_of(text_of(booking, 'remark'))}".rstrip("_"))
        if not waybill and screening not in _TO_BE_CONFIRMED:
            raise self.platform.doubt("no_waybill", changes=True)
        return Shipment(order.number, waybill)

    def cancel(self, order: str, waybill: str) -> None:
        """Call a shipment off; SF refuses once it is picked up."""
        request = {**_CHINESE, "orderId": order, "dealType": _CALL_OFF, "waybillNoInfoList": []}
        try:
            done = self.platform.call(_UPDATE, request, changes=True)
        except VendorRejected as refusal:
            if refusal.code in _CALLED_OFF or (refusal.code == _SETTLED and self._is_called_off(order, waybill)):
                return
            raise
        if text_of(done, "resStatus") == _MISMATCH:
            raise VendorRejected(self.code, "mismatch")

    def query(self, order: str, waybill: str) -> Shipment | None:
        """The routes of a waybill, which is looked up by our order number where we don't know it yet."""
        if waybill:
            return Shipment(order, waybill, self._routes(order, waybill))
        booking = self._find(order)
        if booking is None or text_of(booking, "filterResult") == _NOT_SERVED:
            return None
        found = Shipment(order, _waybill(booking))
        with suppress(VendorRejected):  # that its routes can't be told does not undo the order
            if found.waybill:
                return replace(found, news=self._routes(order, found.waybill))
        return found

    def _booked(self, order: str) -> dict[str, Any]:
        """An order that SF says it has: any trouble in finding it leaves us in doubt."""
        try:
            booking = self._find(order)
        except VendorError as fault:
            raise VendorUnknown(self.code, fault.code) from fault
        if booking is None:
            raise self.platform.doubt("no_order", changes=True)
        return booking

    def _call_off_unserved(self, order: str) -> None:
        try:
            with suppress(VendorRejected):  # nothing is left to call off
                self.cancel(order, "")
        except VendorTemporary as fault:
            raise VendorUnknown(self.code, fault.code) from fault  # the order still stands

    def _find(self, order: str) -> dict[str, Any] | None:
        try:
            return self.platform.call(_FIND, {**_CHINESE, "orderId": order, "searchType": "1"}, changes=False)
        except VendorRejected as refusal:
            if refusal.code in _UNKNOWN_ORDER:
                return None
            raise

    def _is_called_off(self, order: str, waybill: str) -> bool:
        try:
            return bool(waybill) and any(news.state == "cancelled" for news in self._routes(order, waybill))
        except VendorError:
            return False

    def _routes(self, order: str, waybill: str) -> tuple[News, ...]:
        phone = {"checkPhoneNo": self._account.phone_end} if self._account.phone_end else {}
        request = {**_CHINESE, "trackingType": "1", "trackingNumber": [waybill], "methodType": "1", **phone}
        found = self.platform.call(_TRACK, request, changes=False)
        try:
            tracks = [track for track in found.get("routeResps") or () if track.get("mailNo") == waybill]
            routes = [route for track in tracks for route in track.get("routes") or ()]
            return told(routes, lambda route: route_news(fields(route, mailno=waybill, orderid=order)))
        except (AttributeError, TypeError, ValueError) as fault:
            raise self.platform.doubt("unreadable", changes=False) from fault

    def _order_document(self, order: CourierOrder) -> dict[str, Any]:
        return {
            **_CHINESE,
            "orderId": order.number,
            "expressTypeId": int(self._account.express_type),
            "parcelQty": 1,
            "cargoDetails": [{"name": "文件" if order.contents == "documents" else "物品", "count": 1}],
            "contactInfoList": [_contact(1, order.sender), _contact(2, order.receiver)],
            **self._payment(order.number),
            **_pickup(order.window),
        }

    def _payment(self, number: str) -> dict[str, Any]:
        """Who pays. On the leg to the hall the applicant is the sender, on the others the receiver."""
        inwards = "-pickup-" in number
        method = self._account.pay_pickup if inwards else self._account.pay_delivery
        hall_pays = method != ("1" if inwards else "2")
        card = {"monthlyCard": self._account.monthly_card} if hall_pays and self._account.monthly_card else {}
        return {"payMethod": int(method), **card}


def courier(terms: Terms) -> SfCourier:
    """SF under the hall's contract: option ``partner``, secret ``checkword``.

    Further options: ``url`` (PRODUCTION, unless given), ``token_url`` (beside it), ``signs`` (see Platform) and those
    of Account.
    """
    options, checkword = terms.options, terms.secrets["checkword"]
    url, partner = options.get("url", PRODUCTION), options["partner"]
    token_url = PRODUCTION_TOKENS if url == PRODUCTION else urljoin(url, "../oauth2/accessToken")
    token_url = options.get("token_url", token_url)
    platform = Platform(
        url,
        token_url,
        partner,
        checkword,
        signs=options.get("signs", "oauth2"),
        token=_token_of(token_url, partner, checkword),
        http=Http(SfWebhook.code, read_s=terms.read_s),
    )
    named = ("monthly_card", "pay_pickup", "pay_delivery", "express_type", "phone_end")
    return SfCourier(platform, Account(**{name: options[name] for name in named if name in options}))


def webhook(terms: Terms) -> SfWebhook:
    """SF's pushes to the hall; option ``state_answer``, unless STATE_ANSWER will do."""
    return SfWebhook(terms.options.get("state_answer", STATE_ANSWER))


@cache
def _token_of(url: str, partner: str, checkword: str) -> Token:  # noqa: ARG001
    """The token of a customer, kept for as long as the process lives."""
    return Token()


# --- what is ordered ---


def _contact(kind: int, party: Party) -> dict[str, Any]:
    phone = "mobile" if _MOBILE.fullmatch(party.phone) else "tel"
    return {
        "contactType": kind,
        "contact": party.name,
        phone: party.phone,
        "country": party.country,
        "province": party.province,
        "city": party.city,
        "county": party.county,
        "address": party.street,
        "postCode": party.postcode,
    }


def _pickup(window: Window | None) -> dict[str, Any]:
    if window is None:
        return {"isDocall": 0}  # handed over with the hall's other mail
    return {
        "isDocall": 1,
        "sendStartTm": in_beijing(window.start),
        "extraInfoList": [{"attrName": "pickupAppointEndTime", "attrVal": in_beijing(window.end)}],
    }


def _waybill(booking: Mapping[str, Any]) -> str:
    """The parcel's own number, "" while there is none. Numbers of parts and of signed receipts are others."""
    infos = booking.get("waybillNoInfoList")
    for info in infos if isinstance(infos, list) else ():
        if isinstance(info, dict) and text_of(info, "waybillType") == "1":
            return number_of(text_of(info, "waybillNo"))
    return ""


# --- forms ---


def _compact(document: Any) -> str:
    """JSON that every implementation of URL encoding writes alike."""
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("*", "\\u002a").replace("~", "\\u007e")


def _object(value: Any) -> dict[str, Any]:
    """SF sends objects as texts, and now and then as they are. ValueError: neither."""
    if isinstance(value, str):
        return json_object(value)
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 -- to the caller it is one kind of fault
    return value
