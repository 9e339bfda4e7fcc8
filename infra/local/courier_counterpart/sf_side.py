"""SF Express's side of its wire format: one address for all services, one for tokens, and two kinds of push. See
``chalicelib.adapters.couriers.sf``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from secrets import compare_digest, token_hex
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from chalicelib.adapters.couriers.sf import digest
from chalicelib.adapters.couriers.times import in_beijing
from infra.local.courier_counterpart.book import Event, Parcel, Push, TooLate
from infra.local.courier_counterpart.depot import Depot, Refused, silence
from infra.local.courier_counterpart.dialects import Letter

PATH = "/std/service"
TOKEN_PATH = "/oauth2/accessToken"  # noqa: S105
TOKEN_LASTS = timedelta(hours=2)

_ROUTES: Mapping[tuple[str, str], dict[str, str]] = {
    ("picked_up", ""): {"opCode": "50", "firstStatusCode": "1", "remark": "顺丰速运 已收取快件"},
    ("in_transit", ""): {"opCode": "30", "firstStatusCode": "2", "remark": "快件在途中"},
    ("out_for_delivery", ""): {"opCode": "44", "firstStatusCode": "3", "remark": "正在派送途中"},
    ("out_for_delivery", "awaiting_collection"): {"opCode": "125", "firstStatusCode": "11", "remark": "快件待取"},
    ("delivered", ""): {"opCode": "80", "firstStatusCode": "4", "remark": "快件已签收"},
    ("delivery_failed", ""): {"opCode": "70", "firstStatusCode": "13", "remark": "快件派送不成功"},
    ("delivery_failed", "nobody_home"): {"opCode": "70", "firstStatusCode": "13", "remark": "派送不成功，收件人不在"},
    ("delivery_failed", "refused"): {"opCode": "70", "firstStatusCode": "13", "remark": "派送不成功，收件人拒收"},
    ("delivery_failed", "wrong_address"): {"opCode": "70", "firstStatusCode": "13", "remark": "派送不成功，地址不详"},
    ("delivery_failed", "delayed"): {"opCode": "70", "firstStatusCode": "13", "remark": "派送不成功，因天气改日再派"},
    ("returned", ""): {"opCode": "648", "remark": "快件已退回"},
    ("exception", ""): {"opCode": "517", "remark": "快件异常，正在处理"},
    ("exception", "delayed"): {"opCode": "517", "remark": "快件因天气原因延误"},
    ("exception", "lost"): {"opCode": "8000", "reasonCode": "6", "remark": "快件已结束"},
    ("exception", "damaged"): {"opCode": "8000", "reasonCode": "2", "remark": "快件已结束"},
}
"""State and reason -> what a route says of it."""

_STATES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("ordered", ""): ("04", "待调度"),
    ("pickup_scheduled", ""): ("04-40001", "调度成功"),
    ("cancelled", ""): ("00-2000", "客户取消"),
    ("exception", "nobody_home"): ("04-40002-40004", "联系不上客户"),
    ("exception", "wrong_address"): ("04-40002-40021", "客户电话错误"),
    ("exception", "not_collectable"): ("04-40002-40031", "无法揽收"),
}
"""State and reason -> code and words of an order's state: what happens before a parcel leaves is told so alone."""

_TOLD = frozenset(_ROUTES) | frozenset(_STATES)
_REQUIRED = ("language", "orderId", "expressTypeId", "payMethod", "cargoDetails", "contactInfoList")
_REQUIRED_OF_CONTACT = ("contactType", "contact", "country", "province", "city", "address")
_RECEIPTS = {"return_code": "0000", "success": "true"}


