"""``evolve(case, event) -> case``: what an event means. No rule can refuse here: what is in the log has happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.domain import events as e
from chalicelib.domain.case import (
    Case,
    Checkout,
    Correction,
    Dispute,
    IssuedCertificate,
    Packing,
    Payment,
    Rating,
    Receipt,
    Refund,
    Shipment,
    Task,
    Wait,
    fold_happening,
)
from chalicelib.domain.commit import Commit
from chalicelib.domain.service import Leg
from chalicelib.domain.shipments import Move, standing


def evolve(case: Case, event: e.Event) -> Case:
    """The case after one more event. KeyError for an event that this version of the hall does not know."""
    return _waiting(_MEANING[type(event)](case, event), event.at)


def fold(case: Case, commits: Iterable[Commit]) -> Case:
    """The case after all its commits, in the order of their versions."""
    last = None
    for last in commits:
        for event in last.events:
            case = evolve(case, event)
    return replace(case, version=last.version, head=last.hash) if last else case


def _waiting(case: Case, at: datetime) -> Case:
    """The applicant is asked for another window as soon as nothing goes on without, once each time."""
    waits = case.waits
    waiting = bool(waits) and waits[-1].until is None
    if case.window_wanted == waiting:
        return case
    if waiting:
        return replace(case, waits=(*waits[:-1], replace(waits[-1], until=at)))
    case = replace(case, waits=(*waits, Wait(at)))
    last = case.last_shipment(Leg.PICKUP)
    if last and last.lost_at:
        return case  # told of the loss, and what to do
    return fold_happening(case, f"window_wanted-{len(case.waits)}", "window_wanted", at, last)


def _submitted(case: Case, event: e.Submitted) -> Case:
    case = replace(
        case,
        language=event.language,
        submitted_at=event.at,
        idempotency=event.idempotency,
        request=event.request,
        submission=1,
        digest=event.digest,
        lines=event.lines,
        task_codes=event.tasks,
        window=event.window,
        window_chosen_at=event.at,
    )
    return fold_happening(case, "submitted", "submitted", event.at)


def _files_sent(case: Case, event: e.FilesSent) -> Case:
    return replace(case, files_sent_at=event.at, files_checked_at=None)


def _files_checked(case: Case, event: e.FilesChecked) -> Case:
    case = replace(case, files_checked_at=event.at, kept=event.kept)
    if not event.refused:
        return case
    number = len(case.corrections) + 1
    materials = tuple(dict.fromkeys(file.material for file in event.refused))
    correction = Correction(number, "", (), materials, "", event.at, refused=event.refused)
    case = replace(case, corrections=(*case.corrections, correction))
    return fold_happening(case, f"files_refused-{number}", "files_refused", event.at)


def _checkout_opened(case: Case, event: e.CheckoutOpened) -> Case:
    checkout = Checkout(event.checkout, event.url, event.amount, event.at, event.expires_at)
    return replace(case, checkouts=(*case.checkouts, checkout))


def _checkout_expired(case: Case, event: e.CheckoutExpired) -> Case:
    return _checkout_state(case, event.checkout, "expired")


def _checkout_state(case: Case, id: str, state: str) -> Case:
    return replace(case, checkouts=tuple(replace(c, state=state) if c.id == id else c for c in case.checkouts))


def _fee_paid(case: Case, event: e.FeePaid) -> Case:
    return fold_happening(_paid(case, event, surplus=False), "paid", "paid", event.at)


def _surplus_paid(case: Case, event: e.SurplusPaid) -> Case:
    return _paid(case, event, surplus=True)


def _paid(case: Case, event: e.FeePaid | e.SurplusPaid, *, surplus: bool) -> Case:
    payment = Payment(event.payment, event.checkout, event.amount, event.at, surplus)
    return _checkout_state(replace(case, payments=(*case.payments, payment)), event.checkout, "paid")


def _refund_owed(case: Case, event: e.RefundOwed) -> Case:
    refund = Refund(event.refund, event.payment, event.amount, event.lines, event.reason)
    return replace(case, refunds=(*case.refunds, refund))


def _refund_sent(case: Case, event: e.RefundSent) -> Case:
    return _refund(case, event.refund, state="sent", vendor=event.vendor, sent_at=event.at)


def _refund_done(case: Case, event: e.RefundDone) -> Case:
    case = _refund(case, event.refund, state="done", vendor=event.vendor)
    return fold_happening(case, f"refunded-{event.refund}", "refunded", event.at)


def _refund_failed(case: Case, event: e.RefundFailed) -> Case:
    before = case.refund(event.refund)
    case = _refund(case, event.refund, state="failed", vendor=event.vendor)
    if before is None or before.state != "done":
        return case
    return fold_happening(case, f"refund_returned-{event.refund}", "refund_returned", event.at)


def _refund_settled(case: Case, event: e.RefundSettled) -> Case:
    case = _refund(case, event.refund, state="settled")
    return fold_happening(case, f"settled-{event.refund}", "refunded", event.at)


def _refund_adjusted(case: Case, event: e.RefundAdjusted) -> Case:
    before = case.refund(event.refund)
    state = "void" if not event.amount else "owed" if before and before.state == "void" else None
    changes = {"state": state} if state else {}
    return _refund(case, event.refund, amount=event.amount, lines=event.lines, **changes)


def _dispute_moved(case: Case, event: e.DisputeMoved) -> Case:
    dispute = Dispute(event.dispute, event.payment, event.amount, event.status, event.code, event.respond_by, event.at)
    others = tuple(other for other in case.disputes if other.id != event.dispute)
    return replace(case, disputes=(*others, dispute))


def _refund(case: Case, number: int, **changes: Any) -> Case:
    return replace(case, refunds=tuple(replace(r, **changes) if r.number == number else r for r in case.refunds))


def _task_started(case: Case, event: e.TaskStarted) -> Case:
    return replace(case, tasks=(*case.tasks, Task(event.task, event.at)))


def _task_decided(case: Case, event: e.TaskDecided) -> Case:
    case = _task(case, event.task, decision=event.decision, decided_at=event.at, by=event.by)
    if case.all_approved:
        case = fold_happening(case, "approved", "approved", event.at)
    return case


def _light_turned(case: Case, event: e.LightTurned) -> Case:
    return _task(case, event.task, light=event.light)


def _task(case: Case, code: str, **changes: Any) -> Case:
    return replace(case, tasks=tuple(replace(t, **changes) if t.code == code else t for t in case.tasks))


def _correction_requested(case: Case, event: e.CorrectionRequested) -> Case:
    number = len(case.corrections) + 1
    correction = Correction(number, event.task, event.pointers, event.materials, event.note, event.at)
    doubted = next((leg for leg in Leg if correction.of_address(leg) and case.address_doubted(leg)), None)
    case = replace(case, corrections=(*case.corrections, correction))
    if doubted is None:
        return fold_happening(case, f"correction-{number}", "correction_requested", event.at)
    return fold_happening(case, f"correction-{number}", "address_wanted", event.at, case.last_shipment(doubted))


def _corrected(case: Case, event: e.Corrected) -> Case:
    case = replace(case, submission=event.submission, digest=event.digest)
    return _correction_done(case, event, case.open_correction)


def _correction_done(case: Case, event: e.Event, *done: Correction | None) -> Case:
    corrections = tuple(replace(c, done_at=event.at) if c in done else c for c in case.corrections)
    return replace(case, corrections=corrections)


def _address_known(case: Case, event: e.Event, leg: Leg) -> Case:
    return _correction_done(case, event, *(c for c in case.open_corrections if c.of_address(leg)))


def _pickup_rescheduled(case: Case, event: e.PickupRescheduled) -> Case:
    case = _address_known(case, event, Leg.PICKUP)  # it is the right one, at another time
    return replace(_put_off(case, event), window=event.window, window_chosen_at=event.at)


def _put_off(case: Case, event: e.PickupRescheduled) -> Case:
    """A courier that was still to come comes later, as the applicant wishes; or not that much later after all."""
    before, put_off = case.window, case.put_off
    if before is None or before.start <= event.at:
        return case
    since = before.start
    if put_off and put_off[-1].until == since:
        since, put_off = put_off[-1].since, put_off[:-1]
    later = (Wait(since, event.window.start),) if event.window.start > since else ()
    return replace(case, put_off=(*put_off, *later))


def _courier_requested(case: Case, event: e.CourierRequested) -> Case:
    packing = case.packing
    shipment = Shipment(
        leg=Leg(event.leg),
        attempt=event.attempt,
        courier=event.courier,
        order=event.order,
        window=event.window,
        requested_at=event.at,
        contents=packing.contents if packing and packing.leg == event.leg else (),
    )
    return replace(case, shipments=(*case.shipments, shipment))


def _courier_ordered(case: Case, event: e.CourierOrdered) -> Case:
    return _shipment(case, event.leg, event.attempt, waybill=event.waybill, booked=True, ending="")


def _courier_refused(case: Case, event: e.CourierRefused) -> Case:
    return _shipment(case, event.leg, event.attempt, ending="refused")


def _no_courier_left(case: Case, event: e.NoCourierLeft) -> Case:
    return replace(case, no_courier=(*case.no_courier, (Leg(event.leg), event.at)))


def _pickup_missed(case: Case, event: e.PickupMissed) -> Case:
    """Even where it was too late to call it off once: it has not come."""
    case = _shipment(case, event.leg, event.attempt, missed_at=event.at, ending="")
    return _tried_in_vain(case, Leg(event.leg), event.attempt, event.at)


def _courier_cancelled(case: Case, event: e.CourierCancelled) -> Case:
    return _shipment(case, event.leg, event.attempt, ending="cancelled")


def _cancellation_refused(case: Case, event: e.CancellationRefused) -> Case:
    return _shipment(case, event.leg, event.attempt, ending="kept")


def _shipment(case: Case, leg: str, attempt: int, **changes: Any) -> Case:
    shipment = case.shipment(leg, attempt)
    return case.with_shipment(replace(shipment, **changes)) if shipment else case


def _shipment_moved(case: Case, event: e.ShipmentMoved) -> Case:
    before = case.shipment(event.leg, event.attempt)
    if before is None:
        return case
    move = Move(event.state, event.happened_at, event.code, event.identity, event.undoes, event.reason)
    waybill = before.waybill or event.waybill
    ending = (
        before.ending if before.ending in ("kept", "lost") else ""
    )  # a courier that reports has the order after all
    after = replace(before, waybill=waybill, booked=True, ending=ending, missing=False, moves=(*before.moves, move))
    case = _opened(case.with_shipment(after))
    return _shipment_happening(_address_found(case, after, event), after, event)


def _tried_in_vain(case: Case, leg: Leg, attempt: int, at: datetime) -> Case:
    """Told, where the hall tries again by itself; where it can't, the applicant is asked for what is needed."""
    asked = case.window_wanted or case.address_wanted(leg)
    if leg is not Leg.PICKUP or case.ending or asked:
        return case
    return fold_happening(case, f"pickup_failed-{attempt}", "pickup_failed", at, case.shipment(leg, attempt))


