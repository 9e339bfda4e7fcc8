"""What every request gets: its id, its language, its headers, its line of log; and what nobody foresaw."""

from __future__ import annotations

import ast
import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import app
from chalicelib import texts
from chalicelib.api.errors import RETRY_AFTER, STATUS
from chalicelib.ports import Checkout, VendorTemporary
from tests.api import RESIDENCE, RESIDENCE_ANSWERS, Api, api_over
from tests.halls import MemoryHall

ROOT = Path(__file__).parents[2]


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def test_every_answer_carries_security_headers(api: Api) -> None:
    for answer in (api.get("/healthz"), api.get("/v1/track/x"), api.send("PUT", "/v1/services", b"")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_what_is_private_is_not_kept_on_the_way(api: Api) -> None:
    case = api.paid()
    for path, token in (
        (f"/v1/track/{case['tracking']}", ""),
        (f"/v1/cases/{case['case']}", api.session(case)),
        (f"/v1/desk/cases/{case['case']}", api.clerk),
        ("/v1/track/x", ""),
    ):
        assert api.get(path, token).headers["Cache-Control"] == "no-store"
    for path in ("/v1/services", "/.well-known/jwks.json", "/openapi.json"):
        assert api.get(path).headers["Cache-Control"].startswith("public")


def test_any_page_may_ask_but_not_the_desk(api: Api) -> None:
    assert api.get("/v1/services").headers["Access-Control-Allow-Origin"] == "*"
    assert api.get("/v1/track/x").headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in api.get("/v1/desk/queue", api.clerk).headers
    assert "Access-Control-Allow-Credentials" not in api.get("/v1/services").headers


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ("", "", "zh-CN"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "fr, en;q=0.2, zh;q=0.1", "en"),
        ("", "fr", "zh-CN"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=zh", "en", "zh-CN"),
    ],
)
def test_the_language_is_the_querys_or_the_headers_or_the_halls(
    api: Api, query: str, header: str, language: str
) -> None:
    answer = api.get(f"/v1/services/residence-certificate{query}", Accept_Language=header)
    assert answer.headers["Content-Language"] == language
    assert answer.json["title"] == {"en": "Proof of residence", "zh-CN": answer.json["title"]}[language]
    refused = api.get(f"/v1/services/none{query}", Accept_Language=header)
    assert refused.json["detail"] == texts.text("error.unknown_service", language)


def test_the_qr_code_is_a_picture_of_the_tracking_address(api: Api) -> None:
    case = api.opened()
    answer = api.get(f"/v1/track/{case['tracking']}/qr.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.body.startswith(b"<svg")


def test_a_service_is_found_by_a_word_or_by_its_category(api: Api) -> None:
    def found(query: str) -> list[str]:
        return [service["id"] for service in api.get(f"/v1/services?{query}").json["services"]]

    assert RESIDENCE in found("")
    assert RESIDENCE in found("q=%E5%B1%85%E4%BD%8F")
    assert found("q=unheard-of") == []
    assert RESIDENCE not in found("category=business")
    assert found("lang=en&q=RESIDENCE+proof") == [RESIDENCE]


def test_the_form_of_a_service_stands_alone(api: Api) -> None:
    shown = api.get("/v1/services/residence-certificate").json
    assert "$ref" not in json.dumps(shown["form"])
    assert shown["form"]["properties"]["applicant"]["properties"]["phone"]["title"] == "手机号码"


def test_the_keys_of_the_seals_are_published(api: Api) -> None:
    assert api.get("/.well-known/jwks.json").json == {"keys": [api.hall.signer.public_jwk()]}


def test_what_the_gateway_hands_on_is_read_as_it_is(api: Api) -> None:
    event: dict[str, Any] = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/v1/cases", "requestId": "gateway-1"},
        "headers": {"content-type": "application/json", "idempotency-key": "key-00000001"},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
    }

    def answered(**body: Any) -> tuple[int, dict[str, Any]]:
        answer = app({**event, **body}, None)
        assert answer["headers"]["X-Request-Id"] == "gateway-1"
        return answer["statusCode"], json.loads(answer["body"])

    form = json.dumps({"service": RESIDENCE, "answers": RESIDENCE_ANSWERS})
    assert answered(body=form, isBase64Encoded=False)[0] == 201
    assert answered(body=b64encode(form.encode()).decode(), isBase64Encoded=True)[0] == 201
    for body, encoded in (("\ud800", False), ("no base64 ü", True), ("x", True), (None, False)):
        status, problem = answered(body=body, isBase64Encoded=encoded)
        assert (status, problem["code"]) == (400, "malformed_json")


