"""Save and continue later, in browsers without scripts: here and on another device, until it is sent or expires."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest

from chalicelib.forms.catalogue import Catalogue
from chalicelib.logs import JsonFormatter, logger
from chalicelib.ports import VendorTemporary
from chalicelib.usecases import drafts
from chalicelib.usecases.drafts import Draft
from infra.local.layout import ROOT
from tests.api import APPLICANT, LICENCE, RESIDENCE, Api
from tests.halls import MemoryHall
from tests.web.browser import Browser, Page
from tests.web.filling import ADDRESS_OF, PERSONAL, as_case, filled, stored
from tests.web.test_pages import BOTH, hold_to_the_rules
from tests.workers.faults import Faulty, always

SAVED_AT = f"{ADDRESS_OF[RESIDENCE]}/saved"
PHONE = APPLICANT["phone"]


def values(page: Page) -> dict[str, list[str]]:
    """Everything that is filled in where a person can see it."""
    return {name: sorted(page.value(name)) for name in page.questions}


def cookie(browser: Browser, service: str = RESIDENCE) -> str:
    return browser.cookies.get(("draft", ADDRESS_OF[service]), "")


def draft_of(hall: MemoryHall, browser: Browser, service: str = RESIDENCE) -> Draft:
    found = drafts.load(hall, cookie(browser, service).partition(".")[0])
    assert found is not None
    return found


def address_on(page: Page) -> str:
    """The draft's address as the saved page tells it."""
    (found,) = (word for word in page.text.split() if "/d/" in word)
    return found.removeprefix(MemoryHall.url)


def saved(browser: Browser, hall: MemoryHall, service: str = RESIDENCE, **changes: object) -> Page:
    filled(browser, hall, service, **changes)
    return browser.press(name="_save")


def entered(browser: Browser, hall: MemoryHall, address: str) -> Page:
    """Through the door with the code that the phone shows."""
    browser.open(address)
    page = press_at(browser, f"{address}/code")
    page.fill({"code": Api(hall).code_sent()})
    return press_at(browser, f"{address}/session")


def press_at(browser: Browser, action: str) -> Page:
    """The button of the form with this address."""
    form = browser.page.document.one("form", action=action)
    return browser.press(form.one("button").text)


# --- saved here


