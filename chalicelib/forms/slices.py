"""Slices of the answers by JSON Pointer: what a department sees, what a correction changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.forms.pointers import BadPointer, child, get, index, is_array, join, split

PAST_THE_END = "-"
_ABSENT = object()


def take(answers: Mapping[str, Any], pointers: Iterable[str]) -> dict[str, Any]:
    """The answers under these pointers and nothing else, each at its own place.

    Items of an array that are left out are null, so that a pointer into the slice means what it means in the answers.
    A pointer to nothing adds nothing.
    """
    slice_: Any = {}
    for pointer in pointers:
        tokens = split(pointer)
        if _leads_somewhere(answers, tokens):
            slice_ = _copied(slice_, answers, tokens)
    return dict(slice_)


def put(answers: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """New answers with these values in place; objects on the way are made, ``-`` or the next index adds to an array.

    The given answers stay as they are, and nothing is validated. BadPointer for a place that can't be.
    """
    changed: Any = answers
    for pointer, value in values.items():
        changed = _with(changed, split(pointer), value)
    if not isinstance(changed, Mapping):
        raise BadPointer("the answers are an object")
    return dict(changed)


def drop(answers: Mapping[str, Any], pointers: Iterable[str]) -> dict[str, Any]:
    """New answers without these members of objects; what is not there already is passed over."""
    changed: Any = answers
    for pointer in pointers:
        changed = _without(changed, split(pointer))
    return dict(changed)


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Pointers of the single answers that were changed, added or taken away, in the order of the answers."""
    return [join(path) for path in _differences((), before, after)]


def expand(answers: Mapping[str, Any], pointers: Iterable[str]) -> list[str]:
    """Pointers of the single answers below these pointers, each once; one that leads to nothing stands for itself."""
    found: dict[str, None] = {}
    for pointer in pointers:
        tokens = split(pointer)
        if _leads_somewhere(answers, tokens):
            found.update((join(path), None) for path in _leaves(tokens, get(answers, pointer)))
        else:
            found[pointer] = None
    return list(found)


def _leads_somewhere(document: Any, tokens: tuple[str, ...]) -> bool:
    try:
        get(document, join(tokens))
    except KeyError:
        return False
    return True


def _copied(slice_: Any, source: Any, tokens: tuple[str, ...]) -> Any:
    """``slice_`` with what ``source`` holds at ``tokens``; the way there is copied, what is there is shared."""
    if not tokens:
        return source
    token, rest = tokens[0], tokens[1:]
    if isinstance(source, Mapping):
        mine = slice_ if isinstance(slice_, Mapping) else {}
        return {**mine, token: _copied(mine.get(token), source[token], rest)}
    items = list(slice_) if is_array(slice_) else [None] * len(source)
    items[int(token)] = _copied(items[int(token)], child(source, token), rest)
    return items


def _with(value: Any, tokens: tuple[str, ...], new: Any) -> Any:
    if not tokens:
        return new
    token, rest = tokens[0], tokens[1:]
    if isinstance(value, Mapping):
        return {**value, token: _with(value.get(token, {} if rest else None), rest, new)}
    if not is_array(value):
        raise BadPointer("leads through an answer that holds no others")
    position = len(value) if token == PAST_THE_END else index(token)
    if position is None or position > len(value):
        raise BadPointer("no such item")
    items = [*value, {}] if position == len(value) else list(value)
    items[position] = _with(items[position], rest, new)
    return items


def _without(value: Any, tokens: tuple[str, ...]) -> Any:
    token, rest = tokens[0], tokens[1:]
    if isinstance(value, Mapping) and token in value:
        kept = {name: below for name, below in value.items() if name != token}
        return {**value, token: _without(value[token], rest)} if rest else kept
    position = index(token)
    if rest and is_array(value) and position is not None and position < len(value):
        return [_without(below, rest) if at == position else below for at, below in enumerate(value)]
    return value


def _differences(path: tuple[str | int, ...], before: Any, after: Any) -> Iterator[tuple[str | int, ...]]:
    if before is _ABSENT or after is _ABSENT:
        yield from _leaves(path, before if after is _ABSENT else after)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {**before, **after}:
            yield from _differences((*path, name), before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif is_array(before) and is_array(after):
        for position in range(max(len(before), len(after))):
            yield from _differences((*path, position), _item(before, position), _item(after, position))
    elif (type(before), before) != (type(after), after):  # in Python, but not in JSON, 1 == True
        yield path


def _item(items: Any, position: int) -> Any:
    return items[position] if position < len(items) else _ABSENT


def _leaves(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[str | int, ...]]:
    """Paths of the single answers in a value; an empty object or array is one itself."""
    if isinstance(value, Mapping) and value:
        for name, below in value.items():
            yield from _leaves((*path, name), below)
    elif is_array(value) and value:
        for position, below in enumerate(value):
            yield from _leaves((*path, position), below)
    else:
        yield path
