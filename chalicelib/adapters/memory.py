"""The store, the queue and the files in memory: for tests, and held to the same contract as the real ones.

Everything is kept as the text or the bytes that a real store would keep, so nothing passes here that would fail there.
Each adapter may be used by several threads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import quote

from chalicelib.adapters import desk_queue
from chalicelib.adapters.instants import end_second, sortable, this_second
from chalicelib.domain.commit import Commit, canonical_json, commit_from_json, commit_to_json, json_object
from chalicelib.domain.due import Step
from chalicelib.domain.jsonform import from_json, to_json
from chalicelib.domain.ledger import Entry
from chalicelib.ports import (
    CaseRecord,
    CertificateRecord,
    InboxMessage,
    Note,
    Page,
    QueueRow,
    StoredFile,
    Submission,
    VendorRejected,
    VersionTaken,
)


class MemoryCaseLog:
    """Implements ports.CaseLog."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._commits: dict[str, dict[int, bytes]] = {}
        self._submissions: dict[str, dict[int, bytes]] = {}
        self._notes: dict[str, dict[str, bytes]] = {}
        self._outbox: dict[tuple[str, int], str] = {}

    def append(self, commit: Commit, *beside: Submission | Note) -> None:
        body = canonical_json(commit_to_json(commit))
        kept = [(item, _beside_json(item)) for item in beside]
        with self._lock:
            commits = self._commits.setdefault(commit.case, {})
            if commit.version in commits:
                raise VersionTaken(f"{commit.case} {commit.version}")
            commits[commit.version] = body
            self._outbox[commit.case, commit.version] = sortable(commit.at)
            for item, text in kept:
                if isinstance(item, Submission):
                    self._submissions.setdefault(item.case, {})[item.revision] = text
                else:
                    self._notes.setdefault(item.case, {})[item.digest] = text

    def load(self, case: str) -> CaseRecord | None:
        with self._lock:
            commits = sorted(self._commits.get(case, {}).items())
            submissions = sorted(self._submissions.get(case, {}).items())
            notes = sorted(self._notes.get(case, {}).items())
        if not commits:
            return None
        return CaseRecord(
            tuple(_read_commit(body) for _, body in commits),
            tuple(Submission(case, revision, **json.loads(body)) for revision, body in submissions),
            tuple(Note(case, digest, **json.loads(body)) for digest, body in notes),
        )

    def documents(self, case: str) -> tuple[Mapping[str, Any], ...]:
        with self._lock:
            return tuple(json_object(body) for _, body in sorted(self._commits.get(case, {}).items()))

    def erase(self, case: str) -> None:
        with self._lock:
            self._submissions.pop(case, None)
            self._notes.pop(case, None)

    def relayed(self, case: str, version: int) -> None:
        with self._lock:
            self._outbox.pop((case, version), None)

    def unrelayed(self, before: datetime) -> Iterator[tuple[str, int]]:
        with self._lock:
            waiting = [key for key, at in self._outbox.items() if at < sortable(before)]
        yield from waiting

    def cases(self, after: str = "") -> Iterator[str]:
        with self._lock:
            found = sorted(case for case in self._commits if case > after)
        yield from found


@lru_cache(maxsize=1024)
def _read_commit(body: bytes) -> Commit:
    """A test loads the same commits at every turn; a commit never changes."""
    return commit_from_json(json.loads(body))


def _beside_json(item: Submission | Note) -> bytes:
    if isinstance(item, Submission):
        return canonical_json({"salt": item.salt, "answers": item.answers, "uploads": item.uploads})
    return canonical_json({"salt": item.salt, "text": item.text})


@dataclass(frozen=True, slots=True)
class _View:
    version: int
    rows: tuple[QueueRow, ...]
    attention_at: datetime | None
    looks: int = 0


