"""Any courier by the hall's open contract: JSON over HTTP, signed both ways as Standard Webhooks has it.

The contract is ``docs/adding-a-courier.md``; a city's own courier or a platform that speaks it needs no code here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from standardwebhooks import Webhook

from chalicelib.adapters.couriers.http import Answer, Http, json_object, utc_now
from chalicelib.adapters.couriers.times import plausible
from chalicelib.domain.secrecy import is_same
from chalicelib.ports import COURIER_REASONS, COURIER_STATES, CourierOrder, Forged, News, Reply, Shipment, Window

if TYPE_CHECKING:
    from chalicelib.adapters.couriers.terms import Terms

TOLERANCE = timedelta(minutes=5)
_JSON = "application/json"
_MOVED = "shipment.moved"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CODE = re.compile(r"[!-~]{0,64}")


class OpenCourier:
    """Orders from a courier that speaks the open contract (``ports.Courier``).

    ``url`` is the courier's address without a slash at its end, ``secret`` the shared ``whsec_…``.
    """

    finds_by_order = True

    def __init__(
        self,
        url: str,
        secret: str,
        code: str = "open",
        *,
        http: Http | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.code = code
        self._url = url
        self._signer = Webhook(secret)
        self._http = http or Http(code)
        self._clock = clock

    def order(self, order: CourierOrder) -> Shipment:
        """Put the order at its number's own address: the same put again changes nothing."""
        answer = self._send("PUT", "order", order.number, document=_order_document(order))
        return self._shipment(answer, order.number, changes=True)

    def cancel(self, order: str, waybill: str) -> None:  # noqa: ARG002
        """Call the order off."""
        self._send("POST", "cancel", order, "/cancellation", document={})

    def query(self, order: str, waybill: str) -> Shipment | None:  # noqa: ARG002
        """Get the order as the courier has it."""
        answer = self._send("GET", "query", order, accepts=frozenset({404}))
        return None if answer.status == 404 else self._shipment(answer, order, changes=False)

    def _send(
        self,
        method: str,
        action: str,
        number: str,
        path: str = "",
        *,
        document: Mapping[str, Any] | None = None,
        accepts: frozenset[int] = frozenset(),
    ) -> Answer:
        body = "" if document is None else json.dumps(document, ensure_ascii=False)
        # Naming the action and the order in the signed id keeps a request from being replayed as another one.
        headers = signed(self._signer, f"{action}_{number}", self._clock(), body)
        return self._http.send(
            method,
            f"{self._url}/orders/{quote(number, safe='')}{path}",
            body=body.encode(),
            headers={**headers, "content-type": _JSON, "accept": _JSON},
            changes=document is not None,
            accepts=accepts,
        )

    def _shipment(self, answer: Answer, number: str, *, changes: bool) -> Shipment:
        document = self._http.json(answer, changes=changes)
        try:
            waybill = _text(document, "waybill", _WORD) if document.get("waybill") else ""
            news = [_news({**event, "order": number, "waybill": waybill}) for event in document.get("events", ())]
        except (TypeError, ValueError) as fault:
            raise self._http.doubt("unreadable", changes=changes) from fault
        return Shipment(number, waybill, tuple(sorted(news, key=lambda each: each.at)))


class OpenWebhook:
    """What such a courier reports (``ports.CourierWebhook``)."""

    def __init__(self, secret: str, code: str = "open") -> None:
        self.code = code
        self._signer = Webhook(secret)

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Check signature and time (at most five minutes from ``now``); the identity is ``webhook-id``."""
        return verified(self._signer, headers, body, now)

    def acknowledge(self, body: bytes) -> Reply:  # noqa: ARG002
        """Any 2xx will do."""
        return Reply(200, _JSON, '{"received":true}')

    def refuse(self) -> Reply:
        """The answer to a message whose signature or time does not hold."""
        return Reply(401, _JSON, '{"error":"bad_signature"}')

    def read(self, body: bytes) -> tuple[News, ...]:
        """The news of one message; none when its type is one that the contract doesn't know yet."""
        message = json_object(body)
        if message.get("type") != _MOVED:
            return ()
        if not isinstance(data := message.get("data"), dict):
            raise ValueError("no data")  # noqa: TRY004
        return (_news(data),)


def courier(terms: Terms) -> OpenCourier:
    """The courier at the option ``url``; both sides sign with the secret ``secret``."""
    return OpenCourier(terms.options["url"], terms.secrets["secret"], http=Http("open", read_s=terms.read_s))


def webhook(terms: Terms) -> OpenWebhook:
    """What that courier reports to the hall, signed with the secret ``secret``."""
    return OpenWebhook(terms.secrets["secret"])


def signed(signer: Webhook, message_id: str, now: datetime, body: str) -> dict[str, str]:
    """The three headers that sign a body."""
    at = now.astimezone(UTC)  # the library takes any datetime for one in UTC
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signer.sign(message_id, at, body),
    }


def verified(signer: Webhook, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a message whose signature holds and whose time is near ``now``; Forged otherwise.

    The library's own ``verify`` reads the machine's clock; here the caller says what time it is.
    """
    message_id = headers.get("webhook-id", "")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise Forged("no webhook-id")
    try:
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = signer.sign(message_id, at, body.decode())
    except (KeyError, ValueError, OverflowError, OSError):
        raise Forged("unreadable") from None
    given = headers.get("webhook-signature", "").split(" ")
    if not any(is_same(each, expected) for each in given):
        raise Forged("no signature holds")
    if abs(now - at) > TOLERANCE:
        raise Forged("too far from now")
    return message_id


def _order_document(order: CourierOrder) -> dict[str, Any]:
    return {
        "sender": asdict(order.sender),
        "receiver": asdict(order.receiver),
        "window": _window(order.window),
        "contents": order.contents,
    }


def _window(window: Window | None) -> dict[str, str] | None:
    return {"start": window.start.isoformat(), "end": window.end.isoformat()} if window else None


def _news(data: Mapping[str, Any]) -> News:
    order = _text(data, "order", _WORD)
    state = _state(data, "state")
    undoes = _state(data, "undoes") if data.get("undoes") else ""
    at = _time(data, "at")
    return News(
        identity="-".join(filter(None, (order, state, undoes, f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}"))),
        waybill=_text(data, "waybill", _WORD) if data.get("waybill") else "",
        order=order,
        state=state,
        at=at,
        code=_text(data, "code", _CODE) if data.get("code") else "",
        undoes=undoes,
        reason=data["reason"] if data.get("reason") in COURIER_REASONS else "",
    )


def _text(data: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{name} is missing or malformed")
    return value


def _state(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if value not in COURIER_STATES:
        raise ValueError(f"{name} is no state")
    return str(value)


def _time(data: Mapping[str, Any], name: str) -> datetime:
    value = data.get(name)
    at = datetime.fromisoformat(value) if isinstance(value, str) else None
    if at is None or at.tzinfo is None:
        raise ValueError(f"{name} is no time with an offset")
    return plausible(at)
