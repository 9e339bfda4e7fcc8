"""What bad input gets, through the real edge, API Gateway and functions: a problem that says why. Nothing is stored."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest
from standardwebhooks import Webhook

from chalicelib.adapters.couriers.ems import seal
from chalicelib.adapters.couriers.open_http import signed
from chalicelib.domain.secrecy import derived
from infra.local import cloud
from infra.local.agreements import AGREEMENTS
from infra.local.demo import ANSWERS, Hall, Walk
from infra.local.staff import Colleague, Desk
from infra.local.stripe_counterpart.postman import sign
from tests.e2e.backstage import Backstage
from tests.e2e.halls import PATIENCE_S, OneHall

pytestmark = pytest.mark.hall

SERVICE, BUSINESS = "residence-certificate", "business-licence-change"
APPLICATION: dict[str, Any] = {"service": SERVICE, "language": "en", "answers": ANSWERS[SERVICE]}
KEY = {"Idempotency-Key": "bad-input-0001"}
NOBODY = "0000-0000-00000"
CHINESE = re.compile("[\u4e00-\u9fff]")
Ask = Callable[..., httpx2.Response]


@pytest.fixture
def ask(door: Hall) -> Iterator[Ask]:
    """Any request to the hall, whatever the answer."""
    with httpx2.Client(base_url=door.addresses["hall"], timeout=PATIENCE_S, trust_env=False) as client:
        yield client.request


@pytest.fixture(autouse=True)
def nothing_stored(backstage: Backstage) -> Iterator[None]:
    """Neither a case nor a message is there after the test that wasn't before, unless the test says so itself."""
    before = _stored(backstage)
    yield
    assert _stored(backstage) == before


def _stored(backstage: Backstage) -> set[str]:
    cases = {item["case"]["S"] for item in backstage.items("CasesTable")}
    return cases | {item["id"]["S"] for item in backstage.items("InboxTable")}


