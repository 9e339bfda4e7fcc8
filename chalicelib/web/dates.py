"""Dates in three fields: what was typed, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from chalicelib.web import words
from chalicelib.web.answers import plain_digits
from chalicelib.web.questions import DATE, Question, element_id

Body = Mapping[str, list[str]]

NAMES = {"year": DATE[0], "month": DATE[1], "day": DATE[2]}


def entered(body: Body, pointer: str) -> dict[str, str]:
    """Year, month and day as typed. A date that came in one field is taken apart."""
    given = {name: (body.get(f"{pointer}/{token}") or [""])[-1] for name, token in NAMES.items()}
    if any(given.values()):
        return given
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", (body.get(pointer) or [""])[-1].strip(), re.ASCII)
    return {name: found[number].lstrip("0") if found else "" for number, name in enumerate(NAMES, start=1)}


def missing(body: Body, pointer: str) -> list[str]:
    """Which of the three are blank or no number, where another is given."""
    given = entered(body, pointer)
    blank = [name for name, value in given.items() if not value.strip()]
    return blank if len(blank) < len(NAMES) else []


def trouble(body: Body, question: Question, language: str) -> str:
    """What is wrong with the three fields, in words; "" for nothing that can be told from them."""
    blank = missing(body, question.pointer)
    if blank:
        names = words.say("form.and", language).join(words.say(f"form.{name}", language) for name in blank)
        return words.say("form.date_missing", language, title=question.title, names=names)
    given = entered(body, question.pointer)
    if any(given.values()) and not _exists(given):
        return words.say("form.date_unreal", language, title=question.title)
    return ""


def target(body: Body, question: Question) -> str:
    """The id of the field to put right, else of the first."""
    return element_id(f"{question.pointer}/{NAMES[wrong(body, question.pointer)[0]]}")


def wrong(body: Body, pointer: str) -> list[str]:
    """The fields to mark: those that are blank while others are not, else all."""
    return missing(body, pointer) or list(NAMES)


def _exists(given: Mapping[str, str]) -> bool:
    try:
        year, month, day = (int(plain_digits(given[name])) for name in NAMES)
        date(year, month, day)
    except ValueError:
        return False
    return year >= 1000
