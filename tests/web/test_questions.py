"""Forms of every shape that JSON Schema allows here: conditions, lists, numbers, choices, and what a browser sends."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from chalicelib.forms.catalogue import Catalogue
from chalicelib.forms.form_rules import form_warnings
from chalicelib.forms.validation import Fault, validate
from chalicelib.web import answers
from chalicelib.web.asking import parts_of
from chalicelib.web.forms import Form
from chalicelib.web.questions import Repeat, questions
from chalicelib.web.sent import MOST_ITEMS
from tests.api import LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS
from tests.cases import WeekdayCalendar

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TEXT = {"type": "string", "maxLength": 20}
PARTNER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {**TEXT, "title": "Name"},
        "foreign": {"type": "boolean", "title": "Foreign"},
        "country": {**TEXT, "title": "Country"},
    },
    "if": {"required": ["foreign"], "properties": {"foreign": {"const": True}}},
    "then": {"required": ["country"]},
    "else": {"properties": {"country": False}},
}
FORM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["seats", "partners"],
    "properties": {
        "seats": {"type": "integer", "title": "Seats", "minimum": 0, "maximum": 500},
        "area": {"type": "number", "title": "Area", "minimum": 0, "maximum": 10000},
        "grade": {
            "type": "integer",
            "title": "Grade",
            "oneOf": [{"const": 1, "title": "A"}, {"const": 2, "title": "B"}],
        },
        "agreed": {"type": "boolean", "const": True, "title": "I agree"},
        "names": {"type": "array", "title": "Names", "maxItems": 3, "items": TEXT},
        "partners": {"type": "array", "title": "Partners", "minItems": 1, "maxItems": 3, "items": PARTNER},
        "smoke": {**TEXT, "title": "Smoke"},
        "plan": {**TEXT, "title": "Plan"},
    },
    "allOf": [
        {
            "if": {"required": ["area"], "properties": {"area": {"exclusiveMinimum": 300}}},
            "then": {"required": ["plan"]},
            "else": {"properties": {"plan": False}},
        }
    ],
    "dependentRequired": {"smoke": ["area"]},
}


def form(**sent: str | list[str]) -> Form:
    body = {f"/{name.replace('__', '/')}": [v] if isinstance(v, str) else v for name, v in sent.items()}
    return Form(FORM, body, "en", NOW, WeekdayCalendar())


def asked_in(filled: Form) -> list[str]:
    return [question.pointer for question in questions(filled.parts)]


def test_an_empty_form_asks_what_needs_no_condition_and_shows_the_least_of_a_list() -> None:
    expected = ["/seats", "/area", "/grade", "/agreed", "/partners/0/name", "/partners/0/foreign", "/smoke"]
    assert asked_in(form()) == expected


def test_a_condition_within_all_of_asks_its_question() -> None:
    assert "/plan" in asked_in(form(area="300.5"))
    assert "/plan" not in asked_in(form(area="300"))


def test_a_dependent_answer_is_required_once_the_other_is_given() -> None:
    (area,) = (q for q in questions(form(smoke="yes").parts) if q.pointer == "/area")
    assert area.required
    (area,) = (q for q in questions(form().parts) if q.pointer == "/area")
    assert not area.required


def test_each_item_of_a_list_has_conditions_of_its_own() -> None:
    filled = form(partners__0__foreign="true", partners__1__foreign="false")
    assert "/partners/0/country" in asked_in(filled)
    assert "/partners/1/country" not in asked_in(filled)


def test_answers_get_the_types_that_the_form_names() -> None:
    filled = form(
        seats="1,200",
        area=" 12.5 ",
        grade="2",
        agreed="true",
        names__0="a",
        names__1="b",
        partners__0__name="x",
        partners__0__foreign="false",
    )
    assert filled.answers == {
        "seats": 1200,
        "area": 12.5,
        "grade": 2,
        "agreed": True,
        "names": ["a", "b"],
        "partners": [{"name": "x", "foreign": False}],
    }


@pytest.mark.parametrize("typed", ["12a", "1e9", "--1", "٣", "9" * 30, "0x1F", "NaN", "Infinity"])
def test_what_is_no_number_stays_as_typed_and_is_told_by_the_validator(typed: str) -> None:
    filled = form(seats=typed, partners__0__name="x")
    assert filled.answers["seats"] == typed
    assert [fault.pointer for fault in validate(FORM, filled.answers, "en")] == ["/seats"]


def test_a_list_grows_to_its_limit_and_shrinks_from_the_middle() -> None:
    filled = form(partners__0__name="a", partners__1__name="b")
    grown = filled.with_item("/partners")
    (partners,) = (part for part in grown.parts if part.pointer == "/partners")
    assert isinstance(partners, Repeat)
    assert (len(partners.parts), partners.may_add) == (3, False)
    shrunk = grown.without_item("/partners/0")
    assert shrunk.answers["partners"] == [{"name": "b"}, {}]


@pytest.mark.parametrize("pointer", ["/nothing", "/seats", "", "partners/0"])
def test_adding_to_or_taking_from_what_is_no_list_changes_nothing(pointer: str) -> None:
    filled = form(partners__0__name="a")
    assert filled.with_item(pointer).body == filled.body
    assert filled.without_item(pointer).body == filled.body


def test_a_flood_of_items_is_cut_off() -> None:
    filled = form(**{f"names__{position}": "x" for position in range(500)})
    assert len(filled.answers["names"]) == MOST_ITEMS
    assert len(form(names__999999999="x").answers.get("names", [])) == 0


@pytest.mark.parametrize(
    ("service", "given"), [(RESIDENCE, RESIDENCE_ANSWERS), (LICENCE, {**LICENCE_ANSWERS, "changes": ["name"]})]
)
def test_answers_survive_the_way_to_the_browser_and_back(service: str, given: Any) -> None:
    schema = Catalogue().form(service, None, "en")
    if "changes" in given:
        given = {**given, "business": {**given["business"], "former_name": "上海旧名"}}
    assert answers.read(schema, answers.as_body(schema, given))[0] == given


def test_every_valid_example_survives_the_way_to_the_browser_and_back() -> None:
    catalogue = Catalogue()
    found = 0
    for service, version in catalogue.services():
        schema = catalogue.form(service, version, "en")
        for path in files("forms_schemas").joinpath(service, version, "examples").iterdir():
            if path.name.startswith("valid"):
                given = json.loads(path.read_text("utf-8"))["answers"]
                assert answers.read(schema, answers.as_body(schema, given))[0] == given, path.name
                found += 1
    assert found >= 4


def test_a_fault_is_shown_at_the_innermost_part_around_it_in_the_order_of_the_page() -> None:
    faults = [
        Fault("/partners/0/name/x", "a", "deep"),
        Fault("/elsewhere", "a", "nowhere"),
        Fault("/seats", "a", "seats"),
        Fault("/partners/7", "a", "list"),
    ]
    assert form().errors(faults) == {"": "nowhere", "/seats": "seats", "/partners": "list", "/partners/0/name": "deep"}


def test_nothing_answered_needs_no_validator() -> None:
    code = (
        "import sys\n"
        "from chalicelib.forms.catalogue import Catalogue\n"
        "from chalicelib.web import answers\n"
        "for service, version in Catalogue().services():\n"
        "    answers.read(Catalogue().form(service, version, 'en'), {})\n"
        "assert 'jsonschema' not in sys.modules and 'jinja2' not in sys.modules\n"
    )
    path = f"import sys; sys.path[:0] = {sys.path!r}\n"
    subprocess.run([sys.executable, "-c", path + code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("schema", "control"),
    [
        ({"type": "string", "oneOf": [{"const": str(n), "title": "x"} for n in range(7)]}, "radios"),
        ({"type": "string", "oneOf": [{"const": str(n), "title": "x"} for n in range(8)]}, "select"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "x-multiline": True}, "multiline"),
        ({"type": "string", "x-autocomplete": "tel"}, "tel"),
        ({"type": "boolean"}, "yesno"),
        ({"type": "array", "items": {"oneOf": [{"const": "a", "title": "A"}]}}, "checkboxes"),
        ({"type": "string", "format": "email"}, "email"),
        ({"minimum": 1}, "number"),
        ({"const": 7}, "fixed"),
        ({"type": ["string", "null"]}, "text"),
        ({"description": "whatever"}, "json"),
    ],
)
def test_each_kind_of_answer_has_its_control(schema: dict[str, Any], control: str) -> None:
    (question,) = questions(parts_of({"properties": {"a": schema}, "required": ["a"]}))
    assert question.control == control


def test_required_and_titles_of_a_branch_go_over_those_of_the_form() -> None:
    schema = {
        "properties": {"a": {"type": "string", "title": "A"}, "b": {"type": "string", "title": "B"}},
        "required": ["a"],
        "if": {"required": ["a"]},
        "then": {"required": ["b"], "properties": {"b": {"title": "B indeed"}}},
    }
    (_, b) = parts_of(schema, {"a": "x"})
    assert (b.title, b.required) == ("B indeed", True)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"title": "Anything"}, "as JSON"),
        ({"title": "Things", "type": "array"}, "as JSON"),
        ({"title": "Object", "type": "object", "additionalProperties": False}, "as JSON"),
        ({"title": "Text", "type": "string", "colour": "red"}, "colour"),
    ],
)
def test_the_linter_warns_of_what_the_page_cannot_draw(schema: dict[str, Any], told: str) -> None:
    (warning,) = form_warnings("form.json", {"type": "object", "properties": {"a": schema}})
    assert told in str(warning)
    assert "/properties/a" in str(warning)


def test_the_linter_has_nothing_to_say_of_a_form_that_is_drawn_whole() -> None:
    assert list(form_warnings("form.json", FORM)) == []
