"""What a browser sent, as answers; and answers as a browser would send them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.forms.sanity import MalformedJson, flaws, read_json
from chalicelib.web.asking import parts_of
from chalicelib.web.controls import as_json
from chalicelib.web.questions import DATE, MORE, Branches, Group, Opening, Part, Question, Repeat, everything
from chalicelib.web.sent import Body, Sent, by_place, position

Schema = Mapping[str, Any]

ROUNDS = 30  # conditions that hang on one another
WINDOW_SEPARATOR = "/"  # ISO 8601 writes an interval so

_WIDE = str.maketrans("０１２３４５６７８９．－，", "0123456789.-,")  # as Chinese keyboards write them
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([, ][0-9]{3})+(\.[0-9]+)?", re.ASCII)
_DATE = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})", re.ASCII)
_NONE = object()  # no answer, where null may be one


def read(form: Schema, body: Body) -> tuple[dict[str, Any], tuple[Part, ...]]:
    """The answers, and the form as it asks them.

    Questions left blank are not answered; what is not asked is left out; what is no number stays a text, so that the
    validator says so.
    """
    sent = by_place(body)
    answers: dict[str, Any] = {}
    parts = parts_of(form, answers, sent)
    for _ in range(ROUNDS):
        found = _properties(parts, sent)
        if found == answers:
            break
        answers = found
        parts = parts_of(form, answers, sent)
    return answers, parts


def _properties(parts: tuple[Part, ...], sent: Sent) -> dict[str, Any]:
    """Of an object whose parts these are. Required groups stand, so that each missing answer is told."""
    found: dict[str, Any] = {}
    for part in parts:
        if part.asked and isinstance(part, Branches) and part.apart:
            found |= _properties(part.parts, sent)
        elif part.asked:
            value = _value(part, sent.at(part.token))
            if part.token == MORE:
                found |= {} if value is _NONE else value
            elif value is not _NONE or (part.null and part.required):
                found[part.name] = None if value is _NONE else value
    return found


def _value(part: Part, sent: Sent) -> Any:
    """``_NONE`` for no answer."""
    match part:
        case Group():
            stands = (part.required and not part.null) or _touched(part, sent)
            return _properties(part.parts, sent) if stands else _NONE
        case Repeat():
            return _list(part, sent)
        case Question():
            return _plain(part, sent)
    return _value(part.parts[0], sent) if part.parts else _NONE


def _touched(part: Part, sent: Sent) -> bool:
    """Whether anything was entered in a part; what the form does not ask for does not count."""
    if not part.asked:
        return False
    if isinstance(part, Question):
        return bool(sent.text) or (part.control == "date" and any(sent.at(token).text for token in DATE))
    if isinstance(part, Branches) and part.chosen:
        return True
    below = ((inner, sent if inner.place == part.place else sent.at(inner.token)) for inner in part.parts)
    return any(_touched(inner, at) for inner, at in below)


def _list(part: Repeat, sent: Sent) -> Any:
    """Without blank items at its end. A blank one before others stays, so that the others keep their places."""
    if part.fixed and not part.required and not _touched(part, sent):
        return _NONE
    items = [(item, _value(item, sent.at(item.token))) for item in part.parts]
    while items and items[-1][1] is _NONE and not items[-1][0].null:
        items.pop()
    if not items and not (part.required and not part.null):
        return _NONE
    values = [(None if item.null else "") if value is _NONE else value for item, value in items]
    if part.kind == "map":
        rows = [row for row in values if isinstance(row, dict)]
        return {str(row.get("name", "")): row.get("value", "") for row in rows if row}
    return values


def _plain(question: Question, sent: Sent) -> Any:
    if question.reads == "fixed":
        return question.answer
    if question.reads == "choices":
        chosen = [_chosen(question, value) for value in sent.values if value]
        return chosen if chosen or question.required else _NONE
    if question.reads == "date":
        return _date(sent) or _NONE
    text = sent.text
    if not text:
        return _NONE
    match question.reads:
        case "choice":
            return _chosen(question, next(value for value in reversed(sent.values) if value.strip()))
        case "boolean":
            return _chosen(question, text)
        case "window":
            start, _, end = text.partition(WINDOW_SEPARATOR)
            return {"start": start, "end": end}
        case "integer" | "number":
            return _number(text)
        case "json":
            return _json(text)
    return text


def _chosen(question: Question, value: str) -> Any:
    """The choice with its own type: a number among the choices is a number."""
    return next((choice.answer for choice in question.choices if choice.value == value), value)


def plain_digits(text: str) -> str:
    """Trimmed, with the digits of every keyboard."""
    return text.strip().translate(_WIDE)


def _date(sent: Sent) -> str:
    """As ISO 8601 where year, month and day are numbers; else what was entered, for the validator to refuse."""
    given = [plain_digits(sent.at(part).text) for part in DATE]
    if not any(given):
        return sent.text
    if all(re.fullmatch("[0-9]{1,4}", part, re.ASCII) for part in given):
        return "-".join((given[0], *(part.lstrip("0").rjust(2, "0") for part in given[1:])))
    return "-".join(given)


def _number(text: str) -> Any:
    plain = plain_digits(text)
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "").replace(" ", "")
    if _WHOLE.fullmatch(plain):
        return int(plain)
    return float(plain) if _DECIMAL.fullmatch(plain) else text


def _json(text: str) -> Any:
    try:
        value = read_json(text)
    except MalformedJson:
        return text
    return text if flaws(value) else value


# --- lists and what is opened ------------------------------------------------------------------------------------


def with_item(body: Body, part: Part) -> dict[str, list[str]]:
    """What was sent, with one more item in a list, or with what was closed opened."""
    if isinstance(part, Repeat) and part.may_add:
        return {**body, f"{part.pointer}/{len(part.parts)}": [""]}
    return {**body, part.pointer: [""]} if isinstance(part, Opening) else {**body}


def without_item(body: Body, pointer: str, part: Part) -> dict[str, list[str]]:
    """What was sent, without the item at ``pointer`` of a list; those after it move up. Or with what is open closed."""
    parent, _, last = pointer.rpartition("/")
    if isinstance(part, Opening):
        return {name: given for name, given in body.items() if name != pointer and not name.startswith(pointer + "/")}
    left: dict[str, list[str]] = {}
    taken = position(last) or 0
    for name, given in body.items():
        token, slash, rest = name[len(parent) + 1 :].partition("/")
        at = position(token) if name.startswith(parent + "/") else None
        if at is None or at < taken:
            left[name] = given
        elif at > taken:
            left[f"{parent}/{at - 1}{slash}{rest}"] = given
    return left


# --- the way back ------------------------------------------------------------------------------------------------


def as_body(form: Schema, answers: Mapping[str, Any]) -> dict[str, list[str]]:
    """Answers as a browser would send them: what a form is filled with before it is corrected."""
    return dict(_fields(parts_of(form, answers, infer=True), answers))


def _fields(parts: tuple[Part, ...], answers: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Of an object and its parts."""
    known = {part.name for part in everything(parts)}
    for part in parts:
        if part.asked and part.token == MORE:
            yield from _below(part, {name: value for name, value in answers.items() if name not in known})
        elif part.asked and isinstance(part, Branches) and part.apart:
            yield part.pointer, [part.chosen]
            yield from _fields(part.parts, answers)
        elif part.asked and part.name in answers:
            yield from _below(part, answers[part.name])


