"""``decide(case, command) -> events``: what may happen. Refuses with a coded DomainError and changes nothing.

Two kinds of commands come here. What people *want* may be refused. What has *happened* out there (money moved, a
courier came) is never refused: it is written down, once, and the hall puts right what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from chalicelib.domain import commands as c
from chalicelib.domain import events as e
from chalicelib.domain.case import ADDRESS, Case, Shipment
from chalicelib.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from chalicelib.domain.events import Line
from chalicelib.domain.evolve import evolve
from chalicelib.domain.service import Leg, Stage
from chalicelib.domain.shipments import MISSING_AFTER, is_known

Events = tuple[e.Event, ...]


def decide(case: Case, command: c.Command) -> Events:
    """The events that the command leads to, with all that follows at once; none when it brings nothing new."""
    if case.submitted_at is None and not isinstance(command, c.Submit):
        raise NotFound("unknown_case")
    events = _RULES[type(command)](case, command)
    for event in events:
        case = evolve(case, event)
    return (*events, *_consequences(case, command))


def _consequences(case: Case, command: c.Command) -> Events:
    """What the hall starts by itself, in the very commit that makes it possible."""
    found: Events = ()
    rules = (_reopened, _money_back, _task_starts, _address_asked)
    while new := tuple(event for rule in rules for event in rule(case, command)):
        for event in new:
            case = evolve(case, event)
        found += new
    return found


# --- the applicant ---


def _submit(case: Case, command: c.Submit) -> Events:
    if case.submitted_at is not None:
        raise Conflict("already_submitted")
    return (
        e.Submitted(
            at=command.at,
            by=command.by,
            service=case.service.id,
            service_version=case.service.version,
            language=command.language,
            idempotency=command.idempotency,
            request=command.request,
            digest=command.digest,
            lines=command.lines,
            tasks=command.tasks,
            window=command.window,
        ),
        *_files_sent(command, 1, command.materials),
    )


def _files_sent(command: c.Command, submission: int, materials: tuple[str, ...]) -> Events:
    return (e.FilesSent(at=command.at, by=command.by, submission=submission, materials=materials),) if materials else ()


def _correct(case: Case, command: c.Correct) -> Events:
    correction = case.open_correction
    if correction is None or not correction.by_form:
        raise Conflict("nothing_to_correct")
    fields = [p for p in command.pointers if not _asked(p, (*correction.pointers, *command.brought))]
    uploads = [m for m in command.materials if m not in correction.materials]
    if fields or uploads:
        raise NotAllowed("field_not_asked", *fields, *(f"/uploads/{material}" for material in uploads))
    missing = [m for m in correction.materials if correction.refused and m not in command.materials]
    if missing:
        raise Invalid("file_missing", *(f"/uploads/{material}" for material in missing))
    return (
        e.Corrected(
            at=command.at,
            by=command.by,
            submission=case.submission + 1,
            digest=command.digest,
            pointers=command.pointers,
            materials=command.materials,
        ),
        *_files_sent(command, case.submission + 1, command.materials),
    )


def _asked(pointer: str, asked: Sequence[str]) -> bool:
    return any(pointer == a or pointer.startswith(f"{a}/") for a in asked)


def _reschedule(case: Case, command: c.Reschedule) -> Events:
    if case.ending:
        raise Conflict("case_ended")
    if not case.service.pickup:
        raise Conflict("no_pickup")
    last = case.current(Leg.PICKUP)
    waiting = case.receipts and case.missing_originals
    if case.originals_complete or (last and last.left_at and not last.failed and not waiting):
        raise Conflict("already_picked_up")
    if command.window.start <= command.at or command.window.end <= command.window.start:
        raise Invalid("window_not_in_the_future", "/window")
    return (e.PickupRescheduled(at=command.at, by=command.by, window=command.window),)


def _withdraw(case: Case, command: c.Withdraw) -> Events:
    if case.ending == "withdrawn":
        return ()
    if case.decided:
        raise Conflict("already_decided")
    return (e.Withdrawn(at=command.at, by=command.by, note=command.note),)


def _rate(case: Case, command: c.Rate) -> Events:
    if case.ending not in ("closed", "rejected"):
        raise Conflict("case_not_ended")
    if command.department and command.department not in {task.department for task in case.terms}:
        raise Invalid("unknown_department", "/department")
    if isinstance(command.stars, bool) or command.stars not in range(1, 6):
        raise Invalid("stars_out_of_range", "/stars")
    if any(rating.department == command.department for rating in case.ratings):
        raise Conflict("already_rated")
    return (
        e.Rated(at=command.at, by=command.by, department=command.department, stars=command.stars, note=command.note),
    )


# --- the desk ---


def _receive_originals(case: Case, command: c.ReceiveOriginals) -> Events:
    listed = {material.code for material in case.service.materials if material.original}
    unknown = [code for code in (*command.present, *command.missing) if code not in listed]
    if unknown:
        raise Invalid("material_not_on_the_list", *(f"/items/{code}" for code in unknown))
    if not any(s.booked for s in case.attempts(Leg.PICKUP)):
        raise Conflict("no_pickup_ordered")
    if case.originals_complete and not case.envelopes:
        raise Conflict("originals_already_received")
    if _opened_before(case, command):
        return ()
    missing = tuple(sorted(set(case.missing_originals) - set(command.present)))
    receipt = e.OriginalsReceived(
        at=command.at,
        by=command.by,
        present=command.present,
        missing=tuple(dict.fromkeys((*missing, *command.missing))),
        sealed=command.sealed,
        note=command.note,
    )
    others = [correction for correction in case.open_corrections if not correction.of_address(Leg.PICKUP)]
    if case.ending or not missing or others:
        return (receipt,)
    asked = e.CorrectionRequested(
        at=command.at, by=command.by, task="", pointers=(), materials=missing, note=command.note
    )
    return receipt, asked


def _opened_before(case: Case, command: c.ReceiveOriginals) -> bool:
    """The last envelope once more, because no answer came: no courier has another, and nothing more is in it. One that
    is still to come brings something else."""
    if not case.receipts or case.envelopes:
        return False
    last, pickup = case.receipts[-1], case.last_shipment(Leg.PICKUP)
    present, before = set(command.present), set(last.present)
    return present == before if pickup and pickup.requested_at > last.at else present <= before


def _decide_task(case: Case, command: c.DecideTask) -> Events:
    terms = case.service.task(command.task)
    if terms is None or command.task not in case.task_codes:
        raise NotFound("unknown_task", "/task")
    if terms.department not in command.departments:
        raise NotAllowed("forbidden")
    if command.by in {receipt.by for receipt in case.receipts}:
        raise NotAllowed("acceptance_and_approval_must_be_separate")
    if command.decision not in ("approve", "reject", "correct"):
        raise Invalid("unknown_decision", "/decision")
    if command.decision != "approve" and not command.note:
        raise Invalid("reason_missing", "/reason")
    _check_undecided(case, command.task)
    return _decision(case, command)


def _check_undecided(case: Case, code: str) -> None:
    """Conflict, unless the task is open and nothing that the applicant owes it is on its way."""
    task = case.task(code)
    if task is not None and task.decision:
        raise Conflict("task_already_decided")
    if case.ending:
        raise Conflict("case_ended")
    if task is None:
        raise Conflict("task_not_open")
    if case.open_correction:
        raise Conflict("correction_under_way")
    if case.files_unchecked:
        raise Conflict("files_being_checked")


def _decision(case: Case, command: c.DecideTask) -> Events:
    if command.decision == "correct":
        return (_correction(case, command),)
    decided = e.TaskDecided(
        at=command.at, by=command.by, task=command.task, decision=command.decision, note=command.note
    )
    if command.decision == "approve":
        return (decided,)
    return decided, e.Rejected(at=command.at, by=command.by, task=command.task)


def _correction(case: Case, command: c.DecideTask) -> e.Event:
    terms = case.service.task(command.task)
    assert terms is not None
    if sum(1 for correction in case.corrections if correction.task) >= case.service.correction_rounds:
        raise Conflict("too_many_corrections")
    if not command.pointers:
        raise Invalid("pointers_missing", "/pointers")
    # A reviewer may ask only for what the list names: fields that the task reads, and uploads of listed materials.
    uploads = {f"/uploads/{m.code}": m.code for m in case.service.materials if m.upload}
    unknown = [p for p in command.pointers if p not in uploads and not _asked(p, terms.reads)]
    if unknown:
        raise Invalid("unknown_pointer", *unknown)
    return e.CorrectionRequested(
        at=command.at,
        by=command.by,
        task=command.task,
        pointers=tuple(p for p in command.pointers if p not in uploads),
        materials=tuple(uploads[p] for p in command.pointers if p in uploads),
        note=command.note,
    )


def _dispatch(case: Case, command: c.Dispatch) -> Events:
    leg = Leg.RETURN if case.ending in ("rejected", "withdrawn", "closed") else Leg.DELIVERY
    if leg is Leg.DELIVERY and not (case.service.delivery and case.all_approved and case.certificates_complete):
        raise Conflict("not_ready_for_dispatch")
    if case.packing is not None and case.packing.leg is leg and not case.stranded(leg):
        raise Conflict("already_dispatched")
    if case.open_correction:
        raise Conflict("correction_under_way")
    wanted = _wanted_contents(case, leg)
    if not wanted:
        raise Conflict("already_dispatched" if case.packing else "nothing_to_dispatch")
    if set(command.contents) != wanted:
        raise Invalid("wrong_contents", "/contents")
    return (e.Packed(at=command.at, by=command.by, leg=leg, contents=tuple(sorted(wanted))),)


def _wanted_contents(case: Case, leg: Leg) -> set[str]:
    """What has to be in the envelope: everything that the hall holds and does not keep."""
    certificate = {"certificate"} if leg is Leg.DELIVERY and case.certificates else set()
    return certificate | ({"originals"} if case.returnable_at_hall else set())


def _resolve_shipment(case: Case, command: c.ResolveShipment) -> Events:
    shipment = case.shipment(command.leg, command.attempt)
    if shipment is None:
        raise NotFound("unknown_shipment")
    lost = command.resolution == "lost"
    if shipment.ending == ("lost" if lost else "cancelled"):
        return ()
    if not shipment.live or bool(shipment.left_at) != lost:
        raise Conflict("shipment_not_under_way" if lost else "shipment_not_awaited")
    if not command.note:
        raise Invalid("reason_missing", "/reason")
    return _loss(case, command, shipment) if lost else (_not_collected(command),)


def _not_collected(command: c.ResolveShipment) -> e.Event:
    return e.CourierCancelled(at=command.at, by=command.by, leg=command.leg, attempt=command.attempt, note=command.note)


def _loss(case: Case, command: c.ResolveShipment, shipment: Shipment) -> Events:
    """What was in the parcel: a certificate in strange hands must not be good any more."""
    at, by, note = command.at, command.by, command.note
    sent = case.returnable if "originals" in shipment.contents else ()
    inside = {m.code for m in case.service.materials if m.original} - case.received  # as far as anybody can know
    valid = tuple(item.number for item in case.certificates if not item.revoked and "certificate" in shipment.contents)
    return (
        e.ParcelLost(
            at=at,
            by=by,
            leg=command.leg,
            attempt=command.attempt,
            certificates=valid,
            originals=tuple(sorted(inside if shipment.leg is Leg.PICKUP else sent)),
            note=note,
        ),
        *(e.CertificateRevoked(at=at, by=by, number=number, note=note) for number in valid),
    )


def _revoke(case: Case, command: c.Revoke) -> Events:
    certificate = next((item for item in case.certificates if item.number == command.number), None)
    if certificate is None:
        raise NotFound("unknown_certificate")
    if certificate.revoked:
        return ()
    if not command.note:
        raise Invalid("reason_missing", "/reason")
    return (e.CertificateRevoked(at=command.at, by=command.by, number=command.number, note=command.note),)


def _settle_refund(case: Case, command: c.SettleRefund) -> Events:
    refund = case.refund(command.refund)
    if refund is None:
        raise NotFound("unknown_refund")
    if refund.state == "settled":
        return ()
    if refund.state != "failed":
        raise Conflict("refund_not_failed")
    if case.disputed(refund.payment):
        raise Conflict("payment_disputed")
    if not command.note:
        raise Invalid("reason_missing", "/reason")
    return (e.RefundSettled(at=command.at, by=command.by, refund=command.refund, note=command.note),)


# --- what vendors did: never refused, written down once ---


def _record_checkout(case: Case, command: c.RecordCheckout) -> Events:
    known = next((checkout for checkout in case.checkouts if checkout.id == command.checkout), None)
    opened: Events = ()
    if known is None:
        opened = (
            e.CheckoutOpened(
                at=command.at,
                by=command.by,
                checkout=command.checkout,
                url=command.url,
                amount=command.amount,
                expires_at=command.expires_at,
            ),
        )
    if command.state == "paid" and command.payment not in {payment.id for payment in case.payments}:
        return (*opened, _payment(case, command))
    if command.state == "expired" and (known is None or known.state == "open"):
        return (*opened, e.CheckoutExpired(at=command.at, by=command.by, checkout=command.checkout))
    return opened


def _payment(case: Case, command: c.RecordCheckout) -> e.Event:
    fits = command.amount == case.fee and command.currency == case.service.currency
    type_ = e.FeePaid if fits and not case.payment and not case.ending else e.SurplusPaid
    return type_(
        at=command.at, by=command.by, checkout=command.checkout, payment=command.payment, amount=command.amount
    )


def _record_refund(case: Case, command: c.RecordRefund) -> Events:
    """A failure is the provider's last word. Until then even what was given back weeks ago may be sent back."""
    refund = case.refund(command.refund)
    if refund is None:
        return ()
    state = "owed" if refund.never_made and command.vendor else refund.state
    at, by, number, vendor = command.at, command.by, command.refund, command.vendor
    match command.state:
        case "pending" if state == "owed":
            return (e.RefundSent(at=at, by=by, refund=number, vendor=vendor),)
        case "succeeded" if state in ("owed", "sent"):
            return (e.RefundDone(at=at, by=by, refund=number, vendor=vendor),)
        case "failed" | "canceled" if state in ("owed", "sent", "done"):
            return (e.RefundFailed(at=at, by=by, refund=number, vendor=vendor, code=command.code),)
        case _:
            return ()


