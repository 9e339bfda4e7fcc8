"""Many journeys in a row, and what came of them. A run can be cut into chunks of seeds for several processes."""

from __future__ import annotations

import gc
import logging
import random
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from chalicelib.domain.errors import NotFound
from chalicelib.usecases.execute import load
from tests.chaos.invariants import Ear, check
from tests.chaos.journey import Journey
from tests.chaos.world import Unrest

HEARD_WHOLE = 4  # of so many journeys one is listened to for the common lines as well: they cost a tenth of its time


@dataclass
class Outcome:
    """Of any number of journeys. ``failed`` maps a seed to what was wrong with its journey."""

    journeys: int = 0
    events: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: Self) -> None:
        self.journeys += other.journeys
        self.events += other.events
        for name in ("struck", "deeds", "checks", "endings"):
            getattr(self, name).update(getattr(other, name))
        self.failed.update(other.failed)


def walk(seed: int, *, keeps_story: bool = False) -> Journey:
    """One journey to its end, with everything that is wrong in ``wrong``."""
    before = random.getstate()
    try:
        with listening(logging.INFO if keeps_story or seed % HEARD_WHOLE == 0 else logging.WARNING) as ear:
            journey = Journey(seed, keeps_story)
            try:
                with noted(journey):
                    journey.run()
                check(journey)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this journey's fault
                journey.wrong.append(f"{type(error).__name__}: {error}")
                journey.wrong += traceback.format_exc().splitlines()[-7:-1] if keeps_story else []
        journey.wrong += ear.heard
        return journey
    finally:
        random.setstate(before)


@contextmanager
def noted(journey: Journey) -> Iterator[None]:
    """A world that does not come to rest is looked at all the same."""
    try:
        yield
    except Unrest as error:
        journey.wrong.append(str(error))


@contextmanager
def listening(level: int) -> Iterator[Ear]:
    """In place of standard output, an ear for what the hall logs from this level on."""
    root, ear = logging.getLogger("doorstep"), Ear()
    before = root.handlers[:], root.level, root.propagate
    root.handlers[:], root.propagate = [ear], False
    root.setLevel(level)
    try:
        yield ear
    finally:
        root.handlers[:], root.propagate = before[0], before[2]
        root.setLevel(before[1])


def run(seeds: Iterable[int], *, most_failures: int = 20) -> Outcome:
    """Walk these journeys, until too many have failed."""
    outcome = Outcome()
    for seed in seeds:
        journey = walk(seed)
        outcome.journeys += 1
        outcome.events += journey.world.happened
        outcome.struck.update({str(fault): times for fault, times in journey.dice.struck.items()})
        outcome.deeds.update({str(deed): times for deed, times in journey.deeds.items()})
        outcome.checks.update(journey.checks)
        outcome.endings.update(endings(journey))
        if journey.wrong:
            outcome.failed[seed] = journey.wrong
            if len(outcome.failed) >= most_failures:
                break
    return outcome


def endings(journey: Journey) -> Iterator[str]:
    for person in journey.persons:
        try:
            case = load(journey.hall, person.number).case
        except NotFound:
            yield "never opened"
        else:
            yield f"{person.service}: {case.ending or 'none'}"


def settle_down() -> None:
    """Once everything is loaded that stays, the collector need not look at it again and again."""
    walk(0)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
