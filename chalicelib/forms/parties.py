"""The people in the answers, by the common parts' property names: whom to write to, and where the courier rings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.service import Leg
from chalicelib.ports import Party


def holder(answers: Mapping[str, Any]) -> str:
    """Whose name is in the public record of a certificate, "" when the answers were erased."""
    return str(answers.get("applicant", {}).get("name", ""))


def phone(answers: Mapping[str, Any]) -> str:
    """The applicant's phone with its country code, "" without one."""
    return international(str(answers.get("applicant", {}).get("phone", "")))


def international(number: str) -> str:
    """A phone number as forms take it, with its country code; "" stays so."""
    return number if number.startswith("+") or not number else f"+86{number}"


def email(answers: Mapping[str, Any]) -> str:
    return str(answers.get("applicant", {}).get("email", ""))


def door(answers: Mapping[str, Any], leg: Leg) -> Party:
    """Where the courier rings on this leg. KeyError when the answers name no address at all.

    A delivery without an address of its own goes where the originals were collected.
    """
    applicant = answers["applicant"]
    delivery = answers.get("delivery", {})
    pickup = answers.get("pickup", {})
    person = applicant
    if leg is Leg.PICKUP:
        address = pickup["address"]
    else:
        person = delivery.get("recipient", applicant)
        address = delivery.get("address") or pickup.get("address") or applicant["address"]
    return Party(
        name=person["name"],
        phone=person["phone"],
        province=address["province"],
        city=address["city"],
        county=address["county"],
        street=address["street"],
        postcode=address.get("postcode", ""),
    )
