"""What a courier's own wire format has to say for the postman and the handheld."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from starlette.routing import BaseRoute

from infra.local.courier_counterpart.book import Push
from infra.local.courier_counterpart.depot import Depot

TAKEN_BACK: Mapping[str, str] = {
    "picked_up": "ordered",
    "in_transit": "picked_up",
    "out_for_delivery": "in_transit",
    "delivered": "out_for_delivery",
    "delivery_failed": "out_for_delivery",
}
"""State that can be taken back -> the state that is left."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A push as it goes over the wire; ``receipt`` is what the acknowledgement must show."""

    headers: Mapping[str, str]
    body: bytes
    receipt: str


class Dialect(Protocol):
    """One courier's wire format, from the courier's side."""

    code: str
    tick: timedelta  # the smallest step of time that the format can tell
    states: frozenset[str]  # that the format can tell

    def letter(self, push: Push, now: datetime) -> Letter:
        """A push in the courier's own format."""
        ...

    def acknowledged(self, letter: Letter, status: int, body: bytes) -> bool:
        """Whether this answer of the hall ends the re-pushing."""
        ...

    def routes(self, depot: Depot) -> list[BaseRoute]:
        """The courier's own interface, where the hall orders."""
        ...
