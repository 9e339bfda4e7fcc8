"""Every page in every state, on a small phone, in both languages: axe finds nothing against WCAG 2.2, levels A and AA.

Pages of a case are found by following the links from its tracking page, so that a new page is looked at unasked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.api import LICENCE, PAPERS, RESIDENCE, Api
from tests.chromium import needs_chromium
from tests.halls import MemoryHall
from tests.web.looking import BOTH, Looking

if TYPE_CHECKING:
    pass

pytestmark = needs_chromium


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
