"""Where the counterpart keeps what it has been told: one SQLite file, so that a restart finds all of it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, kind TEXT, body TEXT);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_payment ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS objects_status ON objects (kind, json_extract(body, '$.status'));
CREATE TABLE IF NOT EXISTS outcomes (
    key TEXT PRIMARY KEY, request TEXT, status INTEGER, answer TEXT, request_id TEXT, created INTEGER
);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT, state TEXT, attempts INTEGER, due REAL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due);
"""

_COMPARED = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to the first request under an idempotency key, be it a refusal."""

    request: str
    status: int
    answer: str
    request_id: str
    created: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook that is owed."""

    seq: int
    event: str
    attempts: int


class Store:
    """Objects by id, answers by idempotency key, webhooks owed. Any thread may use it, within ``transaction``."""

    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(state_dir / "stripe.sqlite3", check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one at a time."""
        with self._lock, self._db:
            yield

    def put(self, thing: Json) -> None:
        """Store an object, or its new state."""
        self._db.execute(
            "INSERT INTO objects (id, kind, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (thing["id"], thing["object"], json.dumps(thing)),
        )

    def get(self, kind: str, id: str) -> Json | None:
        """An object by its id."""
        row = self._db.execute("SELECT body FROM objects WHERE id = ? AND kind = ?", (id, kind)).fetchone()
        found: Json | None = row and json.loads(row[0])
        return found

    def page(
        self,
        kind: str,
        filters: Mapping[str, str],
        limit: int,
        *,
        before: str = "",
        after: str = "",
        created: Mapping[str, int] = MappingProxyType({}),
    ) -> tuple[list[Json], bool]:
        """Objects, newest first, from behind ``after`` or up to ``before``; and whether there are more that way.

        ``created`` bounds their time of making, in Unix seconds by ``eq``, ``gt``, ``gte``, ``lt`` and ``lte``.
        """
        where: list[str] = ["kind = ?"]
        values: list[str | int] = [kind]
        for bound, second in created.items():
            where.append(f"json_extract(body, '$.created') {_COMPARED[bound]} ?")
            values.append(second)
        for field, value in filters.items():
            where.append(f"json_extract(body, '$.{field}') = ?")
            values.append(value)
        older, newer = "seq < (SELECT seq FROM objects WHERE id = ?)", "seq > (SELECT seq FROM objects WHERE id = ?)"
        for cursor, condition in ((after, older), (before, newer)):
            if cursor:
                where.append(condition)
                values.append(cursor)
        order = "ASC" if before else "DESC"
        conditions = " AND ".join(where)  # the names of filters are our own
        query = f"SELECT body FROM objects WHERE {conditions} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        rows = [json.loads(body) for (body,) in self._db.execute(query, (*values, limit + 1))]
        found = rows[:limit]
        return (found[::-1] if before else found), len(rows) > limit

    def lapsed(self, now: int) -> list[Json]:
        """Open sessions whose time is over."""
        query = (
            "SELECT body FROM objects WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open' "
            "AND json_extract(body, '$.expires_at') <= ?"
        )
        return [json.loads(body) for (body,) in self._db.execute(query, (now,))]

    def remember(self, key: str, answer: Answer) -> None:
        """Keep an answer under its idempotency key."""
        self._db.execute(
            "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)",
            (key, answer.request, answer.status, answer.answer, answer.request_id, answer.created),
        )

    def recall(self, key: str) -> Answer | None:
        """What was answered under an idempotency key."""
        query = "SELECT request, status, answer, request_id, created FROM outcomes WHERE key = ?"
        found = self._db.execute(query, (key,)).fetchone()
        return found and Answer(*found)

    def owe(self, event: str) -> None:
        """A webhook is to be sent, at once."""
        self._db.execute("INSERT INTO deliveries (event, state, attempts, due) VALUES (?, 'owed', 0, 0)", (event,))

    def owed(self, now: float, limit: int = 100) -> list[Delivery]:
        """Webhooks that are due, oldest first."""
        query = "SELECT seq, event, attempts FROM deliveries WHERE state = 'owed' AND due <= ? ORDER BY seq LIMIT ?"
        return [Delivery(*row) for row in self._db.execute(query, (now, limit))]

    def next_due(self) -> float | None:
        """When the next webhook is due."""
        due: float | None = self._db.execute("SELECT min(due) FROM deliveries WHERE state = 'owed'").fetchone()[0]
        return due

    def settle(self, delivery: Delivery, state: str, due: float = 0) -> None:
        """What became of an attempt: ``delivered``, ``dropped``, ``given_up``, or ``owed`` again later."""
        self._db.execute(
            "UPDATE deliveries SET state = ?, attempts = attempts + 1, due = ? WHERE seq = ?",
            (state, due, delivery.seq),
        )

    def counts(self) -> dict[str, int]:
        """How many webhooks are in which state."""
        return dict(self._db.execute("SELECT state, count(*) FROM deliveries GROUP BY state"))
