"""Translations: overlays on the English source, keyed by JSON Pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.forms.pointers import is_array, join, split
from chalicelib.forms.schemas import subschemas

SOURCE_LANGUAGE = "en"

# Where service.json has texts; * stands for each item or name.
SERVICE_TEXTS = (
    "/title",
    "/summary",
    "/audience",
    "/departments/*",
    "/fee/lines/*/title",
    "/materials/*/title",
    "/materials/*/hint",
    "/tasks/*/title",
    "/tasks/*/certificate/title",
    "/guide/*",
    "/grounds/*/text",
    "/before/source",
)


def translate(document: Mapping[str, Any], overlay: Mapping[str, str]) -> dict[str, Any]:
    """The document with the overlay's texts in place of its own. A pointer to nothing changes nothing."""
    return dict(_translated(document, {split(pointer): text for pointer, text in overlay.items()}, ()))


def _translated(value: Any, texts: Mapping[tuple[str, ...], str], path: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return texts.get(path, value)
    if isinstance(value, Mapping):
        return {name: _translated(item, texts, (*path, name)) for name, item in value.items()}
    if is_array(value):
        return [_translated(item, texts, (*path, str(position))) for position, item in enumerate(value)]
    return value


def form_texts(form: Mapping[str, Any]) -> dict[str, str]:
    """Pointer → text of everything in a form's source that people read: titles, descriptions, own messages."""
    found: dict[str, str] = {}
    for path, schema in subschemas(form):
        for keyword in ("title", "description"):
            if isinstance(schema.get(keyword), str):
                found[join((*path, keyword))] = schema[keyword]
        for rule, text in schema.get("x-messages", {}).items():
            found[join((*path, "x-messages", rule))] = text
    return found


def service_texts(service: Mapping[str, Any]) -> dict[str, str]:
    """Pointer → text of everything in a service.json that people read."""
    return {join(path): text for pattern in SERVICE_TEXTS for path, text in _matches(service, split(pattern), ())}


def _matches(value: Any, pattern: tuple[str, ...], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if not pattern:
        if isinstance(value, str):
            yield path, value
        return
    below = value if isinstance(value, Mapping) else {str(i): v for i, v in enumerate(value)} if is_array(value) else {}
    for name, item in below.items():
        if pattern[0] in ("*", name):
            yield from _matches(item, pattern[1:], (*path, name))


def untranslated(texts: Mapping[str, str], overlay: Mapping[str, str]) -> list[str]:
    """Pointers whose text the overlay lacks or leaves blank."""
    return [pointer for pointer in texts if not str(overlay.get(pointer, "")).strip()]


def misplaced(texts: Mapping[str, str], overlay: Mapping[str, str]) -> list[str]:
    """Pointers of the overlay that lead to no text."""
    return [pointer for pointer in overlay if pointer not in texts]
