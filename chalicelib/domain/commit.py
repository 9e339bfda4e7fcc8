"""A commit: all events of one change of one case, chained to the one before by SHA-256 over canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.events import Event, event_from_json, event_to_json
from chalicelib.domain.jsonform import rfc3339

FORMAT = 1  # of the log's JSON; raised only together with a reader of the older ones


@dataclass(frozen=True, slots=True)
class Commit:
    """``version`` counts a case's commits from 1; ``previous`` is the hash of the commit before, "" for the first."""

    case: str
    version: int
    at: datetime
    by: str
    events: tuple[Event, ...]
    previous: str
    hash: str


def make_commit(case: str, version: int, events: Sequence[Event], previous: str) -> Commit:
    """Chain events, which all carry the same ``at`` and ``by``, to the commit before."""
    at, by = events[0].at, events[0].by
    draft = Commit(case, version, at, by, tuple(events), previous, "")
    return Commit(case, version, at, by, tuple(events), previous, commit_hash(draft))


def commit_hash(commit: Commit) -> str:
    return document_hash(commit_to_json(commit))


def document_hash(document: Mapping[str, Any]) -> str:
    """The hash that a commit's JSON must carry."""
    return hashlib.sha256(canonical_json({**document, "hash": None})).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8: the same bytes for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def json_object(text: str | bytes) -> Mapping[str, Any]:
    """The JSON object that a text holds, {} for anything else: no commit, and no reason to fail."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def commit_to_json(commit: Commit) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "case": commit.case,
        "version": commit.version,
        "at": rfc3339(commit.at),
        "by": commit.by,
        "events": [event_to_json(event) for event in commit.events],
        "previous": commit.previous,
        "hash": commit.hash,
    }


def commit_from_json(document: dict[str, Any]) -> Commit:
    """ValueError for a format that this version of the hall does not know."""
    if document["format"] != FORMAT:
        raise ValueError(f"commit format {document['format']}")
    at = datetime.fromisoformat(document["at"])
    return Commit(
        case=document["case"],
        version=document["version"],
        at=at,
        by=document["by"],
        events=tuple(event_from_json(event, at, document["by"]) for event in document["events"]),
        previous=document["previous"],
        hash=document["hash"],
    )


def first_broken(documents: Iterable[Mapping[str, Any]]) -> int | None:
    """The version of the first commit that does not fit the chain; None when the chain is intact.

    Takes the commits' JSON as it is stored, so that a log that can't be read any more can still be audited.
    """
    previous = ""
    for version, document in enumerate(documents, start=1):
        fits = document.get("version") == version and document.get("previous") == previous
        if not fits or document.get("hash") != document_hash(document):
            return version
        previous = document["hash"]
    return None
