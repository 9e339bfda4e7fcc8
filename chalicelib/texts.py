"""Short texts in the hall's languages: messages to applicants, error texts, titles of states. One JSON file a language.

English is the source; a text that a language lacks is shown in English. Adding a language is adding a file. A package
may have ``locales`` of its own: its name is the ``room``.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

DEFAULT = "zh-CN"
SOURCE = "en"
ROOM = "chalicelib"


@cache
def languages() -> tuple[str, ...]:
    """Codes of the languages there are, the hall's default first."""
    found = sorted(p.name.removesuffix(".json") for p in files(ROOM).joinpath("locales").iterdir())
    return (DEFAULT, *(code for code in found if code != DEFAULT))


@cache
def catalogue(language: str, room: str = ROOM) -> dict[str, str]:
    """Key → text of one language."""
    path = files(room).joinpath("locales", f"{language}.json")
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def text(key: str, language: str, *, room: str = ROOM, **values: object) -> str:
    """The text with its values filled in; KeyError for a key that even the source language lacks."""
    found = catalogue(language, room).get(key) if language in languages() else None
    return (found or catalogue(SOURCE, room)[key]).format(**values)


def best_language(wanted: str) -> str:
    """The hall's language that fits an ``Accept-Language`` header or a language code best; else the default."""
    ranked = sorted(_preferences(wanted), key=lambda item: -item[1])
    for code, quality in ranked:
        if quality <= 0:
            continue
        for known in languages():
            if known.lower() == code or known.lower().split("-")[0] == code.split("-")[0]:
                return known
    return DEFAULT


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