def check_problem(answer: httpx2.Response, status: int, code: str) -> list[dict[str, str]]:
    """The faults of a problem (RFC 9457) of this status and code."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code), problem
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["request_id"]
    faults: list[dict[str, str]] = problem["errors"]
    assert all(fault.keys() == {"pointer", "code", "message"} and fault["message"] for fault in faults)
    return faults


# --- the form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"service":', 400, "malformed_json"),
        (b"\xff\xfe{}", 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b"[" * 1000 + b"]" * 1000, 400, "malformed_json"),
        (b'{"service":"s","answers":' + b'{"a":' * 1000 + b"1" + b"}" * 1001, 400, "malformed_json"),
        (b"[]", 422, "malformed_request"),
        (b"null", 422, "malformed_request"),
        (b'{"service":1,"answers":[],"uploads":"x"}', 422, "malformed_request"),
        (json.dumps(APPLICATION | {"colour": "red"}).encode(), 422, "malformed_request"),
        (json.dumps(APPLICATION | {"service": "no-such-service"}).encode(), 404, "unknown_service"),
        (json.dumps(APPLICATION | {"service": "../common"}).encode(), 404, "unknown_service"),
        (json.dumps(APPLICATION | {"version": "99"}).encode(), 404, "unknown_service"),
        (json.dumps(APPLICATION | {"answers": {"padding": "x" * 300 * 1024}}).encode(), 413, "body_too_large"),
    ],
    ids=lambda value: f"{value[:24]!r}" if isinstance(value, bytes) else None,
)
def test_a_body_that_is_no_application_is_refused(ask: Ask, body: bytes, status: int, code: str) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    check_problem(ask("POST", "/v1/cases", content=body, headers=headers), status, code)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "image/png"])
def test_another_content_type_is_refused(ask: Ask, kind: str) -> None:
    body = json.dumps(APPLICATION)
    answer = ask("POST", "/v1/cases", content=body, headers={**KEY, "Content-Type": kind})
    check_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("key", [None, "", "short", "x" * 256, "with space"])
def test_without_a_proper_idempotency_key_nothing_is_submitted(ask: Ask, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    check_problem(ask("POST", "/v1/cases", json=APPLICATION, headers=headers), 400, "idempotency_key_missing")


BROKEN: dict[str, Any] = {
    "applicant": {
        "name": " ", "phone": "12", "id_type": "resident_id", "id_number": "110101199003070733", "email": "nowhere",
        "shoe_size": 43,
    },
    "residence": {"address": {"province": "", "street": 7}, "since": "2020-02-30", "basis": "squatter"},
    "purpose": "other",
    "delivery": {},
    "extra": True,
}  # fmt: skip
POINTERS = {
    "/answers/applicant/name", "/answers/applicant/phone", "/answers/applicant/id_number", "/answers/applicant/email",
    "/answers/applicant/shoe_size", "/answers/residence/address/province", "/answers/residence/address/city",
    "/answers/residence/address/county", "/answers/residence/address/street", "/answers/residence/since",
    "/answers/residence/basis", "/answers/purpose_details", "/answers/delivery/address", "/answers/extra",
}  # fmt: skip


def test_every_fault_of_a_form_is_told_at_once_in_each_language(ask: Ask) -> None:
    told = {}
    for language in ("en", "zh-CN"):
        body = {"service": SERVICE, "language": language, "answers": BROKEN}
        answer = ask("POST", "/v1/cases", json=body, headers=KEY, params={"lang": language})
        assert answer.headers["content-language"] == language
        told[language] = check_problem(answer, 422, "invalid_answers")
        assert {fault["pointer"] for fault in told[language]} == POINTERS
    english, chinese = told["en"], told["zh-CN"]
    assert [(f["pointer"], f["code"]) for f in english] == [(f["pointer"], f["code"]) for f in chinese]
    assert all(e["message"] != c["message"] for e, c in zip(english, chinese, strict=True))
    assert not any(CHINESE.search(fault["message"]) for fault in english)
    assert all(CHINESE.search(fault["message"]) for fault in chinese)


# --- who is asking -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standing(one_hall: OneHall) -> Iterator[Hall]:
    """For what stands through all tests here."""
    with closing(Hall(one_hall.open.addresses, PATIENCE_S)) as hall:
        yield hall


@pytest.fixture(scope="module")
def waiting(standing: Hall) -> Walk:
    """A case whose pre-check is open, and which waits for people only."""
    way = Walk(standing, BUSINESS, lambda line: print(f"  {line}"))
    way.submit()
    way.pay()
    way.until("its pre-check", lambda: way.task_state("pre-check") == "open")
    way.until("its messages", lambda: len(way.messages()) >= 2)
    way.until("its news", lambda: _all_applied(standing))
    return way


def _all_applied(hall: Hall) -> bool:
    found = hall.get("/v1/desk/inbox", params={"state": "new"}, headers=hall.staff("role:supervisor"))
    owed = hall.get(f"{hall.addresses['stripe']}/_control")["webhooks"].get("owed")
    return found["messages"] == [] and not owed


def _decision(walk: Walk, task: str = "pre-check") -> str:
    return f"/v1/desk/cases/{walk.case}/tasks/{task}/decision"


APPROVE = {"decision": "approve"}


def test_a_forged_tracking_code_tells_nothing(ask: Ask, waiting: Walk) -> None:
    body, _, mac = waiting.tracking.partition("-")
    forged = [f"{body}-{'0' * 20}", f"{body}-{mac[:-1]}{'0' if mac[-1] != '0' else '1'}", body, "x", "%00", "é" * 40]
    for code in forged:
        check_problem(ask("GET", f"/v1/track/{code}"), 404, "unknown_tracking")
        check_problem(ask("POST", f"/v1/track/{code}/codes"), 404, "unknown_tracking")


def test_five_wrong_codes_spend_the_right_one(ask: Ask, waiting: Walk) -> None:
    assert ask("POST", f"/v1/track/{waiting.tracking}/codes").status_code == 202
    right = waiting.until("the code", waiting.codes)[-1]
    wrong = [f"{(int(right) + step) % 10**6:06}" for step in range(1, 6)]
    for code in (*wrong, right):
        answer = ask("POST", f"/v1/track/{waiting.tracking}/sessions", json={"code": code})
        check_problem(answer, 401, "wrong_code")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_an_applicants_address_wants_the_applicants_token(ask: Ask, waiting: Walk, door: Hall) -> None:
    reviewer = door.staff("department:market-regulation")
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"}, reviewer):
        check_problem(ask("GET", f"/v1/cases/{waiting.case}", headers=headers), 401, "unauthorized")


@pytest.fixture(scope="module")
def forge(one_hall: OneHall, standing: Hall) -> Callable[..., dict[str, str]]:
    """Tokens by the desk's own signing key, which on the emulated AWS can be got at, with other claims."""
    opened = one_hall.open
    genuine = standing.staff("department:market-regulation")["Authorization"].removeprefix("Bearer ")
    pool = opened.addresses["stack"]["DeskUserPoolId"]
    key = (opened.layout.cloud / f"state/cognito-pool-keys/{pool}-id.pem").read_text()
    claims = jwt.decode(genuine, options={"verify_signature": False})
    kid = jwt.get_unverified_header(genuine)["kid"]

    def token(**changes: Any) -> dict[str, str]:
        made = jwt.encode({**claims, **changes}, key, algorithm="RS256", headers={"kid": kid})
        return {"Authorization": f"Bearer {made}"}

    return token


