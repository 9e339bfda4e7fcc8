"""Where a case stands, for everyone with its address; the way to its payment page; and what to print of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalice import Response

from chalicelib.api import present
from chalicelib.domain.case import Case
from chalicelib.domain.errors import Conflict
from chalicelib.domain.service import Leg
from chalicelib.domain.status import actions
from chalicelib.ports import VendorError
from chalicelib.texts import DEFAULT
from chalicelib.usecases.tracking import tracked
from chalicelib.web import pictures, words
from chalicelib.web.edge import Pages, Visit
from chalicelib.web.fresh import fresh

pages = Pages("tracking")
PAYING = "paying"  # the cookie of a browser that was sent to the payment page
PAYING_SECONDS = 1800
SLIPS = ("a5", "a6")  # sizes of paper


@pages.get("/t/{tracking}")
def show(visit: Visit, tracking: str) -> Response:
    """Status, the next thing to do, and the whole way; no personal data."""
    case = _case(visit, tracking)
    _allow_payment_page(visit, case)
    shown = present.public(visit.hall, case, visit.language)
    page = visit.page(
        "tracking.html",
        case=shown,
        tracking=tracking.upper(),
        payment=_news_of_payment(visit, shown, _address(tracking)),
        stops=pictures.way_of_case(shown["timeline"], visit.language),
        dial=pictures.dial_of(case, visit.hall.now()),
        departments=present.definition_of(visit.hall, case, visit.language)["departments"],
    )
    return fresh(visit, page)


@pages.get("/t/{tracking}/slip")
def show_slip(visit: Visit, tracking: str) -> Response:
    """What goes into the courier's envelope, to print and put on it, while a pickup is due."""
    case = _case(visit, tracking)
    if not pickup_due(case):
        return visit.go(_address(tracking))
    asked_for = visit.call.query("size").lower()
    definition = present.definition_of(visit.hall, case, visit.language)
    return visit.page(
        "slip.html",
        tracking=tracking.upper(),
        case=case.number,
        service=definition["title"],
        originals=list(_to_hand_over(visit, case)),
        window=booked(case, visit.language),
        size=asked_for if asked_for in SLIPS else SLIPS[0],
        sizes=SLIPS,
        clerks=DEFAULT,
    )


@pages.get("/t/{tracking}/qr")
def show_qr(visit: Visit, tracking: str) -> Response:
    """The QR code on a sheet of its own, to print or keep."""
    case = _case(visit, tracking)
    title = present.definition_of(visit.hall, case, visit.language)["title"]
    return visit.page("qr.html", tracking=tracking.upper(), case=case.number, service=title)


@pages.post("/t/{tracking}/pay")
def pay(visit: Visit, tracking: str) -> Response:
    """To the payment page: the open one, or a new one."""
    from chalicelib.usecases.payment import open_checkout

    visit.call.case = tracked(visit.hall, tracking).case.number
    back = _address(tracking)
    try:
        address = open_checkout(visit.hall, visit.call.case)
    except Conflict:
        return visit.go(back)
    except VendorError:
        return visit.go(f"{back}?payment=unreachable")
    visit.keep(PAYING, "1", seconds=PAYING_SECONDS, path=back, secret=True)
    return visit.go(address)


def pickup_due(case: Case) -> bool:
    """A courier has still to come for originals."""
    return "reschedule_pickup" in actions(case)


def booked(case: Case, language: str) -> str:
    """The window in which the courier comes, in words; "" for none."""
    last = case.current(Leg.PICKUP)
    window = last.window if last and last.live and last.window else case.window
    if not window or case.window_wanted:
        return ""
    start, end = window.start.astimezone(case.calendar.zone), window.end.astimezone(case.calendar.zone)
    return words.window(start, end, language)


def _address(tracking: str) -> str:
    return f"/t/{tracking.upper()}"


def _case(visit: Visit, tracking: str) -> Case:
    case = tracked(visit.hall, tracking).case
    visit.call.case = case.number
    return case


def _allow_payment_page(visit: Visit, case: Case) -> None:
    """Browsers hold a form's redirects to the policy as well. The page's origin is known once a checkout was opened."""
    if case.checkouts:
        visit.allow("form-action", case.checkouts[-1].url)
    else:
        del visit.policy["form-action"]


def _news_of_payment(visit: Visit, shown: present.Json, address: str) -> str:
    """What to say to a browser that comes back from paying: ``arrived``, ``awaited``, ``unreachable`` or ""."""
    state = shown["payment"]["state"]
    if state == "due" and visit.call.query("payment") == "unreachable":
        return "unreachable"
    if not visit.cookie(PAYING) or state not in ("due", "paid"):
        return ""
    if state == "due":
        return "awaited"
    visit.keep(PAYING, "", seconds=0, path=address, secret=True)
    return "arrived"


def _to_hand_over(visit: Visit, case: Case) -> Iterator[dict[str, Any]]:
    """The originals that no envelope has brought yet; named in the hall's own language too, which the clerk reads."""
    received = case.received
    own, clerks = (
        {material["code"]: material["title"] for material in present.definition_of(visit.hall, case, code)["materials"]}
        for code in (visit.language, DEFAULT)
    )
    for material in case.service.materials:
        if material.original and material.code not in received:
            also = clerks[material.code] if clerks[material.code] != own[material.code] else ""
            yield {"title": own[material.code], "also": also, "required": material.required}
