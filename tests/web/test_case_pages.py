"""The case behind the code: let in, shown, changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.domain.case import Rating
from chalicelib.usecases.execute import load
from chalicelib.web import words
from tests.api import LICENCE, RESIDENCE, Api, Json
from tests.halls import MemoryHall
from tests.web.browser import Browser, Page
from tests.web.filling import PERSONAL, applied, as_case, stored
from tests.web.test_pages import BOTH, hold_to_the_rules


def enter(browser: Browser, hall: MemoryHall, tracking: str, room: str = "") -> Page:
    """Past the door, to the case or a page below it."""
    browser.open(f"/t/{tracking}/case/{room}".rstrip("/"))
    page = press_form(browser, f"/t/{tracking}/case/code")
    assert page.control("code")
    page.fill({"code": Api(hall).code_sent()})
    return press_form(browser, f"/t/{tracking}/case/session")


def press_form(browser: Browser, action: str) -> Page:
    """The last button of the form with this address: the one that sends it."""
    form = browser.page.document.one("form", action=action)
    return browser.press(form.all("button")[-1].text)


@BOTH
def test_the_answers_are_shown_after_the_code_and_not_before(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser = browse(language)
    tracking = applied(browser, hall, LICENCE)
    door = browser.open(f"/t/{tracking}/case")
    hold_to_the_rules(door, language)
    assert not [word for word in PERSONAL if word in door.text]
    page = enter(browser, hall, tracking)
    assert page.status == 200
    hold_to_the_rules(page, language)
    assert all(word in page.text for word in PERSONAL)
    assert not [path for path in browser.visited for word in PERSONAL if word in path]


def test_the_session_is_a_cookie_of_this_case_that_no_script_and_no_other_site_gets(
    browser: Browser, hall: MemoryHall
) -> None:
    tracking = applied(browser, hall)
    enter(browser, hall, tracking)
    (cookie,) = (c for c in browser.set_cookies if c.startswith("case="))
    for attribute in (f"Path=/t/{tracking}/case", "HttpOnly", "SameSite=Strict", "Secure", "Max-Age=1800"):
        assert attribute in cookie.split("; ")
    assert all(part not in path for path in browser.visited for part in (cookie.split(";")[0][5:],))


def test_a_wrong_code_is_told_and_a_right_one_is_good_once(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    browser.open(f"/t/{tracking}/case")
    page = browser.press("Send me a code").fill({"code": "000000x"})
    page = browser.press("Continue")
    assert (page.status, list(page.errors)) == (422, ["code"])
    hold_to_the_rules(page, "en")
    code = Api(hall).code_sent()
    page.fill({"code": f" {code[:3]} {code[3:]} "})
    assert browser.press("Continue").status == 200
    browser.cookies.clear()
    browser.page = page
    assert browser.press("Continue").status == 422


def test_codes_cannot_be_asked_for_without_end(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    for _ in range(3):
        browser.open(f"/t/{tracking}/case")
        assert browser.press("Send me a code").status == 200
    browser.open(f"/t/{tracking}/case")
    page = browser.press("Send me a code")
    assert (page.status, list(page.errors), page.heading) == (429, ["send"], "See your case")
    assert page.headers["retry-after"] == "600"
    hold_to_the_rules(page, "en")


def test_a_session_ends_with_its_time_and_when_its_owner_leaves(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    enter(browser, hall, tracking)
    assert browser.press("Leave your case").heading == "See your case"
    enter(browser, hall, tracking)
    hall.clock.advance(timedelta(minutes=31))
    assert browser.open(f"/t/{tracking}/case").heading == "See your case"


@pytest.mark.parametrize("change", ["withdrawal", "pickup-window", "ratings", "correction"])
def test_nothing_is_changed_without_the_code(browser: Browser, hall: MemoryHall, change: str) -> None:
    tracking = applied(browser, hall, LICENCE)
    before = Api(hall).track(as_case(hall, tracking))
    page = browser.send("POST", f"/t/{tracking}/case/{change}", b"reason=x&stars=5&department=")
    assert page.heading == "See your case"
    assert Api(hall).track(as_case(hall, tracking)) == before


def test_the_session_of_one_case_opens_no_other(browser: Browser, hall: MemoryHall) -> None:
    first, second = applied(browser, hall), applied(browser, hall, LICENCE)
    enter(browser, hall, first)
    (token,) = (value for (name, _), value in browser.cookies.items() if name == "case")
    browser.cookies["case", f"/t/{second}/case"] = token
    assert browser.open(f"/t/{second}/case").heading == "See your case"


@BOTH
def test_an_application_is_withdrawn_after_what_that_means_was_said(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser, api = browse(language), Api(hall)
    tracking = applied(browser, hall)
    api.pay(as_case(hall, tracking))
    page = enter(browser, hall, tracking, "withdrawal")
    hold_to_the_rules(page, language)
    assert words.say("case.withdraw.refund", language, amount="¥10.00") in page.text
    assert words.say("case.withdraw.originals", language) not in page.text
    assert page.document.all("a", href=f"/t/{tracking}/case")
    page.fill({"reason": "<b>no longer needed</b>"})
    page = press_form(browser, f"/t/{tracking}/case/withdrawal")
    assert words.say("case.done.withdrawal", language) in page.text
    assert api.track(as_case(hall, tracking))["status"] == "withdrawn"
    assert not page.document.all("a", href=f"/t/{tracking}/case/withdrawal")
    assert browser.open(f"/t/{tracking}/case/withdrawal").address == f"/t/{tracking}/case"


def test_withdrawing_what_is_decided_already_says_why_not(browser: Browser, hall: MemoryHall) -> None:
    api, tracking = Api(hall), applied(browser, hall)
    case = as_case(hall, tracking)
    api.pay(case)
    enter(browser, hall, tracking, "withdrawal").fill({"reason": "kept"})
    api.decide(case, "verify-residence", "public-security")
    page = browser.press("Withdraw")
    assert (page.status, page.errors) == (422, {"reason": "The case has been decided already"})
    assert page.value("reason") == ["kept"]
    hold_to_the_rules(page, "en")


def test_the_courier_is_asked_for_another_time(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall, LICENCE)
    page = enter(browser, hall, tracking, "pickup-window")
    hold_to_the_rules(page, "en")
    later = page.options("window")[-1]
    page = browser.press("Change the time")
    assert (page.status, page.errors) == (422, {"window": "Choose a pickup time"})
    assert page.document.one("title").text.startswith("Error: ")
    hold_to_the_rules(page, "en")
    page.fill({"window": later})
    page = browser.press("Change the time")
    assert "pickup time is changed" in page.text
    assert "At present: Monday, 30 November 2026, 18:00–20:00" in page.text


def test_a_time_that_has_passed_meanwhile_is_refused(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall, LICENCE)
    page = enter(browser, hall, tracking, "pickup-window")
    page.fill({"window": page.options("window")[0]})
    hall.clock.advance(timedelta(days=1))
    session = Api(hall).session(as_case(hall, tracking))
    browser.cookies["case", f"/t/{tracking}/case"] = session
    page = browser.press("Change the time")
    assert (page.status, list(page.errors)) == (422, ["window"])


def test_once_the_courier_has_called_there_is_no_time_to_change(browser: Browser, hall: MemoryHall) -> None:
    api, tracking = Api(hall), applied(browser, hall, LICENCE)
    case = as_case(hall, tracking)
    api.pay(case)
    api.decide(case, "pre-check", "market-regulation")
    page = enter(browser, hall, tracking)
    assert page.document.all("a", href=f"/t/{tracking}/case/pickup-window")
    api.move(f"{case['case']}-pickup-1", "picked_up")
    assert browser.open(f"/t/{tracking}/case/pickup-window").address == f"/t/{tracking}/case"
    assert browser.open(f"/t/{tracking}/slip").address == f"/t/{tracking}"


@BOTH
def test_a_correction_opens_just_what_was_marked(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser, api = browse(language), Api(hall)
    tracking = applied(browser, hall)
    case = as_case(hall, tracking)
    api.pay(case)
    pointers = ["/applicant/name", "/residence/address"]
    api.decide(case, "verify-residence", "public-security", "correct", reason="请核对<b>", pointers=pointers)
    page = enter(browser, hall, tracking)
    assert "请核对<b>" in page.text
    page = browser.open(page.document.all("a", href=f"/t/{tracking}/case/correction")[0]["href"])
    hold_to_the_rules(page, language)
    address = [f"/residence/address/{part}" for part in ("province", "city", "county", "street", "postcode")]
    assert page.questions == ["/applicant/name", *address]
    assert page.value("/applicant/name") == ["张三"]
    page.fill({"/applicant/name": "", "/residence/address/street": "样例路 9 号"})
    page = press_form(browser, f"/t/{tracking}/case/correction")
    assert (page.status, list(page.errors)) == (422, ["applicant-name"])
    assert page.value("/residence/address/street") == ["样例路 9 号"]
    hold_to_the_rules(page, language)
    page.fill({"/applicant/name": "李四"})
    page = press_form(browser, f"/t/{tracking}/case/correction")
    assert page.status == 200
    (answers,) = stored(hall)
    assert (answers["applicant"]["name"], answers["residence"]["address"]["street"]) == ("李四", "样例路 9 号")
    assert answers["delivery"]["address"]["street"] == "样例路 1 号 101 室"
    assert api.track(case)["status"] == "in_review"


def test_fields_that_were_not_marked_stay_as_they_are(browser: Browser, hall: MemoryHall) -> None:
    api, tracking = Api(hall), applied(browser, hall)
    case = as_case(hall, tracking)
    api.pay(case)
    api.decide(case, "verify-residence", "public-security", "correct", reason="请核对", pointers=["/applicant/name"])
    enter(browser, hall, tracking)
    browser.open(f"/t/{tracking}/case/correction").fill({"/applicant/name": "李四"})
    browser.press("Send the correction", **{"/purpose": "other"})
    (answers,) = stored(hall)
    assert (answers["applicant"]["name"], answers["purpose"]) == ("李四", "school")


def test_what_was_written_before_stands_beside_each_field(browser: Browser, hall: MemoryHall) -> None:
    tracking = to_correct(browser, hall, "/applicant/name", "/residence/address")
    page = browser.open(f"/t/{tracking}/case/correction")
    assert "You wrote: 张三" in page.document.one("div", id="applicant-name-hint").text
    assert "You wrote: 样例路 1 号 101 室" in page.text
    page.fill({"/applicant/name": "李四"})
    page = browser.press(name="lang", value="zh-CN")
    assert page.status == 200
    assert "您原来填写：张三" in page.text
    assert page.value("/applicant/name") == ["李四"]


def test_an_answer_that_may_be_left_out_can_be_emptied(browser: Browser, hall: MemoryHall) -> None:
    tracking = to_correct(browser, hall, "/residence/address/postcode", "/applicant/name")
    browser.open(f"/t/{tracking}/case/correction").fill({"/residence/address/postcode": "200030"})
    assert browser.press("Send the correction").status == 200
    assert stored(hall)[0]["residence"]["address"]["postcode"] == "200030"
    case = as_case(hall, tracking)
    asked = {"reason": "x", "pointers": ["/residence/address/postcode"]}
    Api(hall).decide(case, "verify-residence", "public-security", "correct", **asked)
    browser.open(f"/t/{tracking}/case/correction").fill({"/residence/address/postcode": ""})
    assert browser.press("Send the correction").status == 200
    (answers,) = stored(hall)
    assert "postcode" not in answers["residence"]["address"]
    assert answers["applicant"]["name"] == "张三"
    assert Api(hall).track(case)["status"] == "in_review"


def test_a_correction_sent_twice_leads_to_the_case(browser: Browser, hall: MemoryHall) -> None:
    tracking = to_correct(browser, hall, "/applicant/name")
    page = browser.open(f"/t/{tracking}/case/correction").fill({"/applicant/name": "李四"})
    browser.press("Send the correction")
    browser.page = page
    assert browser.press("Send the correction").address == f"/t/{tracking}/case"


def test_a_correction_opens_what_its_answers_bring_up_too(browser: Browser, hall: MemoryHall) -> None:
    """The name on the old licence is needed as soon as the name is among what differs, and ruled out when it isn't."""
    tracking = to_correct(browser, hall, "/changes", service=LICENCE)
    page = browser.open(f"/t/{tracking}/case/correction")
    assert page.questions == ["/changes"]
    page.fill({"/changes": ["name"]})
    page = browser.press("Send the correction")
    assert (page.status, list(page.errors)) == (422, ["business-former_name"])
    assert page.questions == ["/business/former_name", "/changes"]
    page.fill({"/business/former_name": "上海旧名商贸有限公司"})
    assert browser.press("Send the correction").status == 200
    (answers,) = stored(hall)
    assert (answers["changes"], answers["business"]["former_name"]) == (["name"], "上海旧名商贸有限公司")
    hall.drain()
    mark(hall, tracking, LICENCE, "/changes")
    browser.open(f"/t/{tracking}/case/correction").fill({"/changes": []})
    assert browser.press("Send the correction").status == 200
    (answers,) = stored(hall)
    assert (answers["changes"], "former_name" in answers["business"]) == ([], False)


