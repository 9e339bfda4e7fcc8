"""One form, in: validated, numbered, stored in one transaction, and its checkout opened."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from chalicelib.domain.case import Case
from chalicelib.domain.commands import Submit
from chalicelib.domain.commit import canonical_json
from chalicelib.domain.errors import DomainError, NotFound
from chalicelib.domain.events import Line, Window
from chalicelib.domain.numbers import case_number, tracking_code
from chalicelib.domain.service import Service
from chalicelib.forms.validation import Fault
from chalicelib.ports import VendorError, VersionTaken
from chalicelib.usecases.execute import append, execute, load, make_submission
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.uploads import take, upload_faults


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
    """Open a case, or find the one that this very request has opened. No read unless the key was used before, or the
    application has faults or uploads.

    Raises InvalidAnswers, IdempotencyKeyReused, and the catalogue's UnknownService.
    """
    service = hall.catalogue.service(application.service, application.version or None)
    faults = _faults(hall, service, application)
    if faults:
        # A window that was chosen in time lies in the past when the same request comes again.
        known = _find(hall, application)
        if known is None:
            raise InvalidAnswers(faults)
        case, replayed = known, True
    else:
        case, replayed = _open_case(hall, service, application)
    if case.fee and not case.checkouts and not case.ending:
        case = _with_checkout(hall, case)
    return Accepted(case, tracking_code(hall.mac_key, case.number), replayed)


def _faults(hall: Hall, service: Service, application: Application) -> list[Fault]:
    """Every fault, with pointers into the request: ``/answers/…`` and ``/uploads/<material>/<position>``.

    Required uploads that are missing are not refused: the pre-check asks for them.
    """
    from chalicelib.forms.validation import validate

    form = hall.catalogue.form(service.id, service.version, application.language)
    found = validate(form, application.answers, application.language, now=hall.now(), calendar=hall.calendar)
    faults = [replace(fault, pointer=f"/answers{fault.pointer}") for fault in found]
    return faults + upload_faults(hall, service, application.uploads, application.language)


def _find(hall: Hall, application: Application) -> Case | None:
    """The case that this request has opened before. Raises IdempotencyKeyReused when it was another request."""
    for attempt in count():
        try:
            known = load(hall, case_number(hall.mac_key, application.key, attempt)).case
        except NotFound:
            return None
        if known.idempotency == _idempotency(hall, application):
            return _same_request(hall, known, application)
    return None


def _open_case(hall: Hall, service: Service, application: Application) -> tuple[Case, bool]:
    for attempt in count():
        number = case_number(hall.mac_key, application.key, attempt)
        try:
            return _first_commit(hall, number, service, application), False
        except VersionTaken:
            known = load(hall, number).case
            if known.idempotency == _idempotency(hall, application):
                return _same_request(hall, known, application), True
            # Another key's number: one in 10^18, and no reason to lose a case.
    raise AssertionError  # pragma: no cover - count() has no end


def _same_request(hall: Hall, known: Case, application: Application) -> Case:
    if known.request != _request(hall, application):
        raise IdempotencyKeyReused
    return known


def _first_commit(hall: Hall, number: str, service: Service, application: Application) -> Case:
    taken = take(hall, number, application.uploads, application.language)
    if taken:
        raise InvalidAnswers(taken)
    submission, digest = make_submission(number, 1, application.answers, application.uploads)
    command = Submit(
        at=hall.now(),
        by="applicant",
        language=application.language,
        idempotency=_idempotency(hall, application),
        request=_request(hall, application),
        digest=digest,
        lines=tuple(Line(line.code, line.amount) for line in service.fee_lines),
        tasks=tuple(task.code for task in service.tasks),
        window=pickup_window_of(application.answers),
        materials=tuple(material for material, ids in application.uploads.items() if ids),
    )
    return append(hall, Case(number, service, hall.calendar), command, (submission,))


def pickup_window_of(answers: Mapping[str, Any]) -> Window | None:
    """The window that validated answers choose."""
    window = answers.get("pickup", {}).get("window")
    if not window:
        return None
    return window_from_json(window)


def window_from_json(window: Mapping[str, str]) -> Window:
    """A validated window; RFC 3339 allows a small t and z."""
    return Window(datetime.fromisoformat(window["start"].upper()), datetime.fromisoformat(window["end"].upper()))


def _idempotency(hall: Hall, application: Application) -> str:
    return _keyed(hall.mac_key, "idempotency", application.key.encode())


def _request(hall: Hall, application: Application) -> str:
    body = [application.service, application.version, application.answers, application.uploads]
    return _keyed(hall.mac_key, "request", canonical_json(body))


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
