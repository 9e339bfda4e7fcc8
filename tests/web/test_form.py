"""The one form in a browser without scripts: filled in, checked, sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.web.answers import read
from chalicelib.web.words import say
from tests.api import LICENCE, RESIDENCE, Api
from tests.halls import MemoryHall
from tests.web.browser import Browser
from tests.web.filling import ADDRESS_OF, PERSONAL, applied, as_case, filled, stored, typed, uploaded

HOSTILE = "\"><script>alert(1)</script>'&amp;{{7*7}}"


@pytest.mark.parametrize("service", [RESIDENCE, LICENCE])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_person_applies_from_the_front_page_to_the_tracking_page(
    browse: Callable[..., Browser], hall: MemoryHall, language: str, service: str
) -> None:
    browser = browse(language)
    link = next(a for a in browser.open("/").document.all("a") if a["href"] == f"/services/{service}")
    guide = browser.open(link["href"])
    assert guide.document.all("a", href=f"/services/{service}/apply")
    filled(browser, hall, service)
    check = browser.press(name="_check")
    assert check.status == 200
    assert "张三" in check.text
    tracking = browser.press(name="_send")
    assert tracking.status == 200
    assert tracking.language == language
    assert tracking.document.all("form", action=f"{tracking.address}/pay")
    assert len({c.case for c in hall.payments.checkouts.values()}) == 1


def test_every_missing_answer_is_told_in_the_summary_and_at_its_field(browser: Browser) -> None:
    browser.open(ADDRESS_OF[RESIDENCE])
    page = browser.press(name="_check")
    assert page.status == 422
    assert page.document.one("title").text.startswith("Error:")
    assert len(page.errors) == 15
    for target, message in page.errors.items():
        (element,) = page.document.all(id=target)
        around = [e for e in page.document.all("fieldset") if element in e.all(element.tag)]
        described = element["aria-describedby"] or around[-1]["aria-describedby"]
        texts = [page.document.one(id=part).text for part in described.split()]
        assert any(message.rpartition(": ")[2] in text for text in texts), target


def test_what_was_typed_is_kept_when_something_is_wrong(browser: Browser, hall: MemoryHall) -> None:
    page = filled(browser, hall, LICENCE)
    page.fill({"/applicant/phone": "12", "/business/registered_capital": "a lot", "/changes": ["scope", "premises"]})
    before = {name: page.value(name) for name in page.questions}
    page = browser.press(name="_check")
    assert set(page.errors) == {"applicant-phone", "business-registered_capital"}
    after = {name: page.value(name) for name in page.questions}
    assert {name: sorted(values) for name, values in after.items()} == {n: sorted(v) for n, v in before.items()}


def test_a_choice_that_opens_a_question_leads_back_to_it_without_a_fault(browser: Browser, hall: MemoryHall) -> None:
    page = filled(browser, hall, RESIDENCE, purpose="other")
    assert "/purpose_details" not in page.questions
    page = browser.press(name="_check")
    assert (page.status, page.errors) == (200, {})
    assert "/purpose_details" in page.questions
    page = browser.press(name="_check")
    assert list(page.errors) == ["purpose_details"]
    page.fill({"/purpose_details": "For my bank"})
    page = browser.press(name="_check")
    assert "For my bank" in page.text
    assert browser.press(name="_send").address.startswith("/t/")


def test_an_answer_to_a_question_that_no_longer_applies_is_not_sent(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, RESIDENCE, purpose="other")
    page = browser.press(name="_check").fill({"/purpose_details": "For my bank"})
    browser.press(name="_check")
    page = browser.press(name="_change", value="/purpose").fill({"/purpose": "school"})
    page = browser.press(name="_check")
    assert "For my bank" not in page.text
    browser.press(name="_send")
    (sent,) = stored(hall)
    assert sent["purpose"] == "school"
    assert "purpose_details" not in sent


def test_a_condition_deep_in_the_form_asks_for_the_old_name(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, LICENCE, changes=["name"])
    page = browser.press(name="_check")
    assert "/business/former_name" in page.questions
    assert page.document.all("a", href="#business-former_name")
    page.fill({"/business/former_name": "上海旧名商贸有限公司"})
    assert "上海旧名商贸有限公司" in browser.press(name="_check").text


def test_the_answers_are_stored_as_they_were_typed(browser: Browser, hall: MemoryHall) -> None:
    applied(browser, hall, LICENCE)
    (sent,) = stored(hall)
    assert sent["business"]["registered_capital"] == 500000
    assert sent["changes"] == []
    assert "delivery" not in sent
    assert sent["pickup"]["window"] == {"start": "2026-11-23T13:00:00+08:00", "end": "2026-11-23T18:00:00+08:00"}


def test_the_courier_can_be_chosen_for_working_days_only(browser: Browser) -> None:
    page = browser.open(ADDRESS_OF[LICENCE])
    days = {option[:10] for option in page.options("/pickup/window") if option}
    assert days == {"2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-30"}


def test_a_window_that_has_passed_meanwhile_is_asked_for_again(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, LICENCE)
    browser.press(name="_check")
    hall.clock.advance(timedelta(days=1))
    page = browser.press(name="_send")
    assert list(page.errors) == ["pickup-window"]
    page.fill({"/pickup/window": page.options("/pickup/window")[1]})
    browser.press(name="_check")
    assert browser.press(name="_send").address.startswith("/t/")


def test_sending_twice_opens_one_case(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, RESIDENCE)
    check = browser.press(name="_check")
    first = browser.press(name="_send").address
    browser.page = check
    assert browser.press(name="_send").address == first
    assert len(stored(hall)) == 1


def test_a_form_that_was_changed_after_it_was_sent_is_not_taken_for_the_same(
    browser: Browser, hall: MemoryHall
) -> None:
    filled(browser, hall, RESIDENCE)
    check = browser.press(name="_check")
    browser.press(name="_send")
    browser.page = check
    browser.press(name="_change", value="/purpose").fill({"/purpose": "medical"})
    browser.press(name="_check")
    page = browser.press(name="_send")
    assert page.status == 422
    assert "sent already" in page.text
    assert len(stored(hall)) == 1


def test_a_key_of_ones_own_making_sends_nothing(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, RESIDENCE)
    browser.press(name="_check").typed["_key"] = ["short"]
    page = browser.press(name="_send")
    assert page.document.all("button", name="_send")
    assert stored(hall) == []


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_hostile_answers_are_shown_as_text(browse: Callable[..., Browser], hall: MemoryHall, language: str) -> None:
    browser = browse(language)
    page = filled(browser, hall, RESIDENCE)
    street = {"/residence/address/street": HOSTILE, "/applicant/name": HOSTILE, "/applicant/phone": HOSTILE}
    page.fill(street)
    page = browser.press(name="_check")
    assert page.status == 422
    assert not [script for script in page.document.all("script") if "alert" in script.text]
    assert page.value("/applicant/name") == [HOSTILE]
    page.fill({"/applicant/phone": "13800138000"})
    page = browser.press(name="_check")
    assert page.status == 200
    assert HOSTILE in page.text
    assert "<script>alert" not in page.html


def test_fields_that_the_form_does_not_have_are_passed_over(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, RESIDENCE)
    browser.press(None, name="_check", **{"/admin": "1", "/applicant/name/x": "1", "/applicant": "x", "//": "1"})
    browser.press(name="_send")
    (sent,) = stored(hall)
    assert set(sent) == {"applicant", "residence", "purpose", "delivery"}


def test_the_language_is_changed_in_the_middle_without_losing_an_answer(browser: Browser, hall: MemoryHall) -> None:
    page = filled(browser, hall, RESIDENCE)
    before = {name: page.value(name) for name in page.questions}
    page = browser.press(name="lang", value="zh-CN")
    assert page.language == "zh-CN"
    assert {name: page.value(name) for name in page.questions} == before
    assert browser.press(name="_check").language == "zh-CN"


def test_enter_in_a_field_goes_on_and_does_not_change_the_language(browser: Browser) -> None:
    page = browser.open(ADDRESS_OF[RESIDENCE])
    first = next(b for b in page.document.all("button") if b["form"] == "form" or "form" in b.within)
    assert first["name"] == "_check"


def test_no_address_ever_holds_personal_data(browser: Browser, hall: MemoryHall) -> None:
    applied(browser, hall, LICENCE)
    assert not [path for path in browser.visited for word in PERSONAL if word in path]
    assert all("?" not in path for path in browser.visited)


def test_another_sites_page_cannot_send_the_form(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, RESIDENCE)
    browser.press(name="_check")
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    page = browser.press(name="_send")
    assert page.status == 403
    assert stored(hall) == []


@pytest.mark.parametrize(
    ("origin", "status"), [("https://hall.example", 200), ("https://evil.example", 403), ("null", 403)]
)
def test_an_older_browser_says_where_a_form_comes_from_by_its_origin(
    browser: Browser, origin: str, status: int
) -> None:
    browser.open(ADDRESS_OF[RESIDENCE])
    browser.headers |= {"Sec-Fetch-Site": "", "Origin": origin}
    assert browser.press(name="lang", value="zh-CN").status == status


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"a=" + b"x" * 262_144, "application/x-www-form-urlencoded", 413),
        (b"a=1&" * 2_001, "application/x-www-form-urlencoded", 422),
        (b"a=%ff%fe&_check=1", "application/x-www-form-urlencoded", 422),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 422),
        (b"{}", "application/json", 415),
        (b"", "application/x-www-form-urlencoded", 200),
    ],
)
def test_bodies_that_are_no_form_are_refused(browser: Browser, body: bytes, content_type: str, status: int) -> None:
    browser.headers["Content-Type"] = content_type
    assert browser.send("POST", ADDRESS_OF[RESIDENCE], body).status == status


def test_the_payment_page_is_opened_and_the_way_back_told(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    case = as_case(hall, tracking)
    assert browser.press(name="").address == case["payment_url"]
    page = browser.open(f"/t/{tracking}")
    assert "waiting to hear of your payment" in page.text
    Api(hall).pay(case)
    page = browser.open(f"/t/{tracking}")
    assert "Your payment has arrived" in page.text
    assert "Your payment has arrived" not in browser.open(f"/t/{tracking}").text


def test_the_form_keeps_its_size_at_the_limit(browser: Browser, hall: MemoryHall) -> None:
    long = {"/business/scope": "字" * 1001}
    page = filled(browser, hall, LICENCE).fill(long)
    page = browser.press(name="_check")
    assert list(page.errors) == ["business-scope"]
    assert page.value("/business/scope") == ["字" * 1001]
    assert typed(hall, LICENCE)["/business/scope"] == ["日用百货销售"]


SINCE = ("/residence/since/~year", "/residence/since/~month", "/residence/since/~day")


@pytest.mark.parametrize(
    ("typed_in", "told", "target"),
    [
        (("2024", "", ""), "must include: Month, Day", "residence-since-~month"),
        (("", "9", "1"), "must include: Year", "residence-since-~year"),
        (("2023", "2", "29"), "must be a real date", "residence-since-~year"),
        (("24", "2", "9"), "must be a real date", "residence-since-~year"),
        (("two", "2", "9"), "must be a real date", "residence-since-~year"),
        (("", "", ""), "Living there since", "residence-since-~year"),
    ],
)
def test_a_date_says_what_is_missing_and_keeps_what_was_typed(
    browser: Browser, hall: MemoryHall, typed_in: tuple[str, str, str], told: str, target: str
) -> None:
    filled(browser, hall, RESIDENCE).fill(dict(zip(SINCE, typed_in, strict=True)))
    page = browser.press(name="_check")
    assert list(page.errors) == [target]
    assert told in page.errors[target]
    assert tuple(page.value(name)[0] for name in SINCE) == typed_in


def test_a_date_is_read_from_every_keyboard_and_from_one_field(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, RESIDENCE).fill(dict(zip(SINCE, ("２０２４", " 9", "01"), strict=True)))
    browser.press(name="_check")
    browser.press(name="_send")
    (sent,) = stored(hall)
    assert sent["residence"]["since"] == "2024-09-01"
    form = hall.catalogue.form(RESIDENCE, None, "en")
    assert read(form, {"/residence/since": ["2024-09-01"]})[0]["residence"]["since"] == "2024-09-01"


def test_a_document_that_is_missing_is_told_at_its_place(browser: Browser, hall: MemoryHall) -> None:
    page = browser.open(ADDRESS_OF[LICENCE])
    page.fill(typed(hall, LICENCE))
    page.fill({"/pickup/window": page.options("/pickup/window")[1]})
    page = browser.press(name="_check")
    assert page.status == 422
    assert "uploads-old-licence" in page.errors
    assert all(page.document.one("div", id=target)["data-upload"] for target in page.errors)


def test_a_file_is_shown_and_can_be_taken_out_again(browser: Browser, hall: MemoryHall) -> None:
    page = filled(browser, hall, LICENCE)
    (upload,) = page.value("_uploads/old-licence")
    page = browser.press(name="_drop", value=upload)
    assert not page.control("_uploads/old-licence")
    assert list(browser.press(name="_check").errors) == ["uploads-old-licence"]


@pytest.mark.parametrize("code", ["file_empty", "file_type_not_accepted"])
def test_a_file_that_is_refused_says_why_and_is_not_handed_in(browser: Browser, hall: MemoryHall, code: str) -> None:
    content = {"file_empty": b"", "file_type_not_accepted": b"MZ" + bytes(200)}[code]
    bad = uploaded(hall, LICENCE, "old-licence", content)
    page = filled(browser, hall, LICENCE)
    page.typed["_uploads/old-licence"] = [bad]
    page = browser.press(name="_check")
    assert page.status == 422
    assert page.errors["uploads-old-licence"] == say(f"error.{code}", "en")
    assert not page.control("_uploads/old-licence")


def test_the_contents_name_each_section_and_tell_how_far_one_is(browser: Browser, hall: MemoryHall) -> None:
    page = browser.open(ADDRESS_OF[LICENCE])
    contents = page.document.one("section", aria_labelledby="contents")
    for link in contents.all("a"):
        assert page.document.one(id=link["href"].removeprefix("#"))
    assert contents.one("progress")["value"] == "0"
    page = filled(browser, hall, LICENCE)
    browser.press(name="_check")
    page = browser.press(name="_change", value="/business")
    bar = page.document.one("progress")
    assert bar["value"] == bar["max"]


def test_a_section_leads_from_the_check_back_to_its_place(browser: Browser, hall: MemoryHall) -> None:
    filled(browser, hall, LICENCE)
    page = browser.press(name="_check")
    for change in page.document.all("button", name="_change"):
        browser.page = page
        back = browser.press(name="_change", value=change["value"])
        assert back.document.one(id=change["formaction"].removeprefix("#"))
