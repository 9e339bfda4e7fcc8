"""What somebody wants of a case, or what the hall has learnt about it. ``at`` is now, ``by`` who says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from chalicelib.domain.events import KeptFile, Line, RefusedFile, Window
from chalicelib.domain.service import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    at: datetime
    by: str


# --- the applicant ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit(Command):
    """The form passed validation. ``tasks`` and ``lines`` are those that its answers call for; ``materials`` those that
    come with uploads."""

    language: str
    idempotency: str
    request: str
    digest: str
    lines: tuple[Line, ...]
    tasks: tuple[str, ...]
    window: Window | None
    materials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correct(Command):
    """The next submission, with the pointers and uploads (by material) that differ from the one before.

    ``brought`` are places that nobody marked, but that the form asks for or rules out because of what was corrected.
    """

    digest: str
    pointers: tuple[str, ...]
    materials: tuple[str, ...]
    brought: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reschedule(Command):
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Command):
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Command):
    department: str
    stars: int
    note: str = ""


# --- the desk ---


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOriginals(Command):
    present: tuple[str, ...]
    missing: tuple[str, ...]
    sealed: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideTask(Command):
    """``departments`` are the decider's own; ``note`` the digest of the reason, "" without one."""

    task: str
    decision: str
    departments: frozenset[str]
    note: str = ""
    pointers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch(Command):
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveShipment(Command):
    """A person says what has become of a shipment: ``lost``, or ``not_collected`` (the courier comes no more)."""

    leg: str
    attempt: int
    resolution: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke(Command):
    number: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRefund(Command):
    refund: int
    note: str


# --- what vendors did ---


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCheckout(Command):
    """A checkout as the payment provider shows it; ``payment`` is "" until it is paid."""

    checkout: str
    url: str
    state: str
    amount: int
    currency: str
    expires_at: datetime
    payment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefund(Command):
    """A refund as the payment provider shows it; ``vendor`` is "" where it was refused, and so never made."""

    refund: int
    vendor: str
    state: str  # pending, succeeded, failed, canceled; none: nobody has asked for it yet
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDispute(Command):
    """A dispute as the payment provider shows it. See ``events.DisputeMoved``."""

    dispute: str
    payment: str
    amount: int
    currency: str
    state: str
    code: str
    respond_by: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCourier(Command):
    leg: Leg
    attempt: int
    courier: str
    window: Window | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCourierOrder(Command):
    leg: Leg
    attempt: int
    waybill: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCourierRefusal(Command):
    leg: Leg
    attempt: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNoCourier(Command):
    """No courier is left to ask; ``attempt`` is the one that there would have been."""

    leg: Leg
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSilence(Command):
    """The courier was asked, and had no more to tell than what is written down."""

    leg: Leg
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCancellation(Command):
    leg: Leg
    attempt: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNews(Command):
    """News of one attempt, from its courier."""

    leg: Leg
    attempt: int
    waybill: str
    state: str
    happened_at: datetime
    code: str
    identity: str
    undoes: str = ""
    reason: str = ""


# --- what the hall did ---


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFiles(Command):
    """What became of every upload of a submission: those that are kept, and those that are not."""

    submission: int
    kept: tuple[KeptFile, ...]
    refused: tuple[RefusedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCertificate(Command):
    task: str
    number: str
    digest: str
    valid_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMessage(Command):
    happening: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnLight(Command):
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakPromise(Command):
    pass
