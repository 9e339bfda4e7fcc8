"""What goes over the wire of the open contract is what its page says, and the page tells of what there is."""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from jsonschema import Draft202012Validator
from standardwebhooks import Webhook

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.adapters.couriers.open_http import OpenCourier, OpenWebhook, signed
from chalicelib.ports import COURIER_REASONS, COURIER_STATES
from chalicelib.settings import Settings
from chalicelib.wiring import AwsHall
from infra.local.agreements import AGREEMENTS
from infra.local.courier_counterpart.chaos import Faults
from infra.local.courier_counterpart.dialects import REASONS
from tests.conformance.contract import faults, schema
from tests.contract.courier_rig import OPEN_SECRET, an_order, http_rig

ROOT = Path(__file__).parents[2]
ROOMS = ("chalicelib", "infra", "tests", "docs")
PAGE = (ROOT / "docs/adding-a-courier.md").read_text("utf-8")
REQUIRED = re.findall(r'required\("(\w+)"\)', (ROOT / "chalicelib/settings.py").read_text("utf-8"))


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


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the page's table whose head begins so: first cell -> the others."""
    table = PAGE[PAGE.index(f"\n| {heading}") :].split("\n\n")[0].strip().splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table]
    return {first.strip("`"): others for first, *others in cells}


def words(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


@pytest.mark.parametrize("name", ["order", "shipment", "message"])
def test_the_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(block("schema", name))
    assert schema(name).schema == block("schema", name)  # what the conformance kit goes by


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
        rig.call("POST", f"/waybills/{shipment.waybill}/events", {"state": "exception", "reason": "lost"})
        lost = json.loads(rig.hall.next().body)
        headers = signed(Webhook(OPEN_SECRET), f"query_{shipment.order}", datetime.now(UTC), "")
        answer = urllib3.request("GET", f"{rig.url}/open/orders/{shipment.order}", headers=headers).json()
    for told in (message, taken_back, lost):
        assert faults("message", told) == []
    assert lost["data"]["reason"] == "lost"
    assert faults("shipment", answer) == []
    assert [event.get("reason") for event in answer["events"]] == [None, None, "lost"]


def test_the_pages_example_is_read() -> None:
    example = block("example", "message")
    assert faults("message", example) == []
    (news,) = OpenWebhook(OPEN_SECRET).read(json.dumps(example).encode())
    assert (news.state, news.code) == ("picked_up", "50")


def test_a_message_with_an_unknown_state_is_not_as_the_page_says() -> None:
    example = block("example", "message")
    assert faults("message", {**example, "data": {**example["data"], "state": "eaten"}})


def test_a_reason_that_the_page_does_not_name_is_none() -> None:
    example = block("example", "message")
    assert faults("message", {**example, "data": {**example["data"], "reason": "moon"}})
    for reason, read in (("lost", "lost"), ("moon", ""), (["lost"], ""), (None, "")):
        body = json.dumps({**example, "data": {**example["data"], "reason": reason}}).encode()
        (news,) = OpenWebhook(OPEN_SECRET).read(body)
        assert news.reason == read


def test_the_page_explains_every_state_and_reason() -> None:
    assert tuple(rows("state |")) == COURIER_STATES
    assert tuple(rows("reason |")) == COURIER_REASONS
    assert {(state, reason) for reason, (beside, _) in rows("reason |").items() for state in words(beside)} == REASONS
    for name, place in (("shipment", ("events", "items")), ("message", ("data",))):
        properties = block("schema", name)["properties"]
        for step in place:
            properties = properties[step]
        assert tuple(properties["properties"]["reason"]["enum"]) == COURIER_REASONS


def test_the_page_names_every_courier_with_its_module_and_its_terms() -> None:
    table = rows("code |")
    assert set(table) == set(couriers.MODULES)
    for code, (_, module, options, secrets) in table.items():
        assert module.strip("`") == f"{couriers.MODULES[code].replace('.', '/')}.py"
        source = (ROOT / module.strip("`")).read_text("utf-8")
        assert all(f'"{name}"' in source or f"{name}: str" in source for name in words(options) | words(secrets)), code
        assert words(secrets) == set(AGREEMENTS[code].secrets)
        assert words(options) >= {"url", *AGREEMENTS[code].options}


def test_the_pages_settings_are_read() -> None:
    table = rows("what | where")
    examples = {where.split("`")[1]: example.strip("`") for where, example in table.values() if where.startswith("`")}
    required = {f"DOORSTEP_{name}": "x" for name in REQUIRED} | examples
    settings = Settings.from_env(required)
    assert settings.couriers == {"": ("ems", "sf"), "enquiry": ("open",)}
    assert settings.courier_options == {"ems": {"sender": "1100000000000"}}


def test_each_courier_has_the_token_that_the_page_says() -> None:
    hall = AwsHall(Settings.from_env({f"DOORSTEP_{name}": "x" for name in REQUIRED}))
    hall.secrets = {"courier_token": "hall's"}
    tokens = {code: hall.courier_token(code) for code in couriers.MODULES}
    assert tokens["sf"] == hmac.new(b"hall's", b"sf", "sha256").hexdigest()
    assert len(set(tokens.values())) == len(tokens)


def test_the_page_names_every_fault_of_the_counterpart() -> None:
    assert set(rows("fault |")) == {field.name for field in fields(Faults)}


def test_the_page_names_every_variable_of_the_kit() -> None:
    (recipe,) = re.findall(r"^courier-conformance:.*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\$\((?:if \$\()?([A-Z]+)\)", recipe)) - {"PYTHON"} == {
        name.partition("=")[0] for name in rows("name | what | without")
    }


def test_what_the_page_points_to_is_there() -> None:
    paths = {path for path in re.findall(r"`([\w./]+/[\w.]*)`", PAGE) if path.split("/")[0] in ROOMS}
    assert len(paths) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_pages_signature_is_right() -> None:
    body = re.search(r"^```\n(\{.*\})\n```", PAGE, re.MULTILINE)
    assert body
    at = datetime.fromtimestamp(1767323045, UTC)
    assert f"`{signed(Webhook(OPEN_SECRET), 'msg_1', at, body[1])['webhook-signature']}`" in PAGE
