"""A world in simulated time: deeds on an agenda, the processes of the hall that serve them, and chance between.

One thing happens after the other, in the order of the clock. Where two things have to happen at once (two workers at
one case), one process is halted between two calls of its ports, and the other one runs: ``Fault.OVERTAKEN``.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.errors import DomainError
from chalicelib.ports import Forged, VendorError
from tests.chaos.dice import Dice, Fault
from tests.halls import Clock
from tests.workers.mortality import Killed

Deed = Callable[[], object]
Course = Generator[timedelta, None, None]  # what somebody does, told as the times between
_DIGEST = re.compile(r"[0-9a-f]{64}")
NEAR = timedelta(minutes=1)  # what is due within can as well happen a moment earlier
DEPTH = 2  # of processes that get in between the calls of another


class Unrest(AssertionError):
    """Something went on for ever."""


@dataclass
class Process:
    """A Lambda's invocation. Once killed, not one of its calls gets through any more."""

    killed: bool = False


@dataclass
class World:
    """The agenda, the clock, and the story of what happened (kept for a replay only)."""

    dice: Dice
    clock: Clock
    keeps_story: bool = False
    story: list[tuple[datetime, str]] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    happened: int = 0
    _agenda: list[tuple[datetime, int, Deed]] = field(default_factory=list)
    _count: int = 0

    def tell(self, what: str, *details: object) -> None:
        """A line of the story. Nothing is made of the details unless the story is kept. Digests are salted by the
        system's own chance and left out: a story is the same each time."""
        if self.keeps_story:
            line = what + "".join(f" {detail}" for detail in details)
            self.story.append((self.clock.now, _DIGEST.sub("…", line)))

    # --- time ---

    def after(self, delay: timedelta, deed: Deed) -> None:
        self.at(self.clock.now + delay, deed)

    def at(self, when: datetime, deed: Deed) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (when, self._count, deed))

    def follow(self, course: Course, delay: timedelta = timedelta()) -> None:
        """Let somebody go a course, from now on."""

        def go() -> None:
            for wait in course:
                self.after(wait, go)
                return

        self.after(delay, go)

    def run(self, until: datetime) -> None:
        """Until nothing is on the agenda any more. Unrest: there still is at the end of time."""
        while self._agenda:
            if self._agenda[0][0] > until:
                raise Unrest("the world does not come to rest")
            self._next()

    def _next(self) -> None:
        when, _, deed = heapq.heappop(self._agenda)
        self.clock.now = max(self.clock.now, when)
        self.happened += 1
        deed()

    # --- processes ---

    def process(self, name: str, deed: Deed) -> str:
        """Let the hall do something in a process of its own; "" when it was done, else why not."""
        self.processes.append(Process())
        try:
            deed()
        except Killed:
            outcome = "killed"
        except VendorError as error:
            outcome = "unavailable"
            self.tell(f"{name} failed:", error)
        except DomainError as error:
            outcome = error.code
        except Forged as error:
            outcome = "forged"
            self.tell(f"{name}:", error)
        else:
            outcome = ""
        finally:
            self.processes.pop()
        self.outcomes[f"{name}: {outcome or 'done'}"] += 1
        if outcome:
            self.tell(f"{name}:", outcome)
        return outcome

    def between_calls(self) -> None:
        """What may befall a process before each call of a port."""
        process = self.processes[-1]
        if process.killed:
            raise Killed
        if self.dice.healed:
            return
        if self.dice.strikes(Fault.KILLED):
            process.killed = True
            self.tell("— killed")
            raise Killed
        if len(self.processes) <= DEPTH and self._is_near() and self.dice.strikes(Fault.OVERTAKEN):
            self.tell("— overtaken")
            self._next()

    def _is_near(self) -> bool:
        return bool(self._agenda) and self._agenda[0][0] - self.clock.now <= NEAR
