"""What people owe a case at the desk: the lines of the queue. The counterpart of ``due``, for humans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.case import Case, Shipment
from chalicelib.domain.service import Leg
from chalicelib.domain.shipments import ATTEMPTS

FRONT = "front"  # the clerks' room
SUPERVISION = "supervision"
ORDER_IN_DOUBT = "order_in_doubt"  # shows by the clock alone, without anything being written down
DOUBTFUL = timedelta(hours=3)  # for so long the hall finds out by itself whether a courier has an order


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
    if any(envelope.arrived_at for envelope in case.envelopes):
        yield _front(case, "originals", "awaiting_originals_check", now)
    closed = case.ending == "closed"  # what is still here then was in a lost parcel that has turned up
    packed = case.packing is not None and not case.stranded(case.packing.leg)
    if packed and not (closed and case.packing and case.packing.leg is Leg.DELIVERY):
        return
    if closed or case.ending in ("rejected", "withdrawn"):
        if case.returnable_at_hall:
            yield _dispatch(case, "awaiting_return", now)
    elif not case.ending and case.service.delivery and case.terms and case.all_approved and case.certificates_complete:
        yield _dispatch(case, "awaiting_dispatch", now)


def _dispatch(case: Case, state: str, now: datetime) -> Item:
    """Nothing leaves for an address that the applicant is still asked for."""
    return _front(case, "dispatch", "awaiting_address" if case.open_correction else state, now)


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
    for dispute in case.disputes:
        if dispute.needs_response:
            due = dispute.respond_by or dispute.at
            yield Item(f"dispute#{dispute.id}", SUPERVISION, "dispute_needs_response", "", due, "red")
    for leg in Leg:
        last = case.current(leg)
        doubted = any(order_in_doubt(shipment, now) for shipment in case.attempts(leg))
        state = ORDER_IN_DOUBT if doubted else _state_of_trouble(case, leg, last) if last else ""
        if last and state:
            room = FRONT if state == "parcel_lost" else SUPERVISION
            yield Item(f"courier#{leg}", room, state, "", last.requested_at, "red")
        for other in case.attempts(leg):  # it holds up the leg, though another one counts
            if other != last and other.live and other.in_vain and other.ending == "kept":
                row = f"courier#{leg}-{other.attempt}"
                yield Item(row, SUPERVISION, "courier_trouble", "", other.requested_at, "red")


def order_in_doubt(shipment: Shipment, now: datetime) -> bool:
    """The courier may have this order or not, and no answer is to be had from it: no other one is ordered meanwhile."""
    overdue = shipment.window is not None and now >= shipment.window.end
    return shipment.live and not shipment.booked and (overdue or now >= shipment.requested_at + DOUBTFUL)


def _state_of_trouble(case: Case, leg: Leg, last: Shipment) -> str:
    """What a person has to know of a leg, "" for nothing."""
    carried = last.left_at and not last.failed
    if last.state == "delivered" or (case.ending and leg is not Leg.RETURN and not carried):
        return ""
    if last.in_doubt:
        return "parcel_lost"
    if case.refused_by_all(leg):
        return "no_courier"
    if leg is Leg.PICKUP and case.window_wanted:
        return "pickup_in_vain"
    if leg is not Leg.PICKUP and case.stranded(leg):
        return "courier_trouble"
    if last.in_vain:
        return "courier_trouble" if last.ending == "kept" else ""
    in_trouble = not last.opened and last.state == "exception" and last.reason != "delayed"
    given_up = last.failed and len(case.attempts(leg)) >= ATTEMPTS
    return "courier_trouble" if in_trouble or given_up else ""
