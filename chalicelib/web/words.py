"""What pages say: texts of the pages and of the hall, days, times and money in the reader's language."""

from __future__ import annotations

from datetime import date, datetime

from chalicelib.texts import ROOM as HALL
from chalicelib.texts import SOURCE, catalogue, text

ROOM = "chalicelib.web"
MINOR_UNITS = 100  # of every currency that the services use


def say(key: str, language: str, **values: object) -> str:
    """A text of the pages, else of the hall. KeyError when neither has it."""
    room = ROOM if key in catalogue(SOURCE, ROOM) else HALL
    return text(key, language, room=room, **values)


def knows(key: str) -> bool:
    return key in catalogue(SOURCE, ROOM) or key in catalogue(SOURCE)


def money(amount: int, currency: str, language: str) -> str:
    """1200, "cny" → ``¥12.00``."""
    number = f"{amount // MINOR_UNITS:,}.{amount % MINOR_UNITS:02}"
    key = f"money.{currency}"
    return say(key, language, number=number) if knows(key) else f"{number} {currency.upper()}"


def day(on: date | str, language: str) -> str:
    """A date, or one as ``2026-11-23``, with its day of the week."""
    on = date.fromisoformat(on) if isinstance(on, str) else on
    names = {"month": say(f"month.{on.month}", language), "weekday": say(f"weekday.{on.isoweekday()}", language)}
    return say("date.long", language, year=on.year, day=on.day, **names)


def moment(at: datetime | str, language: str) -> str:
    """An instant of the hall's time zone, to the minute."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return say("date.time", language, day=day(at.date(), language), time=f"{at:%H:%M}")


def window(start: datetime | str, end: datetime | str, language: str) -> str:
    """A courier's window, in instants of the hall's time zone: the day, from and to."""
    first, last = (datetime.fromisoformat(at) if isinstance(at, str) else at for at in (start, end))
    return say("date.window", language, day=day(first.date(), language), start=f"{first:%H:%M}", end=f"{last:%H:%M}")
