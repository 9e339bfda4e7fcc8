"""What an endpoint of the open contract does besides: signatures, forms and answers, as its page has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator
from standardwebhooks import Webhook
from urllib3 import BaseHTTPResponse, request

from chalicelib.adapters.couriers.open_http import signed
from tests.conformance.checks import DRIVE, MOVES, PUSHES
from tests.conformance.kit import check
from tests.conformance.rigs import Ability, Rig, an_order, eventually, other_secret

OPEN = Ability.OPEN
PAGE = Path(__file__).parents[2] / "docs/adding-a-courier.md"
_ACTIONS = {"order": ("PUT", ""), "query": ("GET", ""), "cancel": ("POST", "/cancellation")}
_TOO_FAR = timedelta(minutes=6)


@cache
def schema(name: str) -> Draft202012Validator:
    """A JSON Schema of the page: ``order``, ``shipment`` or ``message``."""
    found = re.search(rf"^```json schema={name}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"the page has no schema {name}"
    return Draft202012Validator(json.loads(found[1]), format_checker=Draft202012Validator.FORMAT_CHECKER)


def faults(name: str, document: Any) -> list[str]:
    """What is not as the page says, as JSON Pointers with a word on each."""
    return [
        f"/{'/'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in schema(name).iter_errors(document)
    ]


@check(OPEN)
def a_request_that_is_not_signed_by_the_hall_is_refused(rig: Rig) -> None:
    """Without a signature, with that of another secret, or with another body, nothing is done: 401."""
    number = an_order().number
    body = json.dumps(_DOCUMENT)
    genuine = _headers(rig, "order", number, body)
    assert _send(rig, "order", number, body, {}).status == 401, "an unsigned order is taken"
    other = _headers(rig, "order", number, body, secret=other_secret())
    assert _send(rig, "order", number, body, other).status == 401, "an order with another secret's signature is taken"
    altered = body.replace("documents", "furniture")
    assert _send(rig, "order", number, altered, genuine).status == 401, "an altered order is taken"
    assert rig.courier.query(number, "") is None, "it was refused, and booked"


@check(OPEN)
def a_request_of_another_time_is_refused(rig: Rig) -> None:
    """A request that is more than five minutes old, or of the future, is refused: 401."""
    number, body = an_order().number, json.dumps(_DOCUMENT)
    for away in (_TOO_FAR, -_TOO_FAR):
        headers = _headers(rig, "order", number, body, at=datetime.now(UTC) + away)
        assert _send(rig, "order", number, body, headers).status == 401, f"a request {away} away is taken"
    assert rig.courier.query(number, "") is None, "it was refused, and booked"


@check(OPEN)
def a_signature_for_one_request_is_none_for_another(rig: Rig) -> None:
    """Who has seen a query can't send it again as a cancellation, or about another order: 401."""
    order, other = (rig.courier.order(an_order()).order for _ in range(2))
    headers = _headers(rig, "query", order, "")
    assert _send(rig, "query", order, "", headers).status == 200, "a signed query is refused"
    assert _send(rig, "query", other, "", headers).status == 401, "it is taken for a query about another order"
    assert _send(rig, "cancel", order, "", headers).status == 401, "it is taken for a cancellation"
    cancelling = _headers(rig, "cancel", order, "{}")
    assert _send(rig, "cancel", other, "{}", cancelling).status == 401, "a cancellation is taken for another order's"


@check(OPEN)
def one_of_several_signatures_is_enough(rig: Rig) -> None:
    """While a secret is being changed the hall sends several signatures: one that holds is enough."""
    number = an_order().number
    headers = _headers(rig, "query", number, "")
    several = f"v1,{'A' * 43}= {headers['webhook-signature']}"
    assert _send(rig, "query", number, "", {**headers, "webhook-signature": several}).status == 404, "it is refused"


@check(OPEN)
def an_order_that_makes_no_sense_is_refused(rig: Rig) -> None:
    """A signed order that is no order is answered below 500, and books nothing."""
    for body in ("", "null", "[]", '{"sender":1}', "{" * 5000, json.dumps({**_DOCUMENT, "receiver": None})):
        number = an_order().number
        status = _send(rig, "order", number, body, _headers(rig, "order", number, body)).status
        assert 400 <= status < 500, f"{body[:20]!r} is answered with {status}"
        assert rig.courier.query(number, "") is None, f"{body[:20]!r} is booked"


