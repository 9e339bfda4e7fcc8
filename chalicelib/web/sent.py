"""What a browser sent, by place: a field's name is the JSON Pointer of its answer.

What stands below a pointer and is no answer itself begins with ``~`` and a letter, which no pointer (RFC 6901) can
hold: ``/since/~year``, ``/contact/~branch``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.forms.sanity import MAX_DEPTH

Body = Mapping[str, list[str]]

MOST_ITEMS = 100  # of one list, whatever was sent
_POSITION = re.compile("[0-9]{1,3}", re.ASCII)


@dataclass(slots=True, eq=False)
class Sent:
    """The values sent for one place, and what was sent below it."""

    values: list[str] = field(default_factory=list)
    below: dict[str, Sent] = field(default_factory=dict)

    def at(self, token: str) -> Sent:
        """What was sent below, by a token of the pointer (escaped as in it)."""
        return self.below.get(token, NOTHING)

    @property
    def text(self) -> str:
        """The last value that is not blank, trimmed; else ""."""
        return next((value.strip() for value in reversed(self.values) if value.strip()), "")

    @property
    def present(self) -> bool:
        return bool(self.values or self.below)

    @property
    def count(self) -> int:
        """How many items a list has."""
        return min(MOST_ITEMS, max((int(token) + 1 for token in self.below if _POSITION.fullmatch(token)), default=0))


NOTHING = Sent()


def by_place(body: Body) -> Sent:
    """The fields of a body as a tree. What no form can ask (too deep, no pointer) is passed over."""
    root = Sent()
    for name, values in body.items():
        tokens = name.split("/")
        if name.startswith("/") and len(tokens) <= MAX_DEPTH:
            at = root
            for token in tokens[1:]:
                at = at.below.setdefault(token, Sent())
            at.values = [value.replace("\r\n", "\n") for value in values]  # as every browser sends line ends
    return root


def position(token: str) -> int | None:
    """The place in a list that a token names."""
    return int(token) if _POSITION.fullmatch(token) else None
