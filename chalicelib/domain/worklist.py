"""What people owe a case at the desk: the lines of the queue. The counterpart of ``due``, for humans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.case import Case
from chalicelib.domain.due import ATTEMPTS
from chalicelib.domain.service import Leg

FRONT = "front"  # the clerks' room
SUPERVISION = "supervision"


@dataclass(frozen=True, slots=True)
class Item:
    """``room`` is a department's id, ``front`` or ``supervision``; ``row`` is unique in the case."""

    row: str
    room: str
    state: str
    task: str
    due: datetime
    light: str


def worklist(case: Case, now: datetime) -> tuple[Item, ...]:
    """Everything that waits for somebody at the desk."""
    return (*_tasks(case, now), *_paper(case, now), *_trouble(case, now))


def _tasks(case: Case, now: datetime) -> Iterator[Item]:
    if case.ending:
        return
    for task in case.tasks:
        terms = case.service.task(task.code)
        if terms and not task.decision:
            state = "awaiting_correction" if case.open_correction else "open"
            yield Item(
                f"task#{task.code}", terms.department, state, task.code, case.task_term(task, now).due, task.light
            )


def _paper(case: Case, now: datetime) -> Iterator[Item]:
    pickup = case.last_shipment(Leg.PICKUP)
    if pickup and pickup.state == "delivered" and not _receipt_since(case, pickup.requested_at):
        yield _front(case, "originals", "awaiting_originals_check", now)
    if case.packing is not None:
        return
    if case.ending in ("rejected", "withdrawn"):
        if case.returnable_at_hall:
            yield _front(case, "dispatch", "awaiting_return", now)
    elif not case.ending and case.service.delivery and case.terms and case.all_approved and case.certificates_complete:
        yield _front(case, "dispatch", "awaiting_dispatch", now)


def _receipt_since(case: Case, at: datetime) -> bool:
    return any(receipt.at >= at for receipt in case.receipts)


def _front(case: Case, row: str, state: str, now: datetime) -> Item:
    term = case.promise_term(now)
    due = term.due if term else now
    light = "red" if term and now >= term.due else "yellow" if term and now >= term.yellow else "green"
    return Item(row, FRONT, state, "", due, light)


def _trouble(case: Case, now: datetime) -> Iterator[Item]:
    """What no rule gets going again: a refund that failed, a courier that does not come, a parcel in trouble."""
    for refund in case.refunds:
        if refund.state == "failed":
            yield Item(f"refund#{refund.number}", SUPERVISION, "refund_failed", "", now, "red")
    for leg in Leg:
        attempts = case.attempts(leg)
        if not attempts:
            continue
        last = attempts[-1]
        if last.state == "exception" or (last.failed and len(attempts) >= ATTEMPTS and not case.ending):
            yield Item(f"courier#{leg}", SUPERVISION, "courier_trouble", "", last.requested_at, "red")
