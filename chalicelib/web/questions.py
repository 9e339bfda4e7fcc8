"""A form as a page asks it: parts within parts, each with the place of its answer. ``asking`` makes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

YES, NO = "true", "false"
BRANCH = "~branch"
MORE = "~more"  # of an object, under names that the form does not know
DATE = ("~year", "~month", "~day")

# Ids that pages use themselves, and the ends that GOV.UK Frontend's macros put to an id.
_TAKEN = frozenset({"form", "main", "errors", "contents", "progress", "materials", "form-rules"})
_ENDS = frozenset({"hint", "error", "item", "info", "label"})


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to choose from. ``say`` is the key of the page's words where the form has no title for it."""

    value: str
    title: str
    answer: Any = None
    say: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What every part has. ``asked``: now; else other answers may bring it up. ``say`` is the key of the page's words
    where the form has no title. ``null``: what is left blank though required is null.
    """

    pointer: str
    title: str = ""
    say: str = ""
    hint: str = ""
    required: bool = True
    asked: bool = True
    null: bool = False

    @property
    def id(self) -> str:
        return element_id(self.pointer)

    @property
    def place(self) -> str:
        """The pointer of the answer that it is about."""
        return self.pointer

    @property
    def token(self) -> str:
        """The last token of its place, escaped as in a pointer."""
        return self.place.rpartition("/")[2]

    @property
    def name(self) -> str:
        """The name that its answer has in an object."""
        return self.token.replace("~1", "/").replace("~0", "~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Place):
    """One control. ``control``: text, multiline, number, date, time, email, tel, url, radios, select, checkboxes,
    yesno, agree, window, json or fixed. ``reads`` says what its text becomes (see ``conditions``), ``width`` the class
    for its size.
    """

    kind = "question"
    control: str
    reads: str = "text"
    choices: tuple[Choice, ...] = ()
    answer: Any = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    width: str = ""

    @property
    def values(self) -> str:
        """As JSON, the answers that its values stand for where these are not the same; "" for none."""
        other = {choice.value: choice.answer for choice in self.choices if choice.value != choice.answer}
        return json.dumps(other, ensure_ascii=False) if other else ""

    @property
    def constant(self) -> str:
        """The answer that is always the same, as JSON."""
        return json.dumps(self.answer, ensure_ascii=False)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of its controls; a date may come in one field as well."""
        if self.control == "fixed":
            return ()
        if self.control == "date":
            return (*(f"{self.pointer}/{part}" for part in DATE), self.pointer)
        return (self.pointer,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Place):
    """Questions that belong together: an object. ``bare``: an address, whose lines need no names."""

    kind = "group"
    parts: tuple[Part, ...]
    bare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat(Place):
    """A list that the applicant adds to; its ``parts`` are the items there are now. The first ``fixed`` always are.

    ``kind`` "map" where the items are names with values, of an object whose names the form does not know.
    """

    kind: str = "list"
    parts: tuple[Part, ...]
    may_add: bool
    fixed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches(Place):
    """Alternatives, of which the applicant chooses one; its pointer is ``<owner>/~branch``.

    The part of an alternative stands at the owner's place; or with ``apart`` its parts are properties of the owner.
    """

    kind = "branches"
    owner: str
    apart: bool
    choices: tuple[Choice, ...]
    chosen: str
    alternatives: Mapping[str, tuple[Part, ...]]

    @property
    def place(self) -> str:
        return self.owner

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those of the chosen alternative."""
        return self.alternatives.get(self.chosen, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(Place):
    """What a button opens, since it may go on without end; ``parts`` is empty, or has the one part."""

    kind = "closed"
    parts: tuple[Part, ...] = ()


Part = Question | Group | Repeat | Branches | Opening


def element_id(pointer: str) -> str:
    """The ``id`` of what is shown for a pointer; no two pointers have the same."""
    tokens = [_id_token(token) for token in pointer.removeprefix("/").split("/")]
    made = "-".join(tokens)
    return f"~{made}" if len(tokens) == 1 and made in _TAKEN else made or "form"


def _id_token(token: str) -> str:
    plain = re.sub(r"[\s\x00-\x1f]|^$", lambda found: f"~{ord(found[0] or ' '):x}~", token.replace("-", "~-"))
    return f"~{plain}" if plain in _ENDS else plain


def questions(parts: Sequence[Part]) -> Iterator[Question]:
    """Every question in them that is asked now, in order."""
    return (part for part in everything(parts) if isinstance(part, Question))


def everything(parts: Sequence[Part]) -> Iterator[Part]:
    """Every part in them that is asked now, the outer before the inner."""
    for part in parts:
        if part.asked:
            yield part
            if not isinstance(part, Question):
                yield from everything(part.parts)
