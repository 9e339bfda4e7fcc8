"""For hands without a mouse and eyes that need large letters: keys alone, focus that shows, 200 % text, 320 px."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from tests.api import LICENCE, RESIDENCE, Api
from tests.chromium import PHONE, SMALL_PHONE, needs_chromium, too_wide
from tests.halls import MemoryHall
from tests.web.filling import typed
from tests.web.serve import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BOTH = pytest.mark.parametrize("language", ["zh-CN", "en"])
MANY_KEYS = 300  # a page that takes more is a page without an end

pytestmark = needs_chromium

# The name or text of what has the focus; nothing at the end, or where it was before.
_STOP = """() => {
    const at = document.activeElement;
    if (at === document.body || "stopped" in at.dataset) return null;
    at.dataset.stopped = "";
    return at.name || at.textContent.trim() || at.tagName;
}"""
# How what has the focus is drawn, with it and without it: itself, or the label that stands for it. What is transparent
# shows nothing.
_DRAWN = """() => {
    const control = document.activeElement;
    const shown = control.closest("label, .govuk-radios__item, .govuk-checkboxes__item") || control;
    const styles = e => [null, "::before", "::after"].map(part => getComputedStyle(e, part)).map(style => [
        style.outlineStyle === "none" || style.outlineColor.endsWith(", 0)") ? "" : style.outline,
        style.boxShadow, style.backgroundColor, style.borderColor, style.borderWidth, style.color,
    ]);
    const drawn = () => JSON.stringify([shown, ...shown.querySelectorAll("*")].map(styles));
    const focused = drawn();
    control.blur();
    const blurred = drawn();
    control.focus({preventScroll: true});
    return [focused, blurred];
}"""
# Text that its own box cuts off. Fields and what is there for screen readers alone are none of it.
_CLIPPED = """() => [...document.querySelectorAll("body *")].filter(e => {
    const style = getComputedStyle(e);
    return e.textContent.trim() && !e.closest(".govuk-visually-hidden, .govuk-skip-link, select, textarea, svg")
        && [style.overflowX, style.overflowY].some(one => one === "hidden" || one === "clip")
        && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
}).map(e => e.outerHTML.slice(0, 160))"""


@pytest.fixture
def opened(chrome: Browser, hall: MemoryHall) -> Iterator[Callable[..., Page]]:
    """Opens a page of the memory hall: ``opened(path, language, viewport)``."""
    with serving() as address:
        contexts = []

        def open_page(path: str, language: str, viewport: Mapping[str, int] = PHONE) -> Page:
            contexts.append(chrome.new_context(viewport=viewport, locale=language))
            page = contexts[-1].new_page()
            page.set_default_timeout(20_000)
            page.goto(address + path)
            return page

        yield open_page
        for context in contexts:
            context.close()


def stops(page: Page) -> Iterator[str]:
    """Press Tab again and again; the name or text of each thing that gets the focus, until the page is through."""
    for _ in range(MANY_KEYS):
        page.keyboard.press("Tab")
        told: str | None = page.evaluate(_STOP)
        if told is None:
            return
        yield told
    raise AssertionError("the focus never comes to an end")


@BOTH
@pytest.mark.parametrize("path", [f"/services/{LICENCE}/apply", "tracking", "/", "/verify"])
def test_wherever_the_focus_is_it_shows(
    opened: Callable[..., Page], hall: MemoryHall, language: str, path: str
) -> None:
    address = f"/t/{Api(hall).opened(LICENCE)['tracking']}" if path == "tracking" else path
    page = opened(address, language)
    unseen = [stop for stop in stops(page) if not _focus_shows(page)]
    assert unseen == []


def _focus_shows(page: Page) -> bool:
    focused, blurred = page.evaluate(_DRAWN)
    return bool(focused != blurred)


@BOTH
def test_the_skip_link_comes_first_and_leads_to_the_page_itself(opened: Callable[..., Page], language: str) -> None:
    page = opened(f"/services/{LICENCE}", language)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    assert page.locator(".govuk-skip-link").bounding_box()["height"] > 20  # type: ignore[index]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@BOTH
def test_a_form_is_filled_in_and_checked_by_keys_alone(
    opened: Callable[..., Page], hall: MemoryHall, language: str
) -> None:
    page = opened(f"/services/{RESIDENCE}/apply", language)
    answers = typed(hall, RESIDENCE)
    given = set()
    for name in stops(page):
        if name in answers:
            value = answers[name]
            _answer(page, value if isinstance(value, str) else value[0])
            given.add(name)
        elif name == "/pickup/window":
            _choose_next(page)
        elif name == "_check" and page.evaluate("document.activeElement.closest('main') !== null"):
            break
    assert given == answers.keys()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator("button[name=_send]").count() == 1


def _answer(page: Page, value: str) -> None:
    """Type it, or go to it among the choices."""
    kind = page.evaluate("document.activeElement.type")
    if kind == "checkbox":
        page.keyboard.press("Space")
    elif kind == "radio":
        page.keyboard.press("Space")
        for _ in range(MANY_KEYS):
            if page.evaluate("document.activeElement.value") == value:
                break
            page.keyboard.press("ArrowDown")
    elif kind == "select-one":
        for _ in range(MANY_KEYS):
            if page.evaluate("document.activeElement.value") == value:
                break
            page.keyboard.press("ArrowDown")
    else:
        page.keyboard.insert_text(value)


def _choose_next(page: Page) -> None:
    page.keyboard.press("Space" if page.evaluate("document.activeElement.type") == "radio" else "ArrowDown")


@BOTH
def test_a_case_is_paid_for_by_keys_alone(opened: Callable[..., Page], hall: MemoryHall, language: str) -> None:
    page = opened(f"/t/{Api(hall).opened(LICENCE)['tracking']}", language)
    at_the_button = "document.activeElement.closest(\"form[action$='/pay']\") !== null"
    assert any(page.evaluate(at_the_button) for _ in stops(page))


@BOTH
@pytest.mark.parametrize("path", [f"/services/{LICENCE}/apply", f"/services/{LICENCE}", "tracking", "/"])
def test_text_twice_as_large_is_all_there(
    opened: Callable[..., Page], hall: MemoryHall, language: str, path: str
) -> None:
    address = f"/t/{Api(hall).opened(LICENCE)['tracking']}" if path == "tracking" else path
    page = opened(address, language, {"width": 640, "height": 800})
    before = page.evaluate("document.querySelector('h1').getBoundingClientRect().height")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.querySelector('h1').getBoundingClientRect().height") > before * 1.5
    assert too_wide(page) == []
    assert page.evaluate(_CLIPPED) == []


@BOTH
@pytest.mark.parametrize("path", [f"/services/{LICENCE}/apply", f"/services/{LICENCE}", "tracking", "/"])
def test_nothing_is_cut_off_on_a_small_phone(
    opened: Callable[..., Page], hall: MemoryHall, language: str, path: str
) -> None:
    address = f"/t/{Api(hall).opened(LICENCE)['tracking']}" if path == "tracking" else path
    page = opened(address, language, SMALL_PHONE)
    assert too_wide(page) == []
    assert page.evaluate(_CLIPPED) == []
