"""Which control suits a plain answer, what can be chosen, and the help that a phone's keyboard can give."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.forms.schemas import PART
from chalicelib.web.questions import NO, YES, Choice

WINDOW = "common/1/window"
MANY_CHOICES = 7  # more are easier to find in a list than among buttons
MANY_CHARACTERS = 200  # more need more than a line

_WIDTHS = (5, 10, 20)  # characters; https://design-system.service.gov.uk/components/text-input/
_BY_FORMAT = {"date": "date", "email": "email", "uri": "url", "time": "time"}
_DIGITS = re.compile(r"\^?(?:\[0-9\]|\\d)(?:\{[0-9,]+\}|[+*])?\$?")
_CODE = re.compile(r"\^?(?:\[[0-9A-Za-z-]+\]|\\d|\\w|[A-Z0-9-])(?:\{[0-9,]+\}|[+*])?\$?")
_WORDS = {True: "form.yes", False: "form.no", None: "form.null"}
_TYPES: Mapping[str, tuple[str, ...]] = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
               "maxProperties", "dependentRequired", "dependentSchemas"),
    "array": ("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format", "x-multiline", "x-autocomplete"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}  # fmt: skip


def types_of(words: Mapping[str, Any]) -> tuple[str, ...]:
    """The types that an answer may have, without null; what is not told is inferred. () for any."""
    told = words.get("type", ())
    found = [told] if isinstance(told, str) else [kind for kind in told if isinstance(kind, str)]
    if not found:
        found = [kind for kind, keywords in _TYPES.items() if any(keyword in words for keyword in keywords)]
    if "number" in found and "integer" in found:
        found.remove("integer")
    return tuple(kind for kind in dict.fromkeys(found) if kind != "null")


def may_be_null(words: Mapping[str, Any]) -> bool:
    told = words.get("type")
    return told == "null" or (isinstance(told, Sequence) and not isinstance(told, str) and "null" in told)


def choices_of(words: Mapping[str, Any]) -> tuple[Choice, ...]:
    """What can be chosen, each with a value of its own; () where the answer is not one of a few."""
    options = words.get("oneOf", words.get("anyOf", ()))
    if options and all(isinstance(option, Mapping) and "const" in option for option in options):
        found = [(option["const"], str(option.get("title", ""))) for option in options]
    else:
        enum = words.get("enum", ())
        found = [(value, "") for value in enum] if isinstance(enum, Sequence) and not isinstance(enum, str) else []
    values = [answer if isinstance(answer, str) else as_json(answer) for answer, _ in found]
    count = Counter(value.strip() for value in values)
    return tuple(
        _choice(answer, title, value if count[value.strip()] == 1 and _plain(value) else as_json(answer))
        for (answer, title), value in zip(found, values, strict=True)
    )


def _plain(value: str) -> bool:
    """Whether a value comes through a page as it is: not blank, in one line."""
    return bool(value.strip()) and value.isprintable()


def _choice(answer: Any, title: str, value: str) -> Choice:
    if isinstance(answer, bool) or answer is None:
        return Choice(value, title, answer, "" if title else _WORDS[answer])
    return Choice(value, title or (answer if isinstance(answer, str) else value), answer)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def control_of(words: Mapping[str, Any]) -> str:
    """The control for an answer that is neither object nor list; ``json`` where none suits."""
    if words.get(PART) == WINDOW:
        return "window"
    if "const" in words:
        return {True: "agree", False: "yesno"}[words["const"]] if isinstance(words["const"], bool) else "fixed"
    if choices := choices_of(words):
        return "radios" if len(choices) <= MANY_CHOICES else "select"
    match types_of(words):
        case ("boolean",):
            return "yesno"
        case ("integer",) | ("number",):
            return "number"
        case ("string",):
            return _text_control(words)
    return "json"


def _text_control(words: Mapping[str, Any]) -> str:
    if words.get("x-autocomplete") == "tel":
        return "tel"
    if words.get("x-multiline") or _long(words):
        return "multiline"
    return _BY_FORMAT.get(str(words.get("format")), "text")


def _long(words: Mapping[str, Any]) -> bool:
    """A long text that nothing keeps to one line."""
    most = words.get("maxLength", 0)
    return isinstance(most, int) and most > MANY_CHARACTERS and not {"pattern", "format"} & words.keys()


def given(control: str, words: Mapping[str, Any]) -> tuple[Choice, ...]:
    """What stands to choose where the form lists nothing."""
    match control:
        case "yesno":
            return (Choice(YES, "", True, "form.yes"), Choice(NO, "", False, "form.no"))
        case "agree":
            return choices_of({"enum": [words["const"]]})
    return ()


def reads(control: str, words: Mapping[str, Any]) -> str:
    """What a control's text becomes."""
    match control:
        case "number":
            return "integer" if types_of(words) == ("integer",) else "number"
        case "yesno":
            return "boolean"
        case "radios" | "select" | "agree":
            return "choice"
        case "checkboxes":
            return "choices"
        case "window" | "date" | "json" | "fixed":
            return control
    return "text"


def attributes(control: str, words: Mapping[str, Any]) -> dict[str, str]:
    """HTML attributes that help with filling in. https://html.spec.whatwg.org/#autofill"""
    autocomplete = str(words.get("x-autocomplete", ""))
    pattern = str(words.get("pattern", ""))
    found: dict[str, str] = {}
    if control in ("email", "tel"):
        found = {"autocomplete": control}
    if autocomplete:
        found["autocomplete"] = autocomplete
    if control == "number":
        found["inputmode"] = "numeric" if _whole_and_positive(words) else "decimal"
    elif control in ("email", "tel", "url"):
        found["inputmode"] = control
    elif _DIGITS.fullmatch(pattern):
        found["inputmode"] = "numeric"
    if control in ("email", "url", "number", "tel") or _CODE.fullmatch(pattern):
        found["spellcheck"] = "false"
    return found


def width(words: Mapping[str, Any]) -> str:
    """The class for a field whose answers are short."""
    most = words.get("maxLength", 0)
    return next((f"govuk-input--width-{size}" for size in _WIDTHS if isinstance(most, int) and 0 < most <= size), "")


def _whole_and_positive(words: Mapping[str, Any]) -> bool:
    """Keyboards for digits alone have neither a point nor a minus."""
    least = words.get("minimum", words.get("exclusiveMinimum", -1))
    return types_of(words) == ("integer",) and isinstance(least, int | float) and least >= 0
