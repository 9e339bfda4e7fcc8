"""Frozen dataclasses to plain JSON values and back, by their type hints. Instants are written in UTC."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


def to_json(value: Any) -> Any:
    """Dataclasses become objects, tuples arrays, datetimes RFC 3339 in UTC, dates ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_json(hint: Any, value: Any) -> Any:
    """The value of the type that ``hint`` names; KeyError for a missing field that has no default."""
    return _reader(hint)(value)


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """How values of a type are read, found out once: a case is loaded at every turn, all its events from the first."""
    if get_origin(hint) in (Union, types.UnionType):
        some = _reader(next(h for h in get_args(hint) if h is not type(None)))
        return lambda value: None if value is None else some(value)
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda value: tuple([item(each) for each in value])
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass_reader(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if hint is datetime:
        return lambda value: value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if hint is date:
        return date.fromisoformat
    return lambda value: value


def _dataclass_reader(hint: type) -> Callable[[Any], Any]:
    hints = get_type_hints(hint)
    places = [(f.name, _reader(hints[f.name]), f.default) for f in fields(hint)]

    def read(value: Mapping[str, Any]) -> Any:
        given = {}
        for name, reader, default in places:
            if name in value:
                given[name] = reader(value[name])
            elif default is MISSING:
                raise KeyError(f"{hint.__name__}.{name}")
        return hint(**given)

    return read
