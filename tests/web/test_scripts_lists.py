"""Lists in the form with its scripts: one more and one less without leaving the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import wiring
from tests.chromium import needs_chromium
from tests.halls import MemoryHall
from tests.web.corpus import CorpusCatalogue, samples
from tests.web.phone import Phone

pytestmark = needs_chromium

SAMPLE = samples()["lists-with-conditions"]


@pytest.fixture
def hall() -> Iterator[MemoryHall]:
    with wiring.standing_in(MemoryHall(catalogue=CorpusCatalogue())) as hall:
        yield hall


@pytest.fixture
def form(phone: Phone) -> Phone:
    """With one person in its list, and a mark that goes with the page."""
    phone.open(SAMPLE.address).fill({"/people/0/name": "A", "/people/0/foreign": "true", "/people/0/country": "FR"})
    phone.page.evaluate("document.body.dataset.page = 'first'")
    return phone


def is_same_page(phone: Phone) -> bool:
    return phone.page.locator("body[data-page=first]").count() == 1


def add(phone: Phone) -> None:
    phone.page.locator("button[name=_add][value='/people']").click()


def test_an_item_is_added_on_the_page_and_the_focus_is_at_it(form: Phone) -> None:
    add(form)
    form.controls("/people/1/name").wait_for()
    assert is_same_page(form)
    assert form.page.evaluate("document.activeElement.closest('[data-part]').dataset.part") == "/people/1"
    assert form.value("/people/0/country") == "FR"


def test_conditions_work_in_an_item_that_was_just_added(form: Phone) -> None:
    add(form)
    form.controls("/people/1/name").wait_for()
    assert "/people/1/country" not in form.asked
    form.fill({"/people/1/foreign": "true"})
    assert "/people/1/country" in form.asked
    assert "/people/1/country" in form.value("_asked").split()


def test_an_item_is_taken_out_on_the_page_and_the_focus_is_at_the_list(form: Phone) -> None:
    add(form)
    form.fill({"/people/1/name": "B"})
    form.page.locator("button[name=_remove][value='/people/0']").click()
    form.controls("/people/1/name").wait_for(state="detached")
    assert is_same_page(form)
    assert form.value("/people/0/name") == "B"
    assert form.page.evaluate("document.activeElement.closest('[data-part]').dataset.part") == "/people"


def test_lists_are_kept_on_the_device_too(form: Phone) -> None:
    add(form)
    form.fill({"/people/1/name": "B"})
    before = form.body
    form.open(SAMPLE.address)
    assert form.body == before


def test_a_cut_leaves_the_list_as_it_is_and_the_step_can_be_tried_again(form: Phone) -> None:
    form.page.route(form.address + SAMPLE.address, lambda route: route.abort("connectionreset"), times=1)
    add(form)
    form.page.get_by_role("button", name="Try again").click()
    form.controls("/people/1/name").wait_for()
    assert is_same_page(form)
    assert form.value("/people/0/name") == "A"


def test_an_answer_that_is_not_the_form_makes_the_browser_take_the_step_itself(form: Phone) -> None:
    form.page.route(form.address + SAMPLE.address, lambda route: route.fulfill(status=502, body="<p>gateway"), times=1)
    with form.page.expect_navigation():
        add(form)
    form.ready().controls("/people/1/name").wait_for()
    assert not is_same_page(form)
    assert form.value("/people/0/name") == "A"


def test_pressing_twice_adds_one(form: Phone) -> None:
    form.page.locator("button[name=_add][value='/people']").evaluate("add => { add.click(); add.click(); }")
    form.controls("/people/1/name").wait_for()
    assert not form.controls("/people/2/name").count()
