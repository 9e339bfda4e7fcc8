"""China Post EMS (中国邮政): the open platform for agreement customers (协议客户API开放平台, api.ems.com.cn).

Field names, API codes and operation codes follow the platform's interface specification for e-commerce businesses
(中小电商企业接口规范 V2.7) as several public clients use it. What no public source confirms is marked "unconfirmed" and
stands in one constant, easily changed.

EMS can't be asked by our order number, only by its waybill. After an order that may or may not have been booked, order
again with the same number: EMS answers with the waybill it has (unconfirmed). Its pushes carry our number too.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from chalicelib.adapters.couriers.http import Http, json_object, utc_now
from chalicelib.adapters.couriers.scans import readable
from chalicelib.adapters.couriers.times import from_beijing, in_beijing
from chalicelib.ports import (
    CourierOrder,
    Forged,
    News,
    Party,
    Reply,
    Shipment,
    VendorError,
    VendorRejected,
    Window,
)

if TYPE_CHECKING:
    from chalicelib.adapters.couriers.terms import Terms

PRODUCTION = "https://api.ems.com.cn/amp-prod-api/f/amp/api/open"
_SEAL = "|$4|"

_ORDER, _CANCEL, _QUERY, _PUSH = "020003", "020006", "040001", "040002"
_OK = "00000"
_SYSTEM_FAULT = "S00001"  # unconfirmed for answers; what a push is answered with when it could not be taken

_EXPRESS_MAIL = "1"  # bizProductNo: 特快专递
_PAID_BY_SENDER = "1"  # paymentMode; under an agreement, the agreement customer is billed (unconfirmed)
_DOCUMENTS, _GOODS = "1", "3"  # contentsAttribute
_DROPPED_OFF, _FETCHED = "0", "1"  # pickupType

OP_CODES: Mapping[str, str] = {
    **dict.fromkeys(("203", "O_001"), "picked_up"),
    **dict.fromkeys(("208", "303", "305", "336", "345", "389", "404", "457", "500", "516", "713", "954"), "in_transit"),
    # 747 and O_017 wait in a locker or shop, 723 at a counter, 749 is a further attempt
    **dict.fromkeys(("702", "723", "747", "749", "O_014", "O_017"), "out_for_delivery"),
    **dict.fromkeys(("704", "748", "O_010", "O_016"), "delivered"),
    **dict.fromkeys(("705", "O_012", "O_013"), "delivery_failed"),
    # On its way back: not delivered, but not back either until 711 says so.
    **dict.fromkeys(("312", "326", "405", "447", "482", "708", "741", "750"), "delivery_failed"),
    **dict.fromkeys(("711", "O_011"), "returned"),  # 711 退回妥投: handed back to the sender, not delivered
    "801": "cancelled",
    **dict.fromkeys(("013", "651", "987", "988"), "exception"),  # intercepted, damaged or lost
}
"""Operation code -> canonical state; source: the operation codes (操作码) of the specification's track interface."""

REVERSALS: Mapping[str, tuple[str, str]] = {
    "207": ("ordered", "picked_up"),  # which news 207, 212 and 304 take back is unconfirmed
    "212": ("ordered", "picked_up"),
    "304": ("picked_up", "in_transit"),
    "742": ("in_transit", "out_for_delivery"),
    "743": ("out_for_delivery", "delivered"),
    "744": ("out_for_delivery", "delivery_failed"),
}
"""Operation code -> the state that is left, the state that is taken back."""

REASONS: Mapping[str, str] = {
    **dict.fromkeys(("723", "747", "O_017"), "awaiting_collection"),
    "O_012": "refused",
    **dict.fromkeys(("987", "988"), "lost"),
}
"""Operation code -> why, where it says so."""

ATTEMPTS_IN_VAIN: Mapping[str, tuple[str, str]] = {
    "7": ("delivery_failed", "refused"),
    "8": ("out_for_delivery", "awaiting_collection"),  # the receiver wants to collect it
    "13": ("exception", "lost"),
}
"""``attemptDeliveryCode`` of 705 -> canonical state and why; the other numbers up to 16 say nothing to act upon."""

_ATTEMPT = "attemptDeliveryCode"
_IN_VAIN = "705"
_WITHOUT_NEWS = frozenset({"756", "802", "803"})  # a change of address
_UNDER_WAY = frozenset("234579")  # first digits of the groups acceptance, handling, transport and delivery

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOBILE = re.compile(r"(\+?86)?1\d{10}")


def seal(text: str, key_b64: str) -> str:
    """Encrypt a JSON text for ``logitcsInterface``: SM4, ECB, PKCS#7, with the key as text at its end."""
    padder = PKCS7(128).padder()
    encryptor = _cipher(key_b64).encryptor()
    padded = padder.update((text + key_b64).encode()) + padder.finalize()
    return _SEAL + b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def unseal(sealed: str, key_b64: str) -> str:
    """The text of a sealed message, without the key at its end, if there is one. ValueError: not sealed by this key."""
    if not sealed.startswith(_SEAL):
        raise ValueError("not sealed")
    decryptor = _cipher(key_b64).decryptor()
    unpadder = PKCS7(128).unpadder()
    try:
        padded = decryptor.update(b64decode(sealed.removeprefix(_SEAL), validate=True)) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode().removesuffix(key_b64)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise ValueError("sealed by another key") from None