def _record_dispute(case: Case, command: c.RecordDispute) -> Events:
    known = case.dispute(command.dispute)
    moved = e.DisputeMoved(
        at=command.at,
        by=command.by,
        dispute=command.dispute,
        payment=command.payment,
        amount=_disputed_amount(case, command),
        status=command.state,
        code=command.code,
        respond_by=command.respond_by,
    )
    if known and (known.status, known.amount, known.respond_by) == (moved.status, moved.amount, moved.respond_by):
        return ()
    return (moved,)


def _disputed_amount(case: Case, command: c.RecordDispute) -> int:
    """Some banks dispute in a currency of their own: then the whole payment is at stake."""
    paid = next((payment.amount for payment in case.payments if payment.id == command.payment), command.amount)
    return command.amount if command.currency == case.service.currency else paid


def _request_courier(case: Case, command: c.RequestCourier) -> Events:
    if case.shipment(command.leg, command.attempt):
        return ()
    return (
        e.CourierRequested(
            at=command.at,
            by=command.by,
            leg=command.leg,
            attempt=command.attempt,
            courier=command.courier,
            order=f"{case.number}-{command.leg}-{command.attempt}",
            window=command.window,
        ),
    )


def _record_courier_order(case: Case, command: c.RecordCourierOrder) -> Events:
    shipment = case.shipment(command.leg, command.attempt)
    if shipment is None or (shipment.booked and (shipment.waybill or not command.waybill)):
        return ()
    return (
        e.CourierOrdered(
            at=command.at, by=command.by, leg=command.leg, attempt=command.attempt, waybill=command.waybill
        ),
    )


