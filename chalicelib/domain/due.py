"""``due(case, now) -> steps``: what the hall owes this case. Level-triggered: whoever does a step asks again first.

A step is owed from its time on, until an event makes it pointless. Its ``key`` is deterministic: handed to a vendor as
idempotency key or order number, it makes doing a step twice have one effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.case import Case, Refund, Shipment
from chalicelib.domain.clock import next_working_day
from chalicelib.domain.decide import may_check_files, may_close, promise_breaks_at
from chalicelib.domain.events import Window
from chalicelib.domain.service import Leg

ASK_CHECKOUT_AFTER = timedelta(minutes=5)  # the webhook should have come by then
ASK_REFUND_AFTER = timedelta(days=1)
ASK_DISPUTE_AFTER = timedelta(days=1)
# A worker that was about to order is given time to finish (its Lambda's limit) before its order is taken back.
CANCEL_AFTER = timedelta(minutes=3)


class Kind(StrEnum):
    ASK_CHECKOUT = "ask_checkout"
    EXPIRE_CHECKOUT = "expire_checkout"
    LAPSE = "lapse"
    CHECK_FILES = "check_files"
    ORDER_COURIER = "order_courier"
    CANCEL_COURIER = "cancel_courier"
    ASK_COURIER = "ask_courier"
    REFUND = "refund"
    ASK_REFUND = "ask_refund"
    ASK_DISPUTE = "ask_dispute"
    ISSUE = "issue"
    NOTIFY = "notify"
    TURN_LIGHT = "turn_light"
    BREAK_PROMISE = "break_promise"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Step:
    """Something owed from ``at`` on. ``subject`` says which: a checkout, ``pickup-1``, a refund's number, a task …"""

    kind: Kind
    subject: str
    at: datetime

    def key(self, case: str) -> str:
        return f"{case}-{self.kind}-{self.subject}" if self.subject else f"{case}-{self.kind}"


def due(case: Case, now: datetime) -> tuple[Step, ...]:
    """The steps that are owed by now, oldest first."""
    return tuple(step for step in agenda(case, now) if step.at <= now)


def attention_at(case: Case, now: datetime) -> datetime | None:
    """When the case next needs a look: the earliest step's time, None when nothing will ever be owed by itself."""
    return min((step.at for step in agenda(case, now)), default=None)


def agenda(case: Case, now: datetime) -> tuple[Step, ...]:
    """All that is owed now or will be when time passes and nobody does anything."""
    if case.submitted_at is None:
        return ()
    steps = [*_payment(case), *_files(case), *_refunds(case), *_couriers(case), *_results(case)]
    steps += [*_terms(case, now), *_messages(case)]
    return tuple(sorted(steps, key=lambda step: (step.at, step.kind, step.subject)))


def _payment(case: Case) -> Iterator[Step]:
    assert case.submitted_at is not None
    unpaid = case.settled_at is None and not case.ending
    for checkout in case.open_checkouts:
        if unpaid:
            yield Step(Kind.ASK_CHECKOUT, checkout.id, checkout.opened_at + ASK_CHECKOUT_AFTER)
        else:
            yield Step(Kind.EXPIRE_CHECKOUT, checkout.id, case.ended_at or case.settled_at or checkout.opened_at)
    if unpaid:
        yield Step(Kind.LAPSE, "", case.submitted_at + timedelta(days=case.service.payment_days))


def _files(case: Case) -> Iterator[Step]:
    if may_check_files(case) and case.files_sent_at:
        yield Step(Kind.CHECK_FILES, str(case.submission), case.files_sent_at)


def _refunds(case: Case) -> Iterator[Step]:
    for refund in case.refunds:
        if refund.state == "owed" and _may_go_back(case, refund):
            paid = next(payment for payment in case.payments if payment.id == refund.payment)
            yield Step(Kind.REFUND, str(refund.number), case.ended_at or paid.at)
        elif refund.state == "sent" and refund.sent_at:
            yield Step(Kind.ASK_REFUND, str(refund.number), refund.sent_at + ASK_REFUND_AFTER)
    for dispute in case.disputes:
        if dispute.open:
            yield Step(Kind.ASK_DISPUTE, dispute.id, dispute.at + ASK_DISPUTE_AFTER)


def _may_go_back(case: Case, refund: Refund) -> bool:
    """Not while a bank has the payment. One that only asks is answered by giving back all that is left; after a part of
    it, it could still take back the whole."""
    if not case.disputed(refund.payment):
        return True
    if any(d.open and not d.status.startswith("warning_") for d in case.disputes if d.payment == refund.payment):
        return False
    paid = next(payment.amount for payment in case.payments if payment.id == refund.payment)
    given = sum(other.amount for other in case.refunds if other.payment == refund.payment and not other.waiting)
    return refund.amount == paid - given - case.taken_back(refund.payment)


def _couriers(case: Case) -> Iterator[Step]:
    for shipment in case.shipments:
        if shipment.live:
            yield from _live_shipment(case, shipment)
    for leg in Leg:
        since = courier_owed_since(case, leg)
        if since:
            yield Step(Kind.ORDER_COURIER, f"{leg}-{len(case.attempts(leg)) + 1}", since)


def _live_shipment(case: Case, shipment: Shipment) -> Iterator[Step]:
    subject = f"{shipment.leg}-{shipment.attempt}"
    if unwanted(case, shipment):
        yield Step(Kind.CANCEL_COURIER, subject, max(_unwanted_since(case), shipment.requested_at + CANCEL_AFTER))
    elif not shipment.booked:
        yield Step(Kind.ORDER_COURIER, subject, shipment.requested_at)
    else:
        yield Step(Kind.ASK_COURIER, subject, shipment.overdue_at)