class MemoryLedger:
    """Implements ports.Ledger."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[tuple[str, int, int], bytes] = {}

    def put(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            for entry in entries:
                self._entries[entry.case, entry.version, entry.number] = canonical_json(to_json(entry))

    def between(self, first: date, last: date) -> Iterator[Entry]:
        with self._lock:
            bodies = list(self._entries.values())
        found: list[Entry] = [from_json(Entry, json.loads(body)) for body in bodies]
        chosen = (entry for entry in found if first <= entry.day <= last)
        return iter(sorted(chosen, key=lambda entry: (entry.at, entry.case, entry.version, entry.number)))


class MemoryReadModel:
    """Implements ports.ReadModel."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._views: dict[str, _View] = {}

    def save(self, case: str, version: int, rows: Sequence[QueueRow], attention_at: datetime | None) -> None:
        desk_queue.check(rows)
        with self._lock:
            seen = self._views.get(case)
            if seen is None or version > seen.version:
                self._views[case] = _View(version, tuple(rows), attention_at)
            elif version == seen.version:
                self._views[case] = _View(version, tuple(rows), attention_at, seen.looks)

    def queue(self, room: str | None, state: str, *, limit: int, cursor: str) -> Page:
        after, size = desk_queue.place_of(cursor), desk_queue.page_size(limit)
        with self._lock:
            rows = [row for view in self._views.values() for row in view.rows]
        chosen = (row for row in rows if room in (None, row.room) and state in ("", row.state))
        ordered = sorted((row for row in chosen if desk_queue.place(row) > after), key=desk_queue.place)
        return desk_queue.page(ordered, size)

    def needing_attention(self, now: datetime) -> Iterator[tuple[str, int, int]]:
        with self._lock:
            views = list(self._views.items())
        for case, view in views:
            if view.attention_at is not None and view.attention_at <= now:
                yield case, view.version, view.looks

    def look_again(self, case: str, version: int, at: datetime) -> None:
        self._put_off(case, version, at, 1)

    def put_off(self, case: str, version: int, at: datetime) -> None:
        self._put_off(case, version, at, 0)

    def _put_off(self, case: str, version: int, at: datetime, looks: int) -> None:
        with self._lock:
            view = self._views.get(case)
            if view is not None and view.version == version:
                self._views[case] = replace(view, attention_at=at, looks=view.looks + looks)


class MemoryInbox:
    """Implements ports.Inbox."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._messages: dict[str, InboxMessage] = {}

    def put(self, message: InboxMessage) -> bool:
        with self._lock:
            if message.id in self._messages:
                return False
            self._messages[message.id] = message
            return True

    def get(self, id: str) -> InboxMessage | None:
        with self._lock:
            return self._messages.get(id)

    def set_state(self, id: str, state: str, error: str = "") -> None:
        with self._lock:
            self._messages[id] = replace(self._messages[id], state=state, error=error)

    def new_before(self, before: datetime) -> Iterator[InboxMessage]:
        return (message for message in self._in_state("new") if message.received_at < before)

    def failed(self) -> Iterator[InboxMessage]:
        return self._in_state("failed")

    def _in_state(self, state: str) -> Iterator[InboxMessage]:
        with self._lock:
            found = [message for message in self._messages.values() if message.state == state]
        return iter(sorted(found, key=lambda message: message.received_at))


class MemoryCertificateRegister:
    """Implements ports.CertificateRegister."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[str, CertificateRecord] = {}

    def put_once(self, record: CertificateRecord) -> CertificateRecord:
        with self._lock:
            return self._records.setdefault(record.number, record)

    def get(self, number: str) -> CertificateRecord | None:
        with self._lock:
            return self._records.get(number)

    def stamp(self, number: str, *, delivered_at: datetime | None = None, revoked_at: datetime | None = None) -> None:
        with self._lock:
            record = self._records[number]
            self._records[number] = replace(
                record,
                delivered_at=record.delivered_at or delivered_at,
                revoked_at=record.revoked_at or revoked_at,
            )


@dataclass(frozen=True, slots=True)
class _Lookup:
    value: bytes
    count: int
    expires: int | None

    def live(self, now: datetime) -> bool:
        return self.expires is None or self.expires > this_second(now)


