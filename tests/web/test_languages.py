"""In which language a page speaks to whom, and how a language is added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

import pytest

from chalicelib import texts
from chalicelib.web import words
from infra.web.draft import draft
from infra.web.texts import ROOM, compile_texts, entries, read_area
from tests.api import LICENCE, RESIDENCE, Api
from tests.halls import MemoryHall
from tests.web.browser import Browser, Element
from tests.web.filling import applied, as_case, filled
from tests.web.test_case_pages import enter, press_form

VERIFY = "verify-residence"

TRADITIONAL = "zh-Hant"
CODE = "big5hkscs"  # has no simplified characters
UNMARKED = ("script", "title")  # a title can't say that a part of it is in another language


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", "zh-CN"),
        ("*", "zh-CN"),
        ("de", "zh-CN"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh", "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh-SG", "zh-CN"),
        ("zh-Hans-HK", "zh-CN"),
        ("zh-TW,zh;q=0.9,en-US;q=0.8", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("ZH-mo", "zh-Hant"),
        ("zh-Hant", "zh-Hant"),
        ("zh-Hant-TW", "zh-Hant"),
        ("de;q=0.9, zh-tw;q=0.5, en;q=0.4", "zh-Hant"),
        ("zh-TW;q=0, en;q=0.1", "en"),
        ("en;q=x, zh-HK", "zh-Hant"),
    ],
)
def test_a_page_speaks_the_language_that_the_browser_asks_for(
    browse: Callable[..., Browser], wanted: str, language: str
) -> None:
    page = browse(wanted).open("/")
    assert (page.language, page.headers["content-language"]) == (language, language)


@pytest.mark.parametrize(
    ("reader", "order", "hall"),
    [
        ("zh-Hant", ("zh-Hant", "zh-CN", "en"), "zh-CN"),
        ("zh-CN", ("zh-CN", "en"), "zh-CN"),
        ("en", ("en",), "en"),
        ("de", ("de", "en"), "en"),
        ("en-GB", ("en-GB", "en"), "en"),
    ],
)
def test_what_a_language_lacks_is_said_in_the_closest(reader: str, order: tuple[str, ...], hall: str) -> None:
    assert texts.fallbacks(reader) == order
    assert texts.closest(reader) == hall


def test_the_api_speaks_the_hall_s_languages_alone(hall: MemoryHall) -> None:
    for wanted, language in (("zh-TW", "zh-CN"), ("zh-Hant", "zh-CN"), ("en-GB", "en"), ("de", "zh-CN")):
        answer = Api(hall).get("/v1/services", accept_language=wanted)
        assert {name.lower(): value for name, value in answer.headers.items()}["content-language"] == language


def test_every_page_offers_the_other_languages_by_their_own_names(browser: Browser) -> None:
    page = browser.open("/")
    offered = {link["lang"]: link for link in page.document.one("header").all("a") if "lang" in link}
    assert {language: link.text for language, link in offered.items()} == {"zh-CN": "简体", "zh-Hant": "繁體"}, offered
    assert all(link["hreflang"] == language for language, link in offered.items())
    assert browser.open(urljoin(page.address, offered[TRADITIONAL]["href"])).language == TRADITIONAL
    assert browser.open("/verify").language == TRADITIONAL  # and it stays


def test_a_form_changes_its_language_with_what_was_typed(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, RESIDENCE)
    page = browser.press(name="lang", value=TRADITIONAL)
    assert page.language == TRADITIONAL
    assert page.value("/applicant/name") == ["张三"]
    page = browser.press(name="lang", value="en")
    assert (page.language, page.value("/applicant/name")) == ("en", ["张三"])


def test_a_case_is_kept_and_written_to_in_the_hall_s_language(browse: Callable[..., Browser], hall: MemoryHall) -> None:
    case = as_case(hall, applied(browse("zh-TW"), hall))
    assert hall.log.load(case["case"]).commits[0].events[0].language == "zh-CN"


# --- pages in a language that the hall does not speak everywhere -------------------------------------------------


def spoken(element: Element, language: str = "") -> Iterator[tuple[str, str]]:
    """Every text below, with the language that it is marked as."""
    language = element["lang"] or language
    for child in element.children:
        if isinstance(child, Element):
            yield from spoken(child, language)
        elif element.tag not in UNMARKED and child.strip():
            yield child.strip(), language


def mismarked(element: Element) -> list[str]:
    """What is marked as traditional Chinese and is written with other characters; but texts not translated yet."""
    waiting = {words._found(key, "zh-CN") for key in entries_of("zh-CN") - entries_of(TRADITIONAL)}
    told = [text for text, language in spoken(element) if language == TRADITIONAL and not _fits(text)]
    return [text for text in told if text not in waiting]


@cache
def entries_of(language: str) -> set[str]:
    return {key for path in (ROOM / language).glob("*.po") for key in entries(read_area(path))}


def _fits(text: str) -> bool:
    try:
        text.encode(CODE)
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    "address", ["/", f"/services/{RESIDENCE}", f"/services/{LICENCE}", "/verify", "/services/nothing"]
)
def test_what_a_page_says_in_another_language_is_marked(browse: Callable[..., Browser], address: str) -> None:
    page = browse("zh-TW").open(address)
    assert page.language == TRADITIONAL
    assert mismarked(page.document) == []


@pytest.mark.parametrize("service", [RESIDENCE, LICENCE])
def test_a_form_speaks_the_language_of_its_service(
    browse: Callable[..., Browser], hall: MemoryHall, service: str
) -> None:
    browser = browse("zh-HK")
    page = browser.open(f"/services/{service}/apply")
    assert mismarked(page.document) == []
    assert "zh-CN" in {language for _, language in spoken(page.document.one("main"))}
    assert mismarked(browser.press(name="_check").document) == []  # with its faults
    filled(browser, hall, service)
    assert mismarked(browser.press(name="_check").document) == []  # check your answers


def test_a_case_is_followed_in_the_reader_s_language(browse: Callable[..., Browser], hall: MemoryHall) -> None:
    browser, api = browse("zh-TW"), Api(hall)
    tracking = applied(browser, hall, LICENCE)
    case = as_case(hall, tracking)
    assert mismarked(browser.page.document) == []
    assert browser.page.heading == words.say("status.awaiting_payment", TRADITIONAL) == "待繳費"
    api.pay(case)
    assert mismarked(enter(browser, hall, tracking).document) == []
    for room in ("", "/slip", "/qr", "/case/pickup-window", "/case/withdrawal"):
        page = browser.open(f"/t/{tracking}{room}")
        assert (page.status, page.language, mismarked(page.document)) == (200, TRADITIONAL, []), room


def test_a_correction_and_a_rating_are_asked_for_in_the_reader_s_language(
    browse: Callable[..., Browser], hall: MemoryHall
) -> None:
    browser, api = browse("zh-TW"), Api(hall)
    case = as_case(hall, applied(browser, hall))
    tracking = case["tracking"]
    api.pay(case)
    api.decide(case, VERIFY, "public-security", "correct", reason="請核對", pointers=["/purpose"])
    page = enter(browser, hall, tracking, "correction")
    assert (page.questions, mismarked(page.document)) == (["/purpose"], [])
    press_form(browser, f"/t/{tracking}/case/correction")
    api.decide(case, VERIFY, "public-security", "reject", reason="請重新申請")
    for room in ("", "/case", "/case/ratings"):
        page = browser.open(f"/t/{tracking}{room}")
        assert (page.status, mismarked(page.document)) == (200, []), room
    page.fill({"stars-public-security": "4"})
    page = press_form(browser, f"/t/{tracking}/case/ratings")
    assert words.say("stars.4", TRADITIONAL) in page.text
    assert mismarked(page.document) == []


# --- a language more ---------------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The pages' texts as they are, to be added to."""
    for path in ROOM.glob("*/*.po"):
        copy = tmp_path / path.relative_to(ROOM)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(words, "_room", lambda: tmp_path)
    _forget()
    yield tmp_path
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    words.languages.cache_clear()
    words._pages.cache_clear()


def test_a_language_is_added_as_the_recipe_says(room: Path, browse: Callable[..., Browser]) -> None:
    """CONTRIBUTING.md, "A language of the pages": draft, translate, compile."""
    draft("de", room)
    services = room / "de/services.po"
    translated = services.read_text("utf-8").replace(
        'msgid "services.heading"\nmsgstr ""', 'msgid "services.heading"\nmsgstr "Was brauchen Sie?"'
    )
    services.write_text(translated, "utf-8")
    compile_texts(room)

    page = browse("de-AT").open("/")
    assert (page.language, page.heading) == ("de", "Was brauchen Sie?")
    assert words.say("services.find", "en") in page.text  # not translated yet
    assert words.money(120000, "eur", "de") == "1.200,00\N{NO-BREAK SPACE}€"
    assert words.day("2026-11-23", "de") == "Montag, 23. November 2026"
    assert {link["lang"] for link in page.document.one("header").all("a") if "lang" in link} == {
        "zh-CN", "en", "zh-Hant",
    }  # fmt: skip
