"""A case for its applicant: after a code by SMS the answers, and what can still be done.

The session is a cookie of this case's pages alone; no script reads it, and no other site's page sends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalice import Response

from chalicelib.api import present
from chalicelib.domain.case import Case
from chalicelib.domain.errors import DomainError, NotAllowed, NotFound
from chalicelib.forms.pointers import get, within
from chalicelib.usecases import access, applicant
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.submit import InvalidAnswers
from chalicelib.usecases.tracking import tracked
from chalicelib.web import answers, windows, words
from chalicelib.web.edge import Body, Pages, Visit
from chalicelib.web.forms import Form

pages = Pages("case")
ADDRESS = "/t/{tracking}/case"
SESSION = "case"
STARS = ("1", "2", "3", "4", "5")
MOST_WORDS = 2000  # of a reason or a comment


@pages.get(ADDRESS)
def show(visit: Visit, tracking: str) -> Response:
    """The case, or the way to a code."""
    found = _found(visit, tracking)
    return _details(visit, tracking, found) if _signed_in(visit, found) else _door(visit, tracking)


@pages.post(f"{ADDRESS}/code")
def send_code(visit: Visit, tracking: str) -> Response:
    """A code to the applicant's phone."""
    access.send_code(visit.hall, _found(visit, tracking))
    return visit.go(f"{_address(tracking)}?code=sent")


@pages.post(f"{ADDRESS}/session")
def open_session(visit: Visit, tracking: str) -> Response:
    """In with the code."""
    found = _found(visit, tracking)
    try:
        session = access.open_session(visit.hall, found.case.number, visit.field("code").replace(" ", "")[:32])
    except NotAllowed as refused:
        return _door(visit, tracking, refused.code)
    seconds = int(access.SESSION.total_seconds())
    visit.keep(SESSION, session.token, seconds=seconds, path=_address(tracking), strict=True, secret=True)
    return visit.go(_address(tracking))


@pages.post(f"{ADDRESS}/leaving")
def leave(visit: Visit, tracking: str) -> Response:
    """Out again."""
    visit.keep(SESSION, "", seconds=0, path=_address(tracking), strict=True, secret=True)
    return visit.go(_address(tracking))


@pages.post(f"{ADDRESS}/withdrawal")
def withdraw(visit: Visit, tracking: str) -> Response:
    """Take the application back."""
    reason = visit.field("reason")[:MOST_WORDS]
    return _changed(
        visit, tracking, "withdrawal", lambda number: applicant.withdraw(visit.hall, number, reason), "withdrawal"
    )


@pages.post(f"{ADDRESS}/pickup-window")
def reschedule(visit: Visit, tracking: str) -> Response:
    """Another time for the courier."""
    start, _, end = visit.field("window").partition(answers.WINDOW_SEPARATOR)
    window = {"start": start, "end": end}
    return _changed(
        visit,
        tracking,
        "window",
        lambda number: applicant.reschedule(visit.hall, number, window, visit.language),
        "window",
    )


@pages.post(f"{ADDRESS}/ratings")
def rate(visit: Visit, tracking: str) -> Response:
    """Stars and a word for one department."""
    department, comment = visit.field("department"), visit.field("comment")[:MOST_WORDS]
    stars = int(visit.field("stars")) if visit.field("stars") in STARS else 0
    return _changed(
        visit,
        tracking,
        "rating",
        lambda number: applicant.rate(visit.hall, number, department, stars, comment),
        f"stars-{department}",
    )


@pages.get(f"{ADDRESS}/correction")
def show_correction(visit: Visit, tracking: str) -> Response:
    """The form again, opened at just what was marked."""
    found = _found(visit, tracking)
    if not _signed_in(visit, found) or not found.case.open_correction:
        return visit.go(_address(tracking))
    return _correction(visit, tracking, found, _form(visit, found))


@pages.post(f"{ADDRESS}/correction")
def correct(visit: Visit, tracking: str) -> Response:
    """Put right what was asked for."""
    found = _found(visit, tracking)
    if not _signed_in(visit, found) or not found.case.open_correction:
        return visit.go(_address(tracking))
    form = _form(visit, found, visit.body)
    try:
        applicant.correct(visit.hall, found.case.number, _values(form, found), {}, visit.language)
    except InvalidAnswers as refused:
        faults = [replace(fault, pointer=fault.pointer.removeprefix("/answers")) for fault in refused.faults]
        return _correction(visit, tracking, found, form, form.errors(faults))
    return visit.go(f"{_address(tracking)}?done=correction")


