"""The form with its scripts: conditions at once, what is typed stays on the device, and it is sent once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.api import LICENCE, RESIDENCE
from tests.chromium import needs_chromium
from tests.halls import MemoryHall
from tests.web.filling import ADDRESS_OF, PERSONAL, stored, typed
from tests.web.phone import KEPT, Phone

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Request, Route

pytestmark = needs_chromium

OTHER = 'input[name="/purpose"][value="other"]'
DETAILS = "/purpose_details"


def filled(phone: Phone, hall: MemoryHall, service: str = RESIDENCE) -> Phone:
    """A form filled in by touching its controls, and not sent yet."""
    return phone.open(ADDRESS_OF[service]).fill(typed(hall, service)).choose_window()


def checked(phone: Phone, hall: MemoryHall, service: str = RESIDENCE) -> Phone:
    """On the page with all the answers, one step before sending."""
    filled(phone, hall, service)
    with phone.page.expect_navigation():
        phone.press("_check")
    phone.ready().page.locator("button[name=_send]").wait_for()
    return phone


def posts(phone: Phone) -> list[Request]:
    """Fills with what the page posts from now on."""
    found: list[Request] = []
    phone.page.on("request", lambda request: found.append(request) if request.method == "POST" else None)
    return found


# --- conditions ---


def test_a_question_appears_with_the_choice_that_opens_it_and_no_request_is_made(phone: Phone) -> None:
    phone.open(ADDRESS_OF[RESIDENCE])
    sent = posts(phone)
    assert DETAILS not in phone.asked
    phone.page.check(OTHER)
    assert DETAILS in phone.asked
    assert DETAILS in phone.value("_asked").split()
    assert sent == []


def test_what_no_longer_applies_is_not_sent_and_comes_back_as_it_was(phone: Phone) -> None:
    phone.open(ADDRESS_OF[RESIDENCE]).page.check(OTHER)
    phone.fill({DETAILS: "For my bank"})
    phone.fill({"/purpose": "school"})
    assert DETAILS not in phone.body
    assert DETAILS not in phone.value("_asked").split()
    phone.page.check(OTHER)
    assert phone.body[DETAILS] == ["For my bank"]


def test_the_progress_counts_while_the_form_is_filled_in_as_the_server_does(phone: Phone, hall: MemoryHall) -> None:
    told = phone.open(ADDRESS_OF[LICENCE]).page.locator("#progress label")
    assert told.inner_text().startswith("0 of 4 ")
    answers = typed(hall, LICENCE)
    for number, section in enumerate(("/applicant", "/business", "/pickup"), start=1):
        *most, last = [name for name in answers if name.startswith(f"{section}/")]
        phone.fill({name: answers[name] for name in most})
        assert told.inner_text().startswith(f"{number - 1} of 4 ")
        phone.fill({last: answers[last]}).choose_window()
        assert told.inner_text().startswith(f"{number} of 4 ")
    assert phone.page.locator(".hall-contents .hall-done:visible").count() == 3
    with phone.page.expect_navigation():
        phone.press("_check")
    assert phone.ready().page.locator("#progress label").inner_text().startswith("3 of 4 ")
    phone.fill({"/business/name": ""})
    assert told.inner_text().startswith("2 of 4 ")


def test_the_focus_stays_where_it_is_and_new_questions_are_told(phone: Phone) -> None:
    page = phone.open(ADDRESS_OF[RESIDENCE]).page
    page.locator(OTHER).focus()
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.value") == "other"
    page.locator("#form > [role=status]", has_text="New questions: ").wait_for(state="attached")


def test_a_condition_deep_in_the_form_works_from_another_part_of_it(phone: Phone) -> None:
    phone.open(ADDRESS_OF[LICENCE])
    former = "/business/former_name"
    assert former not in phone.asked
    phone.fill({"/changes": ["scope", "name"]})
    assert phone.asked.index(former) > phone.asked.index("/business/name")
    phone.page.uncheck('input[name="/changes"][value="name"]')
    assert former not in phone.asked


def test_the_server_asks_for_nothing_again_that_the_page_has_shown(phone: Phone, hall: MemoryHall) -> None:
    filled(phone, hall).page.check(OTHER)
    phone.fill({DETAILS: "For my bank"})
    with phone.page.expect_navigation():
        phone.press("_check")
    assert "For my bank" in phone.page.locator("main").inner_text()


# --- kept on the device ---


def test_what_was_typed_is_there_again_when_the_page_is_opened_anew(phone: Phone, hall: MemoryHall) -> None:
    filled(phone, hall, LICENCE).fill({"/changes": "name"}).fill({"/business/former_name": "上海旧名商贸有限公司"})
    before = phone.body
    phone.page.get_by_text("Saved on this device").wait_for()
    phone.open(ADDRESS_OF[LICENCE])
    phone.page.get_by_text("We kept what you typed").wait_for()
    assert phone.body == before


def test_a_page_that_is_left_at_once_has_kept_the_last_letter(phone: Phone) -> None:
    phone.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/name": PERSONAL[0]})
    phone.open(ADDRESS_OF[RESIDENCE])
    assert phone.value("/applicant/name") == PERSONAL[0]


def test_what_was_kept_is_deleted_when_its_owner_wants_it(phone: Phone) -> None:
    phone.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/name": PERSONAL[0]})
    phone.open(ADDRESS_OF[RESIDENCE])
    with phone.page.expect_navigation():
        phone.page.get_by_role("button", name="Delete it and start again").click()
    phone.ready()
    assert phone.value("/applicant/name") == ""
    assert phone.kept(RESIDENCE) is None


def test_each_service_is_kept_apart(phone: Phone) -> None:
    phone.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/name": PERSONAL[0]})
    phone.open(ADDRESS_OF[LICENCE])
    assert phone.value("/applicant/name") == ""


def test_what_is_older_than_two_weeks_is_erased(phone: Phone) -> None:
    phone.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/name": PERSONAL[0]})
    phone.open(ADDRESS_OF[LICENCE])
    old = (datetime.now(UTC) - timedelta(days=14, minutes=1)).timestamp() * 1000
    phone.page.evaluate(
        "([name, at]) => localStorage.setItem(name, JSON.stringify({...JSON.parse(localStorage.getItem(name)), at}))",
        [KEPT + RESIDENCE, old],
    )
    phone.open(ADDRESS_OF[LICENCE])
    assert phone.kept(RESIDENCE) is None


def test_a_page_that_tells_of_mistakes_keeps_what_it_shows(phone: Phone) -> None:
    phone.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/name": PERSONAL[0], "/applicant/phone": "12"})
    with phone.page.expect_navigation():
        phone.press("_check")
    phone.ready()
    assert phone.page.locator("#errors").count() == 1
    assert phone.page.evaluate("document.activeElement.className") == "govuk-error-summary"
    assert phone.page.get_by_text("We kept what you typed").count() == 0
    assert phone.value("/applicant/phone") == "12"


def test_a_device_that_keeps_nothing_says_so(device: BrowserContext, phone: Phone) -> None:
    device.add_init_script(
        "delete window.localStorage; Object.defineProperty(window, 'localStorage', {get() { throw 1 }})"
    )
    phone.open(ADDRESS_OF[RESIDENCE])
    assert phone.page.get_by_text("cannot keep what you type").is_visible()
    phone.page.check(OTHER)
    assert DETAILS in phone.asked


# --- sent once ---


def test_the_form_is_sent_and_nothing_stays_on_the_device(phone: Phone, hall: MemoryHall) -> None:
    checked(phone, hall)
    assert phone.kept(RESIDENCE)
    phone.press("_send")
    phone.page.wait_for_url(re.compile("/t/"))
    phone.open(ADDRESS_OF[RESIDENCE])
    assert phone.kept(RESIDENCE) is None
    assert phone.value("/applicant/name") == ""
    assert len(stored(hall)) == 1


def test_pressing_twice_sends_once(phone: Phone, hall: MemoryHall) -> None:
    checked(phone, hall)
    sent = posts(phone)
    phone.page.evaluate("() => { const send = document.querySelector('[name=_send]'); send.click(); send.click(); }")
    phone.page.wait_for_url(re.compile("/t/"))
    assert len(sent) == 1


def test_a_cut_before_the_hall_hears_of_it_loses_nothing(
    phone: Phone, hall: MemoryHall, device: BrowserContext
) -> None:
    checked(phone, hall)
    device.set_offline(True)
    phone.press("_send")
    phone.page.get_by_text("You are not connected").wait_for()
    assert phone.kept(RESIDENCE)
    assert stored(hall) == []
    device.set_offline(False)
    phone.page.get_by_role("button", name="Try again").click()
    phone.page.wait_for_url(re.compile("/t/"))
    assert len(stored(hall)) == 1


def test_an_answer_that_gets_lost_does_not_make_two_cases(phone: Phone, hall: MemoryHall) -> None:
    checked(phone, hall)

    def lose(route: Route) -> None:
        """The hall has taken it, and the network is gone before it can say so."""
        route.fetch(max_redirects=0)
        route.abort("connectionreset")

    phone.page.route(phone.address + ADDRESS_OF[RESIDENCE], lose, times=1)
    phone.press("_send")
    again = phone.page.get_by_role("button", name="Try again")
    again.wait_for()
    assert len(stored(hall)) == 1
    again.click()
    phone.page.wait_for_url(re.compile("/t/"))
    assert len(stored(hall)) == 1


def test_a_step_without_a_network_leaves_the_page_as_it_is(
    phone: Phone, hall: MemoryHall, device: BrowserContext
) -> None:
    filled(phone, hall)
    device.set_offline(True)
    phone.press("_check")
    phone.page.get_by_text("You are not connected").wait_for()
    assert phone.value("/applicant/name") == PERSONAL[0]
    device.set_offline(False)
    with phone.page.expect_navigation():
        phone.page.get_by_role("button", name="Try again").click()
    assert phone.page.locator("button[name=_send]").count() == 1


def test_no_personal_data_gets_into_an_address(phone: Phone, hall: MemoryHall) -> None:
    seen: list[str] = []
    phone.page.on("request", lambda request: seen.append(request.url))
    checked(phone, hall).press("_send")
    phone.page.wait_for_url(re.compile("/t/"))
    assert not [url for url in seen for word in PERSONAL if word in url]


@pytest.mark.parametrize("service", [RESIDENCE, LICENCE])
def test_the_page_with_all_its_files_is_light(phone: Phone, service: str) -> None:
    import gzip

    weights: list[int] = []
    phone.page.on("response", lambda response: weights.append(len(gzip.compress(response.body(), 9))))
    phone.open(ADDRESS_OF[service])
    phone.page.wait_for_load_state("networkidle")
    assert len(weights) <= 5
    assert sum(weights) <= 45_000
