"""Frozen dataclasses to plain JSON values and back, by their type hints. Instants are written in UTC."""

from __future__ import annotations

import types
from collections.abc import Mapping
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
    if get_origin(hint) in (Union, types.UnionType):
        return None if value is None else from_json(next(h for h in get_args(hint) if h is not type(None)), value)
    if get_origin(hint) is tuple:
        return tuple(from_json(get_args(hint)[0], item) for item in value)
    if is_dataclass(hint) and isinstance(hint, type):
        return hint(**{name: from_json(h, _field(hint, name, value)) for name, h in _hints(hint).items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if hint is datetime:
        return value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if hint is date:
        return date.fromisoformat(value)
    return value


def _field(hint: type, name: str, value: Mapping[str, Any]) -> Any:
    if name in value:
        return value[name]
    default = _defaults(hint)[name]
    if default is MISSING:
        raise KeyError(f"{hint.__name__}.{name}")
    return default


@cache
def _defaults(hint: type) -> dict[str, Any]:
    return {f.name: f.default for f in fields(hint)}


@cache
def _hints(hint: type) -> dict[str, Any]:
    hints = get_type_hints(hint)
    return {f.name: hints[f.name] for f in fields(hint)}
