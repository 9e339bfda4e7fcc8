"""What the hall's accountant and its auditors get."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Any

from chalice import Response

from chalicelib.api import present
from chalicelib.api.edge import Area, Call
from chalicelib.api.ledger_csv import ledger_csv
from chalicelib.domain.errors import Invalid
from chalicelib.usecases import reports

area = Area("reports", cors=None)
BEARER = "desk"
CSV = "text/csv"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _date(call: Call, name: str) -> date:
    """A date of the query. Invalid ``malformed_request``: it is missing, or none."""
    given = call.query(name)
    if _DATE.fullmatch(given):
        with suppress(ValueError):
            return date.fromisoformat(given)
    raise Invalid("malformed_request", f"/{name}")


@area.get(
    "/v1/desk/reports/ledger.csv",
    query=("from", "to", "lang"),
    security=BEARER,
    gives={200: ""},
    refuses=("forbidden", "malformed_request", "span_reversed", "span_too_long", "report_too_large"),
    produces=CSV,
)
def show_ledger(call: Call) -> Response:
    """The books of some days (of the hall, 92 at most) as CSV: double entry, a row for each posting."""
    staff, first, last = call.staff(), _date(call, "from"), _date(call, "to")
    entries = reports.ledger(call.hall, staff, first, last)
    headers: dict[str, str | list[str]] = {
        "Content-Type": f"{CSV}; charset=utf-8; header=present",
        "Content-Disposition": f'attachment; filename="ledger-{first}-{last}.csv"',
    }
    return Response(ledger_csv(entries, call.hall.calendar.zone, call.language), headers, 200)


@area.get(
    "/v1/desk/reports/reconciliation",
    query=("date",),
    security=BEARER,
    gives={200: "Reconciliation"},
    refuses=("forbidden", "malformed_request", "unknown_report"),
)
def show_reconciliation(call: Call) -> dict[str, Any]:
    """What differs between a day's books and the payment provider's statement, each difference by its kind."""
    staff, day = call.staff(), _date(call, "date")
    return present.reconciliation(reports.reconciliation(call.hall, staff, day), call.hall.calendar.zone)
