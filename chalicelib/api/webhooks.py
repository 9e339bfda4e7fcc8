"""What vendors tell the hall: verified, stored, acknowledged. The workers apply it (see ``usecases/inbox.py``)."""

from __future__ import annotations

from chalice import Response

from chalicelib.api.edge import Area, Call, Refusal
from chalicelib.domain.secrecy import is_same
from chalicelib.ports import Forged, Reply
from chalicelib.usecases import inbox

area = Area("webhooks", cors=None)


def _headers(call: Call) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in call.request.headers.items()}


@area.post("/webhooks/stripe", gives={200: "Received"}, refuses=("bad_signature", "body_too_large"))
def take_payment_event(call: Call) -> dict[str, bool]:
    """An event of Stripe. A repeated one is acknowledged, and stored once."""
    try:
        inbox.accept_payment_event(call.hall, _headers(call), call.body())
    except Forged:
        raise Refusal("bad_signature") from None
    return {"received": True}


@area.post(
    "/webhooks/couriers/{courier}/{token}",
    gives={200: "", 401: ""},
    refuses=("not_found", "body_too_large"),
    produces="*/*",
)
def take_courier_push(call: Call, courier: str, token: str) -> Response:
    """News of a courier, answered in its own form."""
    if courier not in call.hall.courier_codes:
        raise Refusal("not_found")
    webhook, body = call.hall.courier_webhook(courier), call.body()
    if not is_same(token, call.hall.courier_token(courier)):
        return _reply(webhook.refuse())
    try:
        inbox.accept_courier_push(call.hall, courier, _headers(call), body)
    except Forged:
        return _reply(webhook.refuse())
    return _reply(webhook.acknowledge(body))


def _reply(reply: Reply) -> Response:
    return Response(reply.body, {"Content-Type": reply.content_type}, reply.status)
