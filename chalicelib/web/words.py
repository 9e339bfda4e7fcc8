"""What pages say: texts of the pages and of the hall, days, times and money in the reader's language.

The pages' texts are ``locales/<language>/<area>.po`` under keys such as ``form.continue``; ``infra/web/texts.py`` makes
one ``pages.mo`` a language of them, which is what is read here, with the language's own forms of dates and numbers.
A text may have places to fill, ``{name}``; one with plural forms is chosen by the value of ``n``.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from gettext import GNUTranslations
from importlib.resources import files
from importlib.resources.abc import Traversable

from chalicelib import texts

COMPILED = "pages.mo"
MINOR_UNITS = 100  # of every currency that the services use
KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE


@cache
def languages() -> tuple[str, ...]:
    """Codes (BCP 47) of the languages that the pages speak, those of the whole hall first."""
    found = sorted(folder.name for folder in _room().iterdir() if folder.is_dir())
    return (*texts.languages(), *(code for code in found if code not in texts.languages()))


def say(key: str, language: str, **values: object) -> str:
    """A text of the pages or of the hall, in the language or in one that stands in for it. KeyError: none has it."""
    found = _found(key, language, values.get("n"))
    if found is None:
        raise KeyError(key)
    marked = any(hasattr(value, "__html__") for value in values.values())
    return (_html(found) if marked else found).format(**values)


def said(text: str, language: str) -> str:
    """What a service says, for the midst of a page in this language: marked as HTML when it is in another."""
    spoken = texts.closest(language)
    return text if spoken == language else _html('<span lang="{}">{}</span>').format(spoken, text)


def _html(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (our own; what is filled in is escaped)


def knows(key: str, language: str = texts.SOURCE) -> bool:
    return _found(key, language) is not None


def _found(key: str, language: str, n: object = None) -> str | None:
    """The text with its places still to fill."""
    told = (_told(key, code, n) for code in texts.fallbacks(language))
    return next((text for text in told if text is not None), None)


def _told(key: str, language: str, n: object) -> str | None:
    """What the pages say in this very language, else the hall. gettext answers with the key when it knows no text."""
    if language in languages():
        pages = _pages(language)
        text = pages.ngettext(key, key, n) if isinstance(n, int) else key
        text = pages.gettext(key) if text == key else text
        if text != key:
            return text
    return texts.catalogue(language).get(key) if language in texts.languages() else None


@cache
def _pages(language: str) -> GNUTranslations:
    with _room().joinpath(language, COMPILED).open("rb") as compiled:
        return GNUTranslations(compiled)


def _room() -> Traversable:
    return files("chalicelib.web").joinpath("locales")


def money(amount: int, currency: str, language: str) -> str:
    """1200, "cny" → ``¥12.00``; a currency for which the language has no sign goes by its code."""
    number = _number(amount / MINOR_UNITS, 2, language)
    sign = f"currency.{currency.upper()}"
    if not knows(sign, language):
        return f"{number}\N{NO-BREAK SPACE}{currency.upper()}"
    return say("money", language, symbol=say(sign, language), number=number)


def percent(share: float, language: str) -> str:
    """0.8 → ``80%``."""
    return say("number.percent", language, number=_number(share * 100, 0, language))


def size(content: int, language: str) -> str:
    """Bytes, as phones count them: 10485760 → ``10 MB``, 4700000 → ``4.5 MB``, 300 → ``1 kB``."""
    if content < 1000 * KILOBYTE:
        return say("size.kilobyte", language, number=_number(max(content / KILOBYTE, 1), 0, language))
    tenths = round(content * 10 / MEGABYTE)
    return say("size.megabyte", language, number=_number(tenths / 10, 1 if tenths % 10 else 0, language))


def day(on: date | str, language: str) -> str:
    """A date, or one as ``2026-11-23``, with its day of the week."""
    on = date.fromisoformat(on) if isinstance(on, str) else on
    names = {"MMMM": say(f"month.{on.month}", language), "EEEE": say(f"weekday.{on.isoweekday()}", language)}
    numbers = {"y": on.year, "M": on.month, "MM": f"{on:%m}", "d": on.day, "dd": f"{on:%d}"}
    return say("date.full", language, **names, **numbers)


def moment(at: datetime | str, language: str) -> str:
    """An instant of the hall's time zone, to the minute."""
    at = _instant(at)
    return say("date.time", language, day=day(at.date(), language), time=_clock("time.short", at, language))


def window(start: datetime | str, end: datetime | str, language: str) -> str:
    """A courier's window, in instants of the hall's time zone: the day, from and to."""
    first, last = _instant(start), _instant(end)
    if first.date() != last.date():
        return say("date.range", language, start=moment(first, language), end=moment(last, language))
    return say("date.time", language, day=day(first.date(), language), time=hours(first, last, language))


def hours(start: datetime | time, end: datetime | time, language: str) -> str:
    """From and to on one day: ``9:00–12:00``."""
    return _clock("time.from", start, language) + _clock("time.to", end, language)


def _instant(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _clock(key: str, at: datetime | time, language: str) -> str:
    return say(key, language, H=at.hour, HH=f"{at:%H}", mm=f"{at:%M}")


def _number(number: float, places: int, language: str) -> str:
    signs = str.maketrans({",": say("number.group", language), ".": say("number.decimal", language)})
    return f"{number:,.{places}f}".translate(signs)
