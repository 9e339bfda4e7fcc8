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
from chalicelib.web import answers, conditions, dates, telling, windows, words
from chalicelib.web.questions import (
    Branches,
    Choice,
    Group,
    Opening,
    Part,
    Question,
    Repeat,
    element_id,
    everything,
    questions,
)
from chalicelib.web.sections import Section, sections

Schema = Mapping[str, Any]
Body = Mapping[str, list[str]]

UPLOADS = "_uploads/"  # before the name of a document: the field with its uploads
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
    def _read(self) -> tuple[dict[str, Any], tuple[Part, ...]]:
        return answers.read(self.schema, self.body)

    @property
    def answers(self) -> dict[str, Any]:
        return self._read[0]

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What is asked now, and what other answers may bring up (not ``asked``)."""
        parts = self._read[1]
        return parts if self.only == ("",) else tuple(_kept(parts, self.only))

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The page's sections."""
        return sections(self)

    @cached_property
    def rules(self) -> str:
        """For the page's script: JSON that can stand in a script element; "" where it has nothing to decide."""
        if self.only != ("",):
            return ""  # what was marked is asked, whatever the answers that stay as they are
        decides = any(isinstance(part, Branches) for part in everything(self.parts))
        return conditions.rules(self.schema, always=decides)

    @property
    def asked(self) -> str:
        return conditions.told(question.pointer for question in questions(self.parts))

    def unseen(self) -> dict[str, str]:
        """Questions, with their titles, that the page which was sent did not show: other answers bring them up."""
        shown = conditions.heard(self.body.get(ASKED, [""])[-1])
        return {
            question.pointer: self.title(question)
            for question in questions(self.parts)
            if question.control != "fixed" and question.pointer not in shown
        }

    def brings_up(self, before: Form) -> Iterator[str]:
        """Places that these answers ask about or need answered, and the answers before did not."""
        then = {part.place: part for part in everything(before.parts)}
        for part in everything(self.parts):
            needed = isinstance(part, Question) and part.required and not self.given(part)
            if part.place not in then or (needed and not then[part.place].required):
                yield part.place

    # --- what was entered ---

    def title(self, part: Part) -> str:
        return part.title or (words.say(part.say, self.language) if part.say else "")

    def given(self, part: Part) -> list[str]:
        """As it was typed or chosen."""
        return list(self.body.get(part.pointer, []))

    def date(self, question: Question) -> dict[str, str]:
        """Year, month and day as they were typed."""
        return dates.entered(self.body, question.pointer)

    def wrong_of_date(self, question: Question) -> list[str]:
        """Which of its fields to mark."""
        return dates.wrong(self.body, question.pointer)

    def choices(self, part: Question | Branches) -> tuple[Choice, ...]:
        """What can be chosen, in words, the courier's windows included."""
        if isinstance(part, Question) and part.control == "window":
            return windows.choices(self.now, self.calendar, self.language)
        return tuple(self._said(number, choice) for number, choice in enumerate(part.choices, start=1))

    def _said(self, number: int, choice: Choice) -> Choice:
        return replace(choice, title=choice.title or words.say(choice.say, self.language, number=number))

    def told(self, part: Part) -> str:
        """The answers of a part in words, a line each; "" for none."""
        return telling.told(self, part)

    def hidden(self) -> Iterator[tuple[str, str]]:
        """Every field of what is asked, for the next page to carry along."""
        for part in everything(self.parts):
            for name in part.fields if isinstance(part, Question) else (part.pointer,):
                yield from ((name, value) for value in self.body.get(name, []))
        yield from ((item.place, "") for item in self._rows() if item.place not in self.body)

    def _rows(self) -> Iterator[Part]:
        """Items of lists that are no plain questions, and what is opened: there, though nothing may be filled in."""
        for part in everything(self.parts):
            if isinstance(part, Repeat | Opening):
                yield from (item for item in part.parts if not isinstance(item, Question))

    # --- buttons ---

    def with_item(self, pointer: str) -> Form:
        """With one more item in the list, or the part opened."""
        part = self._at(pointer)
        return replace(self, body=answers.with_item(self.body, part)) if part else self

    def without_item(self, pointer: str) -> Form:
        """Without this item, or with the part closed."""
        part = self._at(pointer) or self._at(pointer.rpartition("/")[0])
        return replace(self, body=answers.without_item(self.body, pointer, part)) if part else self

    def _at(self, pointer: str) -> Repeat | Opening | None:
        found = (part for part in everything(self.parts) if isinstance(part, Repeat | Opening))
        return next((part for part in found if part.pointer == pointer), None)

    # --- faults ---

    def errors(self, faults: Iterable[Fault]) -> dict[str, str]:
        """Message by the pointer of the part that shows it; one each, in the order of the page."""
        parts = list(everything(self.parts))
        found: dict[str, str] = {}
        for fault in faults:
            part = _closest(parts, fault.pointer)
            found.setdefault(part.pointer if part else "", self._message(part, fault))
        return {pointer: found[pointer] for pointer in ["", *(p.pointer for p in parts)] if pointer in found}

    def _message(self, part: Part | None, fault: Fault) -> str:
        if isinstance(part, Branches) and not part.chosen:
            key = "form.choose_which" if part.title else "form.choose_one"
            return words.say(key, self.language, title=part.title)
        if isinstance(part, Question) and part.control == "date":
            return dates.trouble(self.body, part, self.language) or fault.message
        return fault.message

    def summary(self, pointers: Mapping[str, str]) -> list[dict[str, str]]:
        """Links to parts with their words; what stands in a group within a group is told with that group's title."""
        parts = {part.pointer: part for part in everything(self.parts)}
        above = {below.pointer: part.title for part in self._inner_groups() for below in everything(part.parts)}
        colon = words.say("form.colon", self.language)
        return [
            {"href": f"#{self.target(parts.get(p), p)}", "text": f"{above[p]}{colon}{text}" if above.get(p) else text}
            for p, text in pointers.items()
        ]

    def target(self, part: Part | None, pointer: str = "") -> str:
        """The id of the first control of a part, or of the place of a document."""
        if pointer.startswith(UPLOADS):
            return f"uploads-{pointer.removeprefix(UPLOADS)}"
        if isinstance(part, Question):
            return dates.target(self.body, part) if part.control == "date" else part.id
        first = None if isinstance(part, Branches) else next(questions(part.parts), None) if part else None
        return self.target(first) if first else part.id if part else element_id(pointer)

    def _inner_groups(self) -> Iterator[Group]:
        return (part for part in everything(self.parts) if isinstance(part, Group) and part.pointer.count("/") > 1)


def _closest(parts: Sequence[Part], pointer: str) -> Part | None:
    """The innermost part around a fault; None for the form as a whole."""
    around = [part for part in parts if within(pointer, [part.place])]
    return max(around, key=lambda part: (part.place.count("/"), _tells(part)), default=None)


def _tells(part: Part) -> int:
    """Of parts at the same place: alternatives while none is chosen, else what is within them."""
    if isinstance(part, Branches):
        return 0 if part.chosen else 3
    return 1 if isinstance(part, Opening) else 2


def _kept(parts: Iterable[Part], only: Sequence[str]) -> Iterator[Part]:
    """The parts at these pointers, without what stands beside them."""
    for part in parts:
        if within(part.place, only):
            yield part
        elif isinstance(part, Group):
            inner = tuple(_kept(part.parts, only))
            if inner:
                yield replace(part, parts=inner)
        elif not isinstance(part, Question):
            yield from _kept(part.parts, only)


def new_key() -> str:
    """Names one application: sent twice with the same key, it is one."""
    return secrets.token_urlsafe(24)
