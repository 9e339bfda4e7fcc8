"""What a file of a stranger really is: its first bytes say, and only a file that opens as that is taken.

Pillow and PDFium are given nothing but files that begin like what they read. Files are made to break such libraries:
where strangers can post them, this runs in a process of its own (``adapters/isolated_inspector.py``), which has to
start quickly. So this imports nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from io import BytesIO

JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
UNREADABLE, PROTECTED = "file_unreadable", "file_protected"
TOO_LARGE, NOT_ACCEPTED = "file_too_large", "file_type_not_accepted"
_TRAILER = 4096  # where a document ends: Acrobat looks at 1024 bytes (PDF Reference 1.7, appendix H, 3.4.4)


def inspect(content: bytes, accepts: Sequence[str]) -> tuple[str, str]:
    """Open it for what it is, if that is accepted: its media type, and what is wrong with it (see ports.Finding)."""
    kind = kind_of(content)
    if kind not in accepts:
        return kind, NOT_ACCEPTED
    return kind, _OPENERS[kind](content)


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
            with Image.open(BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
                picture.draft("RGB", (1, 1))
                picture.load()
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return TOO_LARGE
    except (OSError, SyntaxError, ValueError, EOFError):
        return UNREADABLE
    return ""


def _document(content: bytes) -> str:
    """A PDF that opens without a password, and has a first page.

    Opened as browsers do, by PDFium, which would make something of half a document as well.
    """
    from pypdfium2 import PdfDocument, PdfiumError

    if b"%%EOF" not in content[-_TRAILER:]:
        return UNREADABLE
    try:
        with PdfDocument(content) as document:
            document[0].close()
    except PdfiumError:
        # Where it names a way of encryption: many documents only forbid printing or copying, and open without a word.
        return PROTECTED if b"/Encrypt" in content else UNREADABLE
    except IndexError:
        return UNREADABLE
    return ""


_OPENERS: dict[str, Callable[[bytes], str]] = {JPEG: _picture, PNG: _picture, WEBP: _picture, PDF: _document}
KINDS = frozenset(_OPENERS)  # all that a material can accept
