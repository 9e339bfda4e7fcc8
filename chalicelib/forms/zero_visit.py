"""The zero-visit linter: no service sends its applicant anywhere, or asks what is known already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.forms.drafts import Draft, Finding
from chalicelib.forms.pointers import join, within
from chalicelib.forms.schemas import ANY_ITEM, Question, questions

# What the hall itself needs of an applicant: whom the courier asks for, and where messages go.
READ_BY_THE_HALL = ("/applicant/name", "/applicant/phone", "/applicant/email")


def zero_visit(draft: Draft) -> Iterator[Finding]:
    """Everything that would cost an applicant of this service a trip, or an answer given before."""
    yield from _in_person(draft)
    yield from _paper_without_courier(draft)
    yield from _legs_without_questions(draft)
    yield from _asked_again(draft)
    yield from _read_by_nobody(draft)
    yield from _no_worse_than_before(draft)


def _in_person(draft: Draft) -> Iterator[Finding]:
    for number, task in enumerate(draft.tasks):
        if task.get("attendance") == "applicant":
            yield draft.at_service("no step may ask the applicant to come in person", "tasks", number, "attendance")


def _paper_without_courier(draft: Draft) -> Iterator[Finding]:
    legs = draft.service["legs"]
    for number, material in enumerate(draft.materials):
        original = material.get("original", False)
        if original and "pickup" not in legs:
            yield draft.at_service("paper is needed, but no courier collects it: add legs.pickup", "materials", number)
        if original and material.get("returned", True) and "delivery" not in legs:
            yield draft.at_service(
                "the original goes back, but no courier brings it: add legs.delivery", "materials", number
            )
    for number, task in enumerate(draft.tasks):
        if "certificate" in task and task["certificate"].get("paper", True) and "delivery" not in legs:
            yield draft.at_service(
                "a paper certificate is issued, but no courier brings it: add legs.delivery",
                *("tasks", number, "certificate"),
            )


def _legs_without_questions(draft: Draft) -> Iterator[Finding]:
    """A courier needs an address, and for the pickup a time."""
    legs, form = draft.service["legs"], draft.inlined
    properties, required = form.get("properties", {}), form.get("required", ())
    for leg in legs:
        if leg not in properties:
            yield draft.at_form(f"the {leg} courier has no address: add the common part {leg}", "properties")
    if "pickup" in legs and "pickup" in properties and "pickup" not in required:
        yield draft.at_form("the pickup courier needs an address and a time: make pickup required", "required")
    if "delivery" in legs and "pickup" not in legs and "delivery" in properties:
        if "delivery" not in required:
            yield draft.at_form("the delivery courier has no other address: make delivery required", "required")
        if "address" not in properties["delivery"].get("required", ()):
            yield draft.at_form(
                'the delivery courier has no other address: add "required": ["address"]', "properties", "delivery"
            )


def concept(question: Question) -> str:
    """What a question asks for: its ``x-concept``, else its own path joined by dots (``applicant.name``)."""
    return str(question.schema.get("x-concept") or ".".join(question.path))


def _asked_again(draft: Draft) -> Iterator[Finding]:
    told = {
        known: f"the held certificate {material['held_certificate']['code']}"
        for material in draft.materials
        if "held_certificate" in material
        for known in material["held_certificate"]["tells"]
    }
    titles: dict[str, str] = {}
    for question in questions(draft.inlined):
        asks, title = concept(question), str(question.schema.get("title", "")).strip().casefold()
        teller = told.get(asks) or (titles.get(title) if _stands_alone(question) else None)
        if teller:
            yield draft.at_question(f"asks again what {teller} already tells ({asks})", question)
        told[asks] = f"the answer {join(question.path)}"
        if title and (_stands_alone(question) or question.path[0] == "applicant"):
            titles.setdefault(title, told[asks])


def _stands_alone(question: Question) -> bool:
    """Whether its title says all: a part's titles (City) come again where the part is used for something else."""
    return not question.parts and ANY_ITEM not in question.path


def _read_by_nobody(draft: Draft) -> Iterator[Finding]:
    reads = [pointer for task in draft.tasks for pointer in task["reads"]]
    reads += [*READ_BY_THE_HALL, *(f"/{leg}" for leg in draft.service["legs"])]
    for question in questions(draft.inlined):
        pointer = join(question.path)
        if not within(pointer, reads):
            yield draft.at_question(f"nobody reads {pointer}: name it in a task's reads, or don't ask", question)


def _no_worse_than_before(draft: Draft) -> Iterator[Finding]:
    for what, (before, now) in savings(draft.service).items():
        if now > before:
            yield draft.at_service(f"{what}: {now} now, {before} before; a service never asks more", "before", what)


def savings(service: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Visits, forms, materials and working days: before, and with this service."""
    before = service["before"]
    required = [
        material
        for material in service.get("materials", ())
        if material.get("required", True) and "held_certificate" not in material
    ]
    now = {
        "visits": sum(task.get("attendance") == "applicant" for task in service["tasks"]),
        "forms": 1,
        "materials": len(required),
        "working_days": service["promise"]["working_days"],
    }
    return {what: (before[what], figure) for what, figure in now.items()}
