"""What an applicant does with a case that is under way: correct, choose another window, withdraw, rate."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.domain.case import Case
from chalicelib.domain.commands import Correct, Rate, Reschedule, Withdraw
from chalicelib.domain.decide import decide
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.forms.pointers import BadPointer, within
from chalicelib.forms.slices import diff, drop, put
from chalicelib.ports import Note, Submission, VersionTaken
from chalicelib.usecases.execute import TRIES, Busy, Loaded, append, execute, load, make_note, make_submission
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.submit import InvalidAnswers, window_from_json
from chalicelib.usecases.uploads import left_out, take, upload_faults

BY = "applicant"
Uploads = Mapping[str, Sequence[str]]

_ROUNDS = 5  # answers that bring up one another


def correct(
    hall: Hall,
    number: str,
    values: Mapping[str, Any],
    uploads: Uploads,
    language: str,
    removed: Collection[str] = (),
) -> Case:
    """Put right what was asked for, as a new submission that is valid as a whole.

    Nothing else may be changed, but for what follows from it: an answer that the form needs now may be given, and one
    that it rules out now is dropped. ``values`` are by JSON Pointer into the answers, ``removed`` are pointers of
    answers to take out. Raises the rule book's refusals (NotAllowed ``field_not_asked``), Invalid ``unknown_pointer``,
    and InvalidAnswers with pointers like ``/answers/applicant/name``.
    """
    for _ in range(TRIES):
        loaded = load(hall, number)
        submission, command = _correction(hall, loaded, values, uploads, language, removed)
        try:
            return append(hall, loaded.case, command, (submission,))
        except VersionTaken:
            continue
    raise Busy


def _correction(
    hall: Hall,
    loaded: Loaded,
    values: Mapping[str, Any],
    uploads: Uploads,
    language: str,
    removed: Collection[str],
) -> tuple[Submission, Correct]:
    case = loaded.case
    if not loaded.record.submissions:
        raise NotFound("unknown_case")  # its answers are erased
    before = loaded.record.submissions[-1]
    now = hall.now()
    form = hall.catalogue.form(case.service.id, case.service.version, language)
    marked = case.open_correction.pointers if case.open_correction else ()
    try:
        answers, brought = _with_consequences(form, before.answers, values, removed, marked)
    except BadPointer:
        raise Invalid("unknown_pointer", "/answers") from None
    # Asked of all that was sent: also of what would change nothing.
    named = (*values, *removed)
    decide(case, Correct(at=now, by=BY, digest="", pointers=named, materials=tuple(uploads), brought=brought))
    _validate(hall, case, form, answers, uploads, before, language)
    together = {**before.uploads, **uploads}
    submission, digest = make_submission(case.number, case.submission + 1, answers, together)
    changed = tuple(
        material for material in uploads if list(uploads[material]) != list(before.uploads.get(material, ()))
    )
    pointers = tuple(diff(before.answers, answers))
    return submission, Correct(at=now, by=BY, digest=digest, pointers=pointers, materials=changed, brought=brought)


def _with_consequences(
    form: Mapping[str, Any],
    answers: Mapping[str, Any],
    values: Mapping[str, Any],
    removed: Collection[str],
    marked: Sequence[str],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The answers with what was marked changed; and the places that this brings: what is needed now is put there if it
    was sent, what is ruled out now is dropped. BadPointer for a place that can't be.
    """
    from chalicelib.forms.validation import validate

    changed = put(
        drop(answers, [pointer for pointer in removed if within(pointer, marked)]),
        {pointer: value for pointer, value in values.items() if within(pointer, marked)},
    )
    brought: list[str] = []
    for _ in range(_ROUNDS):
        faults = [fault for fault in validate(form, changed) if not within(fault.pointer, [*marked, *brought])]
        needed = [fault.pointer for fault in faults if fault.code == "missing"]
        ruled_out = [fault.pointer for fault in faults if fault.code == "not_applicable"]
        if not (needed or ruled_out):
            break
        brought += [*needed, *ruled_out]
        changed = put(
            drop(changed, ruled_out), {pointer: value for pointer, value in values.items() if within(pointer, needed)}
        )
    return changed, tuple(brought)


def _validate(
    hall: Hall,
    case: Case,
    form: Mapping[str, Any],
    answers: Mapping[str, Any],
    uploads: Uploads,
    before: Submission,
    language: str,
) -> None:
    """Without a clock: windows that were accepted once may have passed by now."""
    from chalicelib.forms.validation import validate

    faults = [replace(fault, pointer=f"/answers{fault.pointer}") for fault in validate(form, answers, language)]
    kept = {file.upload for file in case.kept}
    known = {material: [upload for upload in ids if upload in kept] for material, ids in before.uploads.items()}
    faults += upload_faults(hall, case.service, uploads, language, known) or take(hall, case.number, uploads, language)
    if case.open_correction and case.open_correction.refused:
        faults += left_out(case.service, case.open_correction.materials, uploads, language)
    if faults:
        raise InvalidAnswers(faults)


def reschedule(hall: Hall, number: str, window: Mapping[str, Any], language: str) -> Case:
    """Another window for the pickup. Raises InvalidAnswers (``/window/…``), Conflict ``already_picked_up``."""
    from chalicelib.forms.validation import validate

    part = hall.catalogue.part("common/1/window", language)
    faults = validate(part, window, language, now=hall.now(), calendar=hall.calendar)
    if faults:
        raise InvalidAnswers([replace(fault, pointer=f"/window{fault.pointer}") for fault in faults])
    chosen = window_from_json(window)
    return execute(hall, number, lambda _: Reschedule(at=hall.now(), by=BY, window=chosen))


def withdraw(hall: Hall, number: str, reason: str) -> Case:
    """Take the application back. Raises Conflict ``already_decided``."""
    beside, digest = _noted(number, reason)
    return execute(hall, number, lambda _: Withdraw(at=hall.now(), by=BY, note=digest), beside=beside)


def rate(hall: Hall, number: str, department: str, stars: int, comment: str) -> Case:
    """Rate a department, or with "" the whole way; once each, after the case has ended."""
    beside, digest = _noted(number, comment)
    command = Rate(at=hall.now(), by=BY, department=department, stars=stars, note=digest)
    return execute(hall, number, lambda _: command, beside=beside)


def _noted(number: str, words: str) -> tuple[tuple[Note, ...], str]:
    note = make_note(number, words)
    return ((note,), note.digest) if note else ((), "")
