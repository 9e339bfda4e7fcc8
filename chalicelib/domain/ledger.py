"""The hall's books: what a commit means for the money, as double entry. Derived from the log alone.

Every entry balances: a posting's amount is positive on the debit side and negative on the credit side. What the
provider's clearing account says is what the provider holds for the hall, before its own fees: a refund leaves it with
the order to the provider, and comes back to it when the refund fails; a dispute takes the money with its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain import events as e
from chalicelib.domain.case import Case, Dispute, Refund
from chalicelib.domain.commit import Commit
from chalicelib.domain.evolve import evolve, fold


class Account(StrEnum):
    """The chart of accounts. Balances of the first four are debits, of the others credits."""

    PROVIDER = "provider"  # what the payment provider holds for the hall
    DISPUTED = "disputed"  # what it holds back while the payer's bank disputes a payment
    BANK = "bank"  # the hall's own account, from which a person pays back what the provider could not
    LOSSES = "losses"  # what was lost to disputes
    INCOME = "income"  # fees, by fee line
    SURPLUS = "surplus"  # paid too much, too late or twice: never the hall's
    REFUNDS = "refunds_payable"  # what goes back and has not gone yet


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of an entry, in minor units: debit positive, credit negative. ``line`` is the fee line of income."""

    account: Account
    amount: int
    line: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one event means for the money. Case, version and number (of the event in its commit) make it unique.

    ``day`` is the date of ``at`` in the hall's time zone; ``refund`` is the case's count of refunds, 0 for none;
    ``vendor`` the provider's id of the refund or the dispute.
    """

    case: str
    version: int
    number: int
    day: date
    at: datetime
    kind: str
    service: str
    currency: str
    payment: str
    refund: int
    vendor: str
    postings: tuple[Posting, ...]


MONEY = (
    e.FeePaid,
    e.SurplusPaid,
    e.RefundOwed,
    e.RefundSent,
    e.RefundDone,
    e.RefundFailed,
    e.RefundSettled,
    e.RefundAdjusted,
    e.DisputeMoved,
)
# Where the money of a dispute stands; in any other state of it the provider holds it for the hall.
_DISPUTED = {"needs_response": Account.DISPUTED, "under_review": Account.DISPUTED, "lost": Account.LOSSES}
_OUT = ("sent", "done")  # states of a refund whose money the provider has taken from what it holds


def has_money(commit: Commit) -> bool:
    """Whether a commit may have entries."""
    return any(isinstance(event, MONEY) for event in commit.events)


def books(case: Case, commits: Iterable[Commit]) -> Iterator[Entry]:
    """All entries of a case. ``case`` is the case before its first event."""
    for commit in commits:
        yield from entries(case, commit)
        case = fold(case, [commit])


def entries(case: Case, commit: Commit) -> tuple[Entry, ...]:
    """The entries of one commit. ``case`` is the case before it."""
    found: list[Entry] = []
    for number, event in enumerate(commit.events, start=1):
        if isinstance(event, MONEY):
            found += _entry(case, commit, number, event)
        case = evolve(case, event)
    return tuple(found)


def _entry(case: Case, commit: Commit, number: int, event: e.Event) -> Iterator[Entry]:
    """The entry of one event; none where no money moves, neither in fact nor in duty."""
    kind, postings = _meaning(case, event)
    if postings:
        refund = getattr(event, "refund", 0)
        known = case.refund(refund)
        yield Entry(
            case=commit.case,
            version=commit.version,
            number=number,
            day=commit.at.astimezone(case.calendar.zone).date(),
            at=commit.at,
            kind=kind,
            service=case.service.id,
            currency=case.service.currency,
            payment=known.payment if known else getattr(event, "payment", ""),
            refund=refund,
            vendor=getattr(event, "vendor", "") or getattr(event, "dispute", ""),
            postings=postings,
        )


def _meaning(case: Case, event: Any) -> tuple[str, tuple[Posting, ...]]:
    """What kind of entry an event makes, and its postings."""
    match event:
        case e.FeePaid():
            return "fee_paid", (Posting(Account.PROVIDER, event.amount), *_income(case.lines, -1))
        case e.SurplusPaid():
            return "surplus_paid", _moved(event.amount, debit=Account.PROVIDER, credit=Account.SURPLUS)
        case e.RefundOwed():
            given_up = _income(event.lines, 1) or (Posting(Account.SURPLUS, event.amount),)
            return "refund_owed", (*given_up, Posting(Account.REFUNDS, -event.amount))
        case e.RefundSent() | e.RefundDone():
            return "refund_sent", _refunded(case.refund(event.refund), out=True)
        case e.RefundFailed():
            return "refund_failed", _refunded(case.refund(event.refund), out=False)
        case e.RefundSettled():
            return "refund_settled", _settled(case.refund(event.refund))
        case e.RefundAdjusted():
            return "refund_adjusted", _adjusted(case.refund(event.refund), event.amount)
        case e.DisputeMoved():
            return "dispute_moved", _disputed(case.dispute(event.dispute), event)
    raise TypeError(type(event).__name__)  # pragma: no cover - MONEY names what stands above


def _income(lines: Iterable[e.Line], side: int) -> tuple[Posting, ...]:
    return tuple(Posting(Account.INCOME, side * line.amount, line.code) for line in lines if line.amount)


def _refunded(refund: Refund | None, *, out: bool) -> tuple[Posting, ...]:
    """The provider takes a refund out of what it holds, or puts it back; nothing where that is so already."""
    if refund is None or (refund.state in _OUT) is out:
        return ()
    back, held = (Account.REFUNDS, Account.PROVIDER) if out else (Account.PROVIDER, Account.REFUNDS)
    return _moved(refund.amount, debit=back, credit=held)


def _settled(refund: Refund | None) -> tuple[Posting, ...]:
    return _moved(refund.amount, debit=Account.REFUNDS, credit=Account.BANK) if refund else ()


def _adjusted(refund: Refund | None, amount: int) -> tuple[Posting, ...]:
    """What a lost dispute has taken is not owed as well: so much of the loss is no loss of the hall."""
    less = refund.amount - amount if refund else 0
    return _moved(less, debit=Account.REFUNDS, credit=Account.LOSSES)


def _disputed(before: Dispute | None, now: e.DisputeMoved) -> tuple[Posting, ...]:
    """The money goes from where it stood to where it stands now."""
    was = _DISPUTED.get(before.status, Account.PROVIDER) if before else Account.PROVIDER
    is_now = _DISPUTED.get(now.status, Account.PROVIDER)
    back = _moved(before.amount, debit=Account.PROVIDER, credit=was) if before else ()
    gone = _moved(now.amount, debit=is_now, credit=Account.PROVIDER)
    return _summed((*back, *gone))


def _summed(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """One posting for each account, none of nothing."""
    sums: dict[Account, int] = {}
    for posting in postings:
        sums[posting.account] = sums.get(posting.account, 0) + posting.amount
    return tuple(Posting(account, amount) for account, amount in sums.items() if amount)


def _moved(amount: int, *, debit: Account, credit: Account) -> tuple[Posting, ...]:
    return _summed((Posting(debit, amount), Posting(credit, -amount)))


def balances(found: Iterable[Entry]) -> dict[tuple[Account, str, str], int]:
    """What stands on each account, by account, fee line and currency."""
    sums: dict[tuple[Account, str, str], int] = {}
    for entry in found:
        for posting in entry.postings:
            key = posting.account, posting.line, entry.currency
            sums[key] = sums.get(key, 0) + posting.amount
    return sums
