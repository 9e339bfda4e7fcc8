"""Where a case stands, for everyone with its address; and the way to its payment page."""

from __future__ import annotations

from urllib.parse import urlsplit

from chalice import Response

from chalicelib.api import present
from chalicelib.domain.case import Case
from chalicelib.domain.errors import Conflict
from chalicelib.ports import VendorError
from chalicelib.usecases.tracking import tracked
from chalicelib.web.edge import Pages, Visit

pages = Pages("tracking")
PAYING = "paying"  # the cookie of a browser that was sent to the payment page
PAYING_SECONDS = 1800


@pages.get("/t/{tracking}")
def show(visit: Visit, tracking: str) -> Response:
    """Status, the next thing to do, and the whole way; no personal data."""
    case = tracked(visit.hall, tracking).case
    visit.call.case = case.number
    _allow_payment_page(visit, case)
    shown = present.public(visit.hall, case, visit.language)
    news = _news_of_payment(visit, shown, _address(tracking))
    return visit.page("tracking.html", case=shown, tracking=tracking.upper(), payment=news)


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


def _address(tracking: str) -> str:
    return f"/t/{tracking.upper()}"


def _allow_payment_page(visit: Visit, case: Case) -> None:
    """Browsers hold a form's redirects to the policy as well. The page's origin is known once a checkout was opened."""
    if case.checkouts:
        address = urlsplit(case.checkouts[-1].url)
        visit.policy["form-action"] += f" {address.scheme}://{address.netloc}"
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
