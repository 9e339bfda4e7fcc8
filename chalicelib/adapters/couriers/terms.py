"""What the hall and one courier have agreed upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.ports import Lookups


@dataclass(frozen=True, slots=True)
class Terms:
    """``options`` (addresses, customer numbers) come from the setting ``DOORSTEP_COURIER_OPTIONS``, ``secrets`` from
    the hall's secret; both by names of the courier's own module. ``callback`` is where the courier reports to: a
    secret. ``read_s`` is how many seconds an answer may take. ``memory`` is the hall's, for a courier's own numbers of
    an order, where it can't be asked for by ours.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    callback: str = field(default="", repr=False)
    read_s: float = 10.0
    memory: Lookups | None = field(default=None, repr=False)
