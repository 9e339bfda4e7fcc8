"""The desk through the API: who gets in, who may do what, and what each sees of a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib.ports import Submission
from tests.api import LICENCE, PAPERS, Answer, Api, Json, api_over
from tests.halls import AUDIENCE, ISSUER, Issuer, MemoryHall

UNTOUCHED = object()
MARKET, POLICE = "market-regulation", "public-security"


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def at_review(api: Api) -> Json:
    """A licence's case whose originals the clerk has received."""
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", MARKET)
    api.move(f"{case['case']}-pickup-1", "picked_up", "delivered")
    assert api.receive(case, *PAPERS).status == 200
    return case


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status, answer.code


# --- who gets in ---


def test_without_a_token_nobody_gets_in(api: Api) -> None:
    answer = api.get("/v1/desk/queue")
    assert refused(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    for authorization in ("", "Bearer", "Bearer ", "Basic eDp5", "Bearer x y z", "Bearer ü"):
        answer = api.send("GET", "/v1/desk/queue", b"", headers={"Authorization": authorization})
        assert refused(answer) == (401, "unauthorized")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": "soon"},
        {"exp": None},
        {"nbf": 9999999999},
        {"iss": "https://elsewhere.invalid"},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": None, "client_id": "another"},
        {"sub": None},
    ],
)
def test_a_token_whose_claims_do_not_hold_is_refused(api: Api, changes: dict[str, Any]) -> None:
    assert refused(api.get("/v1/desk/queue", api.staff("s", "role:clerk", **changes))) == (401, "unauthorized")


def test_a_token_that_has_expired_is_refused_after_half_a_minutes_leeway(api: Api) -> None:
    token = api.clerk
    api.hall.clock.advance(timedelta(hours=1, seconds=29))
    assert api.get("/v1/desk/queue", token).status == 200
    api.hall.clock.advance(timedelta(seconds=1))
    assert refused(api.get("/v1/desk/queue", token)) == (401, "unauthorized")


@pytest.mark.parametrize("changes", [{"aud": [AUDIENCE, "x"]}, {"aud": None, "client_id": AUDIENCE}])
def test_an_access_token_of_cognito_names_us_as_its_client(api: Api, changes: dict[str, Any]) -> None:
    assert api.get("/v1/desk/queue", api.staff("s", "role:clerk", **changes)).status == 200


def test_a_token_of_another_issuer_with_the_same_key_id_is_refused(api: Api) -> None:
    other = Issuer(api.hall.clock)
    assert refused(api.get("/v1/desk/queue", other.token("s", "role:clerk"))) == (401, "unauthorized")


def forged_tokens(hall: MemoryHall) -> Iterator[str]:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "exp": 9999999999, "cognito:groups": ["role:supervisor"]}
    kid = {"kid": hall.issuer.kid}
    yield jwt.encode(claims, "x" * 32, algorithm="HS256", headers=kid)
    yield jwt.encode(claims, "", algorithm="none", headers=kid)
    yield jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers=kid)
    yield jwt.encode(claims, rsa.generate_private_key(65537, 2048), algorithm="RS256", headers=kid)
    yield jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    yield jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": "unknown"})
    genuine = hall.issuer.token("s", "role:clerk")
    yield genuine[:-4]
    yield genuine + "AAAA"
    yield ".".join([genuine.split(".")[0], "e30", genuine.split(".")[2]])
    yield "e30.e30.e30"
    yield "." * 2
    yield "x" * 5000


def test_forged_tokens_are_refused(api: Api) -> None:
    for token in forged_tokens(api.hall):
        assert refused(api.get("/v1/desk/queue", token)) == (401, "unauthorized")


def test_made_up_key_ids_do_not_make_the_hall_ask_the_issuer_each_time(api: Api) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "exp": 9999999999}
    key = ec.generate_private_key(ec.SECP256R1())
    for number in range(20):
        api.get("/v1/desk/queue", jwt.encode(claims, key, algorithm="ES256", headers={"kid": f"made-up-{number}"}))
    assert len(api.hall.issuer.fetched) == 2  # the discovery document and the keys, once
    api.hall.issuer.kid = "next-key"
    token = api.clerk
    assert api.get("/v1/desk/queue", token).status == 401
    api.hall.clock.advance(timedelta(minutes=1))
    assert api.get("/v1/desk/queue", token).status == 200  # the issuer has a new key


@pytest.mark.parametrize("groups", [[], ["department:public-security"], ["role:"], ["role:king"], ["reviewer"]])
def test_without_a_role_nobody_may_do_anything(api: Api, groups: list[str]) -> None:
    case = api.paid()
    token = api.staff("s", *groups)
    assert refused(api.get("/v1/desk/queue", token)) == (403, "forbidden")
    assert refused(api.get(f"/v1/desk/cases/{case['case']}", token)) == (403, "forbidden")


