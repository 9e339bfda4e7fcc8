"""The log's JSON form is stable: one golden file for each type of event. A change is a new format, with a reader."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from chalicelib.domain.commit import commit_from_json, commit_to_json, first_broken, make_commit
from chalicelib.domain.events import (
    TYPES,
    Event,
    KeptFile,
    Line,
    RefusedFile,
    Window,
    event_from_json,
    event_to_json,
)
from tests.cases import Book

GOLDEN = Path(__file__).parent / "golden"
OLDER = GOLDEN / "older"  # without the fields that came later
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SAMPLES: dict[Any, Any] = {
    str: "text",
    int: 7,
    bool: True,
    datetime: AT,
    date | None: date(2027, 1, 2),
    datetime | None: AT,
    tuple[str, ...]: ("a", "b"),
    tuple[Line, ...]: (Line("pickup", 1200),),
    tuple[KeptFile, ...]: (KeptFile("upload-1", "image/jpeg", 2048),),
    tuple[RefusedFile, ...]: (RefusedFile("photo", "upload-2", "file_infected"),),
    Window: Window(AT, AT),
    Window | None: Window(AT, AT),
}


def sample(type_: type[Event]) -> Event:
    hints = get_type_hints(type_)
    values = {f.name: SAMPLES[hints[f.name]] for f in fields(type_) if f.name not in ("at", "by")}
    return type_(at=AT, by="hall", **values)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_an_event_is_written_as_it_always_was(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    assert event_to_json(sample(TYPES[name])) == golden
    assert event_from_json(golden, AT, "hall") == sample(TYPES[name])


def test_no_golden_file_is_forgotten() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(TYPES)


@pytest.mark.parametrize("path", sorted(OLDER.glob("*.json")), ids=lambda path: path.stem)
def test_an_event_from_before_it_had_a_field_is_read_and_written_as_it_was(path: Path) -> None:
    older = json.loads(path.read_text())
    later = {f.name for f in fields(TYPES[path.stem])} - {*older, "at", "by"}
    event = event_from_json(older, AT, "hall")
    assert later
    assert replace(event, **dict.fromkeys(later, "")) == event
    assert event_to_json(event) == older


def test_an_unknown_event_or_a_missing_field_stops_the_reader() -> None:
    with pytest.raises(KeyError):
        event_from_json({"type": "Teleported"}, AT, "hall")
    with pytest.raises(KeyError, match=r"CheckoutExpired\.checkout"):
        event_from_json({"type": "CheckoutExpired"}, AT, "hall")


def test_an_unknown_format_stops_the_reader() -> None:
    commit = Book.open().commits[0]
    with pytest.raises(ValueError, match="format 2"):
        commit_from_json({**commit_to_json(commit), "format": 2})


def test_a_commit_survives_being_written_and_read() -> None:
    for commit in Book.open().to_delivered().commits:
        assert commit_from_json(json.loads(json.dumps(commit_to_json(commit)))) == commit


def test_the_chain_names_the_first_commit_that_does_not_fit() -> None:
    commits = Book.open().to_delivered().commits
    log = [commit_to_json(commit) for commit in commits]
    assert first_broken(log) is None
    assert first_broken([*log[:2], {**log[2], "by": "staff:somebody-else"}, *log[3:]]) == 3
    assert first_broken([*log[:2], {**log[2], "unheard": "of"}, *log[3:]]) == 3
    assert first_broken([*log[:2], {}, *log[3:]]) == 3
    assert first_broken([*log[:2], *log[3:]]) == 3
    rewritten = commit_to_json(make_commit(commits[2].case, 3, commits[1].events, commits[1].hash))
    assert first_broken([*log[:2], rewritten, *log[3:]]) == 4
