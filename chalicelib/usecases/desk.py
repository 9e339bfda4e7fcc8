"""The desk: who may do what, what each sees of a case, and the commands of clerks, reviewers and supervisors."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.domain import events as e
from chalicelib.domain.case import Case
from chalicelib.domain.commands import Command, DecideTask, Dispatch, ReceiveOriginals, ResolveShipment, SettleRefund
from chalicelib.domain.commit import first_broken
from chalicelib.domain.errors import DomainError, Invalid, NotAllowed, NotFound
from chalicelib.domain.numbers import parse_case_number
from chalicelib.domain.worklist import FRONT
from chalicelib.forms.slices import take
from chalicelib.ports import CaseRecord, CertificateRecord, InboxMessage, Note, Page, Staff
from chalicelib.usecases import certificates, inbox, payment, uploads
from chalicelib.usecases.execute import Loaded, change, load, make_note, salted_digest
from chalicelib.usecases.hall import Hall

REVIEWER, CLERK, SUPERVISOR, AUDITOR = "reviewer", "clerk", "supervisor", "auditor"
ROLES = frozenset({REVIEWER, CLERK, SUPERVISOR, AUDITOR})
EVERYWHERE = frozenset({CLERK, SUPERVISOR, AUDITOR})  # see the cases of all departments
LONGEST_ID = 300  # of an inbox message; no vendor's identity is longer, and no store's key may be endless
ENVELOPE = ("/applicant/name",)  # all that a clerk needs of the answers: whose envelope it is


class Right(StrEnum):
    SEE = "see"
    RECEIVE = "receive"
    DECIDE = "decide"
    DISPATCH = "dispatch"
    PRINT = "print"
    REVOKE = "revoke"
    SETTLE = "settle"
    RESOLVE = "resolve"
    AUDIT = "audit"
    INBOX = "inbox"
    REPORTS = "reports"


RIGHTS: Mapping[Right, frozenset[str]] = {
    Right.SEE: ROLES,
    Right.RECEIVE: frozenset({CLERK}),
    Right.DECIDE: frozenset({REVIEWER}),
    Right.DISPATCH: frozenset({CLERK}),
    Right.PRINT: frozenset({CLERK}),
    Right.REVOKE: frozenset({SUPERVISOR}),
    Right.RESOLVE: frozenset({CLERK, SUPERVISOR}),
    Right.SETTLE: frozenset({SUPERVISOR}),
    Right.AUDIT: frozenset({AUDITOR, SUPERVISOR}),
    Right.INBOX: frozenset({SUPERVISOR}),
    Right.REPORTS: frozenset({AUDITOR, SUPERVISOR}),
}


class Outdated(DomainError):
    """The caller has looked at an older version of the case than the one there is."""


def require(staff: Staff, right: Right) -> None:
    """NotAllowed ``forbidden`` outside of one's role."""
    if not staff.roles & RIGHTS[right]:
        raise NotAllowed("forbidden")


def departments_of(staff: Staff) -> frozenset[str]:
    """The departments that somebody reviews for."""
    return staff.departments if REVIEWER in staff.roles else frozenset()


def by(staff: Staff) -> str:
    return f"staff:{staff.subject}"


def find(hall: Hall, staff: Staff, number: str) -> Loaded:
    """A case that one may see. NotFound ``unknown_case``: there is none, or a department has no task in it."""
    require(staff, Right.SEE)
    case = parse_case_number(number)
    if case is None:
        raise NotFound("unknown_case")
    loaded = load(hall, case)
    _check_sight(staff, loaded.case)
    return loaded


def _check_sight(staff: Staff, case: Case) -> None:
    taking_part = {task.department for task in case.terms}
    if not (staff.roles & EVERYWHERE or departments_of(staff) & taking_part):
        raise NotFound("unknown_case")


# --- what each sees ---


def visible_answers(staff: Staff, loaded: Loaded) -> dict[str, Any]:
    """The answers that one's own tasks read; of all others, a clerk sees whose envelope it is."""
    mine = departments_of(staff)
    pointers = [p for task in loaded.case.terms if task.department in mine for p in task.reads]
    return take(loaded.record.answers, [*pointers, *(ENVELOPE if CLERK in staff.roles else ())])


@dataclass(frozen=True, slots=True)
class VisibleFile:
    """An upload that was found clean. ``name`` tells its material and its place in it, and never whose it is."""

    material: str
    name: str
    file: e.KeptFile


