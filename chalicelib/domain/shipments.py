"""What a courier's news add up to. Couriers repeat themselves, come out of order, and take things back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

FINAL = frozenset({"delivered", "returned", "cancelled"})
UNDER_WAY = frozenset({"picked_up", "in_transit", "out_for_delivery", "delivered", "delivery_failed", "returned"})


@dataclass(frozen=True, slots=True)
class Move:
    """One piece of news that stands. See ``events.ShipmentMoved``."""

    state: str
    at: datetime
    code: str
    identity: str
    undoes: str = ""
    reason: str = ""


class _Identified(Protocol):
    @property
    def identity(self) -> str: ...


def is_known(identity: str, moves: Iterable[_Identified]) -> bool:
    return any(move.identity == identity for move in moves)


def standing(moves: Sequence[Move]) -> tuple[Move, ...]:
    """The moves in the order in which they happened, without those that were taken back later."""
    kept: list[Move] = []
    for move in sorted(moves, key=lambda move: move.at):
        if move.undoes:
            taken_back = next((m for m in reversed(kept) if m.state == move.undoes), None)
            if taken_back:
                kept.remove(taken_back)
        else:
            kept.append(move)
    return tuple(kept)


def state_of(moves: Sequence[Move]) -> str:
    """The canonical state of a shipment: final states hold, and a cancellation of what has left is an exception.

    A cancelled shipment that a courier carries all the same is under way: the papers count, not the paperwork.
    """
    state = "ordered"
    left = False
    for move in standing(moves):
        if state in ("delivered", "returned"):
            break
        if state == "cancelled" and move.state not in UNDER_WAY:
            continue
        state = "exception" if move.state == "cancelled" and left else move.state
        left = left or move.state in UNDER_WAY
    return state


def left_at(moves: Sequence[Move]) -> datetime | None:
    """When the courier took the shipment over, None while it hasn't."""
    return next((move.at for move in standing(moves) if move.state in UNDER_WAY), None)
