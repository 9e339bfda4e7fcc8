"""A form as a page asks it: its JSON Schema as groups of questions, each with the control that suits its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.forms.pointers import join
from chalicelib.forms.schemas import PART

Schema = Mapping[str, Any]

ADDRESS = "common/1/address"
WINDOW = "common/1/window"
MANY_CHOICES = 7  # more are easier to find in a list than among buttons
YES, NO = "true", "false"

_BY_FORMAT = {"date": "date", "email": "email", "uri": "url", "time": "time"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to choose from; ``title`` "" where the page has words for it."""

    value: str
    title: str


@dataclass(frozen=True, slots=True)
class Question:
    """One control. ``control``: text, multiline, number, date, time, email, tel, url, radios, select, checkboxes,
    yesno, agree or window."""

    pointer: str
    control: str
    title: str
    hint: str
    required: bool
    choices: tuple[Choice, ...] = ()
    autocomplete: str = ""

    @property
    def id(self) -> str:
        return element_id(self.pointer)


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that belong together: an object of the form, or one item of a Repeat. ``bare``: an address."""

    pointer: str
    title: str
    hint: str
    required: bool
    parts: tuple[Part, ...]
    bare: bool = False

    @property
    def id(self) -> str:
        return element_id(self.pointer)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A list that the applicant adds to; its ``parts`` are the items there are now."""

    pointer: str
    title: str
    hint: str
    required: bool
    parts: tuple[Part, ...]
    may_add: bool

    @property
    def id(self) -> str:
        return element_id(self.pointer)


Part = Question | Group | Repeat


def element_id(pointer: str) -> str:
    """The ``id`` of what is shown for a pointer."""
    return pointer.removeprefix("/").replace("/", "-") or "form"


def parts_of(schema: Schema, lengths: Mapping[str, int]) -> tuple[Part, ...]:
    """What a form without conditions (``conditions.asked``) asks; ``lengths`` says how many items each list has."""
    return tuple(_properties(schema, (), lengths))


def questions(parts: Sequence[Part]) -> Iterator[Question]:
    """Every question in them, in order."""
    for part in parts:
        if isinstance(part, Question):
            yield part
        else:
            yield from questions(part.parts)


def everything(parts: Sequence[Part]) -> Iterator[Part]:
    """Every part in them, the outer before the inner."""
    for part in parts:
        yield part
        if not isinstance(part, Question):
            yield from everything(part.parts)


def _properties(schema: Schema, path: tuple[str, ...], lengths: Mapping[str, int]) -> Iterator[Part]:
    required = frozenset(schema.get("required", ()))
    for name, below in schema.get("properties", {}).items():
        yield _part(below, (*path, name), name in required, lengths)


def _part(schema: Schema, path: tuple[str, ...], required: bool, lengths: Mapping[str, int]) -> Part:
    pointer, title, hint = join(path), str(schema.get("title", "")), str(schema.get("description", ""))
    if is_group(schema):
        parts = tuple(_properties(schema, path, lengths))
        return Group(pointer, title, hint, required, parts, bare=schema.get(PART) == ADDRESS)
    if is_repeat(schema):
        count, most = lengths.get(pointer, least(schema, required)), int(schema.get("maxItems", 0))
        items = tuple(
            _part(_titled(item_schema(schema, i), title, i), (*path, str(i)), True, lengths) for i in range(count)
        )
        return Repeat(pointer, title, hint, required, items, count < most)
    choices = choices_of(schema.get("items", {}) if schema.get("type") == "array" else schema)
    autocomplete = str(schema.get("x-autocomplete", ""))
    return Question(pointer, control_of(schema), title, hint, required, choices, autocomplete)


def item_schema(schema: Schema, position: int) -> Schema:
    """Of one item of a list; numbered items may differ by what their conditions ask for."""
    own: Sequence[Schema] = schema.get("x-items", ())
    return own[position] if position < len(own) else schema["items"]


def _titled(item: Schema, title: str, position: int) -> Schema:
    """An item without a title is told by its list's."""
    return item if "title" in item else {**item, "title": f"{title} {position + 1}"}


def least(schema: Schema, required: bool) -> int:
    """How many items a list is shown with before anything is entered."""
    return int(schema.get("minItems", 0)) if required else 0


def is_window(schema: Schema) -> bool:
    return schema.get(PART) == WINDOW


def is_group(schema: Schema) -> bool:
    return "properties" in schema and not is_window(schema)


def is_repeat(schema: Schema) -> bool:
    return schema.get("type") == "array" and not choices_of(schema.get("items", {}))


def choices_of(schema: Schema) -> tuple[Choice, ...]:
    options = schema.get("oneOf", ())
    if options and all("const" in option for option in options):
        return tuple(Choice(str(option["const"]), str(option.get("title", option["const"]))) for option in options)
    return tuple(Choice(str(value), str(value)) for value in schema.get("enum", ()))


def control_of(schema: Schema) -> str:
    """The control that suits a plain answer."""
    kind = schema.get("type")
    if is_window(schema):
        return "window"
    if kind == "array":
        return "checkboxes"
    if kind == "boolean":
        return "agree" if schema.get("const") is True else "yesno"
    if choices := choices_of(schema):
        return "radios" if len(choices) <= MANY_CHOICES else "select"
    if kind in ("integer", "number"):
        return "number"
    if schema.get("x-autocomplete") == "tel":
        return "tel"
    return "multiline" if schema.get("x-multiline") else _BY_FORMAT.get(str(schema.get("format")), "text")