def _record_courier_refusal(case: Case, command: c.RecordCourierRefusal) -> Events:
    shipment = case.shipment(command.leg, command.attempt)
    if shipment is None or shipment.booked or shipment.ending:
        return ()
    return (
        e.CourierRefused(at=command.at, by=command.by, leg=command.leg, attempt=command.attempt, code=command.code),
    )


def _record_no_courier(case: Case, command: c.RecordNoCourier) -> Events:
    attempts = case.attempts(command.leg)
    if len(attempts) >= command.attempt or any(s.live for s in attempts) or case.refused_by_all(command.leg):
        return ()
    return (e.NoCourierLeft(at=command.at, by=command.by, leg=command.leg),)


def _record_silence(case: Case, command: c.RecordSilence) -> Events:
    shipment = case.shipment(command.leg, command.attempt)
    if shipment is None or not (shipment.booked and shipment.live) or command.at < shipment.overdue_at:
        return ()
    at, by, leg, attempt = command.at, command.by, command.leg, command.attempt
    if not shipment.left_at:
        return () if shipment.missed_at else (e.PickupMissed(at=at, by=by, leg=leg, attempt=attempt),)
    if shipment.missing or at < shipment.heard_of_at + MISSING_AFTER:
        return ()
    return (e.ParcelMissing(at=at, by=by, leg=leg, attempt=attempt),)


