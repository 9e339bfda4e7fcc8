"""Checking a certificate with scripts: its seal in the browser, its code by photograph or camera."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import qrcode

from tests.api import RESIDENCE, Api
from tests.chromium import needs_chromium
from tests.halls import MemoryHall
from tests.web.phone import Phone

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = needs_chromium

SEAL = "#seal .hall-seal"


def sealed(hall: MemoryHall, key: str = "key-00000001") -> str:
    """What the QR code on a new certificate holds."""
    api = Api(hall)
    case = api.paid(RESIDENCE, key)
    api.decide(case, "verify-residence", "public-security")
    number = api.track(case)["certificates"][0]["number"]
    pdf = hall.files.get(f"certificates/{case['case']}/{number}.pdf")
    assert pdf
    return pdf.decode().split()[2]


def told(phone: Phone) -> str:
    """What the page says of the seal in the end."""
    seal = phone.page.locator(SEAL).filter(has_not_text="Checking")
    seal.wait_for()
    return seal.inner_text()


def test_a_genuine_seal_is_told_with_what_it_says(phone: Phone, hall: MemoryHall) -> None:
    address = sealed(hall)
    phone.page.goto(address)
    assert told(phone).startswith("The seal is genuine.")
    number = address.split("/verify/")[1].split("#")[0]
    for word in (number, "张*", "23 November 2026", "22 May 2027"):
        assert word in told(phone)


def test_without_a_seal_in_the_address_nothing_is_said_of_one(phone: Phone, hall: MemoryHall) -> None:
    phone.page.goto(sealed(hall).partition("#")[0])
    phone.page.wait_for_load_state("networkidle")
    assert phone.page.locator(SEAL).count() == 0


@pytest.mark.parametrize("spoiled", ["claims", "signature", "half", "garbage", "header"])
def test_a_seal_that_was_altered_does_not_fit(phone: Phone, hall: MemoryHall, spoiled: str) -> None:
    address, _, seal = sealed(hall).partition("#")
    header, claims, signature = seal.split(".")
    altered = {
        "claims": f"{header}.{claims[:-4]}AAAA.{signature}",
        "signature": f"{header}.{claims}.{signature[:-8]}AAAAAAAA",
        "half": f"{header}.{claims[:20]}.{signature}",
        "garbage": "a.b.c!",
        "header": f"eyJhbGciOiJub25lIn0.{claims}.{signature}",
    }[spoiled]
    phone.page.goto(f"{address}#{altered}")
    assert "does not fit" in told(phone)


def test_a_genuine_seal_of_another_certificate_is_told_apart(phone: Phone, hall: MemoryHall) -> None:
    first, second = sealed(hall), sealed(hall, "key-00000002")
    phone.page.goto(first.partition("#")[0] + "#" + second.partition("#")[2])
    assert "belongs to another certificate" in told(phone)
    assert second.split("/verify/")[1].split("#")[0] in told(phone)


def test_without_the_keys_the_record_is_still_there(phone: Phone, hall: MemoryHall) -> None:
    phone.page.route("**/jwks.json", lambda route: route.abort())
    phone.page.goto(sealed(hall))
    assert "keys can't be reached" in told(phone)
    assert "张*" in phone.page.locator("dl").inner_text()


def photograph(text: str, to: Path) -> Path:
    """A picture of a QR code."""
    with to.open("wb") as file:
        qrcode.make(text, box_size=6).save(file)
    return to


def test_a_photograph_of_the_code_opens_its_record_and_checks_the_seal(
    phone: Phone, hall: MemoryHall, tmp_path: Path
) -> None:
    picture = photograph(sealed(hall), tmp_path / "code.png")
    phone.page.goto(f"{phone.address}/verify")
    scripts: list[str] = []
    phone.page.on("request", lambda request: scripts.append(request.url) if request.url.endswith(".js") else None)
    phone.page.set_input_files("#photograph", picture)
    assert "The seal is genuine." in told(phone)
    assert [name for name in scripts if "/scanner-" in name]


def test_the_reader_is_fetched_only_when_it_is_wanted(phone: Phone) -> None:
    scripts: list[str] = []
    phone.page.on("request", lambda request: scripts.append(request.url))
    phone.page.goto(f"{phone.address}/verify")
    phone.page.wait_for_load_state("networkidle")
    assert [name for name in scripts if "/verify-" in name]
    assert not [name for name in scripts if "/scanner-" in name]


@pytest.mark.parametrize(
    "code", ["https://elsewhere.invalid/verify/AAAA-AAAA-AAAA-AAAA", "WIFI:T:WPA;S:cafe;;", "javascript:alert(1)"]
)
def test_a_code_of_somebody_else_is_told_and_never_followed(phone: Phone, tmp_path: Path, code: str) -> None:
    phone.page.goto(f"{phone.address}/verify")
    phone.page.set_input_files("#photograph", photograph(code, tmp_path / "code.png"))
    phone.page.locator("#scan [role=status]", has_text="not made by this hall").wait_for()
    assert phone.page.url == f"{phone.address}/verify"


def test_a_picture_without_a_code_and_a_file_that_is_none_are_told(phone: Phone, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (300, 200), "white").save(tmp_path / "blank.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    phone.page.goto(f"{phone.address}/verify")
    phone.page.set_input_files("#photograph", tmp_path / "blank.png")
    phone.page.locator("#scan [role=status]", has_text="No QR code was found").wait_for()
    phone.page.set_input_files("#photograph", tmp_path / "broken.png")
    phone.page.locator("#scan [role=status]", has_text="can't be read").wait_for()


def test_a_camera_that_is_refused_is_told_with_what_else_can_be_done(phone: Phone) -> None:
    refuse = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    phone.page.add_init_script(refuse)
    phone.page.goto(f"{phone.address}/verify")
    phone.page.get_by_role("button", name="Scan with the camera").click()
    phone.page.locator("#scan [role=status]", has_text="The camera is not allowed for this page").wait_for()
    assert phone.page.get_by_role("button", name="Scan with the camera").is_enabled()


def test_what_the_camera_sees_opens_the_record(phone: Phone, hall: MemoryHall, tmp_path: Path) -> None:
    """The camera is a canvas that shows the code."""
    picture = photograph(sealed(hall), tmp_path / "code.png")
    phone.page.route("**/seen.png", lambda route: route.fulfill(path=picture))
    phone.page.add_init_script(
        """navigator.mediaDevices.getUserMedia = async () => {
            const seen = new Image();
            seen.src = "/seen.png";
            await seen.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [seen.width, seen.height];
            const draw = () => canvas.getContext("2d").drawImage(seen, 0, 0);
            draw();
            setInterval(draw, 50);
            return canvas.captureStream(20);
        }"""
    )
    phone.page.goto(f"{phone.address}/verify")
    phone.page.get_by_role("button", name="Scan with the camera").click()
    assert "The seal is genuine." in told(phone)


def test_scanning_can_be_stopped_and_lets_the_camera_go(phone: Phone, device: BrowserContext) -> None:
    phone.page.add_init_script(
        """navigator.mediaDevices.getUserMedia = async () => {
            const canvas = document.createElement("canvas");
            canvas.getContext("2d").fillRect(0, 0, 10, 10);
            return (window.camera = canvas.captureStream(20));
        }"""
    )
    phone.page.goto(f"{phone.address}/verify")
    start = phone.page.get_by_role("button", name="Scan with the camera")
    start.click()
    stop = phone.page.get_by_role("button", name="Stop")
    stop.wait_for()
    assert stop.evaluate("button => button === document.activeElement")
    stop.click()
    phone.page.locator("#scan video").wait_for(state="detached")
    assert phone.page.evaluate("window.camera.getTracks().every(track => track.readyState === 'ended')")
    assert start.evaluate("button => button === document.activeElement")
