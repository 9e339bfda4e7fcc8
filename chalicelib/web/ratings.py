"""How it went (好差评): stars and a word for each department and for the whole way, once a case has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalice import Response

from chalicelib.api import present
from chalicelib.domain.case import Case
from chalicelib.domain.errors import Conflict
from chalicelib.usecases import applicant
from chalicelib.usecases.execute import Loaded
from chalicelib.web import words
from chalicelib.web.edge import Pages, Visit
from chalicelib.web.own import ADDRESS, address, for_the_applicant

pages = Pages("ratings")
ROOM = "ratings"
WHOLE_WAY = ""  # instead of a department
STARS = (5, 4, 3, 2, 1)
MOST_WORDS = 2000  # of a comment


@dataclass(frozen=True, slots=True)
class Given:
    """A rating, for the one who gave it."""

    title: str
    stars: int
    comment: str


@pages.get(f"{ADDRESS}/{ROOM}")
@for_the_applicant(ROOM)
def show(visit: Visit, tracking: str, found: Loaded) -> Response:
    """What can be rated, and what was."""
    return _show(visit, tracking, found) if rateable(found.case) else visit.go(address(tracking))


@pages.post(f"{ADDRESS}/{ROOM}")
@for_the_applicant(ROOM)
def rate(visit: Visit, tracking: str, found: Loaded) -> Response:
    """Everything that was given stars, each once; what was rated before stays as it is."""
    if not rateable(found.case):
        return visit.go(address(tracking))
    stars = {code: _stars(visit, code) for code in _unrated(visit, found)}
    commented = [code for code, number in stars.items() if not number and _comment(visit, code)]
    if commented or not any(stars.values()):
        missing = commented or [next(iter(stars), WHOLE_WAY)]
        message = words.say("rating.missing", visit.language)
        return _show(visit, tracking, found, {place(code): message for code in missing})
    for code, number in stars.items():
        if number:
            _rate(visit, found, code, number)
    return visit.go(f"{address(tracking, ROOM)}?done=rating")


def rateable(case: Case) -> bool:
    """Whether the case has ended in a way that says something of the departments."""
    return case.ending in ("closed", "rejected")


def place(code: str) -> str:
    """The name of the radios for a department, or for the whole way."""
    return f"stars-{code}" if code else "stars"


def given(found: Loaded, departments: Mapping[str, str], language: str) -> list[Given]:
    """What was rated, in the order in which it was."""
    comments = {note.digest: note.text for note in found.record.notes}
    whole = words.say("rating.whole", language)
    names = {code: words.said(name, language) for code, name in departments.items()}
    return [
        Given(names.get(rating.department, whole), rating.stars, comments.get(rating.note, ""))
        for rating in found.case.ratings
    ]


def _rate(visit: Visit, found: Loaded, code: str, stars: int) -> None:
    try:
        applicant.rate(visit.hall, found.case.number, code, stars, _comment(visit, code))
    except Conflict as refused:
        if refused.code != "already_rated":  # the button was pressed twice
            raise


def _stars(visit: Visit, code: str) -> int:
    """0 for none."""
    chosen = visit.field(place(code))
    return int(chosen) if chosen in map(str, STARS) else 0


def _comment(visit: Visit, code: str) -> str:
    return visit.field(f"comment-{place(code)}").strip()[:MOST_WORDS]


def _unrated(visit: Visit, found: Loaded) -> dict[str, str]:
    """Title by department, those that took part and the whole way, without what is rated."""
    names = present.definition_of(visit.hall, found.case, visit.language)["departments"]
    titles = {task.department: words.said(names[task.department], visit.language) for task in found.case.terms}
    titles[WHOLE_WAY] = words.say("rating.whole", visit.language)
    rated = {rating.department for rating in found.case.ratings}
    return {code: title for code, title in titles.items() if code not in rated}


def _show(visit: Visit, tracking: str, found: Loaded, errors: Mapping[str, str] | None = None) -> Response:
    names = present.definition_of(visit.hall, found.case, visit.language)["departments"]
    unrated = {place(code): title for code, title in _unrated(visit, found).items()}
    return visit.page(
        "ratings.html",
        422 if errors else 200,
        tracking=tracking.upper(),
        unrated=unrated,
        rated=given(found, names, visit.language),
        stars=STARS,
        sent=visit.field,
        done=visit.call.query("done") == "rating",
        errors=errors or {},
    )
