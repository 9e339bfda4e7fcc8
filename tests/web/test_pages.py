"""Each page: in both languages, well-formed, accessible as far as HTML tells, and sent with the right headers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.api.errors import STATUS
from chalicelib.api.shapes import STATUS as STATUSES
from chalicelib.domain.money import Money
from chalicelib.ports import COURIER_STATES, VendorTemporary
from chalicelib.web import statics, words
from tests.api import LICENCE, PAPERS, RESIDENCE, Api
from tests.halls import MemoryHall
from tests.web.browser import Browser, Page
from tests.web.filling import ADDRESS_OF, applied, as_case, filled

BOTH = pytest.mark.parametrize("language", ["en", "zh-CN"])
SEEN = ("input", "textarea", "select")


def hold_to_the_rules(page: Page, language: str) -> None:
    """What every page owes to those who don't see it, and to the browser's guards."""
    document = page.document
    assert page.language == language
    assert page.headers["content-language"] == language
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert len(document.all("h1")) == 1
    for landmark in ("header", "nav", "main", "footer"):
        assert len(document.all(landmark)) == 1, landmark
    assert document.one("title").text
    assert [e.tag for e in document.all() if "style" in e or any(name.startswith("on") for name in e.attributes)] == []
    assert document.all("style") == []
    for script in document.all("script"):
        assert script["type"] in ("module", "application/json")
        assert (script["type"] == "module") == script["src"].startswith("/static/")
        assert not script["src"] or not script.text
    ids = [e["id"] for e in document.all() if "id" in e]
    assert sorted(set(ids)) == sorted(ids)
    labelled = {label["for"] for label in document.all("label")}
    for control in document.all(*SEEN):
        assert control["type"] == "hidden" or control["id"] in labelled, control.attributes
    for element in document.all():
        for name in ("aria-describedby", "aria-labelledby", "form"):
            assert set(element[name].split()) <= set(ids), element.attributes
    for link in document.all("a"):
        assert link["href"].startswith("#") is False or link["href"][1:] in ids, link["href"]
    for form in document.all("form"):
        assert form["method"] in ("get", "post")
    levels = [int(heading.tag[1]) for heading in document.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert all(b <= a + 1 or a == 0 for a, b in zip([0, *levels], levels, strict=False)), levels


@BOTH
def test_the_pages_before_an_application(browse: Callable[..., Browser], language: str) -> None:
    browser = browse(language)
    for address in ("/", f"/services/{RESIDENCE}", f"/services/{LICENCE}", *ADDRESS_OF.values(), "/verify"):
        page = browser.open(address)
        assert page.status == 200
        hold_to_the_rules(page, language)


@BOTH
def test_pages_of_a_form_with_faults_and_of_its_answers(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser = browse(language)
    browser.open(ADDRESS_OF[LICENCE])
    hold_to_the_rules(browser.press(name="_check"), language)
    filled(browser, hall, LICENCE, changes=["name"])
    hold_to_the_rules(browser.press(name="_check"), language)
    filled(browser, hall, LICENCE)
    hold_to_the_rules(browser.press(name="_check"), language)


@BOTH
def test_the_tracking_page_follows_the_case_from_door_to_door(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser, api = browse(language), Api(hall)
    tracking = applied(browser, hall, LICENCE)
    case = as_case(hall, tracking)

    def told(key: str, **values: object) -> None:
        page = browser.open(f"/t/{tracking}")
        assert page.status == 200
        hold_to_the_rules(page, language)
        assert page.heading == words.say(f"status.{api.track(case)['status']}", language)
        assert words.say(key, language, **values) in page.text
        assert "张三" not in page.text

    told("tracking.pay", amount="¥24.00")
    api.pay(case)
    told("next.in_review")
    api.decide(case, "pre-check", "market-regulation")
    told("next.awaiting_pickup")
    api.move(f"{case['case']}-pickup-1", "picked_up")
    told("shipment.state.picked_up")
    api.move(f"{case['case']}-pickup-1", "in_transit", "delivered")
    told("next.awaiting_originals_check")
    api.receive(case, *PAPERS)
    told("task.open")
    api.decide(case, "review", "market-regulation")
    told("certificate.state.in_delivery")
    api.dispatch(case, "certificate", "originals")
    api.move(f"{case['case']}-delivery-1", "picked_up", "in_transit", "out_for_delivery")
    told("promise.kept", n=5)
    api.move(f"{case['case']}-delivery-1", "delivered")
    told("tracking.rate")
    number = api.track(case)["certificates"][0]["number"]
    page = browser.open(f"/t/{tracking}")
    record = browser.open(page.document.one("a", href=f"/verify/{number}")["href"])
    hold_to_the_rules(record, language)
    assert record.heading == words.say("certificate.state.valid", language)
    assert "张*" in record.text


@pytest.mark.parametrize(
    ("at_the_bank", "state"), [("succeeded", "done"), ("pending", "under_way"), ("failed", "failed")]
)
@BOTH
def test_a_broken_promise_is_shown_with_what_it_gives_back(
    browse: Callable[..., Browser], hall: MemoryHall, language: str, at_the_bank: str, state: str
) -> None:
    browser, api = browse(language), Api(hall)
    tracking = applied(browser, hall)
    case = as_case(hall, tracking)
    api.pay(case)
    payment = hall.payments.checkouts["cs_1"].payment
    hall.payments.refund(f"{case['case']}-refund-1", payment, Money(200, "cny"), case["case"])
    hall.payments.settle(f"{case['case']}-refund-1", at_the_bank)
    hall.clock.advance(timedelta(days=9))
    hall.sweep_and_drain()
    page = browser.open(f"/t/{tracking}")
    hold_to_the_rules(page, language)
    line = {"en": "Printing of the certificate", "zh-CN": "证明工本费"}[language]
    assert words.say("promise.broken", language, n=3) in page.text
    assert words.say(f"promise.refund.{state}", language, line=line, amount="¥2.00") in page.text


@pytest.mark.parametrize("ending", ["rejected", "withdrawn", "lapsed"])
@BOTH
def test_a_case_that_ends_early_says_how(
    browse: Callable[..., Browser], hall: MemoryHall, language: str, ending: str
) -> None:
    browser, api = browse(language), Api(hall)
    tracking = applied(browser, hall)
    case = as_case(hall, tracking)
    if ending == "lapsed":
        hall.clock.advance(timedelta(days=8))
        hall.sweep_and_drain()
    elif ending == "rejected":
        api.pay(case)
        api.decide(case, "verify-residence", "public-security", "reject", reason="不住在此处")
    else:
        api.post(f"/v1/cases/{case['case']}/withdrawal", {}, api.session(case))
    page = browser.open(f"/t/{tracking}")
    hold_to_the_rules(page, language)
    assert page.heading == words.say(f"status.{ending}", language)
    assert not page.document.all("form", action=f"/t/{tracking}/pay")


@BOTH
def test_search_finds_services_by_their_words(browse: Callable[..., Browser], language: str) -> None:
    browser = browse(language)
    word = {"en": "RESIDENCE", "zh-CN": "居住"}[language]
    page = browser.open("/").fill({"q": word})
    page = browser.press(words.say("services.find", language))
    links = [a["href"] for a in page.document.all("a") if a["href"].startswith("/services/")]
    assert links == [f"/services/{RESIDENCE}"]
    assert page.value("q") == [word]


@BOTH
def test_a_search_that_finds_nothing_says_so_and_escapes_it(browse: Callable[..., Browser], language: str) -> None:
    page = browse(language).open("/?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert words.say("services.none", language, words="<script>alert(1)</script>") in page.text
    hold_to_the_rules(page, language)


@pytest.mark.parametrize(
    "address",
    [
        "/services/nothing",
        "/services/..%2f..%2fetc",
        "/services/nothing/apply",
        "/t/garbage",
        "/t/%3Cscript%3E",
        "/t/%00",
        "/t/D7K3M9QF2XHVA-00000000000000000000",
        "/t/" + "A" * 3000,
        "/t/garbage/case",
        "/verify/garbage",
        "/verify/%F0%9F%98%80",
    ],
)
@BOTH
def test_what_is_not_there_is_a_page_that_says_so(browse: Callable[..., Browser], language: str, address: str) -> None:
    page = browse(language).open(address)
    assert page.status == 404
    assert page.heading == words.say("refusal.not_found", language)
    hold_to_the_rules(page, language)


def test_a_tracking_code_with_one_character_changed_is_not_found(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    forged = tracking[:-1] + ("0" if tracking[-1] != "0" else "1")
    assert browser.open(f"/t/{forged}").status == 404
    assert browser.open(f"/t/{tracking.lower()}").status == 200


def test_the_language_is_as_chosen_then_as_chosen_before_then_as_the_browser_asks(
    browse: Callable[..., Browser],
) -> None:
    browser = browse("en-GB,en;q=0.9")
    assert browser.open("/").language == "en"
    assert browser.open("/?lang=zh-CN").language == "zh-CN"
    assert browser.open("/verify").language == "zh-CN"
    assert browser.open("/?lang=tlh").language == "zh-CN"
    assert browse("fr").open("/").language == "zh-CN"


def test_a_broken_cookie_breaks_no_page(browser: Browser) -> None:
    browser.cookies["lang", "/"] = '"][,;=\x7f'
    assert browser.open("/").status == 200


def test_only_the_payment_pages_origin_may_be_gone_on_to(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    url = as_case(hall, tracking)["payment_url"]
    origin = "/".join(url.split("/")[:3])
    assert f"form-action 'self' {origin};" in browser.open(f"/t/{tracking}").headers["content-security-policy"]


def test_a_payment_page_that_cannot_be_reached_leaves_the_case_payable(
    browser: Browser, hall: MemoryHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = applied(browser, hall)
    hall.clock.advance(timedelta(days=2))
    monkeypatch.setattr(hall, "payments", Unreachable())
    browser.open(f"/t/{tracking}")
    page = browser.press("Pay ¥10.00")
    assert page.status == 200
    assert "can't be reached" in page.text
    assert page.document.all("form", action=f"/t/{tracking}/pay")


def test_paying_what_is_paid_leads_back_to_the_case(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    unpaid = browser.open(f"/t/{tracking}")
    Api(hall).pay(as_case(hall, tracking))
    browser.page = unpaid
    assert browser.press("Pay ¥10.00").address == f"/t/{tracking}"


def test_a_verified_number_may_be_typed_in_any_way(browser: Browser, hall: MemoryHall) -> None:
    api, tracking = Api(hall), applied(browser, hall)
    case = as_case(hall, tracking)
    api.pay(case)
    api.decide(case, "verify-residence", "public-security")
    number = api.track(case)["certificates"][0]["number"]
    browser.open("/verify").fill({"number": number.lower().replace("-", " ")})
    assert browser.press("Check").address == f"/verify/{number}"
    browser.open("/verify").fill({"number": "<b>1234"})
    page = browser.press("Check")
    assert (page.status, list(page.errors), page.value("number")) == (422, ["number"], ["<b>1234"])
    hold_to_the_rules(page, "en")


def test_every_status_and_state_that_there_is_has_its_words() -> None:
    keys = [f"status.{status}" for status in STATUSES["enum"]] + [f"next.{status}" for status in STATUSES["enum"]]
    keys += [f"shipment.state.{state}" for state in (*COURIER_STATES, "requested", "refused")]
    keys += [f"error.{code}" for code in STATUS]
    assert [key for key in keys if not words.knows(key)] == []


def test_pages_without_their_style_sheet_still_say_everything(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statics, "MANIFEST", "not-built.json")
    statics._manifest.cache_clear()
    try:
        page = browser.open("/")
        assert page.status == 200
        assert page.document.all("link", rel="stylesheet") == []
    finally:
        statics._manifest.cache_clear()


class Unreachable:
    """A payment provider that does not answer."""

    def __getattr__(self, name: str) -> object:
        raise VendorTemporary("memory", "unreachable")


def test_a_fault_of_the_hall_is_a_page_without_any_detail_but_the_requests_number(
    browser: Browser, hall: MemoryHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = applied(browser, hall)
    monkeypatch.setattr(hall, "log", None)
    page = browser.open(f"/t/{tracking}")
    assert page.status == 500
    assert page.headers["x-request-id"] in page.text
    assert "NoneType" not in page.text
    hold_to_the_rules(page, "en")


def test_a_code_that_cannot_be_sent_is_told_as_a_passing_trouble(
    browser: Browser, hall: MemoryHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = applied(browser, hall)
    monkeypatch.setattr(hall, "notifier", Unreachable())
    browser.open(f"/t/{tracking}/case")
    page = browser.press("Send me a code")
    assert (page.status, page.headers["retry-after"]) == (503, "30")
    hold_to_the_rules(page, "en")
