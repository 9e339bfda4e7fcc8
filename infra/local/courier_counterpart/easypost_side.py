"""EasyPost's side of its wire format: JSON over HTTP, signed events. See ``chalicelib.adapters.couriers.easypost``.

What is bought stands in the book; shipments and pickups that are only made are forgotten when the counterpart stops.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from chalicelib.adapters.couriers.easypost import SIGNATURE, signature
from infra.local.courier_counterpart.book import Event, Parcel, Push, TooLate
from infra.local.courier_counterpart.depot import Depot, Refused, silence
from infra.local.courier_counterpart.dialects import Letter

PATH = "/easypost/v2"
_SCANS: Mapping[str, tuple[str, str]] = {
    "picked_up": ("in_transit", "received_at_origin_facility"),
    "in_transit": ("in_transit", "arrived_at_facility"),
    "out_for_delivery": ("out_for_delivery", "out_for_delivery"),
    "delivered": ("delivered", "arrived_at_destination"),
    "delivery_failed": ("failure", "delivery_exception"),
    "returned": ("return_to_sender", "return"),
    "cancelled": ("cancelled", "cancelled"),
    "exception": ("error", "status_update"),
}
_BY_REASON: Mapping[tuple[str, str], tuple[str, str]] = {
    ("out_for_delivery", "awaiting_collection"): ("available_for_pickup", "arrived_at_pickup_location"),
    ("delivery_failed", "refused"): ("failure", "refused"),
    ("delivery_failed", "wrong_address"): ("failure", "address_correction"),
    ("exception", "lost"): ("failure", "lost"),
    ("exception", "damaged"): ("failure", "damaged"),
}
_ADDRESS = ("name", "phone", "street1", "city", "country")
_RATES = (("USPS", "Express", "31.00"), ("USPS", "Priority", "8.10"), ("UPS", "Ground", "9.75"))
_PICKUP_RATES = (("USPS", "NextDay", "0.00"), ("UPS", "Future-day Pickup", "6.50"))
_Answer = Callable[[Request], Awaitable[Response]]


class _Fault(Exception):
    """An answer with an error. The codes in capitals are like EasyPost's, not all of which are public."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass
class _Made:
    """What was made under a reference, bought or not."""

    window: tuple[str, str] | None
    carrier: str = ""  # "" when nothing is bought, and when it was bought before the counterpart stopped
    pickup: str = ""  # "" when there is none, unknown, scheduled, canceled


