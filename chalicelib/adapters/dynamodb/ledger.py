"""The hall's books on DynamoDB, in the table of views: both are folded from the log. A day is a partition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from pynamodb.connection import Connection

from chalicelib.adapters.dynamodb import keys
from chalicelib.adapters.dynamodb.models import LedgerItem
from chalicelib.adapters.dynamodb.tables import bind, put_all, read, shared_connection
from chalicelib.adapters.instants import sortable
from chalicelib.domain.commit import canonical_json
from chalicelib.domain.jsonform import from_json, to_json
from chalicelib.domain.ledger import Entry


class DynamoLedger:
    """Implements ports.Ledger. Every method may raise the three kinds of VendorError."""

    def __init__(self, table: str, connection: Connection | None = None) -> None:
        self._items = bind(LedgerItem, table, connection or shared_connection())

    def put(self, entries: Sequence[Entry]) -> None:
        """One request for 25 entries. An entry has one key for good: to write it again changes nothing."""
        put_all(self._items, [self._item(entry) for entry in entries])

    def between(self, first: date, last: date) -> Iterator[Entry]:
        """One query for each day, and for each megabyte of it, as they are asked for."""
        for offset in range((last - first).days + 1):
            day = keys.ledger_key(first + timedelta(days=offset))
            for item in read(self._items.query(day, consistent_read=True)):
                yield from_json(Entry, json.loads(item.body))

    def _item(self, entry: Entry) -> LedgerItem:
        return self._items(
            keys.ledger_key(entry.day),
            keys.entry_key(sortable(entry.at), entry.case, entry.version, entry.number),
            body=canonical_json(to_json(entry)).decode(),
        )
