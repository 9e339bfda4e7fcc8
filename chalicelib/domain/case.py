"""A case (办件) as the fold of its events: plain frozen data, and the questions that the rule book asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from chalicelib.domain import shipments
from chalicelib.domain.clock import Calendar, after_working_time, clock_start, working_time
from chalicelib.domain.events import KeptFile, Line, RefusedFile, Window
from chalicelib.domain.service import Leg, Milestone, Service, Stage
from chalicelib.domain.service import Task as TaskTerms
from chalicelib.domain.shipments import ATTEMPTS, PICKUP_GRACE, SILENCE, Move

# The places in the answers that say where the courier of a leg rings (see ``forms.parties.door``).
ADDRESS: Mapping[Leg, tuple[str, ...]] = {
    Leg.PICKUP: ("/pickup/address",),
    Leg.DELIVERY: ("/delivery/address",),
    Leg.RETURN: ("/delivery/address",),
}


@dataclass(frozen=True, slots=True)
class Checkout:
    id: str
    url: str
    amount: int
    opened_at: datetime
    expires_at: datetime
    state: str = "open"  # open, paid, expired


@dataclass(frozen=True, slots=True)
class Payment:
    id: str
    checkout: str
    amount: int
    at: datetime
    surplus: bool


@dataclass(frozen=True, slots=True)
class Refund:
    number: int  # counts the case's refunds from 1
    payment: str
    amount: int
    lines: tuple[Line, ...]
    reason: str
    state: str = "owed"  # owed, sent, done, failed, settled, void (a lost dispute has taken the money)
    vendor: str = ""
    sent_at: datetime | None = None

    @property
    def never_made(self) -> bool:
        """The provider would not take its order: as far as the hall knows, there is no such refund."""
        return self.state == "failed" and not self.vendor

    @property
    def over(self) -> bool:
        """Nothing that the provider may still say can change it."""
        return self.state == "settled" or (self.state == "failed" and not self.never_made)

    @property
    def given_back(self) -> bool:
        return self.state in ("done", "settled")

    @property
    def waiting(self) -> bool:
        """No money is on its way."""
        return self.state in ("owed", "failed", "void")


DISPUTE_NEEDS_RESPONSE = frozenset({"needs_response", "warning_needs_response"})
DISPUTE_OPEN = DISPUTE_NEEDS_RESPONSE | {"under_review", "warning_under_review"}


@dataclass(frozen=True, slots=True)
class Dispute:
    id: str
    payment: str
    amount: int
    status: str
    code: str
    respond_by: datetime | None
    at: datetime  # of this status

    @property
    def open(self) -> bool:
        return self.status in DISPUTE_OPEN

    @property
    def needs_response(self) -> bool:
        return self.status in DISPUTE_NEEDS_RESPONSE


@dataclass(frozen=True, slots=True)
class Task:
    code: str
    started_at: datetime
    decision: str = ""  # "", approve, reject
    decided_at: datetime | None = None
    by: str = ""
    light: str = "green"


@dataclass(frozen=True, slots=True)
class Shipment:
    """One attempt at a leg. ``waybill`` is "" while the courier has not assigned one."""

    leg: Leg
    attempt: int
    courier: str
    order: str
    window: Window | None
    requested_at: datetime
    waybill: str = ""
    booked: bool = False  # the courier has taken the order, as far as the hall knows
    moves: tuple[Move, ...] = ()
    ending: str = ""  # "", refused (by the courier), cancelled (by the hall), kept (too late to cancel), lost
    missed_at: datetime | None = None  # asked after its time, the courier had not got it
    missing: bool = False  # asked again and again, the courier has had no more to tell
    lost_at: datetime | None = None
    lost: tuple[str, ...] = ()  # the originals in it
    contents: tuple[str, ...] = ()  # what was packed for it
    opened: bool = False  # by a clerk: it has come, whatever its courier says, or has not said yet

    @property
    def state(self) -> str:
        if self.ending in ("refused", "cancelled", "lost"):
            return self.ending
        return shipments.state_of(self.moves) if self.booked else "requested"

    @property
    def reason(self) -> str:
        """Why it is in this state (``ports.COURIER_REASONS``), "" where nobody has told."""
        return shipments.reason_of(self.moves)

    @property
    def left_at(self) -> datetime | None:
        return shipments.left_at(self.moves)

    @property
    def in_vain(self) -> bool:
        """The courier was there for nothing, or has not come in its time."""
        if self.left_at or self.opened:
            return False
        return self.missed_at is not None or shipments.in_vain(self.moves)

    @property
    def why(self) -> str:
        """What went wrong last: one of ``ports.COURIER_REASONS``, ``no_courier``, ``missed`` or ``unknown``."""
        if self.ending == "refused":
            return "no_courier"
        return next(reversed(shipments.reasons(self.moves)), "missed" if self.missed_at else "unknown")

    @property
    def heard_of_at(self) -> datetime:
        return max((move.at for move in self.moves), default=self.requested_at)

    @property
    def overdue_at(self) -> datetime:
        """From when on the courier is asked: its window is over, or nothing has been heard for long."""
        if self.window and not self.left_at:
            return max(self.window.end + PICKUP_GRACE, self.heard_of_at)
        return self.heard_of_at + SILENCE

    @property
    def live(self) -> bool:
        """The courier has, or may have, something to do."""
        return not self.opened and self.state not in shipments.FINAL | {"refused", "lost"}

    @property
    def failed(self) -> bool:
        """It came to nothing: nothing has been carried anywhere, or it was lost on the way."""
        return not self.opened and self.state in ("refused", "cancelled", "returned", "lost")

    @property
    def arrived_at(self) -> datetime | None:
        """When it came where it was sent to; even if it had been written off by then."""
        return shipments.delivered_at(self.moves) if "delivered" in (self.state, self.found) else None

    @property
    def failed_the_door(self) -> bool:
        """It was lost, or came back although nobody at the door had a part in that."""
        back = self.state == "returned" and not shipments.AT_THE_DOOR.intersection(shipments.reasons(self.moves))
        return self.state == "lost" or back

    @property
    def found(self) -> str:
        """Where a parcel that was written off has turned up: ``delivered``, ``returned``; "" where it has not."""
        state = shipments.state_of(self.moves) if self.ending == "lost" else ""
        return state if state in ("delivered", "returned") else ""

    @property
    def in_doubt(self) -> bool:
        """The courier has it, and it may be lost."""
        gone = self.state == "exception" and self.reason in shipments.GONE
        return self.live and self.left_at is not None and (gone or self.missing)

    @property
    def key(self) -> tuple[str, int]:
        return self.leg, self.attempt


@dataclass(frozen=True, slots=True)
class Correction:
    """What the applicant is asked to put right, and from when to when the clock stands for it."""

    number: int
    task: str  # "" when the clerk misses originals, files were refused, or a courier did not find the address
    pointers: tuple[str, ...]
    materials: tuple[str, ...]
    note: str
    asked_at: datetime
    done_at: datetime | None = None
    refused: tuple[RefusedFile, ...] = ()  # the hall itself asks for other files

    @property
    def by_form(self) -> bool:
        """Answered on the page; missing originals are answered by a courier."""
        return bool(self.task or self.refused or self.pointers)

    def of_address(self, leg: Leg) -> bool:
        """The hall itself asks where the courier of this leg has to ring."""
        return not self.task and self.pointers == ADDRESS[leg]


@dataclass(frozen=True, slots=True)
class Wait:
    """The applicant is to choose another window: nothing goes on without, and the clock stands."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One envelope, as the clerk found it."""

    present: tuple[str, ...]
    missing: tuple[str, ...]
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    task: str
    code: str
    number: str
    digest: str
    issued_at: datetime
    valid_until: date | None
    revoked: bool = False
    lost_at: datetime | None = None  # on its way to the door: revoked, and another one takes its place


