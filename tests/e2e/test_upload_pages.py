"""Files on a phone without scripts, at the real local hall: to the store, back, and into the form or the correction.

The cookies are those that Chromium really sends when the store leads it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.demo import Hall, Walk
from infra.local.layout import ROOT
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.chromium import PHONE, chromium, needs_chromium
from tests.e2e.applicant import Applicant
from tests.e2e.backstage import Backstage, wait_until
from tests.e2e.test_uploads import MATERIAL, TASK, TWENTY_MB, at_the_desk, resting_scanner, settled
from tests.files import EXECUTABLES, document, infected, picture
from tests.web.test_files import WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.hall, needs_chromium]

PICTURES = ROOT / "test-output/pages"

ADD = f"button[name=_files][value={MATERIAL}]"
ADDED = f"input[type=hidden][name='_uploads/{MATERIAL}']"
INFECTED = {"en": "A virus was found in this file", "zh-CN": "发现病毒"}
BAD = [
    ("file_empty", b""),
    ("file_too_large", picture() + bytes(TWENTY_MB)),
    ("file_type_not_accepted", EXECUTABLES["windows"]),
    ("file_protected", document(password="secret")),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=["zh-CN", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def applicant(browser: Browser, door: Hall, language: str) -> Iterator[Applicant]:
    """Someone with a phone whose browser runs no scripts, and has nothing against any of the hall's pages."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, locale=language)
    applicant = Applicant(context.new_page(), door.addresses["hall"], PICTURES / f"{language}-files", scripts=False)
    yield applicant
    context.close()
    assert [told for told in applicant.refused if "Content Security" in told] == []


def bring(applicant: Applicant, content: bytes, name: str = "照片.jpg") -> None:
    """Choose a file on the page that takes one, and send it to the store."""
    chosen: Any = {"name": name, "mimeType": "image/jpeg", "buffer": content}
    applicant.page.set_input_files("#file", chosen)
    applicant.press("form[enctype='multipart/form-data'] button")


def added(page: Page) -> list[str]:
    return [str(field.get_attribute("value")) for field in page.locator(ADDED).all()]


def faults(page: Page) -> str:
    return page.locator(".govuk-error-summary").inner_text()


def start(applicant: Applicant) -> None:
    """The form filled in, and the page that takes a file."""
    applicant.page.goto(f"{applicant.address}/services/{RESIDENCE}/apply")
    applicant.fill(RESIDENCE_ANSWERS)
    applicant.press(ADD)


def test_bad_files_are_told_one_by_one_and_a_good_one_is_sent_with_the_form(
    applicant: Applicant, door: Hall, language: str
) -> None:
    page = applicant.page
    start(applicant)
    applicant.keep("file")
    for code, content in BAD:
        bring(applicant, content)
        assert WORDS[code][language == "zh-CN"] in faults(page)
        applicant.keep(code)
    bring(applicant, picture())
    assert page.input_value("[name='/applicant/name']") == RESIDENCE_ANSWERS["applicant"]["name"]
    (upload,) = added(page)
    assert settled(door, upload)["state"] == "clean"
    applicant.press("main button[name=_check]")
    applicant.press("button[name=_send]")
    assert page.url.startswith(f"{applicant.address}/t/")


def test_a_virus_is_told_before_the_form_can_be_sent(
    applicant: Applicant, door: Hall, backstage: Backstage, language: str
) -> None:
    page = applicant.page
    with resting_scanner(backstage):
        start(applicant)
        bring(applicant, infected(picture()))
    (upload,) = added(page)
    assert settled(door, upload)["code"] == "file_infected"
    applicant.press("main button[name=_check]")
    assert INFECTED[language] in faults(page)
    assert page.locator("button[name=_send]").count() == 0


def test_a_virus_found_later_is_put_right_by_another_file(
    applicant: Applicant, backstage: Backstage, walk: Callable[..., Walk], language: str
) -> None:
    page, going = applicant.page, walk(RESIDENCE)
    with resting_scanner(backstage):
        start(applicant)
        bring(applicant, infected(picture()))
        applicant.press("main button[name=_check]")
        applicant.press("button[name=_send]")
        going.accepted = {"tracking": page.url.rpartition("/")[2]}
        going.accepted["case"] = going.track()["case"]
        applicant.press("form[action$='/pay'] button")
        applicant.press("button[value=paid]")
    going.until_status("awaiting_correction")

    correction = f"{applicant.address}/t/{going.tracking}/case/correction"
    let_in(applicant, going)
    page.goto(correction)
    assert INFECTED[language] in page.locator("main").inner_text()
    applicant.press(ADD)
    bring(applicant, document(password="secret"))
    assert WORDS["file_protected"][language == "zh-CN"] in faults(page)
    bring(applicant, picture())
    page.wait_for_url(f"{correction}#*")
    (good,) = added(page)
    applicant.press(f"form[action='/t/{going.tracking}/case/correction'] button.govuk-button:not([name])")
    going.until("the review", lambda: going.task_state(TASK) == "open")
    assert [one["upload"] for one in at_the_desk(going)] == [good]


def let_in(applicant: Applicant, going: Walk) -> None:
    """With the code that the phone gets."""
    applicant.page.goto(f"{applicant.address}/t/{going.tracking}/case")
    before = len(going.codes())
    applicant.press("form[action$='/case/code'] button")
    wait_until(lambda: going.codes()[before:], "the code on the phone")
    applicant.page.fill("[name=code]", going.codes()[-1])
    applicant.press("form[action$='/case/session'] button")
