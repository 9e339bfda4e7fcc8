"""A form's schema cut down to what decides which questions are asked: what a page's script evaluates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_TEXTS = frozenset({"title", "description", "$comment", "examples", "default", "deprecated", "$schema", "$id"})
_DECIDING = frozenset({"if", "dependentSchemas", "dependentRequired"})
_NAMED = ("properties", "dependentSchemas", "patternProperties", "$defs")
_ONE = ("items", "then", "else")
_MANY = ("allOf", "oneOf", "anyOf", "prefixItems")


def has_conditions(schema: Any) -> bool:
    """Whether answers decide what else is asked."""
    if isinstance(schema, Mapping):
        return not _DECIDING.isdisjoint(schema) or any(map(has_conditions, schema.values()))
    return isinstance(schema, list | tuple) and any(map(has_conditions, schema))


def bones(schema: Schema) -> Any:
    """What decides, and no texts: conditions whole, of the rest its structure and what it requires.

    Where a condition refers to somewhere else than ``$defs``, all is kept but the texts.
    """
    if any(not reference.startswith("#/$defs/") for reference in _references(schema)):
        return _plain(schema)
    return _cut(schema, whole=False)


def _cut(schema: Any, *, whole: bool) -> Any:
    """A schema of structure alone; with ``whole`` all that it says, as conditions need."""
    if not isinstance(schema, Mapping):
        return schema
    if whole:
        return _plain(schema)
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "if":
            kept[keyword] = _plain(value)
        elif keyword in ("required", "dependentRequired", "$ref"):
            kept[keyword] = value
        elif keyword in _NAMED and isinstance(value, Mapping):
            # What is referred to may be part of a condition.
            kept[keyword] = {name: _cut(below, whole=keyword == "$defs") for name, below in value.items()}
        elif keyword in _ONE:
            kept[keyword] = _cut(value, whole=False)
        elif keyword in _MANY and isinstance(value, list | tuple):
            branches = [_cut(below, whole=False) for below in value]
            kept |= {keyword: branches} if any(branch is not True for branch in branches) else {}
    return kept or True


def _plain(schema: Any) -> Any:
    """Without texts; property names and values that are called like them stay."""
    if isinstance(schema, list | tuple):
        return [_plain(below) for below in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {k: v for k, v in schema.items() if k not in _TEXTS and not k.startswith("x-")}
    return {keyword: _below(keyword, value) for keyword, value in kept.items()}


def _below(keyword: str, value: Any) -> Any:
    if keyword in ("const", "enum", "required", "dependentRequired"):
        return value
    if keyword in _NAMED and isinstance(value, Mapping):
        return {name: _plain(below) for name, below in value.items()}
    return _plain(value)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for below in schema.values():
            yield from _references(below)
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for below in schema:
            yield from _references(below)
