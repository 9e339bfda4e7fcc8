"""The catalogue: what is published, in the reader's language, self-contained, and cheap to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.service import Milestone, Stage
from chalicelib.forms.catalogue import Catalogue, UnknownService, UnknownTemplate
from chalicelib.forms.schemas import BadReference, inline, questions, speaking_of
from chalicelib.forms.translations import form_texts, service_texts, translate

CATALOGUE = Catalogue()


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A hall with versions 2, 9 and 10 of one service; 11 is not published."""
    for version in ("2", "9", "10", "11"):
        folder = tmp_path / "thing" / version
        write(folder / "service.json", {"id": "thing", "version": version, "title": "Thing"})
        write(folder / "form.json", {"title": "Form", "properties": {"p": {"$ref": "doorstep:/common/1/part"}}})
        write(folder / "i18n/zh-CN.json", {"service.json": {"/title": "事项"}, "form.json": {"/title": "表"}})
    write(tmp_path / "common/1/part.json", {"title": "Part", "type": "string"})
    write(tmp_path / "common/1/i18n/zh-CN.json", {"part.json": {"/title": "部分"}})
    write(tmp_path / "catalogue.lock", "common/1 0\nthing/10 0\nthing/2 0\nthing/9 0\n")
    return tmp_path


def test_the_newest_published_version_is_the_highest_number(root: Path) -> None:
    assert Catalogue(root).services() == [("thing", "10")]
    assert Catalogue(root).definition("thing", None, "en")["version"] == "10"


def test_an_older_published_version_stays_readable(root: Path) -> None:
    assert Catalogue(root).definition("thing", "2", "en")["version"] == "2"


@pytest.mark.parametrize(
    ("id", "version"),
    [("thing", "11"), ("thing", "1"), ("thing", "../2"), ("nothing", None), ("common", "1"), ("", None)],
)
def test_what_is_not_published_is_unknown(root: Path, id: str, version: str | None) -> None:
    catalogue = Catalogue(root)
    for ask in (
        lambda: catalogue.service(id, version),
        lambda: catalogue.definition(id, version, "en"),
        lambda: catalogue.form(id, version, "en"),
        lambda: catalogue.template(id, version, "certificate.typ"),
    ):
        with pytest.raises(UnknownService):
            ask()


def test_everything_comes_in_the_readers_language(root: Path) -> None:
    catalogue = Catalogue(root)
    assert catalogue.definition("thing", None, "zh-CN")["title"] == "事项"
    chinese = catalogue.form("thing", None, "zh-CN")
    assert chinese == {
        "title": "表",
        "properties": {"p": {"x-part": "common/1/part", "title": "部分", "type": "string"}},
    }
    assert catalogue.form("thing", None, "en")["properties"]["p"]["title"] == "Part"


def test_an_unknown_language_gives_the_source_and_fills_no_memory(root: Path) -> None:
    catalogue = Catalogue(root)
    first = catalogue.form("thing", None, "xx-0")
    assert first["title"] == "Form"
    assert all(catalogue.form("thing", None, f"xx-{number}") is first for number in range(50))
    assert catalogue.form("thing", None, "../../zh-CN") is first


def test_what_was_read_is_kept(root: Path) -> None:
    catalogue = Catalogue(root)
    form = catalogue.form("thing", None, "zh-CN")
    (root / "thing/10/form.json").unlink()
    assert catalogue.form("thing", None, "zh-CN") is form


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    Catalogue(tmp_path / "nowhere")


def test_templates_are_read_by_name_and_from_their_own_folder_only(root: Path) -> None:
    write(root / "thing/10/certificate.typ", "#sys")
    write(root / "secret.typ", "secret")
    catalogue = Catalogue(root)
    assert catalogue.template("thing", None, "certificate.typ") == "#sys"
    for name in ("other.typ", "../../secret.typ", "form.json", "", "i18n"):
        with pytest.raises(UnknownTemplate):
            catalogue.template("thing", None, name)


def test_unknown_common_parts_are_key_errors(root: Path) -> None:
    for name in ("common/1/none", "common/2/part", "thing/10/service", "common/1/../part"):
        with pytest.raises(KeyError):
            Catalogue(root).part(name, "en")


def test_the_real_services_reach_the_rule_book() -> None:
    service = CATALOGUE.service("business-licence-change")
    assert [line.refund_until for line in service.fee_lines] == [Milestone.PICKED_UP, Milestone.DISPATCHED]
    assert [task.stage for task in service.tasks] == [Stage.PRE_CHECK, Stage.REVIEW]
    assert [material.returned for material in service.materials if material.original] == [False, False, False, True]
    assert (service.pickup, service.delivery) == (True, True)
    simple = CATALOGUE.service("residence-certificate", "1")
    assert (simple.pickup, simple.delivery, sum(line.amount for line in simple.fee_lines)) == (False, True, 1000)
    assert CATALOGUE.service("residence-certificate") is simple


