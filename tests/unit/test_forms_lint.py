"""The linter of services: each rule fires on a service that is broken in exactly that way, and only there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.forms import lint as linter
from chalicelib.forms import publish as publisher
from chalicelib.forms.catalogue import LOCK
from chalicelib.forms.lint import lint, report
from chalicelib.forms.publish import AlreadyPublished, digest, locked, publish, repository_root, versions
from chalicelib.forms.zero_visit import savings

SIMPLE = "residence-certificate/1"
PAPER = "business-licence-change/1"

Document = dict[str, Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The services of this repository, free to be broken, and published as they are."""
    copy = shutil.copytree(repository_root(), tmp_path / "forms_schemas", ignore=shutil.ignore_patterns("__pycache__"))
    for name in set(versions(copy)) - {SIMPLE, PAPER, "common/1"}:
        shutil.rmtree(copy / name)
    (copy / LOCK).unlink()
    for name in versions(copy):
        publish(copy, name)
    return copy


def edit(path: Path, change: Callable[[Document], object]) -> None:
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")


def found(root: Path) -> list[str]:
    """What the linter says, apart from the lock, which every change breaks."""
    return [str(finding) for finding in lint(root) if finding.file != LOCK]


def test_the_services_are_sound(root: Path) -> None:
    assert lint(root) == []


def question(**schema: Any) -> Callable[[Document], None]:
    """Add a question to the form."""
    return lambda form: form["properties"].update(extra={"title": "Extra", **schema})


def field(name: str, **change: Any) -> Callable[[Document], None]:
    return lambda form: form["properties"][name].update(change)


FORM_RULES = {
    "open object": (
        lambda form: form.pop("additionalProperties"),
        "form.json: an object needs additionalProperties: false",
    ),
    "open object inside": (
        lambda form: form["properties"]["residence"].update(additionalProperties={}),
        "form.json#/properties/residence: an object needs additionalProperties: false",
    ),
    "endless string": (
        lambda form: form["properties"]["purpose_details"].pop("maxLength"),
        "form.json#/properties/purpose_details: a string needs maxLength",
    ),
    "line breaks": (
        lambda form: form["properties"]["purpose_details"].pop("pattern"),
        "form.json#/properties/purpose_details: a string in one line needs a pattern or a format (or x-multiline)",
    ),
    "pattern for a part": (
        field("purpose_details", pattern="[a-z]"),
        "form.json#/properties/purpose_details: a pattern says the whole answer: begin with ^ and end with $",
    ),
    "pattern that is none": (
        field("purpose_details", pattern="^($"),
        "form.json#/properties/purpose_details: no valid pattern",
    ),
    "pattern with shorthands": (
        field("purpose_details", pattern=r"^\d$"),
        "form.json#/properties/purpose_details: write [0-9]",
    ),
    "unchecked format": (
        field("purpose_details", format="iri"),
        "form.json#/properties/purpose_details: format iri is not checked",
    ),
    "enum": (
        field("purpose_details", enum=["a"]),
        "form.json#/properties/purpose_details: enum can't be used in forms: list choices by oneOf",
    ),
    "no title": (
        lambda form: form["properties"]["purpose_details"].pop("title"),
        "form.json#/properties/purpose_details: has no title",
    ),
    "no type": (
        lambda form: form["properties"]["purpose_details"].pop("type"),
        "form.json#/properties/purpose_details: has no single type",
    ),
    "choice without title": (
        lambda form: form["properties"]["purpose"]["oneOf"][0].pop("title"),
        "form.json#/properties/purpose: a choice needs a title",
    ),
    "endless array": (
        question(type="array", items={"type": "boolean"}),
        "form.json#/properties/extra: an array needs maxItems",
    ),
    "array of anything": (
        question(type="array", maxItems=3),
        "form.json#/properties/extra: an array needs items",
    ),
    "boundless number": (
        question(type="integer", minimum=0),
        "form.json#/properties/extra: a number needs a maximum",
    ),
    "schema of another world": (
        lambda form: form.update({"unevaluatedProperties": False}),
        "form.json: unevaluatedProperties can't be used in forms",
    ),
    "something beside a reference": (
        lambda form: form["properties"]["delivery"].update(properties={}),
        "form.json#/properties/delivery: properties can't stand beside a $ref",
    ),
    "reference to nothing": (
        lambda form: form["properties"].update(applicant={"$ref": "doorstep:/common/1/nobody"}),
        "form.json: doorstep:/common/1/nobody refers to nothing",
    ),
    "reference to the outside": (
        lambda form: form["properties"].update(applicant={"$ref": "https://example.com/applicant"}),
        "form.json: https://example.com/applicant refers to nothing",
    ),
    "reference to itself": (
        lambda form: form.update({"$defs": {"a": {"$ref": "#/$defs/a"}}, "then": {"$ref": "#/$defs/a"}}),
        "form.json: #/$defs/a refers to itself",
    ),
    "no JSON Schema": (
        field("purpose_details", minLength="two"),
        "form.json#/properties/purpose_details/minLength: no valid JSON Schema 2020-12",
    ),
    "another applicant": (
        lambda form: form["properties"].update(applicant={"title": "You", "type": "boolean"}),
        "form.json#/properties/applicant: must be the common part",
    ),
    "no applicant": (
        lambda form: form["properties"].pop("applicant"),
        "form.json#/properties: a form has an applicant",
    ),
}


