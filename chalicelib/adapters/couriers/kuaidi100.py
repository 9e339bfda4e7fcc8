"""Kuaidi100 (快递100): pickups by many Chinese couriers under one contract (商家寄件, also 上门取件线上支付).

Kuaidi100 books with the courier that the option ``kuaidicom`` names. Its own two numbers of an order, ``taskId`` and
``orderId``, are needed for calling off and for asking after the order, and can't be asked for by ours; so the hall's
memory keeps them under our number. Messages about an order come in two kinds: callbacks (the order's status, without a
time) and pushes of the courier's track. Both tell the courier's waybill, by which the hall knows its shipment.

Sources: api.kuaidi100.com, the documents of 商家寄件 (order, callback, cancel, detail), 实时快递查询 (query.do) and
快递信息推送 (track push), and Kuaidi100's own client for Java. Confirmed there: the same ``thirdOrderId`` gives the
first order's content for 48 hours, a new order after that; cancelling takes both numbers, ``detail`` the ``taskId``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import md5, sha256
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from chalicelib.adapters.couriers.http import Http, json_object, utc_now
from chalicelib.adapters.couriers.scans import readable
from chalicelib.adapters.couriers.times import BEIJING, from_beijing
from chalicelib.domain.secrecy import is_same
from chalicelib.ports import (
    WHEN_TOLD,
    CourierOrder,
    Forged,
    News,
    Party,
    Reply,
    Shipment,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
    Window,
)

if TYPE_CHECKING:
    from chalicelib.adapters.couriers.terms import Terms
    from chalicelib.ports import Lookups

PRODUCTION = "https://poll.kuaidi100.com"
ORDERS, TRACKS = "/order/borderapi.do", "/poll/query.do"
LONGEST_CALLBACK, LONGEST_SALT, LONGEST_ADDRESS, LONGEST_NUMBER = 200, 100, 300, 32  # bytes
_FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
_OK = "200"
_REPEATED = "501"  # 重复提交: another request of ours is still being worked on
_NO_TRACK = "500"  # of query.do: 查询无结果
_BUSY = frozenset({"501", "502"})  # of query.do
_DAYS = ("今天", "明天", "后天")
_KNOWN_AGAIN = timedelta(hours=48)  # for so long the same ``thirdOrderId`` is the same order

STATUSES: Mapping[str, tuple[str, str]] = {
    "0": ("ordered", ""),
    **dict.fromkeys(("1", "2"), ("pickup_scheduled", "")),
    "10": ("picked_up", ""),
    **dict.fromkeys(("11", "610"), ("exception", "not_collectable")),  # not fetched; not even booked (asynchronously)
    **dict.fromkeys(("9", "99"), ("cancelled", "")),  # by us, by the courier
    "101": ("in_transit", ""),
    "12": ("returned", ""),
    **dict.fromkeys(("13", "14"), ("delivered", "")),  # 14: signed for with something wrong
}
"""Status of an order -> canonical state and why. Others are about fees, weights, labels (15, 155, 166, 200, 201, 400).
Source: the document of the callback's statuses (商家寄件下单回调接口状态说明)."""

TRACK: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("1", "103"), ("picked_up", "")),
    "101": ("ordered", ""),
    "102": ("pickup_scheduled", ""),
    **dict.fromkeys(("0", "1001", "1002", "1003", "7", "8", "10", "11", "12", "13"), ("in_transit", "")),
    "5": ("out_for_delivery", ""),
    **dict.fromkeys(("501", "205"), ("out_for_delivery", "awaiting_collection")),
    **dict.fromkeys(("3", "301", "302", "303", "304"), ("delivered", "")),
    **dict.fromkeys(("203", "14"), ("delivery_failed", "refused")),
    "204": ("delivery_failed", ""),
    "206": ("delivery_failed", "nobody_home"),
    "6": ("delivery_failed", ""),  # on its way back
    "4": ("returned", ""),
    **dict.fromkeys(("401", "210"), ("cancelled", "")),
    **dict.fromkeys(("2", "207"), ("exception", "")),
    **dict.fromkeys(("201", "202", "208"), ("exception", "delayed")),
    "209": ("exception", "damaged"),
}
"""State of a track -> canonical state and why.

Source: the document of query.do, section 运单快递状态 (state); 201 to 210 from clients.
"""

