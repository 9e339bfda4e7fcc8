"""``python -m tests.e2e.dying_worker CASE LEG ATTEMPT``: orders a courier as the worker does, and dies of the answer.

The process ends as by a power cut: after the courier has booked the order, before anything of it is written down.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, cast

from chalicelib.ports import Courier, CourierOrder, Shipment
from chalicelib.settings import Settings
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.perform import perform
from chalicelib.wiring import AwsHall

DIED = 77


class _Fatal:
    """A courier whose answer nobody lives to tell."""

    def __init__(self, courier: Courier, die: Callable[[], None]) -> None:
        self._courier = courier
        self._die = die

    def __getattr__(self, name: str) -> Any:
        return getattr(self._courier, name)

    def order(self, order: CourierOrder) -> Shipment:
        booked = self._courier.order(order)
        self._die()
        return booked


class _DoomedHall(AwsHall):
    def courier(self, code: str) -> Courier:
        return cast(Courier, _Fatal(super().courier(code), lambda: os._exit(DIED)))


if __name__ == "__main__":
    case, leg, attempt = sys.argv[1:]
    doomed: Hall = _DoomedHall(Settings.from_env())
    sys.exit(perform(doomed, case, "order_courier", f"{leg}-{attempt}"))