def to_correct(browser: Browser, hall: MemoryHall, *pointers: str, service: str = RESIDENCE) -> str:
    """A case of which these were marked, past its door."""
    tracking = applied(browser, hall, service)
    Api(hall).pay(as_case(hall, tracking))
    mark(hall, tracking, service, *pointers)
    enter(browser, hall, tracking)
    return tracking


def mark(hall: MemoryHall, tracking: str, service: str, *pointers: str) -> None:
    """A reviewer asks for these to be corrected."""
    task, department = {
        RESIDENCE: ("verify-residence", "public-security"),
        LICENCE: ("pre-check", "market-regulation"),
    }[service]
    asked = {"reason": "请核对", "pointers": list(pointers)}
    assert Api(hall).decide(as_case(hall, tracking), task, department, "correct", **asked).status == 200


@BOTH
def test_a_finished_case_is_rated_for_each_department_and_for_the_whole_way(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser, api = browse(language), Api(hall)
    tracking = applied(browser, hall)
    case = as_case(hall, tracking)
    api.pay(case)
    api.decide(case, "verify-residence", "public-security", "reject", reason="不住在此处")
    page = enter(browser, hall, tracking)
    assert "不住在此处" in page.text
    page = browser.open(page.document.one("a", href=f"/t/{tracking}/case/ratings")["href"])
    hold_to_the_rules(page, language)
    action = f"/t/{tracking}/case/ratings"
    page.fill({"comment-stars-public-security": "很好"})
    page = press_form(browser, action)
    assert (page.status, list(page.errors)) == (422, ["stars-public-security"])
    assert page.value("comment-stars-public-security") == ["很好"]
    hold_to_the_rules(page, language)
    page.fill({"stars-public-security": "4"})
    page = press_form(browser, action)
    assert words.say("case.done.rating", language) in page.text
    assert words.say("stars.4", language) in page.text
    assert "很好" in page.text
    assert page.questions == ["stars", "comment-stars"]
    hold_to_the_rules(page, language)
    page.fill({"stars": "5"})
    page = press_form(browser, action)
    assert not page.document.all("form", action=action)
    assert [(rating.department, rating.stars) for rating in ratings(hall, case)] == [("public-security", 4), ("", 5)]
    assert words.say("rating.whole", language) in browser.open(f"/t/{tracking}/case").text


def test_a_rating_sent_twice_counts_once(browser: Browser, hall: MemoryHall) -> None:
    api, tracking = Api(hall), applied(browser, hall)
    case = as_case(hall, tracking)
    api.pay(case)
    api.decide(case, "verify-residence", "public-security", "reject", reason="不住在此处")
    page = enter(browser, hall, tracking, "ratings").fill({"stars-public-security": "1", "stars": "2"})
    press_form(browser, f"/t/{tracking}/case/ratings")
    browser.page = page
    assert press_form(browser, f"/t/{tracking}/case/ratings").status == 422  # nothing is left to rate
    assert len(ratings(hall, case)) == 2


def test_a_case_under_way_is_not_rated_yet(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    assert enter(browser, hall, tracking, "ratings").address == f"/t/{tracking}/case"


def ratings(hall: MemoryHall, case: Json) -> tuple[Rating, ...]:
    return load(hall, case["case"]).case.ratings


def test_answers_that_were_erased_are_said_to_be(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall)
    enter(browser, hall, tracking)
    hall.log.erase(as_case(hall, tracking)["case"])
    page = browser.open(f"/t/{tracking}/case")
    assert page.status == 200
    assert "erased" in page.text


def test_the_service_without_pickup_offers_no_other_window(browser: Browser, hall: MemoryHall) -> None:
    tracking = applied(browser, hall, RESIDENCE)
    page = enter(browser, hall, tracking, "pickup-window")
    assert page.address == f"/t/{tracking}/case"
    assert not page.document.all("a", href=f"/t/{tracking}/case/pickup-window")
