"""Reconciliation: the books of a day against the payment provider's statement, case by case.

What the hall can put right by itself it does first: a payment that it never heard of is recorded, a refund is followed
to where it stands now, a checkout that nobody shall pay any more is closed, a missing entry of the books is written.
All of it is named in the report, with what a person has to look into.

A payment and its entry may lie on two sides of midnight. So the statement is read a little beyond the day, and what is
not on it is asked for by itself before it is called missing.

A case is compared if either side has anything of it on that day. One whose only entry of the day is lost, and of which
the provider has nothing then, is not found: only to fold the books anew writes that entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from chalicelib import ports
from chalicelib.domain.case import Case, Dispute, Payment, Refund
from chalicelib.domain.clock import midnight
from chalicelib.domain.commit import canonical_json
from chalicelib.domain.errors import NotFound
from chalicelib.domain.jsonform import from_json, to_json
from chalicelib.domain.ledger import Entry, books
from chalicelib.domain.money import Money
from chalicelib.domain.numbers import parse_case_number
from chalicelib.logs import logger
from chalicelib.ports import StatementItem, VendorRejected
from chalicelib.usecases import payment as money
from chalicelib.usecases.execute import Loaded, execute, load
from chalicelib.usecases.hall import Hall

log = logger("reconcile")

MARGIN = timedelta(hours=1)
DAY = timedelta(days=1)
PAID = ("fee_paid", "surplus_paid")

# Where a refund of the log stands at the provider, if nothing is amiss.
_REFUNDS = {
    "owed": (),
    "sent": ("pending",),
    "done": ("succeeded",),
    "failed": ("failed", "canceled"),
    "settled": ("failed", "canceled"),
    "void": ("failed", "canceled"),
}


@dataclass(frozen=True, slots=True)
class Side:
    """What one side says: minor units, ISO 4217 in small letters, and the side's own word for the state."""

    amount: int
    currency: str
    state: str