@dataclass(frozen=True, slots=True)
class Packing:
    leg: Leg
    contents: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Rating:
    department: str
    stars: int
    note: str


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that the applicant is told of, once. ``key`` is unique in the case; ``code`` names the text.

    ``shipment`` is the one that it is about, where the text says what went wrong with it.
    """

    key: str
    code: str
    at: datetime
    shipment: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A number of working days that stands while the applicant has something to do."""

    started_at: datetime
    span: timedelta
    due: datetime  # as things stand; moves on while the clock stands
    yellow: datetime
    standing: bool


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the log says. ``Case(number, service, calendar)`` is the case before its first event."""

    number: str
    service: Service
    calendar: Calendar
    version: int = 0
    head: str = ""  # hash of the last commit
    language: str = ""
    submitted_at: datetime | None = None
    idempotency: str = ""
    request: str = ""
    submission: int = 0
    digest: str = ""
    lines: tuple[Line, ...] = ()
    task_codes: tuple[str, ...] = ()
    window: Window | None = None
    window_chosen_at: datetime | None = None
    files_sent_at: datetime | None = None  # with the newest submission that brought some
    files_checked_at: datetime | None = None  # None while they are being checked
    kept: tuple[KeptFile, ...] = ()
    checkouts: tuple[Checkout, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    tasks: tuple[Task, ...] = ()
    corrections: tuple[Correction, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    no_courier: tuple[tuple[Leg, datetime], ...] = ()  # when all of them had refused a leg
    waits: tuple[Wait, ...] = ()
    put_off: tuple[Wait, ...] = ()  # from the window in which the courier would have come to the one wished instead
    receipts: tuple[Receipt, ...] = ()
    certificates: tuple[IssuedCertificate, ...] = ()
    packed: Packing | None = None  # last of all, and not written off since
    ratings: tuple[Rating, ...] = ()
    ending: str = ""  # "", closed, rejected, withdrawn, lapsed
    ended_at: datetime | None = None
    promise_broken: bool = False
    happenings: tuple[Happening, ...] = ()
    told: frozenset[str] = field(default_factory=frozenset)

    # --- money ---

    @property
    def fee(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def payment(self) -> Payment | None:
        """The payment that the hall keeps."""
        return next((payment for payment in self.payments if not payment.surplus), None)

    @property
    def settled_at(self) -> datetime | None:
        """When the fee was paid; with no fee to pay, when the form came in."""
        if self.fee == 0:
            return self.submitted_at
        return self.payment.at if self.payment else None

    @property
    def open_checkouts(self) -> tuple[Checkout, ...]:
        return tuple(checkout for checkout in self.checkouts if checkout.state == "open")

    def refunded(self, payment: str) -> int:
        """What of a payment is given back or owed back; a refund that failed is still owed, by a person's hand."""
        return sum(refund.amount for refund in self.refunds if refund.payment == payment)

    def refund(self, number: int) -> Refund | None:
        return next((refund for refund in self.refunds if refund.number == number), None)

    def dispute(self, id: str) -> Dispute | None:
        return next((dispute for dispute in self.disputes if dispute.id == id), None)

    def disputed(self, payment: str) -> bool:
        """Whether its bank may still take a payment back: nothing of it is given back meanwhile."""
        return any(dispute.open for dispute in self.disputes if dispute.payment == payment)

    def taken_back(self, payment: str) -> int:
        """What lost disputes have taken of a payment."""
        return sum(d.amount for d in self.disputes if d.payment == payment and d.status == "lost")

    def left(self, payment: Payment) -> int:
        """What of a payment the hall has, and owes to nobody."""
        return max(0, payment.amount - self.refunded(payment.id) - self.taken_back(payment.id))

    @property
    def refunded_lines(self) -> frozenset[str]:
        return frozenset(line.code for refund in self.refunds for line in refund.lines)

    # --- files ---

    @property
    def files_unchecked(self) -> bool:
        return self.files_sent_at is not None and self.files_checked_at is None

    @property
    def files_in_order(self) -> bool:
        """No upload is still being checked, and none that was refused is still to be replaced."""
        correction = self.open_correction
        return not self.files_unchecked and not (correction and correction.refused)

    # --- tasks and originals ---

    @property
    def terms(self) -> tuple[TaskTerms, ...]:
        """The service's tasks that this case's answers call for."""
        return tuple(task for task in self.service.tasks if task.code in self.task_codes)

    def task(self, code: str) -> Task | None:
        return next((task for task in self.tasks if task.code == code), None)

    def approved(self, code: str) -> bool:
        task = self.task(code)
        return task is not None and task.decision == "approve"

    @property
    def pre_checked(self) -> bool:
        return all(self.approved(task.code) for task in self.terms if task.stage is Stage.PRE_CHECK)

    @property
    def all_approved(self) -> bool:
        return all(self.approved(task.code) for task in self.terms)

    @property
    def open_corrections(self) -> tuple[Correction, ...]:
        return tuple(correction for correction in self.corrections if correction.done_at is None)

    @property
    def open_correction(self) -> Correction | None:
        """What the applicant has to put right: first of all on the page, then in an envelope."""
        return min(self.open_corrections, key=lambda correction: not correction.by_form, default=None)

    @property
    def originals_at_hall(self) -> frozenset[str]:
        """Codes of the originals that were received and have not left again."""
        return self.received - self._not_back - (self.returnable if self.originals_left else frozenset())

    @property
    def received(self) -> frozenset[str]:
        return frozenset(code for receipt in self.receipts for code in receipt.present)

    @property
    def _not_back(self) -> frozenset[str]:
        """Codes of the originals that were in a parcel to the door which was written off, and did not come back."""
        outwards = [s for s in self.shipments if s.leg is not Leg.PICKUP and s.found != "returned"]
        return frozenset(code for shipment in outwards for code in shipment.lost)

    @property
    def lost_originals(self) -> frozenset[str]:
        """Codes of the originals that a courier has lost, and that have neither turned up nor been replaced since."""
        return frozenset(
            code
            for shipment in self.shipments
            if shipment.lost_at and not shipment.found and not shipment.opened
            for code in shipment.lost
            if not any(code in receipt.present and receipt.at > shipment.lost_at for receipt in self.receipts)
        )

    @property
    def returnable(self) -> frozenset[str]:
        """Codes of the originals that were received, and are to go back to the door or have gone."""
        returned = frozenset(material.code for material in self.service.materials if material.returned)
        return self.received & returned - self._not_back

    @property
    def returnable_at_hall(self) -> frozenset[str]:
        return self.originals_at_hall & self.returnable

    @property
    def packing(self) -> Packing | None:
        """What is packed, unless it has come back to the hall and waits for another dispatch."""
        packed = self.packed
        if packed is None:
            return None
        taken = [s for s in self.attempts(packed.leg) if s.left_at and s.requested_at >= packed.at]
        return None if taken and all(s.state == "returned" for s in taken) else packed

    @property
    def originals_left(self) -> bool:
        """The courier has taken the originals back to the door."""
        if self.packing is None or "originals" not in self.packing.contents:
            return False
        return any(s.left_at and s.requested_at >= self.packing.at for s in self.attempts(self.packing.leg))

    @property
    def envelopes(self) -> tuple[Shipment, ...]:
        """Those with a courier or at the hall that no clerk has opened yet; a lost one only once it has turned up."""
        unopened = [s for s in self.attempts(Leg.PICKUP) if s.left_at and not s.opened]
        return tuple(s for s in unopened if s.arrived_at or not s.failed)

    @property
    def missing_originals(self) -> tuple[str, ...]:
        """Required originals that no envelope has held so far."""
        received = self.received
        return tuple(m.code for m in self.service.materials if m.original and m.required and m.code not in received)

    @property
    def originals_complete(self) -> bool:
        """Nothing on paper is still to come: none was asked for, or all of it has been received."""
        return not self.service.pickup or (bool(self.receipts) and not self.missing_originals)

    @property
    def certificates_complete(self) -> bool:
        return not self.certificates_owed

    @property
    def certificates_owed(self) -> tuple[TaskTerms, ...]:
        """Tasks whose certificate is still to be issued, or to be issued anew since a courier has lost it."""
        issued = {certificate.task for certificate in self.certificates if not certificate.lost_at}
        return tuple(task for task in self.terms if task.certificate and task.code not in issued)

    # --- couriers ---

    def attempts(self, leg: Leg) -> tuple[Shipment, ...]:
        return tuple(shipment for shipment in self.shipments if shipment.leg is leg)

    def last_shipment(self, leg: Leg) -> Shipment | None:
        return next(iter(reversed(self.attempts(leg))), None)

    def current(self, leg: Leg) -> Shipment | None:
        """The shipment that counts for a leg: one that a courier has taken, or has brought; else the last ordered.

        A courier that was thought refused or called off may come after all, when the next one is ordered already.
        """
        taken = [s for s in self.attempts(leg) if s.left_at and self._still_counts(s)]
        return taken[-1] if taken else self.last_shipment(leg)

    def _still_counts(self, shipment: Shipment) -> bool:
        if shipment.leg is Leg.PICKUP:
            return not shipment.opened and (not shipment.failed or shipment.found == "delivered")
        packed = self.packing is not None and self.packing.leg is shipment.leg
        return packed and not shipment.failed and shipment in self.tries(shipment.leg)

    def shipment(self, leg: str, attempt: int) -> Shipment | None:
        return next((s for s in self.shipments if s.key == (leg, attempt)), None)

    def begun_at(self, leg: Leg) -> datetime | None:
        """Since when tries at a leg count: another window, another packing or another address begins it anew."""
        begun = self.window_chosen_at if leg is Leg.PICKUP else None
        if self.packing and self.packing.leg is leg:
            begun = self.packing.at
        corrected = [c.done_at for c in self.corrections if c.done_at and c.of_address(leg)]
        return max([begun, *corrected]) if begun else None

    def tries(self, leg: Leg) -> tuple[Shipment, ...]:
        begun = self.begun_at(leg)
        return tuple(s for s in self.attempts(leg) if begun and s.requested_at >= begun)

    def refused_by_all(self, leg: Leg) -> bool:
        """No courier takes this leg as it is: at this time, from or to this address."""
        begun = self.begun_at(leg)
        return any(each is leg and begun and at >= begun for each, at in self.no_courier)

    def given_up(self, leg: Leg) -> bool:
        """Whatever the hall can try by itself was in vain."""
        vain = [s for s in self.tries(leg) if s.ending != "refused" and (s.in_vain or s.failed)]
        return len(vain) >= ATTEMPTS or self.refused_by_all(leg)

    def stranded(self, leg: Leg) -> bool:
        """Given up, and no courier has it or comes for it."""
        return self.given_up(leg) and not any(s.live or (s.left_at and not s.failed) for s in self.tries(leg))

    def address_open(self, leg: Leg) -> bool:
        """The applicant was asked where the courier has to ring, and has not answered yet."""
        correction = self.open_correction
        return correction is not None and correction.of_address(leg)

    def address_doubted(self, leg: Leg) -> bool:
        """The applicant should be asked where the courier has to ring, and has not been since it was last tried."""
        last = self.current(leg)
        if last is None or (self.ending and leg is not Leg.RETURN) or last.state == "delivered":
            return False
        if leg is Leg.PICKUP and (last.left_at or last.opened or self.originals_complete):
            return False
        asked = any(c.of_address(leg) and c.asked_at >= last.requested_at for c in self.corrections)
        return not asked and ("wrong_address" in shipments.reasons(last.moves) or self.refused_by_all(leg))

    def address_wanted(self, leg: Leg) -> bool:
        """It is to be asked for now: one question at a time on the page; missing originals are another matter."""
        correction = self.open_correction
        return self.address_doubted(leg) and not (correction and correction.by_form)

    @property
    def window_wanted(self) -> bool:
        """No courier comes for the originals until the applicant has chosen another window."""
        if self.ending or not self.service.pickup or self.originals_complete:
            return False
        last = self.current(Leg.PICKUP)
        if last is None or last.opened or (last.left_at and not last.failed):
            return False
        if last.found == "delivered":
            return False
        if last.lost_at:
            return self.window_chosen_at is None or self.window_chosen_at <= last.lost_at
        return self.given_up(Leg.PICKUP) and not (self.address_wanted(Leg.PICKUP) or self.address_open(Leg.PICKUP))

    def with_shipment(self, changed: Shipment) -> Case:
        return replace(self, shipments=tuple(changed if s.key == changed.key else s for s in self.shipments))

    @property
    def handed_over_at(self) -> datetime | None:
        """When the hall's part was done: the result left with the courier, or there is nothing to bring.

        What the courier then lost, or brought back by its own fault, was handed over to nobody.
        """
        if self.service.delivery:
            return next((s.left_at for s in self.attempts(Leg.DELIVERY) if s.left_at and not s.failed_the_door), None)
        if not self.all_approved or not self.certificates_complete:
            return None
        times = [certificate.issued_at for certificate in self.certificates]
        return max(times + [task.decided_at for task in self.tasks if task.decided_at], default=None)

    @property
    def promise_stopped_at(self) -> datetime | None:
        """When the promise's clock stopped for good: with the handing over, or with an earlier end of the case."""
        return self.handed_over_at or self.ended_at

    @property
    def brought_at(self) -> datetime | None:
        """When the result was at the door; when it was ready, where nobody has to bring it."""
        if not self.service.delivery:
            return self.handed_over_at
        shipment = self.current(Leg.DELIVERY)
        if shipment is None or shipment.state != "delivered":
            return None
        return shipment.arrived_at

    # --- how far it has come ---

    def reached(self, milestone: Milestone) -> bool:
        """Whether a fee line that is given back until this milestone is earned by now."""
        match milestone:
            case Milestone.PAID:
                return self.settled_at is not None
            case Milestone.PICKED_UP:
                return bool(self.receipts) or any(s.left_at and not s.lost_at for s in self.attempts(Leg.PICKUP))
            case Milestone.REVIEW_STARTED:
                review = {task.code for task in self.terms if task.stage is Stage.REVIEW}
                return any(task.code in review for task in self.tasks)
            case Milestone.DECIDED:
                return any(task.decision == "reject" for task in self.tasks) or self.all_approved
            case Milestone.DISPATCHED:
                # Originals that lie at the hall will travel at this line's cost, whatever becomes of the case.
                return self.packing is not None or self.originals_on_their_way_in
            case Milestone.NEVER_REACHED:
                return False

    @property
    def originals_on_their_way_in(self) -> bool:
        picked_up = any(s.left_at and s.state not in ("returned", "lost") for s in self.attempts(Leg.PICKUP))
        return not self.originals_left and (bool(self.returnable_at_hall) or (picked_up and not self.receipts))

    @property
    def decided(self) -> bool:
        """Too late to withdraw: rejected, or approved by all."""
        return bool(self.ending) or (bool(self.terms) and self.all_approved)

    # --- terms ---

    def term(self, started_at: datetime, working_days: int, now: datetime, besides: Iterable[Wait] = ()) -> Term:
        """A term of working days that counts from the day after ``started_at``. ``besides`` are pauses of its own."""
        start = clock_start(started_at, self.calendar)
        span = timedelta(days=working_days)
        stood = self._stood(start, now, besides)
        return Term(
            started_at=started_at,
            span=span,
            due=after_working_time(start, span + stood, self.calendar),
            yellow=after_working_time(start, span * 4 / 5 + stood, self.calendar),
            standing=self.standing,
        )

    @property
    def standing(self) -> bool:
        """The applicant has something to do; the clock stands meanwhile."""
        return self.open_correction is not None or any(wait.until is None for wait in self.waits)

    def _stood(self, start: datetime, now: datetime, besides: Iterable[Wait]) -> timedelta:
        """Working time in which the clock stood, however many reasons there were at once."""
        pauses = [(c.asked_at, c.done_at or now) for c in self.corrections]
        pauses += [(wait.since, wait.until or now) for wait in (*self.waits, *besides)]
        stood = timedelta()
        for since, until in sorted(pauses):
            stood += working_time(max(since, start), until, self.calendar)
            start = max(start, until)
        return stood

    def task_term(self, task: Task, now: datetime) -> Term:
        terms = self.service.task(task.code)
        assert terms is not None
        return self.term(task.started_at, terms.working_days, now)

    def promise_term(self, now: datetime) -> Term | None:
        """The promise, door to door; None before it runs. It stands while the applicant puts the courier off, too."""
        if self.settled_at is None:
            return None
        return self.term(self.settled_at, self.service.promise.working_days, now, self.put_off)


def fold_happening(case: Case, key: str, code: str, at: datetime, about: Shipment | None = None) -> Case:
    if any(happening.key == key for happening in case.happenings):
        return case
    happening = Happening(key, code, at, about.key if about else None)
    return replace(case, happenings=(*case.happenings, happening))
