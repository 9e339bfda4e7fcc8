"""What the in-memory courier adds to the port."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.adapters.couriers.memory import MemoryCourier
from chalicelib.ports import CourierOrder, Party

SOMEBODY = Party("张三", "13800000000", "上海市", "上海市", "徐汇区", "样例路 1 号")
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_a_test_can_see_what_was_called_off() -> None:
    courier = MemoryCourier()
    shipment = courier.order(CourierOrder("A-pickup-1", SOMEBODY, SOMEBODY, None))
    assert not courier.is_called_off("A-pickup-1")
    courier.cancel("", shipment.waybill)
    assert courier.is_called_off("A-pickup-1")


def test_a_move_that_makes_no_sense_is_refused() -> None:
    courier = MemoryCourier()
    waybill = courier.order(CourierOrder("A-pickup-1", SOMEBODY, SOMEBODY, None)).waybill
    with pytest.raises(ValueError, match="eaten"):
        courier.move(waybill, "eaten", AT)
    with pytest.raises(KeyError):
        courier.move("nowhere", "picked_up", AT)