@pytest.mark.parametrize("rule", FORM_RULES)
def test_form_rule(root: Path, rule: str) -> None:
    change, message = FORM_RULES[rule]
    shutil.rmtree(root / PAPER)
    edit(root / SIMPLE / "form.json", change)
    assert [line for line in found(root) if line.startswith(f"{SIMPLE}/{message}")], found(root)


def test_common_parts_obey_the_same_rules(root: Path) -> None:
    edit(root / "common/1/applicant.json", lambda part: part["properties"]["name"].pop("maxLength"))
    assert "common/1/applicant.json#/properties/name: a string needs maxLength" in found(root)


def task(**change: Any) -> Callable[[Document], None]:
    return lambda service: service["tasks"][-1].update(change)


SERVICE_RULES = {
    "meta-schema: missing": (lambda service: service.pop("promise"), "service.json: 'promise' is a required property"),
    "meta-schema: unknown": (
        lambda service: service["promise"].update(hours=1),
        "service.json#/promise: Additional properties are not allowed",
    ),
    "meta-schema: upload without a type": (
        lambda service: service["materials"][0].pop("accepts"),
        "service.json#/materials/0: 'accepts' is a required property",
    ),
    "an upload that can not be looked into": (
        lambda service: service["materials"][0]["accepts"].append("image/heic"),
        "service.json#/materials/0/accepts: no image/heic can be looked into",
    ),
    "meta-schema: fraction of a fen": (
        lambda service: service["fee"]["lines"][0].update(amount=12.5),
        "service.json#/fee/lines/0/amount: 12.5 is not of type 'integer'",
    ),
    "another id": (
        lambda service: service.update(id="something"),
        "service.json#/id: id and version must be those of the folder",
    ),
    "the same code twice": (
        lambda service: service["materials"].append(dict(service["materials"][0])),
        "service.json#/materials: the code old-licence stands 2 times",
    ),
    "unknown department": (
        task(department="space"),
        "service.json#/tasks/1/department: departments has no space",
    ),
    "idle department": (
        lambda service: service["departments"].update(space="Space Agency"),
        "service.json#/departments/space: the department has no task",
    ),
    "unknown refund line": (
        lambda service: service["promise"].update(refund_line="tip"),
        "service.json#/promise/refund_line: there is no fee line tip",
    ),
    "refund that never ends": (
        lambda service: service["legs"].pop("pickup"),
        "service.json#/fee/lines/0/refund_until: nothing is ever picked up",
    ),
    "unknown task before": (
        task(after=["ghost"]),
        "service.json#/tasks/1/after: there is no task ghost",
    ),
    "tasks in a circle": (
        lambda service: service["tasks"][0].update(stage="review", after=["review"]),
        "service.json#/tasks: tasks wait for each other",
    ),
    "pre-check after the review": (
        lambda service: (service["tasks"][0].update(after=["review"]), service["tasks"][1].pop("after")),
        "service.json#/tasks/0/after: a pre-check can't wait for the review review",
    ),
    "promise shorter than the work": (
        task(working_days=5),
        "service.json#/promise/working_days: the tasks alone take 6 working days",
    ),
    "reads nothing": (
        lambda service: service["tasks"][0]["reads"].append("/business/owner"),
        "service.json#/tasks/0/reads/5: the form asks nothing at /business/owner",
    ),
    "prints nothing": (
        lambda service: service["tasks"][1]["certificate"]["fields"].update(owner="/business/owner"),
        "service.json#/tasks/1/certificate/fields/owner: the form asks nothing at /business/owner",
    ),
    "prints what nobody reviewed": (
        lambda service: service["tasks"][1]["certificate"]["fields"].update(phone="/applicant/phone"),
        "service.json#/tasks/1/certificate/fields/phone: no task reads /applicant/phone",
    ),
    "no template": (
        lambda service: service["tasks"][1]["certificate"].update(template="other.typ"),
        "service.json#/tasks/1/certificate/template: there is no other.typ",
    ),
}


