"""A hall in memory, and browsers that look at its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from chalice.test import Client

from app import app
from chalicelib import wiring
from infra.web.node import alone, fetch
from tests.chromium import PHONE, SMALL_PHONE, chromium, complaints
from tests.halls import MemoryHall
from tests.web.browser import Browser
from tests.web.looking import AXE, Looking
from tests.web.phone import Phone
from tests.web.serve import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import BrowserContext


@pytest.fixture
def hall() -> Iterator[MemoryHall]:
    with wiring.standing_in(MemoryHall()) as hall:
        yield hall


@pytest.fixture
def browse(hall: MemoryHall) -> Iterator[Callable[..., Browser]]:
    """Gives a browser that asks for a language."""
    with Client(app) as client:
        yield lambda language="en": Browser(client, language)


@pytest.fixture
def browser(browse: Callable[..., Browser]) -> Browser:
    return browse()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def device(chrome: Chromium) -> Iterator[BrowserContext]:
    """A phone's browser with its own storage."""
    context = chrome.new_context(viewport=PHONE, locale="en", has_touch=True, is_mobile=True)
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def phone(device: BrowserContext, hall: MemoryHall) -> Iterator[Phone]:
    """A page on it; a test fails that leaves the browser with a complaint other than of a network that was cut."""
    with serving() as address:
        page = device.new_page()
        found = complaints(page, address)
        yield Phone(page, address, found)
        assert [complaint for complaint in found if "net::" not in complaint] == []
        page.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script that looks at pages."""
    with alone():
        fetch(checks=True)
    return AXE.read_text("utf-8")


@pytest.fixture
def looking(chrome: Chromium, hall: MemoryHall, axe: str) -> Iterator[Callable[[str], Looking]]:
    with serving() as address:
        context = chrome.new_context(viewport=SMALL_PHONE)
        context.set_default_timeout(20_000)

        def begin(language: str) -> Looking:
            context.set_extra_http_headers({"Accept-Language": language})
            return Looking(context.new_page(), address, hall, language, axe)

        yield begin
        context.close()
