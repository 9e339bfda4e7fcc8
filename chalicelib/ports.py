"""What the use cases need from the world: small protocols, named by need. Adapters implement them.

Failures of a vendor come in three kinds, so that a caller knows what to do without knowing the vendor:

    VendorError
    ├── VendorRejected    the vendor understood and said no: asking again will not help
    ├── VendorTemporary   it certainly did not happen; ask again later
    └── VendorUnknown     it may have happened (a time-out after sending): ask what became of it before asking again
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Protocol

from chalicelib.domain.commit import Commit
from chalicelib.domain.due import Step
from chalicelib.domain.ledger import Entry
from chalicelib.domain.money import Money


class VendorError(Exception):
    """A vendor did not do what was asked. ``code`` is the vendor's own, for the log; never personal data."""

    def __init__(self, vendor: str, code: str) -> None:
        super().__init__(f"{vendor}: {code}")
        self.vendor = vendor
        self.code = code


class VendorRejected(VendorError):
    """The vendor said no; do not retry."""


class VendorTemporary(VendorError):
    """It did not happen; retry later."""


class VendorUnknown(VendorError):
    """It may have happened; query before retrying."""


class Forged(Exception):
    """A message whose signature, token or time does not hold. Store nothing."""


# --- couriers ----------------------------------------------------------------------------------------------------

WHEN_TOLD = datetime(1, 1, 1, tzinfo=UTC)
"""The time of news whose courier names none: it becomes the time at which the hall was told."""


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a shipment. Personal data: never logged."""

    name: str
    phone: str
    province: str
    city: str
    county: str
    street: str
    postcode: str = ""
    country: str = "CN"


@dataclass(frozen=True, slots=True)
class Window:
    """When the courier may call: aware datetimes."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class CourierOrder:
    """A shipment to be ordered. ``number`` (``<case>-<leg>-<attempt>``) is ours and makes ordering idempotent."""

    number: str
    sender: Party
    receiver: Party
    window: Window | None  # None: the hall's own mail room hands over, no appointment
    contents: str = "documents"


@dataclass(frozen=True, slots=True)
class News:
    """One thing that a courier said of one shipment.

    ``state`` is canonical (COURIER_STATES), ``at`` the courier's own event time (aware; WHEN_TOLD where a push names
    none), ``code`` the courier's code, ``identity`` the same for every repetition of the same news. ``undoes`` names
    the canonical state that this news takes back (EMS reversals), else "". ``reason`` is why something went wrong
    (COURIER_REASONS), else "".
    """

    identity: str
    waybill: str
    order: str  # our order number, "" when the courier does not send it back
    state: str
    at: datetime
    code: str
    undoes: str = ""
    reason: str = ""

    def heard(self, at: datetime) -> News:
        """As it is when the hall hears it at that time: news without a time of its own takes this one."""
        return replace(self, at=at) if self.at == WHEN_TOLD else self


