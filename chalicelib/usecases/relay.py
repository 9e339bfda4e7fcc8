"""Hand on what has been written: fold the case, update the read model and the books, and send what is owed to the
queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib.domain.case import Case
from chalicelib.domain.due import agenda
from chalicelib.domain.worklist import worklist
from chalicelib.ports import QueueRow
from chalicelib.usecases import books
from chalicelib.usecases.execute import load
from chalicelib.usecases.hall import Hall

# A step that was sent is given this long before the sweep sends it again.
PATIENCE = timedelta(minutes=5)


def relay(hall: Hall, number: str, versions: Sequence[int]) -> int:
    """Relay these commits of a case; gives the number of steps sent. Doing it twice does no harm."""
    loaded = load(hall, number)
    case = loaded.case
    now = hall.now()
    ahead = agenda(case, now)
    steps = [step for step in ahead if step.at <= now]
    hall.read_model.save(number, case.version, rows_of(case, now), _next_look(ahead[0].at if ahead else None, now))
    if steps:
        hall.steps.send(number, steps)
    books.write(hall, loaded, versions)
    for version in versions:
        hall.log.relayed(number, version)
    return len(steps)


def rows_of(case: Case, now: datetime) -> list[QueueRow]:
    """What the desk's queue shows of a case."""
    return [
        QueueRow(case.number, item.row, item.room, case.service.id, item.state, item.task, item.due, item.light)
        for item in worklist(case, now)
    ]


def _next_look(at: datetime | None, now: datetime) -> datetime | None:
    return None if at is None else max(at, now + PATIENCE) if at <= now else at
