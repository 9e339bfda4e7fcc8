"""The parts of the local hall, each by itself."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.local import ports, reconcile, secrets
from infra.local.cloud import forget_stream_positions
from infra.local.edge import Origin
from infra.local.layout import BadSetting, Layout
from infra.local.messages import Message, Messages

EVERY_BYTE = bytes(range(256))


# --- the edge ----------------------------------------------------------------------------------------------------


async def echo(request: Request) -> Response:
    seen: dict[str, Any] = {
        "method": request.method,
        "path": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in request.headers.raw],
        "body": (await request.body()).hex(),
    }
    response = JSONResponse(seen, 201)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    response.headers["connection"] = "x-hop"
    response.headers["x-hop"] = "not for the viewer"
    return response


async def binary(_: Request) -> Response:
    return Response(EVERY_BYTE, media_type="image/png")


async def broken(_: Request) -> Response:
    return JSONResponse({"code": "broken"}, 500, media_type="application/problem+json")


async def moved(_: Request) -> Response:
    return RedirectResponse("/elsewhere", 303)


async def silent(_: Request) -> Response:
    raise httpx2.ReadTimeout("silent")


async def absent(_: Request) -> Response:
    raise httpx2.ConnectError("absent")


API = Starlette(
    routes=[
        Route("/stage/binary", binary),
        Route("/stage/broken", broken),
        Route("/stage/moved", moved),
        Route("/stage/silent", silent),
        Route("/stage/absent", absent),
        Route("/stage/{path:path}", echo, methods=["GET", "POST", "DELETE"]),
    ]
)


class Viewer:
    """A browser before the edge, before the API."""

    def __init__(self) -> None:
        origin = Origin(httpx2.AsyncClient(transport=httpx2.ASGITransport(API)), httpx2.URL("http://api/stage"))
        self._door = Starlette(routes=[Route("/{path:path}", origin.forward, methods=["GET", "POST", "DELETE"])])

    def get(self, url: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        return asyncio.run(self._send("GET", url, headers=headers))

    def post(self, url: str, content: bytes) -> httpx2.Response:
        return asyncio.run(self._send("POST", url, content=content))

    async def _send(self, method: str, url: str, **more: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(self._door, client=("192.0.2.1", 1234))
        async with httpx2.AsyncClient(transport=transport, base_url="http://hall") as browser:
            return await browser.request(method, url, **more)


@pytest.fixture
def edge() -> Viewer:
    return Viewer()


def test_the_edge_passes_method_query_and_every_byte_of_a_body(edge: Viewer) -> None:
    seen = edge.post("/v1/cases?q=1&q=2&x=%E5%BC%A0&y=a+b", content=EVERY_BYTE).json()
    assert (seen["method"], seen["query"], seen["body"]) == ("POST", "q=1&q=2&x=%E5%BC%A0&y=a+b", EVERY_BYTE.hex())


def test_an_escaped_path_stays_escaped_for_the_function(edge: Viewer) -> None:
    # The emulated API Gateway unescapes once.
    assert edge.get("/t/a%2Fb%20c").json()["path"] == "/stage/t/a%252Fb%2520c"


def test_the_edge_adds_where_a_request_came_from_and_believes_nobody_else(edge: Viewer) -> None:
    headers = edge.get("/", headers={"X-Forwarded-For": "6.6.6.6", "X-Kept": "yes"}).json()["headers"]
    assert ["x-forwarded-for", "192.0.2.1"] in headers
    assert ["x-forwarded-for", "6.6.6.6"] not in headers
    assert ["host", "api"] in headers
    assert ["x-kept", "yes"] in headers


def test_a_request_without_a_body_gets_none(edge: Viewer) -> None:
    names = [name for name, _ in edge.get("/").json()["headers"]]
    assert "transfer-encoding" not in names
    assert "content-length" not in names


def test_all_cookies_come_back_and_what_is_for_the_connection_does_not(edge: Viewer) -> None:
    answer = edge.get("/")
    assert answer.status_code == 201
    assert [value.split(";")[0] for value in answer.headers.get_list("set-cookie")] == ["a=1", "b=2"]
    assert "x-hop" not in answer.headers


def test_binary_answers_arrive_as_they_were(edge: Viewer) -> None:
    answer = edge.get("/binary")
    assert (answer.content, answer.headers["content-type"]) == (EVERY_BYTE, "image/png")


def test_errors_and_redirects_of_the_api_pass_as_they_are(edge: Viewer) -> None:
    broken = edge.get("/broken")
    assert (broken.status_code, broken.headers["content-type"]) == (500, "application/problem+json")
    assert edge.get("/moved").headers["location"] == "/elsewhere"


@pytest.mark.parametrize(("path", "status"), [("/absent", 502), ("/silent", 504)])
def test_an_api_that_does_not_answer_is_a_problem_of_the_gateway(edge: Viewer, path: str, status: int) -> None:
    answer = edge.get(path)
    assert answer.status_code == status
    assert answer.json()["status"] == status


# --- messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("receiver", ["+8613800000000", "8613800000000", "13800000000", "138 0000 0000"])
def test_an_sms_is_found_by_its_number_however_it_is_written(receiver: str) -> None:
    assert Message("1", "+8613800000000", "sms", "", "text", "2026-01-01T00:00:00+00:00").is_for(receiver)


@pytest.mark.parametrize("receiver", ["13800000001", "0000", "", "a@example.com"])
def test_an_sms_is_not_found_by_another_number(receiver: str) -> None:
    assert not Message("1", "+8613800000000", "sms", "", "text", "2026-01-01T00:00:00+00:00").is_for(receiver)


class Phones:
    """The emulated SNS and SES, as far as messages are concerned."""

    def __init__(self) -> None:
        self.sms: dict[str, list[dict[str, str]]] = {}
        self.emails: list[dict[str, Any]] = []

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer), base_url="http://cloud")

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/_ministack/sns/sms-messages":
            return httpx2.Response(200, json={"sms_messages": self.sms})
        return httpx2.Response(200, json={"messages": {"000000000000": self.emails}})


def test_each_message_is_kept_once_even_when_the_provider_forgets_it(tmp_path: Path) -> None:
    phones, file = Phones(), tmp_path / "messages.jsonl"
    phones.sms["+8613800000000"] = [{"MessageId": "s1", "PhoneNumber": "+8613800000000", "Message": "取件码"}]
    phones.emails = [{"MessageId": "e1", "To": ["a@b.example"], "Subject": "s", "BodyText": "t", "Timestamp": 0.0}]
    messages = Messages(phones.client(), file)
    asyncio.run(messages.collect())
    first = asyncio.run(messages.collect())
    phones.emails = []
    again = asyncio.run(Messages(phones.client(), file).collect())
    assert [(one.to, one.text) for one in first] == [("+8613800000000", "取件码"), ("a@b.example", "t")]
    assert again == first


# --- ports, settings, keys ---------------------------------------------------------------------------------------


def test_a_taken_port_is_named_with_its_variable_and_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (told,) = ports.taken({"STRIPE_PORT": port})
    assert f"Port {port} is taken by pid {os.getpid()}" in told
    assert "STRIPE_PORT=" in told
    assert not ports.taken({"STRIPE_PORT": port})


def test_a_hall_is_where_its_variables_say(tmp_path: Path) -> None:
    layout = Layout.from_env({"PORT": "9000", "STATE": str(tmp_path)})
    assert (layout.hall_url, layout.state, layout.aws_port) == ("http://localhost:9000", tmp_path.resolve(), 4566)


@pytest.mark.parametrize("bad", [{"PORT": "http"}, {"PORT": "0"}, {"AWS_PORT": "70000"}, {"PORT": "4566"}])
def test_a_senseless_port_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="PORT"):
        Layout.from_env(bad)


def test_keys_are_made_once_and_only_for_the_user(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    made = secrets.keys(file)
    assert secrets.keys(file) == made
    assert all(made.values())
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_that_came_later_is_added_to_the_others(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"couriers": {"ems": {"key": "held"}}}))
    keys = secrets.keys(file)
    assert keys["couriers"]["ems"] == {"key": "held"}
    assert keys["couriers"]["open"]["secret"]
    assert keys["courier_token"]


def test_streams_are_read_from_their_start_after_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "cloud/state/lambda.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"payload": {"dynamodb_stream_positions": {"mapping": 7}, "functions": {"f": 1}}}))
    forget_stream_positions(Layout.from_env({"STATE": str(tmp_path)}))
    assert json.loads(kept.read_text()) == {"payload": {"functions": {"f": 1}}}


def test_a_hall_is_reconciled_for_a_day_or_as_every_night() -> None:
    assert reconcile.event_of(["2026-11-22"]) == {"date": "2026-11-22"}
    assert reconcile.event_of([]) == {}
    with pytest.raises(SystemExit):
        reconcile.event_of(["yesterday"])
