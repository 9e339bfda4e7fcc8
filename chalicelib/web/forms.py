"""A form in the browser: what was sent, which questions that leaves, and what is wrong with the answers."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from chalicelib.domain.clock import Calendar
from chalicelib.forms.pointers import within
from chalicelib.web import answers, windows, words
from chalicelib.web.questions import (
    YES,
    Choice,
    Group,
    Part,
    Question,
    Repeat,
    element_id,
    everything,
    parts_of,
    questions,
)

Schema = Mapping[str, Any]
Body = Mapping[str, list[str]]

ASKED = "_asked"  # the hidden field with the pointers of the questions that the page showed


class Fault(Protocol):
    @property
    def pointer(self) -> str: ...
    @property
    def message(self) -> str: ...


@dataclass(frozen=True)
class Form:
    """A form filled in so far. ``only`` keeps it to these pointers (a correction); "" for all."""

    schema: Schema
    body: Body
    language: str
    now: datetime
    calendar: Calendar
    only: tuple[str, ...] = ("",)

    @cached_property
    def _read(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return answers.read(self.schema, self.body)

    @property
    def answers(self) -> dict[str, Any]:
        return self._read[0]

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What is asked now."""
        _, schema = self._read
        parts = parts_of(schema, answers.lengths(self.body, schema))
        return parts if self.only == ("",) else tuple(_kept(parts, self.only))

    @property
    def asked(self) -> str:
        return " ".join(question.pointer for question in questions(self.parts))

    def unseen(self) -> dict[str, str]:
        """Questions, with their titles, that the page which was sent did not show: other answers bring them up."""
        shown = self.body.get(ASKED, [""])[-1].split()
        return {question.pointer: question.title for question in questions(self.parts) if question.pointer not in shown}

    def given(self, question: Question) -> list[str]:
        """As it was typed or chosen."""
        return list(self.body.get(question.pointer, []))

    def choices(self, question: Question) -> tuple[Choice, ...]:
        """What can be chosen, the courier's windows included; what was chosen before is not lost."""
        if question.control != "window":
            return question.choices
        return windows.choices(self.now, self.calendar, self.language)

    def told(self, part: Part) -> str:
        """The answers of a part in words, a line each; "" for none. An address needs no names before its lines."""
        if isinstance(part, Question):
            return self._words(part)
        bare = isinstance(part, Repeat) or part.bare
        colon = words.say("form.colon", self.language)
        lines = ((below.title, self.told(below)) for below in part.parts)
        return "\n".join(told if bare else f"{title}{colon}{told}" for title, told in lines if told)

    def _words(self, question: Question) -> str:
        given = [value for value in self.given(question) if value.strip()]
        if not given:
            return ""
        match question.control:
            case "yesno" | "agree":
                return words.say("form.yes" if given[-1] == YES else "form.no", self.language)
            case "date":
                return words.day(given[-1], self.language)
            case "window":
                ends = given[-1].split(answers.WINDOW_SEPARATOR)
                start, end = (datetime.fromisoformat(at.upper()).astimezone(self.calendar.zone) for at in ends)
                return words.window(start, end, self.language)
        titles = {choice.value: choice.title for choice in question.choices}
        return words.say("form.and", self.language).join(titles.get(value, value) for value in given)

    def hidden(self) -> Iterator[tuple[str, str]]:
        """Every field of the questions that are asked, for the next page to carry along."""
        for part in everything(self.parts):
            for value in self.body.get(part.pointer, []) if not isinstance(part, Group) else []:
                yield part.pointer, value
            if isinstance(part, Repeat):
                yield from ((item.pointer, "") for item in part.parts if isinstance(item, Group))

    def errors(self, faults: Iterable[Fault]) -> dict[str, str]:
        """Message by the pointer of the part that shows it; one each, in the order of the page."""
        places = [part.pointer for part in everything(self.parts)]
        found: dict[str, str] = {}
        for fault in faults:
            found.setdefault(_closest(places, fault.pointer), fault.message)
        return {pointer: found[pointer] for pointer in ["", *places] if pointer in found}

    def summary(self, pointers: Mapping[str, str]) -> list[dict[str, str]]:
        """Links to parts with their words; what stands in a group within a group is told with that group's title."""
        above = {below.pointer: part.title for part in self._inner_groups() for below in everything(part.parts)}
        colon = words.say("form.colon", self.language)
        return [
            {"href": f"#{element_id(p)}", "text": f"{above[p]}{colon}{text}" if p in above else text}
            for p, text in pointers.items()
        ]

    def _inner_groups(self) -> Iterator[Group]:
        return (part for part in everything(self.parts) if isinstance(part, Group) and part.pointer.count("/") > 1)


def _closest(places: Sequence[str], pointer: str) -> str:
    """The innermost part around a fault, "" for the form as a whole."""
    return max((place for place in places if within(pointer, [place])), key=len, default="")


def _kept(parts: Iterable[Part], only: Sequence[str]) -> Iterator[Part]:
    """The parts at these pointers, without what stands beside them."""
    for part in parts:
        if within(part.pointer, only):
            yield part
        elif isinstance(part, Group):
            inner = tuple(_kept(part.parts, only))
            if inner:
                yield replace(part, parts=inner)
        elif isinstance(part, Repeat):
            yield from _kept(part.parts, only)


def new_key() -> str:
    """Names one application: sent twice with the same key, it is one."""
    return secrets.token_urlsafe(24)
