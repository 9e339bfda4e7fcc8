"""Couriers, between the case and the vendors: ordering, calling off, asking, and taking in their news."""

from __future__ import annotations

from chalicelib import ports
from chalicelib.domain.case import Shipment
from chalicelib.domain.commands import (
    RecordCancellation,
    RecordCourierOrder,
    RecordCourierRefusal,
    RecordNews,
    RecordNoCourier,
    RecordSilence,
    RequestCourier,
)
from chalicelib.domain.due import courier_owed_since, next_courier, pickup_window
from chalicelib.domain.numbers import parse_case_number
from chalicelib.domain.service import Leg
from chalicelib.forms.parties import door
from chalicelib.logs import logger
from chalicelib.usecases.execute import Loaded, change, execute
from chalicelib.usecases.hall import Hall

log = logger("shipping")


class UnknownShipment(LookupError):
    """News of a waybill that is none of ours."""


class NotYetKnown(UnknownShipment):
    """News of a waybill that is none of ours, unless its order is just being written down."""


def order_courier(hall: Hall, loaded: Loaded, subject: str) -> None:
    """Write down what will be ordered, then order it. A retry repeats just that, and asks first what became of it."""
    leg, attempt = parse_subject(subject)
    shipment = loaded.case.shipment(leg, attempt)
    known = _ask(hall, shipment) if shipment else None
    if shipment is None:
        loaded = _request(hall, loaded, leg, attempt)
        shipment = loaded.case.shipment(leg, attempt)
    if shipment is None:
        return
    try:
        known = known or hall.courier(shipment.courier).order(_order(hall, loaded.record, shipment))
    except ports.VendorRejected as error:
        refusal = RecordCourierRefusal(at=hall.now(), by=by(shipment), leg=leg, attempt=attempt, code=error.code)
        execute(hall, loaded.case.number, lambda _: refusal)
        return
    record_shipment(hall, loaded.case.number, shipment, known)


class _NotOwed(Exception):
    """The case has moved on, and needs no courier any more."""


def _request(hall: Hall, loaded: Loaded, leg: Leg, attempt: int) -> Loaded:
    """Write down whom to order from, and for when, as the case is by then; without a shipment: no courier is left to
    ask, or none is owed any more."""

    def command(fresh: Loaded) -> RequestCourier | RecordNoCourier:
        case, now = fresh.case, hall.now()
        if courier_owed_since(case, leg) is None or attempt != len(case.attempts(leg)) + 1:
            raise _NotOwed
        courier = next_courier(case, leg, hall.couriers_for(case.service.id))
        if courier is None:
            return RecordNoCourier(at=now, by="hall", leg=leg, attempt=attempt)
        window = pickup_window(case, now) if leg is Leg.PICKUP else None
        return RequestCourier(at=now, by="hall", leg=leg, attempt=attempt, courier=courier, window=window)

    try:
        return change(hall, loaded.case.number, command, loaded=loaded)
    except _NotOwed:
        return loaded


def record_shipment(hall: Hall, number: str, shipment: Shipment, known: ports.Shipment) -> None:
    """What a courier answered: its waybill, and any news that comes with it."""
    if known.waybill:
        _remember(hall, shipment, known.waybill)
    execute(
        hall,
        number,
        lambda _: RecordCourierOrder(
            at=hall.now(), by=by(shipment), leg=shipment.leg, attempt=shipment.attempt, waybill=known.waybill
        ),
    )
    for news in known.news:
        record_news(hall, number, shipment.leg, shipment.attempt, shipment.courier, news)


def cancel_courier(hall: Hall, loaded: Loaded, subject: str) -> None:
    """Call a courier off that has not come yet."""
    leg, attempt = parse_subject(subject)
    shipment = loaded.case.shipment(leg, attempt)
    assert shipment is not None
    known = ports.Shipment(shipment.order, shipment.waybill) if shipment.booked else _find(hall, loaded, shipment)
    done = True
    if known is not None:
        if known.waybill and not shipment.booked:
            _remember(hall, shipment, known.waybill)  # its news may be on the way
        try:
            hall.courier(shipment.courier).cancel(shipment.order, known.waybill)
        except ports.VendorRejected:
            done = not (shipment.booked or known.waybill)  # nobody knows of it
    command = RecordCancellation(at=hall.now(), by=by(shipment), leg=leg, attempt=attempt, done=done)
    execute(hall, loaded.case.number, lambda _: command)


