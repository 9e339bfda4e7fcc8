"""What must hold at the end of each journey, whatever went wrong: the world and the hall's books tell the same."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from chalicelib.domain import events as e
from chalicelib.domain.case import Case
from chalicelib.domain.commit import canonical_json
from chalicelib.domain.due import agenda
from chalicelib.domain.ledger import Account
from chalicelib.domain.service import Leg
from chalicelib.domain.whereabouts import Place, originals, parcels
from chalicelib.domain.worklist import worklist
from chalicelib.logs import JsonFormatter
from chalicelib.ports import Staff, VendorError, VersionTaken
from chalicelib.usecases import desk
from chalicelib.usecases.execute import Busy, load
from chalicelib.usecases.folds import Folds
from tests.api import ADDRESS, APPLICANT
from tests.chaos.journey import Journey
from tests.chaos.papers import DOOR, HALL, LOST, PACKED
from tests.chaos.people import STREETS

AUDITOR = Staff("auditor-1", frozenset({"auditor"}))
PERSONAL = (APPLICANT["name"], APPLICANT["phone"], APPLICANT["id_number"], ADDRESS["street"], *STREETS)
PLACES = {DOOR: Place.APPLICANT, HALL: Place.HALL, PACKED: Place.HALL, LOST: Place.LOST}
Finding = Iterator[str]


class Ear(logging.Handler):
    """Hears what the hall logs, for what must not be in it, and for faults that nobody has foreseen."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, VendorError | Busy | VersionTaken):
            self.heard.append(f"{record.name}: unforeseen {line}")
        if any(part in line for part in PERSONAL):
            self.heard.append(f"{record.name}: personal data in the log")


def check(journey: Journey) -> list[str]:
    """Everything that is wrong; each invariant that was asked about is counted in ``journey.checks``."""
    journey.hall.folds = Folds()  # from the log alone, not from what a process kept
    for person in journey.persons:
        case = load(journey.hall, person.number).case
        for name, rule in RULES.items():
            journey.checks[name] += 1
            journey.wrong += [f"{case.number}: {name}: {found}" for found in rule(journey, case)]
    journey.checks["no webhook is left unapplied"] += 1
    journey.wrong += _inbox(journey)
    return journey.wrong


def _end(journey: Journey, case: Case) -> Finding:
    if not case.ending:
        yield "it has not come to an end"
    later = journey.world.clock.now + timedelta(days=30)
    for step in agenda(case, later):
        yield f"still owed: {step.kind} {step.subject}"
    for item in worklist(case, later):
        yield f"still at the desk: {item.row} {item.state}"
    if any(journey.hall.log.unrelayed(later)):
        yield "a commit was never handed on"


def _charges(journey: Journey, case: Case) -> Finding:
    paid = {
        c.payment: c.amount.amount for c in journey.hall.bank.checkouts.values() if c.case == case.number and c.payment
    }
    known = {payment.id: payment.amount for payment in case.payments}
    if paid != known:
        yield f"the provider was paid {paid}, the hall knows of {known}"
    if len(known) != len(case.payments):
        yield "a payment is in the log twice"
    if sum(not payment.surplus for payment in case.payments) > 1:
        yield "more than one charge is kept"
    if any(
        c.case == case.number and c.state == "open"
        for c in map(journey.hall.bank.checkout, journey.hall.bank.checkouts)
    ):
        yield "a payment page is still open"


def _refunds(journey: Journey, case: Case) -> Finding:
    made = [(payment, refund) for payment, refund in journey.hall.bank.refunds.values() if payment in _payments(case)]
    given = {refund.id: refund.amount.amount for _, refund in made if refund.state in ("succeeded", "pending")}
    done = {refund.vendor: refund.amount for refund in case.refunds if refund.state == "done"}
    if given != done:
        yield f"the provider gave back {given}, the hall knows of {done}"
    for payment in case.payments:
        refunds = [refund for refund in case.refunds if refund.payment == payment.id and refund.state != "void"]
        owed, lost = sum(refund.amount for refund in refunds), _lost(journey, payment.id)
        # What a person has paid back by other means a bank may take back once more: no rule book can help that.
        taken = sum(refund.amount for refund in refunds if refund.state == "done") + lost
        if max(owed, taken) > payment.amount or (payment.surplus and owed + lost < payment.amount):
            yield f"{owed} of {payment.amount} goes back of {payment.id}, and {lost} was lost to disputes"
    for refund in case.refunds:
        if refund.state not in ("done", "settled", "void"):
            yield f"refund {refund.number} is {refund.state}"


