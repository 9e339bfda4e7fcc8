"""How heavy pages are on a cold phone, counted by the browser. What Lighthouse says of them: ``make lighthouse``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.local.demo import Hall
from tests.bench.lighthouse import FORM, tracking_page
from tests.chromium import PATIENCE_MS, PHONE, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MOST_REQUESTS = 5
MOST_BYTES = {"form": 45_000, "tracking": 35_000}

pytestmark = [pytest.mark.hall, needs_chromium]


@pytest.fixture
def address(door: Hall, page: str) -> str:
    return f"{door.addresses['hall']}{FORM}" if page == "form" else tracking_page(door)


@pytest.mark.parametrize("page", MOST_BYTES)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_page_with_all_its_files_is_light(chrome: Browser, address: str, page: str, language: str) -> None:
    context = chrome.new_context(viewport=PHONE, locale=language)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    wire = context.new_cdp_session(opened)
    wire.send("Network.enable")
    asked: dict[str, str] = {}
    weights: dict[str, float] = {}
    wire.on("Network.requestWillBeSent", lambda sent: asked.update({sent["requestId"]: sent["request"]["url"]}))
    wire.on("Network.loadingFinished", lambda done: weights.update({done["requestId"]: done["encodedDataLength"]}))
    opened.goto(address, wait_until="networkidle")
    context.close()
    loaded = {asked[request]: weight for request, weight in weights.items() if not asked[request].startswith("data:")}
    print("\n".join(f"  {weight:8.0f} {url}" for url, weight in loaded.items()))
    assert len(loaded) <= MOST_REQUESTS, loaded
    assert sum(loaded.values()) <= MOST_BYTES[page], loaded
    assert all(url.startswith(address[: address.index("/", 8)]) for url in loaded), "a third party was asked"