NAMES: Mapping[str, str] = {
    "揽收": "1",
    "在途": "0",
    "派件": "5",
    "签收": "3",
    "疑难": "2",
    "退签": "4",
    "退回": "6",
    "拒签": "14",
    "转投": "7",
}
"""Name of a state, where a scan has no code -> its code. Source: as above."""

_CALLED_OFF = frozenset({"9", "99", "610"})
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


def order_sign(param: str, t: str, key: str, secret: str) -> str:
    """The sign of a request about an order."""
    return _md5(param + t + key + secret).upper()


def query_sign(param: str, key: str, customer: str) -> str:
    """The sign of a request for a track."""
    return _md5(param + key + customer).upper()


def push_sign(param: str, salt: str) -> str:
    """The sign of a callback or push; written in either case."""
    return _md5(param + salt)


def _md5(text: str) -> str:
    # The algorithm is Kuaidi100's choice. What is signed can't be chosen by a stranger, who has no salt either.
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def third_order(number: str) -> str:
    """Our order number as Kuaidi100 takes it: 32 bytes at most. A longer one is known by its digest."""
    return number if len(number.encode()) <= LONGEST_NUMBER else sha256(number.encode()).hexdigest()[:LONGEST_NUMBER]


@dataclass(frozen=True, slots=True)
class Account:
    """``key``, ``secret`` and ``customer`` as in the company's console (企业管理后台), ``salt`` of our own making.

    ``kuaidicom`` is the code of the courier to book with, ``service`` its product ("": 标准快递), ``weight`` in kg,
    ``phone`` the hall's: some couriers tell a track to those who know a phone of either end.
    """

    key: str
    secret: str = field(repr=False)
    customer: str = field(repr=False)
    salt: str = field(repr=False)
    kuaidicom: str = "ems"
    service: str = ""
    weight: str = "0.5"
    phone: str = ""


