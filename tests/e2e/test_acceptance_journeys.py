"""From the form to the door: whole journeys through the real stack, and what they leave behind."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pypdfium2 as pdfium
import pytest
import zxingcpp

from chalicelib.domain.errors import Invalid
from infra.local.demo import Hall, Walk, check_seal
from tests.e2e.backstage import Backstage
from tests.e2e.outcome import check_log, check_messages, check_one_of_each

pytestmark = pytest.mark.hall

DOTS_PER_POINT = 200 / 72  # as a cheap scanner sees the sheet


@pytest.mark.parametrize(
    ("service", "language", "courier"),
    [("business-licence-change", "zh-CN", "ems"), ("residence-certificate", "en", "open")],
)
def test_a_case_goes_from_the_form_to_the_door(
    walk: Callable[..., Walk], door: Hall, backstage: Backstage, tmp_path: Path,
    service: str, language: str, courier: str,
) -> None:  # fmt: skip
    way = walk(service, language=language)
    way.whole_way()
    way.rate()
    seen = way.track()
    assert {one["courier"] for one in seen["shipments"]} == {courier}
    assert {one["state"] for one in seen["shipments"]} == {"delivered"}
    assert {stop["state"] for stop in seen["timeline"]} == {"done"}
    assert seen["promise"]["state"] == "kept"
    assert seen["actions"] == []
    check_log(way, Counter(Rated=1))
    check_messages(way)
    check_one_of_each(way, backstage)
    (sheet,) = way.save_certificates(tmp_path)
    _check_certificate(way, door, sheet)


def _check_certificate(walk: Walk, door: Hall, sheet: Path) -> None:
    name, number = walk.answers["applicant"]["name"], sheet.stem
    texts = [_text(sheet), *_text_by_poppler(sheet)]
    assert all(name in text for text in texts)
    public = door.get(f"/v1/certificates/{number}")
    assert public["state"] == "valid"
    assert public["holder"] == f"{name[0]}*"
    assert public["digest"] == hashlib.sha256(sheet.read_bytes()).hexdigest()
    (sealed,) = [code for code in _qr_codes(sheet) if "#" in code]
    claims = check_seal(door, sealed)
    assert (claims["sub"], claims["hld"], claims["iss"]) == (number, f"{name[0]}*", door.addresses["hall"])
    assert number in door.call("GET", sealed.partition("#")[0], expect=200).text
    for changed in _changed(sealed):
        with pytest.raises(Invalid, match=r"forged_seal|malformed_seal"):
            check_seal(door, changed)


def _text(sheet: Path) -> str:
    with pdfium.PdfDocument(sheet) as document:
        return "".join(page.get_textpage().get_text_range() for page in document)


def _text_by_poppler(sheet: Path) -> list[str]:
    """As another reader sees it, where there is one."""
    reader = shutil.which("pdftotext")
    return [subprocess.run([reader, sheet, "-"], capture_output=True, text=True, check=True).stdout] if reader else []


def _qr_codes(sheet: Path) -> list[str]:
    with pdfium.PdfDocument(sheet) as document:
        pictures = [page.render(scale=DOTS_PER_POINT).to_pil() for page in document]
    return [code.text for picture in pictures for code in zxingcpp.read_barcodes(picture)]


def _changed(sealed: str) -> list[str]:
    """The seal with one character of its header, claims and signature changed."""
    address, _, seal = sealed.partition("#")
    places = [match.start() - 5 for match in re.finditer(r"\.|$", seal)]
    return [f"{address}#{seal[:at]}{'A' if seal[at] != 'A' else 'B'}{seal[at + 1 :]}" for at in places]
