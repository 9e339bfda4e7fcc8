"""Load, decide, append; and again when somebody else was faster."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.case import Case
from chalicelib.domain.commands import Command
from chalicelib.domain.commit import canonical_json, make_commit
from chalicelib.domain.decide import decide
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.events import Submitted
from chalicelib.domain.evolve import fold
from chalicelib.ports import CaseRecord, Note, Submission, VersionTaken
from chalicelib.usecases.hall import Hall

TRIES = 8  # writers that meet at one case at one moment; the losers decide again on what the winner wrote


class Busy(Conflict):
    """Others were faster, ``TRIES`` times in a row. Nothing has changed; ask again."""

    def __init__(self) -> None:
        super().__init__("case_is_busy")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A case, and the record that it was folded from."""

    case: Case
    record: CaseRecord


def load(hall: Hall, number: str) -> Loaded:
    """One query. NotFound ``unknown_case`` when there is none."""
    record = hall.log.load(number)
    if record is None or not record.commits:
        raise NotFound("unknown_case")
    return Loaded(fold_record(hall, number, record), record)


def fold_record(hall: Hall, number: str, record: CaseRecord) -> Case:
    begun = hall.folds.begun(number, record) or _unopened(hall, number, record)
    return hall.folds.keep(fold(begun, record.commits[begun.version :]))


def _unopened(hall: Hall, number: str, record: CaseRecord) -> Case:
    first = record.commits[0].events[0]
    if not isinstance(first, Submitted):
        raise TypeError(f"the log of {number} does not begin with a submission")  # pragma: no cover - corrupt store
    service = hall.catalogue.service(first.service, first.service_version)
    return Case(number, service, hall.calendar)


def execute(
    hall: Hall,
    number: str,
    command: Callable[[Loaded], Command],
    *,
    beside: Sequence[Submission | Note] = (),
    loaded: Loaded | None = None,
) -> Case:
    """Decide on a command and append what it leads to; the case as it is then. ``loaded`` saves the first query.

    ``command`` is asked anew for each try, since it may look at the case. Raises the rule book's DomainError, and Busy.
    """
    return change(hall, number, command, beside=beside, loaded=loaded).case


def change(
    hall: Hall,
    number: str,
    command: Callable[[Loaded], Command],
    *,
    beside: Sequence[Submission | Note] = (),
    loaded: Loaded | None = None,
) -> Loaded:
    """As ``execute``, with what is stored of the case then, which nobody has to ask for again."""
    for _ in range(TRIES):
        loaded = loaded or load(hall, number)
        try:
            return _append(hall, loaded, command(loaded), beside)
        except VersionTaken:
            loaded = None
    raise Busy


def append(hall: Hall, case: Case, command: Command, beside: Sequence[Submission | Note] = ()) -> Case:
    """One decision, one put. Raises VersionTaken when the case has moved on."""
    return _append(hall, Loaded(case, CaseRecord(())), command, beside).case


def _append(hall: Hall, loaded: Loaded, command: Command, beside: Sequence[Submission | Note]) -> Loaded:
    case = loaded.case
    events = decide(case, command)
    if not events:
        return loaded
    commit = make_commit(case.number, case.version + 1, events, case.head)
    hall.log.append(commit, *beside)
    return Loaded(fold(case, [commit]), loaded.record.with_commit(commit, *beside))


def salted(value: Any) -> tuple[str, str]:
    """A fresh salt, and the digest that stands in the log for a value that may be erased: (salt, digest)."""
    salt = secrets.token_hex(16)
    return salt, salted_digest(salt, value)


def salted_digest(salt: str, value: Any) -> str:
    return hashlib.sha256(salt.encode() + canonical_json(value)).hexdigest()


def make_note(number: str, text: str) -> Note | None:
    """A free text as an erasable note; None for an empty one."""
    if not text.strip():
        return None
    salt, digest = salted(text)
    return Note(number, digest, salt, text)


def make_submission(
    number: str, revision: int, answers: Mapping[str, Any], uploads: Mapping[str, Sequence[str]]
) -> tuple[Submission, str]:
    """A submission and the digest of it that the log keeps."""
    salt, digest = salted({"answers": answers, "uploads": uploads})
    return Submission(number, revision, salt, answers, uploads), digest
