"""Outages for people: what an applicant is told whose case waits for a vendor, and what the desk sees of vendors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.case import Case
from chalicelib.domain.circuit import Circuit, State, state
from chalicelib.domain.due import Kind, due
from chalicelib.domain.service import Leg
from chalicelib.ports import Staff
from chalicelib.usecases.desk import Right, require
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.shipping import parse_subject
from chalicelib.usecases.tracking import payable_at, payment_state
from chalicelib.usecases.turns import OF_COURIERS, vendor_of
from chalicelib.usecases.vendors import PAYMENTS

# Of the steps that wait, those that its applicant may wonder about; a courier's by its leg.
_NOTICES: Mapping[tuple[Kind, str], str] = {
    (Kind.ASK_CHECKOUT, ""): "payment",
    (Kind.REFUND, ""): "refund",
    (Kind.ORDER_COURIER, Leg.PICKUP): "pickup",
    (Kind.ORDER_COURIER, Leg.DELIVERY): "parcel",
    (Kind.ORDER_COURIER, Leg.RETURN): "parcel",
    (Kind.CANCEL_COURIER, Leg.PICKUP): "calling_off",
    (Kind.ASK_COURIER, Leg.PICKUP): "news",
    (Kind.ASK_COURIER, Leg.DELIVERY): "news",
    (Kind.ASK_COURIER, Leg.RETURN): "news",
}
NOTICES = tuple(dict.fromkeys(_NOTICES.values()))


def notices(hall: Hall, case: Case) -> tuple[str, ...]:
    """What a case waits for because a vendor is down, of NOTICES: said as ``notice.<code>``.

    A vendor's health is looked at only where something is overdue that it has to do.
    """
    waits = dict.fromkeys(_waits(case, hall.now()))
    return tuple(dict.fromkeys(code for code, vendor in waits if hall.health.circuit(vendor).retry_at is not None))


def _waits(case: Case, now: datetime) -> Iterator[tuple[str, str]]:
    """Notice and vendor of each thing that waits for one."""
    if payment_state(case) == "due" and payable_at(case, now) is None:
        yield "payment", PAYMENTS
    for step in due(case, now):
        leg = parse_subject(step.subject)[0] if step.kind in OF_COURIERS else ""
        notice, vendor = _NOTICES.get((step.kind, leg)), vendor_of(case, step)
        if notice and vendor:
            yield notice, vendor


@dataclass(frozen=True, slots=True)
class Vendor:
    """How a vendor of this hall is: its circuit, and what that means now."""

    code: str
    circuit: Circuit
    state: State


def vendors(hall: Hall, staff: Staff) -> list[Vendor]:
    """All that the hall has a contract with, as they are at this moment. NotAllowed ``forbidden``."""
    require(staff, Right.SEE)
    return list(_vendors(hall))


def down(hall: Hall) -> list[Vendor]:
    """Those that are left alone, or have not answered since they were."""
    return [vendor for vendor in _vendors(hall) if vendor.state is not State.CLOSED]


def _vendors(hall: Hall) -> Iterator[Vendor]:
    for code in (PAYMENTS, *hall.courier_codes):
        circuit = hall.health.look(code)
        yield Vendor(code, circuit, state(circuit, hall.now()))