def _address_found(case: Case, shipment: Shipment, event: e.Event) -> Case:
    """The courier has found the door after all: nobody needs to tell where it is."""
    found = shipment.left_at if shipment.leg is Leg.PICKUP else shipment.state == "delivered"
    return _address_known(case, event, shipment.leg) if found else case


def _shipment_happening(case: Case, shipment: Shipment, event: e.ShipmentMoved) -> Case:
    leg, attempt = shipment.leg, shipment.attempt
    if shipment.in_vain:
        return _tried_in_vain(case, leg, attempt, event.at)
    if leg is Leg.PICKUP and shipment.left_at:
        return fold_happening(case, f"picked_up-{attempt}", "picked_up", event.at)
    if leg is not Leg.PICKUP and shipment.state == "delivered":
        return fold_happening(case, f"{leg}-delivered-{attempt}", "delivered", event.at)
    if leg is not Leg.PICKUP and shipment.left_at:
        case = fold_happening(case, f"{leg}-dispatched-{attempt}", "dispatched", event.at)
        return _on_the_way(case, shipment, event.at)
    return case


def _on_the_way(case: Case, shipment: Shipment, at: datetime) -> Case:
    """What the applicant has to know of a parcel that is not there yet."""
    key = f"{shipment.leg}-{shipment.attempt}"
    asked = case.address_wanted(shipment.leg)
    if shipment.state == "returned":
        return fold_happening(case, f"returned-{key}", "returned", at, shipment)
    if shipment.reason == "awaiting_collection":
        return fold_happening(case, f"awaiting_collection-{key}", "awaiting_collection", at)
    if shipment.state != "delivery_failed" or asked:
        return case
    times = sum(move.state == "delivery_failed" for move in standing(shipment.moves))
    return fold_happening(case, f"delivery_failed-{key}-{times}", "delivery_failed", at, shipment)


