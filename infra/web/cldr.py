"""How a language writes days, times, numbers and money, from the Unicode CLDR: as texts of the pages.

Babel knows all this at run time too, for 65 ms of a cold start and 30 MB of data (docs/adr/texts.md). Here it tells the
few patterns and names that the pages use, once; ``chalicelib/web/words.py`` fills them in.
"""

from __future__ import annotations

import re

from babel import Locale, UnknownLocaleError
from babel.dates import DateTimePattern
from babel.dates import parse_pattern as date_pattern
from babel.units import format_unit

# The pages' English is British; CLDR's plain "en" is that of the United States.
REGIONS = {"en": "en-GB"}

CLOCK = "Hm"  # the 24-hour clock everywhere, as on tickets and in couriers' messages
UNITS = ("kilobyte", "megabyte")

# What words.py knows to fill in.
FIELDS = frozenset({"y", "M", "MM", "MMMM", "d", "dd", "EEEE", "H", "HH", "mm"})

_FIELD = re.compile(r"%\((\w+)\)s")
_NUMBER = re.compile(r"[#0][#0,.]*")


class FormUnknown(Exception):
    """CLDR does not know the language, or it writes in a way that ``words.py`` can't; the text says what."""


def forms(language: str) -> dict[str, str]:
    """Key → text: ``date.full`` → ``{EEEE}, {d} {MMMM} {y}``, ``month.1`` → ``January`` and so on. FormUnknown."""
    try:
        locale = Locale.parse(REGIONS.get(language, language), sep="-")
    except (UnknownLocaleError, ValueError) as unknown:
        raise FormUnknown(f"Unicode's CLDR knows no language {language}") from unknown
    name = {"language.name": locale.language_name or language}
    return {**name, **_dates(locale), **_names(locale), **_numbers(locale), **_currencies(locale)}


def _dates(locale: Locale) -> dict[str, str]:
    start, end = locale.interval_formats[CLOCK]["H"]
    return {
        "date.full": _places(locale.date_formats["full"]),
        "date.time": str(locale.datetime_formats["full"]).format("{time}", "{day}"),
        "date.range": str(locale.interval_formats[None]).format("{start}", "{end}"),
        "time.short": _places(locale.datetime_skeletons[CLOCK]),
        "time.from": _places(date_pattern(start)),
        "time.to": _places(date_pattern(end)),
    }


def _places(pattern: DateTimePattern) -> str:
    places = str(pattern.format)  # such as %(d)s %(MMMM)s
    unknown = set(_FIELD.findall(places)) - FIELDS
    if unknown:
        raise FormUnknown(f"{pattern.pattern} has fields that words.py does not fill in: {sorted(unknown)}")
    return _FIELD.sub(r"{\1}", places).replace("%%", "%")


def _names(locale: Locale) -> dict[str, str]:
    months, days = locale.months["format"]["wide"], locale.days["format"]["wide"]
    return {
        **{f"month.{number}": months[number] for number in range(1, 13)},
        **{f"weekday.{number + 1}": days[number] for number in range(7)},
    }


def _numbers(locale: Locale) -> dict[str, str]:
    if locale.decimal_formats[None].grouping != (3, 3):
        raise FormUnknown(f"{locale.english_name} does not group digits by thousands, as words.py does")
    return {
        "number.group": locale.number_symbols["latn"]["group"],
        "number.decimal": locale.number_symbols["latn"]["decimal"],
        "number.percent": _NUMBER.sub("{number}", locale.percent_formats[None].pattern.partition(";")[0]),
        **{f"size.{unit}": format_unit("{number}", f"digital-{unit}", "short", locale=locale) for unit in UNITS},
    }


def _currencies(locale: Locale) -> dict[str, str]:
    pattern = locale.currency_formats["standard"].pattern.partition(";")[0]
    return {
        "money": _NUMBER.sub("{number}", pattern).replace("¤", "{symbol}"),
        **{f"currency.{code}": symbol for code, symbol in locale.currency_symbols.items() if symbol != code},
    }