def _record_cancellation(case: Case, command: c.RecordCancellation) -> Events:
    shipment = case.shipment(command.leg, command.attempt)
    if shipment is None or shipment.ending or not shipment.live:
        return ()
    # A courier that has it carries it, whatever it answers to the calling off.
    type_ = e.CourierCancelled if command.done and not shipment.left_at else e.CancellationRefused
    return (type_(at=command.at, by=command.by, leg=command.leg, attempt=command.attempt),)


def _record_news(case: Case, command: c.RecordNews) -> Events:
    shipment = case.shipment(command.leg, command.attempt)
    if shipment is None:  # an order is written down before it is placed: this one nobody has placed
        raise NotFound("unknown_shipment")
    if is_known(command.identity, shipment.moves):
        return ()
    return (
        e.ShipmentMoved(
            at=command.at,
            by=command.by,
            leg=command.leg,
            attempt=command.attempt,
            waybill=command.waybill,
            state=command.state,
            happened_at=command.happened_at,
            code=command.code,
            identity=command.identity,
            undoes=command.undoes,
            reason=command.reason,
        ),
    )


# --- what the hall did ---


def _record_files(case: Case, command: c.RecordFiles) -> Events:
    if not may_check_files(case) or command.submission != case.submission:
        return ()
    return (
        e.FilesChecked(
            at=command.at, by=command.by, submission=command.submission, kept=command.kept, refused=command.refused
        ),
    )


