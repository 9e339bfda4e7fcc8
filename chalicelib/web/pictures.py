"""The way of a case as a picture that reads as text: a list whose line runs between the applicant's door and the hall.

A picture here is plain data; ``way.html`` draws it. Each stop's words say all that the drawing says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from chalicelib.domain.case import Case
from chalicelib.domain.clock import DAY, working_time
from chalicelib.usecases.tracking import promise_state
from chalicelib.web import words

DOOR, HALL = "door", "hall"

# Where a stop of the tracking page's timeline (``domain.status``) lies, and its drawing.
_TIMELINE: Mapping[str, tuple[str, str]] = {
    "submitted": (DOOR, "form"),
    "paid": (DOOR, "card"),
    "files": (HALL, "check"),
    "pre_check": (HALL, "check"),
    "pickup": (DOOR, "van"),
    "originals": (HALL, "envelope"),
    "review": (HALL, "stamp"),
    "dispatch": (HALL, "box"),
    "delivery": (DOOR, "van"),
    "closed": (DOOR, "tick"),
    "rejected": (DOOR, "stop"),
    "withdrawn": (DOOR, "stop"),
    "lapsed": (DOOR, "stop"),
}
_ANYWHERE = (HALL, "check")  # a stop that nobody has drawn yet


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several things that go on at the same time."""

    title: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A point of the way. ``lane`` is the side it lies on, ``leads`` the side of the next; "" at the end.

    ``state`` is ``done``, ``now``, ``ahead``, or "" for a way that nobody has gone yet.
    """

    title: str
    icon: str
    lane: str
    note: str = ""
    state: str = ""
    branches: tuple[Branch, ...] = ()
    leads: str = ""


def joined(stops: Iterable[Stop]) -> tuple[Stop, ...]:
    """The stops, each leading to the next."""
    found = list(stops)
    return (*(replace(stop, leads=after.lane) for stop, after in pairwise(found)), *found[-1:])


# --- of a service ---


def way_of_service(service: Mapping[str, Any], fee: int, language: str) -> tuple[Stop, ...]:
    """The steps of a service, drawn from its own fee, legs and tasks. ``service`` is a localized ``service.json``."""
    return joined(_steps(service, fee, language))


def _steps(service: Mapping[str, Any], fee: int, language: str) -> Iterator[Stop]:
    def step(name: str, icon: str, lane: str) -> Stop:
        title, note = (words.say(f"guide.step.{name}{part}", language) for part in ("", "_note"))
        return Stop(title, icon, lane, note)

    yield step("form", "form", DOOR)
    if fee:
        yield step("pay", "card", DOOR)
    yield from _reviews(service, "pre_check", "check", language)
    if "pickup" in service["legs"]:
        yield step("pickup", "van", DOOR)
        yield step("originals", "envelope", HALL)
    yield from _reviews(service, "review", "stamp", language)
    if any("certificate" in task for task in service["tasks"]):
        yield step("issue", "seal", HALL)
    if "delivery" in service["legs"]:
        yield step("delivery", "van", DOOR)
    yield step("rate", "star", DOOR)


def _reviews(service: Mapping[str, Any], stage: str, icon: str, language: str) -> Iterator[Stop]:
    """What departments do, one stop for all that goes on at the same time."""
    tasks = [task for task in service["tasks"] if task.get("stage", "review") == stage]
    for wave in waves(tasks):
        at_once = [Branch(words.said(task["title"], language), _by_whom(service, task, language)) for task in wave]
        if len(at_once) == 1:
            yield Stop(at_once[0].title, icon, HALL, at_once[0].note)
        else:
            yield Stop(words.say("guide.step.together", language, n=len(at_once)), icon, HALL, branches=tuple(at_once))


def _by_whom(service: Mapping[str, Any], task: Mapping[str, Any], language: str) -> str:
    department = words.said(service["departments"][task["department"]], language)
    return words.say("guide.step.by", language, department=department, n=task["working_days"])


def waves(tasks: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The tasks in groups that can go on at the same time: each after all that it names in ``after``."""
    waiting = list(tasks)
    while waiting:
        codes = {task["code"] for task in waiting}
        ready = [task for task in waiting if codes.isdisjoint(task.get("after", ()))]
        yield ready or waiting  # a circle is the linter's business
        waiting = [task for task in waiting if ready and task not in ready]


# --- of a case ---


def way_of_case(timeline: Sequence[Mapping[str, Any]], language: str) -> tuple[Stop, ...]:
    """The stops of ``present.public``'s timeline, with when each was done or that it is still to come."""
    return joined(
        Stop(
            title=words.say(f"timeline.{stop['code']}", language),
            icon=_TIMELINE.get(stop["code"], _ANYWHERE)[1],
            lane=_TIMELINE.get(stop["code"], _ANYWHERE)[0],
            note=words.moment(stop["at"], language) if stop["at"] else words.say(f"stop.{stop['state']}", language),
            state=stop["state"],
        )
        for stop in timeline
    )


# --- of the promise ---


@dataclass(frozen=True, slots=True)
class Dial:
    """The promise as a ring of working days: ``used`` of ``days`` have passed; ``today`` is one that counts."""

    days: int
    used: int
    today: bool
    state: str  # as ``tracking.promise_state``


def dial_of(case: Case, now: datetime) -> Dial:
    """How much of the promised time is used up, in whole days: a picture that changes once a day."""
    days, state = case.service.promise.working_days, promise_state(case)
    at = case.promise_stopped_at or now
    term = case.promise_term(at)
    if term is None:
        return Dial(days, 0, False, state)
    spent = term.span - working_time(at, term.due, case.calendar)
    running = state == "running" and case.calendar.is_working_day(at.astimezone(case.calendar.zone).date())
    used = -(-spent // DAY) if state == "kept" else spent // DAY
    # Below 0 on the day of payment, which does not count.
    return Dial(days, min(max(used, 0), days), running and spent >= timedelta() and used < days, state)
