"""Files without JavaScript: to the store and back, into the form or the correction, and what is said of bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import pytest

from chalicelib.usecases import drafts, uploads
from chalicelib.usecases.drafts import Draft
from chalicelib.web import files
from tests.api import Api
from tests.files import EXECUTABLES, document, infected, picture
from tests.halls import MemoryHall
from tests.web.browser import Browser, Page
from tests.web.filling import typed
from tests.web.test_case_pages import enter

SERVICE, MATERIAL = "residence-certificate", "proof-of-address"
APPLY = f"/services/{SERVICE}/apply"
PLACE = f"{APPLY}/files/{MATERIAL}"
MEGABYTE = 1024 * 1024
WORDS = {
    "file_empty": ("The file is empty", "文件是空的"),
    "file_too_large": ("too large", "文件太大"),
    "file_type_not_accepted": ("not accepted here, whatever its name says", "不支持此类文件"),
    "file_unreadable": ("cannot be opened", "无法打开"),
    "file_protected": ("protected by a password", "设有密码"),
    "file_missing": ("has not arrived", "没有上传成功"),
}


@pytest.fixture
def applicant(hall: MemoryHall, browser: Browser) -> Browser:
    """Someone in the middle of the form, who wants to add a file."""
    (version,) = (version for service, version in hall.catalogue.services() if service == SERVICE)
    fields = {"/applicant/name": ["张三"], "_version": [version], "_key": ["k" * 32]}
    draft = Draft(drafts.new_id(), SERVICE, version, "en", fields, "k" * 32, {}, hall.now())
    saved = drafts.save(hall, draft)
    browser.cookies["draft", APPLY] = f"{saved.id}.{drafts.token(hall, saved.id)}.{saved.revision}"
    browser.open(PLACE)
    return browser


def send(hall: MemoryHall, browser: Browser, content: bytes) -> Page:
    """What the browser does with the page's form: to the store, and where the store leads it."""
    form = browser.page.document.one("form", enctype="multipart/form-data")
    fields = {field["name"]: field["value"] for field in form.all("input", type="hidden")}
    hall.uploads.receive(fields, content)
    return browser.open(back(fields))


def back(fields: Mapping[str, str], key: str = "") -> str:
    """S3 adds what it has stored to the address."""
    told = {"bucket": "uploads", "key": key or fields["key"], "etag": '"any"'}
    return f"{fields['success_action_redirect']}?{urlencode(told)}".removeprefix(MemoryHall.url)


def kept(hall: MemoryHall, browser: Browser) -> Draft:
    found = drafts.load(hall, browser.cookies["draft", APPLY].split(".")[0])
    assert found
    return found


def added(hall: MemoryHall, browser: Browser) -> list[str]:
    """The uploads in the form."""
    return list(kept(hall, browser).fields.get(f"_uploads/{MATERIAL}", ()))


def test_the_page_says_what_it_takes_and_goes_straight_to_the_store(hall: MemoryHall, applicant: Browser) -> None:
    page = applicant.page
    assert page.address == PLACE
    form = page.document.one("form", enctype="multipart/form-data")
    chooser = form.one("input", type="file")
    assert chooser["accept"] == "application/pdf,image/jpeg,image/png"
    assert "capture" not in chooser
    assert "10 MB" in form.text
    assert form.all("input")[-1]["name"] == "file", "the store reads nothing that stands behind the file"
    store = urlsplit(form["action"])
    assert f"form-action 'self' {store.scheme}://{store.netloc};" in page.headers["content-security-policy"] + ";"


@pytest.mark.parametrize("content", [picture(), document(), picture("PNG")])
def test_a_good_file_is_in_the_form_with_all_that_was_typed(
    hall: MemoryHall, applicant: Browser, content: bytes
) -> None:
    page = send(hall, applicant, content)
    assert page.address.startswith(APPLY)
    (upload,) = added(hall, applicant)
    assert uploads.look(hall, upload).state == "clean"
    assert kept(hall, applicant).fields["/applicant/name"] == ["张三"]


def test_a_second_file_stands_beside_the_first(hall: MemoryHall, applicant: Browser) -> None:
    send(hall, applicant, picture())
    assert "One file has been added already" in applicant.open(PLACE).text
    send(hall, applicant, document())
    assert len(added(hall, applicant)) == 2


