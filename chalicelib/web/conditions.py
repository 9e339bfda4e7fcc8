"""Which questions a form asks, given what was answered so far: its conditions worked in, for showing it only.

What may be sent in is decided by the whole schema (``forms.validation``), never by this.

**How a page says it** (what ``conditionals.js`` reads; a pointer is the RFC 6901 JSON Pointer of an answer)

- ``<form id="form">`` holds the parts, nested as the answers are. A part's element has ``data-part="<pointer>"`` and
  ``data-kind``: ``question``, ``group`` (an object), ``list`` (an array; its items are parts), ``map`` (an object whose
  names the applicant gives; its items are groups of ``name`` and ``value``), ``branches`` (a choice of alternatives;
  its pointer ends in ``/~branch``) or ``closed`` (a group that a button opens).
- A part that other answers may bring up, but these do not, stands at its place as
  ``<template data-part="<pointer>">``; its content is the part's element and nothing else. To show it, put the content
  in the template's place; to hide a part, put it in a template. What is in a template is not sent. Parts in it may
  again be templates.
- Within a ``branches`` part, after its radios named ``<its pointer>`` with the values 0, 1 …, each alternative stands as
  ``<div data-branch="<value>">``, those not chosen as ``<template data-branch="<value>">`` around that.
- A question's controls are named by its pointer. ``data-reads`` says what its text becomes; blank is no answer:
  ``text`` (trimmed), ``integer``, ``number`` (thousands may have commas; what is none stays a text), ``boolean``,
  ``choice`` and ``choices`` (an array; ``data-values`` is a JSON object value → answer, where these are not the same),
  ``date`` (controls ``<pointer>/~year``, ``/~month``, ``/~day`` → ``2026-01-31``), ``window`` (``start/end`` → an object
  of both), ``json`` (else the text), ``fixed`` (``data-value`` is the answer as JSON; there is no control).
  ``data-null``: left blank though required, it is null.
- ``[data-optional]`` in a part's label or legend is the word for "optional"; ``hidden`` where the part is required. A group
  that is not required and has nothing filled in is no answer; a list has no items for blank questions at its end.
- ``<script type="application/json" id="form-rules">`` is the form's schema cut down to what decides (``bones``); it is there
  when the form has conditions. A property is asked when a schema that applies to its object declares it below
  ``properties``, and none says ``false`` to it; it is required when one of them requires it (``required``,
  ``dependentRequired``). To a value apply: its schema, what that refers to (``$ref``, always ``#/…`` within the rules), each
  of ``allOf``, ``then`` or ``else`` as ``if`` fits the value ({} where there is none), ``dependentSchemas`` of the names
  that the value has, the chosen alternative of ``oneOf`` or ``anyOf`` by its number, and of all these again the same.
  Below a list, ``prefixItems`` and then ``items`` speak of an item. Begin with no answer at all, read what is then asked,
  and so on until nothing changes, at most ROUNDS times.
- ``_asked`` holds the pointers of the questions that are shown, each as by ``encodeURI``, with spaces between them.
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
