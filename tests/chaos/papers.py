"""Where every sheet of paper really is: at the door, in the hall, with a courier, or lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

DOOR, HALL, PACKED, LOST = "door", "hall", "packed", "lost"


@dataclass
class Papers:
    """The papers of one case by name (a material's code, ``certificate <number>``), each in exactly one place."""

    places: dict[str, str] = field(default_factory=dict)
    arrived: set[str] = field(default_factory=set)  # codes that have been in the hall

    def put(self, names: Iterable[str], place: str) -> None:
        for name in names:
            self.places[name] = place

    def at(self, place: str) -> tuple[str, ...]:
        return tuple(sorted(name for name, where in self.places.items() if where == place))

    def arrive(self, names: Iterable[str]) -> None:
        """At the hall. If a lost paper turns up while the new one in its place is still at the door, the new one is to
        spare from now on, under the lost one's name."""
        for name in names:
            code = name.removeprefix("lost ")
            self.places[name] = HALL
            if code != name and code not in self.arrived and self.places.get(code) == DOOR:
                self.places[code], self.places[name] = HALL, DOOR
            self.arrived.add(code)
