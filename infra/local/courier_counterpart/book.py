"""The courier's book: parcels, what happened to them, and pushes that the hall has not acknowledged yet.

It keeps no sender and no receiver: the order number says all that a counterpart needs.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

BEFORE_PICKUP = frozenset({"ordered", "pickup_scheduled"})
LEGS = frozenset({"pickup", "delivery", "return"})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS parcel (
    waybill TEXT PRIMARY KEY,
    courier TEXT NOT NULL,
    number TEXT NOT NULL,
    UNIQUE (courier, number)
) STRICT;
CREATE TABLE IF NOT EXISTS event (
    id TEXT PRIMARY KEY,
    waybill TEXT NOT NULL REFERENCES parcel,
    state TEXT NOT NULL,
    undoes TEXT NOT NULL,
    at TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS event_of_parcel ON event (waybill, at);
CREATE TABLE IF NOT EXISTS push (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL REFERENCES event,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
"""
_LATER_COLUMNS = {"event": {"reason": "TEXT NOT NULL DEFAULT ''"}}  # that a book of an earlier version has not
_NTH = "(SELECT count(*) FROM event AS earlier WHERE earlier.waybill = event.waybill AND earlier.at < event.at)"
_EVENTS = f"SELECT id, waybill, state, undoes, at, reason, {_NTH} FROM event"  # noqa: S608
_WRITE_EVENT = "INSERT INTO event (id, waybill, state, undoes, at, reason) VALUES (?, ?, ?, ?, ?, ?)"
_PUSHES = f"""
SELECT push.id, due, attempts, courier, number, event.id, waybill, state, undoes, at, reason, {_NTH}
FROM push JOIN event ON event.id = push.event JOIN parcel USING (waybill)
ORDER BY due, push.id
"""  # noqa: S608


class TooLate(Exception):
    """The parcel is picked up already."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a parcel.

    ``undoes`` is the state it takes back, ``reason`` why it happened, or "". ``nth`` counts the parcel's, from 0.
    """

    id: str
    waybill: str
    state: str
    undoes: str
    at: datetime
    reason: str = ""
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Parcel:
    """A booked shipment with what happened to it, oldest first."""

    waybill: str
    courier: str
    number: str
    events: tuple[Event, ...] = ()

    @property
    def state(self) -> str:
        """Where it is now."""
        return self.events[-1].state if self.events else "ordered"

    @property
    def reason(self) -> str:
        """Why it is in this state, or ""."""
        return self.events[-1].reason if self.events else ""

    @property
    def has_left(self) -> bool:
        """Whether the courier has it in hand, or had it; a problem says nothing about that."""
        states = [event.state for event in self.events if event.state != "exception"]
        return bool(states) and states[-1] not in BEFORE_PICKUP | {"cancelled"}

    @property
    def leg(self) -> str:
        """The leg that the hall's order number (``<case>-<leg>-<attempt>``) names, or ""."""
        return next((part for part in self.number.split("-") if part in LEGS), "")


@dataclass(frozen=True, slots=True)
class Push:
    """An event on its way to the hall; ``due`` in seconds since the epoch."""

    id: int
    event: Event
    courier: str
    number: str
    due: float
    attempts: int


