"""QR codes (ISO/IEC 18004) as SVG and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from io import StringIO
from itertools import groupby
from typing import Any

from qrcode.constants import ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError
from qrcode.main import QRCode

QUIET_ZONE = 4  # modules, as the standard asks


def qr_svg(text: str, *, title: str) -> str:
    """The code as an SVG picture whose unit is one module; ``title`` is what a screen reader says.

    ValueError: the text is too long for a QR code with error correction M (2,331 bytes).
    """
    modules = _code(text).get_matrix()
    size = len(modules)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img"><title>{escape(title)}</title>'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path stroke="#000" d="{_strokes(modules)}"/></svg>'
    )


def qr_terminal(text: str) -> str:
    """The code in half blocks, light on dark, as terminals are. ValueError: the text is too long."""
    out = StringIO()
    _code(text).print_ascii(out=out, invert=True)
    return out.getvalue()


def _code(text: str) -> QRCode[Any]:
    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:  # which of them depends on the release
        raise ValueError("too long for a QR code") from error
    return code


def _strokes(modules: Sequence[Sequence[bool]]) -> str:
    """One stroke per run of dark modules, each relative to the end of the one before: half the bytes of squares."""
    return "".join(f"M0 {y}.5{row}" for y, row in enumerate(map(_row, modules)) if row)


def _row(modules: Sequence[bool]) -> str:
    return "".join(_runs(modules))


def _runs(modules: Sequence[bool]) -> Iterator[str]:
    gap = 0
    for dark, run in groupby(modules):
        length = len(list(run))
        if dark:
            yield f"m{gap} 0h{length}"
        gap = length
