"""JSON Pointers (RFC 6901): how a place in the answers is named everywhere, from a department's reads to a fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)


class BadPointer(ValueError):
    """Not a JSON Pointer, or one that can't lead anywhere in this document."""


def split(pointer: str) -> tuple[str, ...]:
    """``/a~1b/0`` → ``("a/b", "0")``; ``""``, the whole document, → ``()``. BadPointer when it is none."""
    if (pointer and not pointer.startswith("/")) or _BAD_ESCAPE.search(pointer):
        raise BadPointer("not a JSON Pointer")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def join(tokens: Iterable[str | int]) -> str:
    """``("a/b", 0)`` → ``/a~1b/0``."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def index(token: str) -> int | None:
    """The array index that a token is, else None."""
    return int(token) if _INDEX.fullmatch(token) else None


def child(value: Any, token: str) -> Any:
    """What a value holds under a token. KeyError when nothing."""
    if isinstance(value, Mapping):
        return value[token]
    position = index(token)
    if is_array(value) and position is not None and position < len(value):
        return value[position]
    raise KeyError(token)


def get(document: Any, pointer: str) -> Any:
    """The value under a pointer. KeyError when there is none."""
    value = document
    for token in split(pointer):
        value = child(value, token)
    return value


def within(pointer: str, others: Iterable[str]) -> bool:
    """Whether a pointer is one of the others, or lies below one of them."""
    return any(pointer == other or pointer.startswith(other + "/") for other in others)


def is_array(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
