"""Short texts in the hall's languages: messages to applicants, error texts, titles of states. One JSON file a language.

English is the source. What a language lacks is said in a closer one, at last in English: ``fallbacks``. The pages may
speak more languages than the hall (``chalicelib/web/words.py``); ``closest`` is the hall's language for their readers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

DEFAULT = "zh-CN"
SOURCE = "en"

# Regions that say in which script Chinese is read there (CLDR, likely subtags).
SCRIPTS = {"zh-hk": "zh-hant-hk", "zh-mo": "zh-hant-mo", "zh-tw": "zh-hant-tw"}


@cache
def languages() -> tuple[str, ...]:
    """Codes (BCP 47) of the languages that the hall speaks everywhere, its default first."""
    found = sorted(p.name.removesuffix(".json") for p in files("chalicelib").joinpath("locales").iterdir())
    return (DEFAULT, *(code for code in found if code != DEFAULT))


def fallbacks(language: str) -> tuple[str, ...]:
    """Where to look for a text, in this order: ``zh-Hant`` → ``("zh-Hant", "zh-CN", "en")``."""
    related = (code for code in languages() if _primary(code) == _primary(language))
    return tuple(dict.fromkeys((language, *related, SOURCE)))


def closest(language: str) -> str:
    """The hall's language for a reader of this one: that of a service's contents and of a case's messages."""
    return next(code for code in fallbacks(language) if code in languages())


@cache
def catalogue(language: str) -> dict[str, str]:
    """Key → text of one of the hall's languages."""
    path = files("chalicelib").joinpath("locales", f"{language}.json")
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def text(key: str, language: str, **values: object) -> str:
    """The text with its values filled in; KeyError for a key that even the source language lacks."""
    told = (catalogue(code) for code in fallbacks(language) if code in languages())
    found = next((texts[key] for texts in told if key in texts), None)
    return (found or catalogue(SOURCE)[key]).format(**values)


def best_language(wanted: str, known: Iterable[str] | None = None) -> str:
    """The language that fits an ``Accept-Language`` header or a language code best; else the default.

    ``known``: the languages to choose from, the hall's when it is None. Codes are shortened from the right until one is
    known (RFC 4647, section 3.4), at last to any of the same language: ``zh-HK`` → ``zh-Hant``, else ``zh-CN``.
    """
    codes = tuple(languages() if known is None else known)
    for code, quality in sorted(_preferences(wanted), key=lambda item: -item[1]):
        found = _lookup(SCRIPTS.get(code, code), codes) if quality > 0 else None
        if found:
            return found
    return DEFAULT


def _lookup(code: str, known: tuple[str, ...]) -> str | None:
    exact = {one.lower(): one for one in known}
    parts = code.split("-")
    for length in range(len(parts), 0, -1):
        found = exact.get("-".join(parts[:length]))
        if found:
            return found
    return next((one for one in known if _primary(one) == parts[0]), None)


def _primary(code: str) -> str:
    return code.partition("-")[0].lower()


def _preferences(header: str) -> list[tuple[str, float]]:
    found = []
    for part in header.split(","):
        code, _, parameters = part.strip().partition(";")
        quality = parameters.strip().removeprefix("q=")
        try:
            found.append((code.strip().lower(), float(quality) if quality else 1.0))
        except ValueError:
            continue
    return found
