"""Save and continue later with scripts, on small phones: what the device keeps by itself stands in no draft's way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.usecases import drafts
from tests.api import APPLICANT, RESIDENCE, Api
from tests.chromium import SMALL_PHONE, needs_chromium
from tests.halls import MemoryHall
from tests.web.looking import BOTH, Looking

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
FORM = f"/services/{RESIDENCE}/apply"
NAME = "[name='/applicant/name']"


def save(page: Page) -> None:
    with page.expect_navigation():
        page.locator("main button[name=_save]").click()


def address_on(page: Page) -> str:
    return page.locator("strong.hall-number").inner_text()


def enter(page: Page, hall: MemoryHall, address: str) -> None:
    page.goto(address)
    page.locator("form[action$='/code'] button").click()
    page.fill("#code", Api(hall).code_sent())
    with page.expect_navigation(url=f"**{FORM}"):
        page.locator("form[action$='/session'] button").click()


def begun(page: Page, address: str, name: str = APPLICANT["name"]) -> None:
    page.goto(address + FORM)
    page.fill(NAME, name)
    page.fill("[name='/applicant/phone']", APPLICANT["phone"])


@BOTH
def test_every_page_of_a_draft_in_every_state(
    looking: Callable[[str], Looking],
    chrome: Browser,
    hall: MemoryHall,
    language: str,
) -> None:
    eye = looking(language)
    eye.open(FORM)
    eye.press("main button[name=_save]")
    eye.page.fill("#phone", "12")
    eye.press("form[action$='/saved'] button")
    assert eye.page.evaluate("document.activeElement.className").startswith("govuk-error-summary")
    eye.page.fill("#phone", APPLICANT["phone"])
    eye.press("form[action$='/saved'] button")
    address = address_on(eye.page)
    eye.open(FORM)
    save(eye.page)
    other = chrome.new_context(viewport=SMALL_PHONE).new_page()
    enter(other, hall, address)
    save(other)
    other.context.close()
    eye.open(address)
    eye.press("form[action$='/code'] button")
    eye.page.fill("#code", "1")
    eye.press("form[action$='/session'] button")
    eye.page.go_back()
    eye.open(f"{FORM}/saved/deletion")
    eye.press("main form button")
    eye.open(address)


def test_a_form_goes_on_where_another_device_left_it(
    looking: Callable[[str], Looking],
    chrome: Browser,
    hall: MemoryHall,
) -> None:
    eye = looking("en")
    begun(eye.page, eye.address)
    save(eye.page)
    address = address_on(eye.page)
    context = chrome.new_context(viewport=SMALL_PHONE)
    other = context.new_page()
    enter(other, hall, address)
    assert other.input_value(NAME) == APPLICANT["name"]
    other.fill(NAME, "李四")
    save(other)
    context.close()
    eye.page.goto(eye.address + FORM)
    assert eye.page.input_value(NAME) == "李四"


def test_who_chooses_the_other_version_gets_it_though_the_device_keeps_a_later_one(
    looking: Callable[[str], Looking],
    chrome: Browser,
    hall: MemoryHall,
) -> None:
    eye = looking("en")
    hall.clock.now = datetime.now(UTC) - timedelta(minutes=5)  # so that what the device keeps is the later one
    begun(eye.page, eye.address)
    save(eye.page)
    address = address_on(eye.page)
    eye.page.goto(eye.address + FORM)
    context = chrome.new_context(viewport=SMALL_PHONE)
    other = context.new_page()
    enter(other, hall, address)
    other.fill(NAME, "李四")
    save(other)
    context.close()
    eye.page.fill(NAME, "王五")
    save(eye.page)
    eye.look()
    with eye.page.expect_navigation():
        eye.page.locator("main a.govuk-button").click()
    eye.page.wait_for_load_state("networkidle")
    assert eye.page.input_value(NAME) == "李四"


def test_what_was_deleted_does_not_come_back_from_the_device(
    looking: Callable[[str], Looking],
    hall: MemoryHall,
) -> None:
    eye = looking("en")
    begun(eye.page, eye.address)
    save(eye.page)
    address = address_on(eye.page)
    assert APPLICANT["name"] in eye.page.evaluate("JSON.stringify(localStorage)")
    eye.page.goto(f"{eye.address}{FORM}/saved/deletion")
    with eye.page.expect_navigation():
        eye.page.locator("main form button").click()
    eye.page.wait_for_load_state("networkidle")
    assert eye.page.evaluate("JSON.stringify(localStorage)") == "{}"
    assert drafts.load(hall, address.rpartition("/")[2]) is None
    eye.page.goto(eye.address + FORM)
    assert eye.page.input_value(NAME) == ""
