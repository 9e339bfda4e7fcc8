"""The log of commits on DynamoDB. One partition holds a case: commits, submissions, notes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from heapq import merge
from typing import Any

from pynamodb.connection import Connection

from chalicelib.adapters.dynamodb import keys
from chalicelib.adapters.dynamodb.models import CaseItem
from chalicelib.adapters.dynamodb.tables import (
    ConditionFailed,
    bind,
    delete_all,
    new_writer,
    put,
    read,
    shared_connection,
    transact,
    update,
)
from chalicelib.adapters.instants import sortable
from chalicelib.domain.commit import Commit, canonical_json, commit_from_json, commit_to_json, json_object
from chalicelib.ports import CaseRecord, Note, Submission, VersionTaken


class DynamoCaseLog:
    """Implements ports.CaseLog. Every method may raise the three kinds of VendorError."""

    def __init__(self, table: str, connection: Connection | None = None) -> None:
        self._connection = connection or shared_connection()
        self._items = bind(CaseItem, table, self._connection)

    def append(self, commit: Commit, *beside: Submission | Note) -> None:
        """One put; one transaction with what lies beside. VersionTaken; ValueError for more than 400 KB in one item."""
        writer = new_writer()
        item = self._commit_item(commit, writer)
        free = self._items.sk.does_not_exist()
        try:
            if beside:
                transact(self._connection, (item, free), *((self._beside_item(each), None) for each in beside))
            else:
                put(item, free)
        except ConditionFailed as failed:
            if not failed.written_by(writer):
                raise VersionTaken(f"{commit.case} {commit.version}") from None

    def load(self, case: str) -> CaseRecord | None:
        """One consistent query for each megabyte."""
        items = list(read(self._items.query(case, consistent_read=True)))
        if not items:
            return None
        return CaseRecord(
            commits=tuple(commit_from_json(json.loads(item.body)) for item in items if _is(item, keys.COMMIT)),
            submissions=tuple(_submission(item) for item in items if _is(item, keys.SUBMISSION)),
            notes=tuple(_note(item) for item in items if _is(item, keys.NOTE)),
        )

    def documents(self, case: str) -> tuple[Mapping[str, Any], ...]:
        """One consistent query for each megabyte."""
        commits = self._items.query(case, self._items.sk.startswith(keys.COMMIT), consistent_read=True)
        return tuple(json_object(item.body) for item in read(commits))

    def erase(self, case: str) -> None:
        """Delete all but the commits. Doing it again goes on where it was interrupted."""
        found = read(self._items.query(case, consistent_read=True, attributes_to_get=["case", "sk"]))
        delete_all(self._items, [item for item in found if not _is(item, keys.COMMIT)])

    def relayed(self, case: str, version: int) -> None:
        """Nothing when it is out of the outbox already."""
        item = self._items(case, keys.commit_key(version))
        try:
            update(item, [self._items.outbox.remove()], self._items.outbox.exists())
        except ConditionFailed:
            return

    def unrelayed(self, before: datetime) -> Iterator[tuple[str, int]]:
        """Oldest first. The index lags behind by a moment, so a commit may be named that was just handed on."""
        earlier = self._items.at < sortable(before)
        shards = [read(self._items.waiting.query(shard, earlier)) for shard in keys.shards()]
        for item in merge(*shards, key=lambda item: item.at or ""):
            yield item.case, keys.commit_version(item.sk)

    def cases(self, after: str = "") -> Iterator[str]:
        """A scan of the table, commits and all that lies beside them."""
        first = keys.commit_key(1)
        behind = {"case": {"S": after}, "sk": {"S": first}} if after else None
        scanned = self._items.scan(self._items.sk == first, attributes_to_get=["case", "sk"], last_evaluated_key=behind)
        for item in read(scanned):
            yield item.case

    def _commit_item(self, commit: Commit, writer: str) -> CaseItem:
        return self._items(
            commit.case,
            keys.commit_key(commit.version),
            body=canonical_json(commit_to_json(commit)).decode(),
            version=commit.version,
            at=sortable(commit.at),
            outbox=keys.shard(commit.case),
            writer=writer,
        )

    def _beside_item(self, item: Submission | Note) -> CaseItem:
        if isinstance(item, Submission):
            content = {"salt": item.salt, "answers": item.answers, "uploads": item.uploads}
            return self._items(item.case, keys.submission_key(item.revision), body=canonical_json(content).decode())
        content = {"salt": item.salt, "text": item.text}
        return self._items(item.case, keys.note_key(item.digest), body=canonical_json(content).decode())


def _is(item: CaseItem, prefix: str) -> bool:
    return item.sk.startswith(prefix)


def _submission(item: CaseItem) -> Submission:
    return Submission(item.case, int(item.sk.removeprefix(keys.SUBMISSION)), **json.loads(item.body))


def _note(item: CaseItem) -> Note:
    return Note(item.case, item.sk.removeprefix(keys.NOTE), **json.loads(item.body))
