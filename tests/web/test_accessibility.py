"""Every page in every state, on a small phone, in both languages: axe finds nothing against WCAG 2.2, levels A and AA.

Pages of a case are found by following the links from its tracking page, so that a new page is looked at unasked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from infra.web.node import MODULES, alone, fetch
from tests.api import LICENCE, PAPERS, RESIDENCE, Api, Json
from tests.chromium import SMALL_PHONE, needs_chromium, too_wide
from tests.files import picture
from tests.halls import MemoryHall
from tests.web.filling import typed
from tests.web.serve import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE = MODULES / "axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCOPE = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
BOTH = pytest.mark.parametrize("language", ["zh-CN", "en"])

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def axe() -> str:
    """The script that looks at pages."""
    with alone():
        fetch(checks=True)
    return AXE.read_text("utf-8")


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


@pytest.fixture
def looking(chrome: Browser, hall: MemoryHall, axe: str) -> Iterator[Callable[[str], Looking]]:
    with serving() as address:
        context = chrome.new_context(viewport=SMALL_PHONE)
        context.set_default_timeout(20_000)

        def begin(language: str) -> Looking:
            context.set_extra_http_headers({"Accept-Language": language})
            return Looking(context.new_page(), address, hall, language, axe)

        yield begin
        context.close()


@BOTH
def test_services_guides_verification_and_refusals(looking: Callable[[str], Looking], language: str) -> None:
    eye = looking(language)
    for path in ("/", "/?q=zzzz", f"/services/{LICENCE}", f"/services/{RESIDENCE}", "/verify", "/verify?number=1"):
        eye.open(path)
    eye.open("/services/no-such-service")
    eye.open("/t/0000000000000-0")


@BOTH
@pytest.mark.parametrize("service", [LICENCE, pytest.param(RESIDENCE, marks=pytest.mark.thorough)])
def test_a_form_from_empty_over_its_errors_to_its_answers(
    looking: Callable[[str], Looking], language: str, service: str
) -> None:
    eye = looking(language)
    eye.open(f"/services/{service}/apply")
    eye.press("main button[name=_check]")
    assert eye.page.locator(".govuk-error-summary").count() == 1
    eye.fill(service)
    eye.attach()
    eye.look()
    eye.press("main button[name=_check]")
    assert eye.page.locator("button[name=_send]").count() == 1
    eye.press("button[name=_change]")


@BOTH
def test_a_form_that_asks_for_more(looking: Callable[[str], Looking], language: str) -> None:
    eye = looking(language)
    eye.open(f"/services/{LICENCE}/apply")
    eye.fill(LICENCE, changes=["name"])
    eye.look()
    eye.press("main button[name=_check]")


@BOTH
def test_a_form_that_is_saved_and_opened_elsewhere(looking: Callable[[str], Looking], language: str) -> None:
    eye = looking(language)
    home = f"/services/{LICENCE}/apply"
    eye.open(home)
    eye.fill(LICENCE)
    eye.press("button[name=_save]")
    (door,) = set(re.findall(r"/d/[\w-]+", eye.page.content()))
    eye.look_around(home)
    eye.open(f"{home}/files/old-licence")
    eye.open(door)
    eye.open("/d/no-such-draft")


@BOTH
def test_a_case_from_its_payment_to_its_ratings(
    looking: Callable[[str], Looking], hall: MemoryHall, language: str
) -> None:
    eye, api = looking(language), Api(hall)
    case = api.opened(LICENCE, language=language)
    home = f"/t/{case['tracking']}"
    eye.open(home)
    api.pay(case)
    eye.open(home)
    eye.sign_in(case["tracking"])
    eye.look_around(home)
    api.decide(case, "pre-check", "market-regulation")
    eye.open(home)
    api.move(f"{case['case']}-pickup-1", "picked_up", "in_transit", "delivered")
    eye.open(home)
    api.receive(case, *PAPERS)
    api.decide(case, "review", "market-regulation")
    eye.open(home)
    api.dispatch(case, "certificate", "originals")
    api.move(f"{case['case']}-delivery-1", "picked_up", "in_transit", "out_for_delivery", "delivered")
    eye.look_around(home)
    eye.open(f"/verify/{api.track(case)['certificates'][0]['number']}")


@BOTH
def test_a_case_with_something_to_correct(looking: Callable[[str], Looking], hall: MemoryHall, language: str) -> None:
    eye, api = looking(language), Api(hall)
    case = api.paid(LICENCE)
    marked = {"reason": "经营范围与执照不一致", "pointers": ["/business/scope", "/business/premises"]}
    api.decide(case, "pre-check", "market-regulation", "correct", **marked)
    eye.sign_in(case["tracking"])
    eye.look_around(f"/t/{case['tracking']}")
    eye.open(f"/t/{case['tracking']}/case/correction")
    eye.page.fill("[name='/business/scope']", "")
    eye.press("main form[action$='/correction'] button.govuk-button:not([name])")
    assert eye.page.locator(".govuk-error-summary").count() == 1


@BOTH
@pytest.mark.parametrize("ending", ["rejected", "withdrawn", "lapsed"])
def test_a_case_that_ends_early(
    looking: Callable[[str], Looking], hall: MemoryHall, language: str, ending: str
) -> None:
    eye, api = looking(language), Api(hall)
    case = api.opened(RESIDENCE)
    if ending == "lapsed":
        hall.clock.advance(timedelta(days=8))
        hall.sweep_and_drain()
    elif ending == "rejected":
        api.pay(case)
        api.decide(case, "verify-residence", "public-security", "reject", reason="不住在此处")
    else:
        api.post(f"/v1/cases/{case['case']}/withdrawal", {}, api.session(case))
    eye.open(f"/t/{case['tracking']}")