class _Fault(Exception):
    """A refusal; its code is SF's own: of the platform where it begins with A, of the service otherwise."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class SfSide:
    """SF as the hall sees it."""

    code = "sf"
    tick = timedelta(seconds=1)
    states = frozenset(state for state, _ in _TOLD)
    reasons = frozenset(known for known in _TOLD if known[1])
    takes_back: frozenset[str] = frozenset()  # SF takes nothing back: it just tells the next thing

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._partner = terms["partner"]
        self._checkword = terms["checkword"]
        self._card = terms["monthly_card"]
        self._token = ""
        self._token_until = datetime.min.replace(tzinfo=UTC)

    def letter(self, push: Push, now: datetime) -> Letter:
        """A route push or an order-state push in JSON; their own numbers are new at each attempt."""
        headers = {"content-type": "application/json;charset=UTF-8"}
        if _about(push.event) in _ROUTES:
            route = {"id": str(uuid4().int)[:15], "mailno": push.event.waybill, "orderid": push.number}
            routes = {"Body": {"WaybillRoute": [route | _route(push.event)]}}
            return Letter(headers, json.dumps(routes, ensure_ascii=False).encode(), "return_code")
        states = {
            "requestId": uuid4().hex,
            "timestamp": int(now.timestamp() * 1000),
            "orderState": [_order_state(push)],
        }
        return Letter(headers, json.dumps(states, ensure_ascii=False).encode(), "success")

    def acknowledged(self, letter: Letter, status: int, body: bytes) -> bool:
        """Each kind of push wants its own word."""
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return status == 200 and isinstance(answer, dict) and answer.get(letter.receipt) == _RECEIPTS[letter.receipt]

    def routes(self, depot: Depot) -> list[BaseRoute]:
        """The address of all services, and that of tokens."""

        async def call(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode()))
            try:
                self._check(form)
                result = self._result(depot, form)
            except _Fault as fault:
                return _refused(fault)
            if form["serviceCode"] == "EXP_RECE_CREATE_ORDER" and _is_left_unanswered(depot, result):
                return await silence(request)
            return _answered({"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": result})

        async def token(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode()))
            if form.get("partnerID") != self._partner or not self._is_checkword(form.get("secret", "")):
                return _refused(_Fault("A1011", "OAuth2认证失败"))
            return JSONResponse({"apiResultCode": "A1000", **self._valid_token(depot.clock())})

        return [Route(PATH, call, methods=["POST"]), Route(TOKEN_PATH, token, methods=["POST"])]

    def _is_checkword(self, secret: str) -> bool:
        return compare_digest(secret.encode(), self._checkword.encode())

    def _valid_token(self, now: datetime) -> dict[str, Any]:
        """The same token for as long as it lasts."""
        if now >= self._token_until:
            self._token, self._token_until = token_hex(16), now + TOKEN_LASTS
        return {"accessToken": self._token, "expiresIn": int((self._token_until - now).total_seconds())}

    def _check(self, form: Mapping[str, str]) -> None:
        """The envelope, as the platform checks it before any service sees it."""
        missing = [
            name for name in ("partnerID", "requestID", "serviceCode", "timestamp", "msgData") if name not in form
        ]
        if missing:
            raise _Fault("A1001", f"必传参数不可为空: {', '.join(missing)}")
        if form["partnerID"] != self._partner:
            raise _Fault("A1004", "无对应服务权限")
        if ("accessToken" in form) == ("msgDigest" in form):
            raise _Fault("A1006", "数字签名无效")
        if "accessToken" in form and not (self._token and compare_digest(form["accessToken"], self._token)):
            raise _Fault("A1011", "OAuth2认证失败")
        if "msgDigest" in form and form["msgDigest"] != digest(form["msgData"], form["timestamp"], self._checkword):
            raise _Fault("A1006", "数字签名无效")

    def _result(self, depot: Depot, form: Mapping[str, str]) -> dict[str, Any]:
        try:
            document = json.loads(form["msgData"])
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise _Fault("S0001", "非法的JSON格式")
        match form["serviceCode"]:
            case "EXP_RECE_CREATE_ORDER":
                return self._ordered(depot, document)
            case "EXP_RECE_UPDATE_ORDER":
                return self._called_off(depot, document)
            case "EXP_RECE_SEARCH_ORDER_RESP":
                return _booking(self._parcel(depot, document, "6150"))
            case "EXP_RECE_SEARCH_ROUTES":
                return _tracks(depot, document)
        raise _Fault("A1004", "无对应服务权限")

    def _ordered(self, depot: Depot, order: dict[str, Any]) -> dict[str, Any]:
        self._check_order(order)
        if depot.book.ordered(self.code, order["orderId"]):
            raise _Fault("8016", "重复下单")
        try:
            return _booking(depot.accept(self.code, order["orderId"]))
        except Refused:
            return {"orderId": order["orderId"], "filterResult": 3, "remark": "1", "waybillNoInfoList": []}

    def _check_order(self, order: dict[str, Any]) -> None:
        missing = [name for name in _REQUIRED if not order.get(name)]
        contacts = order.get("contactInfoList") or []
        for contact in contacts:
            missing += [f"contactInfoList.{name}" for name in _REQUIRED_OF_CONTACT if not contact.get(name)]
            missing += [] if contact.get("mobile") or contact.get("tel") else ["contactInfoList.mobile"]
        if missing:
            raise _Fault("S0002", f"必传字段为空: {', '.join(missing)}")
        if [contact["contactType"] for contact in contacts] != [1, 2]:
            raise _Fault("1014", "收件人信息不能为空")
        if order.get("monthlyCard", self._card) != self._card:
            raise _Fault("8114", "月结卡号不正确")
        if order["payMethod"] == 3 and "monthlyCard" not in order:
            raise _Fault("8256", "第三方付必须使用月结卡")

    def _called_off(self, depot: Depot, document: dict[str, Any]) -> dict[str, Any]:
        parcel = self._parcel(depot, document, "8018")
        if document.get("dealType") != 2:
            raise _Fault("8252", "订单已确认")
        if parcel.state == "cancelled":
            raise _Fault("8037", "订单已取消")
        try:
            depot.cancel(parcel, self.tick)
        except TooLate:
            raise _Fault("8252", "已收件，不能取消") from None
        return {"orderId": parcel.number, "waybillNoInfoList": _waybills(parcel), "resStatus": 2}

    def _parcel(self, depot: Depot, document: dict[str, Any], unknown: str) -> Parcel:
        parcel = depot.book.ordered(self.code, str(document.get("orderId", "")))
        if parcel is None:
            raise _Fault(unknown, "未查询到订单")
        return parcel


def _is_left_unanswered(depot: Depot, booking: Mapping[str, Any]) -> bool:
    parcel = depot.book.ordered(SfSide.code, booking["orderId"])
    return parcel is not None and depot.leaves_unanswered(parcel)


def _booking(parcel: Parcel) -> dict[str, Any]:
    return {"orderId": parcel.number, "filterResult": 2, "remark": "", "waybillNoInfoList": _waybills(parcel)}


def _waybills(parcel: Parcel) -> list[dict[str, Any]]:
    return [{"waybillType": 1, "waybillNo": parcel.waybill}]


def _tracks(depot: Depot, document: dict[str, Any]) -> dict[str, Any]:
    """The routes of waybills; what was told as an order's state is not among them."""
    numbers = document.get("trackingNumber")
    if not isinstance(numbers, list) or document.get("trackingType") != "1":
        raise _Fault("6133", "查询号码不能为空")
    parcels = [(str(number), depot.book.parcel(str(number))) for number in numbers]
    return {
        "routeResps": [
            {"mailNo": number, "routes": [_route(event) for event in parcel.events if _about(event) in _ROUTES]}
            for number, parcel in parcels
            if parcel is not None and parcel.courier == SfSide.code
        ]
    }


