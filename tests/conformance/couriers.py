"""What each courier's wire format can prove: one row per courier of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wire:
    """``signed``: an altered message can be told from a genuine one; where not, the secret address alone protects.

    ``timed``: an old message can be told from a new one; where not, it is the same message again. ``history``: a query
    tells all that has happened, not only where the parcel is. ``numbers_at_once``: an order is answered with a waybill.
    """

    signed: bool = True
    timed: bool = False
    history: bool = True
    numbers_at_once: bool = True


WIRES: Mapping[str, Wire] = {
    "easypost": Wire(),
    "ems": Wire(),
    "kuaidi100": Wire(),
    "open": Wire(timed=True),
    "sf": Wire(signed=False),
}
"""Code -> what its wire format can prove. A courier that is new gets its row here, and is put to every check."""
