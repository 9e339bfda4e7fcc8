"""What pages say: texts of the pages and of the hall, days, times and money in the reader's language.

The pages' texts are ``locales/<language>/<area>.po`` under keys such as ``form.continue``; ``infra/web/texts.py`` makes
one ``pages.mo`` a language of them, which is what is read here. A text may have places to fill, ``{name}``; one with
plural forms is chosen by the value of ``n``.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations
from importlib.resources import files
from importlib.resources.abc import Traversable

from chalicelib import texts

COMPILED = "pages.mo"
MINOR_UNITS = 100  # of every currency that the services use


@cache
def languages() -> tuple[str, ...]:
    """Codes (BCP 47) of the languages that the pages speak, those of the whole hall first."""
    found = sorted(folder.name for folder in _room().iterdir() if folder.is_dir())
    return (*texts.languages(), *(code for code in found if code not in texts.languages()))


def say(key: str, language: str, **values: object) -> str:
    """A text of the pages, else of the hall. KeyError when neither has it."""
    found = _found(key, language, values.get("n"))
    return texts.text(key, language, **values) if found is None else found.format(**values)


def knows(key: str) -> bool:
    return _found(key, texts.SOURCE) is not None or key in texts.catalogue(texts.SOURCE)


def _found(key: str, language: str, n: object = None) -> str | None:
    """The text with its places still to fill. gettext answers with the key itself when it knows none."""
    pages = _pages(language)
    told = pages.ngettext(key, key, n) if isinstance(n, int) else key
    told = pages.gettext(key) if told == key else told
    return None if told == key else told


@cache
def _pages(language: str) -> GNUTranslations:
    """The pages' texts of a language; behind them those that stand in for what it lacks."""
    first, *others = [_read(code) for code in texts.fallbacks(language) if code in languages()]
    for other in others:
        first.add_fallback(other)
    return first


def _read(language: str) -> GNUTranslations:
    with _room().joinpath(language, COMPILED).open("rb") as compiled:
        return GNUTranslations(compiled)


def _room() -> Traversable:
    return files("chalicelib.web").joinpath("locales")


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
