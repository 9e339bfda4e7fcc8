"""When a courier may call, as choices: the next working days, in parts of a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby

from chalicelib.domain.clock import DAY, Calendar
from chalicelib.web import words
from chalicelib.web.answers import WINDOW_SEPARATOR
from chalicelib.web.questions import Choice

DAYS = 6
PARTS_OF_DAY = ((time(9), time(12)), (time(13), time(18)), (time(18), time(20)))
NOTICE = timedelta(hours=2)  # for the courier, and for the applicant to gather the papers


@dataclass(frozen=True, slots=True)
class Day:
    """A day on which the courier can come; the titles of its times leave the day out."""

    number: int
    name: str
    times: tuple[Choice, ...]


def by_day(now: datetime, calendar: Calendar, language: str) -> tuple[Day, ...]:
    """The same as ``choices``, day by day."""
    days = groupby(_windows(now, calendar), lambda window: window[0].date())
    return tuple(
        Day(
            number, words.day(on, language), tuple(_choice(*window, words.hours(*window, language)) for window in times)
        )
        for number, (on, times) in enumerate(days, start=1)
    )


def choices(now: datetime, calendar: Calendar, language: str) -> tuple[Choice, ...]:
    """Windows from ``now`` on; a value is what ``answers`` reads."""
    return tuple(_choice(*window, words.window(*window, language)) for window in _windows(now, calendar))


def parts_of_day(language: str) -> str:
    """The times of a working day at which a courier may be asked to call, in words."""
    times = (words.hours(start, end, language) for start, end in PARTS_OF_DAY)
    return words.say("form.and", language).join(times)


def _choice(start: datetime, end: datetime, title: str) -> Choice:
    return Choice(f"{start.isoformat()}{WINDOW_SEPARATOR}{end.isoformat()}", title)


def _windows(now: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    on, days = now.astimezone(calendar.zone).date(), 0
    while days < DAYS:
        starts = [
            (datetime.combine(on, start, calendar.zone), datetime.combine(on, end, calendar.zone))
            for start, end in PARTS_OF_DAY
            if datetime.combine(on, start, calendar.zone) >= now + NOTICE
        ]
        if starts and calendar.is_working_day(on):
            yield from starts
            days += 1
        on += DAY
