"""What tests may ask of the counterpart: outages, and webhooks that come twice, late, backwards or never."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Outage:
    """The next ``times`` requests to a path that begins so fail with ``status``: before their effect or after it.

    ``delay_s`` keeps the failure back for so long: a time-out, for a client that waits less.
    """

    path: str
    status: int = 500
    after_effect: bool = False
    delay_s: float = 0
    times: int = 1
    method: str = "POST"

    def meets(self, method: str, path: str) -> bool:
        return self.times > 0 and method == self.method and path.startswith(self.path)


@dataclass(frozen=True, slots=True)
class Switches:
    """How webhooks are sent, and what becomes of a new refund (``succeeded`` or ``pending``)."""

    duplicate: bool = False
    hold: bool = False
    reverse: bool = False
    drop: bool = False
    refund_status: str = "succeeded"


@dataclass(slots=True)
class Control:
    """The switches in force, which a restart sets back. Safe for any thread."""

    switches: Switches = field(default_factory=Switches)
    _outage: Outage | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, wanted: Mapping[str, Any]) -> None:
        """Change what is named. ValueError: a name that there is not, or a value of another type."""
        if not isinstance(wanted, Mapping):
            raise ValueError("an object is wanted")  # noqa: TRY004
        changes = dict(wanted)
        outage = changes.pop("fail_next", None)
        with self._lock:
            if "fail_next" in wanted:
                self._outage = Outage(**_checked(Outage, outage)) if outage else None
            self.switches = replace(self.switches, **_checked(Switches, changes))

    def take_outage(self, method: str, path: str) -> Outage | None:
        """The outage that this request meets, which has then happened once more."""
        with self._lock:
            outage = self._outage
            if outage is None or not outage.meets(method, path):
                return None
            self._outage = replace(outage, times=outage.times - 1)
            return outage


_TYPES: Mapping[str, Any] = {"bool": bool, "int": int, "str": str, "float": (int, float)}


def _checked(kind: type[Outage | Switches], given: Mapping[str, Any]) -> Mapping[str, Any]:
    known = {item.name: _TYPES[str(item.type)] for item in fields(kind)}
    unknown = given.keys() - known.keys()
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}, fail_next")
    for name, value in given.items():
        if not isinstance(value, known[name]):
            raise ValueError(f"{name}: {value!r} is of another type")  # noqa: TRY004
    return given
