"""What can be applied for (事项): the part of ``service.json`` that the rule book needs. See ``forms_schemas/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Milestone(StrEnum):
    """How far a case has come; a fee line is given back until its milestone is reached."""

    PAID = "paid"
    PICKED_UP = "picked_up"
    REVIEW_STARTED = "review_started"
    DECIDED = "decided"
    DISPATCHED = "dispatched"
    NEVER_REACHED = "never_reached"  # refundable to the end: the broken promise's own rule aside


class Leg(StrEnum):
    """One courier shipment of a case."""

    PICKUP = "pickup"  # door → hall
    DELIVERY = "delivery"  # hall → door
    RETURN = "return"  # hall → door, originals only


class Stage(StrEnum):
    """When a task opens: before a courier is sent for the originals (预审), or once they are here."""

    PRE_CHECK = "pre_check"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One line of the fee, in minor units; given back when the case ends before ``refund_until`` is reached."""

    code: str
    amount: int
    refund_until: Milestone


@dataclass(frozen=True, slots=True)
class Material:
    """A document the service needs: an upload, a paper original, or both."""

    code: str
    upload: bool
    original: bool
    required: bool
    returned: bool  # an original that goes back with the result; kept by the hall otherwise


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an approval issues (证照); ``valid_days`` is None for one without an end."""

    code: str
    valid_days: int | None
    paper: bool


@dataclass(frozen=True, slots=True)
class Task:
    """One department's review of its slice of the case (审批环节)."""

    code: str
    department: str
    stage: Stage
    reads: tuple[str, ...]  # JSON Pointers into the answers that this department may see
    after: tuple[str, ...]  # codes of the tasks that must have been approved first
    working_days: int
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class Promise:
    """The working days in which the hall answers for the whole way (承诺时限)."""

    working_days: int
    refund_line: str | None  # the fee line that a broken promise gives back


@dataclass(frozen=True, slots=True)
class Service:
    """A published version of a service, as the rule book sees it."""

    id: str
    version: str
    currency: str
    fee_lines: tuple[FeeLine, ...]
    materials: tuple[Material, ...]
    tasks: tuple[Task, ...]
    pickup: bool
    delivery: bool
    promise: Promise
    payment_days: int = 7  # calendar days in which an unpaid case lapses
    correction_rounds: int = 3

    def task(self, code: str) -> Task | None:
        return next((task for task in self.tasks if task.code == code), None)

    def material(self, code: str) -> Material | None:
        return next((material for material in self.materials if material.code == code), None)

    def department_reads(self, department: str) -> tuple[str, ...]:
        """JSON Pointers that a department's tasks declare together, each once, in the order of the tasks."""
        return tuple(dict.fromkeys(p for task in self.tasks if task.department == department for p in task.reads))


def service_from_json(document: Mapping[str, Any]) -> Service:
    """The rule book's view of a ``service.json`` that has passed ``service.schema.json``."""
    legs = document.get("legs", {})
    return Service(
        id=document["id"],
        version=document["version"],
        currency=document["fee"]["currency"],
        fee_lines=tuple(
            FeeLine(line["code"], line["amount"], Milestone(line["refund_until"]))
            for line in document["fee"].get("lines", ())
        ),
        materials=tuple(
            Material(
                code=material["code"],
                upload=material.get("upload", False),
                original=material.get("original", False),
                required=material.get("required", True),
                returned=material.get("returned", True),
            )
            for material in document.get("materials", ())
        ),
        tasks=tuple(_task(task) for task in document["tasks"]),
        pickup="pickup" in legs,
        delivery="delivery" in legs,
        promise=Promise(document["promise"]["working_days"], document["promise"].get("refund_line")),
        payment_days=document.get("payment_days", 7),
        correction_rounds=document.get("correction_rounds", 3),
    )


def _task(document: Mapping[str, Any]) -> Task:
    certificate = document.get("certificate")
    return Task(
        code=document["code"],
        department=document["department"],
        stage=Stage(document.get("stage", "review")),
        reads=tuple(document["reads"]),
        after=tuple(document.get("after", ())),
        working_days=document["working_days"],
        certificate=certificate
        and Certificate(certificate["code"], certificate.get("valid_days"), certificate.get("paper", True)),
    )