class EasyPostSide:
    """EasyPost as the hall sees it. Its ids are our order numbers with a prefix."""

    code = "easypost"
    tick = timedelta(seconds=1)
    states = frozenset(_SCANS)
    reasons = frozenset(_BY_REASON)
    takes_back: frozenset[str] = frozenset()

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._authorization = "Basic " + b64encode(f"{terms['key']}:".encode()).decode()
        self._secret = terms["webhook_secret"]
        self._mode = terms["mode"]
        self._made: dict[str, _Made] = {}
        self._depot: Depot

    def letter(self, push: Push, now: datetime) -> Letter:  # noqa: ARG002
        """The event ``tracker.updated`` with the tracker as it was then; its id stays the same at each attempt."""
        parcel = self._depot.book.parcel(push.event.waybill)
        assert parcel is not None
        event = {
            "id": f"evt_{push.event.id}",
            "object": "Event",
            "mode": self._mode,
            "description": "tracker.updated",
            "previous_attributes": {},
            "result": self._tracker(parcel, until=push.event.at),
            "status": "pending",
            "pending_urls": [],
            "completed_urls": [],
            "created_at": _time(push.event.at),
        }
        body = json.dumps(event).encode()
        return Letter({"content-type": "application/json", SIGNATURE: signature(self._secret, body)}, body, "")

    def acknowledged(self, letter: Letter, status: int, body: bytes) -> bool:  # noqa: ARG002
        """Any 2xx will do."""
        return 200 <= status < 300

    def routes(self, depot: Depot) -> list[BaseRoute]:
        """Shipments, trackers and pickups."""
        self._depot = depot
        return [
            self._route("POST", "/shipments", self._make_shipment),
            self._route("GET", "/shipments/{id}", self._show_shipment),
            self._route("POST", "/shipments/{id}/buy", self._buy_shipment),
            self._route("POST", "/shipments/{id}/refund", self._refund_shipment),
            self._route("GET", "/trackers/{id}", self._show_tracker),
            self._route("POST", "/pickups", self._make_pickup),
            self._route("GET", "/pickups/{id}", self._show_pickup),
            self._route("POST", "/pickups/{id}/buy", self._buy_pickup),
            self._route("POST", "/pickups/{id}/cancel", self._cancel_pickup),
        ]

    def _route(self, method: str, path: str, answer: _Answer) -> Route:
        async def call(request: Request) -> Response:
            if not compare_digest(request.headers.get("authorization", "").encode(), self._authorization.encode()):
                return _error(401, "APIKEY.INACTIVE")
            try:
                return await answer(request)
            except _Fault as fault:
                return _error(fault.status, fault.code)

        return Route(PATH + path, call, methods=[method])

    # --- shipments ---

    async def _make_shipment(self, request: Request) -> Response:
        order = await _posted(request, "shipment")
        number = order.get("reference")
        whole = all(_is_address(order.get(end)) for end in ("from_address", "to_address"))
        if not isinstance(number, str) or not number or not whole or not (order.get("parcel") or {}).get("weight"):
            raise _Fault(422, "SHIPMENT.INVALID_PARAMS")
        window = (
            order.get("options", {}).get("pickup_min_datetime"),
            order.get("options", {}).get("pickup_max_datetime"),
        )
        self._made.setdefault(number, _Made(window if all(window) else None))
        return JSONResponse(self._shipment(number), 201)

    async def _show_shipment(self, request: Request) -> Response:
        return JSONResponse(self._shipment(_number(request, "shp_")))

    async def _buy_shipment(self, request: Request) -> Response:
        number = _number(request, "shp_")
        rate = (await _posted(request, "rate")).get("id")
        made = self._made.get(number)
        if made is None:
            raise _Fault(404, "NOT_FOUND")
        if self._parcel(number) is not None:
            raise _Fault(422, "SHIPMENT.POSTAGE.EXISTS")
        carrier = next((offer["carrier"] for offer in _rates(number) if offer["id"] == rate), "")
        if not carrier:
            raise _Fault(422, "SHIPMENT.RATE.UNAVAILABLE")
        try:
            parcel = self._depot.accept(self.code, number)
        except Refused:
            raise _Fault(422, "SHIPMENT.POSTAGE.FAILURE") from None
        made.carrier = carrier
        if made.window is None and self._depot.leaves_unanswered(parcel):
            return await silence(request)
        return JSONResponse(self._shipment(number))

    async def _refund_shipment(self, request: Request) -> Response:
        number = _number(request, "shp_")
        parcel = self._parcel(number)
        if parcel is None:
            raise _Fault(422, "SHIPMENT.REFUND.UNAVAILABLE")
        try:
            self._depot.cancel(parcel, self.tick)
        except TooLate:
            return JSONResponse({**self._shipment(number), "refund_status": "rejected"})
        return JSONResponse(self._shipment(number))

    def _shipment(self, number: str) -> dict[str, Any]:
        made, parcel = self._made.get(number), self._parcel(number)
        if made is None and parcel is None:
            raise _Fault(404, "NOT_FOUND")
        options = {}
        if made and made.window:
            options = {"pickup_min_datetime": made.window[0], "pickup_max_datetime": made.window[1]}
        return {
            "id": f"shp_{number}",
            "object": "Shipment",
            "mode": self._mode,
            "reference": number,
            "options": options,
            "rates": _rates(number),
            "selected_rate": {"carrier": made.carrier} if made and parcel else None,
            "tracking_code": parcel.waybill if parcel else None,
            "tracker": self._tracker(parcel) if parcel else None,
            "refund_status": "submitted" if parcel and parcel.state == "cancelled" else None,
        }

    # --- trackers ---

    async def _show_tracker(self, request: Request) -> Response:
        parcel = self._depot.book.parcel(_number(request, "trk_"))
        if parcel is None or parcel.courier != self.code:
            raise _Fault(404, "NOT_FOUND")
        return JSONResponse(self._tracker(parcel))

    def _tracker(self, parcel: Parcel, until: datetime | None = None) -> dict[str, Any]:
        scans = [_scan(event) for event in parcel.events if until is None or event.at <= until]
        last = scans[-1] if scans else {"status": "unknown", "status_detail": "unknown", "datetime": None}
        return {
            "id": f"trk_{parcel.waybill}",
            "object": "Tracker",
            "mode": self._mode,
            "tracking_code": parcel.waybill,
            "shipment_id": f"shp_{parcel.number}",
            "status": last["status"],
            "status_detail": last["status_detail"],
            "updated_at": last["datetime"],
            "tracking_details": scans,
        }

    # --- pickups ---

    async def _make_pickup(self, request: Request) -> Response:
        pickup = await _posted(request, "pickup")
        number = str((pickup.get("shipment") or {}).get("id")).removeprefix("shp_")
        whole = _is_address(pickup.get("address")) and pickup.get("min_datetime") and pickup.get("max_datetime")
        if not whole or pickup.get("reference") != number or self._parcel(number) is None:
            raise _Fault(422, "PICKUP.INVALID_PARAMS")
        made = self._made.setdefault(number, _Made((pickup["min_datetime"], pickup["max_datetime"])))
        made.pickup = made.pickup or "unknown"
        return JSONResponse(self._pickup(number), 201)

    async def _show_pickup(self, request: Request) -> Response:
        return JSONResponse(self._pickup(_number(request, "pickup_")))

    async def _buy_pickup(self, request: Request) -> Response:
        number, choice = _number(request, "pickup_"), await _json(request)
        pickup = self._pickup(number)
        offered = {(rate["carrier"], rate["service"]) for rate in pickup["pickup_rates"]}
        if pickup["status"] != "unknown" or (choice.get("carrier"), choice.get("service")) not in offered:
            raise _Fault(422, "PICKUP.RATE.UNAVAILABLE")
        self._made[number].pickup = "scheduled"
        parcel = self._parcel(number)
        if parcel is not None and self._depot.leaves_unanswered(parcel):
            return await silence(request)
        return JSONResponse(self._pickup(number))

    async def _cancel_pickup(self, request: Request) -> Response:
        number = _number(request, "pickup_")
        pickup, parcel = self._pickup(number), self._parcel(number)
        if pickup["status"] != "scheduled" or parcel is None or parcel.has_left:
            raise _Fault(422, "PICKUP.CANCEL.UNAVAILABLE")
        self._made[number].pickup = "canceled"
        return JSONResponse(self._pickup(number))

    def _pickup(self, number: str) -> dict[str, Any]:
        made = self._made.get(number)
        if made is None or not made.pickup:
            raise _Fault(404, "NOT_FOUND")
        return {
            "id": f"pickup_{number}",
            "object": "Pickup",
            "mode": self._mode,
            "reference": number,
            "status": made.pickup,
            "confirmation": None if made.pickup == "unknown" else f"WTC{len(number)}",
            "pickup_rates": [
                {"id": f"pickuprate_{carrier}", "carrier": carrier, "service": service, "rate": rate, "currency": "USD"}
                for carrier, service, rate in _PICKUP_RATES
                if made.carrier in ("", carrier)
            ],
        }

    def _parcel(self, number: str) -> Parcel | None:
        return self._depot.book.ordered(self.code, number)