@pytest.mark.parametrize("rule", SERVICE_RULES)
def test_service_rule(root: Path, rule: str) -> None:
    change, message = SERVICE_RULES[rule]
    shutil.rmtree(root / SIMPLE)
    edit(root / PAPER / "service.json", change)
    assert [line for line in found(root) if line.startswith(f"{PAPER}/{message}")], found(root)


# --- the zero-visit linter


def only(root: Path, *expected: str) -> None:
    """These findings and no others, apart from texts and examples that the change left behind."""
    lines = [line for line in found(root) if "/i18n/" not in line and "/examples" not in line]
    assert lines == list(expected)


def test_a_step_in_person_is_refused(root: Path) -> None:
    edit(root / PAPER / "service.json", task(attendance="applicant"))
    only(root, f"{PAPER}/service.json#/tasks/1/attendance: no step may ask the applicant to come in person")


def test_inspectors_may_come_to_the_applicant(root: Path) -> None:
    edit(root / PAPER / "service.json", task(attendance="inspectors"))
    only(root)


def test_paper_without_a_pickup_is_refused(root: Path) -> None:
    edit(root / SIMPLE / "service.json", lambda service: service["materials"][0].update(original=True))
    only(root, f"{SIMPLE}/service.json#/materials/0: paper is needed, but no courier collects it: add legs.pickup")


def test_a_paper_certificate_without_a_delivery_is_refused(root: Path) -> None:
    edit(root / SIMPLE / "service.json", lambda service: service["legs"].pop("delivery"))
    edit(root / SIMPLE / "form.json", lambda form: form["properties"].pop("delivery"))
    only(
        root,
        f"{SIMPLE}/service.json#/tasks/0/certificate: "
        "a paper certificate is issued, but no courier brings it: add legs.delivery",
    )


def test_an_electronic_certificate_needs_no_courier(root: Path) -> None:
    edit(root / SIMPLE / "service.json", lambda service: service["legs"].pop("delivery"))
    edit(root / SIMPLE / "service.json", lambda service: service["tasks"][0]["certificate"].update(paper=False))
    edit(root / SIMPLE / "form.json", lambda form: (form["properties"].pop("delivery"), form["required"].pop()))
    only(root)


def test_an_original_that_can_not_come_home_is_refused(root: Path) -> None:
    edit(root / PAPER / "service.json", lambda service: service["legs"].pop("delivery"))
    edit(root / PAPER / "service.json", lambda service: service["tasks"][1].pop("certificate"))
    edit(root / PAPER / "form.json", lambda form: form["properties"].pop("delivery"))
    only(
        root,
        f"{PAPER}/service.json#/materials/4: the original goes back, but no courier brings it: add legs.delivery",
    )