def visible_uploads(staff: Staff, loaded: Loaded) -> Iterator[VisibleFile]:
    """The business of the departments that review the case; of what is being checked or was refused, nothing."""
    case, submissions = loaded.case, loaded.record.submissions
    if not submissions or not departments_of(staff) & {task.department for task in case.terms}:
        return
    kept = {file.upload: file for file in case.kept}
    for material, position, upload in uploads.each(submissions[-1].uploads):
        if file := kept.get(upload):
            extension = mimetypes.guess_extension(file.content_type) or ""
            yield VisibleFile(material, f"{material}-{position + 1}{extension}", file)


def upload_address(hall: Hall, case: str, shown: VisibleFile) -> str:
    """Where a reviewer can look at it, for five minutes."""
    return hall.uploads.url(uploads.kept_key(case, shown.file.upload), seconds=300, filename=shown.name)


def may_read_note(staff: Staff, case: Case, event: e.Event) -> bool:
    """Free texts: supervisors and auditors read all, a department its own tasks', clerks those of the parcels."""
    if isinstance(event, e.TaskDecided | e.CorrectionRequested):
        return may_read_reason(staff, case, event.task)
    clerks = isinstance(event, e.OriginalsReceived | e.ParcelLost | e.CourierCancelled)
    return may_read_reason(staff, case, "") if clerks else _watches(staff)


def may_read_reason(staff: Staff, case: Case, task: str) -> bool:
    """Whether one may read why a task decided so; "" stands for the clerks, who check the originals."""
    terms = case.service.task(task)
    mine = terms.department in departments_of(staff) if terms else CLERK in staff.roles
    return mine or _watches(staff)


def _watches(staff: Staff) -> bool:
    return bool(staff.roles & {SUPERVISOR, AUDITOR})


def queue(hall: Hall, staff: Staff, department: str, state: str, limit: int, cursor: str) -> Page:
    """One's own lines, most urgent first: reviewers' their department's, clerks' the front desk's, all for the rest.

    NotAllowed ``forbidden`` for another department's queue. ValueError for a cursor that is not ours.
    """
    require(staff, Right.SEE)
    return hall.read_model.queue(_room(staff, department), state, limit=limit, cursor=cursor)


def _room(staff: Staff, department: str) -> str | None:
    if _watches(staff):
        return department or None
    own = sorted(departments_of(staff)) + ([FRONT] if CLERK in staff.roles else [])
    if not own or (department and department not in own):
        raise NotAllowed("forbidden")
    return department or own[0]


# --- what they do ---


def receive_originals(
    hall: Hall, staff: Staff, number: str, items: Sequence[Mapping[str, Any]], sealed: bool, version: int | None
) -> Loaded:
    """What was in the envelope, as ``{"material", "present", "note"?}``. A missing original opens a correction."""
    require(staff, Right.RECEIVE)
    places = {item["material"]: position for position, item in enumerate(items)}
    if len(places) < len(items):
        raise Invalid("material_listed_twice", "/items")
    words = "\n".join(f"{item['material']}: {item['note']}" for item in items if item.get("note"))

    def command(digest: str) -> Command:
        return ReceiveOriginals(
            at=hall.now(),
            by=by(staff),
            present=tuple(item["material"] for item in items if item["present"]),
            missing=tuple(item["material"] for item in items if not item["present"]),
            sealed=sealed,
            note=digest,
        )

    try:
        return _change(hall, staff, number, command, words, version)
    except Invalid as error:
        codes = (pointer.removeprefix("/items/") for pointer in error.pointers)
        raise Invalid(error.code, *(f"/items/{places[code]}/material" for code in codes)) from None


@dataclass(frozen=True, slots=True)
class Decision:
    """``decision`` is ``approve``, ``reject`` or ``correct``; ``pointers`` are what is to be corrected."""

    decision: str
    reason: str = ""
    pointers: tuple[str, ...] = ()


def decide_task(hall: Hall, staff: Staff, number: str, task: str, decision: Decision, version: int | None) -> Loaded:
    require(staff, Right.DECIDE)

    def command(digest: str) -> Command:
        return DecideTask(
            at=hall.now(),
            by=by(staff),
            task=task,
            decision=decision.decision,
            departments=departments_of(staff),
            note=digest,
            pointers=decision.pointers,
        )

    return _change(hall, staff, number, command, decision.reason, version)


def dispatch(hall: Hall, staff: Staff, number: str, contents: Sequence[str], version: int | None) -> Loaded:
    """Packed: from now on a courier is owed."""
    require(staff, Right.DISPATCH)

    def command(_: str) -> Command:
        return Dispatch(at=hall.now(), by=by(staff), contents=tuple(contents))

    return _change(hall, staff, number, command, "", version)


