"""A person with a phone at the hall's pages: fills in forms as they stand, attaches files, presses what there is.

Nothing here knows whether scripts run: a file is attached by the chooser in the form where there is one, else by the
page that takes files; a page that waits for news is loaded again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.web.questions import DATE
from tests.chromium import PATIENCE_MS, complaints, keep

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LOOK_AGAIN_MS = 250


@dataclass
class Applicant:
    """``pictures`` is where each page is kept as a picture; ``refused`` what the browser complained of."""

    page: Page
    address: str
    pictures: Path
    scripts: bool
    refused: list[str] = field(default_factory=list)
    kept: int = 0

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.refused = complaints(self.page, self.address)

    def keep(self, name: str) -> None:
        """A picture of the page; AssertionError when it is wider than the phone."""
        self.kept += 1
        keep(self.page, self.pictures / f"{self.kept:02}-{name}.png")

    def press(self, selector: str) -> None:
        """Press something that leads to another page."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Load the page again until it shows what comes by ways of its own."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not holds():
            assert time.monotonic() < deadline, f"{what} never comes: {self.page.locator('main').inner_text()[:500]}"
            self.page.wait_for_timeout(LOOK_AGAIN_MS)
            self.page.reload()

    # --- the form ---

    def fill(self, answers: Mapping[str, Any], path: str = "") -> None:
        """Type a service's answers, in the order in which they are asked."""
        for name, value in answers.items():
            place = f"{path}/{name}"
            if isinstance(value, dict) and not self._fields(place).count():
                self.fill(value, place)
            elif isinstance(value, list):
                for one in value:
                    self._fields(place).and_(self.page.locator(f"[value='{one}']")).check()
            else:
                self._answer(place, value)

    def choose_window(self) -> None:
        """The first window that the courier offers."""
        window = self._fields("/pickup/window").first
        if window.evaluate("control => control.tagName") == "SELECT":
            window.select_option(index=1)
        else:
            window.check()

    def _fields(self, place: str) -> Locator:
        return self.page.locator(f"main [name='{place}']")

    def _answer(self, place: str, value: Any) -> None:
        control = self._fields(place).first
        if not control.count():
            for part, number in zip(DATE, str(value).split("-"), strict=True):
                self._fields(f"{place}/{part}").fill(str(int(number)))
            return
        kind = control.evaluate("control => control.type")
        if kind in ("radio", "checkbox"):
            self._fields(place).and_(self.page.locator(f"[value='{value}']")).check()
        elif kind == "select-one":
            control.select_option(str(value))
        else:
            control.fill(str(value))

    # --- files ---

    def attach(self, material: str, file: Path) -> None:
        """Hand in a file, and wait until the page has it."""
        before = self._attached(material).count()
        if self.scripts:
            self.page.locator(f"[data-upload='{material}'] input[type=file]").first.set_input_files(file)
        else:
            self.press(f"button[name=_files][value='{material}']")
            self.page.locator("input[type=file]").set_input_files(file)
            if not before:
                self.keep(f"file-{material}")
            self.press("main form button")
        self._attached(material).nth(before).wait_for(state="attached")

    def _attached(self, material: str) -> Locator:
        """What will be sent along; a file that is still looked at is not."""
        return self.page.locator(f"main input[name='_uploads/{material}'][value]:not([value=''])")
