"""A person with a small phone, and an eye for what shuts people out: axe, against WCAG 2.2, levels A and AA."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from infra.web.node import MODULES
from tests.api import Api, Json
from tests.chromium import too_wide
from tests.files import picture
from tests.halls import MemoryHall
from tests.web.filling import typed

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = MODULES / "axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCOPE = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
BOTH = pytest.mark.parametrize("language", ["zh-CN", "en"])


@dataclass
class Looking:
    """A person with a small phone at the memory hall, and an eye for what shuts people out."""

    page: Page
    address: str
    hall: MemoryHall
    language: str
    axe: str = field(repr=False)

    def open(self, path: str) -> bool:
        """Look at a page; whether it is one: a picture or a sheet to print is not."""
        answer = self.page.goto(urljoin(self.address, path))
        assert answer
        is_page = answer.headers["content-type"].startswith("text/html")
        if is_page:
            self.look()
        return is_page

    def press(self, selector: str) -> None:
        """Press a button that leads to another page."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()
        self.look()

    def look(self) -> None:
        """AssertionError: axe has something against the page as it stands, or it is wider than the phone."""
        name = f"{urlsplit(self.page.url).path}: {self.page.title()}"
        assert self.page.evaluate("document.documentElement.lang") == self.language
        self.page.evaluate(self.axe)
        found = self.page.evaluate(f"axe.run(document, {json.dumps(SCOPE)})")
        assert [_told(one) for one in found["violations"]] == [], name
        assert too_wide(self.page) == [], name

    def look_around(self, home: str) -> None:
        """Every page that links lead to from here, as far as they are below ``home``."""
        seen, ahead = {home}, [home]
        while ahead:
            if not self.open(ahead.pop()):
                continue
            links = self.page.eval_on_selector_all("a[href]", "found => found.map(a => a.href)")
            paths = {urlsplit(link).path for link in links if link.startswith(self.address + home)}
            ahead += sorted(paths - seen)
            seen |= paths

    def fill(self, service: str, **changes: Any) -> None:
        """Type a service's answers, in the order of the page."""
        for name, value in typed(self.hall, service, **changes).items():
            controls = self.page.locator(f"main [name='{name}']")
            for one in [value] if isinstance(value, str) else value:
                match controls.first.evaluate("control => control.type"):
                    case "radio" | "checkbox":
                        self.page.locator(f"main [name='{name}'][value='{one}']").check()
                    case "select-one":
                        controls.first.select_option(one)
                    case _:
                        controls.first.fill(one)
        window = self.page.locator("main [name='/pickup/window']")
        if window.count():
            window.first.select_option(index=1)

    def attach(self) -> None:
        """A photo for every document that is asked for."""
        photo: Any = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": picture()}
        for material in self.page.locator("[data-upload]").all():
            material.locator("input[type=file]").first.set_input_files(photo)
            material.locator("input[name^='_uploads/']").wait_for(state="attached")

    def sign_in(self, tracking: str) -> None:
        """To the case by the code on the phone, with one that is wrong before."""
        self.open(f"/t/{tracking}/case")
        self.press("form[action$='/code'] button")
        self.page.fill("#code", "000000")
        self.press("form[action$='/session'] button")
        self.page.fill("#code", Api(self.hall).code_sent())
        self.press("form[action$='/session'] button")


def _told(violation: Json) -> str:
    places = [f"{node['html'][:160]} ({node.get('failureSummary', '')})" for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']}: {places}"
