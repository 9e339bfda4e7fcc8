"""What bad input gets: a clear problem, nothing stored, never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from chalicelib.usecases.submit import Application, submit
from tests.api import LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS, Answer, Api, api_over
from tests.files import picture
from tests.halls import MONDAY, MemoryHall

JSON = {"Content-Type": "application/json", "Idempotency-Key": "key-00000001"}


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def is_problem(answer: Answer, status: int, code: str) -> bool:
    problem = answer.json
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == answer.status
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["detail"]
    return (answer.status, answer.code) == (status, code)


def nothing_stored(api: Api) -> bool:
    return not list(api.hall.log.unrelayed(MONDAY + timedelta(days=999)))


# --- the body ---

MALFORMED = {
    "not JSON": b"{",
    "no JSON at all": b"\x89PNG\r\n\xff\xfe",
    "not UTF-8": b'{"service":"\xff"}',
    "nothing": b"",
    "blank": b"   ",
    "NaN": b'{"service": NaN}',
    "Infinity": b'{"service": -Infinity}',
    "a repeated name": b'{"service":"a","service":"b"}',
    "half a character": b'{"service":"\\ud800","answers":{}}',
    "half a character in an answer": b'{"service":"residence-certificate","answers":{"purpose":"\\udfff"}}',
    "half a character as a name": b'{"service":"residence-certificate","answers":{"\\udfff":1}}',
    "1,000 levels of arrays": b'{"answers":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "1,000 levels of objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "many values": b'{"answers":[' + b"0," * 20_000 + b"0]}",
    "an endless number": b'{"answers":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_body_that_is_no_json_is_refused(api: Api, body: bytes) -> None:
    answer = api.send("POST", "/v1/cases", body, headers=JSON)
    assert is_problem(answer, 400, "malformed_json"), answer.json
    assert nothing_stored(api)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"true", b"1e400"])
def test_json_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    assert is_problem(api.send("POST", "/v1/cases", body, headers=JSON), 422, "malformed_request")


def test_every_wrong_member_of_a_request_is_named(api: Api) -> None:
    body = {"service": 5, "answers": [], "version": None, "uploads": {"a": "b"}, "extra": 1}
    answer = api.post("/v1/cases", body, Idempotency_Key="key-00000001")
    assert is_problem(answer, 422, "malformed_request")
    assert answer.faults == {
        "/service": "wrong_type",
        "/answers": "wrong_type",
        "/version": "wrong_type",
        "/uploads/a": "wrong_type",
        "/extra": "unknown_field",
    }


def test_a_large_body_is_refused_before_it_is_read(api: Api) -> None:
    body = json.dumps({"service": RESIDENCE, "answers": {"purpose": "x" * 300 * 1024}}).encode()
    assert is_problem(api.send("POST", "/v1/cases", body, headers=JSON), 413, "body_too_large")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", "application/xml"],
)
def test_another_media_type_is_refused(api: Api, content_type: str) -> None:
    answer = api.send("POST", "/v1/cases", b"{}", headers={**JSON, "Content-Type": content_type})
    assert is_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", 'APPLICATION/JSON;charset="utf-8"'])
def test_a_charset_beside_the_media_type_is_no_matter(api: Api, content_type: str) -> None:
    body = json.dumps({"service": RESIDENCE, "answers": RESIDENCE_ANSWERS}).encode()
    assert api.send("POST", "/v1/cases", body, headers={**JSON, "Content-Type": content_type}).status == 201


def test_a_body_of_a_binary_media_type_comes_in_base64_and_is_refused_alike(api: Api) -> None:
    headers = {**JSON, "Content-Type": "application/octet-stream"}
    assert api.send("POST", "/v1/cases", b"\x00\xff", headers=headers).status == 415


# --- the form ---


def every_field_broken(answers: Any) -> Any:
    """Each answer replaced by one that no field takes."""
    if isinstance(answers, dict):
        return {name: every_field_broken(value) for name, value in answers.items()}
    return {"no": "answer"}


def leaves(answers: Any, pointer: str = "/answers") -> Iterator[str]:
    if isinstance(answers, dict):
        for name, value in answers.items():
            yield from leaves(value, f"{pointer}/{name}")
    else:
        yield pointer


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize(("service", "answers"), [(RESIDENCE, RESIDENCE_ANSWERS), (LICENCE, LICENCE_ANSWERS)])
def test_every_broken_field_is_told_at_its_place_and_in_the_callers_language(
    api: Api, service: str, answers: Any, language: str
) -> None:
    body = {"service": service, "answers": every_field_broken(answers)}
    answer = api.post(f"/v1/cases?lang={language}", body, Idempotency_Key="key-00000001")
    assert is_problem(answer, 422, "invalid_answers")
    assert set(leaves(answers)) <= set(answer.pointers)
    chinese = [any("一" <= c <= "鿿" for c in fault["message"]) for fault in answer.json["errors"]]
    assert all(chinese) if language == "zh-CN" else not any(chinese)
    assert answer.headers["Content-Language"] == language
    assert nothing_stored(api)


def test_missing_and_unknown_fields_are_told_together(api: Api) -> None:
    answer = api.submit(RESIDENCE, {"purpose": "school", "extra": 1, "residence": {"elsewhere": True}})
    assert answer.faults == {
        "/answers/applicant": "missing",
        "/answers/residence/address": "missing",
        "/answers/residence/since": "missing",
        "/answers/residence/basis": "missing",
        "/answers/residence/elsewhere": "unknown_field",
        "/answers/delivery": "missing",
        "/answers/extra": "unknown_field",
    }


def test_a_control_character_is_told_at_its_field(api: Api) -> None:
    answers = {**RESIDENCE_ANSWERS, "purpose": "sch\x00ool"}
    answer = api.submit(RESIDENCE, answers)
    assert is_problem(answer, 422, "invalid_answers")
    assert answer.pointers == ["/answers/purpose"]


@pytest.mark.parametrize("number", [1e300, 2**60, -(2**70), 1.5, True])
def test_a_number_out_of_all_bounds_is_told_at_its_field(api: Api, number: Any) -> None:
    business = {**LICENCE_ANSWERS["business"], "registered_capital": number}
    answer = api.submit(LICENCE, {**LICENCE_ANSWERS, "business": business})
    assert is_problem(answer, 422, "invalid_answers")
    assert answer.pointers == ["/answers/business/registered_capital"]


def test_a_window_in_the_past_is_refused(api: Api) -> None:
    window = {"start": "2026-11-20T09:00:00+08:00", "end": "2026-11-20T11:00:00+08:00"}
    answers = {**LICENCE_ANSWERS, "pickup": {**LICENCE_ANSWERS["pickup"], "window": window}}
    assert api.submit(LICENCE, answers).faults == {"/answers/pickup/window/start": "window_in_the_past"}


def test_uploads_that_nobody_offered_are_refused(api: Api) -> None:
    uploads = {"proof-of-address": ["made-up"], "dowry": ["x"], "a/b~c": []}
    answer = api.submit(RESIDENCE, RESIDENCE_ANSWERS, uploads=uploads)
    assert is_problem(answer, 422, "invalid_answers")
    assert answer.faults == {
        "/uploads/proof-of-address/0": "unknown_upload",
        "/uploads/dowry": "unknown_material",
        "/uploads/a~1b~0c": "unknown_material",
    }


def test_an_upload_of_another_material_is_refused(api: Api) -> None:
    upload = api.uploaded(LICENCE, "old-licence", picture())
    assert api.submit(RESIDENCE, RESIDENCE_ANSWERS, uploads={"proof-of-address": [upload]}).status == 422
    other = api.submit(LICENCE, LICENCE_ANSWERS, uploads={"representative-identity-card": [upload]})
    assert other.faults == {"/uploads/representative-identity-card/0": "unknown_upload"}
    assert api.submit(LICENCE, LICENCE_ANSWERS, uploads={"old-licence": [upload]}).status == 201


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"service": "unheard-of"}, "unknown_service", None),
        ({"version": "99"}, "unknown_service", None),
        ({"material": "unheard-of"}, "unknown_material", "/material"),
        ({"content_type": "text/html"}, "file_type_not_accepted", "/content_type"),
        ({"size": 10485761}, "file_too_large", "/size"),
        ({"size": 0}, "file_empty", "/size"),
        ({"size": -1}, "malformed_request", "/size"),
        ({"filename": "x" * 300}, "malformed_request", "/filename"),
    ],
)
def test_an_upload_is_offered_only_as_its_material_says(api: Api, changes: Any, code: str, pointer: str | None) -> None:
    wanted = {
        "service": RESIDENCE,
        "material": "proof-of-address",
        "filename": "proof.pdf",
        "content_type": "application/pdf",
        "size": 1000,
    }
    answer = api.post("/v1/uploads", {**wanted, **changes})
    assert answer.code == code
    assert answer.pointers == ([pointer] if pointer else [])
    assert api.post("/v1/uploads", wanted).json["post"]["fields"]["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("service", ["unheard-of", "../../etc", "common", "x" * 60, ""])
def test_an_unknown_service_is_refused(api: Api, service: str) -> None:
    answer = api.submit(service, RESIDENCE_ANSWERS)
    assert answer.code == ("unknown_service" if service else "malformed_request")


@pytest.mark.parametrize("version", ["2", "0", "1/..", ""])
def test_an_unknown_version_is_refused_and_an_empty_one_is_malformed(api: Api, version: str) -> None:
    answer = api.submit(RESIDENCE, RESIDENCE_ANSWERS, version=version)
    assert answer.code == ("unknown_service" if version else "malformed_request")


# --- the idempotency key ---


@pytest.mark.parametrize("key", ["", "short", "x" * 256, "with space in it", "schlüssel-1", "tab\there-123"])
def test_without_a_good_idempotency_key_nothing_is_opened(api: Api, key: str) -> None:
    assert is_problem(api.submit(RESIDENCE, RESIDENCE_ANSWERS, key), 400, "idempotency_key_missing")
    assert nothing_stored(api)


def test_the_same_key_and_body_give_the_same_case_again(api: Api) -> None:
    first, again = (api.submit(RESIDENCE, RESIDENCE_ANSWERS) for _ in range(2))
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_a_request_that_comes_again_after_its_window_has_passed_is_still_the_same(api: Api) -> None:
    first = api.submit(LICENCE, LICENCE_ANSWERS)
    api.hall.clock.advance(timedelta(days=6))
    again = api.submit(LICENCE, LICENCE_ANSWERS)
    assert (again.status, again.json["case"]) == (201, first.json["case"])


def test_a_key_that_has_opened_another_case_is_refused(api: Api) -> None:
    api.submit(RESIDENCE, RESIDENCE_ANSWERS)
    other = {**RESIDENCE_ANSWERS, "purpose": "housing"}
    assert is_problem(api.submit(RESIDENCE, other), 422, "idempotency_key_reused")


def test_equal_submissions_at_one_moment_open_one_case() -> None:
    hall, start = MemoryHall(), Barrier(8)
    opened: list[tuple[str, bool]] = []
    application = Application("key-00000001", RESIDENCE, "", "zh-CN", RESIDENCE_ANSWERS, {})
    hall.catalogue.form(RESIDENCE, None, "zh-CN")

    def apply() -> None:
        start.wait()
        accepted = submit(hall, application)
        opened.append((accepted.case.number, accepted.replayed))

    threads = [Thread(target=apply) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({number for number, _ in opened}) == 1
    assert sum(not replayed for _, replayed in opened) == 1
    assert len(hall.payments.checkouts) == 1


# --- addresses ---

GARBAGE = ["%00", "%FF%FE", "%E2%82", "..%2F..", "%F0%9F%98%80", "' OR 1=1", "%25", "a" * 3000, "%ED%A0%80", "null"]
ADDRESSES = [
    "/v1/services/{}",
    "/v1/track/{}",
    "/v1/track/{}/qr.svg",
    "/v1/certificates/{}",
]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("address", ADDRESSES)
def test_garbage_in_an_address_is_not_found(api: Api, address: str, garbage: str) -> None:
    answer = api.get(address.format(garbage))
    assert answer.status == 404
    assert answer.code.startswith("unknown_")


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_an_address_of_the_desk_or_an_applicant_is_not_found(api: Api, garbage: str) -> None:
    case, clerk = api.opened(), api.clerk
    number, token = case["case"], api.session(case)
    assert api.get(f"/v1/cases/{garbage}", token).code == "unknown_case"
    assert api.get(f"/v1/desk/cases/{garbage}", clerk).code == "unknown_case"
    assert api.get(f"/v1/desk/cases/{garbage}/audit", api.supervisor).code == "unknown_case"
    assert api.get(f"/v1/desk/cases/{number}/certificates/{garbage}", clerk).code == "unknown_certificate"
    decision = f"/v1/desk/cases/{number}/tasks/{garbage}/decision"
    assert api.post(decision, {"decision": "approve"}, api.reviewer("public-security")).code == "unknown_task"
    revocation = f"/v1/desk/certificates/{garbage}/revocation"
    assert api.post(revocation, {"reason": "x"}, api.supervisor).code == "unknown_certificate"
    assert api.post(f"/v1/desk/inbox/{garbage}/replay", token=api.supervisor).code == "unknown_message"
    assert api.send("POST", f"/webhooks/couriers/{garbage}/x", b"{}").code == "not_found"
    assert api.send("POST", f"/webhooks/couriers/open/{garbage}", b"{}").status == 401


@pytest.mark.parametrize(
    "query", ["?lang=%FF", "?lang=xx-YY", "?lang=", "?q=%00%FF", "?category=%F0%9F%98%80", "?lang=zh;q=nan"]
)
def test_garbage_in_a_query_is_no_matter(api: Api, query: str) -> None:
    assert api.get(f"/v1/services{query}").status == 200


@pytest.mark.parametrize("query", ["?limit=0", "?limit=-1", "?limit=x", "?limit=1e3", "?limit=٣", "?limit=99999999999"])
def test_a_limit_that_is_none_is_refused(api: Api, query: str) -> None:
    assert is_problem(api.get(f"/v1/desk/queue{query}", api.supervisor), 422, "malformed_request")


@pytest.mark.parametrize("cursor", ["x", "%FF", "eyJ9", "a" * 5000, "===="])
def test_a_cursor_that_is_none_of_ours_is_refused(api: Api, cursor: str) -> None:
    assert is_problem(api.get(f"/v1/desk/queue?cursor={cursor}", api.supervisor), 422, "invalid_cursor")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_a_method_that_an_address_does_not_take_is_a_problem_too(api: Api, method: str) -> None:
    answer = api.send(method, "/v1/services", b"")
    assert is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_head_answers_as_get_does_without_its_body(api: Api) -> None:
    answer = api.send("HEAD", "/v1/services", b"")
    assert (answer.status, answer.body) == (200, b"")


# --- tracking and access ---


def test_a_forged_tracking_code_is_unknown(api: Api) -> None:
    code = api.opened()["tracking"]
    forged = code[:-1] + ("0" if code[-1] != "0" else "1")
    for address in (f"/v1/track/{forged}", f"/v1/track/{forged}/qr.svg", f"/v1/track/{code[:14]}"):
        assert is_problem(api.get(address), 404, "unknown_tracking")
    assert api.post(f"/v1/track/{forged}/codes").code == "unknown_tracking"
    assert api.get(f"/v1/track/{code.lower()}").status == 200


def test_five_wrong_codes_spend_the_right_one(api: Api) -> None:
    case = api.opened()
    sessions = f"/v1/track/{case['tracking']}/sessions"
    assert api.post(f"/v1/track/{case['tracking']}/codes").status == 202
    right = api.code_sent()
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for _ in range(5):
        assert is_problem(api.post(sessions, {"code": wrong}), 401, "wrong_code")
    assert api.post(sessions, {"code": right}).code == "wrong_code"
    assert api.post(f"/v1/track/{case['tracking']}/codes").status == 202
    assert api.post(sessions, {"code": api.code_sent()}).status == 201


def test_four_wrong_codes_leave_the_right_one_good_for_one_use(api: Api) -> None:
    case = api.opened()
    sessions = f"/v1/track/{case['tracking']}/sessions"
    api.post(f"/v1/track/{case['tracking']}/codes")
    right = api.code_sent()
    for guess in ("", "12345", "１２３４５６", "x" * 32):
        assert api.post(sessions, {"code": guess}).status in (401, 422)
    assert api.post(sessions, {"code": right}).status == 201
    assert api.post(sessions, {"code": right}).code == "wrong_code"


def test_a_code_is_good_for_ten_minutes_and_three_can_be_had_in_that_time(api: Api) -> None:
    case = api.opened()
    codes, sessions = (f"/v1/track/{case['tracking']}/{name}" for name in ("codes", "sessions"))
    for _ in range(3):
        assert api.post(codes).status == 202
    refused = api.post(codes)
    assert is_problem(refused, 429, "too_many_codes")
    assert refused.headers["Retry-After"] == "600"
    api.hall.clock.advance(timedelta(minutes=10, seconds=1))
    assert api.post(sessions, {"code": api.code_sent()}).code == "wrong_code"
    assert api.post(codes).status == 202


def test_the_code_is_in_no_record(api: Api) -> None:
    case = api.opened()
    api.post(f"/v1/track/{case['tracking']}/codes")
    assert api.code_sent() not in repr(vars(api.hall.lookups))


def test_a_token_opens_its_own_case_for_half_an_hour(api: Api) -> None:
    case, other = api.opened(), api.opened(key="key-00000002")
    token = api.session(case)
    own = f"/v1/cases/{case['case']}"
    assert api.get(own.lower(), token).status == 200
    assert is_problem(api.get(own), 401, "unauthorized")
    assert api.get(own).headers["WWW-Authenticate"] == "Bearer"
    assert is_problem(api.get(f"/v1/cases/{other['case']}", token), 404, "unknown_case")
    for forged in (token[:-2], token + "x", "x", "a.b.c", token.rsplit(".", 1)[0] + ".", "ü", "null", "{}"):
        assert is_problem(api.get(own, forged), 401, "unauthorized")
    api.hall.clock.advance(timedelta(minutes=31))
    assert is_problem(api.get(own, token), 401, "unauthorized")


def test_a_token_of_another_kind_opens_no_case(api: Api) -> None:
    case = api.opened()
    assert api.get(f"/v1/cases/{case['case']}", api.clerk).code == "unauthorized"
    assert api.get(f"/v1/desk/cases/{case['case']}", api.session(case)).code == "unauthorized"
    unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiYXVkIjoiY2FzZSIsImV4cCI6OTk5OTk5OTk5OX0."
    assert api.get(f"/v1/cases/{case['case']}", unsigned).code == "unauthorized"


# --- corrections ---


def asked_for_a_correction(api: Api) -> tuple[str, str]:
    case = api.paid(LICENCE)
    asked = api.decide(
        case,
        "pre-check",
        "market-regulation",
        "correct",
        reason="x",
        pointers=["/business/name", "/uploads/old-licence"],
    )
    assert asked.status == 200
    return f"/v1/cases/{case['case']}/corrections", api.session(case)


def test_only_what_was_asked_for_can_be_corrected(api: Api) -> None:
    path, token = asked_for_a_correction(api)
    answers = {"/business/name": "上海样例贸易有限公司", "/applicant/name": "李四", "": {}, "business": 1}
    refused = api.post(path, {"answers": answers, "uploads": {"representative-identity-card": []}}, token)
    assert is_problem(refused, 403, "field_not_asked")
    assert set(refused.pointers) == {"/applicant/name", "", "business", "/uploads/representative-identity-card"}


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        ({"answers": {"/business/name": ""}}, "invalid_answers", ["/answers/business/name"]),
        ({"answers": {"/business/name": None}}, "invalid_answers", ["/answers/business/name"]),
        ({"answers": {"/business/name/deeper": 1}}, "unknown_pointer", ["/answers"]),
        ({"answers": {"/business/name/~2": 1}}, "unknown_pointer", ["/answers"]),
        ({"uploads": {"old-licence": ["made-up"]}}, "invalid_answers", ["/uploads/old-licence/0"]),
        ({}, "malformed_request", [""]),
        ({"answers": []}, "malformed_request", ["/answers"]),
    ],
)
def test_a_correction_has_to_be_right_as_a_whole(api: Api, body: Any, code: str, pointers: list[str]) -> None:
    path, token = asked_for_a_correction(api)
    answer = api.post(path, body, token)
    assert (answer.status, answer.code, answer.pointers) == (422, code, pointers)


def test_what_a_correction_needs_may_come_with_it_and_nothing_more(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation", "correct", reason="x", pointers=["/changes"])
    path, token = f"/v1/cases/{case['case']}/corrections", api.session(case)
    former = {"/business/former_name": "上海旧名商贸有限公司"}
    assert is_problem(api.post(path, {"answers": {"/changes": ["scope"], **former}}, token), 403, "field_not_asked")
    missing = api.post(path, {"answers": {"/changes": ["name"]}}, token)
    assert (missing.code, missing.faults) == ("invalid_answers", {"/answers/business/former_name": "missing"})
    more = {"/changes": ["name"], **former, "/business/scope": "x"}
    refused = api.post(path, {"answers": more}, token)
    assert (refused.code, refused.pointers) == ("field_not_asked", ["/business/scope"])
    assert api.post(path, {"answers": {"/changes": ["name"], **former}}, token).status == 200


def test_nothing_can_be_corrected_unasked(api: Api) -> None:
    case = api.paid()
    path = f"/v1/cases/{case['case']}/corrections"
    assert is_problem(
        api.post(path, {"answers": {"/purpose": "housing"}}, api.session(case)), 409, "nothing_to_correct"
    )


@pytest.mark.parametrize(
    "window", [{}, {"start": 1, "end": []}, {"start": "2026-11-20T09:00:00+08:00"}, [], None, "soon"]
)
def test_a_pickup_window_that_is_none_is_refused(api: Api, window: Any) -> None:
    case = api.paid(LICENCE)
    answer = api.post(f"/v1/cases/{case['case']}/pickup-window", {"window": window}, api.session(case))
    assert answer.status == 422
    assert all(pointer.startswith("/window") for pointer in answer.pointers)


@pytest.mark.parametrize("stars", [0, 6, -1, 4.5, "5", True, None, 10**30])
def test_stars_are_one_to_five(api: Api, stars: Any) -> None:
    case = api.paid()
    answer = api.post(f"/v1/cases/{case['case']}/ratings", {"stars": stars}, api.session(case))
    assert is_problem(answer, 422, "malformed_request")
    assert answer.pointers == ["/stars"]


def test_a_case_under_way_can_not_be_rated_and_a_decided_one_not_be_withdrawn(api: Api) -> None:
    case = api.paid()
    token = api.session(case)
    assert api.post(f"/v1/cases/{case['case']}/ratings", {"stars": 5}, token).code == "case_not_ended"
    api.decide(case, "verify-residence", "public-security")
    assert api.post(f"/v1/cases/{case['case']}/withdrawal", token=token).code == "already_decided"


# --- vendors ---


def test_unsigned_stale_and_altered_payment_events_are_refused_and_not_stored(api: Api) -> None:
    case = api.opened()
    checkout = case["payment_url"].rsplit("/", 1)[1]
    api.hall.payments.pay(checkout)
    event = json.dumps({"id": "evt_1", "object": "event", "type": "x", "data": {"object": {"id": checkout}}}).encode()
    for refused in (
        api.send("POST", "/webhooks/stripe", event),
        api.send("POST", "/webhooks/stripe", event, headers={"Stripe-Signature": "t=ü,v1=é"}),
        api.stripe(event, late=timedelta(minutes=6)),
        api.stripe(event, late=-timedelta(minutes=6)),
        api.stripe(event, secret="whsec_other"),
        api.stripe(b"not json"),
        api.stripe(b""),
    ):
        assert is_problem(refused, 400, "bad_signature")
    assert not list(api.hall.inbox.new_before(api.hall.clock() + timedelta(days=1)))
    api.hall.drain()
    assert api.track(case)["status"] == "awaiting_payment"


def test_a_payment_event_that_comes_twice_is_stored_once(api: Api) -> None:
    case = api.opened()
    checkout = case["payment_url"].rsplit("/", 1)[1]
    assert [api.stripe_event(checkout, "evt_1").status for _ in range(3)] == [200] * 3
    assert len(list(api.hall.inbox.new_before(api.hall.clock() + timedelta(seconds=1)))) == 1


def test_forged_courier_news_are_refused_in_the_couriers_own_form_and_not_stored(api: Api) -> None:
    message = {"type": "shipment.moved", "data": {}}
    for refused in (
        api.push(message, "m-1", token="another-token"),
        api.push(message, "m-2", token="%FF"),
        api.push(message, "m-3", late=timedelta(minutes=6)),
        api.push(message, "m-4", altered=b'{"type":"other"}'),
        api.send("POST", "/webhooks/couriers/open/a-secret-part-of-the-path", b"{}"),
    ):
        assert (refused.status, refused.json) == (401, {"error": "bad_signature"})
    assert api.send("POST", "/webhooks/couriers/nobody/x", b"{}").code == "not_found"
    assert not list(api.hall.inbox.new_before(api.hall.clock() + timedelta(days=1)))


def test_news_that_make_no_sense_stay_in_the_inbox_for_a_person(api: Api) -> None:
    assert api.push({"type": "shipment.moved", "data": {"order": "nobody's"}}, "m-1").status == 200
    api.hall.drain()
    listed = api.get("/v1/desk/inbox?state=failed", api.supervisor).json["messages"]
    assert [(message["id"], message["state"]) for message in listed] == [("courier:open#m-1", "failed")]
    assert set(listed[0]) == {"id", "source", "received_at", "state", "error"}
    replayed = api.post("/v1/desk/inbox/courier%3Aopen%23m-1/replay", token=api.supervisor)
    assert (replayed.status, replayed.json["state"]) == (200, "failed")
    assert api.get("/v1/desk/inbox?state=other", api.supervisor).status == 422


def test_a_large_webhook_is_refused(api: Api) -> None:
    assert api.send("POST", "/webhooks/stripe", b"x" * (256 * 1024 + 1)).status == 413