class Kuaidi100Courier:
    """Orders through Kuaidi100 (``ports.Courier``). ``callback`` is where it reports to, ``memory`` the hall's."""

    code = "kuaidi100"
    finds_by_order = False  # nothing is known of an order that was never answered

    def __init__(
        self,
        url: str,
        account: Account,
        callback: str,
        memory: Lookups,
        *,
        http: Http | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        if len(callback.encode()) > LONGEST_CALLBACK:
            raise ValueError(f"kuaidi100: the callback address is longer than {LONGEST_CALLBACK} bytes")
        _check_salt(account.salt)
        self._url = url
        self._account = account
        self._callback = callback
        self._memory = memory
        self._http = http or Http(self.code)
        self._clock = clock

    def order(self, order: CourierOrder) -> Shipment:
        """Have it fetched (bOrder); without a window, as soon as may be. The waybill may be assigned later.

        Kuaidi100 knows a number again for 48 hours, the hall's memory one that was answered for good.
        """
        kept = self._kept(order.number)
        if "taskId" in kept:
            return self._known(order.number, kept)
        given = self._booked(order, kept.get("asked"))
        with self._reading(changes=True):
            numbers = {name: _word(given, name) for name in ("taskId", "orderId")}
            waybill = _waybill(given)
        self._memory.put(_memory_key(order.number), numbers)
        self._memory.put(_order_key(numbers["orderId"]), {"order": order.number})
        return Shipment(order.number, waybill)

    def _booked(self, order: CourierOrder, asked: str | None) -> dict[str, Any]:
        """Kuaidi100's answer. ``asked`` is since when an earlier request is unanswered: it may have been taken, so
        what can't be sent again as it was (VendorUnknown) is neither refused nor booked anew."""
        now, key = self._clock(), _memory_key(order.number)
        try:
            document = self._order_document(order)
        except VendorRejected as fault:
            if asked is None:
                raise
            raise VendorUnknown(self.code, fault.code) from fault
        if asked is not None and now - datetime.fromisoformat(asked) >= _KNOWN_AGAIN:
            raise VendorUnknown(self.code, "asked_too_long_ago")
        self._memory.put_once(key, {"asked": now.isoformat()}, now=now)
        try:
            return self._call("bOrder", document, changes=True)
        except (VendorRejected, VendorTemporary) as fault:
            if asked is None or isinstance(fault, VendorRejected):
                self._memory.delete(key)  # nothing was booked
            raise

    def _known(self, order: str, numbers: Mapping[str, str]) -> Shipment:
        """An order that was taken: that it can't be asked after refuses nothing."""
        try:
            detail = self._detail(numbers)
        except VendorRejected as fault:
            raise VendorUnknown(self.code, fault.code) from fault
        if str(detail.get("status")) in _CALLED_OFF:
            raise VendorRejected(self.code, "called_off")
        with self._reading(changes=False):
            return Shipment(order, _waybill(detail))

    def cancel(self, order: str, waybill: str) -> None:  # noqa: ARG002
        """Call it off. A refusal is looked into: it may be called off already."""
        numbers = self._numbers(order)
        if numbers is None:
            raise VendorRejected(self.code, "unknown_order")
        try:
            self._call("cancel", {**numbers, "cancelMsg": "用户取消"}, changes=True)
        except VendorRejected:
            if str(self._detail(numbers).get("status")) not in _CALLED_OFF:
                raise

    def query(self, order: str, waybill: str) -> Shipment | None:
        """The courier's track (query.do); while there is none, the order's status (detail)."""
        numbers = self._numbers(order)
        if numbers is None and not waybill:
            return None
        news = self._track(waybill) if waybill else ()
        if news or numbers is None:
            return Shipment(order, waybill, news)
        detail = self._detail(numbers)
        with self._reading(changes=False):
            waybill = waybill or _waybill(detail)
            told = _status_news({**detail, **numbers}, waybill)
        return Shipment(order, waybill, tuple(each.heard(self._clock()) for each in told))

    def _numbers(self, order: str) -> Mapping[str, str] | None:
        kept = self._kept(order)
        return kept if "taskId" in kept else None

    def _kept(self, order: str) -> Mapping[str, str]:
        """``taskId`` and ``orderId`` of an order that was answered, ``asked`` (a time) of another; {}: never asked."""
        kept = self._memory.get(_memory_key(order), now=self._clock()) or {}
        return {name: str(value) for name, value in kept.items()}

    def _detail(self, numbers: Mapping[str, str]) -> dict[str, Any]:
        return self._call("detail", {"taskId": numbers["taskId"]}, changes=False)

    def _track(self, waybill: str) -> tuple[News, ...]:
        account = self._account
        phone = {"phone": account.phone} if account.phone else {}
        param = _compact({"com": account.kuaidicom, "num": waybill, "resultv2": "6", "order": "desc", **phone})
        sign = query_sign(param, account.key, account.customer)
        answer = self._posted(TRACKS, {"customer": account.customer, "sign": sign, "param": param}, changes=False)
        code = str(answer.get("returnCode") or "")
        if code == _NO_TRACK:
            return ()
        if code in _BUSY:
            raise self._http.doubt(code, changes=False)
        if code and code != _OK:
            raise VendorRejected(self.code, _code(code))
        with self._reading(changes=False):
            return track_news(answer)

    def _order_document(self, order: CourierOrder) -> dict[str, Any]:
        account = self._account
        return {
            "kuaidicom": account.kuaidicom,
            **_party(order.receiver, "recMan"),
            **_party(order.sender, "sendMan"),
            "cargo": "文件" if order.contents == "documents" else "物品",
            "payment": "SHIPPER",
            "weight": account.weight,
            **({"serviceType": account.service} if account.service else {}),
            **_appointment(order.window, self._clock()),
            "thirdOrderId": third_order(order.number),
            "callBackUrl": self._callback,
            "salt": account.salt,
            "op": "1",
            "pollCallBackUrl": self._callback,
            "resultv2": "4",
        }

    def _call(self, method: str, document: Mapping[str, Any], *, changes: bool) -> dict[str, Any]:
        param, t = _compact(document), str(int(self._clock().timestamp() * 1000))
        sign = order_sign(param, t, self._account.key, self._account.secret)
        form = {"method": method, "key": self._account.key, "t": t, "sign": sign, "param": param}
        answer = self._posted(ORDERS, form, changes=changes)
        code = str(answer.get("returnCode"))
        if answer.get("result") is not True or code != _OK:
            if code in (_OK, _REPEATED, "None"):
                raise self._http.doubt(_code(code), changes=changes)
            raise VendorRejected(self.code, _code(code))
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    def _posted(self, path: str, form: Mapping[str, str], *, changes: bool) -> dict[str, Any]:
        body = urlencode(form).encode()
        answer = self._http.send("POST", self._url + path, body=body, headers=_FORM, changes=changes)
        return self._http.json(answer, changes=changes)

    @contextmanager
    def _reading(self, *, changes: bool) -> Iterator[None]:
        try:
            yield
        except (AttributeError, TypeError, ValueError) as fault:
            raise self._http.doubt("unreadable", changes=changes) from fault


class Kuaidi100Webhook:
    """Kuaidi100's callbacks and track pushes (``ports.CourierWebhook``), signed with ``salt``.

    Callbacks that come before there is a waybill name Kuaidi100's ``orderId`` alone: ``memory`` knows our number of it.
    """

    code = "kuaidi100"

    def __init__(self, salt: str, memory: Lookups | None = None) -> None:
        _check_salt(salt)
        self._salt = salt
        self._memory = memory

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:  # noqa: ARG002
        """Only ``param`` is signed, so only ``param`` counts. No time is signed: an old push is the same push again."""
        try:
            form = _form(body)
            param, given = form["param"], form["sign"].lower().encode()
        except (KeyError, ValueError):
            raise Forged("kuaidi100: not signed") from None
        if not is_same(given, push_sign(param, self._salt)):
            raise Forged("kuaidi100: the signature does not hold")
        try:
            return _callback_identity(json_object(param))
        except ValueError:
            return sha256(param.encode()).hexdigest()

    def acknowledge(self, body: bytes) -> Reply:  # noqa: ARG002
        """Kuaidi100 repeats, after half an hour and three times at most, until it reads this."""
        return _reply(200, done=True, code=_OK, message="提交成功")

    def refuse(self) -> Reply:
        """The answer to a push whose signature does not hold."""
        return _reply(401, done=False, code="503", message="验签失败")

    def read(self, body: bytes) -> tuple[News, ...]:
        """The news of a callback, or of the whole track so far."""
        try:
            message = json_object(_form(body)["param"])
            if "lastResult" in message:
                return track_news(message["lastResult"])
            data = message.get("data")
            if not isinstance(data, dict):
                return ()
            told = _status_news(data, _waybill(message))
            return tuple(news if news.waybill else replace(news, order=self._order_of(data)) for news in told)
        except (AttributeError, KeyError, TypeError) as fault:
            raise ValueError("neither a callback nor a track") from fault

    def _order_of(self, data: Mapping[str, Any]) -> str:
        kept = self._memory and self._memory.get(_order_key(_word(data, "orderId")), now=utc_now())
        return str(kept["order"]) if kept else ""


def courier(terms: Terms) -> Kuaidi100Courier:
    """Kuaidi100 under the hall's contract: secrets ``key``, ``secret``, ``customer``, ``salt``.

    Options are ``url`` (PRODUCTION, unless given) and those of Account. KeyError: a secret is missing, or the memory.
    """
    if terms.memory is None:
        raise KeyError("memory")
    options, secrets = terms.options, terms.secrets
    account = Account(
        **{name: secrets[name] for name in ("key", "secret", "customer", "salt")},
        **{name: options[name] for name in ("kuaidicom", "service", "weight", "phone") if name in options},
    )
    http = Http("kuaidi100", read_s=terms.read_s)
    return Kuaidi100Courier(options.get("url", PRODUCTION), account, terms.callback, terms.memory, http=http)


def webhook(terms: Terms) -> Kuaidi100Webhook:
    """What Kuaidi100 reports: secret ``salt``."""
    return Kuaidi100Webhook(terms.secrets["salt"], terms.memory)


def track_news(track: Mapping[str, Any]) -> tuple[News, ...]:
    """All that a courier's track tells, oldest first. ValueError, TypeError, AttributeError: this is no track."""
    scans: list[Mapping[str, Any]] = list(track.get("data") or ())
    if not scans:
        return ()
    waybill = _word(track, "nu")

    def news_of(nth: int) -> tuple[News, ...]:
        """Newest first: what the whole track says is true of that one."""
        whole = str(track.get("state")) if nth == 0 else ""
        return _scan_news(scans[nth], _scan_code(scans[nth]) or whole, waybill)

    told = readable(reversed(range(len(scans))), news_of)
    return tuple(sorted(chain.from_iterable(told), key=lambda each: each.at))


def _scan_code(scan: Mapping[str, Any]) -> str:
    return str(scan.get("statusCode") or NAMES.get(str(scan.get("status")), ""))


def _scan_news(scan: Mapping[str, Any], code: str, waybill: str) -> tuple[News, ...]:
    """Its text may hold names and phones and is left behind. A detail that is new to us counts as its main state."""
    state, reason = TRACK.get(code) or TRACK.get(code[:-2], ("", ""))
    if state in ("", "ordered"):
        return ()
    at = from_beijing(str(scan.get("ftime") or scan.get("time")))
    return (News(f"{waybill}-{code}-{at:%Y%m%d%H%M%S}", waybill, "", state, at, code, "", reason),)


def _status_news(data: Mapping[str, Any], waybill: str) -> tuple[News, ...]:
    """The news of an order's status. That there is an order is known to the hall."""
    status = str(data.get("status"))
    state, reason = STATUSES.get(status, ("", ""))
    if state in ("", "ordered"):
        return ()
    identity = f"{_word(data, 'orderId')}-{status}-{waybill}"
    return (News(identity, waybill, "", state, WHEN_TOLD, status, "", reason),)


def _callback_identity(message: Mapping[str, Any]) -> str:
    """Of a callback: the same for each repetition. ValueError: a track, of which each push is another message."""
    data = message.get("data")
    if not isinstance(data, dict):
        raise ValueError("no callback")  # noqa: TRY004
    return "-".join((_word(data, "orderId"), _word({"status": str(data.get("status"))}, "status"), _waybill(message)))


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))


