"""How a page tells its script which questions may come up: what ``conditionals.js`` reads.

What may be sent in is decided by the whole schema (``forms.validation``), never by this. A pointer is the RFC 6901 JSON
Pointer of an answer.

- ``<form id="form">`` holds the parts, nested as the answers are. A part's element has ``data-part="<pointer>"`` and
  ``data-kind``: ``question``, ``group`` (an object), ``list`` (an array; its items are parts), ``map`` (an object whose
  names the applicant gives; its items are groups of ``name`` and ``value``, which become a name and its value; at
  ``<pointer>/~more`` they are further properties of the object at the pointer), ``branches`` (a choice of
  alternatives; the last token of its pointer begins with ``~branch``, what is before is the owner's) or ``closed``
  (what a button opens; the part within has the same pointer).
- A part that other answers may bring up, but these do not, stands at its place as ``<template data-part="<pointer>">``;
  its content is the part's element and nothing else. To show it, put the content in the template's place; to hide a
  part, put it in a template. What is in a template is not sent. Parts in it may again be templates.
- In a ``branches`` part, after its radios (named as its pointer; values 0, 1 …), the chosen alternative stands as
  ``<div data-branch="<value>">``, each other one as ``<template data-branch="<value>">`` around just that. The parts in
  it stand at the owner's pointer, or are properties of the owner.
- A question's controls are named by its pointer. ``data-reads`` says what its text becomes; blank is no answer:
  ``text`` (trimmed), ``integer``, ``number`` (thousands may have commas; what is none stays a text), ``boolean``,
  ``choice`` and ``choices`` (an array), ``date`` (controls ``<pointer>/~year``, ``/~month``, ``/~day`` become
  ``2026-01-31``), ``window`` (``start/end`` becomes an object of both), ``json`` (else the text), ``fixed``
  (``data-value`` is the answer as JSON; there is no control). ``data-values`` is a JSON object of values that stand for
  other answers than themselves. ``data-null``: left blank though required, it is null.
- ``data-required`` stands on a part that is required; ``[data-optional]`` in its label or legend is the word for
  "optional", ``hidden`` where the part is required. A group without ``data-required`` that has nothing filled in is no
  answer; a list has no items for blank questions at its end.
- ``<script type="application/json" id="form-rules">`` is the form's schema cut down to what decides (``bones``); it is
  there when the form has conditions or alternatives. A property is asked when a schema that applies to its object
  declares it below ``properties``, and none says ``false`` to it; it is required when one of them requires it
  (``required``, ``dependentRequired``). To a value apply: its schema, what that refers to (``$ref``, always ``#/…``
  within the rules), each of ``allOf``, ``then`` or ``else`` as ``if`` fits the value ({} where there is none),
  ``dependentSchemas`` of the names that the value has, the chosen alternative of ``oneOf``, else of ``anyOf``, by its
  number (or the only one), and of all these again the same. Below a list, ``prefixItems`` and then ``items`` speak of
  an item. Begin with no answer at all, read what is then asked, and so on until nothing changes, at most 30 times.
- ``_asked`` holds the pointers of the questions that are shown, each as by ``encodeURI``, with spaces between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, unquote

from chalicelib.web.bones import Schema, bones, has_conditions

_KEPT = "/~!*'();:@&=+$,#?-_."  # by encodeURI


def rules(schema: Schema, *, always: bool = False) -> str:
    """The form's rules as JSON that can stand in a script element; "" for a form without conditions."""
    if not always and not has_conditions(schema):
        return ""
    text = json.dumps(bones(schema), ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def told(pointers: Iterable[str]) -> str:
    """What ``_asked`` says."""
    return " ".join(quote(pointer, safe=_KEPT) for pointer in pointers)


def heard(text: str) -> frozenset[str]:
    """The pointers that ``_asked`` names."""
    return frozenset(unquote(pointer) for pointer in text.split())