def _disputes(journey: Journey, case: Case) -> Finding:
    truth = {d.id: (d.state, d.amount.amount) for d in journey.hall.bank.disputed.values() if d.case == case.number}
    known = {dispute.id: (dispute.status, dispute.amount) for dispute in case.disputes}
    if truth != known:
        yield f"the bank says {truth}, the hall {known}"


def _lost(journey: Journey, payment: str) -> int:
    return sum(d.amount.amount for d in journey.hall.bank.disputes(payment) if d.state == "lost")


def _payments(case: Case) -> set[str]:
    return {payment.id for payment in case.payments}


def _books(journey: Journey, case: Case) -> Finding:
    entries = [entry for entry in journey.hall.ledger.between(*_always(case)) if entry.case == case.number]
    balance: Counter[Account] = Counter()
    for entry in entries:
        if sum(posting.amount for posting in entry.postings):
            yield f"entry {entry.version}.{entry.number} does not balance"
        for posting in entry.postings:
            balance[posting.account] += posting.amount
    bank = journey.hall.bank
    paid = sum(c.amount.amount for c in bank.checkouts.values() if c.case == case.number and c.payment)
    given = sum(r.amount.amount for p, r in bank.refunds.values() if p in _payments(case) and r.state == "succeeded")
    held = paid - given - sum(_lost(journey, payment.id) for payment in case.payments)
    if balance[Account.PROVIDER] != held:
        yield f"the books say {balance[Account.PROVIDER]} at the provider, who has {held}"
    for account in (Account.REFUNDS, Account.SURPLUS, Account.DISPUTED):
        if balance[account]:
            yield f"{balance[account]} left on {account}"


def _always(case: Case) -> tuple[date, date]:
    assert case.submitted_at is not None
    return case.submitted_at.date() - timedelta(days=2), case.submitted_at.date() + timedelta(days=400)


def _parcels(journey: Journey, case: Case) -> Finding:
    jobs = {job.order.number: job for job in journey.jobs if job.case == case.number}
    places = parcels(case)
    for shipment in case.shipments:
        job, place = jobs.pop(shipment.order, None), places[shipment.leg, shipment.attempt].place
        if place is Place.COURIER:
            yield f"{shipment.order} is still with the courier, says the hall"
        truth = _place(job.state, shipment.leg) if job else (Place.NOWHERE,)
        if shipment.ending == "lost":
            truth += (Place.LOST,)  # that it turned up long after nobody may have told
        if place not in truth:
            yield f"{shipment.order} is {place}, says the hall; the courier: {job.state if job else 'unheard of'}"
    for order, job in jobs.items():
        yield f"{order} is {job.state} at the courier's, and the hall knows nothing of it"


def _place(state: str, leg: Leg) -> tuple[Place, ...]:
    inwards = leg is Leg.PICKUP
    match state:
        case "delivered":
            return (Place.HALL if inwards else Place.APPLICANT,)
        case "returned":
            return (Place.APPLICANT if inwards else Place.HALL,)
        case "lost":
            return (Place.LOST,)
        case "cancelled":
            return (Place.NOWHERE,)
    return ()


def _papers(journey: Journey, case: Case) -> Finding:
    places = journey.people[case.number].papers.places
    written_off = any(shipment.ending == "lost" for shipment in case.shipments)
    for code, where in originals(case).items():
        truth = PLACES.get(places.get(code, DOOR), Place.COURIER)
        # What was in an envelope that never arrived nobody in the hall has seen: all that it waits for counts as lost.
        # And that a parcel turned up long after, nobody may have told.
        if where.place is not truth and not (written_off and where.place is Place.LOST):
            yield f"{code} is {truth} in truth, and {where.place} for the hall"
    if case.ending == "closed" and case.service.delivery:
        good = [f"certificate {c.number}" for c in case.certificates if not c.revoked]
        if not good or any(places.get(name) != DOOR for name in good):
            yield f"closed without the certificate at the door: {places}"


