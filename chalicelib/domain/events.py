"""What has happened to a case. The log is made of these; their JSON form is stable (a golden file per type).

No event carries personal data: answers, names, addresses, file names and free text live in erasable items beside the
log (submissions and notes), and events carry only those items' salted digests. ``at`` and ``by`` are the commit's:
``by`` is ``applicant``, ``hall``, ``payments``, ``courier:<code>`` or ``staff:<subject>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from typing import Any

from chalicelib.domain.jsonform import from_json, to_json


@dataclass(frozen=True, slots=True)
class Line:
    """A fee line that was charged or is given back, in minor units of the service's currency."""

    code: str
    amount: int


@dataclass(frozen=True, slots=True)
class Window:
    """When the courier may call at the applicant's door."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class KeptFile:
    """An upload that all is well with: what it really is, and its size in bytes. The desk reads it."""

    upload: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """An upload that the case does not go on with; ``code`` says why (``file_infected`` …)."""

    material: str
    upload: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Event):
    """The one form, in. ``idempotency`` and ``request`` are keyed digests of the caller's key and of the whole request;
    ``digest`` is the salted digest of submission 1; ``tasks`` and ``lines`` are those that these answers call for."""

    service: str
    service_version: str
    language: str
    idempotency: str
    request: str
    digest: str
    lines: tuple[Line, ...]
    tasks: tuple[str, ...]
    window: Window | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSent(Event):
    """A submission has brought uploads of these materials, or taken some away: the case waits for ``FilesChecked``."""

    submission: int
    materials: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesChecked(Event):
    """Every upload of a submission has been looked into and scanned. ``refused`` ones are asked for anew at once."""

    submission: int
    kept: tuple[KeptFile, ...]
    refused: tuple[RefusedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOpened(Event):
    checkout: str
    url: str
    amount: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutExpired(Event):
    checkout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePaid(Event):
    checkout: str
    payment: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SurplusPaid(Event):
    """Money that the hall must not keep: paid a second time, after the case had ended, or not the amount asked for."""

    checkout: str
    payment: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed(Event):
    """Not paid in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOwed(Event):
    """``refund`` counts the case's refunds from 1. ``lines`` is empty when a surplus payment goes back whole."""

    refund: int
    payment: str
    amount: int
    lines: tuple[Line, ...]
    reason: str  # withdrawn, rejected, lapsed, promise_broken, surplus


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSent(Event):
    """The payment provider has taken the order; the money is on its way."""

    refund: int
    vendor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDone(Event):
    refund: int
    vendor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFailed(Event):
    """The provider could not give it back, or the bank has sent back what was given: a person must."""

    refund: int
    vendor: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSettled(Event):
    """A person has given back, by other means, what the provider could not; ``note`` is the digest of how."""

    refund: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAdjusted(Event):
    """What is owed of a refund from now on: less once a lost dispute has taken the money (0: nothing), and more again
    when that dispute is won after all. ``lines`` are all its lines, with what each still gives back."""

    refund: int
    amount: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeMoved(Event):
    """The payer's bank disputes a payment. ``status`` is one of ``ports.DISPUTE_STATES``, ``code`` the bank's reason,
    ``respond_by`` until when it hears the hall (None: it won't, or has)."""

    dispute: str
    payment: str
    amount: int
    status: str
    code: str
    respond_by: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted(Event):
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDecided(Event):
    """``decision`` is ``approve`` or ``reject``; ``note`` is the digest of the reason, "" without one."""

    task: str
    decision: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRequested(Event):
    """The applicant has to correct fields for a task, or to send originals that were missing (``task`` "")."""

    task: str
    pointers: tuple[str, ...]
    materials: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(Event):
    submission: int
    digest: str
    pointers: tuple[str, ...]
    materials: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupRescheduled(Event):
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierRequested(Event):
    """Written before the courier is asked, so that a crash in between can't lose or double a booking: every retry
    repeats just this order. ``order`` is our number ``<case>-<leg>-<attempt>``."""

    leg: str
    attempt: int
    courier: str
    order: str
    window: Window | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierOrdered(Event):
    """The courier has taken the order; ``waybill`` is "" until it assigns one (then the event comes again with it)."""

    leg: str
    attempt: int
    waybill: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierRefused(Event):
    """The courier does not take this order; ``code`` is its own."""

    leg: str
    attempt: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCourierLeft(Event):
    """Each of the hall's couriers has refused this leg as it is."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupMissed(Event):
    """The courier's time is over, and it has not fetched the parcel, as it says itself."""

    leg: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierCancelled(Event):
    """Called off by the hall before the courier came; with a ``note``, by somebody at the desk who has made sure."""

    leg: str
    attempt: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRefused(Event):
    """Too late to call the courier off."""

    leg: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentMoved(Event):
    """News of a shipment. ``happened_at`` is the courier's time, ``identity`` the same for each repetition of the news;
    ``undoes`` names the state that it takes back, else ""; ``reason`` is why something went wrong (one of
    ``ports.COURIER_REASONS``), "" where that is not told."""

    leg: str
    attempt: int
    waybill: str
    state: str
    happened_at: datetime
    code: str
    identity: str
    undoes: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelMissing(Event):
    """The courier has it, was asked, and has had nothing to tell for many days."""

    leg: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelLost(Event):
    """Written off by somebody at the desk, with the certificates (numbers) and originals (codes) in it."""

    leg: str
    attempt: int
    certificates: tuple[str, ...]
    originals: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalsReceived(Event):
    """What the clerk found in the envelope, checked against the list of materials."""

    present: tuple[str, ...]
    missing: tuple[str, ...]
    sealed: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssued(Event):
    """``digest`` is the SHA-256 of the PDF."""

    task: str
    certificate: str
    number: str
    digest: str
    valid_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRevoked(Event):
    number: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed(Event):
    """Ready for the courier. ``leg`` is ``delivery`` or, with originals alone, ``return``."""

    leg: str
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Event):
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Event):
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Event):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Event):
    """The courier has taken back that it delivered the result, upon which the case had been closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated(Event):
    """``department`` is "" for the whole way."""

    department: str
    stars: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Event):
    """The applicant was told of a happening."""

    happening: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LightTurned(Event):
    """A task has used up 80 % (``yellow``) or all (``red``) of its working days."""

    task: str
    light: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken(Event):
    pass


TYPES: Mapping[str, type[Event]] = {type_.__name__: type_ for type_ in Event.__subclasses__()}


def event_to_json(event: Event) -> dict[str, Any]:
    """``{"type": "FeePaid", …}``, without ``at`` and ``by``: those stand once, in the commit.

    A field that came later has a default, and is written only where it says something else: a commit from before it
    is written as it always was.
    """
    told = {f.name: getattr(event, f.name) for f in fields(event) if f.name not in ("at", "by")}
    later = {f.name: f.default for f in fields(event) if f.default is not MISSING}
    values = {name: to_json(value) for name, value in told.items() if name not in later or value != later[name]}
    return {"type": type(event).__name__, **values}


def event_from_json(document: Mapping[str, Any], at: datetime, by: str) -> Event:
    """KeyError for an unknown type or a missing field (but for one that came later, with a default): a log that this
    version of the hall can't read must stop it."""
    event: Event = from_json(TYPES[document["type"]], {**document, "at": at, "by": by})
    return event
