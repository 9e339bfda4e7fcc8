"""The three-in-one business licence, as a person with a phone applies for it: in both languages, on a usual and on a
small phone, with scripts and without; twice all the way to the door. Each page is kept as a picture in
``test-output/pages/<language>-<size>-<scripts>/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.demo import ADDRESS, ANSWERS, Hall, Walk
from infra.local.layout import ROOT
from tests.chromium import PHONE, SMALL_PHONE, needs_chromium
from tests.e2e.applicant import Applicant
from tests.files import document, picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SERVICE = "business-licence-change"
PICTURES = ROOT / "test-output/pages"
SIZES = {"390": PHONE, "320": SMALL_PHONE}
ALL = list(product(("zh-CN", "en"), SIZES, (True, False)))
TO_THE_DOOR = [("zh-CN", "390", True), ("en", "320", False)]
TO_ITS_TRACKING = [one for one in ALL if one not in TO_THE_DOOR]
ALWAYS = [("zh-CN", "320", False), ("en", "390", True)]  # with those to the door: each language, size and way twice
BUSINESS = ANSWERS[SERVICE]["business"]
WRONG, RIGHT = "日用百货销售", "日用百货销售；文具零售"

pytestmark = [pytest.mark.hall, needs_chromium]


def named(one: tuple[str, str, bool]) -> str:
    language, size, scripts = one
    return f"{language}-{size}-{'scripts' if scripts else 'plain'}"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Files by the material that they show."""
    folder = tmp_path_factory.mktemp("papers")
    contents = {
        "licence.jpg": picture("JPEG", 1200, 900),
        "organisation.png": picture("PNG", 320, 240),
        "card.pdf": document(2),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {
        "old-licence": [folder / "licence.jpg"],
        "organisation-code-certificate": [folder / "organisation.png", folder / "licence.jpg"],
        "representative-identity-card": [folder / "card.pdf"],
    }


@pytest.fixture
def begin(chrome: Browser, door: Hall) -> Iterator[Callable[..., Applicant]]:
    """Somebody with a phone of this size and language, with or without scripts."""
    contexts = []

    def begin(language: str, size: str, scripts: bool) -> Applicant:
        context = chrome.new_context(viewport=SIZES[size], java_script_enabled=scripts, locale=language)
        contexts.append(context)
        pictures = PICTURES / named((language, size, scripts))
        return Applicant(context.new_page(), door.addresses["hall"], pictures, scripts)

    yield begin
    for context in contexts:
        context.close()


def apply(person: Applicant, papers: dict[str, list[Path]]) -> str:
    """From the list of services to a case that is paid; gives the tracking code."""
    page = person.page
    page.goto(person.address)
    person.keep("services")
    person.press(f"a[href='/services/{SERVICE}']")
    person.keep("guide")
    person.press(f"a[href='/services/{SERVICE}/apply']")
    person.keep("form")
    person.press("main button[name=_check]")
    assert page.locator(".govuk-error-summary").count() == 1
    person.keep("errors")
    person.fill(ANSWERS[SERVICE] | {"pickup": {"address": ADDRESS}})
    person.choose_window()
    for material, files in papers.items():
        for file in files:
            person.attach(material, file)
    person.keep("filled-in")
    person.press("main button[name=_check]")
    for told in (BUSINESS["name"], BUSINESS["registration_number"], "¥24.00"):
        assert told in page.locator("main").inner_text()
    person.keep("check")
    page.locator("button[name=_send]").click()
    page.wait_for_url(f"{person.address}/t/*")
    tracking = page.url.removeprefix(f"{person.address}/t/")
    person.keep("to-pay")
    page.locator(f"form[action='/t/{tracking}/pay'] button").click()
    page.wait_for_url("**/pay/**")
    person.keep("pay-page")
    page.locator("button[value=paid]").click()
    page.wait_for_url(f"{person.address}/t/{tracking}*")
    person.until(lambda: not page.locator("form[action$='/pay']").count(), "the payment")
    person.keep("paid")
    assert "¥24.00" in page.locator("main").inner_text()
    return tracking


def walk_of(door: Hall, tracking: str, language: str) -> Walk:
    """The hands of everybody else who has to do with the case."""
    walk = Walk(door, SERVICE, lambda line: print(f"  {line}"), language=language)
    number = f"{tracking[:4]}-{tracking[4:8]}-{tracking[8:13]}"
    walk.accepted = {"case": number, "tracking": tracking, "payment_url": None}
    return walk


def sign_in(person: Applicant, walk: Walk) -> None:
    """By the code that comes to the phone."""
    before = len(walk.codes())
    person.press("form[action$='/case/code'] button")
    person.keep("code")
    person.page.fill("#code", walk.until("the code on the phone", lambda: walk.codes()[before:])[-1])
    person.press("form[action$='/case/session'] button")


def mark_wrong(walk: Walk, **marked: Any) -> None:
    walk.until("the review to open", lambda: walk.task_state("review") == "open")
    path = f"/v1/desk/cases/{walk.case}/tasks/review/decision"
    reviewer = walk.hall.staff("department:market-regulation")
    walk.hall.call("POST", path, expect=200, json={"decision": "correct", **marked}, headers=reviewer)


def correct(person: Applicant, walk: Walk) -> None:
    """Put right what a reviewer marked."""
    page, home = person.page, f"/t/{walk.tracking}"
    page.goto(person.address + home)
    person.until(lambda: page.locator(f"a[href='{home}/case/correction']").count(), "the correction")
    person.keep("to-correct")
    person.press(f"a[href='{home}/case/correction']")
    if page.locator("form[action$='/case/code']").count():
        sign_in(person, walk)
        page.goto(f"{person.address}{home}/case/correction")
    person.keep("correction")
    assert page.locator("main [name^='/']").evaluate_all("all => all.map(one => one.name)") == ["/business/scope"]
    assert page.locator("[name='/business/scope']").input_value() == WRONG
    page.fill("[name='/business/scope']", RIGHT)
    person.press("main form[action$='/correction'] button.govuk-button:not([name])")
    person.keep("corrected")


def rate(person: Applicant, walk: Walk) -> None:
    """Five stars."""
    page, home = person.page, f"/t/{walk.tracking}"
    page.goto(person.address + home)
    person.until(lambda: page.locator(f"a[href='{home}/case/ratings']").count(), "the rating")
    person.keep("delivered")
    person.press(f"a[href='{home}/case/ratings']")
    page.locator("input[type=radio][value='5']").first.check()
    page.locator("textarea").first.fill("一次没跑，谢谢")
    person.keep("rating")
    person.press("main form[action$='/ratings'] button")
    person.keep("rated")


@pytest.mark.parametrize(
    ("language", "size", "scripts"),
    [pytest.param(*one, id=named(one), marks=() if one in ALWAYS else pytest.mark.thorough) for one in TO_ITS_TRACKING],
)
def test_a_business_licence_is_applied_for_paid_and_followed_on_a_phone(
    begin: Callable[..., Applicant], papers: dict[str, list[Path]], language: str, size: str, scripts: bool
) -> None:
    person = begin(language, size, scripts)
    tracking = apply(person, papers)
    assert re.fullmatch(r"[0-9A-Z-]+", tracking)
    assert person.page.locator("html").get_attribute("lang") == language
    assert person.refused == []


@pytest.mark.parametrize(("language", "size", "scripts"), TO_THE_DOOR, ids=map(named, TO_THE_DOOR))
def test_a_business_licence_goes_from_the_form_to_the_door_and_is_rated(
    begin: Callable[..., Applicant],
    door: Hall,
    papers: dict[str, list[Path]],
    language: str,
    size: str,
    scripts: bool,
) -> None:
    person = begin(language, size, scripts)
    walk = walk_of(door, apply(person, papers), language)
    walk.pre_check()
    walk.carry("pickup")
    walk.until_status("awaiting_originals_check")
    walk.receive_originals()
    mark_wrong(walk, reason="经营范围与执照不一致", pointers=["/business/scope"])
    correct(person, walk)
    walk.approve("review")
    walk.dispatch()
    walk.carry("delivery")
    walk.until_status("delivered", "closed")
    rate(person, walk)
    assert [one["state"] for one in walk.track()["certificates"]] == ["valid"]
    assert walk.track()["actions"] == []
    assert person.refused == []