def _waybill(data: Mapping[str, Any]) -> str:
    """The courier's number, "" while there is none; Kuaidi100 writes it in two ways."""
    value = str(data.get("kuaidinum") or data.get("kuaidiNum") or "")
    if value and not _WORD.fullmatch(value):
        raise ValueError("kuaidinum is malformed")
    return value


def _word(data: Mapping[str, Any], name: str) -> str:
    value = str(data.get(name) or "")
    if not _WORD.fullmatch(value):
        raise ValueError(f"{name} is missing or malformed")
    return value


def _code(code: str) -> str:
    return code if _WORD.fullmatch(code) else "unreadable"


def _check_salt(salt: str) -> None:
    if not salt or len(salt.encode()) > LONGEST_SALT:
        raise ValueError(f"kuaidi100: the salt is empty, and signs nothing, or longer than {LONGEST_SALT} bytes")


def _memory_key(order: str) -> str:
    return f"kuaidi100#{order}"


def _order_key(order_id: str) -> str:
    return f"kuaidi100-order#{order_id}"


def _appointment(window: Window | None, now: datetime) -> dict[str, str]:
    """Hours of today, tomorrow or the day after in Beijing. VendorRejected: Kuaidi100 has no words for this window."""
    if window is None:
        return {}
    start, end = window.start.astimezone(BEIJING), window.end.astimezone(BEIJING)
    day = (start.date() - _today(now)).days
    if day not in range(len(_DAYS)) or end.date() != start.date():
        raise VendorRejected("kuaidi100", "window_out_of_reach")
    return {"dayType": _DAYS[day], "pickupStartTime": f"{start:%H:%M}", "pickupEndTime": f"{end:%H:%M}"}


def _today(now: datetime) -> date:
    return now.astimezone(BEIJING).date()


def _party(party: Party, end: str) -> dict[str, str]:
    city = party.city if party.city != party.province else ""  # 上海市 is both
    address = f"{party.province}{city}{party.county}{party.street}"
    if len(address.encode()) > LONGEST_ADDRESS:
        raise VendorRejected("kuaidi100", "address_too_long")
    return {f"{end}Name": party.name, f"{end}Mobile": party.phone, f"{end}PrintAddr": address}


def _reply(status: int, *, done: bool, code: str, message: str) -> Reply:
    return Reply(status, "application/json", _compact({"result": done, "returnCode": code, "message": message}))


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
