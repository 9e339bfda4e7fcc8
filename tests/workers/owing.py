"""For each kind of step, a case that owes it now, with nothing done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from chalicelib.domain.due import Kind
from chalicelib.domain.money import Money
from chalicelib.usecases.payment import follow_dispute
from chalicelib.usecases.perform import perform
from tests.api import LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS
from tests.files import document, picture
from tests.halls import COURIER
from tests.workers.journeys import Way, new_hall


def owing(kind: Kind) -> Way:
    """The case; its workers are asleep."""
    way = Way(new_hall())
    _OWING[kind](way)
    way.asleep = True
    return way


def _submitted(way: Way) -> None:
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.asleep = True


def _paid(way: Way) -> None:
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.pay()
    way.asleep = True


def _pickup_ordered(way: Way) -> None:
    way.apply_for(LICENCE, LICENCE_ANSWERS)
    way.pay()
    way.decide("pre-check")
    way.asleep = True


def _notify(way: Way) -> None:
    way.asleep = True
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)


def _ask_checkout(way: Way) -> None:
    _submitted(way)
    way.hall.payments.pay("cs_1")
    way.hall.clock.advance(timedelta(minutes=6))


def _expire_checkout(way: Way) -> None:
    _submitted(way)
    way.withdraw()


def _check_files(way: Way) -> None:
    """Handed in and scanned; nobody has looked at what came of it."""
    way.asleep = True
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS, {"proof-of-address": [picture(), document()]})
    way.scan()


def _lapse(way: Way) -> None:
    _submitted(way)
    way.hall.clock.advance(timedelta(days=8))


def _order_courier(way: Way) -> None:
    way.apply_for(LICENCE, LICENCE_ANSWERS)
    way.pay()
    way.asleep = True
    way.decide("pre-check")


def _cancel_courier(way: Way) -> None:
    _pickup_ordered(way)
    way.withdraw()
    way.hall.clock.advance(timedelta(minutes=5))


def _ask_courier(way: Way) -> None:
    _pickup_ordered(way)
    way.hall.clock.advance(timedelta(days=4))
    way.hall.courier(COURIER).move(way.case.shipments[0].waybill, "picked_up", way.hall.clock())


def _refund(way: Way) -> None:
    _paid(way)
    way.withdraw()


def _ask_refund(way: Way) -> None:
    """The money is on its way first, and there a day later."""
    _refund(way)
    key = f"{way.number}-refund-1"
    way.hall.payments.refund(key, "pi_cs_1", Money(1000, "cny"), way.number)
    way.hall.payments.settle(key, "pending")
    assert perform(way.hall, way.number, Kind.REFUND, "1") == "done"
    way.hall.payments.settle(key, "succeeded")
    way.hall.clock.advance(timedelta(days=2))


def _ask_dispute(way: Way) -> None:
    """The bank has decided, and nobody has told the hall."""
    _paid(way)
    dispute = way.hall.payments.open_dispute("pi_cs_1").id
    follow_dispute(way.hall, dispute)
    way.hall.payments.move_dispute(dispute, "won")
    way.hall.clock.advance(timedelta(days=2))


def _issue(way: Way) -> None:
    _paid(way)
    way.decide("verify-residence")


def _late(way: Way) -> None:
    _paid(way)
    way.hall.clock.advance(timedelta(days=5))


def _close(way: Way) -> None:
    """The courier has brought it, and the hall was told so; nobody has closed the case."""
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.pay()
    way.decide("verify-residence")
    way.dispatch("certificate")
    way.asleep = True
    way.move("delivery", "picked_up", "delivered")
    way.apply_inbox()


_OWING: Mapping[Kind, Callable[[Way], None]] = {
    Kind.ASK_CHECKOUT: _ask_checkout,
    Kind.EXPIRE_CHECKOUT: _expire_checkout,
    Kind.LAPSE: _lapse,
    Kind.CHECK_FILES: _check_files,
    Kind.ORDER_COURIER: _order_courier,
    Kind.CANCEL_COURIER: _cancel_courier,
    Kind.ASK_COURIER: _ask_courier,
    Kind.REFUND: _refund,
    Kind.ASK_REFUND: _ask_refund,
    Kind.ASK_DISPUTE: _ask_dispute,
    Kind.ISSUE: _issue,
    Kind.NOTIFY: _notify,
    Kind.TURN_LIGHT: _late,
    Kind.BREAK_PROMISE: _late,
    Kind.CLOSE: _close,
}