@pytest.mark.parametrize("claim", ["cognito:groups", "groups"])
@pytest.mark.parametrize("groups", [None, "role:clerk", {"role:clerk": 1}, [1, None, {}]])
def test_groups_that_are_no_list_of_texts_give_no_role(api: Api, claim: str, groups: Any) -> None:
    token = api.staff("s", **{"cognito:groups": None, claim: groups})
    assert refused(api.get("/v1/desk/queue", token)) == (403, "forbidden")


# --- who may do what ---

BODIES: dict[str, Any] = {
    "originals": {"items": [{"material": "old-licence", "present": True}]},
    "dispatch": {"contents": ["certificate"]},
    "tasks/review/decision": {"decision": "approve"},
}


@pytest.mark.parametrize(
    ("act", "role"),
    [
        ("originals", "reviewer"),
        ("originals", "supervisor"),
        ("dispatch", "reviewer"),
        ("dispatch", "auditor"),
        ("tasks/review/decision", "clerk"),
        ("tasks/review/decision", "supervisor"),
        ("tasks/review/decision", "auditor"),
    ],
)
def test_each_role_does_its_own_work_only(api: Api, act: str, role: str) -> None:
    case = api.paid(LICENCE)
    token = api.staff("somebody", f"role:{role}", f"department:{MARKET}")
    assert refused(api.post(f"/v1/desk/cases/{case['case']}/{act}", BODIES[act], token)) == (403, "forbidden")


def test_watching_is_for_supervisors_and_auditors(api: Api) -> None:
    case = api.paid()
    audit = f"/v1/desk/cases/{case['case']}/audit"
    auditor = api.staff("auditor", "role:auditor")
    assert api.get(audit, auditor).status == 200
    assert refused(api.get(audit, api.clerk)) == (403, "forbidden")
    assert refused(api.get("/v1/desk/inbox", auditor)) == (403, "forbidden")
    assert refused(api.post("/v1/desk/inbox/x/replay", token=api.clerk)) == (403, "forbidden")
    printed = f"/v1/desk/cases/{case['case']}/certificates/x.pdf"
    assert refused(api.get(printed, auditor)) == (403, "forbidden")
    revocation = "/v1/desk/certificates/x/revocation"
    assert refused(api.post(revocation, {"reason": "x"}, api.clerk)) == (403, "forbidden")


def test_a_department_without_a_task_in_a_case_does_not_know_of_it(api: Api) -> None:
    case = api.paid(LICENCE)
    assert refused(api.get(f"/v1/desk/cases/{case['case']}", api.reviewer(POLICE))) == (404, "unknown_case")
    assert refused(api.decide(case, "pre-check", POLICE)) == (404, "unknown_case")
    assert api.track(case)["tasks"][0]["state"] == "open"


def test_a_task_is_decided_by_its_own_department_alone(api: Api) -> None:
    case = api.paid(LICENCE)
    outsider = api.staff("both-roles", "role:reviewer", "role:clerk", f"department:{POLICE}")
    decision = f"/v1/desk/cases/{case['case']}/tasks/pre-check/decision"
    assert refused(api.post(decision, {"decision": "approve"}, outsider)) == (403, "forbidden")


def test_a_case_that_is_not_there_can_not_be_decided(api: Api) -> None:
    number = api.opened()["case"]
    missing = {"case": number[:-2] + "00"}
    assert refused(api.decide(missing, "verify-residence", POLICE)) == (404, "unknown_case")
    assert refused(api.decide({"case": "D7K3-M9QF-2XHV5"}, "verify-residence", POLICE)) == (404, "unknown_case")


def test_an_unpaid_case_can_not_be_decided(api: Api) -> None:
    assert refused(api.decide(api.opened(), "verify-residence", POLICE)) == (409, "task_not_open")


def test_a_task_is_decided_once(api: Api) -> None:
    case = api.paid()
    assert api.decide(case, "verify-residence", POLICE).status == 200
    again = api.decide(case, "verify-residence", POLICE, "reject", reason="x")
    assert refused(again) == (409, "task_already_decided")
    assert api.track(case)["tasks"][0]["state"] == "approved"


