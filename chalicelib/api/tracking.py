"""Where a case stands, for everyone with its tracking code; and how its applicant gets in."""

from __future__ import annotations

from typing import Any

from chalice import Response

from chalicelib.api import present
from chalicelib.api.edge import Area, Call, answered
from chalicelib.usecases.tracking import tracked

area = Area("tracking")
SVG = "image/svg+xml"


@area.get("/v1/track/{tracking}", query=("lang",), gives={200: "Tracking"}, refuses=("unknown_tracking",))
def track(call: Call, tracking: str) -> dict[str, Any]:
    """Where a case stands, without personal data."""
    case = tracked(call.hall, tracking).case
    call.case = case.number
    return present.public(call.hall, case, call.language)


@area.get("/v1/track/{tracking}/qr.svg", gives={200: ""}, refuses=("unknown_tracking",), produces=SVG)
def show_qr(call: Call, tracking: str) -> Response:
    """The QR code of the tracking page's address."""
    from chalicelib.adapters.qr import qr_svg

    case = tracked(call.hall, tracking).case
    call.case = case.number
    address = present.tracking_url(call.hall, tracking.upper())
    return Response(qr_svg(address, title=case.number), {"Content-Type": SVG}, 200)


@area.post(
    "/v1/track/{tracking}/codes", gives={202: ""}, refuses=("unknown_tracking", "too_many_codes", "vendor_unavailable")
)
def send_code(call: Call, tracking: str) -> Response:
    """Send a six-digit code to the applicant's phone; it is good for ten minutes."""
    from chalicelib.usecases import access

    loaded = tracked(call.hall, tracking)
    call.case = loaded.case.number
    access.send_code(call.hall, loaded)
    return answered({}, 202)


@area.post(
    "/v1/track/{tracking}/sessions",
    body="SessionRequest",
    gives={201: "Session"},
    refuses=("unknown_tracking", "wrong_code"),
)
def open_session(call: Call, tracking: str) -> Response:
    """A token for the code, good for half an hour. Five wrong codes spend the right one."""
    from chalicelib.usecases import access

    code = call.json()["code"]
    call.case = tracked(call.hall, tracking).case.number
    session = access.open_session(call.hall, call.case, code)
    expires_at = present.instant(session.expires_at, call.hall.calendar.zone)
    return answered({"token": session.token, "expires_at": expires_at}, 201)
