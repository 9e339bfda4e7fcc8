"""Instants as every store keeps them."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def sortable(at: datetime) -> str:
    """UTC in a fixed width, so that the order of the texts is the order of the instants."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """The instant that ``sortable`` wrote."""
    return datetime.fromisoformat(text)


def end_second(at: datetime) -> int:
    """The end of a record, in seconds since 1970, rounded up. DynamoDB's time to live knows nothing finer."""
    return math.ceil(at.timestamp())


def this_second(now: datetime) -> int:
    """Now, in seconds since 1970, rounded down: a record is over when its ``end_second`` is not greater."""
    return math.floor(now.timestamp())