def settle_refund(hall: Hall, staff: Staff, number: str, refund: int, reason: str, version: int | None) -> Loaded:
    """A supervisor has given back by other means what the payment provider could not.

    The provider is asked first, so that nobody gives back what it has given after all, or what the payer's bank takes.
    Raises its VendorError.
    """
    require(staff, Right.SETTLE)

    def command(digest: str) -> Command:
        return SettleRefund(at=hall.now(), by=by(staff), refund=refund, note=digest)

    case = find(hall, staff, number).case
    failed = case.refund(refund)
    if failed and reason.strip():
        payment.follow_payment(hall, case.number, failed.payment)
    return _change(hall, staff, number, command, reason, version)


def resolve_shipment(
    hall: Hall, staff: Staff, number: str, shipment: tuple[str, int], resolution: str, reason: str, version: int | None
) -> Loaded:
    """What has become of a shipment (leg, attempt) that no courier tells of: ``lost``, or ``not_collected``."""
    require(staff, Right.RESOLVE)
    leg, attempt = shipment

    def command(digest: str) -> Command:
        return ResolveShipment(
            at=hall.now(), by=by(staff), leg=leg, attempt=attempt, resolution=resolution, note=digest
        )

    return _change(hall, staff, number, command, reason, version)


def _change(
    hall: Hall, staff: Staff, number: str, command: Callable[[str], Command], words: str, version: int | None
) -> Loaded:
    """Carry out a command that is given the digest of the words. Outdated: the case has moved on from ``version``."""
    loaded = find(hall, staff, number)
    note = make_note(loaded.case.number, words)
    beside: tuple[Note, ...] = (note,) if note else ()

    def checked(loaded: Loaded) -> Command:
        if version is not None and loaded.case.version != version:
            raise Outdated("precondition_failed")
        return command(note.digest if note else "")

    return change(hall, loaded.case.number, checked, beside=beside, loaded=loaded)


def certificate_pdf(hall: Hall, staff: Staff, number: str, code: str) -> str:
    """A short-lived address of the signed PDF, to print. NotFound ``unknown_certificate``."""
    require(staff, Right.PRINT)
    return certificates.pdf_address(hall, find(hall, staff, number).case, code)


def revoke(hall: Hall, staff: Staff, number: str, reason: str) -> CertificateRecord:
    require(staff, Right.REVOKE)
    return certificates.revoke(hall, number, by(staff), reason)


# --- watching over it ---


@dataclass(frozen=True, slots=True)
class Audit:
    """The log as stored, the version of the first commit that does not fit, and what beside it is not what was
    logged."""

    commits: tuple[Mapping[str, Any], ...]
    broken: int | None
    altered: tuple[str, ...]


def audit(hall: Hall, staff: Staff, number: str) -> Audit:
    """Compute the chain anew, from the commits as they are stored: a log that can't be read can be audited too."""
    require(staff, Right.AUDIT)
    case = parse_case_number(number)
    documents = hall.log.documents(case) if case else ()
    if case is None or not documents:
        raise NotFound("unknown_case")
    broken = first_broken(documents)
    record = hall.log.load(case) if broken is None else None
    return Audit(documents, broken, tuple(_altered(record)) if record else ())


def _altered(record: CaseRecord) -> list[str]:
    """Submissions and notes whose digest is not the log's. Erased ones are no matter."""
    events = [event for commit in record.commits for event in commit.events]
    logged = [event.digest for event in events if isinstance(event, e.Submitted | e.Corrected)]
    found = []
    for submission in record.submissions:
        digest = salted_digest(submission.salt, {"answers": submission.answers, "uploads": submission.uploads})
        if digest not in logged[submission.revision - 1 : submission.revision]:
            found.append(f"submission-{submission.revision}")
    notes = (note for note in record.notes if salted_digest(note.salt, note.text) != note.digest)
    return found + [f"note-{note.digest[:12]}" for note in notes]


def inbox_messages(hall: Hall, staff: Staff, state: str) -> list[InboxMessage]:
    """What could not be applied (``failed``), or has not been yet (``new``)."""
    require(staff, Right.INBOX)
    return list(hall.inbox.failed() if state == "failed" else hall.inbox.new_before(hall.now()))


def replay(hall: Hall, staff: Staff, id: str) -> InboxMessage:
    """Apply a message once more; the message as it is then. NotFound ``unknown_message``."""
    require(staff, Right.INBOX)
    message = inbox.replay(hall, id) if len(id) <= LONGEST_ID else None
    if message is None:
        raise NotFound("unknown_message")
    return message
