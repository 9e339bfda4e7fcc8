"""Lists in the one form, in a browser without scripts: one more, one less, and each item with its own conditions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalice.test import Client

from app import app
from chalicelib import wiring
from chalicelib.forms.catalogue import Catalogue
from infra.local.layout import ROOT
from tests.halls import MemoryHall
from tests.web.browser import Browser
from tests.web.test_pages import hold_to_the_rules
from tests.web.test_questions import FORM

ADDRESS = "/services/sample/apply"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """At a hall whose one service has lists in its form."""
    root = tmp_path / "forms_schemas"
    shutil.copytree(ROOT / "forms_schemas/residence-certificate/1", root / "sample/1")
    shutil.rmtree(root / "sample/1/i18n")
    (root / "sample/1/form.json").write_text(json.dumps(FORM))
    definition = json.loads((root / "sample/1/service.json").read_text())
    (root / "sample/1/service.json").write_text(json.dumps(definition | {"id": "sample"}))
    catalogue = Catalogue(root, frozenset({("sample", "1")}))
    with wiring.standing_in(MemoryHall(catalogue=catalogue)), Client(app) as client:
        yield Browser(client)


def test_an_item_is_added_and_what_was_typed_stays(browser: Browser) -> None:
    browser.open(ADDRESS).fill({"/seats": "many", "/partners/0/name": "first"})
    page = browser.press(name="_add", value="/partners")
    assert page.status == 200
    hold_to_the_rules(page, "en")
    assert page.value("/partners/0/name") == ["first"]
    assert page.value("/partners/1/name") == [""]
    assert page.value("/seats") == ["many"]


def test_no_more_items_are_offered_than_the_list_takes(browser: Browser) -> None:
    page = browser.open(ADDRESS)
    for _ in range(2):
        page = browser.press(name="_add", value="/partners")
    assert page.control("/partners/2/name")
    assert not page.document.all("button", name="_add", value="/partners")


def test_an_item_is_taken_out_from_the_middle(browser: Browser) -> None:
    browser.open(ADDRESS)
    browser.press(name="_add", value="/partners")
    browser.press(name="_add", value="/partners").fill(
        {"/partners/0/name": "a", "/partners/1/name": "b", "/partners/2/name": "c"}
    )
    page = browser.press(name="_remove", value="/partners/1")
    assert (page.value("/partners/0/name"), page.value("/partners/1/name")) == (["a"], ["c"])
    assert not page.control("/partners/2/name")


def test_a_list_of_plain_answers_begins_empty_and_grows(browser: Browser) -> None:
    page = browser.open(ADDRESS)
    assert not page.control("/names/0")
    page = browser.press(name="_add", value="/names")
    hold_to_the_rules(page, "en")
    page.fill({"/names/0": "Ann"})
    browser.press(name="_add", value="/names").fill({"/names/1": "Bo"})
    page = browser.press(name="lang", value="zh-CN")
    assert (page.value("/names/0"), page.value("/names/1")) == (["Ann"], ["Bo"])


def test_faults_and_new_questions_stand_at_their_item(browser: Browser) -> None:
    browser.open(ADDRESS).fill({"/seats": "2", "/partners/0/name": "a", "/partners/0/foreign": "true"})
    page = browser.press(name="_check")
    assert (page.status, page.errors) == (200, {})
    assert page.document.all("a", href="#partners-0-country")
    page = browser.press(name="_check")
    assert list(page.errors) == ["partners-0-country"]
    hold_to_the_rules(page, "en")
    page.fill({"/partners/0/country": "France"})
    page = browser.press(name="_check")
    assert page.document.all("button", name="_send")
    assert "France" in page.text
    page = browser.press(name="_change", value="/partners")
    assert page.value("/partners/0/country") == ["France"]
