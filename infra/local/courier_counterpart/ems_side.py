"""EMS's side of its wire format: one address for all calls, sealed by SM4. See ``chalicelib.adapters.couriers.ems``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from chalicelib.adapters.couriers.ems import seal, unseal
from chalicelib.adapters.couriers.times import in_beijing
from infra.local.courier_counterpart.book import Event, Parcel, Push, TooLate
from infra.local.courier_counterpart.depot import Depot, Refused, silence
from infra.local.courier_counterpart.dialects import Letter

PATH = "/amp-prod-api/f/amp/api/open"
_OPERATIONS: Mapping[str, tuple[str, str]] = {
    "picked_up": ("203", "收寄计费信息"),
    "in_transit": ("305", "揽投发运/封车"),
    "out_for_delivery": ("702", "投递邮件接收"),
    "delivered": ("704", "妥投"),
    "delivery_failed": ("705", "未妥投"),
    "returned": ("711", "退回妥投"),
    "cancelled": ("801", "撤单"),
    "exception": ("651", "邮件异常"),
}
_TAKING_BACK: Mapping[str, tuple[str, str]] = {
    "picked_up": ("207", "收寄撤销"),
    "in_transit": ("304", "发运撤销"),
    "out_for_delivery": ("742", "投递接收撤销"),
    "delivered": ("743", "妥投撤销"),
    "delivery_failed": ("744", "未妥投撤销"),
}
_BY_REASON: Mapping[tuple[str, str], dict[str, str]] = {
    ("out_for_delivery", "awaiting_collection"): {"opCode": "747", "opName": "投递到智能包裹柜/自提点"},
    ("delivery_failed", "refused"): {"attemptDeliveryCode": "7"},
    ("exception", "lost"): {"opCode": "987", "opName": "邮件丢失"},
}
_REQUIRED = ("createdTime", "ecommerceUserId", "logisticsOrderNo", "contentsAttribute", "bizProductNo")
_REQUIRED_OF_PARTY = ("name", "prov", "city", "county", "address")


class _Fault(Exception):
    """An answer other than 00000. The codes are this counterpart's own: the real ones are not public."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class EmsSide:
    """EMS as the hall sees it."""

    code = "ems"
    tick = timedelta(seconds=1)
    states = frozenset(_OPERATIONS)
    reasons = frozenset(_BY_REASON)
    takes_back = frozenset(_TAKING_BACK)

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._sender = terms["sender"]
        self._authorization = terms["authorization"]
        self._key = terms["key"]

    def letter(self, push: Push, now: datetime) -> Letter:
        """The push 040002; the serial number is new at each attempt."""
        content = _operation(push.event) | {"orderNo": push.number}
        serial = uuid4().hex.upper()
        envelope = {
            "logitcsInterface": seal(json.dumps(content, ensure_ascii=False), self._key),
            "method": "040002",
            "msgType": "0",
            "senderNo": self._sender,
            "serialNo": serial,
            "timeStamp": in_beijing(now),
            "version": "v1.0.0",
        }
        return Letter({"content-type": "application/json"}, json.dumps(envelope).encode(), serial)

    def acknowledged(self, letter: Letter, status: int, body: bytes) -> bool:
        """EMS wants its serial number back, with code 00000."""
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return (
            status == 200
            and isinstance(answer, dict)
            and answer.get("serialNo") == letter.receipt
            and answer.get("code") == "00000"
        )

    def routes(self, depot: Depot) -> list[BaseRoute]:
        """The one address of the platform."""

        async def call(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode()))
            try:
                result = self._result(depot, form)
            except _Fault as fault:
                return _envelope(depot.clock(), fault.code, fault.message, None)
            if form["apiCode"] == "020003" and self._is_left_unanswered(depot, result):
                return await silence(request)
            return _envelope(depot.clock(), "00000", "成功", result)

        return [Route(PATH, call, methods=["POST"])]

    def _result(self, depot: Depot, form: Mapping[str, str]) -> dict[str, Any]:
        document = self._document(form)
        match form.get("apiCode"):
            case "020003":
                return self._ordered(depot, document)
            case "020006":
                return self._cancelled(depot, document)
            case "040001":
                return _track(depot, document)
        raise _Fault("B00004", "apiCode 无效")

    def _document(self, form: Mapping[str, str]) -> dict[str, Any]:
        if form.get("senderNo") != self._sender or form.get("authorization") != self._authorization:
            raise _Fault("B00001", "授权失败")
        try:
            document = json.loads(unseal(form.get("logitcsInterface", ""), self._key))
        except ValueError:
            raise _Fault("B00002", "报文解密失败") from None
        if form.get("apiCode") == "020003":  # the one call that takes a list
            document = document[0] if isinstance(document, list) and len(document) == 1 else None
        if not isinstance(document, dict):
            raise _Fault("B00003", "报文格式错误")
        return document

    def _ordered(self, depot: Depot, order: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in _REQUIRED if not order.get(name)]
        for end in ("sender", "receiver"):
            party = order.get(end) or {}
            missing += [f"{end}.{name}" for name in _REQUIRED_OF_PARTY if not party.get(name)]
            missing += [] if party.get("mobile") or party.get("phone") else [f"{end}.mobile"]
        if order.get("pickupType") == "1" and not order.get("pickupPreBeginTime"):
            missing.append("pickupPreBeginTime")
        if missing:
            raise _Fault("B00005", f"缺少 {', '.join(missing)}")
        try:
            parcel = depot.accept(self.code, order["logisticsOrderNo"])
        except Refused:
            raise _Fault("B00006", "超出服务范围") from None
        return {"waybillNo": parcel.waybill, "logisticsOrderNo": parcel.number}

    def _is_left_unanswered(self, depot: Depot, booked: Mapping[str, Any]) -> bool:
        parcel = depot.book.parcel(booked["waybillNo"])
        return parcel is not None and depot.leaves_unanswered(parcel)

    def _cancelled(self, depot: Depot, document: dict[str, Any]) -> dict[str, Any]:
        parcel = depot.book.parcel(document.get("waybillNo", ""))
        if parcel is None or parcel.courier != self.code or parcel.number != document.get("logisticsOrderNo"):
            raise _Fault("B00007", "运单不存在")
        if parcel.state == "cancelled":
            raise _Fault("B00008", "订单已撤销")
        try:
            depot.cancel(parcel, self.tick)
        except TooLate:
            raise _Fault("B00009", "邮件已收寄") from None
        return {"waybillNo": parcel.waybill}