def test_a_way_back_that_is_loaded_again_adds_nothing(hall: MemoryHall, applicant: Browser) -> None:
    send(hall, applicant, picture())
    again = next(address for address in reversed(applicant.visited) if "/arrived" in address)
    applicant.open(again)
    assert len(added(hall, applicant)) == 1


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("file_empty", b""),
        ("file_too_large", picture() + bytes(20 * MEGABYTE)),
        ("file_type_not_accepted", EXECUTABLES["windows"]),
        ("file_type_not_accepted", EXECUTABLES["script"]),
        ("file_unreadable", picture()[:200]),
        ("file_protected", document(password="secret")),
    ],
    ids=["empty", "20 MB", "program", "script", "half a photo", "locked PDF"],
)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_each_bad_file_has_its_own_sentence_and_another_one_may_follow(
    hall: MemoryHall, applicant: Browser, code: str, content: bytes, language: str
) -> None:
    applicant.headers["Accept-Language"] = language
    page = send(hall, applicant, content)
    told = WORDS[code][language == "zh-CN"]
    assert page.status == 422
    assert told in page.document.one("div", class_="govuk-error-summary").text
    assert told in page.document.one("p", id="file-error").text
    assert page.document.one("input", type="file")["aria-describedby"].split() == ["file-hint", "file-error"]
    assert added(hall, applicant) == []
    send(hall, applicant, picture())
    assert len(added(hall, applicant)) == 1


def test_a_file_that_is_still_being_scanned_is_in_the_form(hall: MemoryHall, applicant: Browser) -> None:
    hall.scans_uploads = True
    send(hall, applicant, infected(picture()))
    (upload,) = added(hall, applicant)
    assert uploads.look(hall, upload).state == "checking"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_virus_found_meanwhile_is_told_before_the_form_can_be_sent(
    hall: MemoryHall, applicant: Browser, language: str
) -> None:
    applicant.headers["Accept-Language"] = language
    hall.scans_uploads = True
    page = send(hall, applicant, infected(picture()))
    page.fill(typed(hall, SERVICE))
    (upload,) = page.value(f"_uploads/{MATERIAL}")
    judge(hall, upload, "infected")
    page = applicant.press(name="_check")
    told = {"en": "A virus was found in this file", "zh-CN": "发现病毒"}[language]
    assert page.status == 422
    assert told in page.document.one("div", class_="govuk-error-summary").text
    assert not page.document.all("button", name="_send")


def test_a_file_that_never_came_is_said_to_be_missing(hall: MemoryHall, applicant: Browser) -> None:
    form = applicant.page.document.one("form", enctype="multipart/form-data")
    page = applicant.open(back({field["name"]: field["value"] for field in form.all("input", type="hidden")}))
    assert page.status == 422
    assert WORDS["file_missing"][0] in page.text


@pytest.mark.parametrize("key", ["offered/unknown", "kept/case/one", ""])
def test_nobody_can_be_made_to_add_what_was_not_offered_to_them(hall: MemoryHall, applicant: Browser, key: str) -> None:
    other = uploads.offer_form(hall, SERVICE, MATERIAL, "https://hall.example/")
    hall.uploads.receive(other.fields, picture())
    for told in (key, f"offered/{other.upload}"):
        page = applicant.open(f"{PLACE}/arrived?{urlencode({'key': told})}")
        assert WORDS["file_missing"][0] in page.text
    assert added(hall, applicant) == []


@pytest.mark.parametrize("address", [PLACE, f"{PLACE}/arrived?key=offered/one"])
def test_without_a_form_under_way_it_begins_with_the_form(browser: Browser, address: str) -> None:
    assert browser.open(address).address.startswith(APPLY)


def test_no_file_is_taken_for_what_the_service_does_not_ask_for(applicant: Browser) -> None:
    assert applicant.open(f"{APPLY}/files/deed").status == 422


def test_a_draft_does_not_grow_by_looking(hall: MemoryHall, applicant: Browser) -> None:
    for _ in range(files.MOST_OFFERED + 5):
        applicant.open(PLACE)
    send(hall, applicant, picture())
    assert len(added(hall, applicant)) == 1


# --- another file for a case ---------------------------------------------------------------------------------------


