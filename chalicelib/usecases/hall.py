"""What a use case is given: the hall with everything in it. ``wiring.py`` builds the real one, the tests one in memory.

Every attribute is made when it is first asked for, so a Lambda pays only for what its work needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.clock import Calendar

if TYPE_CHECKING:
    from chalicelib import ports
    from chalicelib.forms.catalogue import Catalogue
    from chalicelib.usecases.folds import Folds
    from chalicelib.usecases.vendors import Health


class Hall(Protocol):
    """The ports, the services, and the few facts that differ between halls."""

    @property
    def url(self) -> str:
        """Public address, without a slash at its end."""
        ...

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock: aware datetimes."""
        ...

    @property
    def mac_key(self) -> bytes:
        """For case numbers, tracking codes, request digests and applicants' tokens."""
        ...

    @property
    def party(self) -> ports.Party:
        """The hall's mail room, as the couriers know it."""
        ...

    @property
    def calendar(self) -> Calendar: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def folds(self) -> Folds: ...
    @property
    def log(self) -> ports.CaseLog: ...
    @property
    def ledger(self) -> ports.Ledger: ...
    @property
    def read_model(self) -> ports.ReadModel: ...
    @property
    def inbox(self) -> ports.Inbox: ...
    @property
    def register(self) -> ports.CertificateRegister: ...
    @property
    def lookups(self) -> ports.Lookups: ...
    @property
    def steps(self) -> ports.StepQueue: ...
    @property
    def health(self) -> Health:
        """What is known of the vendors' health. ``payments`` and ``courier`` learn it and go by it."""
        ...

    @property
    def payments(self) -> ports.Payments: ...
    @property
    def payment_webhook(self) -> ports.PaymentWebhook: ...
    @property
    def courier_codes(self) -> Sequence[str]:
        """All that the hall has a contract with."""
        ...

    def couriers_for(self, service: str) -> Sequence[str]:
        """In order of preference; the next one is asked when one refuses."""
        ...

    def courier(self, code: str) -> ports.Courier: ...
    def courier_webhook(self, code: str) -> ports.CourierWebhook: ...

    def courier_token(self, code: str) -> str:
        """The secret part of the address that this courier reports to; no other courier knows it."""
        ...

    @property
    def files(self) -> ports.Files: ...
    @property
    def uploads(self) -> ports.Files: ...
    @property
    def uploads_bucket(self) -> str:
        """The uploads' name where the scanner finds them."""
        ...

    @property
    def inspector(self) -> ports.Inspector: ...

    @property
    def scans_uploads(self) -> bool:
        """Whether each upload is scanned for malware, and the verdict has to be waited for."""
        ...

    @property
    def notifier(self) -> ports.Notifier: ...
    @property
    def signer(self) -> ports.Signer: ...
    @property
    def identities(self) -> ports.Identities: ...
    @property
    def typesetter(self) -> ports.Typesetter: ...