def test_a_courier_without_an_address_is_refused(root: Path) -> None:
    edit(root / PAPER / "form.json", lambda form: (form["properties"].pop("pickup"), form["required"].pop()))
    only(root, f"{PAPER}/form.json#/properties: the pickup courier has no address: add the common part pickup")


def test_a_pickup_that_may_be_left_open_is_refused(root: Path) -> None:
    edit(root / PAPER / "form.json", lambda form: form["required"].remove("pickup"))
    only(root, f"{PAPER}/form.json#/required: the pickup courier needs an address and a time: make pickup required")


def test_a_delivery_to_nowhere_is_refused(root: Path) -> None:
    edit(root / SIMPLE / "form.json", lambda form: form["required"].remove("delivery"))
    edit(root / SIMPLE / "form.json", lambda form: form["properties"]["delivery"].pop("required"))
    only(
        root,
        f"{SIMPLE}/form.json#/required: the delivery courier has no other address: make delivery required",
        f"{SIMPLE}/form.json#/properties/delivery: "
        'the delivery courier has no other address: add "required": ["address"]',
    )


EXTRA = {"type": "string", "maxLength": 9, "format": "date"}


def ask(root: Path, service: str, **schema: Any) -> None:
    """Ask one question more, and have it read."""
    edit(root / service / "form.json", question(**EXTRA | schema))
    edit(root / service / "service.json", lambda document: document["tasks"][0]["reads"].append("/extra"))


def test_one_question_more_is_no_fault_in_itself(root: Path) -> None:
    ask(root, SIMPLE)
    only(root)


def test_a_question_that_an_earlier_answer_tells_is_refused(root: Path) -> None:
    ask(root, SIMPLE, **{"x-concept": "applicant.name"})
    only(
        root,
        f"{SIMPLE}/form.json#/properties/extra: "
        "asks again what the answer /applicant/name already tells (applicant.name)",
    )


def test_a_question_in_the_words_of_an_earlier_one_is_refused(root: Path) -> None:
    ask(root, SIMPLE, title="full name ")
    only(
        root, f"{SIMPLE}/form.json#/properties/extra: asks again what the answer /applicant/name already tells (extra)"
    )


def test_a_question_that_a_held_certificate_tells_is_refused(root: Path) -> None:
    held = {"code": "household-register", "tells": ["residence.since"]}
    edit(root / SIMPLE / "service.json", lambda service: service["materials"][0].update(held_certificate=held))
    only(
        root,
        f"{SIMPLE}/form.json#/properties/residence/properties/since: "
        "asks again what the held certificate household-register already tells (residence.since)",
    )


def test_a_question_in_a_common_part_is_found_at_its_reference(root: Path) -> None:
    held = {"code": "household-register", "tells": ["residence.address.street"]}
    edit(root / SIMPLE / "service.json", lambda service: service["materials"][0].update(held_certificate=held))
    only(
        root,
        f"{SIMPLE}/form.json#/properties/residence/properties/address: "
        "asks again what the held certificate household-register already tells (residence.address.street)",
    )


def test_an_answer_that_nobody_reads_is_refused(root: Path) -> None:
    edit(root / SIMPLE / "form.json", question(**EXTRA))
    only(
        root,
        f"{SIMPLE}/form.json#/properties/extra: nobody reads /extra: name it in a task's reads, or don't ask",
    )


def test_an_identity_number_that_no_task_reads_is_refused(root: Path) -> None:
    edit(root / PAPER / "service.json", lambda s: [task["reads"].remove("/applicant/id_number") for task in s["tasks"]])
    only(
        root,
        f"{PAPER}/form.json#/properties/applicant: "
        "nobody reads /applicant/id_number: name it in a task's reads, or don't ask",
    )