# --- failures ---


class _Unreachable:
    """Payments that can't be reached."""

    def open_checkout(self, *_: Any, **__: Any) -> Checkout:
        raise VendorTemporary("stripe", "connection")


class _Broken:
    """A store that fails in a way that nobody foresaw, and talks about it."""

    def load(self, case: str) -> Any:
        raise RuntimeError(f"张三 13800000000 {case}")


def test_a_form_is_taken_in_while_the_payment_provider_can_not_be_reached(api: Api) -> None:
    payments = api.hall.payments
    api.hall.payments = _Unreachable()  # type: ignore[assignment]
    case = api.opened()
    assert (case["status"], case["payment_url"]) == ("awaiting_payment", None)
    assert "pay" in api.track(case)["actions"]
    token = api.session(case)
    refused = api.post(f"/v1/cases/{case['case']}/checkout", token=token)
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "vendor_unavailable", "30")
    api.hall.payments = payments
    assert api.post(f"/v1/cases/{case['case']}/checkout", token=token).status == 201


def test_what_nobody_foresaw_is_told_as_such_and_logged_without_its_words(
    api: Api, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    case = api.opened()
    api.hall.log = _Broken()  # type: ignore[assignment]
    answer = api.get(f"/v1/track/{case['tracking']}")
    assert (answer.status, answer.code) == (500, "internal_error")
    (failure,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert failure.__dict__["request"] == answer.json["request_id"]
    from chalicelib.logs import JsonFormatter

    line = json.loads(JsonFormatter().format(failure))
    assert line["error"] == "RuntimeError"
    assert "13800000000" not in json.dumps(line) + answer.body.decode() + capsys.readouterr().out


def test_each_request_is_one_line_of_log_without_secrets(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    case = api.opened()
    token = api.session(case)
    caplog.clear()
    api.get(f"/v1/track/{case['tracking']}?lang=en")
    api.get(f"/v1/cases/{case['case']}", token)
    api.submit(RESIDENCE, RESIDENCE_ANSWERS, "key-00000009")
    lines = [record.__dict__ for record in caplog.records if record.getMessage() == "request"]
    assert [line["route"] for line in lines] == ["/v1/track/{tracking}", "/v1/cases/{case}", "/v1/cases"]
    assert [line["status"] for line in lines] == [200, 200, 201]
    assert lines[0]["case"] == case["case"]
    told = repr(lines)
    assert not [secret for secret in (case["tracking"], token, "13800000000", "张三") if secret in told]


# --- the table of errors ---


def _raised() -> Iterator[tuple[str, str]]:
    """Every code that the product refuses with: the first argument of a refusal's constructor."""
    refusals = {"DomainError", "NotAllowed", "Conflict", "Invalid", "NotFound", "Refusal", "TooMany", "Outdated"}
    for file in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in refusals
                and node.args
            ):
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    yield str(code.value), file.name


def test_every_refusal_of_the_product_has_its_status() -> None:
    raised = set(_raised())
    assert len(raised) > 40
    assert {(code, file) for code, file in raised if code not in STATUS} == set()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_status_has_its_text_and_every_text_its_status(language: str) -> None:
    told = {key.removeprefix("error.") for key in texts.catalogue(language) if key.startswith("error.")}
    assert told == set(STATUS)


def test_only_our_own_failures_are_5xx() -> None:
    assert {code for code, status in STATUS.items() if status >= 500} == {"internal_error", "vendor_unavailable"}
    assert set(RETRY_AFTER) <= set(STATUS)
