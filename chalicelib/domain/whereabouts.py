"""Where each parcel and each original of a case is, as far as the hall knows: none is ever out of account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.case import Case, Shipment
from chalicelib.domain.service import Leg


class Place(StrEnum):
    APPLICANT = "applicant"  # not handed over yet, or back at the door
    COURIER = "courier"
    HALL = "hall"
    LOST = "lost"
    NOWHERE = "nowhere"  # a courier's order that came to nothing: there is no such parcel


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A place; with the courier and waybill ("" while none is assigned) of a parcel that a courier has."""

    place: Place
    courier: str = ""
    waybill: str = ""


def parcels(case: Case) -> dict[tuple[Leg, int], Whereabouts]:
    """Of each attempt at a leg, by ``Shipment.key``."""
    return {(shipment.leg, shipment.attempt): _parcel(shipment) for shipment in case.shipments}


def _parcel(shipment: Shipment) -> Whereabouts:
    inwards = shipment.leg is Leg.PICKUP
    if shipment.opened:
        return Whereabouts(Place.HALL)
    state = shipment.found or shipment.state
    if state == "lost":
        return Whereabouts(Place.LOST)
    if state in ("refused", "cancelled"):
        return Whereabouts(Place.NOWHERE)
    if state == "delivered":
        return Whereabouts(Place.HALL if inwards else Place.APPLICANT)
    if not shipment.left_at or state == "returned":
        return Whereabouts(Place.APPLICANT if inwards else Place.HALL)
    return Whereabouts(Place.COURIER, shipment.courier, shipment.waybill)


def originals(case: Case) -> dict[str, Whereabouts]:
    """Of each original that the service's list names, by its code."""
    return {material.code: _original(case, material.code) for material in case.service.materials if material.original}


def _original(case: Case, code: str) -> Whereabouts:
    if code in case.lost_originals:
        return Whereabouts(Place.LOST)
    if code not in case.received:
        return _on_its_way_in(case)
    if code in case.originals_at_hall:
        return Whereabouts(Place.HALL)
    return _on_its_way_out(case, code)


def _on_its_way_in(case: Case) -> Whereabouts:
    """What no clerk has checked in is taken to be in the last envelope that came, or is coming."""
    return _parcel(case.envelopes[-1]) if case.envelopes else Whereabouts(Place.APPLICANT)


def _on_its_way_out(case: Case, code: str) -> Whereabouts:
    """It has left the hall: with the envelope that was packed last, or with a lost one that has turned up."""
    packing = case.packing
    if case.originals_left and packing:
        attempts = reversed(case.attempts(packing.leg))
        carrier = next(s for s in attempts if s.left_at and s.requested_at >= packing.at)
    else:
        carrier = next(s for s in case.shipments if code in s.lost and s.found)
    return _parcel(carrier)
