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

PICKUP_PROBLEMS = ("nobody_home", "refused", "wrong_address", "not_collectable", "delayed")
"""Why a parcel could not be fetched; the state is ``exception``, as with the next ones."""

MISHAPS = ("delayed", "lost", "damaged")
"""What may happen to a parcel under way."""

DELIVERY_PROBLEMS = ("nobody_home", "refused", "wrong_address", "delayed")
"""Why a parcel could not be handed over; the state is ``delivery_failed``."""

REASONS = frozenset(
    {
        *(("exception", reason) for reason in (*PICKUP_PROBLEMS, *MISHAPS)),
        *(("delivery_failed", reason) for reason in DELIVERY_PROBLEMS),
        ("out_for_delivery", "awaiting_collection"),
    }
)
"""Every state and reason that go together."""


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
    reasons: frozenset[tuple[str, str]]  # states and their reasons that it can tell besides (of REASONS)
    takes_back: frozenset[str]  # states that it can take back (of TAKEN_BACK)

    def letter(self, push: Push, now: datetime) -> Letter:
        """A push in the courier's own format; a reason that it can't tell is left out."""
        ...

    def acknowledged(self, letter: Letter, status: int, body: bytes) -> bool:
        """Whether this answer of the hall ends the re-pushing."""
        ...

    def routes(self, depot: Depot) -> list[BaseRoute]:
        """The courier's own interface, where the hall orders."""
        ...
