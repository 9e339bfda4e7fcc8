"""Certificates as PDF by Typst (https://typst.app/docs/), with a font that has the rare characters of Chinese names.

A template finds the document as JSON in ``sys.inputs.document`` and the QR of its seal as SVG in ``sys.inputs.qr``.
Nothing of a document ever becomes source text, so nothing in an answer can be Typst code.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from importlib import resources
from pathlib import Path
from typing import Any

import cvttf_NotoSansCJK_Regular as noto_sans_cjk
import typst

from chalicelib.adapters.qr import qr_svg
from chalicelib.ports import CertificateDocument

# ISO 19005-2 for keeping, and ISO 14289-1 for readers that speak: tagged, with a title and texts for pictures.
STANDARDS: list[typst.PDFStandard] = ["a-2b", "ua-1"]

# Marks that order or hide text: control characters but tab and line feed, and the explicit ones of the bidirectional
# algorithm (UAX #9 §2). On a certificate they could only make a field read as something that it is not.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Each font draws something else for these; older systems wrote rare names with them.
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")

_NO_FONT = "a character is in no font of the certificates"


class TypstTypesetter:
    """Implements ports.Typesetter. ``root`` is the folder ``forms_schemas``, where templates find what they share.

    The same document gives the same bytes. The fonts are read once; keep the object.
    """

    def __init__(self, root: Path | None = None) -> None:
        folder = Path(noto_sans_cjk.get_TTF_path()).parent
        self._compiler = typst.Compiler(
            root=root or Path(str(resources.files("forms_schemas"))),
            font_paths=typst.Fonts(include_system_fonts=False, font_paths=[folder]),
        )

    def typeset(self, template: str, document: CertificateDocument) -> bytes:
        """A tagged PDF/A-2b and PDF/UA-1.

        ValueError, without a word of the document: the template does not compile, or a character is in no font.
        """
        try:
            pdf, warnings = self._compiler.compile_with_warnings(
                template.encode(),
                format="pdf",
                pdf_standards=STANDARDS,
                sys_inputs={"document": _json(document), "qr": qr_svg(document.seal_url, title=document.number)},
                timestamp=datetime.combine(document.issued_at, time(), UTC),
            )
        except typst.TypstError as error:
            raise ValueError(_reason(error)) from None  # its own text may quote the document
        if warnings or not isinstance(pdf, bytes):
            raise ValueError("the template compiles with warnings")
        return pdf


def _json(document: CertificateDocument) -> str:
    return json.dumps(_printable(asdict(document)))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        if _PRIVATE_USE.search(value):
            raise ValueError(_NO_FONT)
        return _UNSEEN.sub("", value)
    if isinstance(value, dict):
        return {name: _printable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _reason(error: typst.TypstError) -> str:
    return _NO_FONT if "could not be displayed" in error.message else "the template does not compile"
