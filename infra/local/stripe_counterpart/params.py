"""Stripe's request parameters: form encoding with brackets, checked against a small grammar.

A grammar maps a parameter's name to a reader (a function of the text and the parameter's full name), to a Hash of
parameters, or to a list of one of these: an array.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from infra.local.stripe_counterpart.problems import invalid

Reader = Callable[[str, str], Any]
Grammar = Mapping[str, Any]

# `key[a][0]` → "key", "a", "0"
_PART = re.compile(r"\[([^\]]*)\]")


def decode(form: str) -> dict[str, Any]:
    """Nested dicts of a form-encoded text; arrays as dicts by index, as Stripe's clients write them."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        head = name.split("[", 1)[0]
        _put(root, [head, *_PART.findall(name[len(head) :])], value)
    return root


def _put(node: dict[str, Any], path: list[str], value: str) -> None:
    """Set a value; an empty part is the next index of an array."""
    *parents, last = path
    for part in parents:
        node = node.setdefault(part or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid("Invalid hash", path[0])
    node[last or str(len(node))] = value


def read(grammar: Grammar, given: Any, required: tuple[str, ...] = (), within: str = "") -> dict[str, Any]:
    """The parameters of a request, each as its reader gives it. Problem: unknown, missing or malformed ones."""
    if not isinstance(given, dict):
        raise invalid("Invalid hash", within)
    for name in given:
        if name not in grammar:
            raise invalid(
                f"Received unknown parameter: {_name(within, name)}", _name(within, name), "parameter_unknown"
            )
    for name in required:
        if name not in given:
            raise invalid(f"Missing required param: {_name(within, name)}.", _name(within, name), "parameter_missing")
    return {name: _value(grammar[name], value, _name(within, name)) for name, value in given.items()}


def _name(within: str, name: str) -> str:
    return f"{within}[{name}]" if within else name


def _value(grammar: Any, given: Any, name: str) -> Any:
    if isinstance(grammar, Hash):
        return read(grammar.grammar, given, grammar.required, name)
    if isinstance(grammar, list):
        if not isinstance(given, dict):
            raise invalid("Invalid array", name)
        return [_value(grammar[0], item, f"{name}[{index}]") for index, item in given.items()]
    return grammar(given, name)


class Hash:
    """A grammar within a grammar, with the parameters that it needs."""

    def __init__(self, grammar: Grammar, *required: str) -> None:
        self.grammar = grammar
        self.required = required


def text(longest: int = 5000) -> Reader:
    """A text that is not empty."""

    def reader(given: Any, name: str) -> str:
        if not isinstance(given, str):
            raise invalid(f"Invalid string: {name}", name)
        if not given:
            message = (
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
                f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a value."
            )
            raise invalid(message, name, "parameter_invalid_empty")
        if len(given) > longest:
            raise invalid(f"Invalid string: {name} must be at most {longest} characters", name)
        return given

    return reader


def integer(least: int, most: int = 99_999_999) -> Reader:
    """A whole number between two bounds."""

    def reader(given: Any, name: str) -> int:
        if not (isinstance(given, str) and re.fullmatch(r"-?\d{1,15}", given)):
            raise invalid(f"Invalid integer: {given}", name, "parameter_invalid_integer")
        if int(given) < least:
            kind = "positive" if least > 0 else "non-negative"
            raise invalid(f"Invalid {kind} integer", name, "parameter_invalid_integer")
        if int(given) > most:
            raise invalid(f"Invalid integer: must be at most {most}", name, "parameter_invalid_integer")
        return int(given)

    return reader


def span(given: Any, name: str) -> dict[str, int]:
    """A second, or a span of them: bounds in Unix seconds by ``gt``, ``gte``, ``lt``, ``lte``; ``eq`` for a second."""
    second = integer(0, 10**12)
    if not isinstance(given, dict):
        return {"eq": second(given, name)}
    return read(dict.fromkeys(("gt", "gte", "lt", "lte"), second), given, within=name)


def choice(*values: str) -> Reader:
    """One of some words."""

    def reader(given: Any, name: str) -> str:
        if given not in values:
            raise invalid(f"Invalid {name}: must be one of {', '.join(values[:-1])}, or {values[-1]}", name)
        return str(given)

    return reader


def boolean(given: Any, name: str) -> bool:
    """``true`` or ``false``."""
    if given not in ("true", "false"):
        raise invalid(f"Invalid boolean: {given}", name)
    return bool(given == "true")


def url(given: Any, name: str) -> str:
    """An absolute web address."""
    address = text()(given, name)
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid("Not a valid URL", name, "url_invalid")
    return str(address)


def currency(given: Any, name: str) -> str:
    """An ISO 4217 code, in any case."""
    if not (isinstance(given, str) and re.fullmatch(r"[A-Za-z]{3}", given)):
        raise invalid(f"Invalid currency: {given}", name)
    return given.lower()


def metadata(given: Any, name: str) -> dict[str, str]:
    """Up to 50 texts of up to 500 characters, under names of up to 40 (https://docs.stripe.com/metadata)."""
    if not isinstance(given, dict) or len(given) > 50:
        raise invalid("Invalid metadata: up to 50 keys are supported", name)
    for key, value in given.items():
        if len(key) > 40 or not isinstance(value, str) or len(value) > 500:
            raise invalid("Metadata values can have up to 500 characters, keys up to 40", f"{name}[{key}]")
    return dict(given)