def test_the_desk_wants_a_token_that_holds(ask: Ask, waiting: Walk, forge: Callable[..., dict[str, str]]) -> None:
    assert ask("GET", "/v1/desk/queue", headers=forge()).status_code == 200, "the key is the desk's"
    genuine = forge()["Authorization"]
    header, claims, signature = genuine.split(".")
    bad = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {waiting.tracking}"},
        {"Authorization": f"{header}.{claims}.{signature[:-8]}AAAAAAAA"},
        {"Authorization": f"{header}.{claims}."},
        forge(exp=int(time.time()) - 60),
        forge(iss="https://issuer.example"),
        forge(aud="another-client"),
    ]
    for headers in bad:
        for method, path in (("GET", "/v1/desk/queue"), ("GET", f"/v1/desk/cases/{waiting.case}")):
            check_problem(ask(method, path, headers=headers), 401, "unauthorized")
        check_problem(ask("POST", _decision(waiting), json=APPROVE, headers=headers), 401, "unauthorized")
    assert waiting.task_state("pre-check") == "open"


def test_nobody_works_outside_of_their_role_and_department(
    ask: Ask, waiting: Walk, door: Hall, forge: Callable[..., dict[str, str]]
) -> None:
    other, clerk = door.staff("department:public-security"), door.staff("role:clerk")
    reviewer, auditor = door.staff("department:market-regulation"), door.staff("role:auditor")
    case = f"/v1/desk/cases/{waiting.case}"
    check_problem(ask("GET", case, headers=other), 404, "unknown_case")
    check_problem(ask("POST", _decision(waiting), json=APPROVE, headers=other), 404, "unknown_case")
    check_problem(ask("POST", _decision(waiting), json=APPROVE, headers=clerk), 403, "forbidden")
    check_problem(
        ask("POST", f"{case}/dispatch", json={"contents": ["certificate"]}, headers=reviewer), 403, "forbidden"
    )
    check_problem(ask("GET", f"{case}/audit", headers=reviewer), 403, "forbidden")
    check_problem(ask("GET", "/v1/desk/inbox", headers=auditor), 403, "forbidden")
    check_problem(ask("GET", "/v1/desk/queue", headers=forge(**{"cognito:groups": []})), 403, "forbidden")


def test_a_decision_needs_its_case_its_task_and_its_reason(ask: Ask, waiting: Walk, door: Hall) -> None:
    reviewer = door.staff("department:market-regulation")
    nobody = _decision(waiting).replace(waiting.case, NOBODY)

    def decide(path: str, **body: Any) -> httpx2.Response:
        return ask("POST", path, json=body, headers=reviewer)

    check_problem(decide(nobody, **APPROVE), 404, "unknown_case")
    check_problem(decide(_decision(waiting, "no-such-task"), **APPROVE), 404, "unknown_task")
    check_problem(decide(_decision(waiting, "review"), **APPROVE), 409, "task_not_open")
    check_problem(decide(_decision(waiting), decision="reject"), 422, "reason_missing")
    check_problem(
        decide(_decision(waiting), decision="correct", reason="x", pointers=["/no/such"]), 422, "unknown_pointer"
    )
    check_problem(decide(_decision(waiting), decision="perhaps"), 422, "malformed_request")
    check_problem(decide(_decision(waiting)), 422, "malformed_request")
    assert waiting.task_state("pre-check") == "open"