def may_check_files(case: Case) -> bool:
    """Uploads wait to be checked, and the applicant has nothing else to put right: one correction at a time."""
    return case.files_unchecked and not case.ending and case.open_correction is None


def _record_certificate(case: Case, command: c.RecordCertificate) -> Events:
    terms = case.service.task(command.task)
    if terms is None or terms.certificate is None:
        raise NotFound("unknown_certificate")
    if any(item.number == command.number for item in case.certificates) or terms not in case.certificates_owed:
        return ()
    # The back door is shut here: no certificate without an accepted case and its department's approval.
    if case.ending or not case.all_approved:
        raise Conflict("not_approved")
    return (
        e.CertificateIssued(
            at=command.at,
            by=command.by,
            task=command.task,
            certificate=terms.certificate.code,
            number=command.number,
            digest=command.digest,
            valid_until=command.valid_until,
        ),
    )


def _record_message(case: Case, command: c.RecordMessage) -> Events:
    if command.happening in case.told:
        return ()
    return (e.MessageSent(at=command.at, by=command.by, happening=command.happening),)


def _lapse(case: Case, command: c.Lapse) -> Events:
    return () if case.ending or case.settled_at else (e.Lapsed(at=command.at, by=command.by),)


def _close(case: Case, command: c.Close) -> Events:
    return (e.Closed(at=command.at, by=command.by),) if may_close(case) else ()


