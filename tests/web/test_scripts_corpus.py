"""Conditions decided in the browser are those that the server decides, for every schema of the corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from chalicelib import wiring
from chalicelib.web.forms import Form
from chalicelib.web.questions import questions
from tests.chromium import PHONE, complaints, needs_chromium
from tests.halls import MemoryHall
from tests.web.corpus import VERSION, CorpusCatalogue, samples
from tests.web.phone import Phone
from tests.web.serve import serving

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet
    from playwright.sync_api import Browser as Chromium

Body = Mapping[str, list[str]]

pytestmark = needs_chromium

MANY_FIELDS = 12  # are looked at one by one; of more, some


def fillings() -> Iterator[ParameterSet]:
    """Of each schema the first answers that fit and the first that don't, one of both by turns always: the server's own
    tests take them all.
    """
    for turn, (name, sample) in enumerate(samples().items()):
        first = {sample.fits(answer): number for number, answer in reversed(list(enumerate(sample.answers)))}
        for fits, number in sorted(first.items()):
            always = len(first) == 1 or fits is bool(turn % 2)
            yield pytest.param(name, number, marks=() if always else pytest.mark.thorough)


@pytest.fixture(scope="module")
def corpus() -> Iterator[MemoryHall]:
    with wiring.standing_in(MemoryHall(catalogue=CorpusCatalogue())) as hall:
        yield hall


@pytest.fixture(scope="module")
def bench(corpus: MemoryHall, chrome: Chromium) -> Iterator[Phone]:
    """One phone for all: a form begins anew when its storage is emptied."""
    with serving() as address:
        context = chrome.new_context(viewport=PHONE, locale="en")
        context.set_default_timeout(5_000)
        context.add_init_script("localStorage.clear(); sessionStorage.clear()")
        page = context.new_page()
        yield Phone(page, address, complaints(page, address))
        context.close()


def on_server(hall: MemoryHall, name: str, body: Body) -> Form:
    return Form(hall.catalogue.form(name, VERSION, "en"), body, "en", hall.now(), hall.calendar)


def pointers(form: Form) -> list[str]:
    return [question.pointer for question in questions(form.parts)]


def fill(phone: Phone, typed: Body) -> Iterator[str]:
    """Fill in what is there, then what that brings up; add the items that are still missing. Gives each field filled.

    What has no field in the end is not asked: nobody could fill it in.
    """
    left = dict(typed)
    while left:
        there = set(
            phone.page.eval_on_selector_all("#form [name]:not([type=hidden])", "all => all.map(one => one.name)")
        )
        ready = [name for name in left if name in there]
        if not ready and not add(phone, left):
            return
        for name in ready[: 1 + len(typed) // MANY_FIELDS]:
            phone.fill({name: left.pop(name)})
            yield name


def add(phone: Phone, missing: Body) -> bool:
    """One more item, or one more part opened, for the first that needs it; whether there was such a button."""
    buttons: list[str] = phone.page.eval_on_selector_all("#form button[name=_add]", "all => all.map(one => one.value)")
    parts = set(phone.page.eval_on_selector_all("#form [data-part]", "all => all.map(one => one.dataset.part)"))
    for name in missing:
        around = [pointer for pointer in buttons if name.startswith(pointer + "/") and item(pointer, name) not in parts]
        if around:
            phone.page.evaluate("document.querySelector('#form').dataset.begun = 'before'")
            phone.page.locator("#form button[name=_add]").nth(buttons.index(max(around, key=len))).click()
            phone.page.locator("#form[data-begun='']").wait_for(state="attached")
            return True
    return False


def item(pointer: str, name: str) -> str:
    """Of a list, the one that a field is in."""
    return f"{pointer}/{name.removeprefix(pointer + '/').partition('/')[0]}"


@pytest.mark.parametrize(("name", "filling"), list(fillings()))
def test_a_form_filled_in_by_touch_asks_and_sends_as_the_server_would(
    bench: Phone, corpus: MemoryHall, name: str, filling: int
) -> None:
    sample = samples()[name]
    typed = sample.body(sample.answers[filling])
    bench.open(sample.address)
    for number, field in enumerate(fill(bench, typed), 1):
        if number % (1 + len(typed) // MANY_FIELDS):
            continue
        body = bench.body
        server = on_server(corpus, name, body)
        assert bench.asked == pointers(server), field
        assert body["_asked"] == [server.asked]
    told = on_server(corpus, name, bench.body).answers
    assert told == on_server(corpus, name, typed).answers
    with bench.page.expect_navigation():
        bench.press("_check")
    may_send = bench.page.locator("button[name=_send]").count() == 1
    assert may_send == sample.fits(told)
    assert on_server(corpus, name, bench.body).answers == told
    assert [complaint for complaint in bench.complaints if "net::" not in complaint] == []
