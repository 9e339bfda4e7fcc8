"""The courier's side of the open contract (``docs/adding-a-courier.md``)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from standardwebhooks import Webhook
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from chalicelib.adapters.couriers.open_http import signed, verified
from chalicelib.ports import COURIER_STATES, Forged
from infra.local.courier_counterpart.book import Event, Parcel, Push, TooLate
from infra.local.courier_counterpart.depot import Depot, Refused, silence
from infra.local.courier_counterpart.dialects import REASONS, TAKEN_BACK, Letter

PATH = "/open"
_Answer = Callable[[Depot, Request], Awaitable[Response]]
_PARTY = ("name", "phone", "province", "city", "county", "street", "postcode", "country")


class OpenSide:
    """A courier that speaks the open contract."""

    code = "open"
    tick = timedelta(milliseconds=1)
    states = frozenset(COURIER_STATES)
    reasons = REASONS
    takes_back = frozenset(TAKEN_BACK)

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._signer = Webhook(terms["secret"])

    def letter(self, push: Push, now: datetime) -> Letter:
        """The message ``shipment.moved``; its id stays the same at each attempt."""
        data = {"order": push.number, "waybill": push.event.waybill, **_event(push.event)}
        message = {"type": "shipment.moved", "timestamp": push.event.at.isoformat(), "data": data}
        body = json.dumps(message)
        headers = signed(self._signer, f"msg_{push.event.id}", now, body)
        return Letter(headers | {"content-type": "application/json"}, body.encode(), "")

    def acknowledged(self, letter: Letter, status: int, body: bytes) -> bool:  # noqa: ARG002
        """Any 2xx will do."""
        return 200 <= status < 300

    def routes(self, depot: Depot) -> list[BaseRoute]:
        """The three calls of the contract."""

        def route(path: str, method: str, action: str, answer: _Answer) -> Route:
            async def call(request: Request) -> Response:
                if not await self._is_signed(request, action, depot.clock()):
                    return _error(401, "bad_signature")
                return await answer(depot, request)

            return Route(PATH + path, call, methods=[method])

        return [
            route("/orders/{number}", "PUT", "order", _order),
            route("/orders/{number}", "GET", "query", _query),
            route("/orders/{number}/cancellation", "POST", "cancel", _cancel),
        ]

    async def _is_signed(self, request: Request, action: str, now: datetime) -> bool:
        try:
            message_id = verified(self._signer, request.headers, await request.body(), now)
        except Forged:
            return False
        return message_id == f"{action}_{request.path_params['number']}"


async def _order(depot: Depot, request: Request) -> Response:
    if not _is_order(await request.body()):
        return _error(422, "malformed_order")
    try:
        parcel = depot.accept(OpenSide.code, request.path_params["number"])
    except Refused:
        return _error(422, "not_served")
    return await silence(request) if depot.leaves_unanswered(parcel) else _shipment(parcel)


async def _query(depot: Depot, request: Request) -> Response:
    parcel = depot.book.ordered(OpenSide.code, request.path_params["number"])
    return _shipment(parcel) if parcel else _error(404, "unknown_order")


async def _cancel(depot: Depot, request: Request) -> Response:
    parcel = depot.book.ordered(OpenSide.code, request.path_params["number"])
    if parcel is None:
        return _error(404, "unknown_order")
    try:
        depot.cancel(parcel, OpenSide.tick)
    except TooLate:
        return _error(409, "too_late")
    return Response(status_code=204)


def _is_order(body: bytes) -> bool:
    try:
        order = json.loads(body)
    except ValueError:
        return False
    return isinstance(order, dict) and all(_is_party(order.get(end)) for end in ("sender", "receiver"))


def _is_party(party: Any) -> bool:
    return isinstance(party, Mapping) and all(isinstance(party.get(name), str) for name in _PARTY)


def _shipment(parcel: Parcel) -> Response:
    events = [_event(event) for event in parcel.events]
    return JSONResponse({"order": parcel.number, "waybill": parcel.waybill, "events": events})


def _event(event: Event) -> dict[str, str]:
    told = {"state": event.state, "at": event.at.isoformat(timespec="microseconds"), "code": event.state}
    more = {"undoes": event.undoes, "reason": event.reason}
    return told | {name: value for name, value in more.items() if value}


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": code}, status)
