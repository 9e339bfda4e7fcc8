"""What a courier's news add up to. Couriers repeat themselves, come out of order, and take things back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

ATTEMPTS = 3  # in vain at one leg, before a person has to look or the applicant chooses another window
PICKUP_GRACE = timedelta(hours=1)  # after the window's end, before the courier is asked
SILENCE = timedelta(days=3)  # of a parcel under way, before the courier is asked
MISSING_AFTER = timedelta(days=10)  # without a sign of a parcel that the courier has, before a person looks for it

IN_VAIN = frozenset({"nobody_home", "refused", "wrong_address", "not_collectable"})  # why nothing was fetched
# Why nothing was left at the door, where somebody there has a part in it.
AT_THE_DOOR = frozenset({"nobody_home", "refused", "wrong_address", "awaiting_collection"})
GONE = frozenset({"lost", "damaged"})  # what can only happen to a parcel that the courier has

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
    return _sum(moves)[0]


def reason_of(moves: Sequence[Move]) -> str:
    """Why it is in this state, "" where nobody has told."""
    return _sum(moves)[1]


def _sum(moves: Sequence[Move]) -> tuple[str, str]:
    state, reason = "ordered", ""
    left = False
    for move in standing(moves):
        if state in ("delivered", "returned"):
            break
        if state == "cancelled" and not _has_left(move):
            continue
        state = "exception" if move.state == "cancelled" and left else move.state
        reason = move.reason
        left = left or _has_left(move)
    return state, reason


def left_at(moves: Sequence[Move]) -> datetime | None:
    """When the courier took the shipment over, None while it hasn't."""
    return next((move.at for move in standing(moves) if _has_left(move)), None)


def delivered_at(moves: Sequence[Move]) -> datetime | None:
    """When the courier handed it over, None while it hasn't."""
    return next((move.at for move in standing(moves) if move.state == "delivered"), None)


def _has_left(move: Move) -> bool:
    return move.state in UNDER_WAY or move.reason in GONE


def in_vain(moves: Sequence[Move]) -> bool:
    """The courier has come for nothing, by its own word, and has not put that right since."""
    told = [move for move in standing(moves) if move.state != "cancelled"]
    return bool(told) and told[-1].state == "exception" and told[-1].reason in IN_VAIN


def reasons(moves: Sequence[Move]) -> tuple[str, ...]:
    """Why something went wrong on the way so far, the latest last."""
    return tuple(move.reason for move in standing(moves) if move.reason)
