"""The form's one page in sections: what its list of contents names, and how far the applicant has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from chalicelib.web import dates, words
from chalicelib.web.questions import Branches, Group, Opening, Part, Question

if TYPE_CHECKING:
    from chalicelib.web.forms import Form

FEW = 3  # questions that the first one's title can stand for


@dataclass(frozen=True, slots=True)
class Section:
    """Part of the page: a group, or questions that stand by themselves. ``target`` is the id of its first control or
    heading; ``needed``: something in it has to be answered; ``done``: all that has to be is.
    """

    title: str
    target: str
    pointer: str
    parts: tuple[Part, ...]
    needed: bool
    done: bool

    @property
    def shown(self) -> bool:
        """Whether the page shows anything of it now."""
        return any(part.asked and not (isinstance(part, Question) and part.control == "fixed") for part in self.parts)

    @property
    def places(self) -> list[str]:
        """Pointers of its parts."""
        return [part.pointer for part in self.parts]

    @property
    def rows(self) -> tuple[Part, ...]:
        """What is told line by line: the parts of its one group, else its own."""
        first = self.parts[0]
        return first.parts if isinstance(first, Group) else self.parts


def sections(form: Form) -> tuple[Section, ...]:
    """In the order of the page; parts that are not asked now come along where they stand."""
    runs = (list(run) for _, run in groupby(enumerate(form.parts), key=_together))
    return tuple(_section(form, tuple(part for _, part in run)) for run in runs)


def _together(numbered: tuple[int, Part]) -> int:
    """Questions that follow one another are one section."""
    number, part = numbered
    return -1 if isinstance(part, Question) else number


def _section(form: Form, parts: tuple[Part, ...]) -> Section:
    asked = [part for part in parts if part.asked]
    shown = [part for part in asked if not isinstance(part, Question) or part.control != "fixed"]
    first = (shown or parts)[0]
    title = form.title(first) if len(shown) <= FEW else words.say("form.questions", form.language)
    needed = list(_needed(asked))
    return Section(
        title=title,
        target=first.id if not isinstance(first, Question) else form.target(first),
        pointer=first.pointer,
        parts=parts,
        needed=bool(needed),
        done=all(_filled(part, form) for part in needed),
    )


def _needed(parts: Sequence[Part]) -> Iterator[Part]:
    """What has to be answered. In what may be left out, only once something is filled in does the rest have to be."""
    for part in parts:
        if not part.asked or not part.required:
            continue
        match part:
            case Question():
                if part.control != "fixed" and part.reads != "choices" and not part.null:
                    yield part
            case Branches():
                yield part
                yield from _needed(part.parts)
            case Opening() if not part.parts:
                yield part
            case _:
                yield from _needed(part.parts)


def _filled(part: Part, form: Form) -> bool:
    if isinstance(part, Question) and part.control == "date" and dates.missing(form.body, part.pointer):
        return False
    return any(value.strip() for name in _names(part) for value in form.body.get(name, []))


def _names(part: Part) -> Sequence[str]:
    return part.fields if isinstance(part, Question) else (part.pointer,)
