"""Reports of the hall's money, for supervisors and auditors."""

from __future__ import annotations

from datetime import date

from chalicelib.domain.errors import DomainError, Invalid, NotFound
from chalicelib.domain.ledger import Entry
from chalicelib.ports import Staff
from chalicelib.usecases.desk import Right, require
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.reconcile import Report, find_report

LONGEST_SPAN = 92  # days: a quarter
MOST_POSTINGS = 25_000  # a Lambda answers with 6 MB at most


class TooLarge(DomainError):
    """More than one answer can carry."""


def ledger(hall: Hall, staff: Staff, first: date, last: date) -> list[Entry]:
    """The books of these days and the days between them, oldest first.

    NotAllowed ``forbidden``; Invalid ``span_reversed`` or ``span_too_long``; TooLarge ``report_too_large``.
    """
    require(staff, Right.REPORTS)
    if last < first:
        raise Invalid("span_reversed", "/to")
    if (last - first).days >= LONGEST_SPAN:
        raise Invalid("span_too_long", "/to")
    found, postings = [], 0
    for entry in hall.ledger.between(first, last):
        postings += len(entry.postings)
        if postings > MOST_POSTINGS:
            raise TooLarge("report_too_large", "/to")
        found.append(entry)
    return found


def reconciliation(hall: Hall, staff: Staff, day: date) -> Report:
    """The newest report of a day. NotAllowed ``forbidden``; NotFound ``unknown_report``: it was not reconciled yet."""
    require(staff, Right.REPORTS)
    report = find_report(hall, day)
    if report is None:
        raise NotFound("unknown_report")
    return report
