"""One form, in: validated, numbered, stored in one transaction, and its checkout opened."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.case import Case
from chalicelib.domain.commands import Submit
from chalicelib.domain.commit import canonical_json
from chalicelib.domain.errors import DomainError
from chalicelib.domain.events import Line, Window
from chalicelib.domain.numbers import case_number, tracking_code
from chalicelib.domain.service import Service
from chalicelib.forms.validation import Fault
from chalicelib.ports import VendorError, VersionTaken
from chalicelib.usecases.execute import append, execute, load, make_submission
from chalicelib.usecases.hall import Hall


class InvalidAnswers(DomainError):
    """The answers do not fit the form; ``faults`` lists each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("invalid_answers")
        self.faults = tuple(faults)


class IdempotencyKeyReused(DomainError):
    """The key has opened another case already."""

    def __init__(self) -> None:
        super().__init__("idempotency_key_reused")


@dataclass(frozen=True, slots=True)
class Application:
    """What an applicant sends. ``uploads`` maps materials to uploads' ids; ``version`` "" is the newest."""

    key: str
    service: str
    version: str
    language: str
    answers: Mapping[str, Any]
    uploads: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The case, its tracking code, and whether this key had opened it before."""

    case: Case
    tracking: str
    replayed: bool


def submit(hall: Hall, application: Application) -> Accepted:
    """Open a case, or find the one that this very request has opened. No read unless the key was used before.

    Raises InvalidAnswers, IdempotencyKeyReused, and the catalogue's UnknownService.
    """
    from chalicelib.forms.validation import validate_application

    now = hall.now()
    service = hall.catalogue.service(application.service, application.version or None)
    faults = validate_application(hall.catalogue, service, application, now=now, calendar=hall.calendar)
    if faults:
        raise InvalidAnswers(faults)
    case, replayed = _open_case(hall, service, application, now)
    if case.fee and not case.checkouts and not case.ending:
        case = _with_checkout(hall, case)
    return Accepted(case, tracking_code(hall.mac_key, case.number), replayed)


def _open_case(hall: Hall, service: Service, application: Application, now: datetime) -> tuple[Case, bool]:
    idempotency = _keyed(hall.mac_key, "idempotency", application.key.encode())
    request = _keyed(hall.mac_key, "request", _request_body(application))
    attempt = 0
    while True:
        number = case_number(hall.mac_key, application.key, attempt)
        try:
            return _first_commit(hall, number, service, application, (idempotency, request), now), False
        except VersionTaken:
            known = load(hall, number).case
            if known.idempotency == idempotency:
                if known.request != request:
                    raise IdempotencyKeyReused from None
                return known, True
            attempt += 1  # another key's number: one in 10^18, and no reason to lose a case


def _first_commit(
    hall: Hall, number: str, service: Service, application: Application, digests: tuple[str, str], now: datetime
) -> Case:
    submission, digest = make_submission(number, 1, application.answers, application.uploads)
    idempotency, request = digests
    command = Submit(
        at=now,
        by="applicant",
        language=application.language,
        idempotency=idempotency,
        request=request,
        digest=digest,
        lines=tuple(Line(line.code, line.amount) for line in service.fee_lines),
        tasks=tuple(task.code for task in service.tasks),
        window=pickup_window_of(application.answers),
    )
    return append(hall, Case(number, service, hall.calendar), command, (submission,))


def pickup_window_of(answers: Mapping[str, Any]) -> Window | None:
    """The window that validated answers choose."""
    window = answers.get("pickup", {}).get("window")
    if not window:
        return None
    return Window(datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"]))


def _request_body(application: Application) -> bytes:
    return canonical_json([application.service, application.version, application.answers, application.uploads])


def _keyed(mac_key: bytes, purpose: str, value: bytes) -> str:
    return hmac.new(mac_key, purpose.encode() + b":" + value, hashlib.sha256).hexdigest()


def _with_checkout(hall: Hall, case: Case) -> Case:
    """The case with a checkout; as it was where the payment provider can't be reached: it stays payable."""
    from chalicelib.usecases.payment import ask_for_checkout

    try:
        command = ask_for_checkout(hall, case)
    except VendorError:
        return case
    try:
        return append(hall, case, command)
    except VersionTaken:
        return execute(hall, case.number, lambda _: command)
