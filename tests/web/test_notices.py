"""A vendor's outage on the tracking page: told in plain words to whom it concerns, and gone when it is over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.usecases.vendors import PAYMENTS
from chalicelib.web import words
from tests.api import LICENCE, Api
from tests.halls import COURIER, MemoryHall
from tests.unit.test_api_outages import bring_back, take_down
from tests.web.browser import Browser
from tests.web.filling import applied, as_case
from tests.web.test_pages import hold_to_the_rules


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-Hant"])
def test_a_pickup_that_waits_for_the_courier_s_system_is_told_until_it_is_ordered(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser, api = browse(language), Api(hall)
    tracking = applied(browser, hall, LICENCE)
    case = as_case(hall, tracking)
    api.pay(case)
    take_down(hall, PAYMENTS)
    assert not browser.open(f"/t/{tracking}").document.all(class_="govuk-inset-text")

    take_down(hall, COURIER)
    api.decide(case, "pre-check", "market-regulation")
    page = browser.open(f"/t/{tracking}")
    hold_to_the_rules(page, language)
    (notice,) = page.document.all(class_="govuk-inset-text")
    assert notice.text == words.say("notice.pickup", language)
    assert (language == "en") == notice.text.startswith("The courier's system is not answering")

    bring_back(hall, COURIER)
    assert not browser.open(f"/t/{tracking}").document.all(class_="govuk-inset-text")
