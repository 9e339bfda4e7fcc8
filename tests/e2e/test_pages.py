"""A person with a phone and no scripts, at the real local hall: from the form over the pay page to tracking."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.layout import ROOT
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.e2e.halls import OneHall

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE: Any = {"width": 390, "height": 844}
PICTURES = ROOT / "test-output/pages"
PATIENCE_MS = 60_000

pytestmark = [
    pytest.mark.hall,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture
def address(one_hall: OneHall) -> str:
    return str(one_hall.open.addresses["hall"])


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_proof_of_residence_is_applied_for_and_paid_on_a_phone(
    chromium: Browser, address: str, language: str
) -> None:
    pictures = PICTURES / language
    pictures.mkdir(parents=True, exist_ok=True)
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False, locale=language)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if _is_ours(message, address) else None)

    page.goto(address)
    keep(page, pictures / "1-services.png")
    page.locator(f"a[href='/services/{RESIDENCE}']").click()
    keep(page, pictures / "2-guide.png")
    page.locator(f"a[href='/services/{RESIDENCE}/apply']").first.click()
    fill(page, RESIDENCE_ANSWERS)
    keep(page, pictures / "3-form.png")
    page.locator("main button[name=_check]").click()
    keep(page, pictures / "4-check.png")
    page.locator("button[name=_send]").click()
    page.wait_for_url(f"{address}/t/*")
    tracking = page.url
    keep(page, pictures / "5-to-pay.png")
    page.locator(f"form[action='{tracking.removeprefix(address)}/pay'] button").click()
    page.wait_for_url("**/pay/**")
    keep(page, pictures / "6-pay-page.png")
    page.locator("button[value=paid]").click()
    page.wait_for_url(f"{tracking}*")
    until_paid(page)
    keep(page, pictures / "7-paid.png")
    assert "¥10.00" in page.locator("main").inner_text()
    assert page.locator("img.hall-qr").evaluate("image => image.naturalWidth") > 0
    assert refused == []
    context.close()


def _is_ours(message: ConsoleMessage, address: str) -> bool:
    """Whether the browser complains of the hall's own page: a policy that forbids what the page needs, say."""
    return message.type == "error" and message.location["url"].startswith(address)


def until_paid(page: Page) -> None:
    """Load the page again until the news of the payment, which comes by a way of its own, is there."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while page.locator("form[action$='/pay']").count():
        assert time.monotonic() < deadline, "the payment never arrives"
        page.wait_for_timeout(250)
        page.reload()


def fill(page: Page, answers: Any, path: str = "") -> None:
    """Type a service's answers field by field."""
    for name, value in answers.items():
        field = f"{path}/{name}"
        if isinstance(value, dict):
            fill(page, value, field)
            continue
        control = page.locator(f"[name='{field}']").first
        if control.get_attribute("type") == "radio":
            page.locator(f"[name='{field}'][value='{value}']").check()
        else:
            control.fill(str(value))


def keep(page: Page, picture: Path) -> None:
    """A picture of the whole page, which is never wider than the phone."""
    page.screenshot(path=picture, full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], picture.name
