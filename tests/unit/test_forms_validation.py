"""Answers against forms: every fault, at its field, whatever is sent."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.forms.catalogue import Catalogue
from chalicelib.forms.messages import MESSAGES, message
from chalicelib.forms.sanity import MAX_DEPTH, MAX_VALUES, MalformedJson, read_json
from chalicelib.forms.validation import (
    CODES,
    MAX_FAULTS,
    OTHER,
    Fault,
    validate,
)

CATALOGUE = Catalogue()
CHINA = timezone(timedelta(hours=8))
MONDAY = datetime(2026, 3, 2, 9, tzinfo=CHINA)


class Calendar:
    """Monday to Friday, but for one public holiday."""

    zone: tzinfo = CHINA

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5 and day != date(2026, 4, 6)


def example(service: str, name: str = "valid") -> Any:
    from chalicelib.forms.publish import repository_root

    return json.loads((repository_root() / service / "1" / "examples" / f"{name}.json").read_text("utf-8"))["answers"]


def form(service: str = "residence-certificate", lang: str = "en") -> Any:
    return CATALOGUE.form(service, "1", lang)


def told(faults: list[Fault]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in faults]


def one(schema: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    return told(validate({"type": "object", "properties": {"a": {"title": "A", **schema}}}, {"a": value}))


def test_good_answers_have_no_faults() -> None:
    assert validate(form(), example("residence-certificate")) == []


def test_faults_come_in_the_order_of_the_form_and_unknown_fields_last() -> None:
    answers = example("residence-certificate")
    answers = {"zzz": 1, "aaa": 1, **answers, "purpose": "?"}
    del answers["residence"]
    assert told(validate(form(), answers)) == [
        ("/residence", "missing"),
        ("/purpose", "not_in_list"),
        ("/aaa", "unknown_field"),
        ("/zzz", "unknown_field"),
    ]


@pytest.mark.parametrize(
    ("schema", "value", "code"),
    [
        ({"type": "string"}, 5, "wrong_type"),
        ({"type": "integer"}, True, "wrong_type"),
        ({"type": "string", "minLength": 2}, "x", "too_short"),
        ({"type": "string", "maxLength": 2}, "xyz", "too_long"),
        ({"type": "string", "pattern": "^[0-9]$"}, "x", "pattern"),
        ({"type": "string", "format": "date"}, "2026-02-29", "format"),
        ({"type": "string", "format": "date-time"}, "2026-02-27T10:00:00", "format"),
        ({"type": "string", "format": "email"}, "a@b", "format"),
        ({"type": "string", "format": "uri"}, "javascript:alert(1)", "format"),
        ({"enum": ["a"]}, "b", "not_in_list"),
        ({"const": "a"}, "b", "not_in_list"),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "c", "not_in_list"),
        ({"oneOf": [{"type": "string"}, {"maxLength": 9}]}, "c", "ambiguous"),
        ({"minimum": 1}, 0, "too_small"),
        ({"exclusiveMinimum": 0}, 0, "too_small"),
        ({"maximum": 1}, 2, "too_large"),
        ({"exclusiveMaximum": 1}, 1, "too_large"),
        ({"multipleOf": 5}, 7, "not_a_multiple"),
        ({"minItems": 1}, [], "too_few"),
        ({"maxItems": 1}, [1, 2], "too_many"),
        ({"uniqueItems": True}, [{"x": 1}, {"x": 1}], "repeated"),
        ({"contains": {"const": 1}}, [2], "too_few"),
        ({"not": {"const": 1}}, 1, "not_accepted"),
    ],
)
def test_each_rule_has_its_code(schema: dict[str, Any], value: Any, code: str) -> None:
    assert one(schema, value) == [("/a", code)]


def test_a_field_is_told_its_weightiest_fault_only() -> None:
    schema = {"type": "string", "minLength": 3, "pattern": "^[0-9]+$", "format": "date"}
    assert one(schema, "x") == [("/a", "too_short")]


def test_a_field_forbidden_by_another_answer_is_named_itself() -> None:
    answers = {**example("residence-certificate"), "purpose_details": "银行开户"}
    assert told(validate(form(), answers)) == [("/purpose_details", "not_applicable")]


def test_a_field_that_another_one_calls_for_is_missing_at_its_own_place() -> None:
    schema = {"type": "object", "dependentRequired": {"a": ["b"]}}
    assert told(validate(schema, {"a": 1})) == [("/b", "missing")]


def test_of_alternatives_the_one_that_was_meant_is_judged() -> None:
    person = {"properties": {"kind": {"const": "person"}, "name": {"type": "string"}}, "required": ["kind", "name"]}
    firm = {"properties": {"kind": {"const": "firm"}, "code": {"type": "string"}}, "required": ["kind", "code"]}
    assert one({"oneOf": [person, firm]}, {"kind": "firm"}) == [("/a/code", "missing")]
    assert one({"anyOf": [person, firm]}, {"kind": "person", "name": 5}) == [("/a/name", "wrong_type")]


def test_pointers_escape_what_stands_in_names_and_count_items() -> None:
    closed = {"type": "array", "items": {"type": "object", "properties": {}, "additionalProperties": False}}
    assert one(closed, [{}, {"a/b~c": 1}]) == [("/a/1/a~1b~0c", "unknown_field")]


def test_a_pattern_does_not_overlook_a_line_break_at_the_end() -> None:
    assert one({"pattern": "^[0-9]+$"}, "12\n") == [("/a", "pattern")]


def test_length_counts_characters_not_bytes() -> None:
    assert one({"maxLength": 2}, "𠮷𠮷") == []


def test_messages_use_the_services_own_words_then_the_fields_title_in_each_language() -> None:
    answers = example("residence-certificate")
    answers["applicant"]["phone"] = "123"
    del answers["applicant"]["name"]
    assert [fault.message for fault in validate(form(lang="zh-CN"), answers, "zh-CN")] == [
        "请填写“姓名”",
        "请填写11位手机号码；境外号码请以“+”和国家（地区）代码开头，不要留空格",
    ]
    assert [fault.message for fault in validate(form(), answers, "en")] == [
        "Enter “Full name”",
        "Write an 11-digit mobile number, or a foreign number with + and its country code, without spaces",
    ]


def test_a_condition_has_its_own_words() -> None:
    answers = example("residence-certificate")
    answers["applicant"]["id_number"] = "AB123456"
    (fault,) = validate(form(), answers, "en")
    assert (fault.pointer, fault.code) == ("/applicant/id_number", "pattern")
    assert fault.message.startswith("Write the 18 characters")


def test_every_code_has_a_text_in_every_language() -> None:
    codes = {*CODES.values(), OTHER, "too_deep", "too_many_values", "text_encoding", "number_range"}
    for lang, texts in MESSAGES.items():
        assert texts.keys() == MESSAGES["en"].keys(), lang
        assert codes <= texts.keys(), lang
    assert message("missing", "zh-Hant", "姓名", "") == "请填写“姓名”"
    assert message("missing", "fr", "Name", "") == "Enter “Name”"


def test_no_message_quotes_an_answer() -> None:
    answers = example("residence-certificate")
    answers["applicant"]["id_number"] = "SECRET-9999999999999999999"
    answers["purpose"] = "SECRET-purpose"
    assert not [fault for fault in validate(form(), answers, "en") if "SECRET" in fault.message]


# --- checks of the common parts


@pytest.mark.parametrize("number", ["220104198503120038", "11010119900101001" + "5"])
def test_a_sound_identity_number_passes(number: str) -> None:
    answers = example("residence-certificate")
    answers["applicant"]["id_number"] = number
    assert validate(form(), answers) == []


@pytest.mark.parametrize("number", ["220104198503120039", "220104198513320031", "22010419850312003x"])
def test_a_wrong_check_character_or_date_of_birth_is_told(number: str) -> None:
    answers = example("residence-certificate")
    answers["applicant"]["id_number"] = number
    assert told(validate(form(), answers)) == [("/applicant/id_number", "id_number_checksum")]


def test_every_single_wrong_digit_of_an_identity_number_is_told() -> None:
    good = "220104198503120038"
    for place in range(18):
        for digit in set("0123456789") - {good[place]}:
            answers = example("residence-certificate")
            answers["applicant"]["id_number"] = good[:place] + digit + good[place + 1 :]
            assert [f.pointer for f in validate(form(), answers)] == ["/applicant/id_number"]


def test_the_check_does_not_apply_to_other_documents() -> None:
    answers = example("residence-certificate")
    answers["applicant"] |= {"id_type": "passport", "id_number": "220104198503120039"}
    assert validate(form(), answers) == []


def windowed(start: str, end: str, now: datetime = MONDAY) -> list[tuple[str, str]]:
    answers = example("business-licence-change")
    answers["pickup"]["window"] = {"start": start, "end": end}
    faults = validate(form("business-licence-change"), answers, now=now, calendar=Calendar())
    return [(fault.pointer.removeprefix("/pickup/window"), fault.code) for fault in faults]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-03T09:00:00+08:00", "2026-03-03T11:00:00+08:00", []),
        ("2026-03-03T01:00:00Z", "2026-03-03T03:00:00Z", []),
        ("2026-03-03T08:00:00+08:00", "2026-03-03T20:00:00+08:00", []),
        ("2026-03-02T09:00:00+08:00", "2026-03-02T11:00:00+08:00", [("/start", "window_in_the_past")]),
        ("2026-03-02T09:00:01+08:00", "2026-03-02T11:00:00+08:00", []),
        ("2026-03-07T09:00:00+08:00", "2026-03-07T11:00:00+08:00", []),  # a Saturday
        ("2026-03-06T22:00:00-05:00", "2026-03-07T00:00:00-05:00", []),
        ("2026-03-03T07:59:59+08:00", "2026-03-03T11:00:00+08:00", [("/start", "outside_working_hours")]),
        ("2026-03-03T18:00:00+08:00", "2026-03-03T20:00:01+08:00", [("/end", "outside_working_hours")]),
        ("2026-03-03T09:00:00+08:00", "2026-03-04T11:00:00+08:00", [("/end", "outside_working_hours")]),
        ("2026-03-03T09:00:00+08:00", "2026-03-03T09:59:59+08:00", [("/end", "window_too_short")]),
        ("2026-03-03T11:00:00+08:00", "2026-03-03T09:00:00+08:00", [("/end", "window_too_short")]),
        ("2026-04-06T09:00:00+08:00", "2026-04-06T11:00:00+08:00", [("/start", "window_too_far")]),
        ("2026-13-03T09:00:00+08:00", "2026-03-03T11:00:00+08:00", [("/start", "format")]),
        ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", []),
        ("2026-03-03", "tomorrow", [("/start", "format"), ("/end", "format")]),
    ],
)
def test_a_window_is_one_that_a_courier_can_keep(start: str, end: str, expected: list[tuple[str, str]]) -> None:
    assert windowed(start, end) == expected


def test_the_clock_may_tell_the_time_in_any_zone() -> None:
    early = windowed("2026-03-03T09:00:00+08:00", "2026-03-03T11:00:00+08:00", MONDAY.astimezone(UTC))
    assert early == []


def test_without_a_clock_an_accepted_window_is_not_judged_again() -> None:
    answers = example("business-licence-change")
    answers["pickup"]["window"] = {"start": "2020-01-04T09:00:00+08:00", "end": "2020-01-04T11:00:00+08:00"}
    assert validate(form("business-licence-change"), answers) == []


def test_a_window_can_be_judged_alone() -> None:
    chosen = {"start": "2026-03-03T07:00:00+08:00", "end": "2026-03-03T11:00:00+08:00"}
    window = CATALOGUE.part("common/1/window", "zh-CN")
    (fault,) = validate(window, chosen, "zh-CN", now=MONDAY, calendar=Calendar())
    assert (fault.pointer, fault.code) == ("/start", "outside_working_hours")
    assert "8:00" in fault.message


def test_names_beside_the_known_ones_can_have_a_schema_of_their_own() -> None:
    schema = {"patternProperties": {"^x_": {}}, "additionalProperties": {"type": "string"}}
    assert told(validate(schema, {"x_1": 1, "y": 1, "z": "a"})) == [("/y", "wrong_type")]


# --- hostile input


def nested(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = {"a": leaf}
    return leaf


@pytest.mark.parametrize(
    ("answers", "pointer", "code"),
    [
        (nested(1_000, 1), "/a" * (MAX_DEPTH + 1), "too_deep"),
        (nested(100_000, []), "/a" * (MAX_DEPTH + 1), "too_deep"),
        ({"purpose": float("nan")}, "/purpose", "number_range"),
        ({"purpose": float("-inf")}, "/purpose", "number_range"),
        ({"purpose": 10**5000}, "/purpose", "number_range"),
        ({"purpose": "\ud800"}, "/purpose", "text_encoding"),
        ({"purpose": "a\x00b"}, "/purpose", "text_encoding"),
        ({"\udfff": 1}, "", "text_encoding"),
        ({5: 1}, "", "text_encoding"),
        ({"purpose": b"x"}, "/purpose", "wrong_type"),
        ({str(i): i for i in range(MAX_VALUES)}, "", "too_many_values"),
        ([1], "", "wrong_type"),
        (None, "", "wrong_type"),
    ],
)
def test_what_no_form_can_take_is_told_and_never_raises(answers: Any, pointer: str, code: str) -> None:
    faults = validate(form(), answers, "en")
    assert told(faults) == [(pointer, code)]
    json.dumps([fault.message for fault in faults]).encode()


def test_no_more_faults_are_told_than_an_answer_can_hold() -> None:
    assert len(validate(form(), {str(i): {} for i in range(MAX_VALUES - 1)})) == MAX_FAULTS


def test_many_equal_items_are_found_in_linear_time() -> None:
    schema = {"properties": {"a": {"type": "array", "uniqueItems": True}}}
    items: list[Any] = [{"x": i} for i in range(MAX_VALUES // 2 - 10)]
    assert validate(schema, {"a": items}) == []
    assert told(validate(schema, {"a": [*items, items[0]]})) == [("/a", "repeated")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=20,
)
PLACES = st.sampled_from(
    ["applicant", "business", "changes", "pickup", "delivery", "applicant/id_number", "pickup/window", "business/scope"]
)


@settings(max_examples=150, deadline=None)
@given(PLACES, JSON)
def test_any_value_at_any_place_is_judged_the_same_twice_and_never_raises(place: str, value: Any) -> None:
    answers = copy.deepcopy(example("business-licence-change"))
    *above, name = place.split("/")
    parent = answers
    for token in above:
        parent = parent[token]
    parent[name] = value
    first = validate(form("business-licence-change"), answers, "en", now=MONDAY, calendar=Calendar())
    assert first == validate(form("business-licence-change"), answers, "en", now=MONDAY, calendar=Calendar())
    assert len({fault.pointer for fault in first}) == len(first)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"\xff",
        b"{",
        b"",
        b"[" * 100_000,
        b'{"a":' + b"9" * 5_000 + b"}",
    ],
)
def test_json_that_two_programs_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        read_json(body)


def test_plain_json_is_read() -> None:
    assert read_json('{"a": [1, 2.5, null, "张三"]}'.encode()) == {"a": [1, 2.5, None, "张三"]}


@pytest.mark.parametrize(
    ("format", "text", "fits"),
    [
        ("date", "2024-02-29", True),
        ("date", "20240229", False),
        ("date", "2024-2-29", False),
        ("date", "２０２４-02-29", False),
        ("date-time", "2026-03-02T09:00:00+08:00", True),
        ("date-time", "2026-03-02t09:00:00.123z", True),
        ("date-time", "2026-03-02 09:00:00+08:00", False),
        ("date-time", "2026-W10-1T09:00:00Z", False),
        ("date-time", "2026-03-02T24:00:00Z", False),
        ("date-time", "2026-03-02T09:00:00+25:00", False),
        ("time", "09:30", True),
        ("time", "24:00", False),
        ("email", "li.si+hall@mail.example.com", True),
        ("email", "李四@例子.中国", True),
        ("email", "a..b@example.com", False),
        ("email", "a@@example.com", False),
        ("email", "a@example.com\n", False),
        ("email", "a@-example.com", False),
        ("uri", "https://example.com/a?b=c", True),
        ("uri", "https://exa mple.com", False),
        ("uri", "https://[::1", False),
        ("uri", "https://example.com:port/", False),
        ("uri", "https://:80", False),
    ],
)
def test_formats(format: str, text: str, fits: bool) -> None:
    assert one({"format": format}, text) == ([] if fits else [("/a", "format")])