class Book:
    """The book in a SQLite file; what it has answered survives a crash. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # survives the process's end, if not that of the machine
        self._db.executescript(_SCHEMA)
        self._bring_up_to_date()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def book(self, courier: str, number: str) -> Parcel:
        """The parcel of this order, booked now if it is new."""
        waybill = f"{random.randrange(10**12, 10**13)}"  # noqa: S311
        self._db.execute(
            "INSERT INTO parcel VALUES (?, ?, ?) ON CONFLICT (courier, number) DO NOTHING", (waybill, courier, number)
        )
        parcel = self.ordered(courier, number)
        assert parcel is not None
        return parcel

    def ordered(self, courier: str, number: str) -> Parcel | None:
        """The parcel of an order."""
        return self._parcel("courier = ? AND number = ?", courier, number)

    def parcel(self, waybill: str) -> Parcel | None:
        """The parcel of a waybill."""
        return self._parcel("waybill = ?", waybill)

    def parcels(self, number: str | None = None) -> list[Parcel]:
        """All parcels, or those of one order number, the latest first."""
        if number is not None:
            found = self._db.execute(
                "SELECT waybill, courier, number FROM parcel WHERE number = ?", (number,)
            ).fetchall()
            return [self._filled(row) for row in reversed(found)]
        events: dict[str, list[Event]] = {}
        for row in self._db.execute(f"{_EVENTS} ORDER BY at"):
            event = _event(row)
            events.setdefault(event.waybill, []).append(event)
        rows = self._db.execute("SELECT waybill, courier, number FROM parcel ORDER BY rowid DESC").fetchall()
        return [Parcel(waybill, courier, number, tuple(events.get(waybill, ()))) for waybill, courier, number in rows]

    def move(
        self,
        parcel: Parcel,
        state: str,
        undoes: str,
        now: datetime,
        *,
        push_at: float | None,
        tick: timedelta,
        reason: str = "",
    ) -> Event:
        """Write down what happened, and when the hall is to be told (None: never).

        Times of a parcel's events rise by at least ``tick``, the smallest step of the courier's format.
        """
        at = now.astimezone(UTC).replace(microsecond=now.microsecond if tick < timedelta(seconds=1) else 0)
        if parcel.events:
            at = max(at, parcel.events[-1].at + tick)
        event = Event(uuid4().hex, parcel.waybill, state, undoes, at, reason, len(parcel.events))
        with self._transaction():
            row = (event.id, event.waybill, state, undoes, at.isoformat(timespec="microseconds"), reason)
            self._db.execute(_WRITE_EVENT, row)
            if push_at is not None:
                self.push(event, push_at)
        return event

    def push(self, event: Event, due: float) -> int:
        """Have the hall told of an event, once more if it was told before; gives the push's id."""
        with closing(self._db.execute("INSERT INTO push (event, due) VALUES (?, ?)", (event.id, due))) as done:
            assert done.lastrowid is not None
            return done.lastrowid

    def pushes(self) -> list[Push]:
        """What is still to be delivered, the longest due first."""
        rows = self._db.execute(_PUSHES).fetchall()
        return [
            Push(id_, _event(row), courier, number, due, attempts) for id_, due, attempts, courier, number, *row in rows
        ]

    def delivered(self, push: Push) -> None:
        """The hall has acknowledged it."""
        self._db.execute("DELETE FROM push WHERE id = ?", (push.id,))

    def postpone(self, push: Push, due: float) -> None:
        """Try it again then."""
        self._db.execute("UPDATE push SET due = ?, attempts = attempts + 1 WHERE id = ?", (due, push.id))

    def hasten(self, due: float, event: str | None = None) -> None:
        """Have every push, or those of this event, delivered by then at the latest."""
        self._db.execute("UPDATE push SET due = min(due, ?1) WHERE ?2 IS NULL OR event = ?2", (due, event))

    def _bring_up_to_date(self) -> None:
        for table, columns in _LATER_COLUMNS.items():
            known = {name for _, name, *_ in self._db.execute(f"PRAGMA table_info({table})").fetchall()}
            for name in columns.keys() - known:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")

    def _transaction(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        return self._db  # as a context manager it commits, or rolls back on an error

    def _parcel(self, condition: str, *values: str) -> Parcel | None:
        query = f"SELECT waybill, courier, number FROM parcel WHERE {condition}"  # noqa: S608
        with closing(self._db.execute(query, values)) as rows:
            row = rows.fetchone()
        return row and self._filled(row)

    def _filled(self, row: tuple[str, str, str]) -> Parcel:
        waybill, courier, number = row
        return Parcel(waybill, courier, number, self._events(waybill))

    def _events(self, waybill: str) -> tuple[Event, ...]:
        rows = self._db.execute(f"{_EVENTS} WHERE waybill = ? ORDER BY at", (waybill,))
        return tuple(_event(row) for row in rows)


def _event(row: Sequence[Any]) -> Event:
    id_, waybill, state, undoes, at, reason, nth = row
    return Event(id_, waybill, state, undoes, datetime.fromisoformat(at), reason, nth)
