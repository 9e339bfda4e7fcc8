"""The times that couriers write. In China they write Beijing time, without a zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
FORM = "%Y-%m-%d %H:%M:%S"
_FIRST, _LAST = 2000, 2199  # far enough from the ends of the calendar that any zone can be reckoned with


def in_beijing(at: datetime) -> str:
    """An aware time as they write it: ``2026-01-05 09:02:03``."""
    return at.astimezone(BEIJING).strftime(FORM)


def from_beijing(text: str) -> datetime:
    """What they wrote, aware. ValueError: no time at which a parcel can have moved."""
    return plausible(datetime.strptime(text, FORM).replace(tzinfo=BEIJING))


def plausible(at: datetime) -> datetime:
    """The very time; ValueError: no parcel can have moved then."""
    if not _FIRST <= at.year <= _LAST:
        raise ValueError("no time of a parcel")
    return at
