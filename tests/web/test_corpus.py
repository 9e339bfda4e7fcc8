"""Every sample of JSON Schema as a form: drawn, filled in, sent back, and judged as jsonschema judges it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import app
from chalicelib import wiring
from chalicelib.web import answers
from chalicelib.web.forms import Form
from chalicelib.web.questions import Branches, everything
from tests.cases import WeekdayCalendar
from tests.halls import MemoryHall
from tests.web.browser import Browser, Page
from tests.web.corpus import CorpusCatalogue, Sample, samples

CASES = [pytest.param(s, a, id=f"{s.name}-{n}") for s in samples().values() for n, a in enumerate(s.answers)]
EACH = pytest.mark.parametrize("sample", samples().values(), ids=samples().keys())
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def hall() -> Iterator[MemoryHall]:
    with wiring.standing_in(MemoryHall(catalogue=CorpusCatalogue())) as hall:
        yield hall


@pytest.fixture
def browser(hall: MemoryHall) -> Iterator[Browser]:
    with Client(app) as client:
        yield Browser(client)


def fill(browser: Browser, sample: Sample, given: Any) -> Page:
    """The page with the answers typed in, as it comes back from a round trip."""
    page = browser.open(sample.address)
    own = {name: page.value(name)[0] for name in ("_version", "_key")}
    body = {**{name: [value] for name, value in own.items()}, **sample.body(given)}
    return browser.send("POST", sample.address, urlencode(body, doseq=True).encode())


def entered(page: Page) -> dict[str, list[str]]:
    """What the page would send."""
    names = {control["name"] for control in page.document.one("form").all("input", "textarea", "select")}
    return {name: page.value(name) for name in sorted(names) if page.value(name)}


def assert_meant(sample: Sample, given: Any, page: Page) -> None:
    """What the page would send is read as what was meant. A form has required groups, with nothing in them as well."""
    found = answers.read(sample.schema, entered(page))[0]
    assert found == given if sample.fits(given) else _without_empty(found) == _without_empty(given)


def _without_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: left for name, below in value.items() if (left := _without_empty(below)) not in ({}, [])}


def assert_sound(page: Page) -> None:
    """Ids are unique, labels and descriptions lead somewhere, nothing of a title has become an element."""
    elements = page.document.all()
    ids = Counter(element["id"] for element in elements if "id" in element)
    assert [name for name, count in ids.items() if count > 1] == []
    labels = Counter(element["for"] for element in elements if element.tag == "label")
    assert labels.keys() <= ids.keys()
    for element in elements:
        assert set(element["aria-describedby"].split()) <= ids.keys()
        control = element.tag in ("input", "textarea", "select") and element["type"] != "hidden"
        assert not control or labels[element["id"]] == 1
        assert element.tag not in ("img", "style")
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.tag != "script" or element["src"] or element["type"] == "application/json"


def test_there_are_samples_of_both_kinds_for_each_schema() -> None:
    assert len(samples()) >= 25
    for sample in samples().values():
        assert {sample.fits(given) for given in sample.answers} == {True, False}, sample.name


@EACH
def test_an_empty_form_is_drawn(browser: Browser, sample: Sample) -> None:
    page = browser.open(sample.address)
    assert page.status == 200
    assert_sound(page)


@pytest.mark.parametrize(("sample", "given"), CASES)
def test_answers_come_back_as_they_were_meant_and_are_judged_as_jsonschema_does(
    browser: Browser, sample: Sample, given: Any
) -> None:
    page = fill(browser, sample, given)
    assert page.status == 200
    assert_sound(page)
    assert_meant(sample, given, page)
    page = browser.press(name="_check")
    assert (page.status == 200) == sample.fits(given), page.errors
    assert_sound(page)
    assert_meant(sample, given, page)
    if not sample.fits(given):
        assert page.errors
        assert {link for link in page.errors if not page.document.all(id=link)} == set()


@EACH
def test_answers_that_fit_are_sent(browser: Browser, hall: MemoryHall, sample: Sample) -> None:
    fill(browser, sample, next(given for given in sample.answers if sample.fits(given)))
    browser.press(name="_check")
    assert browser.press(name="_send").address.startswith("/t/")


@EACH
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_nothing_that_is_posted_can_break_the_reading(sample: Sample, data: st.DataObject) -> None:
    body = data.draw(bodies(sample))
    form = Form(sample.schema, body, "en", NOW, WeekdayCalendar())
    assert isinstance(form.answers, dict)
    for part in everything(form.parts):
        assert isinstance(form.told(part), str)
    again = Form(sample.schema, dict(_carried(form)), "en", NOW, WeekdayCalendar())
    assert again.answers == form.answers


def _carried(form: Form) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for name, value in form.hidden():
        found.setdefault(name, []).append(value)
    yield from found.items()


@cache
def bodies(sample: Sample) -> st.SearchStrategy[dict[str, list[str]]]:
    """Names that the form knows and others, with values that fit or not."""
    known = [name for given in sample.answers for name in sample.body(given)]
    branches = [part.pointer for given in sample.answers for part in _branches(sample, given)]
    ends = st.sampled_from(
        ["", "/0", "/1", "/~year", "/~branch", "/name", "/value", "/99", "/~more/0/name", "//", "/~"]
    )
    names = st.one_of(
        st.sampled_from(sorted({*known, *branches, "/"})),
        st.builds("".join, st.tuples(st.sampled_from(sorted({*known, ""})), ends)),
        st.text(max_size=8).map("/".__add__),
    )
    values = st.one_of(
        st.sampled_from(
            ["", " ", "0", "1", "true", "null", "[[[", '{"a":1}', "1e400", "-", "31", "2026", "９", "\x00"]
        ),
        st.text(max_size=8),
    )
    return st.dictionaries(names, st.lists(values, min_size=1, max_size=3), max_size=12)


def _branches(sample: Sample, given: Any) -> list[Branches]:
    form = Form(sample.schema, sample.body(given), "en", NOW, WeekdayCalendar())
    return [part for part in everything(form.parts) if isinstance(part, Branches)]