class MemoryLookups:
    """Implements ports.Lookups."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[str, _Lookup] = {}

    def put_once(self, key: str, value: Mapping[str, Any], *, now: datetime, expires: datetime | None = None) -> bool:
        record = _lookup(value, expires)
        with self._lock:
            seen = self._records.get(key)
            if seen is not None and seen.live(now):
                return False
            self._records[key] = record
            return True

    def put(self, key: str, value: Mapping[str, Any], *, expires: datetime | None = None) -> None:
        record = _lookup(value, expires)
        with self._lock:
            self._records[key] = record

    def replace(
        self, key: str, seen: Mapping[str, Any], value: Mapping[str, Any], *, expires: datetime | None = None
    ) -> bool:
        record = _lookup(value, expires)
        with self._lock:
            stored = self._records.get(key)
            if stored is None or stored.value != canonical_json(seen):
                return False
            self._records[key] = record
            return True

    def get(self, key: str, *, now: datetime) -> Mapping[str, Any] | None:
        with self._lock:
            record = self._records.get(key)
        if record is None or not record.live(now):
            return None
        found: dict[str, Any] = json.loads(record.value)
        return found

    def count(self, key: str, *, now: datetime, expires: datetime) -> int:
        with self._lock:
            seen = self._records.get(key)
            if seen is None or not seen.live(now):
                seen = _Lookup(b"{}", 0, end_second(expires))
            self._records[key] = replace(seen, count=seen.count + 1)
            return seen.count + 1

    def delete(self, key: str) -> None:
        with self._lock:
            self._records.pop(key, None)


def _lookup(value: Mapping[str, Any], expires: datetime | None) -> _Lookup:
    return _Lookup(canonical_json(value), 0, None if expires is None else end_second(expires))


class MemoryStepQueue:
    """Implements ports.StepQueue. ``take`` is what the perform worker gets: (case, kind, subject), oldest first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sent: list[tuple[str, str, str]] = []

    def send(self, case: str, steps: Sequence[Step]) -> None:
        with self._lock:
            self._sent.extend((case, str(step.kind), step.subject) for step in steps)

    def take(self) -> list[tuple[str, str, str]]:
        with self._lock:
            sent, self._sent = self._sent, []
        return sent


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    content_type: str

    @property
    def etag(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class MemoryFiles:
    """Implements ports.Files. ``receive`` is the other end of ``upload_post``."""

    def __init__(self, url: str = "https://files.invalid") -> None:
        self._lock = Lock()
        self._url = url
        self.stored: dict[str, _File] = {}

    def put_once(self, key: str, content: bytes, content_type: str) -> bytes:
        with self._lock:
            return self.stored.setdefault(key, _File(content, content_type)).content

    def get(self, key: str) -> bytes | None:
        with self._lock:
            found = self.stored.get(key)
        return found.content if found else None

    def read(self, key: str, *, most: int) -> StoredFile | None:
        with self._lock:
            found = self.stored.get(key)
        if found is None:
            return None
        size = len(found.content)
        return StoredFile(found.content if size <= most else None, found.content_type, size, found.etag)

    def copy(self, source: str, target: str, *, etag: str, content_type: str) -> bool:
        with self._lock:
            found = self.stored.get(source)
            if found is None or found.etag != etag:
                return False
            self.stored[target] = replace(found, content_type=content_type)
            return True

    def delete(self, key: str) -> None:
        with self._lock:
            self.stored.pop(key, None)

    def url(self, key: str, *, seconds: int, filename: str) -> str:
        return f"{self._url}/{quote(key)}?expires_in={seconds}&filename={quote(filename, safe='')}"

    @property
    def origin(self) -> str:
        return self._url

    def upload_post(
        self, key: str, *, content_type: str, size: int, seconds: int, least: int = 1, back: str = ""
    ) -> tuple[str, Mapping[str, str]]:
        policy = f"content-length-range,{least},{size};{seconds}"
        redirect = {"success_action_redirect": back} if back else {}
        return self._url, {"key": key, "Content-Type": content_type, "policy": policy, **redirect}

    def receive(self, fields: Mapping[str, str], content: bytes) -> None:
        """Take the form that a browser posts. VendorRejected: S3 would not take it."""
        least, most = map(int, fields["policy"].split(";")[0].split(",")[1:])
        if not least <= len(content) <= most:
            raise VendorRejected("s3", "EntityTooLarge" if content else "EntityTooSmall")
        with self._lock:
            self.stored[fields["key"]] = _File(content, fields["Content-Type"])
