"""The desk's queue and each case's next look, on DynamoDB.

A case is a partition: its head (version, next look) and its rows in the queue. To save is to query the partition and to
write the difference in one transaction, on condition that the head is still the one that was read; a version without a
change of rows, as most are, is a single put.

The queue lies in several index partitions: states keep their rows apart, and each is sharded. A page asks every one of
them for the rows after the cursor's place, all at once, and merges. So it takes the same number of requests however
long the queue is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import islice

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.adapters import desk_queue
from chalicelib.adapters.dynamodb import keys
from chalicelib.adapters.dynamodb.models import ViewItem
from chalicelib.adapters.dynamodb.tables import (
    POOL,
    VENDOR,
    ConditionFailed,
    bind,
    put,
    read,
    shared_connection,
    transact,
    update,
)
from chalicelib.adapters.instants import instant, sortable
from chalicelib.ports import Page, QueueRow, VendorTemporary

_TRIES = 5  # at saving a case that several workers save at once


class DynamoReadModel:
    """Implements ports.ReadModel. Every method may raise the three kinds of VendorError."""

    def __init__(self, table: str, connection: Connection | None = None) -> None:
        self._connection = connection or shared_connection()
        self._items = bind(ViewItem, table, self._connection)

    def save(self, case: str, version: int, rows: Sequence[QueueRow], attention_at: datetime | None) -> None:
        """ValueError for a row in a state that its room does not know."""
        desk_queue.check(rows)
        wanted = {keys.row_key(row.row): self._row_item(row) for row in rows}
        for _ in range(_TRIES):
            stored = {item.row: item for item in read(self._items.query(case, consistent_read=True))}
            seen = stored.pop(keys.HEAD, None)
            if seen is not None and int(seen.version or 0) > version:
                return
            try:
                self._write(self._head(case, version, attention_at, seen), seen, stored, wanted)
            except ConditionFailed:
                continue
            return
        raise VendorTemporary(VENDOR, "view_is_busy")

    def queue(self, room: str | None, state: str, *, limit: int, cursor: str) -> Page:
        """``limit`` is 500 at most. The index lags behind by a moment."""
        after, size = desk_queue.place_of(cursor), desk_queue.page_size(limit)
        partitions = self._partitions(room, state)
        if not partitions:
            return Page((), "")
        ask = partial(self._partition, room, after=after, limit=size + 1)
        with ThreadPoolExecutor(min(len(partitions), POOL)) as pool:
            found = list(pool.map(ask, partitions))
        ordered = merge(*found, key=desk_queue.place)
        return desk_queue.page(list(islice(ordered, size + 1)), size)

    def needing_attention(self, now: datetime) -> Iterator[tuple[str, int, int]]:
        """The longest overdue first. The index lags behind by a moment."""
        passed = self._items.attention_at <= sortable(now)
        shards = [read(self._items.by_attention.query(shard, passed)) for shard in keys.shards()]
        for item in merge(*shards, key=lambda item: item.attention_at or ""):
            yield item.case, int(item.version or 0), int(item.looks or 0)

    def look_again(self, case: str, version: int, at: datetime) -> None:
        self._put_off(case, version, at, 1)

    def put_off(self, case: str, version: int, at: datetime) -> None:
        self._put_off(case, version, at, 0)

    def _put_off(self, case: str, version: int, at: datetime, looks: int) -> None:
        items = self._items
        actions = [
            items.attention_at.set(sortable(at)),
            items.attention.set(keys.shard(case)),
            items.looks.add(looks),
        ]
        try:
            update(items(case, keys.HEAD), actions, items.version == version)
        except ConditionFailed:
            return

    def _write(
        self, head: ViewItem, seen: ViewItem | None, stored: Mapping[str, ViewItem], wanted: Mapping[str, ViewItem]
    ) -> None:
        gone = [item for key, item in stored.items() if key not in wanted]
        changed = [item for key, item in wanted.items() if key not in stored or not _same(item, stored[key])]
        saves = self._items.saves
        unchanged_since: Condition = saves.does_not_exist() if seen is None else saves == seen.saves
        if gone or changed:
            puts = [(item, None) for item in changed]
            transact(self._connection, (head, unchanged_since), *puts, deletes=gone)
        else:
            put(head, unchanged_since)

    def _head(self, case: str, version: int, attention_at: datetime | None, seen: ViewItem | None) -> ViewItem:
        again = seen is not None and seen.version == version
        return self._items(
            case,
            keys.HEAD,
            version=version,
            saves=int(seen.saves or 0) + 1 if seen is not None else 1,
            looks=seen.looks if seen is not None and again else 0,
            attention=keys.shard(case) if attention_at else None,
            attention_at=sortable(attention_at) if attention_at else None,
        )

    def _row_item(self, row: QueueRow) -> ViewItem:
        shard = keys.shard(row.case)
        return self._items(
            row.case,
            keys.row_key(row.row),
            queue=keys.queue_key(row.room, row.state, shard),
            overview=keys.overview_key(row.state, shard),
            urgency=desk_queue.place(row),
            room=row.room,
            service=row.service,
            state=row.state,
            task=row.task,
            due=sortable(row.due),
            light=row.light,
        )

    def _partitions(self, room: str | None, state: str) -> list[str]:
        states = desk_queue.states_of(room, state)
        if room is None:
            return [key for state in states for key in keys.overview_keys(state)]
        return [keys.queue_key(room, state, shard) for state in states for shard in keys.shards()]

    def _partition(self, room: str | None, partition: str, *, after: str, limit: int) -> list[QueueRow]:
        """The first rows of one index partition after a place, in one request: no page of ours is near a megabyte."""
        index = self._items.by_overview if room is None else self._items.by_queue
        later = self._items.urgency > after if after else None
        return [_row(item) for item in read(index.query(partition, later, limit=limit))]


def _same(one: ViewItem, other: ViewItem) -> bool:
    return one.serialize() == other.serialize()


def _row(item: ViewItem) -> QueueRow:
    return QueueRow(
        case=item.case,
        row=keys.row_name(item.row),
        room=item.room or "",
        service=item.service or "",
        state=item.state or "",
        task=item.task or "",
        due=instant(item.due or ""),
        light=item.light or "",
    )
