"""Working time (工作日). Time runs on working days only, all 24 hours of them; the day something starts does not count.

The calendar is handed in: which dates are worked is the country's business, not the rule book's.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol

DAY = timedelta(days=1)


class Calendar(Hashable, Protocol):
    """The hall's country: its time zone, and which dates are worked (public holidays, swapped weekends)."""

    @property
    def zone(self) -> tzinfo: ...

    def is_working_day(self, day: date) -> bool: ...


def midnight(day: date, calendar: Calendar) -> datetime:
    return datetime.combine(day, time.min, calendar.zone)


def clock_start(at: datetime, calendar: Calendar) -> datetime:
    """When a term that begins with ``at`` starts to count: the midnight after it."""
    return midnight(at.astimezone(calendar.zone).date() + DAY, calendar)


def working_time(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """Working time between two instants; nothing when ``end`` comes first."""
    total = timedelta()
    at, end = start.astimezone(calendar.zone), end.astimezone(calendar.zone)
    while at < end:
        next_day = midnight(at.date() + DAY, calendar)
        if calendar.is_working_day(at.date()):
            total += min(next_day, end) - at
        at = next_day
    return total


@lru_cache(maxsize=1024)  # asked again at each look at a case, with the same answer
def after_working_time(start: datetime, span: timedelta, calendar: Calendar) -> datetime:
    """The instant at which ``span`` of working time has passed since ``start``."""
    at = start.astimezone(calendar.zone)
    while True:
        next_day = midnight(at.date() + DAY, calendar)
        if calendar.is_working_day(at.date()):
            if span <= next_day - at:
                return at + span
            span -= next_day - at
        at = next_day


def next_working_day(day: date, calendar: Calendar) -> date:
    """The first working day after ``day``."""
    day += DAY
    while not calendar.is_working_day(day):
        day += DAY
    return day