@BOTH
def test_the_saved_page_says_when_until_when_and_where(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser = browse(language)
    page = saved(browser, hall)
    assert (page.status, page.address) == (200, SAVED_AT)
    hold_to_the_rules(page, language)
    assert "10:00" in page.text
    day = "2026年12月7日" if language == "zh-CN" else "7 December 2026"
    assert day in page.text.replace(" 年 ", "年")
    assert address_on(page) == f"/d/{draft_of(hall, browser).id}"
    picture = page.document.one("img")
    assert picture["src"].startswith("data:image/svg+xml;base64,")
    assert picture["alt"]
    assert page.value("phone") == [PHONE]
    assert page.document.all("a", href=ADDRESS_OF[RESIDENCE])


def test_what_was_saved_is_there_when_the_form_is_opened_again(browser: Browser, hall: MemoryHall) -> None:
    page = filled(browser, hall, RESIDENCE, purpose="other")
    page = browser.press(name="_check").fill({"/purpose_details": "给我的银行 <b>&amp;\r\n两行"})
    before, key = values(page), page.value("_key")
    browser.press(name="_save")
    page = browser.open(ADDRESS_OF[RESIDENCE])
    assert page.status == 200
    assert values(page) == before
    assert page.value("_key") == key
    assert page.errors == {}
    hold_to_the_rules(page, "en")


def test_a_form_of_which_nothing_is_right_yet_is_saved_as_it_is(browser: Browser, hall: MemoryHall) -> None:
    browser.open(ADDRESS_OF[LICENCE]).fill({"/applicant/phone": "12", "/business/registered_capital": "a lot"})
    page = browser.press(name="_save")
    assert page.status == 200
    assert "/d/" not in page.text
    page = browser.open(ADDRESS_OF[LICENCE])
    assert page.value("/applicant/phone") == ["12"]
    assert page.value("/business/registered_capital") == ["a lot"]


def test_the_cookie_is_of_this_form_alone_and_no_script_and_no_other_site_gets_it(
    browser: Browser, hall: MemoryHall
) -> None:
    saved(browser, hall)
    (told,) = (c for c in browser.set_cookies if c.startswith("draft="))
    for attribute in (f"Path={ADDRESS_OF[RESIDENCE]}", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=1209600"):
        assert attribute in told.split("; ")
    assert cookie(browser).split(".")[1] not in "".join(browser.visited)
    assert browser.open(ADDRESS_OF[LICENCE]).value("/applicant/name") == [""]


def test_each_service_has_its_own_draft(browser: Browser, hall: MemoryHall) -> None:
    saved(browser, hall)
    saved(browser, hall, LICENCE)
    assert browser.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [APPLICANT["name"]]
    assert cookie(browser).split(".")[0] != cookie(browser, LICENCE).split(".")[0]
    browser.cookies["draft", ADDRESS_OF[RESIDENCE]] = cookie(browser, LICENCE)
    assert browser.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [""]


def test_saving_again_keeps_the_address_and_begins_the_fourteen_days_anew(browser: Browser, hall: MemoryHall) -> None:
    address = address_on(saved(browser, hall))
    hall.clock.advance(timedelta(days=13))
    browser.open(ADDRESS_OF[RESIDENCE])
    assert address_on(browser.press(name="_save")) == address
    hall.clock.advance(timedelta(days=13))
    assert browser.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [APPLICANT["name"]]


def test_after_fourteen_days_the_form_is_empty_and_its_address_is_gone(browser: Browser, hall: MemoryHall) -> None:
    address = address_on(saved(browser, hall))
    hall.clock.advance(timedelta(days=14))
    assert browser.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [""]
    assert browser.open(SAVED_AT).status == 404
    assert browser.open(address).status == 404


@pytest.mark.parametrize("forged", ["", "x", "0" * 26, "..", "{id}.{other}.1", "{id}.{id}.1", "{id}..1", "é.é.é"])
def test_a_forged_cookie_opens_nothing(browser: Browser, hall: MemoryHall, forged: str) -> None:
    saved(browser, hall)
    mine = draft_of(hall, browser).id
    other = drafts.token(hall, drafts.new_id())
    browser.cookies["draft", ADDRESS_OF[RESIDENCE]] = forged.format(id=mine, other=other)
    assert browser.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [""]
    assert browser.open(SAVED_AT).status == 404


# --- by SMS


def test_the_address_is_sent_to_the_phone_that_is_named(browser: Browser, hall: MemoryHall) -> None:
    page = saved(browser, hall).fill({"phone": "139 0000-0000"})
    page = press_at(browser, SAVED_AT)
    assert page.status == 200
    assert "0000" in page.text
    hold_to_the_rules(page, "en")
    (message,) = hall.notifier.messages
    assert message.to == "+8613900000000"
    assert MemoryHall.url + address_on(page) in message.text.split()
    browser.open(ADDRESS_OF[RESIDENCE])
    browser.press(name="_save")
    assert draft_of(hall, browser).phone == "+8613900000000"


def test_the_applicants_phone_is_followed_until_another_one_is_named(browser: Browser, hall: MemoryHall) -> None:
    saved(browser, hall)
    assert draft_of(hall, browser).phone == f"+86{PHONE}"
    browser.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/phone": "13700000000"})
    browser.press(name="_save")
    assert draft_of(hall, browser).phone == "+8613700000000"


@BOTH
@pytest.mark.parametrize("number", ["", "12", "+8612", "hello", "13900000000\r\nX: y"])
def test_what_is_no_phone_number_is_told_at_its_field(
    browse: Callable[..., Browser], hall: MemoryHall, language: str, number: str
) -> None:
    browser = browse(language)
    saved(browser, hall).fill({"phone": number})
    page = press_at(browser, SAVED_AT)
    assert (page.status, list(page.errors)) == (422, ["phone"])
    hold_to_the_rules(page, language)
    assert hall.notifier.messages == []


def test_messages_cannot_be_asked_for_without_end(browser: Browser, hall: MemoryHall) -> None:
    for _ in range(3):
        saved(browser, hall)
        assert press_at(browser, SAVED_AT).status == 200
    browser.open(SAVED_AT)
    page = press_at(browser, SAVED_AT)
    assert (page.status, page.headers["retry-after"]) == (429, "600")
    hold_to_the_rules(page, "en")
    assert len(hall.notifier.messages) == 3


def test_a_gateway_that_fails_is_told_and_the_draft_stays(browser: Browser, hall: MemoryHall) -> None:
    saved(browser, hall)
    hall.notifier = Faulty(hall.notifier, "sms", always(VendorTemporary("sms", "down")))  # type: ignore[assignment]
    page = press_at(browser, SAVED_AT)
    assert (page.status, list(page.errors)) == (503, ["phone"])
    assert browser.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [APPLICANT["name"]]


# --- on another device


@BOTH
@pytest.mark.parametrize("service", [RESIDENCE, LICENCE])
def test_a_form_begun_on_one_device_is_finished_on_another(
    browse: Callable[..., Browser], hall: MemoryHall, language: str, service: str
) -> None:
    phone, computer = browse(language), browse(language)
    before = values(filled(phone, hall, service))
    address = address_on(phone.press(name="_save"))
    kept = draft_of(hall, phone, service)
    added = {name: ids for name, ids in kept.fields.items() if name.startswith("_uploads/")}
    assert bool(added) == (service == LICENCE)
    hall.clock.advance(timedelta(days=13))
    over: dict[str, list[str]] = {"/pickup/window": []} if service == LICENCE else {}  # it lies in the past by now
    door = computer.open(address)
    hold_to_the_rules(door, language)
    assert not [word for word in (*PERSONAL, PHONE[-4:]) if word in door.text]
    page = entered(computer, hall, address)
    assert page.address == ADDRESS_OF[service]
    assert {**values(page), **over} == {**before, **over}
    hold_to_the_rules(page, language)
    page.fill({name: page.options(name)[1] for name in over})
    computer.press(name="_check")
    tracking = computer.press(name="_send").address.removeprefix("/t/")
    record = hall.log.load(as_case(hall, tracking)["case"])
    assert record is not None
    assert record.answers["applicant"]["name"] == APPLICANT["name"]
    assert {f"_uploads/{material}": list(ids) for material, ids in record.submissions[-1].uploads.items()} == added


def test_conditional_questions_and_uploads_come_along(browse: Callable[..., Browser], hall: MemoryHall) -> None:
    phone, computer = browse(), browse()
    filled(phone, hall, RESIDENCE, purpose="other")
    phone.press(name="_check").fill({"/purpose_details": "For my bank"})
    page = phone.press(name="_save", **{"_uploads/proof": "an-upload"})
    page = entered(computer, hall, address_on(page))
    assert page.value("/purpose_details") == ["For my bank"]
    assert draft_of(hall, computer).fields["_uploads/proof"] == ["an-upload"]
    assert "For my bank" in computer.press(name="_check").text


def test_lists_come_along(browse: Callable[..., Browser], hall: MemoryHall, listed: str) -> None:
    phone, computer = browse(), browse()
    phone.open(listed).fill({"/applicant/phone": PHONE} if phone.page.control("/applicant/phone") else {})
    phone.press(name="_add", value="/partners")
    phone.press(name="_add", value="/partners").fill({f"/partners/{n}/name": f"partner {n}" for n in range(3)})
    phone.press(name="_save").fill({"phone": PHONE})
    page = entered(computer, hall, address_on(press_at(phone, f"{listed}/saved")))
    assert [page.value(f"/partners/{n}/name") for n in range(3)] == [["partner 0"], ["partner 1"], ["partner 2"]]


@pytest.fixture
def listed(hall: MemoryHall, tmp_path: Path) -> str:
    """The address of a form with lists, and without an applicant's phone."""
    from tests.web.test_questions import FORM

    hall.catalogue = sample(tmp_path, {"1": FORM}, "1")
    return "/services/sample/apply"


def sample(folder: Path, forms: dict[str, object], *published: str) -> Catalogue:
    """A catalogue of one service in versions."""
    root = folder / "forms_schemas"
    for version, form in forms.items():
        place = root / f"sample/{version}"
        if not place.exists():
            shutil.copytree(ROOT / "forms_schemas/residence-certificate/1", place)
            shutil.rmtree(place / "i18n")
        (place / "form.json").write_text(json.dumps(form))
        definition = json.loads((place / "service.json").read_text())
        (place / "service.json").write_text(json.dumps(definition | {"id": "sample", "version": version}))
    if not (root / "common").exists():
        shutil.copytree(ROOT / "forms_schemas/common", root / "common")
    return Catalogue(root, frozenset(("sample", version) for version in published))


def test_a_wrong_code_is_told_and_the_fifth_spends_the_right_one(browser: Browser, hall: MemoryHall) -> None:
    address = address_on(saved(browser, hall))
    browser.cookies.clear()
    browser.open(address)
    press_at(browser, f"{address}/code")
    for _ in range(5):
        browser.page.fill({"code": "000000x"})
        page = press_at(browser, f"{address}/session")
        assert (page.status, list(page.errors)) == (422, ["code"])
        hold_to_the_rules(page, "en")
    browser.page.fill({"code": Api(hall).code_sent()})
    assert press_at(browser, f"{address}/session").status == 422
    assert not cookie(browser)


def test_codes_cannot_be_asked_for_without_end(browser: Browser, hall: MemoryHall) -> None:
    address = address_on(saved(browser, hall))
    for _ in range(3):
        browser.open(address)
        assert press_at(browser, f"{address}/code").status == 200
    browser.open(address)
    page = press_at(browser, f"{address}/code")
    assert (page.status, page.headers["retry-after"]) == (429, "600")


@pytest.mark.parametrize("path", ["{}", "{}/code", "{}/session"])
def test_what_was_never_an_address_and_what_is_one_no_more_look_alike(
    browser: Browser, hall: MemoryHall, path: str
) -> None:
    expired = address_on(saved(browser, hall))
    hall.clock.advance(timedelta(days=15))
    browser.cookies.clear()
    deleted = address_on(saved(browser, hall))
    browser.open(f"{SAVED_AT}/deletion")
    press_at(browser, f"{SAVED_AT}/deletion")
    sent = address_on(saved(browser, hall))
    browser.open(ADDRESS_OF[RESIDENCE])
    browser.press(name="_check")
    browser.press(name="_send")
    browser.open(ADDRESS_OF[LICENCE]).fill({"/applicant/phone": "12"})
    browser.press(name="_save")
    without_phone = f"/d/{draft_of(hall, browser, LICENCE).id}"
    method = "GET" if path == "{}" else "POST"
    pages = [
        browser.send(method, path.format(address), b"")
        for address in (
            expired,
            deleted,
            sent,
            without_phone,
            f"/d/{drafts.new_id()}",
            "/d/x",
            "/d/%E5%BC%A0",
            "/d/%00",
        )
    ]
    assert {page.status for page in pages} == {404}
    assert len({page.document.one("main").text for page in pages}) == 1
    assert pages[0].document.one("main").all("a", href="/")


def test_a_post_of_another_site_sends_no_code(browser: Browser, hall: MemoryHall) -> None:
    address = address_on(saved(browser, hall))
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    assert browser.send("POST", f"{address}/code", b"").status == 403
    assert browser.send("POST", SAVED_AT, f"phone={PHONE}".encode()).status == 403
    assert hall.notifier.messages == []


# --- two devices at once


@BOTH
def test_who_saves_second_chooses_which_version_to_keep(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    phone, computer = browse(language), browse(language)
    address = address_on(saved(phone, hall))
    entered(computer, hall, address)
    phone.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/name": "李四"})
    assert phone.press(name="_save").address == SAVED_AT
    computer.page.fill({"/applicant/name": "王五", "/residence/address/street": "另一条路 1 号"})
    page = computer.press(name="_save")
    assert page.status == 409
    hold_to_the_rules(page, language)
    assert draft_of(hall, phone).fields["/applicant/name"] == ["李四"]

    (theirs,) = page.document.one("main").all("a", href=ADDRESS_OF[RESIDENCE])
    assert browse(language).open(theirs["href"]).status == 200
    assert press_at(computer, ADDRESS_OF[RESIDENCE]).address == SAVED_AT
    assert draft_of(hall, phone).fields["/applicant/name"] == ["王五"]
    assert draft_of(hall, phone).fields["/residence/address/street"] == ["另一条路 1 号"]
    assert computer.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == ["王五"]


def test_who_opens_the_other_version_goes_on_with_it(browse: Callable[..., Browser], hall: MemoryHall) -> None:
    phone, computer = browse(), browse()
    entered(computer, hall, address_on(saved(phone, hall)))
    phone.open(ADDRESS_OF[RESIDENCE]).fill({"/applicant/name": "李四"})
    phone.press(name="_save")
    assert computer.press(name="_save").status == 409
    assert computer.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == ["李四"]
    computer.page.fill({"/applicant/name": "王五"})
    assert computer.press(name="_save").address == SAVED_AT


def test_looking_at_the_saved_page_does_not_count_as_having_seen_the_newer_version(
    browse: Callable[..., Browser], hall: MemoryHall
) -> None:
    phone, computer = browse(), browse()
    form = entered(computer, hall, address_on(saved(phone, hall)))
    phone.open(ADDRESS_OF[RESIDENCE])
    phone.press(name="_save")
    computer.open(SAVED_AT)
    press_at(computer, SAVED_AT)
    computer.page = form
    assert computer.press(name="_save").status == 409


def test_two_devices_that_send_the_same_draft_open_one_case(browse: Callable[..., Browser], hall: MemoryHall) -> None:
    phone, computer = browse(), browse("zh-CN")
    entered(computer, hall, address_on(saved(phone, hall)))
    phone.open(ADDRESS_OF[RESIDENCE])
    for device in (phone, computer):
        device.press(name="_check")
    first, second = phone.press(name="_send"), computer.press(name="_send")
    assert first.address == second.address
    assert first.address.startswith("/t/")
    assert len(stored(hall)) == 1


# --- gone


@pytest.mark.parametrize("device", ["phone", "computer"])
def test_sending_erases_the_draft_on_every_device(
    browse: Callable[..., Browser], hall: MemoryHall, device: str
) -> None:
    devices = {"phone": browse(), "computer": browse()}
    address = address_on(saved(devices["phone"], hall))
    entered(devices["computer"], hall, address)
    devices["phone"].open(ADDRESS_OF[RESIDENCE])
    devices[device].press(name="_check")
    assert devices[device].press(name="_send").address.startswith("/t/")
    assert not cookie(devices[device])
    assert drafts.load(hall, address.removeprefix("/d/")) is None
    for each in devices.values():
        assert each.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [""]
    assert devices["phone"].open(address).status == 404


def test_sending_another_filling_leaves_the_draft(browser: Browser, hall: MemoryHall) -> None:
    begun = filled(browser, hall, RESIDENCE)
    saved(browser, hall)
    browser.page = begun
    browser.press(name="_check")
    assert browser.press(name="_send").address.startswith("/t/")
    assert draft_of(hall, browser).fields["/applicant/name"] == [APPLICANT["name"]]


@BOTH
def test_a_draft_is_deleted_after_a_question(browse: Callable[..., Browser], hall: MemoryHall, language: str) -> None:
    browser = browse(language)
    address = address_on(saved(browser, hall))
    page = browser.open(browser.page.document.one("a", href=f"{SAVED_AT}/deletion")["href"])
    hold_to_the_rules(page, language)
    assert drafts.load(hall, address.removeprefix("/d/"))
    page = press_at(browser, f"{SAVED_AT}/deletion")
    assert page.status == 200
    hold_to_the_rules(page, language)
    assert drafts.load(hall, address.removeprefix("/d/")) is None
    assert browser.open(ADDRESS_OF[RESIDENCE]).value("/applicant/name") == [""]


@pytest.mark.parametrize("path", [SAVED_AT, f"{SAVED_AT}/deletion"])
def test_pages_of_a_draft_are_not_there_without_one(browser: Browser, path: str) -> None:
    assert browser.open(path).status == 404
    assert browser.open(path.replace(RESIDENCE, "nothing")).status == 404


# --- another version of the service


FORM_THEN = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "maxLength": 50},
        "pet": {"type": "string", "title": "Pet", "maxLength": 50},
    },
}
FORM_NOW = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "maxLength": 50},
        "colour": {"type": "string", "title": "Colour", "maxLength": 50},
    },
}


