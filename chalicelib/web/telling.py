"""Answers in words, to be checked before they are sent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.web import dates, words
from chalicelib.web.answers import WINDOW_SEPARATOR
from chalicelib.web.questions import Branches, Group, Opening, Part, Question, Repeat

if TYPE_CHECKING:
    from chalicelib.web.forms import Form


def told(form: Form, part: Part) -> str:
    """The answers of a part in words, a line each; "" for none. An address needs no names before its lines."""
    if not part.asked:
        return ""
    if isinstance(part, Question):
        return _words(form, part)
    if isinstance(part, Opening):
        return "\n".join(told(form, below) for below in part.parts)
    colon = words.say("form.colon", form.language)
    asked = [below for below in part.parts if below.asked]
    bare = isinstance(part, Repeat) or (isinstance(part, Group) and part.bare)
    lines = [(form.title(below), told(form, below)) for below in asked]
    told_of = "\n".join(line if bare else f"{title}{colon}{line}" for title, line in lines if line)
    if isinstance(part, Branches):
        alone = not part.apart and len(lines) == 1
        told_of = lines[0][1] if alone else told_of
        chosen = next((choice.title for choice in form.choices(part) if choice.value == part.chosen), "")
        return "\n".join(filter(None, (chosen, told_of)))
    return told_of


def _words(form: Form, question: Question) -> str:
    if question.control == "date":
        return _date(form, question)
    given = [value for value in form.given(question) if value.strip()]
    if not given or question.control == "fixed":
        return ""
    if question.control == "window":
        return _window(form, given[-1])
    if question.control == "agree":
        return words.say("form.yes", form.language)
    titles = {choice.value: choice.title for choice in form.choices(question)}
    return words.say("form.and", form.language).join(titles.get(value, value) for value in given)


def _date(form: Form, question: Question) -> str:
    year, month, day = (value.strip() for value in dates.entered(form.body, question.pointer).values())
    if not (year or month or day):
        return "".join(form.given(question))
    try:
        return words.day(f"{int(year):04}-{int(month):02}-{int(day):02}", form.language)
    except ValueError:
        return f"{year}-{month}-{day}"


def _window(form: Form, value: str) -> str:
    try:
        start, end = (datetime.fromisoformat(at.upper()) for at in value.split(WINDOW_SEPARATOR))
        zone = form.calendar.zone
        return words.window(start.astimezone(zone), end.astimezone(zone), form.language)
    except (ValueError, OverflowError):
        return value
