"""Whose case it is: the way in to the pages of a case by a code that goes to the applicant's phone.

The session is a cookie of this case's pages alone; no script reads it, and no other site's page sends it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from chalice import Response

from chalicelib.api.errors import RETRY_AFTER, STATUS
from chalicelib.domain.errors import NotAllowed, NotFound
from chalicelib.usecases import access
from chalicelib.usecases.codes import TooMany
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.tracking import tracked
from chalicelib.web import words
from chalicelib.web.edge import Pages, Visit

pages = Pages("own")
ADDRESS = "/t/{tracking}/case"
SESSION = "case"
ROOMS = ("pickup-window", "withdrawal", "ratings", "correction")  # pages below ADDRESS that one may be on the way to
LONGEST_CODE = 32

OwnView = Callable[[Visit, str, Loaded], Response]


def for_the_applicant(room: str = "") -> Callable[[OwnView], Callable[[Visit, str], Response]]:
    """A view of a case's own pages: it is given the case where the code was entered; others are shown to the door.

    ``room`` is the page, below ADDRESS, to go to from there.
    """

    def decorate(view: OwnView) -> Callable[[Visit, str], Response]:
        @wraps(view)
        def answer(visit: Visit, tracking: str) -> Response:
            found = loaded(visit, tracking)
            if signed_in(visit, found):
                return view(visit, tracking, found)
            return visit.go(address(tracking, room)) if _posted(visit) else _door(visit, tracking, room)

        return answer

    return decorate


@pages.post(f"{ADDRESS}/code")
def send_code(visit: Visit, tracking: str) -> Response:
    """A code to the applicant's phone."""
    found, room = loaded(visit, tracking), _room(visit)
    try:
        access.send_code(visit.hall, found)
    except TooMany as refused:
        return _door(visit, tracking, room, refused.code)
    return visit.go(f"{address(tracking, room)}?code=sent")


@pages.post(f"{ADDRESS}/session")
def open_session(visit: Visit, tracking: str) -> Response:
    """In with the code."""
    found, room = loaded(visit, tracking), _room(visit)
    try:
        code = "".join(visit.field("code").split())[:LONGEST_CODE]
        session = access.open_session(visit.hall, found.case.number, code)
    except NotAllowed as refused:
        return _door(visit, tracking, room, refused.code)
    seconds = int(access.SESSION.total_seconds())
    visit.keep(SESSION, session.token, seconds=seconds, path=address(tracking), strict=True, secret=True)
    return visit.go(address(tracking, room))


@pages.post(f"{ADDRESS}/leaving")
def leave(visit: Visit, tracking: str) -> Response:
    """Out again."""
    visit.keep(SESSION, "", seconds=0, path=address(tracking), strict=True, secret=True)
    return visit.go(address(tracking))


def address(tracking: str, room: str = "") -> str:
    """Of the case's own page, or of one below it."""
    own = ADDRESS.format(tracking=tracking.upper())
    return f"{own}/{room}" if room else own


def loaded(visit: Visit, tracking: str) -> Loaded:
    """The case of a tracking code. NotFound ``unknown_tracking``."""
    found = tracked(visit.hall, tracking)
    visit.call.case = found.case.number
    return found


def signed_in(visit: Visit, found: Loaded) -> bool:
    token = visit.cookie(SESSION)
    if not token:
        return False
    try:
        access.check_token(visit.hall, token, found.case.number)
    except (NotAllowed, NotFound):
        return False
    return True


def _posted(visit: Visit) -> bool:
    return visit.call.request.method == "POST"


def _room(visit: Visit) -> str:
    """Where the door was met."""
    wanted = visit.field("to")
    return wanted if wanted in ROOMS else ""


def _door(visit: Visit, tracking: str, room: str, error: str = "") -> Response:
    """The page that asks for the code. ``error`` is the code of a refusal."""
    wait = RETRY_AFTER.get(error)
    page = visit.page(
        "door.html",
        STATUS[error] if wait else 422 if error else 200,
        tracking=tracking.upper(),
        to=room,
        sent=not wait and (visit.call.query("code") == "sent" or bool(error)),
        errors={"send" if wait else "code": words.say(f"error.{error}", visit.language)} if error else {},
    )
    if wait:
        page.headers["Retry-After"] = str(wait)
    return page