def saved_before_a_new_version(browser: Browser, hall: MemoryHall, folder: Path) -> None:
    hall.catalogue = sample(folder, {"1": FORM_THEN}, "1")
    browser.open("/services/sample/apply").fill({"/name": "first", "/pet": "a cat"})
    assert browser.press(name="_save").status == 200


def test_a_draft_stays_with_its_version_as_long_as_there_is_one(
    browser: Browser, hall: MemoryHall, tmp_path: Path
) -> None:
    saved_before_a_new_version(browser, hall, tmp_path)
    hall.catalogue = sample(tmp_path, {"1": FORM_THEN, "2": FORM_NOW}, "1", "2")
    page = browser.open("/services/sample/apply")
    assert page.value("_version") == ["1"]
    assert (page.value("/name"), page.value("/pet")) == (["first"], ["a cat"])


def test_a_draft_whose_version_is_no_more_is_carried_over_and_that_is_told(
    browser: Browser, hall: MemoryHall, tmp_path: Path
) -> None:
    saved_before_a_new_version(browser, hall, tmp_path)
    hall.catalogue = sample(tmp_path, {"2": FORM_NOW}, "2")
    page = browser.open("/services/sample/apply")
    assert page.value("_version") == ["2"]
    assert page.questions == ["/name", "/colour"]
    assert (page.value("/name"), page.value("/colour")) == (["first"], [""])
    assert "has changed since you saved it" in page.text
    browser.press(name="_save")
    assert "has changed" not in browser.open("/services/sample/apply").text