# --- who is there ---


def _address(tracking: str) -> str:
    return f"/t/{tracking.upper()}/case"


def _found(visit: Visit, tracking: str) -> Loaded:
    found = tracked(visit.hall, tracking)
    visit.call.case = found.case.number
    return found


def _signed_in(visit: Visit, found: Loaded) -> bool:
    token = visit.cookie(SESSION)
    if not token:
        return False
    try:
        access.check_token(visit.hall, token, found.case.number)
    except (NotAllowed, NotFound):
        return False
    return True


def _door(visit: Visit, tracking: str, error: str = "") -> Response:
    sent = visit.call.query("code") == "sent" or bool(error)
    return visit.page("door.html", 422 if error else 200, tracking=tracking.upper(), sent=sent, error=error)


# --- the case ---


def _form(visit: Visit, found: Loaded, sent: Body | None = None) -> Form:
    """The case's form with its answers; where something is to be corrected, with what was sent for that."""
    case, hall = found.case, visit.hall
    schema = hall.catalogue.form(case.service.id, case.service.version, visit.language)
    body = answers.as_body(schema, found.record.answers)
    asked = case.open_correction.pointers if case.open_correction else ()
    if sent is not None:
        body = {name: given for name, given in body.items() if not within(name, asked)}
        body |= {name: list(given) for name, given in sent.items() if within(name, asked)}
    return Form(schema, body, visit.language, hall.now(), hall.calendar)


def _values(form: Form, found: Loaded) -> dict[str, Any]:
    """What the applicant puts in the marked places; a place that was blank and stays so is left alone."""
    assert found.case.open_correction
    new = {pointer: _at(form.answers, pointer) for pointer in found.case.open_correction.pointers}
    old = found.record.answers
    blanked = {pointer: "" for pointer, value in new.items() if value is None and _at(old, pointer) is not None}
    return {pointer: value for pointer, value in new.items() if value is not None} | blanked


def _at(document: Any, pointer: str) -> Any:
    try:
        return get(document, pointer)
    except KeyError:
        return None


def _details(visit: Visit, tracking: str, found: Loaded, errors: dict[str, str] | None = None) -> Response:
    case, hall = found.case, visit.hall
    definition = present.definition_of(hall, case, visit.language)
    rated = {rating.department for rating in case.ratings}
    return visit.page(
        "case.html",
        422 if errors else 200,
        tracking=tracking.upper(),
        case=present.own(hall, found, visit.language),
        form=_form(visit, found),
        windows=windows.choices(hall.now(), case.calendar, visit.language),
        booked=_booked(case, visit.language),
        unrated={code: name for code, name in definition["departments"].items() if code not in rated},
        errors=errors or {},
        done=visit.call.query("done"),
        sent=visit.field if errors else None,
    )


def _booked(case: Case, language: str) -> str:
    """The window that the courier was asked for, in words; "" for none."""
    if not case.window:
        return ""
    start, end = case.window.start.astimezone(case.calendar.zone), case.window.end.astimezone(case.calendar.zone)
    return words.window(start, end, language)


def _changed(visit: Visit, tracking: str, done: str, change: Callable[[str], object], place: str) -> Response:
    """Do it and show the case; a refusal is told at its place on the page."""
    found = _found(visit, tracking)
    if not _signed_in(visit, found):
        return visit.go(_address(tracking))
    try:
        change(found.case.number)
    except InvalidAnswers as refused:
        return _details(visit, tracking, found, {place: refused.faults[0].message})
    except DomainError as refused:
        message = words.say(f"error.{refused.code}", visit.language)
        return _details(visit, tracking, _found(visit, tracking), {place: message})
    return visit.go(f"{_address(tracking)}?done={done}")


def _correction(
    visit: Visit, tracking: str, found: Loaded, form: Form, errors: dict[str, str] | None = None
) -> Response:
    shown = present.own(visit.hall, found, visit.language)
    asked = tuple(shown["correction"]["pointers"])
    return visit.page(
        "correction.html",
        422 if errors else 200,
        tracking=tracking.upper(),
        case=shown,
        form=replace(form, only=asked),
        errors=errors or {},
    )
