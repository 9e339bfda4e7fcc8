"""Files on the form's page: made smaller, sent to the store with progress, again after a cut, looked at, handed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from chalicelib.usecases.uploads import record_scan
from tests.api import RESIDENCE
from tests.chromium import needs_chromium
from tests.halls import MemoryHall
from tests.web.filling import ADDRESS_OF, typed
from tests.web.phone import Phone

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Route

pytestmark = needs_chromium

MATERIAL = "proof-of-address"
ORIENTATION, TURNED = 0x0112, 6  # EXIF: the camera was held upright, its picture lies on its side


def photo(width: int, height: int, *, orientation: int = 1) -> bytes:
    """Noise, which no JPEG makes small."""
    made, exif = BytesIO(), Image.Exif()
    exif[ORIENTATION] = orientation
    Image.effect_noise((width, height), 80).convert("RGB").save(made, "JPEG", quality=90, exif=exif)
    return made.getvalue()


def document() -> bytes:
    made = BytesIO()
    Image.new("RGB", (60, 80), "white").save(made, "PDF")
    return made.getvalue()


def file(name: str, content: bytes, kind: str = "image/jpeg") -> Any:
    return {"name": name, "mimeType": kind, "buffer": content}


class Files:
    """The part of the page where files are added."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.root = phone.page.locator(f"[data-upload={MATERIAL}]")

    def choose(self, *files: Any) -> Locator:
        """Gives the items on the page."""
        self.root.locator("input[type=file]").first.set_input_files(list(files))
        return self.root.locator("li")

    def wait_for(self, state: str) -> Locator:
        found = self.root.locator(f"li[data-state={state}]")
        found.first.wait_for()
        return found

    @property
    def handed_in(self) -> list[str]:
        return self.phone.body.get(f"_uploads/{MATERIAL}", [])


@pytest.fixture
def files(phone: Phone) -> Files:
    phone.open(ADDRESS_OF[RESIDENCE])
    return Files(phone)


@pytest.fixture
def held(files: Files) -> Iterator[list[Route]]:
    """Posts to the store, which wait until the test lets them go on."""
    waiting: list[Route] = []
    address = f"{files.phone.address}/uploads"
    files.phone.page.route(address, lambda route: waiting.append(route))
    yield waiting
    files.phone.page.unroute(address)


def test_a_file_is_handed_in_with_the_form(files: Files, hall: MemoryHall) -> None:
    files.choose(file("letter.jpg", photo(60, 40)))
    files.wait_for("clean")
    (upload,) = files.handed_in
    assert hall.uploads.stored[f"offered/{upload}"].content[:2] == b"\xff\xd8"
    phone = files.phone.fill(typed(hall, RESIDENCE)).choose_window()
    with phone.page.expect_navigation():
        phone.press("_check")
    phone.ready().press("_send")
    phone.page.wait_for_url(re.compile("/t/"))
    (checkout,) = hall.payments.checkouts.values()
    record = hall.log.load(checkout.case)
    assert record
    assert record.submissions[-1].uploads == {MATERIAL: [upload]}


def test_several_files_go_one_after_the_other_and_each_has_its_picture(files: Files) -> None:
    items = files.choose(
        file("1.jpg", photo(30, 20)), file("2.jpg", photo(30, 20)), file("2.pdf", document(), "application/pdf")
    )
    items.nth(2).and_(files.root.locator("[data-state=clean]")).wait_for()
    assert items.locator("img").count() == 2
    assert len(files.handed_in) == 3


def test_a_photo_of_a_camera_is_made_smaller_and_stands_upright(files: Files, hall: MemoryHall) -> None:
    taken = photo(3600, 2700, orientation=TURNED)
    files.choose(file("camera.jpg", taken))
    files.wait_for("clean")
    sent = hall.uploads.stored[f"offered/{files.handed_in[0]}"].content
    with Image.open(BytesIO(sent)) as picture:
        assert picture.size == (1800, 2400)
        assert picture.getexif().get(ORIENTATION, 1) == 1
    assert len(sent) < len(taken) / 2


def test_a_small_photo_stays_as_it_is(files: Files, hall: MemoryHall) -> None:
    taken = photo(300, 200)
    files.choose(file("small.jpg", taken))
    files.wait_for("clean")
    assert hall.uploads.stored[f"offered/{files.handed_in[0]}"].content == taken


def test_a_photo_above_the_limit_goes_through_since_it_gets_smaller(files: Files) -> None:
    taken = photo(5200, 3900)
    assert len(taken) > 10_485_760
    files.choose(file("huge.jpg", taken))
    files.wait_for("clean")
    assert len(files.handed_in) == 1


