"""Kuaidi100's side of its wire format: signed forms. See ``chalicelib.adapters.couriers.kuaidi100``.

It calls back about the order until the courier has the parcel, and pushes the courier's track from then on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from chalicelib.adapters.couriers.kuaidi100 import (
    LONGEST_NUMBER,
    ORDERS,
    TRACKS,
    order_sign,
    push_sign,
    query_sign,
)
from chalicelib.adapters.couriers.times import in_beijing
from infra.local.courier_counterpart.book import Event, Parcel, Push, TooLate
from infra.local.courier_counterpart.depot import Depot, Refused, silence
from infra.local.courier_counterpart.dialects import Letter

PATH = "/kuaidi100"
_STATUSES: Mapping[tuple[str, str], str] = {
    ("pickup_scheduled", ""): "1",
    ("exception", "not_collectable"): "11",
    ("cancelled", ""): "99",
}
_SCANS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("picked_up", ""): ("103", "已揽收"),
    ("in_transit", ""): ("1002", "干线"),
    ("out_for_delivery", ""): ("5", "派件"),
    ("out_for_delivery", "awaiting_collection"): ("501", "投柜或驿站"),
    ("delivered", ""): ("301", "本人签收"),
    ("delivery_failed", ""): ("204", "派件异常"),
    ("delivery_failed", "refused"): ("203", "拒收"),
    ("delivery_failed", "nobody_home"): ("206", "无法联系"),
    ("returned", ""): ("4", "退签"),
    ("exception", ""): ("2", "疑难"),
    ("exception", "delayed"): ("208", "滞留"),
    ("exception", "damaged"): ("209", "破损"),
}
_DETAILS: Mapping[str, str] = {
    "ordered": "0",
    "pickup_scheduled": "1",
    "picked_up": "10",
    "delivered": "13",
    "returned": "12",
    "cancelled": "99",
}
_UNDER_WAY = "101"
_NOT_FETCHED = "11"
_REQUIRED = (
    *(f"{end}{name}" for end in ("recMan", "sendMan") for name in ("Name", "Mobile", "PrintAddr")),
    "kuaidicom",
    "cargo",
    "callBackUrl",
)


class _Fault(Exception):
    """An answer that is no success."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class Kuaidi100Side:
    """Kuaidi100 as the hall sees it. Its ``orderId`` is the waybill."""

    code = "kuaidi100"
    tick = timedelta(seconds=1)
    states = frozenset(state for state, _ in (*_STATUSES, *_SCANS))
    reasons = frozenset((state, reason) for state, reason in (*_STATUSES, *_SCANS) if reason)
    takes_back: frozenset[str] = frozenset()

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._key, self._secret, self._customer = terms["key"], terms["secret"], terms["customer"]
        self._salt = terms["salt"]  # comes with each order, and is always this one
        self._depot: Depot

    def letter(self, push: Push, now: datetime) -> Letter:  # noqa: ARG002
        """A callback or the whole track until then; the same at each attempt."""
        event = push.event
        if status := _STATUSES.get((event.state, event.reason)):
            data = {"orderId": event.waybill, "status": status, "courierName": "", "courierMobile": ""}
            message: dict[str, Any] = {
                "kuaidicom": "ems",
                "kuaidinum": event.waybill,
                "status": "200",
                "message": "成功",
                "data": data,
            }
            extra = {"taskId": _task(event.waybill)}
        else:
            parcel = self._depot.book.parcel(event.waybill)
            assert parcel is not None
            last = {"message": "ok", "com": "ems", "nu": event.waybill, **_track(parcel, until=event.at)}
            message = {"status": "polling", "billstatus": "got", "message": "", "lastResult": last}
            extra = {}
        param = json.dumps(message, ensure_ascii=False)
        form = {**extra, "sign": push_sign(param, self._salt), "param": param}
        return Letter({"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode(), "")

    def acknowledged(self, letter: Letter, status: int, body: bytes) -> bool:  # noqa: ARG002
        """Kuaidi100 wants to read that it went well."""
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        told = isinstance(answer, dict) and answer.get("result") is True and answer.get("returnCode") == "200"
        return status == 200 and told

    def routes(self, depot: Depot) -> list[BaseRoute]:
        """Orders, and tracks."""
        self._depot = depot
        return [
            Route(PATH + ORDERS, self._answer_order, methods=["POST"]),
            Route(PATH + TRACKS, self._answer_track, methods=["POST"]),
        ]

    async def _answer_order(self, request: Request) -> Response:
        form = await _form(request)
        try:
            data = self._result(form)
        except _Fault as fault:
            return _failure(fault)
        booked = self._depot.book.parcel(data["kuaidinum"]) if form["method"] == "bOrder" else None
        if booked is not None and self._depot.leaves_unanswered(booked):
            return await silence(request)
        return JSONResponse({"result": True, "returnCode": "200", "message": "提交成功", "data": data})

    async def _answer_track(self, request: Request) -> Response:
        form = await _form(request)
        param = form.get("param", "")
        if form.get("customer") != self._customer or form.get("sign") != query_sign(param, self._key, self._customer):
            return _failure(_Fault("503", "验证签名失败"))
        parcel = self._depot.book.parcel(str(json.loads(param).get("num")))
        track = _track(parcel) if parcel and parcel.courier == self.code else {}
        if not track.get("data"):
            return _failure(_Fault("500", "查询无结果，请隔段时间再查"))
        assert parcel is not None
        told = {"message": "ok", "status": "200", "ischeck": "0", "com": "ems", "nu": parcel.waybill}
        return JSONResponse({**told, **track})

    def _result(self, form: Mapping[str, str]) -> dict[str, Any]:
        param, t = form.get("param", ""), form.get("t", "")
        if form.get("key") != self._key or form.get("sign") != order_sign(param, t, self._key, self._secret):
            raise _Fault("503", "验证签名失败")
        document = json.loads(param)
        match form.get("method"):
            case "bOrder":
                return self._booked(document)
            case "cancel":
                return self._cancelled(document)
            case "detail":
                return _detail(self._of_task(document.get("taskId")))
        raise _Fault("400", "method 无效")

    def _booked(self, order: Mapping[str, Any]) -> dict[str, Any]:
        number = str(order.get("thirdOrderId") or "")
        missing = [name for name in _REQUIRED if not order.get(name)]
        if missing or not 0 < len(number.encode()) <= LONGEST_NUMBER or order.get("salt") != self._salt:
            raise _Fault("400", f"参数错误 {', '.join(missing)}")
        if order.get("dayType") and not order.get("pickupStartTime", "") < order.get("pickupEndTime", ""):
            raise _Fault("400", "预约时间错误")
        try:
            parcel = self._depot.accept(self.code, number)
        except Refused:
            raise _Fault("500", "该区域暂时不开放") from None
        return {"taskId": _task(parcel.waybill), "orderId": parcel.waybill, "kuaidinum": parcel.waybill}

    def _cancelled(self, document: Mapping[str, Any]) -> dict[str, Any]:
        parcel = self._of_task(document.get("taskId"))
        if parcel.waybill != document.get("orderId") or not document.get("cancelMsg"):
            raise _Fault("400", "参数错误")
        if parcel.state == "cancelled":
            raise _Fault("500", "订单已取消")
        try:
            self._depot.cancel(parcel, self.tick)
        except TooLate:
            raise _Fault("500", "快件已揽收") from None
        return {}

    def _of_task(self, task: Any) -> Parcel:
        for parcel in self._depot.book.parcels():
            if parcel.courier == self.code and _task(parcel.waybill) == task:
                return parcel
        raise _Fault("500", "订单不存在")


def _task(waybill: str) -> str:
    return sha256(waybill.encode()).hexdigest()[:32].upper()


def _detail(parcel: Parcel) -> dict[str, Any]:
    status = _DETAILS.get(parcel.state, _UNDER_WAY if parcel.has_left else _NOT_FETCHED)
    return {"taskId": _task(parcel.waybill), "kuaidiNum": parcel.waybill, "status": status}


def _track(parcel: Parcel, until: datetime | None = None) -> dict[str, Any]:
    """Newest first."""
    told = [event for event in parcel.events if until is None or event.at <= until]
    scans = [_scan(event) for event in reversed(told) if (event.state, event.reason) not in _STATUSES]
    return {"state": scans[0]["statusCode"] if scans else "0", "data": scans}


def _scan(event: Event) -> dict[str, str]:
    code, name = _SCANS.get((event.state, event.reason)) or _SCANS[event.state, ""]
    time = in_beijing(event.at)
    return {"time": time, "ftime": time, "context": name, "status": name, "statusCode": code}


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode()))


def _failure(fault: _Fault) -> Response:
    return JSONResponse({"result": False, "returnCode": fault.code, "message": fault.message})
