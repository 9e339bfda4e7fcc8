"""What an answer may alternatively be: the branches of ``oneOf`` and ``anyOf``, and the types of a union."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.web import controls
from chalicelib.web.levels import Level, Levels

_SCALARS = frozenset({("string",), ("integer",), ("number",), ("boolean",)})


@dataclass(frozen=True, slots=True)
class Option:
    """One alternative; ``value`` is its number. ``say`` is the key of the page's words where it has no title."""

    value: str
    title: str
    say: str
    schema: Any
    level: Level


@dataclass(frozen=True, slots=True)
class Alternatives:
    """``options``, of which the applicant chooses; ``single`` is what is left of them where there is no choice.

    ``null``: the answer may be null.
    """

    options: tuple[Option, ...] = ()
    single: Any = None
    null: bool = False


def of(levels: Levels, level: Level) -> Alternatives:
    """The alternatives that matter for what is asked; those that only judge an answer are left to the validator."""
    words = level.words
    null = controls.may_be_null(words)
    if "const" in words or controls.choices_of(words):
        return Alternatives(null=null)
    if listed := level.branches:
        known = [_option(levels, number, option) for number, option in enumerate(listed) if option is not False]
        rest = tuple(option for option in known if not _only_null(option.level))
        null = null or len(rest) < len(known)
        return Alternatives(*_choice(level, rest), null=null)
    types = controls.types_of(words) if isinstance(words.get("type"), list) else ()
    return Alternatives(tuple(map(_typed, range(len(types)), types)) if len(types) > 1 else (), None, null)


def all_objects(level: Level, options: Sequence[Option]) -> bool:
    """Whether the alternatives are more properties of one object."""
    return controls.types_of(level.keywords) == ("object",) or all(
        controls.types_of(option.level.keywords) == ("object",) for option in options
    )


def closest(levels: Levels, options: Sequence[Option], answer: Any) -> Option:
    """The one that an answer fits, else the one that it is most like."""
    return max(options, key=lambda option: _likeness(levels, option, answer))


def _likeness(levels: Levels, option: Option, answer: Any) -> tuple[bool, bool, int, int]:
    """By whole, by type, by the constants that tell its kind, by the names that it has."""
    fits = levels.fits(option.schema, answer)
    types = controls.types_of(option.level.keywords)
    alike = not types or any(levels.fits({"type": kind}, answer) for kind in types)
    if not isinstance(answer, Mapping):
        return fits, alike, 0, 0
    told = {name: levels.possible(schemas).words for name, schemas in option.level.properties.items()}
    kinds = sum(words["const"] == answer.get(name) for name, words in told.items() if "const" in words)
    return fits, alike, kinds, sum(name in told for name in answer) - sum(name not in answer for name in told)


def _choice(level: Level, options: tuple[Option, ...]) -> tuple[tuple[Option, ...], Any]:
    if len(options) == 1:
        return (), options[0].schema
    if any(any(option.level.properties.values()) for option in options):
        return options, None
    if "type" in level.words or not options:
        return (), None
    kinds = {controls.types_of(option.level.keywords) for option in options}
    alike = len(kinds) == 1 and kinds <= _SCALARS and not any(option.title for option in options)
    if alike and not any(controls.choices_of(option.level.words) for option in options):
        return (), {"type": kinds.pop()[0]}
    return options, None


def _option(levels: Levels, number: int, schema: Any) -> Option:
    level = levels.possible((schema,))
    title = str(level.words.get("title", "")) or next(_told_by_constants(levels, level), "")
    types = controls.types_of(level.keywords)
    say = f"form.type.{types[0]}" if len(types) == 1 and types in _SCALARS else "form.alternative"
    return Option(str(number), title, "" if title else say, schema, level)


def _typed(number: int, kind: str) -> Option:
    schema = {"type": kind}
    say = f"form.type.{kind}" if (kind,) in _SCALARS else "form.alternative"
    return Option(str(number), "", say, schema, Level(words=dict(schema)))


def _told_by_constants(levels: Levels, level: Level) -> Iterator[str]:
    """The name of a kind, where a property says it."""
    for schemas in level.properties.values():
        words = levels.possible(schemas).words
        if isinstance(words.get("const"), str):
            yield words["const"]


def _only_null(level: Level) -> bool:
    constant: Mapping[str, Any] = level.words
    return constant.get("type") == "null" or constant.get("const", constant) is None