def may_close(case: Case) -> bool:
    """Everything is done: approved, handed over and, where a courier brings it, delivered."""
    if case.ending or not case.all_approved or not case.certificates_complete or not case.terms:
        return False
    if not case.service.delivery:
        return not case.returnable_at_hall
    last = case.current(Leg.DELIVERY)
    return last is not None and last.state == "delivered"


def _turn_light(case: Case, command: c.TurnLight) -> Events:
    task = case.task(command.task)
    if task is None or task.decision or case.ending or case.standing:
        return ()
    term = case.task_term(task, command.at)
    light = "red" if command.at >= term.due else "yellow" if command.at >= term.yellow else "green"
    if light in ("green", task.light):
        return ()
    return (e.LightTurned(at=command.at, by=command.by, task=command.task, light=light),)


def _break_promise(case: Case, command: c.BreakPromise) -> Events:
    breaks_at = promise_breaks_at(case, command.at)
    if breaks_at is None or command.at < breaks_at:
        return ()
    return (e.PromiseBroken(at=command.at, by=command.by),)


def promise_breaks_at(case: Case, now: datetime) -> datetime | None:
    """When the promise breaks, as things stand; None: it won't, or it is the applicant's turn.

    A result that was handed over too late breaks it too, however soon after that somebody looks.
    """
    if case.promise_broken or case.standing:
        return None
    term = case.promise_term(now)
    if term is None:
        return None
    stopped = case.promise_stopped_at
    return None if stopped and stopped < term.due else term.due


# --- what follows by itself ---


def _reopened(case: Case, command: c.Command) -> Events:
    """Closed upon a courier's word that it has taken back: whatever becomes of the result, it is the hall's to send."""
    brought = not case.service.delivery or any(s.state == "delivered" for s in case.attempts(Leg.DELIVERY))
    return () if brought or case.ending != "closed" else (e.Reopened(at=command.at, by=command.by),)


def _task_starts(case: Case, command: c.Command) -> Events:
    if case.ending or case.settled_at is None or not case.files_in_order:
        return ()
    started = {task.code for task in case.tasks}
    return tuple(
        e.TaskStarted(at=command.at, by=command.by, task=task.code)
        for task in case.terms
        if task.code not in started
        and (task.stage is Stage.PRE_CHECK or (case.pre_checked and case.originals_complete))
        and all(case.approved(code) for code in task.after if code in case.task_codes)
    )


def _address_asked(case: Case, command: c.Command) -> Events:
    """A courier did not find the door: the applicant is asked where it is."""
    for leg in Leg:
        if case.address_wanted(leg):
            pointers = ADDRESS[leg]
            return (
                e.CorrectionRequested(at=command.at, by=command.by, task="", pointers=pointers, materials=(), note=""),
            )
    return ()


def _money_back(case: Case, command: c.Command) -> Events:
    return _adjustments(case, command) or _refunds(case, command)


