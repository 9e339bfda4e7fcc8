"""The vendors' messages on DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.adapters.dynamodb import keys
from chalicelib.adapters.dynamodb.models import InboxItem
from chalicelib.adapters.dynamodb.tables import ConditionFailed, bind, find, put, read, shared_connection, update
from chalicelib.adapters.instants import instant, sortable
from chalicelib.ports import InboxMessage

_PENDING = ("new", "failed")


class DynamoInbox:
    """Implements ports.Inbox. Every method may raise the three kinds of VendorError."""

    def __init__(self, table: str, connection: Connection | None = None) -> None:
        self._items = bind(InboxItem, table, connection or shared_connection())

    def put(self, message: InboxMessage) -> bool:
        """ValueError for more than 400 KB."""
        item = self._items(
            message.id,
            source=message.source,
            body=message.body,
            received_at=sortable(message.received_at),
            state=message.state,
            error=message.error,
            pending=_pending(message.id, message.state),
        )
        try:
            put(item, self._items.id.does_not_exist())
        except ConditionFailed:
            return False
        return True

    def get(self, id: str) -> InboxMessage | None:
        item = find(self._items, id)
        return _message(item) if item else None

    def set_state(self, id: str, state: str, error: str = "") -> None:
        """KeyError: there is no such message."""
        pending = _pending(id, state)
        actions = [
            self._items.state.set(state),
            self._items.error.set(error),
            self._items.pending.set(pending) if pending else self._items.pending.remove(),
        ]
        try:
            update(self._items(id), actions, self._items.id.exists())
        except ConditionFailed:
            raise KeyError(id) from None

    def new_before(self, before: datetime) -> Iterator[InboxMessage]:
        """Oldest first. The index lags behind by a moment."""
        return self._in_state("new", self._items.received_at < sortable(before))

    def failed(self) -> Iterator[InboxMessage]:
        """Oldest first. The index lags behind by a moment."""
        return self._in_state("failed")

    def _in_state(self, state: str, when: Condition | None = None) -> Iterator[InboxMessage]:
        shards = [read(self._items.by_state.query(keys.pending_key(state, shard), when)) for shard in keys.shards()]
        return map(_message, merge(*shards, key=lambda item: item.received_at))


def _pending(id: str, state: str) -> str | None:
    return keys.pending_key(state, keys.shard(id)) if state in _PENDING else None


def _message(item: InboxItem) -> InboxMessage:
    return InboxMessage(
        id=item.id,
        source=item.source,
        body=item.body,
        received_at=instant(item.received_at),
        state=item.state,
        error=item.error,
    )