def test_a_draft_of_a_service_that_is_no_more_is_not_offered(
    browser: Browser, hall: MemoryHall, tmp_path: Path
) -> None:
    saved_before_a_new_version(browser, hall, tmp_path)
    hall.catalogue = Catalogue()
    assert browser.open("/services/sample/apply").status == 404
    assert browser.open("/services/sample/apply/saved").status == 404


# --- what nobody else learns


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """All that is logged."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    root = logger("test").parent
    assert root is not None
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def test_no_answer_no_address_and_no_phone_is_logged_or_stands_in_an_address(
    browse: Callable[..., Browser], hall: MemoryHall, lines: StringIO
) -> None:
    phone, computer = browse(), browse()
    address = address_on(saved(phone, hall))
    press_at(phone, SAVED_AT)
    entered(computer, hall, address)
    phone.open(ADDRESS_OF[RESIDENCE])
    phone.press(name="_save")
    computer.press(name="_save")
    computer.open("/d/x")
    token = cookie(phone).split(".")[1]
    told = lines.getvalue()
    assert "/d/{code}/session" in told
    assert [word for word in (*PERSONAL, PHONE[-4:], address.removeprefix("/d/"), token) if word in told] == []
    addresses = " ".join((*phone.visited, *computer.visited))
    assert [word for word in (*PERSONAL, token) if word in addresses] == []


def test_a_form_that_is_too_large_is_refused_in_plain_words(browser: Browser, hall: MemoryHall) -> None:
    browser.open(ADDRESS_OF[RESIDENCE])
    page = browser.press(name="_save", **{"/applicant/name": "\x01" * 60_000})  # six times as long in JSON
    assert page.status == 413
    assert not cookie(browser)