def _rates(number: str) -> list[dict[str, str]]:
    return [
        {"id": f"rate_{nth}_{number}", "carrier": carrier, "service": service, "rate": rate, "currency": "USD"}
        for nth, (carrier, service, rate) in enumerate(_RATES)
    ]


def _scan(event: Event) -> dict[str, Any]:
    status, detail = _BY_REASON.get((event.state, event.reason)) or _SCANS.get(event.state, ("pre_transit", "unknown"))
    return {
        "object": "TrackingDetail",
        "message": detail.replace("_", " ").capitalize(),
        "status": status,
        "status_detail": detail,
        "datetime": _time(event.at),
        "source": "USPS",
        "tracking_location": {"object": "TrackingLocation", "city": None, "state": None, "country": None, "zip": None},
    }


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _is_address(address: Any) -> bool:
    return isinstance(address, Mapping) and all(isinstance(address.get(name), str) for name in _ADDRESS)


def _number(request: Request, prefix: str) -> str:
    """Ids and references both will do."""
    return str(request.path_params["id"]).removeprefix(prefix)


async def _posted(request: Request, name: str) -> dict[str, Any]:
    posted = (await _json(request)).get(name)
    if not isinstance(posted, dict):
        raise _Fault(400, "PARAMETER.REQUIRED")
    return posted


async def _json(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(await request.body())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _Fault(400, "BAD_REQUEST")
    return document


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": "as the code says", "errors": []}}, status)
