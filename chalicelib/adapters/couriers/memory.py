"""A courier without a network, for tests: books, moves and reports like one (``ports.Courier``)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.ports import COURIER_STATES, CourierOrder, News, Shipment, VendorRejected, VendorUnknown

_BEFORE_PICKUP = frozenset({"ordered", "pickup_scheduled", "cancelled"})


class MemoryCourier:
    """Shipments in a dictionary. Set ``refuse`` or ``timeout_after_booking`` to how many next orders shall fail so.

    One that does not ``find by order`` knows its shipments by their waybills alone.
    """

    def __init__(self, code: str = "memory", *, finds_by_order: bool = True) -> None:
        self.code = code
        self.finds_by_order = finds_by_order
        self.refuse = 0
        self.timeout_after_booking = 0
        self.orders: dict[str, CourierOrder] = {}
        self._shipments: dict[str, Shipment] = {}
        self._called_off: set[str] = set()

    def order(self, order: CourierOrder) -> Shipment:
        """Book it once; the same number again gives the first booking."""
        if self.refuse:
            self.refuse -= 1
            raise VendorRejected(self.code, "refused")
        if order.number not in self._shipments:
            self.orders[order.number] = order
            self._shipments[order.number] = Shipment(order.number, f"M{len(self._shipments) + 1:012}")
        if self.timeout_after_booking:
            self.timeout_after_booking -= 1
            raise VendorUnknown(self.code, "no_answer")
        return self._shipments[order.number]

    def cancel(self, order: str, waybill: str) -> None:
        """Call it off, until it is picked up."""
        shipment = self.query(order, waybill)
        if shipment is None:
            raise VendorRejected(self.code, "unknown")
        if any(news.state not in _BEFORE_PICKUP and news.state != "exception" for news in shipment.news):
            raise VendorRejected(self.code, "too_late")
        self._called_off.add(shipment.order)

    def query(self, order: str, waybill: str) -> Shipment | None:
        """The shipment of this order, or of this waybill."""
        found = (each for each in self._shipments.values() if waybill and each.waybill == waybill)
        by_order = self._shipments.get(order) if self.finds_by_order else None
        return by_order or next(found, None)

    def is_called_off(self, order: str) -> bool:
        """Whether ``cancel`` has worked for this order."""
        return order in self._called_off

    def move(self, waybill: str, state: str, at: datetime, *, undoes: str = "", reason: str = "") -> News:
        """Let something happen to a shipment; the news of it. KeyError: no such waybill."""
        if state not in COURIER_STATES:
            raise ValueError(f"{state} is no state")
        shipment = self.query("", waybill)
        if shipment is None:
            raise KeyError(waybill)
        identity = "-".join(filter(None, (waybill, state, undoes, at.isoformat())))
        news = News(identity, waybill, shipment.order, state, at, state, undoes, reason)
        known = (each for each in shipment.news if each.identity != identity)
        moved = tuple(sorted((*known, news), key=lambda each: each.at))
        self._shipments[shipment.order] = replace(shipment, news=moved)
        return news
