"""A case's public status, timeline and actions. Derived, never stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.case import Case, Shipment
from chalicelib.domain.service import Leg, Stage


def status(case: Case) -> str:
    """One of the words of the design: where the case stands, as the applicant sees it."""
    if case.ending:
        return case.ending
    if case.settled_at is None:
        return "awaiting_payment"
    if case.open_correction:
        return "awaiting_correction"
    if not case.pre_checked:
        return "in_review"
    if not case.originals_complete:
        return _pickup_status(case)
    return "in_review" if not case.all_approved else _delivery_status(case)


def _pickup_status(case: Case) -> str:
    last = case.current(Leg.PICKUP)
    if last is None or last.failed or last.left_at is None:
        return "awaiting_pickup"
    return "awaiting_originals_check" if last.state == "delivered" else "pickup_under_way"


def _delivery_status(case: Case) -> str:
    last = case.current(Leg.DELIVERY)
    if last is None or last.failed or last.left_at is None:
        return "awaiting_dispatch"
    return "delivered" if last.state == "delivered" else "delivery_under_way"


@dataclass(frozen=True, slots=True)
class Stop:
    """A point of the timeline: ``state`` is ``done``, ``now`` or ``ahead``; ``at`` is when it was done."""

    code: str
    state: str
    at: datetime | None


def timeline(case: Case) -> tuple[Stop, ...]:
    """The way from door to door; for a case that ended early, what was done and how it ended."""
    stops = list(_stops(case))
    if case.ending and case.ending != "closed":
        done = [Stop(code, "done", at) for code, at in stops if at]
        return (*done, Stop(case.ending, "done", case.ended_at))
    found, current = [], False
    for code, at in stops:
        state = "done" if at else "ahead" if current else "now"
        current = current or not at
        found.append(Stop(code, state, at))
    return tuple(found)


def _stops(case: Case) -> Iterator[tuple[str, datetime | None]]:
    service = case.service
    yield "submitted", case.submitted_at
    if case.fee:
        yield "paid", case.settled_at
    if case.files_sent_at:
        yield "files", case.files_checked_at if case.files_in_order else None
    if any(task.stage is Stage.PRE_CHECK for task in case.terms):
        yield "pre_check", _decided_at(case, Stage.PRE_CHECK)
    if service.pickup:
        yield "pickup", next((s.left_at for s in case.attempts(Leg.PICKUP) if s.left_at and not s.failed), None)
        yield "originals", case.receipts[-1].at if case.originals_complete else None
    yield "review", _decided_at(case, Stage.REVIEW)
    if service.delivery:
        last = case.current(Leg.DELIVERY)
        yield "dispatch", last.left_at if last and not last.failed else None
        yield "delivery", case.brought_at
    yield "closed", case.ended_at if case.ending == "closed" else None


def _decided_at(case: Case, stage: Stage) -> datetime | None:
    terms = [task.code for task in case.terms if task.stage is stage]
    if not all(case.approved(code) for code in terms):
        return None
    return max((task.decided_at for task in case.tasks if task.code in terms and task.decided_at), default=None)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with the papers on their way: ``code`` names the text that says so and how it goes on."""

    code: str
    leg: Leg
    why: str  # see Shipment.why


TROUBLES = (
    "pickup_failed", "window_wanted", "pickup_address", "pickup_lost", "delivery_failed", "awaiting_collection",
    "returned", "delivery_address", "no_courier", "parcel_missing", "delivery_lost", "return_lost",
)  # fmt: skip


def trouble(case: Case) -> Trouble | None:
    """What the applicant has to know of papers that do not come along as they should; None when all is well."""
    for leg in reversed(Leg):
        last = case.current(leg)
        code = _trouble(case, last) if last else ""
        if last and code:
            vain = [s for s in case.tries(leg) if s.in_vain] if code == "pickup_failed" else []
            return Trouble(code, leg, (vain or [last])[-1].why)
    return None


def _trouble(case: Case, last: Shipment) -> str:
    if last.state == "delivered":
        return ""
    if case.address_open(last.leg) and (last.leg is not Leg.DELIVERY or not case.ending):
        return "pickup_address" if last.leg is Leg.PICKUP else "delivery_address"
    if last.in_doubt:
        return "parcel_missing"
    return _pickup_trouble(case, last) if last.leg is Leg.PICKUP else _parcel_trouble(case, last)


def _pickup_trouble(case: Case, last: Shipment) -> str:
    if case.ending or case.originals_complete:
        return ""
    if case.window_wanted:
        return "pickup_lost" if last.lost_at else "window_wanted"
    once_more = not last.left_at and any(s.in_vain for s in case.tries(Leg.PICKUP))
    return "pickup_failed" if once_more or last.state == "returned" else ""


def _parcel_trouble(case: Case, last: Shipment) -> str:
    if last.state == "lost":
        return f"{last.leg}_lost"
    if last.state in ("delivery_failed", "returned"):
        return last.state
    if last.reason == "awaiting_collection":
        return last.reason
    return "no_courier" if case.stranded(last.leg) else ""


def actions(case: Case) -> tuple[str, ...]:
    """What the applicant can do now, the most urgent first."""
    return tuple(_actions(case))


def _actions(case: Case) -> Iterator[str]:
    correction = case.open_correction
    if case.ending:
        if correction:  # the originals do not find their way back
            yield "correct"
        if case.ending in ("closed", "rejected") and _unrated(case):
            yield "rate"
        return
    if case.settled_at is None:
        yield "pay"
    if correction and correction.by_form:
        yield "correct"
    last = case.current(Leg.PICKUP)
    missing = bool(case.receipts) and bool(case.missing_originals)
    to_come = missing or last is None or not last.left_at or last.failed
    if case.service.pickup and not case.originals_complete and to_come:
        yield "reschedule_pickup"
    if not case.decided:
        yield "withdraw"


def _unrated(case: Case) -> bool:
    rated = {rating.department for rating in case.ratings}
    return any(task.department not in rated for task in case.terms)
