"""Small keyed records with an end, on DynamoDB, which clears them away some time after it. Nobody sees them then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.adapters.dynamodb.models import LookupItem
from chalicelib.adapters.dynamodb.tables import (
    VENDOR,
    ConditionFailed,
    bind,
    call,
    find,
    new_writer,
    put,
    shared_connection,
    update,
)
from chalicelib.adapters.instants import end_second, this_second
from chalicelib.domain.commit import canonical_json
from chalicelib.ports import VendorTemporary

_TRIES = 5  # at starting a counter anew that several find expired at once


class DynamoLookups:
    """Implements ports.Lookups. Every method may raise the three kinds of VendorError."""

    def __init__(self, table: str, connection: Connection | None = None) -> None:
        self._items = bind(LookupItem, table, connection or shared_connection())

    def put_once(self, key: str, value: Mapping[str, Any], *, now: datetime, expires: datetime | None = None) -> bool:
        writer = new_writer()
        try:
            put(self._item(key, value, expires, writer), self._items.key.does_not_exist() | self._over(now))
        except ConditionFailed as failed:
            return failed.written_by(writer)
        return True

    def put(self, key: str, value: Mapping[str, Any], *, expires: datetime | None = None) -> None:
        put(self._item(key, value, expires))

    def replace(
        self, key: str, seen: Mapping[str, Any], value: Mapping[str, Any], *, expires: datetime | None = None
    ) -> bool:
        writer = new_writer()
        try:
            put(self._item(key, value, expires, writer), self._items.value == canonical_json(seen).decode())
        except ConditionFailed as failed:
            return failed.written_by(writer)
        return True

    def get(self, key: str, *, now: datetime) -> Mapping[str, Any] | None:
        item = find(self._items, key)
        if item is None or (item.expires is not None and item.expires <= this_second(now)):
            return None
        found: dict[str, Any] = json.loads(item.value or "{}")
        return found

    def count(self, key: str, *, now: datetime, expires: datetime) -> int:
        """One request; one more for the first count after an end. A request that botocore repeats may count twice."""
        for _ in range(_TRIES):
            try:
                return self._count_on(key, now, expires)
            except ConditionFailed:
                if self._count_anew(key, now, expires):
                    return 1
        raise VendorTemporary(VENDOR, "counter_is_busy")

    def delete(self, key: str) -> None:
        call(lambda: self._items(key).delete())

    def _count_on(self, key: str, now: datetime, expires: datetime) -> int:
        items = self._items
        live = items.expires.does_not_exist() | (items.expires > this_second(now))
        actions = [items.counted.add(1), items.expires.set(items.expires | end_second(expires))]
        counted = update(items(key), actions, live, return_values="UPDATED_NEW")
        return int(counted["counted"]["N"])

    def _count_anew(self, key: str, now: datetime, expires: datetime) -> bool:
        try:
            put(self._items(key, counted=1, expires=end_second(expires)), self._over(now))
        except ConditionFailed:
            return False
        return True

    def _over(self, now: datetime) -> Condition:
        return self._items.expires <= this_second(now)

    def _item(
        self, key: str, value: Mapping[str, Any], expires: datetime | None, writer: str | None = None
    ) -> LookupItem:
        return self._items(
            key,
            value=canonical_json(value).decode(),
            expires=None if expires is None else end_second(expires),
            writer=writer,
        )
