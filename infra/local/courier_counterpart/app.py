"""The counterpart's HTTP side: the couriers' interfaces, the handheld, and the switch for faults."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from chalicelib.adapters.couriers.http import utc_now
from infra.local.courier_counterpart.book import Book, Parcel
from infra.local.courier_counterpart.chaos import Chaos
from infra.local.courier_counterpart.depot import Depot
from infra.local.courier_counterpart.dialects import DELIVERY_PROBLEMS, MISHAPS, PICKUP_PROBLEMS, TAKEN_BACK, Dialect
from infra.local.courier_counterpart.easypost_side import EasyPostSide
from infra.local.courier_counterpart.ems_side import EmsSide
from infra.local.courier_counterpart.kuaidi100_side import Kuaidi100Side
from infra.local.courier_counterpart.open_side import OpenSide
from infra.local.courier_counterpart.postman import Hall, Postman
from infra.local.courier_counterpart.sf_side import SfSide

_log = logging.getLogger(__name__)
_ON_PAGE = 200  # parcels
_NEXT: Mapping[str, tuple[str, ...]] = {
    "ordered": ("pickup_scheduled", "picked_up", "cancelled", "exception"),
    "pickup_scheduled": ("picked_up", "cancelled", "exception"),
    "picked_up": ("in_transit", "exception"),
    "in_transit": ("out_for_delivery", "exception"),
    "out_for_delivery": ("delivered", "delivery_failed", "exception", "out_for_delivery"),
    "delivery_failed": ("out_for_delivery", "returned", "exception"),
    "exception": ("in_transit", "out_for_delivery", "returned", "exception"),
}
_NEXT_AT_THE_DOOR = _NEXT["ordered"]  # a problem with fetching is one in state "exception" too
_LABELS = {
    "ordered": "Ordered 已下单",
    "pickup_scheduled": "Pickup scheduled 待揽收",
    "picked_up": "Picked up 已揽收",
    "in_transit": "In transit 运输中",
    "out_for_delivery": "Out for delivery 派送中",
    "delivered": "Delivered 已签收",
    "delivery_failed": "Delivery failed 未妥投",
    "returned": "Returned 已退回",
    "cancelled": "Cancelled 已撤单",
    "exception": "Exception 异常",
}
_REASONS = {
    "nobody_home": "Nobody home 无人在家",
    "refused": "Refused 拒绝",
    "wrong_address": "Wrong address 地址错误",
    "not_collectable": "Not collectable 无法揽收",
    "delayed": "Delayed 延误",
    "lost": "Lost 丢失",
    "damaged": "Damaged 破损",
    "awaiting_collection": "Waits in a locker 待取件",
}
_LEGS = {"pickup": "Pickup 上门取件", "delivery": "Delivery 送件", "return": "Return 退还原件", "": "Parcel 包裹"}


SIDES: Mapping[str, Callable[[Mapping[str, str]], Dialect]] = {
    "ems": EmsSide,
    "easypost": EasyPostSide,
    "kuaidi100": Kuaidi100Side,
    "open": OpenSide,
    "sf": SfSide,
}
"""Code of each courier -> its side of the wire, made of what it has agreed upon with the hall."""


def build(
    hall: Hall,
    terms: Mapping[str, Mapping[str, str]],
    book_path: Path,
    *,
    retry_s: float = 1.0,
    clock: Callable[[], datetime] = utc_now,
) -> Starlette:
    """The application; it opens the book when it starts and delivers pushes while it runs."""
    dialects = {code: side(terms[code]) for code, side in SIDES.items() if code in terms}
    depot = Depot(Book(book_path), Chaos(), clock)
    postman = Postman(depot, dialects, hall, retry_s=retry_s)
    handheld = Handheld(depot, dialects)
    return Starlette(
        routes=[*handheld.routes(), *(route for dialect in dialects.values() for route in dialect.routes(depot))],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])],
        lifespan=_while_running(postman, depot.book),
    )


def _while_running(postman: Postman, book: Book) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        round_ = asyncio.create_task(postman.run())
        round_.add_done_callback(_report)
        yield
        round_.cancel()
        with suppress(asyncio.CancelledError):
            await round_
        book.close()

    return lifespan


def _report(round_: asyncio.Task[None]) -> None:
    if not round_.cancelled() and (fault := round_.exception()):
        _log.critical("The postman has stopped", exc_info=fault)


class Handheld:
    """What the courier's man holds in his hand, for people and for programs."""

    def __init__(self, depot: Depot, dialects: Mapping[str, Dialect]) -> None:
        self._depot = depot
        self._dialects = dialects
        loader = FileSystemLoader(Path(__file__).parent)
        self._page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html")

    def routes(self) -> list[Route]:
        """Page, waybills, events, undelivered pushes, faults."""
        return [
            Route("/", self.page),
            Route("/waybills", self.waybills),
            Route("/waybills/{waybill}/events", self.event, methods=["POST"]),
            Route("/pushes", self.pushes),
            Route("/chaos", self.chaos, methods=["GET", "PUT"]),
        ]

    async def page(self, _: Request) -> Response:
        """Every parcel with buttons for what may come next."""
        parcels = [
            {"parcel": parcel, "next": self._next(parcel), "takes_back": self._takes_back(parcel)}
            for parcel in self._depot.book.parcels()[:_ON_PAGE]
        ]
        words = {"labels": _LABELS, "reasons": _REASONS, "legs": _LEGS}
        return HTMLResponse(self._page.render(parcels=parcels, faults=self._depot.chaos.on(), **words))

    async def waybills(self, request: Request) -> Response:
        """All parcels, the latest first, or those of one ``order``."""
        parcels = self._depot.book.parcels(request.query_params.get("order"))
        return JSONResponse([_summary(parcel) for parcel in parcels])

    async def event(self, request: Request) -> Response:
        """Let ``state`` happen, maybe for a ``reason``, or take back the present state by naming it in ``undoes``."""
        wish = await _wish(request)  # before the book is opened: nothing may come between reading and writing
        parcel = self._depot.book.parcel(request.path_params["waybill"])
        if parcel is None:
            return JSONResponse({"error": "unknown_waybill"}, 404)
        dialect = self._dialects[parcel.courier]
        undoes = str(wish.get("undoes") or "")
        if undoes and (undoes != parcel.state or not self._takes_back(parcel)):
            return JSONResponse({"error": "nothing_to_take_back"}, 409)
        state = TAKEN_BACK[undoes] if undoes else str(wish.get("state"))
        if not undoes and state not in dialect.states:
            return JSONResponse({"error": "unknown_state", "states": sorted(dialect.states)}, 422)
        reason = "" if undoes else str(wish.get("reason") or "")
        if reason and (state, reason) not in dialect.reasons:
            told = sorted(known for for_state, known in dialect.reasons if for_state == state)
            return JSONResponse({"error": "unknown_reason", "reasons": told}, 422)
        event = self._depot.move(parcel, state, undoes, dialect.tick, reason)
        if _is_form(request):
            return RedirectResponse(f"/#w{parcel.waybill}", 303)
        return JSONResponse({"waybill": parcel.waybill, "state": event.state, "at": event.at.isoformat()}, 201)

    async def pushes(self, _: Request) -> Response:
        """How many pushes the hall has not acknowledged yet."""
        return JSONResponse({"undelivered": len(self._depot.book.pushes())})

    async def chaos(self, request: Request) -> Response:
        """The faults; PUT sets them all, those not named to none."""
        if request.method == "PUT":
            try:
                self._depot.chaos.set(await request.json())
            except (AttributeError, TypeError, ValueError) as fault:
                return JSONResponse({"error": str(fault)}, 422)
        return JSONResponse(self._depot.chaos.state())

    def _takes_back(self, parcel: Parcel) -> bool:
        return parcel.state in self._dialects[parcel.courier].takes_back

    def _next(self, parcel: Parcel) -> list[tuple[str, list[str]]]:
        """The states that may come next, each with the reasons that its courier can tell."""
        dialect = self._dialects[parcel.courier]
        at_the_door = parcel.state == "exception" and not parcel.has_left
        states = _NEXT_AT_THE_DOOR if at_the_door else _NEXT.get(parcel.state, ())
        return [(state, _reasons(dialect, parcel, state)) for state in states if state in dialect.states]


def _reasons(dialect: Dialect, parcel: Parcel, state: str) -> list[str]:
    """Why this may happen to the parcel, as far as its courier can tell."""
    fitting = {
        "exception": MISHAPS if parcel.has_left else PICKUP_PROBLEMS,
        "delivery_failed": DELIVERY_PROBLEMS,
        "out_for_delivery": ("awaiting_collection",),
    }
    return [reason for reason in fitting.get(state, ()) if (state, reason) in dialect.reasons]


def _summary(parcel: Parcel) -> dict[str, str]:
    return {
        "waybill": parcel.waybill,
        "courier": parcel.courier,
        "order": parcel.number,
        "leg": parcel.leg,
        "state": parcel.state,
        "reason": parcel.reason,
    }


def _is_form(request: Request) -> bool:
    return not request.headers.get("content-type", "").startswith("application/json")


async def _wish(request: Request) -> Mapping[str, Any]:
    if _is_form(request):
        return await request.form()
    try:
        wish = json.loads(await request.body())
    except ValueError:
        return {}
    return wish if isinstance(wish, dict) else {}