@pytest.mark.parametrize(
    ("name", "content", "kind", "sentence"),
    [
        ("empty.pdf", b"", "application/pdf", "The file is empty"),
        ("setup.jpg", b"MZ" + bytes(200), "image/jpeg", "This kind of file is not accepted"),
        ("notes.txt", b"hello", "text/plain", "This kind of file is not accepted"),
        ("large.pdf", document() + bytes(10_485_760), "application/pdf", "too large"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_and_it_is_not_handed_in(
    files: Files, name: str, content: bytes, kind: str, sentence: str
) -> None:
    files.choose(file(name, content, kind))
    refused = files.wait_for("refused")
    assert sentence in refused.locator("[role=alert]").inner_text()
    assert files.handed_in == []


def test_how_far_a_file_is_can_be_seen_and_heard(files: Files, held: list[Route]) -> None:
    files.choose(file("letter.jpg", photo(30, 20)))
    sending = files.wait_for("sending")
    bar = sending.locator("progress")
    assert bar.get_attribute("aria-label") == "Sending letter.jpg"
    assert "% sent" in sending.inner_text()


def test_the_form_waits_for_a_file_on_its_way(files: Files, hall: MemoryHall, held: list[Route]) -> None:
    phone = files.phone.fill(typed(hall, RESIDENCE)).choose_window()
    files.choose(file("letter.jpg", photo(30, 20)))
    files.wait_for("sending")
    phone.press("_check")
    files.root.get_by_text("still on its way").wait_for()
    held[0].continue_()
    files.wait_for("clean")
    with phone.page.expect_navigation():
        phone.press("_check")
    assert phone.page.locator("button[name=_send]").count() == 1


def test_a_cut_in_the_middle_loses_nothing_and_the_file_goes_again_by_itself(files: Files, hall: MemoryHall) -> None:
    phone = files.phone.fill({"/applicant/name": "张三"})
    phone.page.route(f"{phone.address}/uploads", lambda route: route.abort("connectionreset"), times=1)
    files.choose(file("letter.jpg", photo(30, 20)))
    files.wait_for("offline")
    files.wait_for("clean")
    assert len(files.handed_in) == 1
    assert phone.value("/applicant/name") == "张三"


def test_what_stays_cut_off_can_be_tried_again_by_hand(files: Files, device: BrowserContext) -> None:
    page = files.phone.page
    page.clock.install()
    device.set_offline(True)
    files.choose(file("letter.jpg", photo(30, 20)))
    files.wait_for("offline")
    failed = files.root.locator("li[data-state=failed]")
    while not failed.count():  # a try may be over before the clock has gone on, or after
        page.clock.run_for(1_000)
    files.wait_for("failed")
    assert "Everything else on this page is still there" in failed.locator("[role=alert]").inner_text()
    device.set_offline(False)
    failed.get_by_role("button", name="Try again").click()
    files.wait_for("clean")
    assert len(files.handed_in) == 1


def test_a_file_on_its_way_can_be_called_back(files: Files, held: list[Route]) -> None:
    items = files.choose(file("letter.jpg", photo(30, 20)))
    files.wait_for("sending").get_by_role("button", name="Cancel").click()
    items.first.wait_for(state="detached")
    assert files.handed_in == []
    assert files.phone.page.evaluate("document.activeElement.type") == "file"


def test_a_file_can_be_taken_out_again_also_after_the_page_was_opened_anew(files: Files) -> None:
    items = files.choose(file("1.jpg", photo(30, 20)), file("2.jpg", photo(30, 20)))
    items.nth(1).and_(files.root.locator("[data-state=clean]")).wait_for()
    _, second = files.handed_in
    items.first.get_by_role("button", name="Remove").click()
    assert files.handed_in == [second]
    again = Files(files.phone.open(ADDRESS_OF[RESIDENCE]))
    assert again.handed_in == [second]
    again.root.locator("button[name=_drop]").click()
    assert again.handed_in == []


def test_the_virus_check_keeps_nobody_waiting_and_its_finding_is_told(files: Files, hall: MemoryHall) -> None:
    hall.scans_uploads = True
    files.phone.page.clock.install()
    files.choose(file("letter.jpg", photo(30, 20)))
    checking = files.wait_for("checking")
    assert "You can go on" in checking.inner_text()
    (upload,) = files.handed_in
    record_scan(hall, upload, "infected", hall.uploads.stored[f"offered/{upload}"].etag)
    files.phone.page.clock.run_for(20_000)
    refused = files.wait_for("refused")
    assert refused.locator("[role=alert]").inner_text()
    assert files.handed_in == []


def test_files_are_chosen_with_the_keyboard_alone(files: Files) -> None:
    page = files.phone.page
    with page.expect_file_chooser() as chooser:
        files.root.locator("input[type=file]").first.press("Space")
    chooser.value.set_files([file("letter.jpg", photo(30, 20))])
    files.wait_for("clean")


def test_the_camera_is_offered_on_a_phone_for_pictures_alone(files: Files) -> None:
    camera = files.root.locator("input[capture=environment]")
    assert camera.get_attribute("accept") == "image/jpeg,image/png"


def test_no_name_of_a_file_leaves_the_device_with_it(files: Files) -> None:
    posted: list[bytes] = []
    page = files.phone.page
    page.on("request", lambda sent: posted.append(sent.post_data_buffer or b"") if "/uploads" in sent.url else None)
    files.choose(file("张三 passport.jpg", photo(30, 20)))
    files.wait_for("clean")
    assert len(posted) >= 2
    assert not [body for body in posted if "张三".encode() in body or b"passport" in body]
