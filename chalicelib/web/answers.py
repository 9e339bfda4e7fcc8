"""What a browser sent, as answers. A field's name is the JSON Pointer of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.forms.pointers import join, within
from chalicelib.web import conditions
from chalicelib.web.questions import YES, choices_of, control_of, is_group, is_repeat, item_schema, least

Schema = Mapping[str, Any]
Body = Mapping[str, list[str]]

MOST_ITEMS = 100  # of one list, whatever was sent
WINDOW_SEPARATOR = "/"  # ISO 8601 writes an interval so
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
_ROUNDS = 5  # conditions that hang on one another


def read(form: Schema, body: Body) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answers, and the form as it asks them (without conditions).

    Questions left blank are not answered; what is no longer asked is left out; what is no number stays a text, so that
    the validator says so.
    """
    answers: dict[str, Any] = _object(form, body, (), True) or {}
    for _ in range(_ROUNDS):
        schema = with_items(conditions.asked(form, answers), answers)
        pruned = _object(schema, body, (), True) or {}
        if pruned == answers:
            break
        answers = pruned
    return answers, schema


def with_items(schema: Mapping[str, Any], answers: Any) -> dict[str, Any]:
    """Lists with a schema for each item there is, since each item's conditions are its own affair."""
    done = dict(schema)
    if is_group(schema):
        given = answers if isinstance(answers, Mapping) else {}
        done["properties"] = {name: with_items(below, given.get(name)) for name, below in schema["properties"].items()}
    elif is_repeat(schema):
        items = answers if isinstance(answers, list) else []
        done["items"] = with_items(conditions.asked(schema["items"], None), None)
        done["x-items"] = [with_items(conditions.asked(schema["items"], item), item) for item in items]
    return done


def lengths(body: Body, form: Schema) -> dict[str, int]:
    """How many items each list has in what was sent, by its pointer."""
    return dict(_lengths(form, body, (), True))


def _lengths(schema: Schema, body: Body, path: tuple[str, ...], required: bool) -> Iterator[tuple[str, int]]:
    if is_group(schema):
        for name, below in schema["properties"].items():
            if isinstance(below, Mapping):
                yield from _lengths(below, body, (*path, name), name in schema.get("required", ()))
    elif is_repeat(schema):
        count = max(_count(body, join(path)), least(schema, required))
        yield join(path), count
        for position in range(count):
            yield from _lengths(item_schema(schema, position), body, (*path, str(position)), True)


def _count(body: Body, pointer: str) -> int:
    tokens = (name[len(pointer) + 1 :].partition("/")[0] for name in body if name.startswith(pointer + "/"))
    return min(MOST_ITEMS, max((int(token) + 1 for token in tokens if re.fullmatch("[0-9]{1,3}", token)), default=0))


def _value(schema: Schema, body: Body, path: tuple[str, ...], required: bool) -> Any:
    if is_group(schema):
        return _object(schema, body, path, required)
    if is_repeat(schema):
        return _list(schema, body, path, required)
    return _plain(schema, body.get(join(path), []), required)


def _object(schema: Schema, body: Body, path: tuple[str, ...], required: bool) -> dict[str, Any] | None:
    """None where it may be left out and was; else required groups stand, so that each missing answer is told."""
    if not required and not _touched(body, path):
        return None
    needed, found = schema.get("required", ()), {}
    for name, below in schema.get("properties", {}).items():
        if isinstance(below, Mapping):
            value = _value(below, body, (*path, name), name in needed)
            if value is not None:
                found[name] = value
    return found


def _touched(body: Body, path: tuple[str, ...]) -> bool:
    """Whether anything below was filled in."""
    return any(within(name, [join(path)]) and any(value.strip() for value in given) for name, given in body.items())


def _list(schema: Schema, body: Body, path: tuple[str, ...], required: bool) -> list[Any] | None:
    count = _count(body, join(path))
    items = [_value(item_schema(schema, i), body, (*path, str(i)), True) for i in range(count)]
    return ["" if item is None else item for item in items] if items or required else None


def _plain(schema: Schema, given: list[str], required: bool) -> Any:
    control = control_of(schema)
    values = [value.strip() for value in given if value.strip()]
    if control == "checkboxes":
        return [_chosen(schema["items"], value) for value in values] if values or required else None
    if not values:
        return None
    value = values[-1]
    match control:
        case "window":
            start, _, end = value.partition(WINDOW_SEPARATOR)
            return {"start": start, "end": end}
        case "yesno" | "agree":
            return value == YES
        case "number":
            return _number(schema, value)
        case "radios" | "select":
            return _chosen(schema, value)
        case "multiline":
            return value.replace("\r\n", "\n")
    return value


def _chosen(schema: Schema, value: str) -> Any:
    """The choice with its own type: a number among the choices is a number."""
    options = [option["const"] for option in schema.get("oneOf", ())] or schema.get("enum", ())
    assert choices_of(schema)
    return next((option for option in options if str(option) == value), value)


def _number(schema: Schema, value: str) -> Any:
    plain = value.replace(",", "").replace(" ", "")
    if _WHOLE.fullmatch(plain):
        return int(plain)
    if schema.get("type") == "number" and _DECIMAL.fullmatch(plain):
        return float(plain)
    return value


# --- lists -------------------------------------------------------------------------------------------------------


def with_item(body: Body, pointer: str, form: Schema) -> dict[str, list[str]]:
    """What was sent, with one more item in a list."""
    count = lengths(body, form).get(pointer)
    return {**body} if count is None else {**body, f"{pointer}/{count}": [""]}


def without_item(body: Body, pointer: str) -> dict[str, list[str]]:
    """What was sent, without the item at ``pointer``; those after it move up."""
    parent, _, last = pointer.rpartition("/")
    if not re.fullmatch("[0-9]{1,3}", last):
        return {**body}
    left: dict[str, list[str]] = {}
    for name, given in body.items():
        token, slash, rest = name[len(parent) + 1 :].partition("/")
        if not name.startswith(parent + "/") or not re.fullmatch("[0-9]{1,3}", token) or int(token) < int(last):
            left[name] = given
        elif int(token) > int(last):
            left[f"{parent}/{int(token) - 1}{slash}{rest}"] = given
    return left


# --- the way back ------------------------------------------------------------------------------------------------


def as_body(form: Schema, answers: Mapping[str, Any]) -> dict[str, list[str]]:
    """Answers as a browser would send them: what a form is filled with before it is corrected."""
    return dict(_fields(form, answers, ()))


def _fields(schema: Schema, value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    if is_group(schema) and isinstance(value, Mapping):
        for name, below in schema["properties"].items():
            if name in value and isinstance(below, Mapping):
                yield from _fields(below, value[name], (*path, name))
    elif is_repeat(schema) and isinstance(value, list):
        for position, item in enumerate(value):
            yield from _fields(schema["items"], item, (*path, str(position)))
    elif control_of(schema) == "window":
        yield join(path), [f"{value['start']}{WINDOW_SEPARATOR}{value['end']}"]
    elif isinstance(value, list):
        yield join(path), [str(item) for item in value]
    else:
        yield join(path), [{True: YES, False: "false"}[value] if isinstance(value, bool) else str(value)]
