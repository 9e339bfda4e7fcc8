"""The books for the hall's accountant: a table that every spreadsheet reads, and that gives nobody away."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import repeat
from typing import Any

import pytest

from chalicelib.adapters.memory import MemoryLedger
from chalicelib.api.ledger_csv import COLUMNS, ledger_csv
from chalicelib.domain.ledger import Account, Entry, Posting
from chalicelib.domain.money import Money
from chalicelib.usecases import reports
from tests.api import APPLICANT, RESIDENCE, Answer, Api, api_over
from tests.cases import SHANGHAI
from tests.halls import MemoryHall

ENTRY = Entry(
    case="D7K3-M9QF-2XHV5",
    version=2,
    number=1,
    day=date(2026, 11, 24),
    at=datetime(2026, 11, 23, 16, 0, 1, tzinfo=UTC),
    kind="fee_paid",
    service="residence-permit",
    currency="cny",
    payment="pi_1",
    refund=0,
    vendor="",
    postings=(Posting(Account.PROVIDER, 2005), Posting(Account.INCOME, -2005, "fee")),
)


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def asked(api: Api, first: str = "2026-11-23", last: str = "2026-11-23", token: str = "", **more: str) -> Answer:
    query = "&".join(f"{name}={value}" for name, value in {"from": first, "to": last, **more}.items())
    return api.get(f"/v1/desk/reports/ledger.csv?{query}", token or api.supervisor)


# --- the table ---


def test_a_posting_is_a_row_with_its_amount_on_one_side() -> None:
    debit, credit = rows(ledger_csv([ENTRY], SHANGHAI, "en"))
    assert tuple(debit) == COLUMNS
    assert (debit["account"], debit["debit"], debit["credit"]) == ("provider", "20.05", "")
    assert (credit["account"], credit["line"], credit["debit"], credit["credit"]) == ("income", "fee", "", "20.05")
    assert (debit["date"], debit["time"]) == ("2026-11-24", "2026-11-24T00:00:01+08:00")
    assert debit["entry"] == credit["entry"] == "D7K3-M9QF-2XHV5-2-1"
    assert (debit["currency"], debit["payment"], debit["refund"]) == ("CNY", "pi_1", "")


def test_lines_end_as_rfc_4180_has_them_and_the_text_begins_with_its_mark() -> None:
    text = ledger_csv([ENTRY], SHANGHAI, "zh-CN")
    assert text.startswith("\ufeffdate,time,")
    assert text.count("\r\n") == text.count("\n") == 3
    assert "支付机构清算款" in text


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    entry = replace(ENTRY, payment=name, vendor=name, service=name, postings=(Posting(Account.INCOME, 1, name),))
    (row,) = rows(ledger_csv([entry], SHANGHAI, "en"))
    assert [row[column] for column in ("payment", "provider_id", "service", "line")] == [f"'{name}"] * 4


def test_commas_quotes_and_line_ends_stay_in_their_cells() -> None:
    entry = replace(ENTRY, vendor='a,"b"\r\nc')
    assert rows(ledger_csv([entry], SHANGHAI, "en"))[0]["provider_id"] == 'a,"b"\r\nc'


@pytest.mark.parametrize(
    ("amount", "currency", "major"),
    [
        (1250, "cny", "12.50"),
        (5, "usd", "0.05"),
        (0, "cny", "0.00"),
        (1250, "jpy", "1250"),
        (1250, "krw", "1250"),
        (1250, "kwd", "1.250"),
        (500, "isk", "5.00"),
        (-1, "cny", "-0.01"),
        (12345678901234567890123, "cny", "123456789012345678901.23"),
    ],
)
def test_amounts_are_exact_in_each_currencys_digits(amount: int, currency: str, major: str) -> None:
    assert Money(amount, currency).major == major


# --- who gets it, and of which days ---


def test_supervisors_and_auditors_get_the_books_of_the_days_they_ask_for(api: Api) -> None:
    case = api.paid(RESIDENCE)
    for token in (api.supervisor, api.staff("a", "role:auditor")):
        answer = asked(api, token=token)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="ledger-2026-11-23-2026-11-23.csv"'
        found = rows(answer.body.decode())
        assert {row["case"] for row in found} == {case["case"]}
        assert sum(Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0) for row in found) == 0
    assert rows(asked(api, "2026-11-24", "2026-11-30").body.decode()) == []
    assert rows(asked(api, "2026-11-01", "2026-11-22").body.decode()) == []


def test_nobody_else_gets_them(api: Api) -> None:
    for token in (api.clerk, api.reviewer("public-security"), api.staff("x")):
        assert asked(api, token=token).code == "forbidden"
    assert api.get("/v1/desk/reports/ledger.csv?from=2026-11-23&to=2026-11-23").code == "unauthorized"


def test_the_books_name_nobody(api: Api) -> None:
    api.paid(RESIDENCE)
    text = asked(api).body.decode()
    assert not [value for value in APPLICANT.values() if str(value) in text]


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ({"first": "", "last": "2026-11-23"}, "malformed_request", "/from"),
        ({"first": "20261123"}, "malformed_request", "/from"),
        ({"first": "2026-W48-1"}, "malformed_request", "/from"),
        ({"last": "2026-02-30"}, "malformed_request", "/to"),
        ({"first": "2026-11-24", "last": "2026-11-23"}, "span_reversed", "/to"),
        ({"first": "2026-01-01", "last": "2026-04-03"}, "span_too_long", "/to"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(api: Api, query: Any, code: str, pointer: str) -> None:
    answer = asked(api, **query)
    assert (answer.status, answer.code, answer.pointers) == (422, code, [pointer])


def test_a_quarter_is_not_too_long(api: Api) -> None:
    assert asked(api, "2026-10-01", "2026-12-31").status == 200
    assert asked(api, "0001-01-01", "0001-01-01").status == 200
    assert asked(api, "9999-12-31", "9999-12-31").status == 200


def test_more_than_an_answer_can_carry_is_refused_with_what_to_do(api: Api) -> None:
    read: list[Entry] = []

    class Endless(MemoryLedger):
        def between(self, first: date, last: date) -> Iterator[Entry]:
            for entry in repeat(ENTRY):
                read.append(entry)
                yield entry

    api.hall.ledger = Endless()
    assert asked(api).code == "report_too_large"
    assert len(read) == reports.MOST_POSTINGS // len(ENTRY.postings) + 1
