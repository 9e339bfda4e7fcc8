"""What a courier lists of a parcel's way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Listed = TypeVar("Listed")
Found = TypeVar("Found")


def readable(elements: Iterable[Listed], read: Callable[[Listed], Found]) -> list[Found]:
    """What is read of those elements that make sense, in their order: one that does not hides no other.

    ValueError: there are some, and not one does.
    """
    found, senseless = [], 0
    for element in elements:
        try:
            found.append(read(element))
        except (AttributeError, TypeError, ValueError):
            senseless += 1
    if senseless and not found:
        raise ValueError("nothing makes sense")
    return found
