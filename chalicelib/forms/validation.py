"""Whether answers fit a form: every fault, at the field itself, in words that say how to put it right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib.domain.clock import Calendar
from chalicelib.forms.checks import CHECKS, Moment
from chalicelib.forms.formats import FORMATS
from chalicelib.forms.messages import DEFAULT_LANGUAGE, message
from chalicelib.forms.pointers import join, split
from chalicelib.forms.sanity import flaws
from chalicelib.forms.schemas import PART, speaking_of

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MAX_FAULTS = 200  # an answer of a few ten kilobytes at most, whatever was sent

# Keyword of JSON Schema → our stable code, the weightiest first: of several faults of one field, that one is told.
CODES: Mapping[str, str] = {
    "required": "missing",
    "dependentRequired": "missing",
    "false": "not_applicable",
    "additionalProperties": "unknown_field",
    "type": "wrong_type",
    "const": "not_in_list",
    "enum": "not_in_list",
    "minLength": "too_short",
    "maxLength": "too_long",
    "format": "format",
    "pattern": "pattern",
    "minimum": "too_small",
    "exclusiveMinimum": "too_small",
    "maximum": "too_large",
    "exclusiveMaximum": "too_large",
    "multipleOf": "not_a_multiple",
    "minItems": "too_few",
    "minProperties": "too_few",
    "contains": "too_few",
    "maxItems": "too_many",
    "maxProperties": "too_many",
    "uniqueItems": "repeated",
    "oneOf": "ambiguous",
}
OTHER = "not_accepted"
_RANK = {code: rank for rank, code in enumerate(dict.fromkeys((*CODES.values(), OTHER)))}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the answers. ``pointer`` (RFC 6901) leads to the field; no answer is quoted."""

    pointer: str
    code: str
    message: str


def validate(
    form: Mapping[str, Any],
    answers: Any,
    lang: str = DEFAULT_LANGUAGE,
    *,
    now: datetime | None = None,
    calendar: Calendar | None = None,
) -> list[Fault]:
    """Every fault of the answers, one for each field, in the order of the form; none when they fit. Never raises.

    ``form`` is one of the catalogue (``$ref``s resolved), or any schema inside it, in the language of ``lang``. With
    ``now`` and ``calendar``, windows must lie in the future; leave them out to judge answers that were accepted before.
    Answers that are no sane JSON are told so, and not looked at further. At most MAX_FAULTS are told.
    """
    insane = flaws(answers)
    if insane:
        found: Iterable[tuple[Path, str, Any, str]] = ((split(pointer), code, "", "") for pointer, code in insane)
    else:
        moment = Moment(now, calendar) if now and calendar else None
        found = [*_schema_faults(form, answers), *_checked(form, answers, moment)]
    worst: dict[Path, tuple[str, Any, str]] = {}
    for path, code, limit, own in found:
        if path not in worst or _RANK.get(code, len(_RANK)) < _RANK.get(worst[path][0], len(_RANK)):
            worst[path] = code, limit, own
    ordered = sorted(worst, key=lambda path: _position(form, path))
    return [_fault(form, path, *worst[path], lang) for path in ordered[:MAX_FAULTS]]


def _fault(form: Mapping[str, Any], path: Path, code: str, limit: Any, own: str, lang: str) -> Fault:
    speaking = [schema for schema in speaking_of(form, path) if isinstance(schema, Mapping)]
    texts = (schema.get("x-messages", {}).get(code, "") for schema in speaking)
    text = own or next(filter(None, texts), "") or message(code, lang, _title(form, path, speaking), limit)
    return Fault(join(path), code, text)


def _title(form: Mapping[str, Any], path: Path, speaking: Sequence[Mapping[str, Any]]) -> str:
    titles = [schema["title"] for schema in speaking if "title" in schema]
    if titles or not path:
        return str(titles[0]) if titles else ""
    above = list(speaking_of(form, path[:-1])) if isinstance(path[-1], int) else []
    return next((str(schema["title"]) for schema in above if "title" in schema), "")


def _position(form: Mapping[str, Any], path: Path) -> list[tuple[int, str]]:
    """A sort key: where the form has the field; what it does not have comes last, by name."""
    position = []
    for depth, token in enumerate(path):
        names = [name for schema in speaking_of(form, path[:depth]) for name in schema.get("properties", ())]
        place = token if isinstance(token, int) else names.index(token) if token in names else len(names)
        position.append((place, str(token)))
    return position


