"""The tracking page keeps itself fresh: gently, at once when it is looked at again, without taking anything away."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from chalicelib.domain.due import ASK_CHECKOUT_AFTER
from chalicelib.texts import text
from chalicelib.usecases.vendors import PAYMENTS
from tests.api import LICENCE, RESIDENCE, Api, Json
from tests.chromium import needs_chromium
from tests.halls import MemoryHall
from tests.unit.test_api_outages import bring_back, take_down
from tests.web.phone import Phone

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

pytestmark = needs_chromium

STEP = 2_500  # milliseconds by which the clock goes: an answer comes long before the page has lost its patience
MINUTES = 60_000 // STEP
HIDE = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
HIDE += " document.dispatchEvent(new Event('visibilitychange')); }"


@pytest.fixture
def case(hall: MemoryHall) -> Json:
    return Api(hall).opened(RESIDENCE)


@pytest.fixture
def page(phone: Phone, case: Json) -> Page:
    """The tracking page of an unpaid case, with a clock that goes only when it is told to."""
    phone.page.clock.install()
    phone.page.goto(f"{phone.address}/t/{case['tracking']}")
    phone.page.locator("p[role=status]").wait_for(state="attached")
    return phone.page


def asked(page: Page) -> list[Request]:
    """Fills with what the page asks for by itself from now on."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if "/t/" in request.url else None)
    return found


def ask(page: Page, minutes: int = 3) -> Request:
    """Let the time pass until the page asks and has its answer."""
    requests = asked(page)
    for _ in range(minutes * MINUTES):
        page.clock.run_for(STEP)
        if requests:
            requests[0].response()
            page.evaluate("() => fetch('/healthz').then(() => null)")  # by then what was answered is shown
            return requests[0]
    raise AssertionError("nothing was asked")


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def test_what_has_happened_is_shown_and_said_without_a_reload(page: Page, hall: MemoryHall, case: Json) -> None:
    page.evaluate("window.stayed = true")
    ask(page)
    assert heading(page) == "Waiting for your payment"
    assert page.locator("p[role=status]").inner_text() == ""
    Api(hall).pay(case)
    ask(page)
    page.locator("h1", has_text="Being reviewed").wait_for()
    assert page.locator("p[role=status]").inner_text() == "Your case has moved on: Being reviewed"
    assert page.title().startswith("Being reviewed")
    assert page.locator("form[action$='/pay']").count() == 0
    assert page.locator("[aria-current=step]").inner_text().startswith("Review")
    assert page.evaluate("window.stayed")


def test_an_outage_that_the_case_waits_for_is_shown_and_said_once_and_goes_by_itself(
    page: Page, hall: MemoryHall, case: Json
) -> None:
    ask(page)
    hall.clock.advance(ASK_CHECKOUT_AFTER)
    take_down(hall, PAYMENTS)
    ask(page)
    notice = page.locator(".govuk-inset-text")
    notice.wait_for()
    assert page.locator("p[role=status]").inner_text() == notice.inner_text() == text("notice.payment", "en")
    bring_back(hall, PAYMENTS)
    ask(page)
    notice.wait_for(state="detached")
    assert heading(page) == "Waiting for your payment"


def test_the_same_page_is_not_sent_again(page: Page) -> None:
    ask(page)
    again = ask(page)
    answer = again.response()
    assert answer
    assert (answer.status, answer.header_value("content-length")) == (304, "0")


def test_a_page_that_nobody_sees_asks_nothing_and_asks_at_once_when_it_is_seen_again(
    page: Page, hall: MemoryHall, case: Json
) -> None:
    requests = asked(page)
    page.evaluate(HIDE, True)
    page.clock.run_for(10 * MINUTES * STEP)
    assert requests == []
    Api(hall).pay(case)
    page.evaluate(HIDE, False)
    page.locator("h1", has_text="Being reviewed").wait_for()
    assert len(requests) == 1


def test_without_news_the_page_asks_less_and_less_often(page: Page) -> None:
    asked_at = []
    for _ in range(8):
        ask(page)
        asked_at.append(page.evaluate("Date.now()"))
    gaps = [(later - earlier) / 1000 for earlier, later in pairwise(asked_at)]
    assert 12 <= gaps[0] <= 30
    assert 90 <= gaps[-1] <= 150
    assert all(later > earlier * 0.6 for earlier, later in pairwise(gaps))


def test_the_focus_stays_where_it_is_while_the_page_changes(page: Page, hall: MemoryHall, case: Json) -> None:
    page.locator("a[href$='/qr']").focus()
    Api(hall).pay(case)
    ask(page)
    page.locator("h1", has_text="Being reviewed").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('href')").endswith("/qr")


def test_the_focus_goes_to_the_heading_when_its_button_is_no_more(page: Page, hall: MemoryHall, case: Json) -> None:
    page.locator("#pay").focus()
    Api(hall).pay(case)
    ask(page)
    page.locator("h1", has_text="Being reviewed").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "H1"


def test_a_network_that_is_cut_is_waited_for(page: Page, hall: MemoryHall, case: Json) -> None:
    page.context.set_offline(True)
    page.clock.run_for(MINUTES * STEP)
    Api(hall).pay(case)
    page.context.set_offline(False)
    page.locator("h1", has_text="Being reviewed").wait_for()


def test_the_page_asks_no_more_when_the_case_is_gone(page: Page, hall: MemoryHall, case: Json) -> None:
    hall.mac_key = b"another key: no tracking code is known any more"
    ask(page)
    with pytest.raises(AssertionError, match="nothing was asked"):
        ask(page)
    assert heading(page) == "Waiting for your payment"


def test_a_slip_is_printed_by_its_button(phone: Phone, hall: MemoryHall) -> None:
    case = Api(hall).opened(LICENCE)
    phone.page.goto(f"{phone.address}/t/{case['tracking']}/slip")
    phone.page.evaluate("window.print = () => { window.printed = true }")
    phone.page.get_by_role("button", name="Print").click()
    assert phone.page.evaluate("window.printed")
