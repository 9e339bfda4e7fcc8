"""Every few minutes: whatever got stuck goes on. A lost message, a dead stream or a killed worker costs time only."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from chalicelib.domain.case import Case
from chalicelib.domain.due import agenda
from chalicelib.domain.errors import NotFound
from chalicelib.domain.worklist import ORDER_IN_DOUBT
from chalicelib.usecases.execute import load
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.inbox import try_apply
from chalicelib.usecases.relay import relay, rows_of
from chalicelib.usecases.turns import Turns

GRACE = timedelta(minutes=2)  # what the stream has had time to hand on
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that needs a push. ``kind`` is ``messages`` (of the inbox), ``commits`` or ``cases``, ``name`` whose.

    Each is done for itself: one that fails must not keep the others waiting.
    """

    kind: str
    name: str
    do: Callable[[], object]


def chores(hall: Hall, grace: timedelta = GRACE) -> Iterator[Chore]:
    """Apply what lies in the inbox, hand on what the stream did not, and send what is still owed; found one after
    another, so that what one chore brings about is there for the next."""
    now = hall.now()
    for message in list(hall.inbox.new_before(now - grace)):
        yield Chore("messages", message.id, partial(try_apply, hall, message))
    waiting = sorted(hall.log.unrelayed(now - grace))
    for number, commits in groupby(waiting, key=lambda item: item[0]):
        yield Chore("commits", number, partial(relay, hall, number, [version for _, version in commits]))
    turns = Turns(hall)
    for number, version, looks in list(hall.read_model.needing_attention(now)):
        yield Chore("cases", number, partial(_look, hall, turns, number, version, looks, now))


def _look(hall: Hall, turns: Turns, number: str, version: int, looks: int, now: datetime) -> None:
    """What stays owed is tried less and less often, but puts off nothing else: the next look is no later than the next
    step's time."""
    try:
        case = load(hall, number).case
    except NotFound:
        return
    _show_doubt(hall, case, version, now)
    ahead = agenda(case, now)
    steps, put_off = turns.of(case, [step for step in ahead if step.at <= now])
    later = next((step.at for step in ahead if step.at > now), None)
    if steps:
        hall.steps.send(number, steps)
        hall.read_model.look_again(number, version, min(filter(None, (now + wait(looks), put_off, later))))
    elif put_off:
        hall.read_model.put_off(number, version, min(put_off, later or put_off))
    else:
        hall.read_model.look_again(number, version, later or now + LONGEST_WAIT)


def _show_doubt(hall: Hall, case: Case, version: int, now: datetime) -> None:
    """An order in doubt shows at the desk because nothing is written down of it: so no commit brings it there."""
    rows = rows_of(case, now)
    if any(row.state == ORDER_IN_DOUBT for row in rows):
        hall.read_model.save(case.number, version, rows, now)


def wait(looks: int) -> timedelta:
    """Exponential back-off with full jitter on its upper half, so that stuck cases do not come back all at once."""
    longest = min(FIRST_WAIT * (1 << min(looks, 10)), LONGEST_WAIT)
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - no secret
