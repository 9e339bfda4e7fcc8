"""What a file of a stranger really is: its first bytes say, and only a file that opens as that is taken.

Pillow and pypdf are given nothing but files that begin like what they read. Files are made to break such libraries:
where strangers can post them, this runs in a process of its own (``adapters/isolated_inspector.py``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from io import BytesIO

from chalicelib.ports import Finding

JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
UNREADABLE, PROTECTED = "file_unreadable", "file_protected"
TOO_LARGE, NOT_ACCEPTED = "file_too_large", "file_type_not_accepted"


def inspect(content: bytes, accepts: Sequence[str]) -> Finding:
    """Open it for what it is, if that is accepted. A program that calls itself a picture is not."""
    kind = kind_of(content)
    if kind not in accepts:
        return Finding(kind, NOT_ACCEPTED)
    return Finding(kind, _OPENERS[kind](content))


def kind_of(content: bytes) -> str:
    """Its media type by its first bytes; "" for all that the hall can't look into."""
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return WEBP
    # Nothing but a byte order mark and blank space may stand before it: a program could.
    return PDF if content[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-") else ""


def _picture(content: bytes) -> str:
    """Decoded to its last row, so that half a picture is found out; a JPEG in an eighth of its size.

    Pillow's own limit (89 million pixels) is the hall's: it is told before anything is decoded.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=("JPEG", "MPO", "PNG", "WEBP")) as picture:
                picture.draft("RGB", (1, 1))
                picture.load()
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return TOO_LARGE
    except (OSError, SyntaxError, ValueError, EOFError):
        return UNREADABLE
    return ""


def _document(content: bytes) -> str:
    """A PDF that opens without a password, and has at least one page."""
    from pypdf import PasswordType, PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(BytesIO(content))
        # Many documents only forbid printing or copying: those open without a word.
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            return PROTECTED
        return "" if len(reader.pages) and reader.pages[0].get("/Type") == "/Page" else UNREADABLE
    except (PyPdfError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return UNREADABLE


_OPENERS: dict[str, Callable[[bytes], str]] = {JPEG: _picture, PNG: _picture, WEBP: _picture, PDF: _document}