@dataclass(frozen=True, slots=True)
class Shipment:
    """What a courier knows of one order: its waybill ("" while none is assigned) and all news so far, oldest first."""

    order: str
    waybill: str
    news: tuple[News, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer to a vendor, in the vendor's own form."""

    status: int
    content_type: str
    body: str


COURIER_STATES = (
    "ordered",
    "pickup_scheduled",
    "picked_up",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "delivery_failed",
    "returned",
    "cancelled",
    "exception",
)

COURIER_REASONS = (
    "nobody_home",
    "refused",
    "wrong_address",
    "not_collectable",
    "delayed",
    "lost",
    "damaged",
    "awaiting_collection",
)


class Courier(Protocol):
    """A courier that fetches and brings. Every method may raise the three kinds of VendorError."""

    @property
    def code(self) -> str: ...

    @property
    def finds_by_order(self) -> bool:
        """Whether ``query`` finds a shipment by our order number alone, so that None means that there is none."""
        ...

    def order(self, order: CourierOrder) -> Shipment:
        """Order a shipment; the same ``order.number`` again gives the same shipment, never a second one."""
        ...

    def cancel(self, order: str, waybill: str) -> None:
        """Call a shipment off; one that is called off already is no error. VendorRejected: it is too late."""
        ...

    def query(self, order: str, waybill: str) -> Shipment | None:
        """What the courier knows of this order (or of this waybill), None when it knows nothing."""
        ...


class CourierWebhook(Protocol):
    """How a courier reports by webhook. Pure but for its keys, and for the hall's memory in ``read``: no network.

    ``headers`` have lower-case names. ``authenticate`` raises Forged and gives the sender's own identity of the
    message, the same for each repetition of it; ``read`` raises ValueError for a body that makes no sense.
    """

    @property
    def code(self) -> str: ...

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str: ...

    def acknowledge(self, body: bytes) -> Reply: ...

    def refuse(self) -> Reply: ...

    def read(self, body: bytes) -> tuple[News, ...]: ...


# --- payments ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkout:
    """A hosted payment page. ``state`` is ``open``, ``paid`` or ``expired``; ``payment`` is "" until paid."""

    id: str
    url: str
    state: str
    amount: Money
    expires_at: datetime
    case: str
    payment: str = ""


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    """A line on the payment page: its title in the applicant's language, its amount in minor units."""

    code: str
    title: str
    amount: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as the payment provider sees it; ``state`` is ``pending``, ``succeeded``, ``failed`` or ``canceled``."""

    id: str
    state: str
    amount: Money
    reason: str = ""


DISPUTE_STATES = (
    "warning_needs_response",  # an inquiry: the bank asks, and has taken nothing yet
    "warning_under_review",
    "needs_response",  # the bank has taken the amount back, and hears the hall
    "under_review",
    "won",
    "lost",
    "closed",  # it came to nothing
)


@dataclass(frozen=True, slots=True)
class Dispute:
    """A payment, or part of it, that the payer's bank disputes.

    ``state`` is one of DISPUTE_STATES, ``reason`` the bank's, ``respond_by`` until when it hears the hall. ``case`` is
    the payment's, "" for a payment that no case was paid with.
    """

    id: str
    payment: str
    case: str
    amount: Money
    state: str
    reason: str
    respond_by: datetime | None


@dataclass(frozen=True, slots=True)
class StatementItem:
    """One object on the provider's statement.

    ``case`` is the case that it was made for and ``payment`` the payment that it belongs to, each "" where it names
    none. ``state`` of a checkout and of a refund is as above, of a charge (a try to pay) ``succeeded``, ``pending`` or
    ``failed``, of a dispute one of DISPUTE_STATES. ``key`` is the key that a refund was made under, else "".
    """

    id: str
    case: str
    payment: str
    amount: Money
    state: str
    created: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What was made at the provider in a span of time, as it is now, in no order."""

    checkouts: tuple[StatementItem, ...] = ()
    charges: tuple[StatementItem, ...] = ()
    refunds: tuple[StatementItem, ...] = ()
    disputes: tuple[StatementItem, ...] = ()


class Payments(Protocol):
    """Checkouts, refunds and disputes. Every method may raise the three kinds of VendorError."""

    def open_checkout(
        self,
        key: str,
        case: str,
        lines: Sequence[CheckoutLine],
        currency: str,
        *,
        language: str,
        return_url: str,
        expires_at: datetime,
    ) -> Checkout:
        """Open a checkout; the same ``key`` and content give the same one."""
        ...

    def checkout(self, id: str) -> Checkout: ...

    def expire_checkout(self, id: str) -> Checkout:
        """Close an open checkout, so that it can't be paid any more; gives it as it is afterwards (maybe paid)."""
        ...

    def refund(self, key: str, payment: str, amount: Money, case: str) -> Refund:
        """Give back part of a payment; the same ``key`` gives the same refund."""
        ...

    def refund_made(self, key: str, payment: str) -> Refund | None:
        """The refund that was made under this key, as it is now; None: there is none."""
        ...

    def dispute(self, id: str) -> Dispute: ...

    def disputes(self, payment: str) -> tuple[Dispute, ...]:
        """All disputes of a payment."""
        ...

    def statement(self, since: datetime, until: datetime) -> Statement:
        """All that was made from ``since`` on and before ``until``, whoever made it. Whole seconds count."""
        ...


class PaymentWebhook(Protocol):
    """``authenticate`` raises Forged and gives the event's identity.

    ``reduced`` gives of an authenticated body what the others need of it, which alone is kept: no personal data.
    ``checkout_of`` and ``dispute_of`` give the id of what is to be fetched anew, ``case_of`` the case that any other
    event belongs to; None where the event is about no such thing.
    """

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str: ...

    def reduced(self, body: bytes) -> bytes: ...
    def checkout_of(self, body: bytes) -> str | None: ...
    def dispute_of(self, body: bytes) -> str | None: ...
    def case_of(self, body: bytes) -> str | None: ...


# --- certificates, files, messages -------------------------------------------------------------------------------


class Signer(Protocol):
    """A P-256 key that never leaves its keeper."""

    @property
    def key_id(self) -> str:
        """The ``kid`` of its JWK."""
        ...

    def sign(self, message: bytes) -> bytes:
        """ES256 signature of the message: 64 bytes, r then s (RFC 7518 §3.4)."""
        ...

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JWK with ``kid``, ``alg`` and ``use``."""
        ...


@dataclass(frozen=True, slots=True)
class CertificateDocument:
    """What is printed on a certificate. ``fields`` are the answers that its template names. Personal data."""

    number: str
    title: str
    service: str
    version: str
    language: str
    issued_at: date
    valid_until: date | None
    issuer: str
    seal_url: str  # what its QR holds
    fields: Mapping[str, Any] = field(default_factory=dict)


class Typesetter(Protocol):
    """Makes certificates."""

    def typeset(self, template: str, document: CertificateDocument) -> bytes:
        """A tagged PDF/A-2b from the text of a Typst template. ValueError: the template does not compile."""
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is stored now; ``etag`` changes with its content. ``content`` is None for one that is too large."""

    content: bytes | None
    content_type: str
    size: int
    etag: str


class Files(Protocol):
    """Private files under a key."""

    @property
    def origin(self) -> str:
        """Scheme and host of its presigned addresses, for a page's Content-Security-Policy."""
        ...

    def put_once(self, key: str, content: bytes, content_type: str) -> bytes:
        """Store, unless something is stored there already; gives what is stored there now."""
        ...

    def get(self, key: str) -> bytes | None: ...

    def read(self, key: str, *, most: int) -> StoredFile | None:
        """What is stored, with its content if that is no larger than ``most`` bytes; None when nothing is."""
        ...

    def copy(self, source: str, target: str, *, etag: str, content_type: str) -> bool:
        """Copy within the store, if the source is still the one of this ``etag`` (False: it is not, or not there)."""
        ...

    def delete(self, key: str) -> None: ...

    def url(self, key: str, *, seconds: int, filename: str) -> str:
        """A short-lived address to fetch it from."""
        ...

    def upload_post(
        self, key: str, *, content_type: str, size: int, seconds: int, least: int = 1, back: str = ""
    ) -> tuple[str, Mapping[str, str]]:
        """Address and form fields of a POST that stores exactly this type, of ``least`` to ``size`` bytes, under this
        key. A browser is sent ``back`` there afterwards, where that is not ""."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file really is: its media type ("" for what the hall can't look into), and what is wrong with it.

    ``fault`` is "", ``file_empty``, ``file_type_not_accepted``, ``file_too_large`` (a picture of too many pixels),
    ``file_unreadable`` or ``file_protected``.
    """

    content_type: str
    fault: str = ""


class Inspector(Protocol):
    """Looks into files of strangers."""

    def inspect(self, content: bytes, accepts: Sequence[str]) -> Finding:
        """Open it for what it is, whatever its name says, if that is one of the media types that are accepted."""
        ...


class Notifier(Protocol):
    """Tells the applicant."""

    def sms(self, key: str, phone: str, text: str) -> None: ...

    def email(self, key: str, address: str, subject: str, text: str) -> None: ...


# --- the desk's people -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody at the desk. ``subject`` is the issuer's lasting identifier; roles and departments are groups' ids."""

    subject: str
    roles: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()


class Identities(Protocol):
    """Who signs in at the desk is an OpenID Connect issuer's business."""

    def verify(self, token: str) -> Staff:
        """Whose token it is. Forged: it does not hold, or not any more. VendorTemporary: no keys to check it with."""
        ...


# --- the store ---------------------------------------------------------------------------------------------------


class VersionTaken(Exception):
    """Somebody else has written this version of the case: load, decide again."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What the applicant sent in, revision by revision. Personal data, erasable; its digest is in the log.

    ``uploads`` maps a material to its uploads' ids.
    """

    case: str
    revision: int
    salt: str
    answers: Mapping[str, Any]
    uploads: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Note:
    """A free text (reason, comment) of a case. Personal data, erasable; the log carries only its ``digest``."""

    case: str
    digest: str
    salt: str
    text: str


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """All that is stored of a case: commits by version, submissions by revision, notes by digest."""

    commits: tuple[Commit, ...]
    submissions: tuple[Submission, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def answers(self) -> Mapping[str, Any]:
        """The newest answers; empty once they are erased."""
        return self.submissions[-1].answers if self.submissions else {}

    def with_commit(self, commit: Commit, *beside: Submission | Note) -> CaseRecord:
        """What is stored once this commit was appended, with what lies beside it."""
        return CaseRecord(
            (*self.commits, commit),
            (*self.submissions, *(item for item in beside if isinstance(item, Submission))),
            (*self.notes, *(item for item in beside if isinstance(item, Note))),
        )


class CaseLog(Protocol):
    """The log of commits, and what lies erasable beside it in the same partition."""

    def append(self, commit: Commit, *beside: Submission | Note) -> None:
        """Write one commit (one conditional put; one transaction with what lies beside it). Raises VersionTaken."""
        ...

    def load(self, case: str) -> CaseRecord | None:
        """Everything of a case in one consistent query, None when there is no such case."""
        ...

    def documents(self, case: str) -> tuple[Mapping[str, Any], ...]:
        """The JSON of a case's commits just as it is stored, for the audit; {} for what is no JSON object."""
        ...

    def erase(self, case: str) -> None:
        """Forget the submissions and notes of a case. The log and its chain stay as they are."""
        ...

    def relayed(self, case: str, version: int) -> None:
        """This commit has been handed on; take it out of the outbox."""
        ...

    def unrelayed(self, before: datetime) -> Iterator[tuple[str, int]]:
        """Case and version of each commit from before that instant that was not handed on."""
        ...

    def cases(self, after: str = "") -> Iterator[str]:
        """The number of every case, in an order of the store's own; those behind that case. Reads the whole log."""
        ...


class Ledger(Protocol):
    """The hall's books, day by day. Can be thrown away and folded anew from the log."""

    def put(self, entries: Sequence[Entry]) -> None:
        """Write entries down; one that is there already stays the only one of its case, version and number."""
        ...

    def between(self, first: date, last: date) -> Iterator[Entry]:
        """All entries of these days and the days between them, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A line of the desk's queue. ``room`` is a department's id, ``front`` (clerks) or ``supervision``.

    ``row`` is unique in the case: a task's code, or what is to be done with the paper.
    """

    case: str
    row: str
    room: str
    service: str
    state: str
    task: str
    due: datetime
    light: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the queue, most urgent first; ``cursor`` is opaque, "" on the last page."""

    rows: tuple[QueueRow, ...]
    cursor: str


class ReadModel(Protocol):
    """The desk's queue and each case's next look. Can be thrown away and folded anew from the log."""

    def save(self, case: str, version: int, rows: Sequence[QueueRow], attention_at: datetime | None) -> None:
        """What the case looks like at this version; an older version than the saved one changes nothing."""
        ...

    def queue(self, room: str | None, state: str, *, limit: int, cursor: str) -> Page:
        """Rows of a room in a state (``state`` may be "" for all), of all rooms when ``room`` is None.

        ValueError for a cursor that is not ours.
        """
        ...

    def needing_attention(self, now: datetime) -> Iterator[tuple[str, int, int]]:
        """Case, version and how often in a row it was looked at in vain, for all whose ``attention_at`` has passed."""
        ...

    def look_again(self, case: str, version: int, at: datetime) -> None:
        """Put off the next look, and count it; nothing when the case has moved on since that version."""
        ...

    def put_off(self, case: str, version: int, at: datetime) -> None:
        """As ``look_again``, but not counted: nothing was tried in vain."""
        ...


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """What a vendor told us, as it came, or so much of it as the hall has to know.

    ``id`` is ``<source>#<the sender's own identity of the message>``.
    """

    id: str
    source: str  # stripe, courier:<code>
    body: bytes
    received_at: datetime
    state: str = "new"  # new, applied, failed
    error: str = ""


class Inbox(Protocol):
    """Webhooks, stored before they are applied. Kept after they were applied, so that a repetition is known."""

    def put(self, message: InboxMessage) -> bool:
        """Store it, unless one with this id is there already (False)."""
        ...

    def get(self, id: str) -> InboxMessage | None: ...

    def set_state(self, id: str, state: str, error: str = "") -> None: ...

    def new_before(self, before: datetime) -> Iterator[InboxMessage]:
        """Messages that nobody has applied although they came before that instant."""
        ...

    def failed(self) -> Iterator[InboxMessage]: ...


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """What everyone may know of a certificate. ``holder`` is masked."""

    number: str
    case: str
    code: str
    service: str
    version: str
    holder: str
    issued_at: datetime
    valid_until: date | None
    digest: str  # SHA-256 of the PDF, hex
    revoked_at: datetime | None = None
    delivered_at: datetime | None = None


class CertificateRegister(Protocol):
    def put_once(self, record: CertificateRecord) -> CertificateRecord:
        """Store, unless the number is there already; gives what is stored there now."""
        ...

    def get(self, number: str) -> CertificateRecord | None: ...

    def stamp(self, number: str, *, delivered_at: datetime | None = None, revoked_at: datetime | None = None) -> None:
        """Write down, once, when it was delivered or revoked; a later stamp of the same kind changes nothing."""
        ...


class Lookups(Protocol):
    """Small keyed records, some with an end: courier look-ups, one-time codes, leases, counters, uploads.

    Expired ones are not seen, whether or not the store has cleared them away. ``now`` comes from the caller.
    """

    def put_once(self, key: str, value: Mapping[str, Any], *, now: datetime, expires: datetime | None = None) -> bool:
        """Store, unless a live record is there (False)."""
        ...

    def put(self, key: str, value: Mapping[str, Any], *, expires: datetime | None = None) -> None: ...

    def replace(
        self, key: str, seen: Mapping[str, Any], value: Mapping[str, Any], *, expires: datetime | None = None
    ) -> bool:
        """Store in place of what ``get`` gave; False where that does not stand there any more."""
        ...

    def get(self, key: str, *, now: datetime) -> Mapping[str, Any] | None: ...

    def count(self, key: str, *, now: datetime, expires: datetime) -> int:
        """Count one more and give the count; an expired counter starts anew at 1 with the new end."""
        ...

    def delete(self, key: str) -> None: ...


class StepQueue(Protocol):
    """Hands steps to the perform worker. May lose or double them: the sweep and level-triggering make up for it."""

    def send(self, case: str, steps: Sequence[Step]) -> None: ...
