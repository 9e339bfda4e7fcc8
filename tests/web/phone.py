"""A phone with Chromium that runs the pages' scripts over the hall in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

KEPT = "doorstep.form."  # in localStorage, with the service's name
CHOOSE = "(all, value) => all.filter(one => one.value === value && !one.checked).forEach(one => one.click())"


@dataclass
class Phone:
    """``complaints`` fills with what the browser has against the page."""

    page: Page
    address: str
    complaints: list[str]

    def open(self, path: str) -> Phone:
        """A page, when its scripts have begun."""
        self.page.goto(self.address + path)
        return self.ready()

    def ready(self) -> Phone:
        self.page.locator("#form[data-begun]").wait_for(state="attached")
        return self

    def controls(self, name: str) -> Locator:
        """Those of a name that can be filled in: what waits in a template can't."""
        return self.page.locator(f"#form [name={json.dumps(name, ensure_ascii=False)}]:not([type=hidden])")

    def fill(self, values: Mapping[str, str | list[str]]) -> Phone:
        """Type or choose, in the order given; a choice of "" is none."""
        for name, value in values.items():
            controls = self.controls(name)
            kind = controls.first.evaluate("control => control.type")
            for one in [value] if isinstance(value, str) else value:
                match kind:
                    case "radio" | "checkbox":
                        controls.evaluate_all(CHOOSE, one)
                    case "select-one":
                        controls.first.select_option(one)
                    case _:
                        controls.first.fill(one)
        return self

    def choose_window(self) -> Phone:
        if self.controls("/pickup/window").count():
            self.controls("/pickup/window").first.select_option(index=1)
        return self

    def press(self, name: str, value: str | None = None) -> None:
        of_value = "" if value is None else f'[value="{value}"]'
        self.page.locator(f"main button[name={name}]{of_value}").first.click()

    def value(self, name: str) -> str:
        return self.body.get(name, [""])[0]

    @property
    def body(self) -> dict[str, list[str]]:
        """What the form would send now."""
        found: dict[str, list[str]] = {}
        for name, value in self.page.evaluate("[...new FormData(document.querySelector('#form'))]"):
            found.setdefault(name, []).append(value)
        return found

    @property
    def asked(self) -> list[str]:
        """Pointers of the questions that are shown, in the order of the page."""
        parts = "[...document.querySelectorAll('#form [data-kind=question]')].map(part => part.dataset.part)"
        shown: list[str] = self.page.evaluate(parts)
        return shown

    def kept(self, service: str) -> dict[str, Any] | None:
        """What the device keeps of a form."""
        found = self.page.evaluate("name => localStorage.getItem(name)", KEPT + service)
        return dict(json.loads(found)) if found else None
