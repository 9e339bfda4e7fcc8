"""Where every sheet of paper really is: at the door, in the hall, with a courier, or lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

DOOR, HALL, PACKED, LOST = "door", "hall", "packed", "lost"


@dataclass
class Papers:
    """The papers of one case by name (a material's code, ``certificate <number>``), each in exactly one place."""

    places: dict[str, str] = field(default_factory=dict)

    def put(self, names: Iterable[str], place: str) -> None:
        for name in names:
            self.places[name] = place

    def at(self, place: str) -> tuple[str, ...]:
        return tuple(sorted(name for name, where in self.places.items() if where == place))

    def swap_spares(self) -> None:
        """A lost paper has turned up in the hall while the new one is still at the door: now the new one is to spare,
        under the lost one's name."""
        for name in self.at(HALL):
            new = name.removeprefix("lost ")
            if new != name and self.places.get(new) == DOOR:
                self.places[new], self.places[name] = HALL, DOOR
