"""Forms as schemas: common parts put in place, and which subschemas speak of which answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.forms.pointers import get, index

COMMON = "doorstep:/"
ANY_ITEM = "*"  # stands for every item of an array in the path of a question
PART = "x-part"  # left where a common part was put in place: "common/1/applicant"

_ONE = ("items", "contains", "not", "if", "then", "else", "additionalProperties", "propertyNames")
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs")
_IN_PLACE = ("then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas")  # speak of the very same value

Schema = Mapping[str, Any]


class BadReference(ValueError):
    """A ``$ref`` to nothing, to itself, or to somewhere outside of the hall."""


def inline(form: Schema, part: Callable[[str], Schema]) -> dict[str, Any]:
    """The form with each ``$ref`` replaced by what it names, so that it stands alone.

    ``part`` gives a common part by its name (``common/1/applicant``), KeyError for none. What stands beside a
    ``$ref`` (title, description, required …) goes before what is referred to; ``required`` of both holds.
    """
    return _document("", form, part, ())


def _document(name: str, document: Schema, part: Callable[[str], Schema], within: tuple[str, ...]) -> dict[str, Any]:
    def resolved(value: Any, within: tuple[str, ...]) -> Any:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [resolved(item, within) for item in value]
        if not isinstance(value, Mapping):
            return value
        own = {key: resolved(item, within) for key, item in value.items() if key != "$ref"}
        reference = value.get("$ref")
        return _merged(referred(reference, within), own) if isinstance(reference, str) else own

    def referred(reference: str, within: tuple[str, ...]) -> dict[str, Any]:
        place = name + reference if reference.startswith("#") else reference
        if place in within:
            raise BadReference(f"{reference} refers to itself")
        try:
            if reference.startswith("#/"):
                return dict(resolved(get(document, reference[1:]), (*within, place)))
            if reference.startswith(COMMON):
                common = reference.removeprefix(COMMON)
                return {PART: common} | _document(place, part(common), part, (*within, place))
        except KeyError:
            pass
        raise BadReference(f"{reference} refers to nothing")

    body = {key: value for key, value in document.items() if key not in ("$schema", "$defs")}
    return dict(resolved(body, within))


def _merged(referred: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    required = [*referred.get("required", ()), *own.get("required", ())]
    return referred | own | ({"required": list(dict.fromkeys(required))} if required else {})


def subschemas(schema: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Schema]]:
    """A schema and all schemas in it, each with its path in the document, in the document's order."""
    if not isinstance(schema, Mapping):
        return
    yield path, schema
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield from subschemas(value, (*path, keyword))
        elif keyword in _MANY:
            for position, item in enumerate(value):
                yield from subschemas(item, (*path, keyword, position))
        elif keyword in _NAMED:
            for name, item in value.items():
                yield from subschemas(item, (*path, keyword, name))


def speaking_of(form: Any, path: Sequence[str | int]) -> Iterator[Schema]:
    """The subschemas of an inlined form that speak of the answer at ``path``, the plainest first."""
    if not isinstance(form, Mapping):
        return
    if not path:
        yield form
    else:
        yield from _speaking_below(form, path[0], path[1:])
    for keyword in _IN_PLACE:
        value = form.get(keyword, ())
        branches = value.values() if keyword == "dependentSchemas" and isinstance(value, Mapping) else value
        for branch in [value] if keyword in ("then", "else") else branches:
            yield from speaking_of(branch, path)


def _speaking_below(form: Schema, token: str | int, rest: Sequence[str | int]) -> Iterator[Schema]:
    properties = form.get("properties", {})
    if token in properties:
        yield from speaking_of(properties[token], rest)
    if token == ANY_ITEM or isinstance(token, int) or index(token) is not None:
        yield from speaking_of(form.get("items"), rest)


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a form asks. ``path`` has ``*`` for an array's items; ``parts`` are the common parts it is in."""

    path: tuple[str, ...]
    schema: Schema
    parts: tuple[str, ...]


def questions(form: Schema, path: tuple[str, ...] = (), parts: tuple[str, ...] = ()) -> Iterator[Question]:
    """Everything that an inlined form asks, in its order. A list of plain values is one question."""
    parts = (*parts, form[PART]) if PART in form else parts
    items = form.get("items")
    if "properties" in form:
        for name, below in form["properties"].items():
            if isinstance(below, Mapping):
                yield from questions(below, (*path, name), parts)
    elif isinstance(items, Mapping) and "properties" in items:
        yield from questions(items, (*path, ANY_ITEM), parts)
    else:
        yield Question(path, form, parts)