def _parcel_missing(case: Case, event: e.ParcelMissing) -> Case:
    case = _shipment(case, event.leg, event.attempt, missing=True)
    return fold_happening(case, f"missing-{event.leg}-{event.attempt}", "parcel_missing", event.at)


def _parcel_lost(case: Case, event: e.ParcelLost) -> Case:
    case = _shipment(case, event.leg, event.attempt, ending="lost", lost_at=event.at, lost=event.originals)
    certificates = tuple(
        replace(c, lost_at=event.at) if c.number in event.certificates else c for c in case.certificates
    )
    packed = case.packed if event.leg == Leg.PICKUP else None
    case = replace(case, certificates=certificates, packed=packed)
    if event.leg == Leg.RETURN:
        case = _address_known(case, event, Leg.RETURN)  # nothing is left to be sent
    return fold_happening(case, f"lost-{event.leg}-{event.attempt}", f"{event.leg}_lost", event.at)


def _originals_received(case: Case, event: e.OriginalsReceived) -> Case:
    receipt = Receipt(event.present, event.missing, event.at, event.by)
    case = _opened(replace(case, receipts=(*case.receipts, receipt)))
    case = _address_known(case, event, Leg.PICKUP)  # somebody has found the door
    if case.missing_originals:
        return case
    return _correction_done(case, event, *(c for c in case.open_corrections if not c.by_form))


