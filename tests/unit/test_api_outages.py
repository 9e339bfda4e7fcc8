"""A vendor's outage as applicants and the desk are told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.circuit import FAILURES, FIRST_PAUSE
from chalicelib.domain.due import Kind
from chalicelib.ports import VendorTemporary
from chalicelib.texts import text
from chalicelib.usecases.execute import load
from chalicelib.usecases.outages import NOTICES, notices
from chalicelib.usecases.vendors import FRESH, PAYMENTS
from tests.api import LICENCE, RESIDENCE, RESIDENCE_ANSWERS, Api, Json, api_over
from tests.halls import COURIER, MemoryHall
from tests.workers.faults import Faulty, always
from tests.workers.owing import owing

ROLES = ("reviewer", "clerk", "supervisor", "auditor")


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def take_down(hall: MemoryHall, vendor: str) -> None:
    """It fails as often as it takes."""
    for _ in range(FAILURES):
        with pytest.raises(VendorTemporary):
            hall.health.ask(vendor, _fail(vendor))


def _fail(vendor: str) -> Callable[[], Any]:
    return always(VendorTemporary(vendor, "http_502"))


def bring_back(hall: MemoryHall, vendor: str) -> None:
    hall.clock.advance(FIRST_PAUSE)
    hall.health.ask(vendor, lambda: None)


def told(api: Api, case: Json) -> list[str]:
    return [notice["code"] for notice in api.track(case)["notices"]]


# --- applicants ---


def test_who_waits_for_nobody_is_told_of_no_outage(api: Api) -> None:
    case = api.opened(RESIDENCE)
    for vendor in (PAYMENTS, COURIER):
        take_down(api.hall, vendor)
    assert told(api, case) == []


@pytest.mark.parametrize(
    ("kind", "vendor", "notice"),
    [
        (Kind.ASK_CHECKOUT, PAYMENTS, "payment"),
        (Kind.REFUND, PAYMENTS, "refund"),
        (Kind.CANCEL_COURIER, COURIER, "calling_off"),
        (Kind.ASK_COURIER, COURIER, "news"),
    ],
)
def test_who_waits_for_a_vendor_is_told_while_it_is_down(kind: Kind, vendor: str, notice: str) -> None:
    way = owing(kind)
    hall, other = way.hall, PAYMENTS if vendor == COURIER else COURIER
    take_down(hall, other)
    assert notice not in notices(hall, load(hall, way.number).case)
    take_down(hall, vendor)
    assert notice in notices(hall, load(hall, way.number).case)
    bring_back(hall, vendor)
    assert notice not in notices(hall, load(hall, way.number).case)


def test_a_pickup_that_can_not_be_ordered_is_told_and_no_more_once_it_is(api: Api) -> None:
    case = api.opened(LICENCE)
    api.pay(case)
    take_down(api.hall, COURIER)
    assert api.decide(case, "pre-check", "market-regulation").status == 200
    (notice,) = api.track(case)["notices"]
    assert notice == {"code": "pickup", "text": text("notice.pickup", "zh-CN")}
    english = api.get(f"/v1/track/{case['tracking']}?lang=en").json["notices"]
    assert english[0]["text"].startswith("The courier's system is not answering at the moment.")

    bring_back(api.hall, COURIER)
    api.hall.clock.advance(timedelta(minutes=10))
    api.hall.sweep_and_drain()
    assert told(api, case) == []
    assert len(api.hall.vendors[COURIER].orders) == 1


def test_a_parcel_that_can_not_be_ordered_is_told(api: Api) -> None:
    case = api.paid(RESIDENCE)
    api.decide(case, "verify-residence", "public-security")
    take_down(api.hall, COURIER)
    api.dispatch(case, "certificate")
    assert told(api, case) == ["parcel"]


def test_a_payment_page_that_can_not_be_opened_is_told_and_asks_the_provider_no_more(api: Api) -> None:
    broken = Faulty(api.hall.payments.vendor, "open_checkout", always(VendorTemporary(PAYMENTS, "down")))
    api.hall.payments = api.hall.guarded(broken)
    cases = [api.submit(RESIDENCE, RESIDENCE_ANSWERS, f"key-0000000{number}").json for number in range(FAILURES + 3)]
    assert broken.calls == FAILURES
    assert {case["payment_url"] for case in cases} == {None}
    assert told(api, cases[-1]) == ["payment"]
    assert api.track(cases[-1])["actions"][0] == "pay"


def test_the_applicant_and_the_desk_see_the_same_notice(api: Api) -> None:
    api.hall.payments = api.hall.guarded(Faulty(api.hall.payments.vendor, "open_checkout", _fail(PAYMENTS)))
    take_down(api.hall, PAYMENTS)
    case = api.submit(RESIDENCE, RESIDENCE_ANSWERS).json
    shown = api.get(f"/v1/desk/cases/{case['case']}", api.reviewer("public-security")).json
    assert [notice["code"] for notice in shown["notices"]] == ["payment"] == told(api, case)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_notice_is_said_and_names_no_vendor_by_its_code(language: str) -> None:
    said = [text(f"notice.{code}", language) for code in NOTICES]
    assert len(set(said)) == len(NOTICES)
    assert not any(PAYMENTS in words.lower() for words in said)


# --- the desk ---


@pytest.mark.parametrize("role", ROLES)
def test_everyone_at_the_desk_sees_which_vendors_answer(api: Api, role: str) -> None:
    token = api.staff("somebody", f"role:{role}", "department:public-security")
    found = api.get("/v1/desk/vendors?lang=en", token)
    assert found.status == 200
    assert [(one["vendor"], one["state"], one["text"]) for one in found.json["vendors"]] == [
        (PAYMENTS, "closed", "Answers."),
        (COURIER, "closed", "Answers."),
    ]


def test_nobody_else_does(api: Api) -> None:
    assert api.get("/v1/desk/vendors").code == "unauthorized"
    assert api.get("/v1/desk/vendors", api.staff("somebody")).code == "forbidden"


def test_an_outage_is_told_with_its_beginning_its_cause_and_when_it_is_tried_again(api: Api) -> None:
    take_down(api.hall, COURIER)
    sound, down = api.get("/v1/desk/vendors?lang=en", api.clerk).json["vendors"]
    assert sound["state"] == "closed"
    assert {**down, "text": "", "retry_at": ""} == {
        "vendor": COURIER, "state": "open", "text": "", "failures": FAILURES, "error": "http_502",
        "since": "2026-11-23T10:00:00+08:00", "retry_at": "",
    }  # fmt: skip
    assert down["text"].startswith("Has not answered since 2026-11-23 10:00 (last: http_502).")
    assert down["retry_at"] in (f"2026-11-23T10:00:{second}+08:00" for second in range(15, 31))
    api.hall.clock.advance(FIRST_PAUSE)
    assert api.get("/v1/desk/vendors", api.clerk).json["vendors"][1]["state"] == "half_open"
    bring_back(api.hall, COURIER)
    api.hall.clock.advance(FRESH)
    assert api.get("/v1/desk/vendors", api.clerk).json["vendors"][1]["state"] == "closed"