def _below(part: Part, value: Any) -> Iterator[tuple[str, list[str]]]:
    match part:
        case Group() if isinstance(value, Mapping):
            yield from _fields(part.parts, value)
        case Repeat(kind="map") if isinstance(value, Mapping):
            rows = [{"name": name, "value": below} for name, below in value.items()]
            yield from _items(part, rows)
        case Repeat() if isinstance(value, list):
            yield from _items(part, value)
        case Branches() | Opening():
            yield part.pointer, [part.chosen if isinstance(part, Branches) else ""]
            for inner in part.parts:
                yield from _below(inner, value)
        case Question(control="date") if isinstance(value, str) and (date := _DATE.fullmatch(value)):
            yield from ((f"{part.pointer}/{token}", [date[token[1:]].lstrip("0")]) for token in DATE)
        case Question():
            yield part.pointer, _values(part, value)


def _items(part: Repeat, values: list[Any]) -> Iterator[tuple[str, list[str]]]:
    for item, value in zip(part.parts, values, strict=False):
        yield item.place, [""]
        yield from _below(item, value)


def _values(question: Question, value: Any) -> list[str]:
    """The values of its control."""
    match question.reads:
        case "fixed":
            return []
        case "choices" if isinstance(value, list):
            return [_value_of(question, one) for one in value]
        case "choice" | "boolean":
            return [_value_of(question, value)]
        case "window" if isinstance(value, Mapping):
            return [f"{value.get('start', '')}{WINDOW_SEPARATOR}{value.get('end', '')}"]
        case "json":
            return [as_json(value)]
    if value is None:
        return [""]
    return [value if isinstance(value, str) else as_json(value)]


def _value_of(question: Question, answer: Any) -> str:
    alike = (choice.value for choice in question.choices if as_json(choice.answer) == as_json(answer))
    blank = "" if answer is None and question.null else as_json(answer)
    return next(alike, answer if isinstance(answer, str) else blank)