def _refunds(case: Case, command: c.Command) -> Events:
    """Money that goes back: surplus payments whole, and the lines that an early end or a broken promise gives back."""
    for payment in case.payments:
        if payment.surplus and payment.id not in {refund.payment for refund in case.refunds} and case.left(payment):
            return (_refund(case, command, payment.id, case.left(payment), (), "surplus"),)
    kept = case.payment
    if kept is None:
        return ()
    for reason, all_lines in _grounds(case):
        owed = [line for line in all_lines if line.code not in case.refunded_lines]
        lines = tuple(line for line in _as_far_as_it_goes(owed, case.left(kept)) if line.amount)
        if lines:
            return (_refund(case, command, kept.id, sum(line.amount for line in lines), lines, reason),)
    return ()


def _as_far_as_it_goes(lines: Sequence[Line], money: int) -> Iterator[Line]:
    """The lines with what the money does for, one after the other."""
    for line in lines:
        amount = min(line.amount, money)
        money -= amount
        yield Line(line.code, amount)


def _adjustments(case: Case, command: c.Command) -> Events:
    """Never more goes back than was paid, by refunds and lost disputes together."""
    found: Events = ()
    for payment in case.payments:
        refunds = [refund for refund in case.refunds if refund.payment == payment.id]
        gone = case.taken_back(payment.id) + sum(refund.amount for refund in refunds if not refund.waiting)
        left = max(0, payment.amount - gone)
        for refund in (refund for refund in refunds if refund.waiting):
            lines = tuple(_as_far_as_it_goes([_charged(case, line) for line in refund.lines], left))
            amount = sum(line.amount for line in lines) if lines else left
            left -= amount
            if amount != refund.amount:
                found += (_adjusted(command, refund.number, amount, lines),)
    return found


def _charged(case: Case, line: Line) -> Line:
    """A line as it was paid, whatever is owed of it now."""
    return next(charged for charged in case.lines if charged.code == line.code)


def _adjusted(command: c.Command, refund: int, amount: int, lines: tuple[Line, ...]) -> e.Event:
    return e.RefundAdjusted(at=command.at, by=command.by, refund=refund, amount=amount, lines=lines)


def _grounds(case: Case) -> Iterator[tuple[str, tuple[Line, ...]]]:
    """Why which lines go back: what an early end has not earned yet, and what the promise stands for."""
    if case.ending in ("withdrawn", "rejected", "lapsed"):
        until = {line.code: line.refund_until for line in case.service.fee_lines}
        yield (
            case.ending,
            tuple(line for line in case.lines if line.code in until and not case.reached(until[line.code])),
        )
    if case.promise_broken:
        yield "promise_broken", tuple(line for line in case.lines if line.code == case.service.promise.refund_line)


def _refund(case: Case, command: c.Command, payment: str, amount: int, lines: tuple[Line, ...], reason: str) -> e.Event:
    number = len(case.refunds) + 1
    return e.RefundOwed(
        at=command.at, by=command.by, refund=number, payment=payment, amount=amount, lines=lines, reason=reason
    )


_RULES: dict[type[c.Command], Callable[[Case, Any], Events]] = {
    c.Submit: _submit,
    c.Correct: _correct,
    c.Reschedule: _reschedule,
    c.Withdraw: _withdraw,
    c.Rate: _rate,
    c.ReceiveOriginals: _receive_originals,
    c.DecideTask: _decide_task,
    c.Dispatch: _dispatch,
    c.ResolveShipment: _resolve_shipment,
    c.Revoke: _revoke,
    c.SettleRefund: _settle_refund,
    c.RecordCheckout: _record_checkout,
    c.RecordRefund: _record_refund,
    c.RecordDispute: _record_dispute,
    c.RequestCourier: _request_courier,
    c.RecordCourierOrder: _record_courier_order,
    c.RecordCourierRefusal: _record_courier_refusal,
    c.RecordNoCourier: _record_no_courier,
    c.RecordSilence: _record_silence,
    c.RecordCancellation: _record_cancellation,
    c.RecordNews: _record_news,
    c.RecordFiles: _record_files,
    c.RecordCertificate: _record_certificate,
    c.RecordMessage: _record_message,
    c.Lapse: _lapse,
    c.Close: _close,
    c.TurnLight: _turn_light,
    c.BreakPromise: _break_promise,
}