def _find(hall: Hall, loaded: Loaded, shipment: Shipment) -> ports.Shipment | None:
    """What the courier knows of an order that was never answered: it may have been booked all the same."""
    courier = hall.courier(shipment.courier)
    if courier.finds_by_order:
        try:
            return courier.query(shipment.order, "")
        except ports.VendorRejected:
            return ports.Shipment(shipment.order, "")  # it will not say: call off what there may be
    try:
        # It can't be asked for by our number: the very same order once more tells its waybill.
        return courier.order(_order(hall, loaded.record, shipment))
    except ports.VendorRejected:
        return None


def _ask(hall: Hall, shipment: Shipment) -> ports.Shipment | None:
    """What the courier knows of a shipment; None, too, when it will not say: nobody learns more by waiting for that."""
    try:
        return hall.courier(shipment.courier).query(shipment.order, shipment.waybill)
    except ports.VendorRejected as error:
        log.warning("query refused", extra={"order": shipment.order, "vendor": error.vendor, "error": error.code})
        return None


def ask_courier(hall: Hall, loaded: Loaded, subject: str) -> None:
    """A parcel is silent: ask for its news. The same news learnt twice is written down once; so is, that there is no
    more to learn."""
    leg, attempt = parse_subject(subject)
    shipment = loaded.case.shipment(leg, attempt)
    assert shipment is not None
    known = _ask(hall, shipment)
    if known is not None:
        record_shipment(hall, loaded.case.number, shipment, known)
    silence = RecordSilence(at=hall.now(), by="hall", leg=leg, attempt=attempt)
    execute(hall, loaded.case.number, lambda _: silence)


def take_news(hall: Hall, courier: str, news: ports.News) -> None:
    """Apply a courier's news to the case that it belongs to. UnknownShipment: to none of ours."""
    order = news.order or _order_of(hall, courier, news.waybill)
    number, leg, attempt = parse_order(order)
    record_news(hall, number, leg, attempt, courier, news)


def record_news(hall: Hall, number: str, leg: Leg, attempt: int, courier: str, news: ports.News) -> None:
    """Write news down. UnknownShipment: it tells of another courier's shipment, or of another waybill; NotFound: of one
    that was never ordered."""
    learnt = False

    def command(loaded: Loaded) -> RecordNews:
        nonlocal learnt
        known = loaded.case.shipment(leg, attempt)
        if known and known.courier != courier:
            raise UnknownShipment("another courier's shipment")
        # One that names none, though there is one, may be of somebody who knows no more than our number.
        if known and known.waybill not in ("", news.waybill):
            raise UnknownShipment("another waybill")
        learnt = bool(news.waybill) and not (known and known.waybill)
        return RecordNews(
            at=hall.now(),
            by=f"courier:{courier}",
            leg=leg,
            attempt=attempt,
            waybill=news.waybill,
            state=news.state,
            happened_at=news.at,
            code=news.code,
            identity=news.identity,
            undoes=news.undoes,
            reason=news.reason,
        )

    case = execute(hall, number, command)
    shipment = case.shipment(leg, attempt)
    if learnt and shipment:
        _remember(hall, shipment, news.waybill)


def parse_subject(subject: str) -> tuple[Leg, int]:
    leg, attempt = subject.rsplit("-", 1)
    return Leg(leg), int(attempt)


def parse_order(order: str) -> tuple[str, Leg, int]:
    """``<case>-<leg>-<attempt>`` in its parts. UnknownShipment when it is not one of our numbers."""
    number, leg, attempt = [*order.rsplit("-", 2), "", ""][:3]
    ours = parse_case_number(number) == number and leg in set(Leg) and attempt.isascii() and attempt.isdigit()
    if not ours:
        raise UnknownShipment("not an order of ours")
    return number, Leg(leg), int(attempt)


def by(shipment: Shipment) -> str:
    return f"courier:{shipment.courier}"


def _remember(hall: Hall, shipment: Shipment, waybill: str) -> None:
    """Some couriers report by waybill alone. Carriers use their numbers again: the newest order counts."""
    hall.lookups.put(f"waybill#{shipment.courier}#{waybill}", {"order": shipment.order})


def _order_of(hall: Hall, courier: str, waybill: str) -> str:
    known = hall.lookups.get(f"waybill#{courier}#{waybill}", now=hall.now())
    if known is None:
        raise NotYetKnown("unknown waybill")
    return str(known["order"])


def _order(hall: Hall, record: ports.CaseRecord, shipment: Shipment) -> ports.CourierOrder:
    there = door(record.answers, shipment.leg)
    inwards = shipment.leg is Leg.PICKUP
    return ports.CourierOrder(
        number=shipment.order,
        sender=there if inwards else hall.party,
        receiver=hall.party if inwards else there,
        window=ports.Window(shipment.window.start, shipment.window.end) if shipment.window else None,
    )
