"""Faults to order, drawn by lot from a seed and what they happen to: the same orders meet the same ones again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

UNDER_WAY = ("picked_up", "in_transit", "out_for_delivery")
"""States of a parcel in which it may get lost."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How badly the courier behaves. Shares are between 0 and 1.

    ``drop``: a push gets lost on its way and is tried again later. ``lose``: the courier never tells of it.
    ``duplicate``: an acknowledged push comes once more. ``reorder``: a push is held back until a later one of the same
    parcel has overtaken it. ``delay`` is the share of pushes that wait ``delay_s``. ``refuse_share``,
    ``timeout_share``: shares of orders that are refused, or booked but not answered the first time; ``refuse``,
    ``timeout_after_booking``: so many of the next orders besides. ``lose_parcel``: a parcel gets lost under way.
    """

    drop: float = 0.0
    lose: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 1.0
    delay_s: float = 0.0
    hold_s: float = 2.0  # how long a reordered or doubled push is held back at most
    timeout_after_booking: int = 0
    timeout_share: float = 0.0
    refuse: int = 0
    refuse_share: float = 0.0
    lose_parcel: float = 0.0
    seed: int | None = None


_SECONDS = frozenset({"delay_s", "hold_s"})
_NUMBERS = frozenset({"timeout_after_booking", "refuse", "seed"})
_SETTINGS = frozenset({"delay", "hold_s", "seed"})  # that do nothing by themselves


class Chaos:
    """Decides each time whether a fault happens. ``nth`` counts the events of a parcel, from 0."""

    def __init__(self) -> None:
        self.set({})

    def set(self, wish: Mapping[str, Any]) -> Faults:
        """Behave like this from now on; what is not named is well. ValueError: a name or value that makes no sense."""
        known = {field.name for field in fields(Faults)}
        if unknown := wish.keys() - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        for name, value in wish.items():
            _check(name, value)
        self.faults = Faults(**wish)
        self._seed = random.getrandbits(32) if self.faults.seed is None else self.faults.seed
        self._refuse = self.faults.refuse
        self._unanswered = self.faults.timeout_after_booking
        self._left_unanswered: set[str] = set()
        return self.faults

    def state(self) -> dict[str, Any]:
        """The present faults, with the numbers of orders that are still to fail and the seed that is used."""
        left = {"refuse": self._refuse, "timeout_after_booking": self._unanswered, "seed": self._seed}
        return asdict(self.faults) | left

    def on(self) -> dict[str, float]:
        """The faults that may happen now; none when the courier is well."""
        return {name: value for name, value in self.state().items() if value and name not in _SETTINGS}

    def refuses(self, number: str) -> bool:
        """Whether to refuse this new order."""
        self._refuse, now = max(0, self._refuse - 1), self._refuse
        return now > 0 or self._happens("refuse_share", number)

    def leaves_unanswered(self, number: str) -> bool:
        """Whether to leave this booked order without an answer; by a share only once."""
        self._unanswered, now = max(0, self._unanswered - 1), self._unanswered
        by_share = number not in self._left_unanswered and self._happens("timeout_share", number)
        self._left_unanswered.add(number)
        return now > 0 or by_share

    def loses(self, number: str, nth: int) -> bool:
        """Whether the courier forgets to tell."""
        return self._happens("lose", number, nth)

    def delays(self, number: str, nth: int) -> float:
        """Seconds that a new push waits."""
        return self.faults.delay_s if self._happens("delay", number, nth) else 0.0

    def holds_back(self, number: str, nth: int) -> float | None:
        """Seconds that a new push lets later ones overtake it at most; None when it goes at once."""
        return self._pause("reorder", number, nth)

    def drops(self, number: str, nth: int, attempt: int) -> bool:
        """Whether this attempt gets lost."""
        return self._happens("drop", number, nth, attempt)

    def repeats_after(self, number: str, nth: int) -> float | None:
        """Seconds until this acknowledged push comes once more; None when it doesn't."""
        return self._pause("duplicate", number, nth)

    def loses_parcel(self, number: str) -> str | None:
        """The state in which this parcel gets lost; None when it doesn't."""
        if not self._happens("lose_parcel", number):
            return None
        return self._lot("lost in", number).choice(UNDER_WAY)

    def _pause(self, fault: str, *what: object) -> float | None:
        return self._lot("pause", fault, *what).uniform(0, self.faults.hold_s) if self._happens(fault, *what) else None

    def _happens(self, fault: str, *what: object) -> bool:
        share: float = getattr(self.faults, fault)
        return self._lot(fault, *what).random() < share

    def _lot(self, *what: object) -> random.Random:
        return random.Random(" ".join(str(each) for each in (self._seed, *what)))  # noqa: S311


def _check(name: str, value: Any) -> None:
    if name == "seed" and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int if name in _NUMBERS else (int, float)) or not value >= 0:
        raise ValueError(f"{name} is no number that makes sense")
    if name not in _NUMBERS | _SECONDS and value > 1:
        raise ValueError(f"{name} is a share between 0 and 1")
