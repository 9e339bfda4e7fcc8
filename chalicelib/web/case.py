"""A case for its applicant: what is next, the answers and files, another time for the courier, taking it back."""

from __future__ import annotations

from collections.abc import Sequence

from chalice import Response

from chalicelib.api import present
from chalicelib.domain.errors import DomainError
from chalicelib.domain.status import actions
from chalicelib.forms.pointers import within
from chalicelib.texts import closest
from chalicelib.usecases import applicant
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.submit import InvalidAnswers
from chalicelib.usecases.tracking import refund_if_withdrawn
from chalicelib.web import answers, ratings, windows, words
from chalicelib.web.edge import Body, Pages, Visit
from chalicelib.web.forms import Form
from chalicelib.web.handed_in import handed_in
from chalicelib.web.own import ADDRESS, address, for_the_applicant
from chalicelib.web.tracking import booked, pickup_due

pages = Pages("case")
MOST_WORDS = 2000  # of a reason
DONE = ("window", "withdrawal", "correction")  # what a page may say thanks for


@pages.get(ADDRESS)
@for_the_applicant()
def show(visit: Visit, tracking: str, found: Loaded) -> Response:
    """The case with its answers and files, and what can be done."""
    case, language = found.case, visit.language
    definition = present.definition_of(visit.hall, case, language)
    shown = present.own(visit.hall, found, language)
    done = visit.call.query("done")
    return visit.page(
        "case.html",
        tracking=tracking.upper(),
        case=shown,
        form=form_of(visit, found),
        booked=booked(case, language) if pickup_due(case) else "",
        rated=ratings.given(found, definition["departments"], language),
        materials={material["code"]: material["title"] for material in definition.get("materials", ())},
        files={material: list(handed_in(visit, case, ids)) for material, ids in shown["uploads"].items() if ids},
        done=done if done in DONE else "",
    )


# --- another time for the courier ---


@pages.get(f"{ADDRESS}/pickup-window")
@for_the_applicant("pickup-window")
def ask_window(visit: Visit, tracking: str, found: Loaded) -> Response:
    """The times at which the courier can come."""
    return _ask_window(visit, tracking, found) if pickup_due(found.case) else visit.go(address(tracking))


@pages.post(f"{ADDRESS}/pickup-window")
@for_the_applicant("pickup-window")
def reschedule(visit: Visit, tracking: str, found: Loaded) -> Response:
    """Another time for the courier."""
    start, _, end = visit.field("window").partition(answers.WINDOW_SEPARATOR)
    try:
        applicant.reschedule(visit.hall, found.case.number, {"start": start, "end": end}, visit.language)
    except InvalidAnswers as refused:
        message = refused.faults[0].message if start else words.say("case.window_missing", visit.language)
        return _ask_window(visit, tracking, found, message)
    except DomainError as refused:
        return _ask_window(visit, tracking, found, words.say(f"error.{refused.code}", visit.language))
    return visit.go(f"{address(tracking)}?done=window")


def _ask_window(visit: Visit, tracking: str, found: Loaded, error: str = "") -> Response:
    days = windows.by_day(visit.hall.now(), found.case.calendar, visit.language)
    return visit.page(
        "window.html",
        422 if error else 200,
        tracking=tracking.upper(),
        days=days,
        first=days[0].times[0].value,
        booked=booked(found.case, visit.language),
        errors={"window": error} if error else {},
    )


# --- taking it back ---


@pages.get(f"{ADDRESS}/withdrawal")
@for_the_applicant("withdrawal")
def ask_withdrawal(visit: Visit, tracking: str, found: Loaded) -> Response:
    """What a withdrawal brings with it, before it is done."""
    return _ask_withdrawal(visit, tracking, found) if _withdrawable(found) else visit.go(address(tracking))


@pages.post(f"{ADDRESS}/withdrawal")
@for_the_applicant("withdrawal")
def withdraw(visit: Visit, tracking: str, found: Loaded) -> Response:
    """Take the application back."""
    try:
        applicant.withdraw(visit.hall, found.case.number, visit.field("reason")[:MOST_WORDS])
    except DomainError as refused:
        message = words.say(f"error.{refused.code}", visit.language)
        return _ask_withdrawal(visit, tracking, found, message)
    return visit.go(f"{address(tracking)}?done=withdrawal")


def _ask_withdrawal(visit: Visit, tracking: str, found: Loaded, error: str = "") -> Response:
    case = found.case
    return visit.page(
        "withdrawal.html",
        422 if error else 200,
        tracking=tracking.upper(),
        case=case.number,
        paid=case.payment is not None,
        refund=refund_if_withdrawn(case, visit.hall.now()) if _withdrawable(found) else 0,
        currency=case.service.currency,
        originals=bool(case.originals_at_hall) or case.originals_on_their_way_in,
        reason=visit.field("reason"),
        errors={"reason": error} if error else {},
    )


def _withdrawable(found: Loaded) -> bool:
    return "withdraw" in actions(found.case)


# --- what was handed in ---


def form_of(visit: Visit, found: Loaded, sent: Body | None = None, asked: Sequence[str] = ()) -> Form:
    """The case's form with its answers; with what was ``sent``, where given, for the places that were ``asked``."""
    case, hall = found.case, visit.hall
    schema = hall.catalogue.form(case.service.id, case.service.version, visit.language)
    body = answers.as_body(schema, found.record.answers)
    if sent is not None:
        body = {name: given for name, given in body.items() if not within(name, asked)}
        body |= {name: list(given) for name, given in sent.items() if within(name, asked)}
    return Form(schema, body, closest(visit.language), hall.now(), hall.calendar)