def test_real_forms_stand_alone_in_chinese() -> None:
    for service, version in CATALOGUE.services():
        text = json.dumps(CATALOGUE.form(service, version, "zh-CN"), ensure_ascii=False)
        assert "$ref" not in text
        assert "About you" not in text
        assert "申请人信息" in text


def test_the_tracking_pages_catalogue_loads_nothing_heavy() -> None:
    script = (
        "import sys; from chalicelib.forms.catalogue import Catalogue; c = Catalogue();"
        "c.definition('residence-certificate', None, 'zh-CN'); c.service('residence-certificate');"
        "print([m for m in ('jsonschema', 'referencing', 'stdnum', 'boto3', 'typst') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# --- schemas


def parts(**known: Any) -> Any:
    return lambda name: known[name]


def test_a_reference_gives_way_to_what_it_names_and_own_words_win() -> None:
    form = {"properties": {"a": {"$ref": "doorstep:/x", "title": "Mine", "required": ["z", "y"]}}}
    part = {"$schema": "…", "title": "Theirs", "type": "object", "required": ["y"]}
    assert inline(form, parts(x=part)) == {
        "properties": {"a": {"x-part": "x", "title": "Mine", "type": "object", "required": ["y", "z"]}}
    }


def test_parts_may_use_parts_and_forms_their_own_definitions() -> None:
    form = {"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}, "not": {"$ref": "doorstep:/a"}}
    known = parts(a={"items": {"$ref": "doorstep:/b"}}, b={"type": "string"})
    assert inline(form, known) == {
        "items": {"type": "integer"},
        "not": {"x-part": "a", "items": {"x-part": "b", "type": "string"}},
    }


def test_parts_that_refer_to_each_other_are_refused() -> None:
    known = parts(a={"items": {"$ref": "doorstep:/b"}}, b={"items": {"$ref": "doorstep:/a"}})
    with pytest.raises(BadReference):
        inline({"$ref": "doorstep:/a"}, known)


def test_conditions_speak_of_a_field_after_its_declaration() -> None:
    form = {
        "then": {"properties": {"a": {"title": "then"}}},
        "properties": {"a": {"title": "declared"}, "l": {"items": {"properties": {"b": {"title": "item"}}}}},
        "allOf": [{"properties": {"a": {"title": "all"}}}],
        "dependentSchemas": {"x": {"properties": {"a": {"title": "dependent"}}}},
    }
    assert [schema["title"] for schema in speaking_of(form, ["a"])] == ["declared", "then", "all", "dependent"]
    assert [schema["title"] for schema in speaking_of(form, ["l", 3, "b"])] == ["item"]
    assert list(speaking_of(form, ["l", "b"])) == []


def test_every_question_of_a_form_is_listed() -> None:
    paths = ["/".join(question.path) for question in questions(CATALOGUE.form("business-licence-change", None, "en"))]
    assert "applicant/name" in paths
    assert "business/premises/street" in paths
    assert "pickup/window/start" in paths
    assert "changes" in paths
    assert len(paths) == len(set(paths))


# --- translations


def test_texts_are_found_by_place_not_by_name() -> None:
    form = {
        "title": "Form",
        "properties": {"title": {"title": "Title of the book", "x-messages": {"missing": "Tell it"}, "maxLength": 3}},
        "if": {"properties": {"title": {"const": {"title": "not a text"}}}},
    }
    assert form_texts(form) == {
        "/title": "Form",
        "/properties/title/title": "Title of the book",
        "/properties/title/x-messages/missing": "Tell it",
    }


def test_texts_of_a_service_are_those_that_people_read() -> None:
    texts = service_texts(CATALOGUE.definition("residence-certificate", None, "en"))
    assert texts["/tasks/0/certificate/title"] == "Proof of residence"
    assert texts["/departments/public-security"] == "Public Security Bureau"
    assert "/id" not in texts
    assert "/tasks/0/code" not in texts


def test_translating_leaves_the_source_as_it_is() -> None:
    source = {"a/b": [{"title": "One"}], "n": 1}
    assert translate(source, {"/a~1b/0/title": "一", "/none": "无"}) == {"a/b": [{"title": "一"}], "n": 1}
    assert source["a/b"] == [{"title": "One"}]