@check(OPEN)
def answers_have_the_status_that_the_page_names(rig: Rig) -> None:
    """200 or 201 for an order, 200 for what is known, 404 for what isn't, 204 for what is called off, and again."""
    number, body = an_order().number, json.dumps(_DOCUMENT)
    assert _signed(rig, "query", number).status == 404, "an unknown order is found"
    assert _signed(rig, "cancel", number, "{}").status == 404, "an unknown order is called off"
    assert _signed(rig, "order", number, body).status in (200, 201), "an order is not answered with 200 or 201"
    assert _signed(rig, "query", number).status == 200, "an order is not found"
    assert _signed(rig, "cancel", number, "{}").status == 204, "calling off is not answered with 204"
    assert _signed(rig, "cancel", number, "{}").status == 204, "calling off again is not answered with 204"


@check(OPEN)
def an_order_that_is_put_again_with_other_contents_changes_nothing(rig: Rig) -> None:
    """The same number never makes a second shipment, whatever the body says."""
    number = an_order().number
    first = _signed(rig, "order", number, json.dumps(_DOCUMENT)).json()
    again = _signed(rig, "order", number, json.dumps({**_DOCUMENT, "contents": "other"})).json()
    assert first.get("waybill") == again.get("waybill"), "there is another waybill"


@check(OPEN, MOVES)
def answers_are_as_the_page_says(rig: Rig) -> None:
    """A shipment, with what has happened to it, is in the page's form."""
    shipment = rig.courier.order(an_order())
    rig.move(shipment, "picked_up")
    assert eventually(lambda: bool(_signed(rig, "query", shipment.order).json().get("events"))), "nothing has happened"
    answer = _signed(rig, "query", shipment.order).json()
    assert not faults("shipment", answer), "; ".join(faults("shipment", answer))
    assert answer["order"] == shipment.order, "it is about another order"


@check(OPEN, MOVES, PUSHES)
def messages_are_as_the_page_says(rig: Rig) -> None:
    """A message is in the page's form, and its time is the one that asking tells."""
    shipment = rig.courier.order(an_order())
    rig.move(shipment, "picked_up")
    message = json.loads(rig.push(shipment).body)
    assert not faults("message", message), "; ".join(faults("message", message))
    told = [event["at"] for event in _signed(rig, "query", shipment.order).json()["events"]]
    times = [datetime.fromisoformat(at) for at in told]
    assert datetime.fromisoformat(message["data"]["at"]) in times, "asking tells another time than the message"


@check(OPEN, MOVES, DRIVE, PUSHES)
def a_repeated_message_is_signed_anew(rig: Rig) -> None:
    """Each attempt has the same ``webhook-id``, and a time and signature that hold when it comes."""
    shipment = rig.courier.order(an_order())
    rig.turn_away(shipment)
    rig.move(shipment, "picked_up")
    first, second = rig.push(shipment), rig.push(shipment)
    assert first.headers["webhook-id"] == second.headers["webhook-id"], "it has another webhook-id"
    for push in (first, second):
        at = datetime.fromtimestamp(int(push.headers["webhook-timestamp"]), UTC)
        assert rig.webhook.authenticate(push.headers, push.body, at) == first.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"]), "its time goes back"


_PARTY = {
    "name": "张三", "phone": "13800000000", "province": "上海市", "city": "上海市", "county": "徐汇区",
    "street": "样例路 1 号", "postcode": "200030", "country": "CN",
}  # fmt: skip
_DOCUMENT: Mapping[str, Any] = {"sender": _PARTY, "receiver": _PARTY, "window": None, "contents": "documents"}


def _headers(
    rig: Rig, action: str, number: str, body: str, *, secret: str = "", at: datetime | None = None
) -> dict[str, str]:
    signer = Webhook(secret or rig.endpoint.secret)
    headers = signed(signer, f"{action}_{number}", at or datetime.now(UTC), body)
    return {**headers, "content-type": "application/json"}


def _signed(rig: Rig, action: str, number: str, body: str = "") -> BaseHTTPResponse:
    return _send(rig, action, number, body, _headers(rig, action, number, body))


def _send(rig: Rig, action: str, number: str, body: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
    method, path = _ACTIONS[action]
    url = f"{rig.endpoint.url}/orders/{quote(number, safe='')}{path}"
    return request(method, url, body=body.encode(), headers=headers, retries=False, redirect=False, timeout=10.0)
