"""The services that this hall ships."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from chalicelib.forms.catalogue import Catalogue
from chalicelib.forms.lint import Weekdays, lint
from chalicelib.forms.publish import repository_root
from chalicelib.forms.validation import validate

ROOT = repository_root()
EXAMPLES = sorted(ROOT.glob("*/*/examples/*.json"))


def test_every_service_is_sound_published_and_needs_no_visit() -> None:
    assert [str(finding) for finding in lint(ROOT)] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-4]}/{path.stem}")
def test_examples_have_the_same_faults_in_chinese_in_words_that_hold_no_gap(path: Path) -> None:
    example = json.loads(path.read_text("utf-8"))
    form = Catalogue().form(path.parts[-4], path.parts[-3], "zh-CN")
    at = datetime.fromisoformat(example["at"]) if "at" in example else None
    faults = validate(form, example["answers"], "zh-CN", now=at, calendar=Weekdays())
    assert [{"pointer": fault.pointer, "code": fault.code} for fault in faults] == example["faults"]
    for fault in faults:
        assert "{" not in fault.message
        assert "该项" not in fault.message
        assert any("\u4e00" <= character <= "\u9fff" for character in fault.message)