@dataclass(frozen=True, slots=True)
class Difference:
    """``id`` is the provider's id of what it is about, else the entry's. ``case`` is whose it is for the provider, ""
    for nobody's, and ``other_case`` the one that has the payment in its books instead.

    ``kind`` is ``payment_unrecorded``, ``payment_unknown``, ``payment_missing``, ``payment_amount``,
    ``payment_currency``, ``payment_of_another_case``, ``refund_unknown``, ``refund_missing``, ``refund_amount``,
    ``refund_state``, ``dispute_unrecorded``, ``dispute_unknown``, ``dispute_missing``, ``dispute_state``,
    ``checkout_open``, ``entry_missing`` or ``entry_unknown``.
    """

    kind: str
    case: str
    id: str
    payment: str = ""
    refund: int = 0
    books: Side | None = None
    provider: Side | None = None
    other_case: str = ""
    put_right: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What was compared, in numbers, and each difference; those that need nobody any more are ``put_right``."""

    date: date
    made_at: datetime
    entries: int
    checkouts: int
    payments: int
    refunds: int
    disputes: int
    differences: tuple[Difference, ...]

    @property
    def open(self) -> tuple[Difference, ...]:
        """What a person has to look into."""
        return tuple(difference for difference in self.differences if not difference.put_right)


def reconcile(hall: Hall, day: date) -> Report:
    """Compare a day, put right what can be, and keep the report as the newest one of that day.

    Raises the provider's VendorError, and then an earlier report stays the newest; what was put right before that is in
    the log, as all that is.
    """
    report = _Day(hall, day).compare()
    before = find_report(hall, day)
    if before is not None:
        known = {_identity(difference) for difference in report.differences}
        kept = (d for d in before.differences if d.put_right and _identity(d) not in known)
        report = replace(report, differences=(*kept, *report.differences))
    file = f"reports/reconciliation/{day}/{report.made_at:%Y%m%dT%H%M%S.%fZ}.json"
    hall.files.put_once(file, canonical_json(to_json(report)), "application/json")
    hall.lookups.put(_newest(day), {"file": file})
    return report


def find_report(hall: Hall, day: date) -> Report | None:
    """The newest report of a day; None when there is none."""
    newest = hall.lookups.get(_newest(day), now=hall.now())
    content = hall.files.get(newest["file"]) if newest else None
    if content is None:
        return None
    report: Report = from_json(Report, json.loads(content))
    return report


def _newest(day: date) -> str:
    """Under which key it is kept which file is the newest report: no function may delete a file, or write over one."""
    return f"reconciliation#{day}"


def _identity(difference: Difference) -> tuple[str, str, str, int]:
    return difference.kind, difference.case, difference.id, difference.refund


@dataclass(slots=True)
class _Group:
    """All that the provider and the books have of one case."""

    checkouts: list[StatementItem] = field(default_factory=list)
    charges: list[StatementItem] = field(default_factory=list)
    refunds: list[StatementItem] = field(default_factory=list)
    disputes: list[StatementItem] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


class _Day:
    """One comparison. Cases are looked at one after another, so that a busy day needs no more memory than its lists."""

    def __init__(self, hall: Hall, day: date) -> None:
        self._hall = hall
        self._day = day
        self._start, self._end = midnight(day, hall.calendar), midnight(day + DAY, hall.calendar)
        self._statement = hall.payments.statement(self._start - MARGIN, self._end + MARGIN)
        around = list(hall.ledger.between(day - DAY, day + DAY))
        self._entries = [entry for entry in around if entry.day == day]
        self._owners = {entry.payment: entry.case for entry in around if entry.kind in PAID}
        self._charged = {charge.payment for charge in self._statement.charges if charge.state == "succeeded"}
        self._refunded = {refund.id for refund in self._statement.refunds}
        self._disputed = {dispute.id for dispute in self._statement.disputes}
        self._paid = {c.payment: c for c in self._statement.checkouts if c.state == "paid"}
        self._found: list[Difference] = []

    def compare(self) -> Report:
        for number, group in sorted(self._groups().items()):
            self._case(number, group)
        return Report(
            date=self._day,
            made_at=self._hall.now(),
            entries=len(self._entries),
            checkouts=len(self._made(self._statement.checkouts)),
            payments=sum(charge.state == "succeeded" for charge in self._made(self._statement.charges)),
            refunds=len(self._made(self._statement.refunds)),
            disputes=len(self._made(self._statement.disputes)),
            differences=tuple(self._found),
        )

    def _made(self, items: Iterable[StatementItem]) -> list[StatementItem]:
        """What was made on the day itself."""
        return [item for item in items if self._start <= item.created < self._end]

    def _groups(self) -> dict[str, _Group]:
        groups: dict[str, _Group] = {}

        def of(number: str) -> _Group:
            return groups.setdefault(number, _Group())

        for item in self._made(self._statement.checkouts):
            of(self._number(item)).checkouts.append(item)
        for item in self._made(self._statement.charges):
            of(self._number(item)).charges.append(item)
        for item in self._made(self._statement.refunds):
            of(self._number(item)).refunds.append(item)
        for item in self._made(self._statement.disputes):
            of(self._number(item)).disputes.append(item)
        for entry in self._entries:
            of(entry.case).entries.append(entry)
        return groups

    def _number(self, item: StatementItem) -> str:
        """The case that the provider names, else the one that has the payment in its books. No other text gets in."""
        return parse_case_number(item.case) or self._owners.get(item.payment, "")

    # --- one case ---

    def _case(self, number: str, group: _Group) -> None:
        loaded = self._load(number)
        if loaded:
            self._books(loaded, group)
        else:
            self._unknown(number, group.entries)
        case = loaded.case if loaded else None
        for charge in group.charges:
            if charge.state == "succeeded":
                case = self._charge(number, case, charge)
        for refund in group.refunds:
            case = self._refund(number, case, refund)
        for dispute in group.disputes:
            case = self._dispute(number, case, dispute)
        for checkout in group.checkouts:
            case = self._checkout(case, checkout)
        if case:
            for entry in group.entries:
                case = self._entry(case, entry)

    def _load(self, number: str) -> Loaded | None:
        with suppress(NotFound):
            return load(self._hall, number) if number else None
        return None

    def _tell(self, kind: str, number: str, item: StatementItem | Entry, **more: object) -> None:
        """Name a difference of something on the statement or in the books."""
        if isinstance(item, StatementItem):
            about = Difference(kind, number, item.id, item.payment, provider=_side(item.amount, item.state))
        else:
            about = Difference(kind, number, item.vendor or item.payment, item.payment, item.refund, _booked(item))
        found = replace(about, **more)  # type: ignore[arg-type]
        self._found.append(found)
        if found.put_right:  # at once: if the comparison breaks off, the next one does not come upon it any more
            told = {"date": self._day.isoformat(), "kind": found.kind, "case": found.case, "id": found.id}
            log.info("put right", extra=told)

    # --- the books against the log ---

    def _books(self, loaded: Loaded, group: _Group) -> None:
        """The books are folded from the log: whatever is not as in the log is a fault of the books."""
        case = loaded.case
        folded = books(Case(case.number, case.service, case.calendar), loaded.record.commits)
        logged = {_place(entry): entry for entry in folded if entry.day == self._day}
        kept = {_place(entry): entry for entry in group.entries}
        missing = [entry for place, entry in logged.items() if kept.get(place) != entry]
        if missing:
            self._hall.ledger.put(missing)
        for entry in missing:
            self._tell("entry_missing", case.number, entry, id=_name(entry), put_right=True)
        self._unknown(case.number, (entry for place, entry in kept.items() if place not in logged))
        group.entries = list(logged.values())

    def _unknown(self, number: str, entries: Iterable[Entry]) -> None:
        """Entries that no log knows of."""
        for entry in entries:
            self._tell("entry_unknown", number, entry, id=_name(entry))

    # --- payments ---

    def _charge(self, number: str, case: Case | None, charge: StatementItem) -> Case | None:
        known = _payment(case, charge.payment)
        if known is None:
            case, known = self._record(number, case, charge)
        if case and known:
            self._amounts(case, known, charge)
        return case

    def _record(self, number: str, case: Case | None, charge: StatementItem) -> tuple[Case | None, Payment | None]:
        """A payment that its case does not know. If only its webhook was lost, its checkout tells whose it is."""
        owner = self._owners.get(charge.payment, "")
        checkout = None if owner else self._checkout_of(case, charge.payment)
        loaded = self._load(parse_case_number(checkout.case) or "") if checkout else None
        if checkout and loaded:
            owner, paid = loaded.case.number, checkout
            seen = execute(self._hall, owner, lambda _: money.record_of(self._hall, paid), loaded=loaded)
            if owner == number:
                self._tell("payment_unrecorded", number, charge, put_right=True)
                return seen, _payment(seen, charge.payment)
        if owner not in ("", number):
            self._tell("payment_of_another_case", number, charge, other_case=owner)
        else:
            self._tell("payment_unknown", number, charge)
        return case, None

    def _checkout_of(self, case: Case | None, payment: str) -> ports.Checkout | None:
        """The checkout that a payment came by: on the statement, or one of the case's own from the day before."""
        listed = self._paid.get(payment)
        own = (checkout.id for checkout in case.checkouts if checkout.state != "paid") if case else ()
        asked = map(self._asked, [listed.id] if listed else own)
        return next((checkout for checkout in asked if checkout and checkout.payment == payment), None)

    def _amounts(self, case: Case, known: Payment, seen: StatementItem) -> None:
        ours = Money(known.amount, case.service.currency)
        booked = _side(ours, "surplus" if known.surplus else "paid")
        if ours.currency != seen.amount.currency:
            self._tell("payment_currency", case.number, seen, books=booked)
        elif ours != seen.amount:
            self._tell("payment_amount", case.number, seen, books=booked)

    def _entry(self, case: Case, entry: Entry) -> Case:
        """Something in the books: is it at the provider?"""
        if entry.kind in PAID and entry.payment not in self._charged:
            self._paid_elsewhen(case, entry)
        if entry.kind == "refund_sent" and entry.vendor not in self._refunded:
            return self._refunded_elsewhen(case, entry)
        if entry.kind == "dispute_moved" and entry.vendor not in self._disputed:
            self._disputed_elsewhen(case, entry)
        return case

    def _paid_elsewhen(self, case: Case, entry: Entry) -> None:
        known = _payment(case, entry.payment)
        seen = self._asked(known.checkout) if known else None
        if known is None or seen is None or seen.payment != known.id:
            self._tell("payment_missing", case.number, entry)
        else:
            item = StatementItem(seen.id, case.number, seen.payment, seen.amount, seen.state, entry.at)
            self._amounts(case, known, item)

    def _asked(self, checkout: str) -> ports.Checkout | None:
        with suppress(VendorRejected):
            return self._hall.payments.checkout(checkout)
        return None

    # --- refunds ---

    def _refund(self, number: str, case: Case | None, refund: StatementItem) -> Case | None:
        known = _known_refund(case, refund) if case else None
        if case is None or known is None:
            self._tell("refund_unknown", number, refund)
            return case
        ours = Money(known.amount, case.service.currency)
        if ours != refund.amount and refund.state in ("pending", "succeeded"):  # one that failed has moved nothing
            self._tell("refund_amount", number, refund, refund=known.number, books=_side(ours, known.state))
        if refund.state in _REFUNDS[known.state]:
            return case
        case = money.follow_refunds(self._hall, case.number)
        now = case.refund(known.number) or known
        seen = self._refund_now(case, now, refund)
        agreed = seen.state in _REFUNDS[now.state]
        if not agreed or now != known:  # else the log was newer than the statement
            booked = _side(ours, known.state)
            self._tell("refund_state", number, seen, refund=known.number, books=booked, put_right=agreed)
        return case

    def _refund_now(self, case: Case, known: Refund, listed: StatementItem) -> StatementItem:
        """A refund of the statement, as it is by now."""
        made = self._made_under(money.refund_key(case.number, known.number), listed.payment)
        return replace(listed, state=made.state) if made and made.id == listed.id else listed

    def _made_under(self, key: str, payment: str) -> ports.Refund | None:
        with suppress(VendorRejected):
            return self._hall.payments.refund_made(key, payment)
        return None

    def _refunded_elsewhen(self, case: Case, entry: Entry) -> Case:
        key = money.refund_key(case.number, entry.refund)
        made = self._made_under(key, entry.payment)
        if made is None:
            self._tell("refund_missing", case.number, entry)
            return case
        item = StatementItem(made.id, case.number, entry.payment, made.amount, made.state, entry.at, key)
        return self._refund(case.number, case, item) or case

    # --- disputes ---

    def _dispute(self, number: str, case: Case | None, dispute: StatementItem) -> Case | None:
        if case is None or _payment(case, dispute.payment) is None:
            self._tell("dispute_unknown", number, dispute)
            return case
        known = case.dispute(dispute.id)
        if known and _agree(case, known, dispute):
            return case
        with suppress(VendorRejected):
            case = money.follow_dispute(self._hall, dispute.id) or case
        now, seen = case.dispute(dispute.id), replace(dispute, state=self._hall.payments.dispute(dispute.id).state)
        agreed = bool(now and _agree(case, now, seen))
        if not agreed or now != known:  # else the log was newer than the statement
            booked = _side(Money(known.amount, case.service.currency), known.status) if known else None
            kind = "dispute_state" if known else "dispute_unrecorded"
            self._tell(kind, number, seen, books=booked, put_right=agreed)
        return case

    def _disputed_elsewhen(self, case: Case, entry: Entry) -> None:
        try:
            self._hall.payments.dispute(entry.vendor)
        except VendorRejected:
            self._tell("dispute_missing", case.number, entry)

    # --- checkouts ---

    def _checkout(self, case: Case | None, checkout: StatementItem) -> Case | None:
        """Nobody shall pay for a case that is paid or has ended."""
        if case is None or checkout.state != "open" or not (case.ending or case.settled_at):
            return case
        try:
            after = self._hall.payments.expire_checkout(checkout.id)
        except VendorRejected:
            self._tell("checkout_open", case.number, checkout)
            return case
        self._tell("checkout_open", case.number, checkout, put_right=True)
        return execute(self._hall, case.number, lambda _: money.record_of(self._hall, after))