def test_whoever_received_the_originals_can_not_decide(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", MARKET)
    api.move(f"{case['case']}-pickup-1", "picked_up", "delivered")
    both = api.staff("two-hats", "role:clerk", "role:reviewer", f"department:{MARKET}")
    assert api.receive(case, *PAPERS, token=both).status == 200
    decision = f"/v1/desk/cases/{case['case']}/tasks/review/decision"
    answer = api.post(decision, {"decision": "approve"}, both)
    assert refused(answer) == (403, "acceptance_and_approval_must_be_separate")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"decision": "perhaps"}, "malformed_request"),
        ({}, "malformed_request"),
        ({"decision": "reject"}, "reason_missing"),
        ({"decision": "reject", "reason": " \n"}, "reason_missing"),
        ({"decision": "correct", "pointers": ["/purpose"]}, "reason_missing"),
        ({"decision": "correct", "reason": "x"}, "pointers_missing"),
        ({"decision": "correct", "reason": "x", "pointers": ["/delivery"]}, "unknown_pointer"),
        ({"decision": "correct", "reason": "x", "pointers": ["/uploads/dowry", "/applicant/phone"]}, "unknown_pointer"),
        ({"decision": "reject", "reason": "x" * 2001}, "malformed_request"),
        ({"decision": "approve", "pointers": "/purpose"}, "malformed_request"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(api: Api, body: Any, code: str) -> None:
    case = api.paid()
    answer = api.post(f"/v1/desk/cases/{case['case']}/tasks/verify-residence/decision", body, api.reviewer(POLICE))
    assert refused(answer) == (422, code)
    assert api.track(case)["status"] == "in_review"


def test_an_envelope_is_checked_against_the_list(api: Api) -> None:
    case = api.paid(LICENCE)
    path = f"/v1/desk/cases/{case['case']}/originals"
    item = {"material": "old-licence", "present": True}
    assert refused(api.post(path, {"items": [item]}, api.clerk)) == (409, "no_pickup_ordered")
    unknown = api.post(path, {"items": [item, {"material": "dowry", "present": True}]}, api.clerk)
    assert refused(unknown) == (422, "material_not_on_the_list")
    assert unknown.pointers == ["/items/1/material"]
    assert refused(api.post(path, {"items": [item, item]}, api.clerk)) == (422, "material_listed_twice")
    assert refused(api.post(path, {"items": []}, api.clerk)) == (422, "malformed_request")


def test_nothing_is_dispatched_before_it_is_ready(api: Api) -> None:
    case = api.paid()
    assert refused(api.dispatch(case, "certificate")) == (409, "not_ready_for_dispatch")
    api.decide(case, "verify-residence", POLICE)
    assert refused(api.dispatch(case, "originals")) == (422, "wrong_contents")
    assert api.dispatch(case, "certificate").status == 200
    assert refused(api.dispatch(case, "certificate")) == (409, "already_dispatched")


def test_an_act_on_an_older_version_than_the_current_one_is_refused(api: Api) -> None:
    case = api.paid()
    shown = api.get(f"/v1/desk/cases/{case['case']}", api.reviewer(POLICE))
    assert shown.headers["ETag"] == f'"{shown.json["version"]}"'
    decision = f"/v1/desk/cases/{case['case']}/tasks/verify-residence/decision"
    for outdated in ('"1"', "nonsense", '"999999999999"'):
        answer = api.post(decision, {"decision": "approve"}, api.reviewer(POLICE), If_Match=outdated)
        assert refused(answer) == (412, "precondition_failed")
    current = {"If_Match": shown.headers["ETag"]}
    assert api.post(decision, {"decision": "approve"}, api.reviewer(POLICE), **current).status == 200


# --- what each sees ---


def test_each_sees_of_the_answers_what_their_work_needs(api: Api) -> None:
    case = at_review(api)
    path = f"/v1/desk/cases/{case['case']}"
    reviewer = api.get(path, api.reviewer(MARKET)).json["answers"]
    assert reviewer["business"]["name"] == "上海样例商贸有限公司"
    assert set(reviewer["applicant"]) == {"name", "id_type", "id_number"}
    assert "pickup" not in reviewer
    assert api.get(path, api.clerk).json["answers"] == {"applicant": {"name": "张三"}}
    for role in ("supervisor", "auditor"):
        shown = api.get(path, api.staff("watcher", f"role:{role}")).json
        assert (shown["answers"], shown["uploads"]) == ({}, {})
        assert shown["log"][0]["events"][0]["type"] == "Submitted"


def test_reasons_are_read_by_those_whose_business_they_are(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", MARKET, "correct", reason="名称不符", pointers=["/business/name"])
    path = f"/v1/desk/cases/{case['case']}"

    def told(token: str) -> tuple[bool, str]:
        shown = api.get(path, token).json
        in_log = any(event.get("reason") for commit in shown["log"] for event in commit["events"])
        return in_log, shown["correction"]["reason"]

    assert told(api.reviewer(MARKET)) == (True, "名称不符")
    assert told(api.supervisor) == (True, "名称不符")
    assert told(api.clerk) == (False, "")


def test_the_log_names_the_actor_by_the_issuers_identifier(api: Api) -> None:
    case = at_review(api)
    log = api.get(f"/v1/desk/cases/{case['case']}", api.supervisor).json["log"]
    decided = [commit for commit in log if any(event["type"] == "TaskDecided" for event in commit["events"])]
    assert [commit["actor"] for commit in decided] == [f"staff:reviewer-{MARKET}"]
    assert "staff:clerk-1" in {commit["actor"] for commit in log}
    assert not [event for commit in log for event in commit["events"] if {"url", "digest", "note"} & set(event)]


def test_the_queue_shows_each_their_own_lines(api: Api) -> None:
    licence = api.paid(LICENCE)
    residence = api.paid(key="key-00000002")

    def cases(token: str, query: str = "") -> list[str]:
        return [row["case"] for row in api.get(f"/v1/desk/queue{query}", token).json["cases"]]

    assert cases(api.reviewer(MARKET)) == [licence["case"]]
    assert cases(api.reviewer(POLICE)) == [residence["case"]]
    assert cases(api.clerk) == []
    assert set(cases(api.supervisor)) == {licence["case"], residence["case"]}
    assert cases(api.supervisor, f"?department={POLICE}") == [residence["case"]]
    assert cases(api.supervisor, "?state=awaiting_correction") == []
    assert refused(api.get(f"/v1/desk/queue?department={POLICE}", api.reviewer(MARKET))) == (403, "forbidden")
    first = api.get("/v1/desk/queue?limit=1", api.supervisor).json
    rest = api.get(f"/v1/desk/queue?limit=1&cursor={first['cursor']}", api.supervisor).json
    assert {row["case"] for page in (first, rest) for row in page["cases"]} == {licence["case"], residence["case"]}
    assert rest["cursor"] == ""


# --- watching ---


def test_a_revoked_certificate_is_revoked_for_everyone(api: Api) -> None:
    case = api.paid()
    api.decide(case, "verify-residence", POLICE)
    number = api.track(case)["certificates"][0]["number"]
    path = f"/v1/desk/certificates/{number.lower()}/revocation"
    assert refused(api.post(path, {"reason": ""}, api.supervisor)) == (422, "reason_missing")
    assert api.post(path, {"reason": "材料虚假"}, api.supervisor).json["state"] == "revoked"
    assert api.get(f"/v1/certificates/{number}").json["state"] == "revoked"
    assert api.track(case)["certificates"][0]["state"] == "revoked"


def test_an_audit_tells_answers_that_were_altered_beside_the_log(api: Api) -> None:
    case = api.paid()
    path = f"/v1/desk/cases/{case['case']}/audit"
    assert api.get(path, api.supervisor).json["intact"] is True
    record = api.hall.log.load(case["case"])
    assert record is not None
    (submission,) = record.submissions
    altered = replace(submission, answers={**submission.answers, "purpose": "housing"})
    api.hall.log = _TamperedLog(api.hall.log, submission=altered)  # type: ignore[assignment]
    told = api.get(path, api.supervisor).json
    assert (told["intact"], told["first_broken"], told["altered"]) == (False, None, ["submission-1"])


@pytest.mark.parametrize(
    ("commit", "first"),
    [
        (None, 1),
        ({"by": "staff:somebody-else"}, 1),
        ({"events": [{"type": "Teleported"}]}, 1),
        ({"at": "yesterday", "events": "none"}, 1),
        ({"version": 7}, 1),
    ],
)
def test_an_audit_names_the_first_commit_that_does_not_fit(api: Api, commit: Any, first: int) -> None:
    case = api.paid()
    api.hall.log = _TamperedLog(api.hall.log, commit=commit)  # type: ignore[assignment]
    told = api.get(f"/v1/desk/cases/{case['case']}/audit", api.supervisor).json
    assert (told["intact"], told["first_broken"]) == (False, first)


class _TamperedLog:
    """A log that somebody has laid hands on: its first commit is gone (None) or altered, or a submission is another."""

    def __init__(self, log: Any, submission: Submission | None = None, commit: Any = UNTOUCHED) -> None:
        self._log = log
        self._submission = submission
        self._commit = commit

    def load(self, case: str) -> Any:
        record = self._log.load(case)
        return replace(record, submissions=(self._submission,)) if self._submission else record

    def documents(self, case: str) -> Any:
        first, *others = self._log.documents(case)
        if self._commit is UNTOUCHED:
            return (first, *others)
        return tuple(others) if self._commit is None else ({**first, **self._commit}, *others)
