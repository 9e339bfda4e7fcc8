"""What no form can take, whatever its schema: looked for first, without recursion, so that nothing later trips over it.

The bounds follow I-JSON (RFC 7493): Unicode text, and numbers that every program reads alike.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NoReturn

from chalicelib.forms.pointers import join

MAX_DEPTH = 24
MAX_VALUES = 5000
_LARGEST = 2**53 - 1
_PICTOGRAPHS = frozenset(map(chr, range(0x1F000, 0x1FB00)))
_CONTROL = frozenset(map(chr, range(32))) - {"\t", "\n", "\r"} | {"\x7f"}


class MalformedJson(ValueError):
    """Not JSON, or JSON that two programs could read differently."""


def read_json(body: bytes | str) -> Any:
    """The value of a JSON text. MalformedJson, also for repeated names, NaN, Infinity, and endless nesting."""
    try:
        return json.loads(body, object_pairs_hook=_without_repetition, parse_constant=_no_such_constant)
    except (ValueError, RecursionError) as error:  # a decoding error is a ValueError as well
        raise MalformedJson from error


def flaws(answers: Any) -> list[tuple[str, str]]:
    """Pointer and code of everything in a value that no form can take; empty for sane JSON.

    Codes: ``too_deep``, ``too_many_values``, ``text_encoding``, ``number_range``, ``wrong_type``.
    """
    found: list[tuple[str, str]] = []
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), answers)]
    seen = 0
    while waiting:
        path, value = waiting.pop()
        seen += 1
        if seen > MAX_VALUES:
            return [("", "too_many_values")]
        code = _flaw(value) if len(path) <= MAX_DEPTH else "too_deep"
        if code:
            found.append((join(path), code))
        else:
            waiting.extend(((*path, name), below) for name, below in _children(value))
    return found


def _flaw(value: Any) -> str | None:
    if isinstance(value, str):
        return None if _is_text(value) else "text_encoding"
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return None if abs(value) <= _LARGEST and isfinite(value) else "number_range"
    if isinstance(value, Mapping):
        return None if all(isinstance(name, str) and _is_text(name) for name in value) else "text_encoding"
    return None if isinstance(value, list | tuple) else "wrong_type"


def _is_text(value: str) -> bool:
    """No control characters but tab and line ends, and no code point that no font can print: a certificate must.

    These are lone surrogates, private-use and unassigned code points, and pictographs.
    """
    if value.isascii():
        return _CONTROL.isdisjoint(value)
    return _CONTROL.isdisjoint(value) and not any(_is_unprintable(character) for character in value)


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in ("Cs", "Co", "Cn") or character in _PICTOGRAPHS


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_such_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