def _checked(form: Any, value: Any, moment: Moment | None, path: Path = ()) -> Iterator[tuple[Path, str, Any, str]]:
    """Faults that the common parts' own checks find, all over the answers."""
    if not isinstance(form, Mapping):
        return
    check = CHECKS.get(form.get(PART, ""))
    if check and isinstance(value, Mapping):
        yield from (((*path, *below), code, "", "") for below, code in check(value, moment))
    if isinstance(value, Mapping):
        for name, schema in form.get("properties", {}).items():
            if name in value:
                yield from _checked(schema, value[name], moment, (*path, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _checked(form.get("items"), item, moment, (*path, position))


def _schema_faults(form: Mapping[str, Any], answers: Any) -> Iterator[tuple[Path, str, Any, str]]:
    for error in _validator_class()(form, format_checker=_format_checker()).iter_errors(answers):
        for leaf in _closest(error):
            code = CODES.get(str(leaf.validator or "false"), OTHER)
            schema = leaf.schema if isinstance(leaf.schema, Mapping) else {}
            # Own words for a missing answer stand at the answer's schema, not at its parent's.
            own = schema.get("x-messages", {}).get(code, "") if code not in ("missing", "unknown_field") else ""
            yield tuple(leaf.absolute_path), code, leaf.validator_value, own


def _closest(error: ValidationError) -> Iterator[ValidationError]:
    """Where a schema has branches, the faults of the one most likely meant; else the fault itself."""
    if error.validator not in ("oneOf", "anyOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for below in error.context:
        branches.setdefault(below.relative_schema_path[0], []).append(below)
    for below in min(branches.values(), key=_distance):
        yield from _closest(below)


def _distance(faults: Sequence[ValidationError]) -> tuple[int, int]:
    other_kind = sum(fault.validator in ("const", "enum", "type", None) for fault in faults)
    return other_kind, len(faults)


@cache
def _format_checker() -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, fits in FORMATS.items():
        checker.checks(name)(lambda value, fits=fits: not isinstance(value, str) or fits(value))
    return checker


@cache
def _validator_class() -> type[Validator]:
    """Draft 2020-12, told so that each fault stands at its own field, and patterns meant as the standard means them."""
    from jsonschema import Draft202012Validator, validators

    extended: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {
            "properties": _properties,
            "required": _required,
            "dependentRequired": _dependent_required,
            "additionalProperties": _additional_properties,
            "pattern": _pattern,
            "uniqueItems": _unique_items,
        },
    )
    return extended


def _error(*path: str) -> ValidationError:
    from jsonschema.exceptions import ValidationError

    return ValidationError("", path=path)


def _properties(validator: Validator, properties: Mapping[str, Any], value: Any, _: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if not isinstance(value, Mapping):
        return
    for name, schema in properties.items():
        if name in value and schema is False:
            yield ValidationError("", path=(name,), validator="false")  # the library's own says it of the parent
        elif name in value:
            yield from validator.descend(value[name], schema, path=name, schema_path=name)  # type: ignore[attr-defined]


def _required(_: Validator, names: Sequence[str], value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, Mapping):
        yield from (_error(name) for name in names if name not in value)


def _dependent_required(
    _: Validator, dependents: Mapping[str, Sequence[str]], value: Any, __: Any
) -> Iterator[ValidationError]:
    if isinstance(value, Mapping):
        for name, needed in dependents.items():
            yield from (_error(other) for other in needed if name in value and other not in value)


def _additional_properties(
    validator: Validator, allowed: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(value, Mapping):
        return
    patterns = "|".join(f"(?:{pattern})" for pattern in schema.get("patternProperties", ()))
    known = schema.get("properties", {})
    for name in value:
        if name in known or (patterns and re.search(patterns, name)):
            continue
        if allowed is False:
            yield _error(name)
        else:
            yield from validator.descend(value[name], allowed, path=name)  # type: ignore[attr-defined]


def _pattern(_: Validator, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not compiled(pattern).search(value):
        yield _error()


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as ECMA-262 means it: a final ``$`` is the very end, not the place before a last line break."""
    very_end = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
    return re.compile(very_end)


def _unique_items(_: Validator, unique: bool, value: Any, __: Any) -> Iterator[ValidationError]:
    """In linear time, whatever the items are."""
    import json

    if unique and isinstance(value, list) and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
        yield _error()
