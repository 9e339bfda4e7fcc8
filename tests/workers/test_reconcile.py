"""The reconcile worker, and its report at the desk."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.adapters.memory import MemoryLedger
from chalicelib.ports import VendorTemporary
from chalicelib.usecases.reconcile import days_due
from chalicelib.workers import reconcile as worker
from chalicelib.workers.reconcile import NotReconciled
from tests.api import APPLICANT, RESIDENCE, Answer, Api, Json, api_over
from tests.halls import MemoryHall
from tests.workers.faults import Faulty, always, of

DAY = date(2026, 11, 23)
SCHEDULED = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def call(hall: MemoryHall, event: Json | None = None) -> Any:
    with wiring.standing_in(hall):
        return worker.reconcile(event if event is not None else SCHEDULED, None)


def report(api: Api, day: str = "2026-11-23", token: str = "") -> Answer:
    return api.get(f"/v1/desk/reports/reconciliation?date={day}", token or api.supervisor)


def next_morning(api: Api) -> None:
    api.hall.clock.advance(timedelta(hours=17))


def an_unheard_payment(api: Api) -> Json:
    case = api.opened(RESIDENCE)
    api.hall.payments.pay("cs_1")
    return case


def test_at_night_yesterday_is_compared_and_the_days_on_which_a_bank_may_still_act(api: Api) -> None:
    case = an_unheard_payment(api)
    next_morning(api)
    assert call(api.hall) == {"2026-11-23": {}, "2026-11-22": {}, "2026-11-17": {}, "2026-10-20": {}}
    found = report(api).json
    assert found["compared"] == {"entries": 0, "checkouts": 1, "payments": 1, "refunds": 0, "disputes": 0}
    (difference,) = found["differences"]
    assert (difference["kind"], difference["case"], difference["put_right"]) == (
        "payment_unrecorded",
        case["case"],
        True,
    )
    assert difference["provider"] == {"amount": 1000, "currency": "cny", "state": "succeeded"}
    assert api.track(case)["status"] != "awaiting_payment"


def test_a_day_begins_and_ends_by_the_halls_clock(api: Api) -> None:
    assert list(days_due(DAY)) == [date(2026, 11, 22), date(2026, 11, 21), date(2026, 11, 16), date(2026, 10, 19)]
    api.hall.clock.advance(timedelta(hours=13, minutes=59))  # a minute to midnight in Shanghai
    an_unheard_payment(api)
    api.hall.clock.advance(timedelta(hours=12))
    assert call(api.hall, {"date": "2026-11-24"}) == {"2026-11-24": {}}
    assert report(api, "2026-11-24").json["compared"]["payments"] == 0
    call(api.hall, {"date": "2026-11-23"})
    assert report(api).json["compared"]["payments"] == 1


def test_differences_are_told_by_kind_and_logged_without_a_name(
    api: Api, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    case = api.paid(RESIDENCE)
    api.hall.payments.charges.clear()
    del api.hall.payments.checkouts["cs_1"]
    next_morning(api)
    with caplog.at_level(logging.INFO):
        assert call(api.hall, {"date": "2026-11-23"}) == {"2026-11-23": {"payment_missing": 1}}
    (line,) = (line for line in caplog.records if line.getMessage() == "reconciled")
    told = {name: getattr(line, name) for name in ("date", "differences", "put_right", "kinds")}
    assert told == {"date": "2026-11-23", "differences": 1, "put_right": 0, "kinds": {"payment_missing": 1}}
    shown = report(api)
    assert shown.json["differences"][0]["case"] == case["case"]
    assert not [value for value in APPLICANT.values() if str(value) in shown.body.decode()]
    assert json.dumps(told)


def on_call(number: int, error: Exception) -> Callable[..., object]:
    asked: list[object] = []

    def fail(*_: object) -> None:
        asked.append(None)
        if len(asked) == number:
            raise error

    return fail


@pytest.mark.parametrize("error", [VendorTemporary("stripe", "down"), ZeroDivisionError()])
def test_a_day_that_fails_keeps_no_other_waiting_and_fails_the_invocation(api: Api, error: Exception) -> None:
    next_morning(api)
    api.hall.payments = Faulty(api.hall.payments, "statement", on_call(1, error))
    with pytest.raises(NotReconciled, match=r"^2026-11-23$"):
        call(api.hall)
    assert report(api).code == "unknown_report"
    assert report(api, "2026-11-17").status == 200
    assert call(api.hall)["2026-11-23"] == {}


def test_what_is_put_right_is_logged_though_the_comparison_breaks_off_after_it(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    cases = [api.opened(RESIDENCE, f"key-0000000{number}") for number in (1, 2)]
    for checkout in list(api.hall.payments.checkouts):
        api.hall.payments.pay(checkout)
    next_morning(api)
    sound = api.hall.payments
    api.hall.payments = Faulty(sound, "checkout", on_call(2, VendorTemporary("stripe", "down")))
    with caplog.at_level(logging.INFO), pytest.raises(NotReconciled):
        call(api.hall, {"date": "2026-11-23"})
    (line,) = (vars(line) for line in caplog.records if line.getMessage() == "put right")
    first, second = sorted(case["case"] for case in cases)
    charge = next(charge for charge in sound.charges if charge.case == first)
    told = {name: line[name] for name in ("date", "kind", "case", "id")}
    assert told == {"date": "2026-11-23", "kind": "payment_unrecorded", "case": first, "id": charge.id}
    api.hall.payments = sound
    call(api.hall, {"date": "2026-11-23"})
    assert [difference["case"] for difference in report(api).json["differences"]] == [second]


def test_a_night_in_an_outage_is_compared_on_the_next_one(api: Api) -> None:
    an_unheard_payment(api)
    next_morning(api)
    sound = api.hall.payments
    api.hall.payments = Faulty(sound, "statement", always(VendorTemporary("stripe", "down")))
    with pytest.raises(NotReconciled):
        call(api.hall)
    api.hall.payments = sound
    api.hall.clock.advance(timedelta(days=1))
    call(api.hall)
    assert [difference["kind"] for difference in report(api).json["differences"]] == ["payment_unrecorded"]


def test_the_books_are_folded_anew_on_demand_some_cases_at_a_time(api: Api) -> None:
    for number in (1, 2, 3):
        api.paid(RESIDENCE, f"key-0000000{number}")
    before = list(api.hall.ledger.between(DAY, DAY))
    api.hall.ledger = MemoryLedger()
    first = call(api.hall, {"fold_anew": "", "most": 2})
    assert (first["cases"], first["entries"]) == (2, 2)
    rest = call(api.hall, {"fold_anew": first["fold_anew"], "most": 2})
    assert rest == {"cases": 1, "failed": 0, "entries": 1, "fold_anew": ""}
    assert list(api.hall.ledger.between(DAY, DAY)) == before


@pytest.mark.parametrize("error", [VendorTemporary("cases", "down"), ZeroDivisionError()])
def test_a_case_that_can_not_be_read_is_named_and_keeps_no_other_from_being_folded(
    api: Api, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    cases = sorted(api.paid(RESIDENCE, f"key-0000000{number}")["case"] for number in (1, 2, 3))
    before = [entry for entry in api.hall.ledger.between(DAY, DAY) if entry.case != cases[1]]
    api.hall.ledger = MemoryLedger()
    api.hall.log = Faulty(api.hall.log, "load", of(cases[1], error))  # type: ignore[assignment]
    found = call(api.hall, {"fold_anew": "", "most": 3})
    assert found == {"cases": 2, "failed": 1, "entries": 2, "fold_anew": cases[2]}
    assert list(api.hall.ledger.between(DAY, DAY)) == before
    assert [vars(line).get("case") for line in caplog.records if line.message == "not folded"] == [cases[1]]


def test_only_supervisors_and_auditors_read_the_report(api: Api) -> None:
    next_morning(api)
    call(api.hall)
    assert report(api, token=api.staff("a", "role:auditor")).status == 200
    for token in (api.clerk, api.reviewer("public-security")):
        assert report(api, token=token).code == "forbidden"
    assert api.get("/v1/desk/reports/reconciliation?date=2026-11-23").code == "unauthorized"


@pytest.mark.parametrize("day", ["", "yesterday", "2026-13-01", "20261123"])
def test_a_date_that_is_none_is_refused(api: Api, day: str) -> None:
    assert (report(api, day).code, report(api, day).pointers) == ("malformed_request", ["/date"])


def test_a_day_that_was_never_compared_has_no_report(api: Api) -> None:
    assert (report(api, "2020-01-01").status, report(api, "2020-01-01").code) == (404, "unknown_report")