@pytest.fixture
def tracking(hall: MemoryHall) -> str:
    """Of a case whose only file was infected."""
    hall.scans_uploads = True
    api = Api(hall)
    upload = api.uploaded(SERVICE, MATERIAL, infected(picture()))
    case = api.opened(SERVICE, uploads={MATERIAL: [upload]})
    api.pay(case)
    judge(hall, upload, "infected")
    assert api.track(case)["status"] == "awaiting_correction"
    return str(case["tracking"])


def judge(hall: MemoryHall, upload: str, verdict: str) -> None:
    """The scanner speaks, and the hall goes on."""
    uploads.record_scan(hall, upload, verdict, uploads.look(hall, upload).etag)
    hall.drain()


@pytest.fixture
def corrector(hall: MemoryHall, browser: Browser, tracking: str) -> Browser:
    """The applicant, who was let in and wants to add another file."""
    enter(browser, hall, tracking)
    browser.open(f"/t/{tracking}/case/correction")
    browser.press(name="_files", value=MATERIAL)
    assert browser.page.address == f"/t/{tracking}/case/correction/files/{MATERIAL}"
    return browser


def without_the_session(browser: Browser) -> None:
    """As browsers come back from the store: what is SameSite=Strict stays at home."""
    kept = {place: value for place, value in browser.cookies.items() if place[0] != "case"}
    browser.cookies.clear()
    browser.cookies.update(kept)


def test_another_file_is_added_though_the_session_stays_at_home(
    hall: MemoryHall, corrector: Browser, tracking: str
) -> None:
    session = dict(corrector.cookies)
    without_the_session(corrector)
    page = send(hall, corrector, picture())
    home = f"/t/{tracking}/case/correction#uploads-{MATERIAL}"
    assert page.status == 200
    assert page.document.one("meta", http_equiv="refresh")["content"] == f"0; url={home}"
    assert page.document.all("a", href=home)
    corrector.cookies.update(session)
    (upload,) = corrector.open(home).value(f"_uploads/{MATERIAL}")
    judge(hall, upload, "clean")
    form = corrector.page.document.one("form", action=f"/t/{tracking}/case/correction")
    (sends,) = (button.text for button in form.all("button") if not button["name"])
    corrector.press(sends)
    hall.drain()
    assert Api(hall).track({"tracking": tracking})["status"] == "in_review"


def test_a_second_bad_file_is_told_before_it_is_sent(hall: MemoryHall, corrector: Browser, tracking: str) -> None:
    session = dict(corrector.cookies)
    without_the_session(corrector)
    page = send(hall, corrector, document(password="secret"))
    assert page.status == 422
    assert WORDS["file_protected"][0] in page.document.one("div", class_="govuk-error-summary").text
    corrector.cookies.update(session)
    assert not corrector.open(f"/t/{tracking}/case/correction").document.all("input", name=f"_uploads/{MATERIAL}")


def test_the_cookie_of_a_correction_opens_nothing_else(hall: MemoryHall, corrector: Browser, tracking: str) -> None:
    without_the_session(corrector)
    assert corrector.cookies.keys() == {("correction", f"/t/{tracking}/case/correction")}
    (cookie,) = {c for c in corrector.set_cookies if c.startswith("correction=")}
    assert {"HttpOnly", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    assert corrector.open(f"/t/{tracking}/case/correction").heading == "See your case"
    assert corrector.open(f"/t/{tracking}/case").heading == "See your case"
    assert "张三" not in corrector.open(f"/t/{tracking}/case/correction/files/{MATERIAL}").text


def test_without_a_correction_under_way_no_file_is_taken(hall: MemoryHall, browser: Browser, tracking: str) -> None:
    place = f"/t/{tracking}/case/correction/files/{MATERIAL}"
    assert browser.open(place).heading == "See your case"
    page = browser.open(f"{place}/arrived?key=offered/one")
    assert "no longer valid" in page.heading
    assert browser.cookies == {}


def test_no_file_is_taken_for_what_was_not_asked_for(corrector: Browser, tracking: str) -> None:
    page = corrector.open(f"/t/{tracking}/case/correction/files/deed")
    assert page.address.startswith(f"/t/{tracking}/case/correction")
    assert not page.document.all("input", type="file")