def _about(event: Event) -> tuple[str, str]:
    """State and reason, without a reason that SF has no word for."""
    return (event.state, event.reason if (event.state, event.reason) in _TOLD else "")


def _route(event: Event) -> dict[str, str]:
    told = _ROUTES[_about(event)]
    return {"acceptTime": in_beijing(event.at), "acceptAddress": "本地", "reasonName": "", **told}


def _order_state(push: Push) -> dict[str, str]:
    code, words = _STATES[_about(push.event)]
    return {
        "orderNo": push.number,
        "waybillNo": push.event.waybill,
        "orderStateCode": code,
        "orderStateDesc": words,
        "empCode": "",
        "empPhone": "",
        "netCode": "",
        "carrierCode": "SF",
        "lastTime": in_beijing(push.event.at + timedelta(hours=1)),
        "bookTime": in_beijing(push.event.at),
        "createTm": in_beijing(push.event.at),
    }


def _answered(result: dict[str, Any]) -> Response:
    """What a service says goes as a text into the envelope, as SF has it."""
    return _envelope("A1000", "", json.dumps(result, ensure_ascii=False))


def _refused(fault: _Fault) -> Response:
    if fault.code.startswith("A"):
        return _envelope(fault.code, fault.message, None)
    return _answered({"success": False, "errorCode": fault.code, "errorMsg": fault.message, "msgData": None})


def _envelope(code: str, message: str, result: str | None) -> Response:
    envelope = {"apiResultCode": code, "apiErrorMsg": message, "apiResponseID": uuid4().hex, "apiResultData": result}
    return JSONResponse(envelope)