def test_a_pickup_that_no_courier_rides_for_is_read_by_nobody(root: Path) -> None:
    edit(
        root / SIMPLE / "form.json",
        lambda form: form["properties"].update(pickup={"$ref": "doorstep:/common/1/pickup"}),
    )
    assert f"{SIMPLE}/form.json#/properties/pickup: nobody reads /pickup/window/start" in "\n".join(found(root))


def test_a_service_that_asks_for_more_than_before_is_refused(root: Path) -> None:
    edit(root / PAPER / "service.json", lambda service: service["before"].update(materials=3))
    only(root, f"{PAPER}/service.json#/before/materials: materials: 4 now, 3 before; a service never asks more")


def test_a_question_in_a_repeated_group_must_be_read_too(root: Path) -> None:
    person = {
        "title": "Person",
        "type": "object",
        "additionalProperties": False,
        "properties": {"born": {"title": "Born", **EXTRA}},
    }
    edit(root / SIMPLE / "form.json", question(type="array", maxItems=3, items=person))
    only(
        root,
        f"{SIMPLE}/form.json#/properties/extra/items/properties/born: "
        "nobody reads /extra/*/born: name it in a task's reads, or don't ask",
    )
    edit(root / SIMPLE / "service.json", lambda service: service["tasks"][0]["reads"].append("/extra"))
    only(root)


def test_the_report_says_what_a_service_saves(root: Path) -> None:
    (paper, simple) = linter.drafts(root)
    assert savings(paper.service)["visits"] == (2, 0)
    assert report(simple) == (
        "residence-certificate/1: visits 2 → 0, forms 1 → 1, materials 3 → 0, working days 5 → 3 (before: estimate)"
    )


# --- texts, examples, the lock


def test_a_text_without_translation_is_named(root: Path) -> None:
    edit(root / SIMPLE / "i18n/zh-CN.json", lambda texts: texts["form.json"].pop("/title"))
    edit(root / SIMPLE / "i18n/zh-CN.json", lambda texts: texts["service.json"].update({"/tasks/0/title": " "}))
    assert found(root) == [
        f"{SIMPLE}/i18n/zh-CN.json#/form.json: /title is not translated: 'Proof of residence'",
        f"{SIMPLE}/i18n/zh-CN.json#/service.json: /tasks/0/title is not translated: 'Verifying the residence'",
    ]


def test_a_translation_of_nothing_is_named(root: Path) -> None:
    edit(root / SIMPLE / "i18n/zh-CN.json", lambda texts: texts["form.json"].update({"/titel": "表"}))
    edit(root / SIMPLE / "i18n/zh-CN.json", lambda texts: texts.update({"froms.json": {}}))
    assert found(root) == [
        f"{SIMPLE}/i18n/zh-CN.json#/froms.json: there is no such file to translate",
        f"{SIMPLE}/i18n/zh-CN.json#/form.json/~1titel: form.json has no text at /titel",
    ]


def test_chinese_is_never_left_out_but_other_languages_may_be_under_way(root: Path) -> None:
    (root / SIMPLE / "i18n/zh-CN.json").rename(root / SIMPLE / "i18n/fr.json")
    edit(root / SIMPLE / "i18n/fr.json", lambda texts: texts["form.json"].pop("/title"))
    assert found(root) == [f"{SIMPLE}/i18n/zh-CN.json: is missing, or is no JSON object"]


def test_an_example_that_behaves_otherwise_is_named(root: Path) -> None:
    edit(root / SIMPLE / "examples/valid.json", lambda example: example["answers"].update(purpose="nothing"))
    assert found(root) == [
        f'{SIMPLE}/examples/valid.json#/faults: expected [], got [{{"pointer": "/purpose", "code": "not_in_list"}}]'
    ]


def test_examples_of_both_kinds_are_wanted(root: Path) -> None:
    for example in (root / SIMPLE / "examples").glob("valid*.json"):
        example.unlink()
    (root / SIMPLE / "examples/list.json").write_text("[]", "utf-8")
    assert found(root) == [
        f'{SIMPLE}/examples/list.json: an example is {{"title", "at", "answers", "faults": [{{"pointer", "code"}}]}}',
        f"{SIMPLE}/examples: needs an example of valid answers",
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "a", "id": "b"}'])
def test_a_file_that_is_no_object_is_named(root: Path, text: str) -> None:
    (root / SIMPLE / "service.json").write_text(text, "utf-8")
    assert found(root) == [f"{SIMPLE}/service.json: is missing, or is no JSON object"]