@pytest.fixture(scope="module")
def received(one_hall: OneHall, standing: Hall) -> tuple[Walk, dict[str, str]]:
    """A case in review, and the headers of a reviewer who received its originals as a clerk."""
    both = _employ_clerk_and_reviewer(one_hall)
    way = Walk(standing, BUSINESS, lambda line: print(f"  {line}"))
    way.submit()
    way.pay()
    way.pre_check()
    way.carry("pickup")
    way.until_status("awaiting_originals_check")
    items = [{"material": m["code"], "present": True} for m in way.definition["materials"] if m.get("original")]
    path = f"/v1/desk/cases/{way.case}/originals"
    way.hall.call("POST", path, expect=200, json={"items": items}, headers=both)
    way.until("its news", lambda: _all_applied(way.hall))
    return way, both


def _employ_clerk_and_reviewer(one_hall: OneHall) -> dict[str, str]:
    hall = one_hall.open
    stack, password = hall.addresses["stack"], json.loads(hall.layout.secrets.read_text())["staff_password"]
    groups = ("role:clerk", "role:reviewer", "department:market-regulation")
    person = Colleague("Clerk and Reviewer", "clerk.and.reviewer@doorstep.example", groups)
    pool = cloud.client(hall.layout, "cognito-idp")
    desk = Desk(pool, stack["DeskUserPoolId"], stack["DeskClientId"], password)
    desk.employ([person])
    return {"Authorization": f"Bearer {desk.token(person)}"}


def test_whoever_received_the_originals_decides_nothing_and_nobody_decides_twice(
    ask: Ask, received: tuple[Walk, dict[str, str]], door: Hall
) -> None:
    way, both = received
    separate = "acceptance_and_approval_must_be_separate"
    check_problem(ask("POST", _decision(way, "review"), json=APPROVE, headers=both), 403, separate)
    assert way.task_state("review") == "open"
    reviewer = door.staff("department:market-regulation")
    check_problem(ask("POST", _decision(way), json=APPROVE, headers=reviewer), 409, "task_already_decided")
    again = {"items": [{"material": "old-licence", "present": True}]}
    path = f"/v1/desk/cases/{way.case}/originals"
    check_problem(ask("POST", path, json=again, headers=door.staff("role:clerk")), 409, "originals_already_received")


# --- vendors -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def agreed(one_hall: OneHall) -> dict[str, str]:
    """What the hall has agreed upon with its vendors."""
    keys: dict[str, str] = json.loads(one_hall.open.layout.secrets.read_text())
    return keys


def address_of(courier: str, agreed: dict[str, Any]) -> str:
    """Where this courier reports to."""
    return f"/webhooks/couriers/{courier}/{derived(agreed['courier_token'], courier)}"


def test_stripe_is_believed_by_its_signature_only(ask: Ask, agreed: dict[str, Any]) -> None:
    event = {"id": "evt_forged", "object": "event", "type": "checkout.session.completed"}
    body = json.dumps(event | {"data": {"object": {"id": "cs_test_forged"}}})
    secret = agreed["stripe_webhook_secret"]
    good = sign(body, secret)
    for signature, content in [
        ("", body),
        ("t=1,v1=00", body),
        ("\u00e9".encode().decode("latin-1"), body),
        (sign(body, "whsec_another"), body),
        (sign(body, secret, int(time.time()) - 3600), body),
        (sign(body, secret, int(time.time()) + 3600), body),
        (good, body.replace("forged", "forgot")),
        (good, ""),
        (sign("[]", secret), "[]"),
    ]:
        headers = {"Stripe-Signature": signature.encode("latin-1"), "Content-Type": "application/json"}
        check_problem(ask("POST", "/webhooks/stripe", content=content, headers=headers), 400, "bad_signature")


