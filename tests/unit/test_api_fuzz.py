"""Nothing that a client can send gives a 5xx: requests that are almost right, wrong at any place and in any way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS, WINDOW, Api, Json, api_over
from tests.halls import MemoryHall

TEXTS = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    ["", "/", "~", "~2", "/-", "/business/-", "\x00", "\ud800", "2026-02-30", "9999-12-31T23:59:59-23:59", "0001-01-01"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))

SUBMISSIONS: list[tuple[str, Any]] = [
    ("/v1/cases", {"service": RESIDENCE, "answers": RESIDENCE_ANSWERS, "uploads": {"proof-of-address": ["x"]}}),
    ("/v1/cases", {"service": LICENCE, "version": "1", "language": "en", "answers": LICENCE_ANSWERS}),
    (
        "/v1/uploads",
        {
            "service": RESIDENCE,
            "material": "proof-of-address",
            "filename": "a",
            "content_type": "image/png",
            "size": 1,
        },
    ),
]
OF_A_CASE: list[tuple[str, str, Any]] = [
    ("applicant", "/v1/cases/{}/corrections", {"answers": {"/business/name": "x"}, "uploads": {"old-licence": ["x"]}}),
    ("applicant", "/v1/cases/{}/pickup-window", {"window": WINDOW}),
    ("applicant", "/v1/cases/{}/ratings", {"stars": 5, "department": "market-regulation", "comment": "x"}),
    (
        "reviewer",
        "/v1/desk/cases/{}/tasks/pre-check/decision",
        {"decision": "correct", "reason": "x", "pointers": ["/x"]},
    ),
    ("clerk", "/v1/desk/cases/{}/originals", {"items": [{"material": "old-licence", "present": True, "note": "x"}]}),
    ("clerk", "/v1/desk/cases/{}/dispatch", {"contents": ["certificate"]}),
]
patient = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value within a value, itself included."""
    yield path
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in below:
        yield from places(item, (*path, name))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {**value, path[0]: replaced(value[path[0]], path[1:], new)}
    return [replaced(item, path[1:], new) if n == path[0] else item for n, item in enumerate(value)]


def spoilt(draw: st.DrawFn, body: Any) -> bytes:
    """The body as JSON, with something else at one place of it."""
    path = draw(st.sampled_from(list(places(json.loads(json.dumps(body))))))
    return json.dumps(replaced(json.loads(json.dumps(body)), path, draw(VALUES))).encode()


@st.composite
def submissions(draw: st.DrawFn) -> tuple[str, bytes]:
    path, body = draw(st.sampled_from(SUBMISSIONS))
    return path, spoilt(draw, body)


@st.composite
def acts(draw: st.DrawFn) -> tuple[str, str, bytes]:
    who, path, body = draw(st.sampled_from(OF_A_CASE))
    return who, path, spoilt(draw, body)


@patient
@given(request=submissions(), key=st.text("abcdefgh12345678", min_size=8, max_size=12))
def test_no_form_makes_the_hall_fail(api: Api, request: tuple[str, bytes], key: str) -> None:
    path, body = request
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    assert api.send("POST", path, body, headers=headers).status < 500


@pytest.fixture
def opened(api: Api) -> tuple[Json, dict[str, str]]:
    """A case that waits for a correction, and everybody's tokens."""
    case = api.paid(LICENCE)
    api.decide(
        case, "pre-check", "market-regulation", "correct", reason="x", pointers=["/business", "/uploads/old-licence"]
    )
    tokens = {"applicant": api.session(case), "reviewer": api.reviewer("market-regulation"), "clerk": api.clerk}
    return case, tokens


@patient
@given(act=acts())
def test_no_act_makes_the_hall_fail(api: Api, opened: tuple[Json, dict[str, str]], act: tuple[str, str, bytes]) -> None:
    (case, tokens), (who, path, body) = opened, act
    headers = {"Content-Type": "application/json"}
    assert api.send("POST", path.format(case["case"]), body, token=tokens[who], headers=headers).status < 500


@patient
@given(content=st.binary(max_size=200), media_type=st.sampled_from(["application/json", "text/plain", "image/png"]))
def test_no_bytes_make_the_hall_fail(api: Api, content: bytes, media_type: str) -> None:
    headers = {"Content-Type": media_type, "Idempotency-Key": "key-00000001"}
    for path in ("/v1/cases", "/webhooks/stripe", "/webhooks/couriers/open/a-secret-part-of-the-path"):
        assert 400 <= api.send("POST", path, content, headers=headers).status < 500


@patient
@given(piece=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), tail=TEXTS)
def test_no_address_makes_the_hall_fail(api: Api, piece: str, tail: str) -> None:
    name, query = quote(piece, safe=""), quote(tail.encode("utf-8", "replace"), safe="")
    for path in ("/v1/services/{}", "/v1/track/{}", "/v1/certificates/{}", "/v1/cases/{}", "/v1/desk/cases/{}"):
        assert 400 <= api.get(path.format(name), "x").status < 500
    assert api.get(f"/v1/services?q={query}&category={query}&lang={query}").status == 200
    for parameter in ("state", "department", "cursor", "limit"):
        assert api.get(f"/v1/desk/queue?{parameter}={query}", api.supervisor).status < 500
