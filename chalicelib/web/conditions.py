"""Which questions a form asks, given what was answered so far: its conditions worked in, for showing it only.

What may be sent in is decided by the whole schema (``forms.validation``), never by this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_CONDITIONS = frozenset({"if", "then", "else", "allOf", "dependentSchemas", "dependentRequired"})


def asked(schema: Schema, answer: Any) -> dict[str, Any]:
    """The schema without conditions: what they ask for is required, what they rule out is not there.

    ``answer`` is what was answered to it, {} or None for nothing yet.
    """
    plain: dict[str, Any] = {keyword: value for keyword, value in schema.items() if keyword not in _CONDITIONS}
    for branch in _branches(schema, answer):
        plain = _overlaid(plain, branch)
    if "properties" in plain:
        answers = answer if isinstance(answer, Mapping) else {}
        plain["properties"] = {
            name: asked(below, answers.get(name))
            for name, below in plain["properties"].items()
            if isinstance(below, Mapping)
        }
    return plain


def _branches(schema: Schema, answer: Any) -> Iterator[Schema]:
    """What applies beside the schema itself, each without conditions of its own."""
    found = list(schema.get("allOf", ()))
    if "if" in schema:
        found.append(schema.get("then" if _holds(schema["if"], answer) else "else", {}))
    answered = answer if isinstance(answer, Mapping) else {}
    found += [below for name, below in schema.get("dependentSchemas", {}).items() if name in answered]
    found += [{"required": names} for name, names in schema.get("dependentRequired", {}).items() if name in answered]
    for branch in found:
        if isinstance(branch, Mapping):
            yield branch
            yield from _branches(branch, answer)


def _holds(condition: Schema, answer: Any) -> bool:
    """Of nothing, no condition holds: so an empty form needs no validator."""
    if _blank(answer):
        return False
    from chalicelib.forms.validation import validate

    return not validate(condition, answer)


def _blank(answer: Any) -> bool:
    if isinstance(answer, Mapping):
        return all(map(_blank, answer.values()))
    return answer is None or answer == []


def _overlaid(plain: Mapping[str, Any], branch: Schema) -> dict[str, Any]:
    laid: dict[str, Any] = {**plain, **{k: v for k, v in branch.items() if k not in _CONDITIONS}}
    if "required" in laid:
        laid["required"] = [*plain.get("required", ()), *branch.get("required", ())]
    if "properties" in laid:
        before, after = plain.get("properties", {}), branch.get("properties", {})
        laid["properties"] = {**before, **{name: _both(before.get(name), below) for name, below in after.items()}}
    return laid


def _both(before: Any, after: Any) -> Any:
    if before is False or after is False:
        return False
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _overlaid(before, after)
    return after if before is None else before