def _opened(case: Case) -> Case:
    """Which envelopes the clerks have opened, as far as anybody can know by now: late news may tell it better."""
    opened: set[tuple[str, int]] = set()
    for receipt in case.receipts:
        left = [s for s in case.attempts(Leg.PICKUP) if s.booked and s.key not in opened]
        came = [(_likely(s, receipt.at), s.key) for s in left if s.requested_at <= receipt.at]
        opened |= {key for _, key in sorted(came)[-1:]}
    return replace(case, shipments=tuple(replace(s, opened=s.key in opened) for s in case.shipments))


def _likely(shipment: Shipment, at: datetime) -> int:
    """How likely it was the envelope that was opened then: one that had arrived, that is under way, that is to come,
    that was lost; and, last, one of which the courier says that it never came."""
    if shipment.arrived_at and shipment.arrived_at <= at:
        return 4
    if shipment.state == "lost":
        return 1
    if shipment.state in ("refused", "cancelled", "returned"):
        return 0
    return 3 if shipment.left_at else 2


def _certificate_issued(case: Case, event: e.CertificateIssued) -> Case:
    certificate = IssuedCertificate(
        event.task, event.certificate, event.number, event.digest, event.at, event.valid_until
    )
    return replace(case, certificates=(*case.certificates, certificate))


def _certificate_revoked(case: Case, event: e.CertificateRevoked) -> Case:
    certificates = tuple(replace(c, revoked=True) if c.number == event.number else c for c in case.certificates)
    return replace(case, certificates=certificates)


def _packed(case: Case, event: e.Packed) -> Case:
    return replace(case, packed=Packing(Leg(event.leg), event.contents, event.at))


def _ended(code: str) -> Callable[[Case, e.Event], Case]:
    def meaning(case: Case, event: e.Event) -> Case:
        case = replace(_correction_done(case, event, *case.open_corrections), ending=code, ended_at=event.at)
        return case if code == "closed" else fold_happening(case, code, code, event.at)

    return meaning


def _reopened(case: Case, _event: e.Reopened) -> Case:
    return replace(case, ending="", ended_at=None)


def _rated(case: Case, event: e.Rated) -> Case:
    return replace(case, ratings=(*case.ratings, Rating(event.department, event.stars, event.note)))


def _message_sent(case: Case, event: e.MessageSent) -> Case:
    return replace(case, told=case.told | {event.happening})


def _promise_broken(case: Case, event: e.PromiseBroken) -> Case:
    return fold_happening(replace(case, promise_broken=True), "promise_broken", "promise_broken", event.at)


_MEANING: dict[type[e.Event], Callable[[Case, Any], Case]] = {
    e.Submitted: _submitted,
    e.FilesSent: _files_sent,
    e.FilesChecked: _files_checked,
    e.CheckoutOpened: _checkout_opened,
    e.CheckoutExpired: _checkout_expired,
    e.FeePaid: _fee_paid,
    e.SurplusPaid: _surplus_paid,
    e.Lapsed: _ended("lapsed"),
    e.RefundOwed: _refund_owed,
    e.RefundSent: _refund_sent,
    e.RefundDone: _refund_done,
    e.RefundFailed: _refund_failed,
    e.RefundSettled: _refund_settled,
    e.RefundAdjusted: _refund_adjusted,
    e.DisputeMoved: _dispute_moved,
    e.TaskStarted: _task_started,
    e.TaskDecided: _task_decided,
    e.CorrectionRequested: _correction_requested,
    e.Corrected: _corrected,
    e.PickupRescheduled: _pickup_rescheduled,
    e.CourierRequested: _courier_requested,
    e.CourierOrdered: _courier_ordered,
    e.CourierRefused: _courier_refused,
    e.NoCourierLeft: _no_courier_left,
    e.PickupMissed: _pickup_missed,
    e.CourierCancelled: _courier_cancelled,
    e.CancellationRefused: _cancellation_refused,
    e.ShipmentMoved: _shipment_moved,
    e.ParcelMissing: _parcel_missing,
    e.ParcelLost: _parcel_lost,
    e.OriginalsReceived: _originals_received,
    e.CertificateIssued: _certificate_issued,
    e.CertificateRevoked: _certificate_revoked,
    e.Packed: _packed,
    e.Rejected: _ended("rejected"),
    e.Withdrawn: _ended("withdrawn"),
    e.Closed: _ended("closed"),
    e.Reopened: _reopened,
    e.Rated: _rated,
    e.MessageSent: _message_sent,
    e.LightTurned: _light_turned,
    e.PromiseBroken: _promise_broken,
}
