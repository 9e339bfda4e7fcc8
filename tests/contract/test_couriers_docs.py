"""What goes over the wire of the open contract is what its page says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from jsonschema import Draft202012Validator
from standardwebhooks import Webhook

from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.adapters.couriers.open_http import OpenCourier, OpenWebhook, signed
from chalicelib.ports import COURIER_STATES
from tests.contract.courier_rig import OPEN_SECRET, an_order, http_rig

PAGE = (Path(__file__).parents[2] / "docs/adding-a-courier.md").read_text()


class Recorder(Http):
    """Keeps the body that would have been sent."""

    body = b""

    def send(self, method: str, url: str, **request: Any) -> Answer:
        self.body = request["body"]
        return Answer(200, b'{"order":"D7K3-M9QF-2XHVA-pickup-1"}')


def block(kind: str, name: str) -> Any:
    found = re.search(rf"^```json {kind}={name}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return json.loads(found[1])


def faults(name: str, document: Any) -> list[str]:
    validator = Draft202012Validator(block("schema", name), format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(document)]


@pytest.mark.parametrize("name", ["order", "shipment", "message"])
def test_the_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(block("schema", name))


@pytest.mark.parametrize("window", [True, False])
def test_an_order_is_as_the_page_says(window: bool) -> None:
    http = Recorder("open")
    OpenCourier("https://courier.example", OPEN_SECRET, http=http).order(
        an_order() if window else an_order(window=None)
    )
    assert faults("order", json.loads(http.body)) == []


def test_messages_and_shipments_are_as_the_page_says(tmp_path: Path) -> None:
    with http_rig("open", tmp_path) as rig:
        shipment = rig.courier.order(an_order())
        rig.tell(shipment.waybill, "delivered")
        message = json.loads(rig.hall.next().body)
        rig.tell(shipment.waybill, "out_for_delivery", undoes="delivered")
        taken_back = json.loads(rig.hall.next().body)
        headers = signed(Webhook(OPEN_SECRET), f"query_{shipment.order}", datetime.now(UTC), "")
        answer = urllib3.request("GET", f"{rig.url}/open/orders/{shipment.order}", headers=headers).json()
    assert faults("message", message) == faults("message", taken_back) == faults("shipment", answer) == []
    assert len(answer["events"]) == 2


def test_the_pages_example_is_read() -> None:
    example = block("example", "message")
    assert faults("message", example) == []
    (news,) = OpenWebhook(OPEN_SECRET).read(json.dumps(example).encode())
    assert (news.state, news.code) == ("picked_up", "50")


def test_a_message_with_an_unknown_state_is_not_as_the_page_says() -> None:
    example = block("example", "message")
    assert faults("message", {**example, "data": {**example["data"], "state": "eaten"}})


def test_the_page_explains_every_state() -> None:
    explained = re.findall(r"^\| `(\w+)` \| ", PAGE[: PAGE.index("### Signatures")], re.MULTILINE)
    assert tuple(state for state in explained if state not in ("ems", "open")) == COURIER_STATES


def test_the_pages_signature_is_right() -> None:
    body = re.search(r"^```\n(\{.*\})\n```", PAGE, re.MULTILINE)
    assert body
    at = datetime.fromtimestamp(1767323045, UTC)
    assert f"`{signed(Webhook(OPEN_SECRET), 'msg_1', at, body[1])['webhook-signature']}`" in PAGE
