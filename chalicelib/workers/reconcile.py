"""The reconcile Lambda: every night, the books against the payment provider's statement.

Set up in ``infra/aws/resources.yaml``: its hour, and the alarms when there are differences or it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.logs import logger
from chalicelib.ports import VendorError
from chalicelib.usecases.hall import Hall

MOST_CASES = 2000  # folded anew by one invocation, well within its time

blueprint = Blueprint(__name__)
log = logger("reconcile")


class NotReconciled(Exception):
    """Some days could not be compared. The invocation is repeated, and then raises the alarm."""


@blueprint.lambda_function(name="reconcile")
def reconcile(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Compare the days that are due, or the one of ``{"date": "2026-11-22"}``; gives its differences by kind.

    ``{"fold_anew": ""}`` writes the books anew from the log instead, some thousand cases at a time: to go on, give the
    case that the answer names.
    """
    hall = wiring.hall()
    if "fold_anew" in event:
        return fold(hall, str(event["fold_anew"]), int(event.get("most", MOST_CASES)))
    return compare(hall, [date.fromisoformat(event["date"])] if "date" in event else _due(hall))


def compare(hall: Hall, days: list[date]) -> dict[str, Any]:
    """Each day for itself: one that fails keeps no other one waiting. NotReconciled in the end, if there was any."""
    found = {day.isoformat(): _differences(hall, day) for day in days}
    if None in found.values():
        raise NotReconciled(", ".join(day for day, kinds in found.items() if kinds is None))
    return found


def _due(hall: Hall) -> list[date]:
    from chalicelib.usecases.reconcile import days_due

    return list(days_due(hall.now().astimezone(hall.calendar.zone).date()))


def _differences(hall: Hall, day: date) -> dict[str, int] | None:
    """How many differences of each kind a person has to look into; None: the day could not be compared."""
    from chalicelib.usecases.reconcile import reconcile as reconcile_day

    about = {"date": day.isoformat()}
    try:
        report = reconcile_day(hall, day)
    except VendorError as error:
        log.warning("vendor failed", extra={**about, "vendor": error.vendor, "error": error.code})
        return None
    except Exception:
        log.exception("not reconciled", extra=about)
        return None
    kinds: dict[str, int] = {}
    for difference in report.open:
        kinds[difference.kind] = kinds.get(difference.kind, 0) + 1
    put_right = len(report.differences) - len(report.open)
    log.info("reconciled", extra={**about, "differences": len(report.open), "put_right": put_right, "kinds": kinds})
    return kinds


def fold(hall: Hall, after: str, most: int) -> dict[str, Any]:
    """How many cases were folded, how many could not be (the log names them), how many entries they have, and the case
    to go on after ("": that was all)."""
    from chalicelib.usecases.books import fold_anew

    last, written = "", []
    for number, write in fold_anew(hall, after, most):
        last = number
        written.append(_written(number, write))
    entries = [count for count in written if count is not None]
    found = {
        "cases": len(entries),
        "failed": len(written) - len(entries),
        "entries": sum(entries),
        "fold_anew": last if len(written) == most else "",
    }
    log.info("books folded", extra=found)
    return found


def _written(case: str, write: Callable[[], int]) -> int | None:
    """The number of a case's entries; None: its books could not be written anew."""
    try:
        return write()
    except VendorError as error:
        log.warning("not folded", extra={"case": case, "vendor": error.vendor, "error": error.code})
    except Exception:
        log.exception("not folded", extra={"case": case})
    return None