def unwanted(case: Case, shipment: Shipment) -> bool:
    """A courier that has not come yet and need not come any more: it came in vain, another one comes or has come
    instead; or, to the applicant's door, the case has ended, or another window was chosen."""
    if shipment.left_at or shipment.ending == "kept":
        return False
    if shipment.in_vain or _superseded(case, shipment):
        return True
    if shipment.leg is not Leg.PICKUP:
        return False
    rescheduled = case.window_chosen_at is not None and case.window_chosen_at > shipment.requested_at
    return bool(case.ending) or rescheduled or case.originals_complete


def _superseded(case: Case, shipment: Shipment) -> bool:
    """One that was thought refused or called off comes after all: one courier is enough."""
    current = case.current(shipment.leg)
    if current and current.left_at and current.key != shipment.key and not current.failed:
        return True
    return any(other.live and other.attempt > shipment.attempt for other in case.attempts(shipment.leg))


def _unwanted_since(case: Case) -> datetime:
    times = (case.ended_at, case.window_chosen_at)
    return max(at for at in times if at is not None)


def courier_owed_since(case: Case, leg: Leg) -> datetime | None:
    """Since when a new attempt at this leg is owed; None when none is."""
    if any(shipment.live for shipment in case.attempts(leg)):
        return None
    return _pickup_owed_since(case) if leg is Leg.PICKUP else _parcel_owed_since(case, leg)


def _pickup_owed_since(case: Case) -> datetime | None:
    ready = case.service.pickup and not case.ending and case.settled_at and case.pre_checked and case.files_in_order
    if not ready or case.originals_complete or case.window_chosen_at is None or case.address_open(Leg.PICKUP):
        return None
    if case.receipts and case.window_chosen_at < case.receipts[-1].at:
        return None  # not all was in the last envelope: the applicant chooses a window for the rest
    last = case.current(Leg.PICKUP)
    if last is None:
        checked = [case.files_checked_at, *(task.decided_at for task in case.tasks)]
        return max([case.settled_at, *(at for at in checked if at)]) if case.settled_at else None
    if last.lost_at and not last.opened:
        return None if case.window_wanted or last.found == "delivered" else case.window_chosen_at
    if last.failed:
        return _retry_since(case, Leg.PICKUP)
    return case.window_chosen_at if last.opened and case.window_chosen_at > last.requested_at else None


def _parcel_owed_since(case: Case, leg: Leg) -> datetime | None:
    if case.packing is None or case.packing.leg is not leg or case.address_open(leg):
        return None
    if any(shipment.left_at and shipment.requested_at >= case.packing.at for shipment in case.attempts(leg)):
        return None
    return _retry_since(case, leg)


def _retry_since(case: Case, leg: Leg) -> datetime | None:
    begun = case.begun_at(leg)
    if begun is None or case.given_up(leg):
        return None
    return max([begun, *(shipment.requested_at for shipment in case.tries(leg))])


def next_courier(case: Case, leg: Leg, codes: Sequence[str]) -> str | None:
    """Whom to ask next, of those that serve the case in order of preference: each refuses but once, and who did not
    come is asked again only when there is no other. None: all have refused."""
    tries = case.tries(leg)
    left = [code for code in codes if code not in {s.courier for s in tries if s.ending == "refused"}]
    missed = {s.courier for s in tries if s.missed_at}
    return next((code for code in left if code not in missed), left[0] if left else None)


def _results(case: Case) -> Iterator[Step]:
    if case.ending:
        return
    if case.all_approved and case.terms:
        approved_at = max(task.decided_at for task in case.tasks if task.decided_at)
        for task in case.certificates_owed:
            yield Step(Kind.ISSUE, task.code, approved_at)
    if may_close(case):
        yield Step(Kind.CLOSE, "", _handed_over(case))


def _handed_over(case: Case) -> datetime:
    at = case.handed_over_at
    assert at is not None
    return at


def _terms(case: Case, now: datetime) -> Iterator[Step]:
    breaks_at = promise_breaks_at(case, now)
    if breaks_at:
        yield Step(Kind.BREAK_PROMISE, "", breaks_at)
    if case.ending or case.standing:
        return
    for task in case.tasks:
        if not task.decision and task.light != "red":
            term = case.task_term(task, now)
            yield Step(Kind.TURN_LIGHT, task.code, term.yellow if task.light == "green" else term.due)


def _messages(case: Case) -> Iterator[Step]:
    for happening in case.happenings:
        if happening.key not in case.told:
            yield Step(Kind.NOTIFY, happening.key, happening.at)


def pickup_window(case: Case, now: datetime) -> Window | None:
    """The window to order a pickup for: the applicant's, or when that has passed or was in vain, the same hours of the
    next working day."""
    window = case.window
    in_vain = [s.window.start for s in case.tries(Leg.PICKUP) if s.in_vain and s.window]
    if window is None or (window.end > now and not in_vain):
        return window
    zone = case.calendar.zone
    start, end = window.start.astimezone(zone), window.end.astimezone(zone)
    day = next_working_day(max([now, *in_vain]).astimezone(zone).date(), case.calendar)
    moved = start.replace(year=day.year, month=day.month, day=day.day)
    return Window(moved, moved + (end - start))