def _register(journey: Journey, case: Case) -> Finding:
    for certificate in case.certificates:
        record = journey.hall.register.get(certificate.number)
        if record is None:
            yield f"{certificate.number} is not in the register"
        elif bool(record.revoked_at) != certificate.revoked:
            yield f"{certificate.number} is revoked in one place only"
        elif case.ending == "closed" and not certificate.revoked and record.delivered_at is None:
            yield f"{certificate.number} is at the door, and in delivery for all the world"


def _chain(journey: Journey, case: Case) -> Finding:
    audit = desk.audit(journey.hall, AUDITOR, case.number)
    if audit.broken:
        yield f"broken at version {audit.broken}"
    yield from (f"altered: {name}" for name in audit.altered)


def _news(journey: Journey, case: Case) -> Finding:
    moves = Counter((s.key, move.identity) for s in case.shipments for move in s.moves)
    told = Counter((s.key, move.state, move.at, move.undoes) for s in case.shipments for move in s.moves)
    for key, times in (*moves.items(), *told.items()):
        if times > 1:
            yield f"{key} stands {times} times in the log"


def _once(journey: Journey, case: Case) -> Finding:
    """What can happen but once stands once in the log."""
    record = load(journey.hall, case.number).record
    kinds = (
        e.TaskStarted,
        e.CourierRequested,
        e.MessageSent,
        e.RefundOwed,
        e.RefundDone,
        e.CertificateIssued,
    )
    at = journey.world.clock.now
    seen = Counter(
        canonical_json(str(replace(event, at=at, by="")))
        for c in record.commits
        for event in c.events
        if isinstance(event, kinds)
    )
    endings = Counter(type(event) for c in record.commits for event in c.events)
    if endings[e.Closed] > endings[e.Reopened] + 1:
        yield "closed twice"
    yield from (f"{event.decode()} stands {times} times in the log" for event, times in seen.items() if times > 1)


def _read_model(journey: Journey, case: Case) -> Finding:
    view = journey.hall.read_model._views.get(case.number)
    rows = [(item.row, item.state) for item in worklist(case, journey.world.clock.now)]
    if view is None or view.version != case.version:
        yield f"the read model shows version {view.version if view else None} of {case.version}"
    elif [(row.row, row.state) for row in view.rows] != rows:
        yield f"the desk shows {view.rows}"


def _messages(journey: Journey, case: Case) -> Finding:
    sent = Counter(m.key for m in journey.hall.notifier.messages if m.key.startswith(case.number))
    wanted = {f"{case.number}-{happening.key}-sms" for happening in case.happenings}
    if set(sent) != wanted or any(times > 1 for times in sent.values()):
        yield f"sent {sorted(set(sent) ^ wanted)}, or twice"
    if case.told != {happening.key for happening in case.happenings}:
        yield "the log does not say who was told"


def _privacy(journey: Journey, case: Case) -> Finding:
    for document in journey.hall.log.documents(case.number):
        body = canonical_json(document).decode()
        if any(part in body for part in PERSONAL):
            yield f"personal data in version {document['version']}"


def _inbox(journey: Journey) -> list[str]:
    later = journey.world.clock.now + timedelta(days=1)
    waiting = [f"{message.id}: never applied" for message in journey.hall.inbox.new_before(later)]
    stray = [f"{m.id}: left with {m.error}" for m in journey.hall.inbox.failed() if "stray-" not in m.id]
    return waiting + stray


RULES: dict[str, Callable[[Journey, Case], Finding]] = {
    "the case reaches an end and nothing is owed": _end,
    "one paid charge at most is kept": _charges,
    "refunds never exceed what was paid, and agree": _refunds,
    "every dispute is known": _disputes,
    "the ledger balances and agrees with the provider": _books,
    "every parcel is accounted for": _parcels,
    "every original is accounted for": _papers,
    "the public register tells the truth": _register,
    "the chain is intact": _chain,
    "each piece of news is written once": _news,
    "what happens once is written once": _once,
    "the read model is the fold": _read_model,
    "each message is sent once": _messages,
    "nothing personal is in the log": _privacy,
}
