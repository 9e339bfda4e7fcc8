"""The books as a table (RFC 4180, UTF-8): a row for each posting, amounts in major units, nothing personal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import tzinfo

from chalicelib.domain.ledger import Entry, Posting
from chalicelib.domain.money import Money
from chalicelib.texts import text

COLUMNS = (
    *("date", "time", "entry", "case", "service", "kind", "account", "account_name", "line"),
    *("debit", "credit", "currency", "payment", "refund", "provider_id"),
)
MARK = (
    "\N{ZERO WIDTH NO-BREAK SPACE}"  # without this mark at the beginning Excel takes UTF-8 for the machine's own code
)
# A cell that begins so is a formula to a spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def ledger_csv(entries: Iterable[Entry], zone: tzinfo, language: str) -> str:
    """The table, with a line of names at its top. An entry's debits and credits are equal."""
    table = io.StringIO(MARK, newline="")
    table.seek(0, io.SEEK_END)
    rows = csv.writer(table)  # commas and CRLF, as RFC 4180 has them
    rows.writerow(COLUMNS)
    for entry in entries:
        rows.writerows([_safe(cell) for cell in row] for row in _rows(entry, zone, language))
    return table.getvalue()


def _rows(entry: Entry, zone: tzinfo, language: str) -> Iterator[tuple[str, ...]]:
    for posting in entry.postings:
        yield (
            entry.day.isoformat(),
            entry.at.astimezone(zone).isoformat(timespec="seconds"),
            f"{entry.case}-{entry.version}-{entry.number}",
            entry.case,
            entry.service,
            entry.kind,
            posting.account,
            text(f"ledger.{posting.account}", language),
            posting.line,
            *_sides(entry, posting),
            entry.currency.upper(),
            entry.payment,
            str(entry.refund or ""),
            entry.vendor,
        )


def _sides(entry: Entry, posting: Posting) -> tuple[str, str]:
    amount = Money(abs(posting.amount), entry.currency).major
    return (amount, "") if posting.amount > 0 else ("", amount)


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
