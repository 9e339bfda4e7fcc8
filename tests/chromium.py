"""Chromium, for tests that look at pages as people see them. They are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PHONE: Any = {"width": 390, "height": 844}
SMALL_PHONE: Any = {"width": 320, "height": 568}
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser; each test opens contexts of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


def complaints(page: Page, address: str) -> list[str]:
    """A list that fills with what the browser has against our own page: a policy that forbids what it needs, say."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda message: (
            found.append(message.text)
            if message.type == "error"
            and message.location["url"].startswith(address)
            and "status of" not in message.text
            else None
        ),
    )
    return found


def keep(page: Page, picture: Path) -> None:
    """A picture of the whole page, which is never wider than its window."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=picture, full_page=True)
    assert not too_wide(page), picture.name


def too_wide(page: Page) -> list[str]:
    """What sticks out of the window at its side, so that the page has to be moved sideways to be read."""
    told: list[str] = page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width);
            return ["too wide", ...wide.map(e => e.outerHTML.slice(0, 120))];
        }"""
    )
    return told