def _agree(case: Case, known: Dispute, seen: StatementItem) -> bool:
    """A bank may dispute in a currency of its own: what that is of ours, the rule book has reckoned."""
    ours = Money(known.amount, case.service.currency)
    return known.status == seen.state and (ours == seen.amount or ours.currency != seen.amount.currency)


def _known_refund(case: Case, seen: StatementItem) -> Refund | None:
    def is_it(refund: Refund) -> bool:
        return seen.id == refund.vendor or seen.key == money.refund_key(case.number, refund.number)

    return next(filter(is_it, case.refunds), None)


def _payment(case: Case | None, id: str) -> Payment | None:
    return next((payment for payment in case.payments if payment.id == id), None) if case else None


def _side(amount: Money, state: str) -> Side:
    return Side(amount.amount, amount.currency, state)


def _booked(entry: Entry) -> Side:
    """An entry as one side: its whole amount, and its kind for a state."""
    return Side(sum(p.amount for p in entry.postings if p.amount > 0), entry.currency, entry.kind)


def _place(entry: Entry) -> tuple[int, int]:
    return entry.version, entry.number


def _name(entry: Entry) -> str:
    return f"{entry.case}-{entry.version}-{entry.number}"


def days_due(today: date) -> Iterator[date]:
    """The days to reconcile today: yesterday; the day before, which an outage may have kept from its comparison; and
    once more a day of a week and of five weeks ago, because a bank may send a refund back that late."""
    return (today - timedelta(days=days) for days in (1, 2, 7, 35))