def locks(root: Path) -> list[str]:
    return [str(finding) for finding in lint(root)]


def test_a_changed_published_version_is_refused(root: Path) -> None:
    (root / SIMPLE / "certificate.typ").write_text("changed", "utf-8")
    changed = f"{LOCK}: {SIMPLE} was changed after it was published: make the change a new version"
    assert locks(root) == [changed]
    with pytest.raises(AlreadyPublished):
        publish(root, SIMPLE)
    assert locks(root) == [changed]
    publish(root, SIMPLE, refresh=True)
    assert locks(root) == []


def test_a_file_added_renamed_or_taken_away_is_a_change(root: Path) -> None:
    before = digest(root / SIMPLE)
    (root / SIMPLE / "extra.txt").write_text("", "utf-8")
    added = digest(root / SIMPLE)
    (root / SIMPLE / "extra.txt").rename(root / SIMPLE / "other.txt")
    renamed = digest(root / SIMPLE)
    (root / SIMPLE / "other.txt").unlink()
    assert len({before, added, renamed}) == 3
    assert digest(root / SIMPLE) == before


def test_line_ends_and_hidden_files_are_no_change(root: Path) -> None:
    before = digest(root / SIMPLE)
    form = root / SIMPLE / "form.json"
    form.write_bytes(form.read_bytes().replace(b"\n", b"\r\n"))
    (root / SIMPLE / ".DS_Store").write_text("", "utf-8")
    assert digest(root / SIMPLE) == before


def test_an_unpublished_version_and_a_vanished_one_are_named(root: Path) -> None:
    shutil.move(root / SIMPLE, root / "residence-certificate/2")
    edit(root / "residence-certificate/2/service.json", lambda service: service.update(version="2"))
    assert locks(root) == [
        f"{LOCK}: residence-certificate/2 is not published: python -m chalicelib.forms.publish residence-certificate/2",
        f"{LOCK}: residence-certificate/1 was published, but its folder is gone",
    ]
    with pytest.raises(FileNotFoundError):
        publish(root, "residence-certificate/3")


def test_a_released_version_can_not_be_refreshed_away(root: Path) -> None:
    released = locked(root)
    (root / SIMPLE / "certificate.typ").write_text("changed", "utf-8")
    publish(root, SIMPLE, refresh=True)
    assert [str(finding) for finding in lint(root, released)] == [
        f"{LOCK}: {SIMPLE} was released: its line can't be changed or taken away"
    ]


def test_the_publishing_command_enters_new_versions_and_refuses_changed_ones(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(root / SIMPLE, root / "residence-certificate/2")
    assert publisher.main(["residence-certificate/2", "--root", str(root)]) == 0
    assert capsys.readouterr().out == f"residence-certificate/2 {digest(root / SIMPLE)}\n"
    assert locked(root)["residence-certificate/2"] == digest(root / SIMPLE)
    (root / "residence-certificate/2/form.json").write_text("{}", "utf-8")
    assert publisher.main(["residence-certificate/2", "--root", str(root)]) == 1
    assert "was published with other files" in capsys.readouterr().err
    assert locked(root)["residence-certificate/2"] == digest(root / SIMPLE)


def test_the_command_prints_the_savings_or_what_to_mend(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    released = tmp_path / "released.lock"
    shutil.copy(root / LOCK, released)
    assert linter.main(["--root", str(root), "--released", str(released)]) == 0
    assert "visits 2 → 0" in capsys.readouterr().out
    (root / SIMPLE / "form.json").unlink()
    assert linter.main(["--root", str(root)]) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"{SIMPLE}/form.json: is missing, or is no JSON object"
