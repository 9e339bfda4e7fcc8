"""Whether a vendor is asked at all. One that keeps failing is left alone for a while, and then asked once to see.

    closed ──(FAILURES in a row)──▶ open ──(pause is over)──▶ half open: whoever probes first ──(an answer)──▶ closed
                                     ▲                                    │
                                     └────────(fails: a pause twice as long)

To probe is to put ``retry_at`` off by the time that a probe may take: nobody else tries meanwhile, and where the one
who probes dies, the next one may once that time is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

FAILURES = 5  # in a row, before a vendor counts as down
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
PROBE = timedelta(minutes=2)  # no shorter than a worker may run
_DOUBLINGS = 10  # far past LONGEST_PAUSE


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Circuit:
    """A vendor's health. ``failures`` are those in a row before it opened, ``pauses`` how often it has opened since it
    was last closed, ``since`` when the first of these failures was, ``error`` the vendor's own code of the last one.
    ``retry_at`` is None while it is closed, and else from when on somebody may probe."""

    failures: int = 0
    pauses: int = 0
    since: datetime | None = None
    error: str = ""
    retry_at: datetime | None = None


SOUND = Circuit()


def state(circuit: Circuit, now: datetime) -> State:
    if circuit.retry_at is None:
        return State.CLOSED
    return State.OPEN if now < circuit.retry_at else State.HALF_OPEN


def probing(circuit: Circuit, now: datetime) -> Circuit:
    """Somebody takes it on to see whether the vendor is back. ValueError: it is not the time for that."""
    if state(circuit, now) is not State.HALF_OPEN:
        raise ValueError("not half open")
    return replace(circuit, retry_at=now + PROBE)


def failed(circuit: Circuit, error: str, now: datetime, chance: float, *, probe: bool = False) -> Circuit:
    """The vendor has failed once more. ``chance`` (0 to 1) is the jitter of the pause that may follow.

    While it is open, only a probe tells anything new: other failures are of calls that had been made before.
    """
    if circuit.retry_at is None:
        counted = replace(circuit, failures=circuit.failures + 1, since=circuit.since or now, error=error)
        return _opened(counted, now, chance) if counted.failures >= FAILURES else counted
    return _opened(replace(circuit, error=error), now, chance) if probe else circuit


def _opened(circuit: Circuit, now: datetime, chance: float) -> Circuit:
    return replace(circuit, pauses=circuit.pauses + 1, retry_at=now + pause(circuit.pauses, chance))


def pause(pauses: int, chance: float) -> timedelta:
    """The pause after so many before it: twice as long each time up to a limit, less up to half of it by chance."""
    longest = min(FIRST_PAUSE * (1 << min(pauses, _DOUBLINGS)), LONGEST_PAUSE)
    return longest * (0.5 + chance / 2)


def to_json(circuit: Circuit) -> dict[str, Any]:
    return {
        "failures": circuit.failures,
        "pauses": circuit.pauses,
        "since": circuit.since.isoformat() if circuit.since else None,
        "error": circuit.error,
        "retry_at": circuit.retry_at.isoformat() if circuit.retry_at else None,
    }


def from_json(told: Mapping[str, Any]) -> Circuit:
    """KeyError, ValueError: it is none of ours."""
    return Circuit(
        failures=int(told["failures"]),
        pauses=int(told["pauses"]),
        since=datetime.fromisoformat(told["since"]) if told["since"] else None,
        error=str(told["error"]),
        retry_at=datetime.fromisoformat(told["retry_at"]) if told["retry_at"] else None,
    )
