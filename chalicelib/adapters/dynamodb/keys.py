"""How keys are written. What the template names, these functions spell."""

from __future__ import annotations

from datetime import date
from zlib import crc32

# An index partition takes 1,000 writes a second, and most of ours are busy at one end: the newest, or the most urgent.
SHARDS = 4
_OVERVIEW_SHARDS = 2  # fewer: a page of the overview asks every state's

COMMIT = "c#"
NOTE = "n#"
SUBMISSION = "s#"

HEAD = "head"
_ROW = "row#"
_LEDGER = "ledger#"


def shards() -> tuple[str, ...]:
    return tuple(str(number) for number in range(SHARDS))


def shard(name: str) -> str:
    """The shard of a case or a message; always the same."""
    return str(crc32(name.encode()) % SHARDS)


def commit_key(version: int) -> str:
    return f"{COMMIT}{version:08}"


def commit_version(sk: str) -> int:
    """ValueError: this is not a commit's key."""
    if not sk.startswith(COMMIT):
        raise ValueError("not a commit")
    return int(sk.removeprefix(COMMIT))


def submission_key(revision: int) -> str:
    return f"{SUBMISSION}{revision:04}"


def note_key(digest: str) -> str:
    return f"{NOTE}{digest}"


def row_key(row: str) -> str:
    return f"{_ROW}{row}"


def row_name(key: str) -> str:
    return key.removeprefix(_ROW)


def ledger_key(day: date) -> str:
    """A day of the books; no case's number begins so."""
    return f"{_LEDGER}{day.isoformat()}"


def entry_key(at: str, case: str, version: int, number: int) -> str:
    return f"{at}#{case}#{version:08}#{number:03}"


def queue_key(room: str, state: str, shard: str) -> str:
    return f"{room}#{state}#{shard}"


def overview_key(state: str, shard: str) -> str:
    return f"{state}#{int(shard) % _OVERVIEW_SHARDS}"


def overview_keys(state: str) -> tuple[str, ...]:
    return tuple(overview_key(state, str(number)) for number in range(_OVERVIEW_SHARDS))


def pending_key(state: str, shard: str) -> str:
    return f"{state}#{shard}"