def _track(depot: Depot, document: dict[str, Any]) -> dict[str, Any]:
    parcel: Parcel | None = depot.book.parcel(document.get("waybillNo", ""))
    if parcel is None or parcel.courier != EmsSide.code:
        return {"responseItems": []}
    return {"responseItems": [_operation(event) for event in parcel.events]}


def _operation(event: Event) -> dict[str, str]:
    code, name = _TAKING_BACK[event.undoes] if event.undoes else _OPERATIONS[event.state]
    told = {
        "traceNo": event.waybill,
        "waybillNo": event.waybill,
        "opTime": in_beijing(event.at),
        "opCode": code,
        "opName": name,
        "opDesc": name,
        "opOrgCode": "00000000",
        "opOrgName": "本地邮局",
        "opOrgProvName": "",
        "opOrgCity": "",
        "operatorNo": "",
        "operatorName": "",
    }
    return told | _BY_REASON.get((event.state, event.reason), {})


def _envelope(now: datetime, code: str, message: str, result: dict[str, Any] | None) -> Response:
    return JSONResponse(
        {
            "serialNo": str(uuid4()),
            "retCode": code,
            "retMsg": message,
            "retBody": None if result is None else json.dumps(result, ensure_ascii=False),
            "retDate": in_beijing(now),
            "success": code == "00000",
        }
    )
