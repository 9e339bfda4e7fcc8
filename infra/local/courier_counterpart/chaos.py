"""Faults to order, the same ones again for the same seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Faults:
    """How badly the courier behaves. Shares are between 0 and 1.

    ``drop``: a push gets lost on its way and is tried again later. ``lose``: the courier never tells of it.
    ``duplicate``: an acknowledged push comes once more. ``reorder``: a push is held back until a later one of the same
    parcel has overtaken it. ``delay_s``: every push waits so long. ``timeout_after_booking``, ``refuse``: so many of
    the next orders are booked but not answered, or refused.
    """

    drop: float = 0.0
    lose: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay_s: float = 0.0
    hold_s: float = 2.0  # how long a reordered or doubled push is held back at most
    timeout_after_booking: int = 0
    refuse: int = 0
    seed: int | None = None


class Chaos:
    """Decides each time whether a fault happens."""

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
        self._random = random.Random(self.faults.seed)  # noqa: S311
        self._refuse = self.faults.refuse
        self._unanswered = self.faults.timeout_after_booking
        return self.faults

    def state(self) -> dict[str, Any]:
        """The present faults, with the numbers of orders that are still to fail."""
        return asdict(self.faults) | {"refuse": self._refuse, "timeout_after_booking": self._unanswered}

    def refuses(self) -> bool:
        """Whether to refuse this order."""
        self._refuse, now = max(0, self._refuse - 1), self._refuse
        return now > 0

    def leaves_unanswered(self) -> bool:
        """Whether to leave this booked order without an answer."""
        self._unanswered, now = max(0, self._unanswered - 1), self._unanswered
        return now > 0

    def holds_back(self) -> float | None:
        """Seconds that a new push lets later ones overtake it at most; None when it goes at once."""
        return self._random.uniform(0, self.faults.hold_s) if self._happens(self.faults.reorder) else None

    def drops(self) -> bool:
        """Whether this attempt gets lost."""
        return self._happens(self.faults.drop)

    def loses(self) -> bool:
        """Whether the courier forgets to tell."""
        return self._happens(self.faults.lose)

    def repeats_after(self) -> float | None:
        """Seconds until this acknowledged push comes once more; None when it doesn't."""
        return self._random.uniform(0, self.faults.hold_s) if self._happens(self.faults.duplicate) else None

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share


def _check(name: str, value: Any) -> None:
    if name == "seed" and value is None:
        return
    whole = name in ("timeout_after_booking", "refuse", "seed")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value >= 0:
        raise ValueError(f"{name} is no number that makes sense")
    if name in ("drop", "lose", "duplicate", "reorder") and value > 1:
        raise ValueError(f"{name} is a share between 0 and 1")
