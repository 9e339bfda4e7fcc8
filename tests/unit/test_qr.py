"""QR codes are read back by an independent reader."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from chalicelib.adapters.qr import qr_svg, qr_terminal

TEXTS = ["https://hall.example/t/D7K3M9QF2XHVA-4TZ8", "HTTPS://HALL.EXAMPLE/1", "12345678", "张三 𫖯", "x" * 450]
SCALE = 4
SVG = "{http://www.w3.org/2000/svg}"


def picture(svg: str) -> Image.Image:
    """Draws what qr_svg writes: a white square and one horizontal stroke, one unit wide, per run."""
    root = ET.fromstring(svg)
    size = int(root.attrib["viewBox"].split()[2])
    image = Image.new("L", (size * SCALE, size * SCALE), 255)
    draw = ImageDraw.Draw(image)
    strokes = root.findall(f"{SVG}path")[1].attrib["d"]
    x = y = 0
    for row, move, length in re.findall(r"M0 (\d+)\.5|m(\d+) 0h(\d+)", strokes):
        if row:
            x, y = 0, int(row)
        else:
            start, x = x + int(move), x + int(move) + int(length)
            draw.rectangle((start * SCALE, y * SCALE, x * SCALE - 1, (y + 1) * SCALE - 1), fill=0)
    return image


def read(image: Image.Image) -> str:
    (found,) = zxingcpp.read_barcodes(image)
    assert str(found.format) == "QR Code"
    return found.text


@pytest.mark.parametrize("text", TEXTS)
def test_the_svg_reads_as_its_text(text: str) -> None:
    assert read(picture(qr_svg(text, title="x"))) == text


@pytest.mark.parametrize("text", TEXTS)
def test_the_terminal_shows_the_same_code(text: str) -> None:
    lines = qr_terminal(text).splitlines()
    image = Image.new("L", (len(lines[0]) * SCALE, len(lines) * 2 * SCALE), 0)
    draw = ImageDraw.Draw(image)
    halves = {" ": (), "▀": (0,), "▄": (1,), "█": (0, 1), "\xa0": ()}
    for row, line in enumerate(lines):
        for column, block in enumerate(line):
            for half in halves[block]:
                x, y = column * SCALE, (2 * row + half) * SCALE
                draw.rectangle((x, y, x + SCALE - 1, y + SCALE - 1), fill=255)
    assert read(image) == text


def test_the_picture_is_named_for_who_cannot_see_it_and_its_title_is_only_text() -> None:
    root = ET.fromstring(qr_svg("x", title='</title><script>"&'))
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == '</title><script>"&'
    assert len(root) == 3


def test_a_quiet_zone_of_four_modules_surrounds_the_code() -> None:
    image = picture(qr_svg("x", title="x"))
    assert image.point(lambda light: 255 - light).getbbox() == (4 * SCALE, 4 * SCALE, 25 * SCALE, 25 * SCALE)


def test_a_tracking_address_makes_less_than_three_kilobytes() -> None:
    assert len(qr_svg(TEXTS[0], title="x")) < 3_000


def test_a_text_that_fits_no_code_is_refused() -> None:
    assert qr_svg("x" * 2331, title="x")
    with pytest.raises(ValueError, match="too long"):
        qr_svg("x" * 2332, title="x")


def test_no_picture_library_is_needed() -> None:
    code = "import sys; sys.modules['PIL'] = None; from chalicelib.adapters import qr; print(qr.qr_svg('x', title='x'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == qr_svg("x", title="x")