def test_ems_is_believed_by_its_key_and_its_address_only(ask: Ask, agreed: dict[str, Any]) -> None:
    operation = {"waybillNo": "1000000000001", "opCode": "704", "opTime": "2026-01-05 10:00:00", "orderNo": NOBODY}
    content = json.dumps(operation)
    sealed = seal(content, agreed["couriers"]["ems"]["key"])
    envelope = {
        "method": "040002",
        "senderNo": AGREEMENTS["ems"].options["sender"],
        "serialNo": "1",
        "logitcsInterface": sealed,
    }
    place = sealed[40]
    altered = sealed[:40] + ("A" if place != "A" else "B") + sealed[41:]
    another_key = seal(content, "MDEyMzQ1Njc4OWFiY2RlZg==")
    address = address_of("ems", agreed)
    for where, sent in [
        ("/webhooks/couriers/ems/guessed", envelope),
        (address, envelope | {"logitcsInterface": content}),
        (address, envelope | {"logitcsInterface": altered}),
        (address, envelope | {"logitcsInterface": another_key}),
        (address, envelope | {"senderNo": "2200000000000"}),
        (address, []),
        (address, {}),
    ]:
        answer = ask("POST", where, json=sent)
        assert answer.status_code == 401, answer.text
        assert answer.json().keys() == {"serialNo", "code", "codeMessage", "senderNo"}
        assert answer.json()["code"] != "00000"


def test_the_open_courier_is_believed_by_its_signature_and_its_address_only(ask: Ask, agreed: dict[str, Any]) -> None:
    data = {"order": f"{NOBODY}-pickup-1", "waybill": "w1", "state": "delivered", "at": "2026-01-05T10:00:00+08:00"}
    body = json.dumps({"type": "shipment.moved", "data": data})
    signer, now = Webhook(agreed["couriers"]["open"]["secret"]), datetime.now(UTC)
    good = signed(signer, "msg_forged", now, body)
    another = Webhook("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    address = address_of("open", agreed)
    for where, headers, sent in [
        ("/webhooks/couriers/open/guessed", good, body),
        (address, {}, body),
        (address, signed(another, "msg_forged", now, body), body),
        (address, signed(signer, "msg_forged", now - timedelta(hours=1), body), body),
        (address, signed(signer, "msg_forged", now + timedelta(hours=1), body), body),
        (address, good | {"webhook-id": "msg_other"}, body),
        (address, good, body.replace("delivered", "returned")),
    ]:
        answer = ask("POST", where, content=sent, headers={**headers, "Content-Type": "application/json"})
        assert (answer.status_code, answer.json()) == (401, {"error": "bad_signature"})


def test_a_courier_without_a_contract_is_not_known(ask: Ask, agreed: dict[str, Any]) -> None:
    answer = ask("POST", address_of("pigeon", agreed), json={})
    check_problem(answer, 404, "not_found")


def test_a_webhook_of_two_megabytes_is_refused(ask: Ask, agreed: dict[str, Any]) -> None:
    body = b"x" * 2 * 1024 * 1024
    for path in ("/webhooks/stripe", address_of("open", agreed)):
        answer = ask("POST", path, content=body, headers={"Content-Type": "application/json"})
        check_problem(answer, 413, "body_too_large")


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/no/such/address"),
        ("GET", "/v1/cases/a/b/c/d"),
        ("POST", "/v1/nothing"),
        ("GET", "/v1/../etc/passwd"),
        ("DELETE", "/v1/services"),
        ("PUT", "/v1/cases"),
        ("GET", "/webhooks/stripe"),
        ("PATCH", "/v1/desk/queue"),
    ],
)
def test_an_address_or_method_that_is_not_there_is_a_problem(ask: Ask, method: str, path: str) -> None:
    assert check_problem(ask(method, path), 404, "not_found") == []


def test_other_pages_may_ask_the_public_addresses_but_not_the_desk(ask: Ask) -> None:
    preflight = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    allowed = ask("OPTIONS", "/v1/cases", headers=preflight)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in allowed.headers["access-control-allow-headers"]
    refused = ask("OPTIONS", "/v1/desk/queue", headers=preflight)
    check_problem(refused, 404, "not_found")
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("number", ["x", NOBODY, "%2e%2e", "9" * 300, "🎫"])
def test_what_is_not_there_is_not_found(ask: Ask, number: str, door: Hall) -> None:
    check_problem(ask("GET", f"/v1/certificates/{number}"), 404, "unknown_certificate")
    check_problem(ask("GET", f"/v1/desk/cases/{number}", headers=door.staff("role:clerk")), 404, "unknown_case")
    check_problem(ask("GET", f"/v1/services/{number}"), 404, "unknown_service")
