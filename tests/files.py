"""Files as applicants send them: good ones, and all that can be wrong with them. Small, and made when asked for."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from io import BytesIO

from PIL import Image
from pypdf import PdfWriter

# https://www.eicar.org/download-anti-malware-testfile/, in halves: whole, it would be found in this very file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + rb"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EXECUTABLES = {
    "windows": b"MZ\x90\x00\x03\x00\x00\x00" + bytes(200) + b"This program cannot be run in DOS mode.",
    "linux": b"\x7fELF\x02\x01\x01" + bytes(200),
    "script": b"#!/bin/sh\nexit 0\n",
}


@cache
def picture(kind: str = "JPEG", width: int = 64, height: int = 48) -> bytes:
    """A photo with some pattern to it. ``kind`` is Pillow's name of its format."""
    out = BytesIO()
    Image.effect_mandelbrot((width, height), (-2.0, -1.5, 1.0, 1.5), 20).convert("RGB").save(out, kind)
    return out.getvalue()


def blank(width: int, height: int) -> bytes:
    """A PNG of one colour: small, however large the picture."""
    out = BytesIO()
    Image.new("RGBA", (width, height), (200, 30, 30, 255)).save(out, "PNG", compress_level=1)
    return out.getvalue()


@cache
def document(pages: int = 1, *, password: str = "", owner_password: str = "") -> bytes:
    """A PDF; with ``owner_password`` alone it opens without one, but forbids things."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(width=210, height=297)
    if password or owner_password:
        writer.encrypt(password, owner_password or None, algorithm="AES-256")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def infected(content: bytes) -> bytes:
    """The same file with the test virus at its end: whatever opens it finds nothing wrong."""
    return content + b"\n" + EICAR


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes that says it has billions of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")
