"""What holds within a service.json, and between it and its form, beyond its meta-schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from chalicelib.forms.drafts import Draft, Finding
from chalicelib.forms.inspection import KINDS
from chalicelib.forms.pointers import split, within
from chalicelib.forms.schemas import PART, speaking_of


def service_rules(draft: Draft) -> Iterator[Finding]:
    """Codes, departments, the order and terms of the tasks, kinds of uploads, pointers into the form, common parts in
    their places."""
    for rule in (_consistent, _order_of_tasks, _uploads_open, _pointers_lead_somewhere, _common_parts_in_place):
        yield from rule(draft)


def _consistent(draft: Draft) -> Iterator[Finding]:
    service = draft.service
    if f"{service['id']}/{service['version']}" != draft.name:
        yield draft.at_service(f"id and version must be those of the folder, {draft.name}", "id")
    certificates = [task["certificate"] for task in draft.tasks if "certificate" in task]
    lines = service["fee"].get("lines", ())
    kinds = {"fee": lines, "materials": draft.materials, "tasks": draft.tasks, "grounds": service["grounds"]}
    for place, things in (kinds | {"tasks/*/certificate": certificates}).items():
        for code, times in Counter(thing["code"] for thing in things).items():
            if times > 1:
                yield draft.at_service(f"the code {code} stands {times} times", *place.split("/")[:1])
    yield from _departments(draft)
    refund_line = service["promise"].get("refund_line")
    if refund_line is not None and refund_line not in {line["code"] for line in lines}:
        yield draft.at_service(f"there is no fee line {refund_line}", "promise", "refund_line")
    for number, line in enumerate(lines):
        if line["refund_until"] == "picked_up" and "pickup" not in service["legs"]:
            yield draft.at_service(
                "nothing is ever picked up: choose another refund_until", *("fee", "lines", number, "refund_until")
            )


def _departments(draft: Draft) -> Iterator[Finding]:
    departments = draft.service["departments"]
    for number, task in enumerate(draft.tasks):
        if task["department"] not in departments:
            yield draft.at_service(f"departments has no {task['department']}", "tasks", number, "department")
    for idle in departments.keys() - {task["department"] for task in draft.tasks}:
        yield draft.at_service("the department has no task", "departments", idle)


def _order_of_tasks(draft: Draft) -> Iterator[Finding]:
    tasks = {task["code"]: task for task in draft.tasks}
    for number, task in enumerate(draft.tasks):
        for other in task.get("after", ()):
            if other not in tasks:
                yield draft.at_service(f"there is no task {other}", "tasks", number, "after")
            elif task.get("stage") == "pre_check" and tasks[other].get("stage", "review") == "review":
                yield draft.at_service(f"a pre-check can't wait for the review {other}", "tasks", number, "after")
    try:
        order = list(TopologicalSorter({code: task.get("after", ()) for code, task in tasks.items()}).static_order())
    except CycleError as error:
        yield draft.at_service(f"tasks wait for each other: {' → '.join(error.args[1])}", "tasks")
        return
    days = _days_until(order, tasks)
    promised = draft.service["promise"]["working_days"]
    if days > promised:
        yield draft.at_service(f"the tasks alone take {days} working days", "promise", "working_days")


def _uploads_open(draft: Draft) -> Iterator[Finding]:
    """A file that the hall can't look into would be refused, whoever accepts it."""
    for number, material in enumerate(draft.materials):
        for kind in material.get("accepts", ()):
            if kind not in KINDS:
                yield draft.at_service(f"no {kind} can be looked into", "materials", number, "accepts")


def _days_until(order: Sequence[str], tasks: Mapping[str, Mapping[str, Any]]) -> int:
    """Working days of the longest chain of tasks; the review begins when the pre-checks are done."""
    done: dict[str, int] = {}
    for stage in ("pre_check", "review"):
        start = max(done.values(), default=0)
        for code in order:
            if code in tasks and tasks[code].get("stage", "review") == stage:
                before = [done[other] for other in tasks[code].get("after", ()) if other in done]
                done[code] = max([start, *before]) + tasks[code]["working_days"]
    return max(done.values(), default=0)


def _pointers_lead_somewhere(draft: Draft) -> Iterator[Finding]:
    reads = [pointer for task in draft.tasks for pointer in task["reads"]]
    for number, task in enumerate(draft.tasks):
        for position, pointer in enumerate(task["reads"]):
            if not _is_asked(draft, pointer):
                yield draft.at_service(f"the form asks nothing at {pointer}", "tasks", number, "reads", position)
        for name, pointer in task.get("certificate", {}).get("fields", {}).items():
            path = ("tasks", number, "certificate", "fields", name)
            if not _is_asked(draft, pointer):
                yield draft.at_service(f"the form asks nothing at {pointer}", *path)
            elif not within(pointer, reads):
                yield draft.at_service(f"no task reads {pointer}: a certificate says what was reviewed", *path)


def _is_asked(draft: Draft, pointer: str) -> bool:
    return any(isinstance(schema, Mapping) for schema in speaking_of(draft.inlined, split(pointer)))


def _common_parts_in_place(draft: Draft) -> Iterator[Finding]:
    """``applicant``, ``pickup`` and ``delivery`` are the common parts, since couriers and messages rely on them."""
    properties = draft.inlined.get("properties", {})
    if "applicant" not in properties:
        yield draft.at_form("a form has an applicant: add the common part applicant", "properties")
    for name in ("applicant", "pickup", "delivery"):
        given = properties.get(name)
        if given is not None and not (isinstance(given, Mapping) and given.get(PART, "").endswith(f"/{name}")):
            yield draft.at_form(f'must be the common part: {{"$ref": "doorstep:/common/1/{name}"}}', "properties", name)