def _cipher(key_b64: str) -> Cipher[modes.ECB]:
    # ECB is the platform's choice. It hides but doesn't prove: the webhook's secret address has to do the rest.
    return Cipher(algorithms.SM4(b64decode(key_b64, validate=True)), modes.ECB())  # noqa: S305


class EmsCourier:
    """Orders from EMS (``ports.Courier``).

    ``sender`` is the agreement customer's number (协议客户号), ``authorization`` its code (授权码), ``key_b64`` the
    console's signing key: Base64 of 16 bytes.
    """

    code = "ems"
    finds_by_order = False  # EMS is asked by waybill only

    def __init__(
        self,
        url: str,
        sender: str,
        authorization: str,
        key_b64: str,
        *,
        http: Http | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._url = url
        self._sender = sender
        self._authorization = authorization
        self._key = key_b64
        self._http = http or Http(self.code)
        self._clock = clock

    def order(self, order: CourierOrder) -> Shipment:
        """Order a shipment (020003); collected at the door when there is a window."""
        result = self._call(_ORDER, [self._order_document(order)], changes=True)
        waybill = result.get("waybillNo")
        if not isinstance(waybill, str) or not waybill:
            raise self._http.doubt("no_waybill", changes=True)
        return Shipment(order.number, waybill)

    def cancel(self, order: str, waybill: str) -> None:
        """Call a shipment off (020006). A refusal is looked into: it may be called off already."""
        request = {"logisticsOrderNo": order, "waybillNo": waybill, "cancelReason": "用户取消"}
        try:
            self._call(_CANCEL, request, changes=True)
        except VendorRejected:
            if not self._is_called_off(order, waybill):
                raise

    def query(self, order: str, waybill: str) -> Shipment | None:
        """The track of a waybill (040001), which has no news before the first operation; None without a waybill."""
        if not waybill:
            return None
        result = self._call(_QUERY, {"waybillNo": waybill, "direction": "0"}, changes=False)
        try:
            told = readable(
                result.get("responseItems") or (), lambda item: _news(_operation(item), waybill=waybill, order=order)
            )
        except (TypeError, ValueError) as fault:
            raise self._http.doubt("unreadable", changes=False) from fault
        return Shipment(order, waybill, tuple(sorted(filter(None, told), key=lambda each: each.at)))

    def _is_called_off(self, order: str, waybill: str) -> bool:
        try:
            shipment = self.query(order, waybill)
        except VendorError:
            return False
        return shipment is not None and any(news.state == "cancelled" for news in shipment.news)

    def _order_document(self, order: CourierOrder) -> dict[str, Any]:
        return {
            "createdTime": self._now(),
            "ecommerceUserId": order.number,
            "logisticsOrderNo": order.number,
            "senderNo": self._sender,
            "contentsAttribute": _DOCUMENTS if order.contents == "documents" else _GOODS,
            "bizProductNo": _EXPRESS_MAIL,
            "insuranceFlag": "1",
            "deliverType": "2",  # to the door
            "paymentMode": _PAID_BY_SENDER,
            "codFlag": "9",  # nothing to collect on delivery
            "receiptFlag": "1",
            "valuableFlag": "0",
            **_pickup(order.window),
            "sender": _party(order.sender),
            "receiver": _party(order.receiver),
            "cargos": [{"cargoName": "文件" if order.contents == "documents" else "物品", "cargoQuantity": 1}],
        }

    def _call(self, api: str, document: Any, *, changes: bool) -> dict[str, Any]:
        form = {
            "apiCode": api,
            "senderNo": self._sender,
            "authorization": self._authorization,
            "timeStamp": self._now(),
            "msgType": "0",
            "version": "V1.0.0",
            "logitcsInterface": seal(_compact(document), self._key),
        }
        headers = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
        answer = self._http.send("POST", self._url, body=urlencode(form).encode(), headers=headers, changes=changes)
        return self._result(self._http.json(answer, changes=changes), changes=changes)

    def _result(self, envelope: dict[str, Any], *, changes: bool) -> dict[str, Any]:
        code = str(envelope.get("retCode"))
        if code == _SYSTEM_FAULT:
            raise self._http.doubt(code, changes=changes)
        if code != _OK:
            raise VendorRejected(self.code, code)
        try:
            body = _parsed(envelope.get("retBody") or "{}")
        except ValueError as fault:
            raise self._http.doubt("unreadable", changes=changes) from fault
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        if not isinstance(body, dict):
            body = {}  # a cancellation is answered with a bare text or with nothing
        return body

    def _now(self) -> str:
        return in_beijing(self._clock())


class EmsWebhook:
    """What EMS pushes of its shipments (040002, ``ports.CourierWebhook``)."""

    code = "ems"

    def __init__(self, key_b64: str, sender: str = "") -> None:
        self._key = key_b64
        self._sender = sender

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:  # noqa: ARG002
        """Only who has the key can have sealed it. EMS signs no time, so an old push is the same push again."""
        try:
            envelope, content = self._opened(body)
        except ValueError:
            raise Forged("ems: not sealed by our key") from None
        if self._sender and envelope.get("senderNo") != self._sender:
            raise Forged("ems: of another customer")
        try:
            return _identity(_operation(content))
        except ValueError:
            return sha256(_compact(content).encode()).hexdigest()

    def acknowledge(self, body: bytes) -> Reply:
        """EMS pushes again until it reads its own serial number here."""
        envelope = json.loads(body)
        return _reply(200, envelope.get("serialNo", ""), _OK, "成功", envelope.get("senderNo", ""))

    def refuse(self) -> Reply:
        """The answer to a push that isn't from EMS."""
        return _reply(401, "", _SYSTEM_FAULT, "验证失败", "")

    def read(self, body: bytes) -> tuple[News, ...]:
        """The news of one push; none when it tells of something else than the shipment's way."""
        envelope, content = self._opened(body)
        try:
            operation = _operation(content)
        except ValueError:
            if envelope.get("method") != _PUSH:  # nobody has signed the method: it does not say what news is
                return ()
            raise
        news = _news(operation, waybill=operation["waybillNo"], order=operation["orderNo"])
        return (news,) if news else ()

    def _opened(self, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        envelope = json_object(body)
        return envelope, json_object(unseal(str(envelope.get("logitcsInterface")), self._key))


def courier(terms: Terms) -> EmsCourier:
    """EMS under the hall's agreement: options ``sender`` and ``url`` (PRODUCTION, unless given), secrets
    ``authorization`` and ``key``."""
    options, secrets = terms.options, terms.secrets
    url, http = options.get("url", PRODUCTION), Http("ems", read_s=terms.read_s)
    return EmsCourier(url, options["sender"], secrets["authorization"], secrets["key"], http=http)


def webhook(terms: Terms) -> EmsWebhook:
    """EMS's pushes to the hall: option ``sender``, secret ``key``."""
    return EmsWebhook(terms.secrets["key"], terms.options["sender"])


def _operation(item: Mapping[str, Any]) -> dict[str, str]:
    """The fields of an operation that we use, checked; the others may hold personal data and are left behind."""
    fields = {name: str(item.get(name) or "") for name in ("waybillNo", "opCode", "opTime", "orderNo", _ATTEMPT)}
    if not fields["waybillNo"]:
        fields["waybillNo"] = str(item.get("traceNo") or "")
    for name in ("waybillNo", "opCode"):
        if not _WORD.fullmatch(fields[name]):
            raise ValueError(f"no {name}")
    if not _WORD.fullmatch(fields["orderNo"]):
        fields["orderNo"] = ""
    from_beijing(fields["opTime"])
    return fields


def _identity(operation: Mapping[str, str]) -> str:
    return f"{operation['waybillNo']}-{operation['opCode']}-{re.sub(r'[^0-9]', '', operation['opTime'])}"


def _news(operation: Mapping[str, str], *, waybill: str, order: str) -> News | None:
    code, undoes, reason = operation["opCode"], "", REASONS.get(operation["opCode"], "")
    if code in REVERSALS:
        state, undoes = REVERSALS[code]
    elif code == _IN_VAIN and operation[_ATTEMPT] in ATTEMPTS_IN_VAIN:
        state, reason = ATTEMPTS_IN_VAIN[operation[_ATTEMPT]]
    elif not (state := _state(code)):
        return None
    at = from_beijing(operation["opTime"])
    return News(_identity(operation), waybill, order, state, at, code, undoes, reason)


def _state(code: str) -> str:
    """The canonical state of an operation; "" when it says nothing of the shipment's way."""
    if code in _WITHOUT_NEWS:
        return ""
    return OP_CODES.get(code, "in_transit" if code[0] in _UNDER_WAY else "")


def _pickup(window: Window | None) -> dict[str, str]:
    if window is None:
        return {"pickupType": _DROPPED_OFF}
    return {
        "pickupType": _FETCHED,
        "pickupPreBeginTime": in_beijing(window.start),
        "pickupPreEndTime": in_beijing(window.end),
    }


def _party(party: Party) -> dict[str, str]:
    phone = "mobile" if _MOBILE.fullmatch(party.phone) else "phone"
    return {
        "name": party.name,
        phone: party.phone,
        "prov": party.province,
        "city": party.city,
        "county": party.county,
        "address": party.street,
        "postCode": party.postcode,
    }


def _reply(status: int, serial: str, code: str, message: str, sender: str) -> Reply:
    answer = {"serialNo": serial, "code": code, "codeMessage": message, "senderNo": sender}
    return Reply(status, "application/json", _compact(answer))


def _parsed(body: Any) -> Any:
    return json.loads(body) if isinstance(body, str) else body


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
