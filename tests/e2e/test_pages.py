"""A person with a phone and no scripts at the real local hall: a service without originals, from form to tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.local.demo import ANSWERS, Hall
from infra.local.layout import ROOT
from tests.chromium import PHONE, needs_chromium
from tests.e2e.applicant import Applicant

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SERVICE = "residence-certificate"

pytestmark = [pytest.mark.hall, needs_chromium]


def test_a_proof_of_residence_is_applied_for_and_paid_on_a_phone(chrome: Browser, door: Hall) -> None:
    context = chrome.new_context(viewport=PHONE, java_script_enabled=False, locale="zh-Hant")
    person = Applicant(context.new_page(), door.addresses["hall"], ROOT / "test-output/pages/residence", scripts=False)
    page = person.page
    page.goto(f"{person.address}/services/{SERVICE}/apply")
    person.fill(ANSWERS[SERVICE])
    person.press("main button[name=_check]")
    page.locator("button[name=_send]").click()
    page.wait_for_url(f"{person.address}/t/*")
    tracking = page.url
    person.keep("to-pay")
    page.locator("form[action$='/pay'] button").click()
    page.wait_for_url("**/pay/**")
    page.locator("button[value=paid]").click()
    page.wait_for_url(f"{tracking}*")
    person.until(lambda: not page.locator("form[action$='/pay']").count(), "the payment")
    person.keep("paid")
    assert "10.00" in page.locator("main").inner_text()
    assert page.locator("img.hall-qr").evaluate("image => image.naturalWidth") > 0
    assert page.locator("html").get_attribute("lang") == "zh-Hant"
    assert person.refused == []
    context.close()
