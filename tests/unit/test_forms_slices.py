"""Slices of the answers: what is taken, put and found different is what the pointers say, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.forms.pointers import BadPointer, get, join, split, within
from chalicelib.forms.slices import diff, expand, put, take

ANSWERS: dict[str, Any] = {
    "applicant": {"name": "张三", "phone": "13800138000"},
    "partners": [{"name": "甲", "share": 1}, {"name": "乙", "share": 2}, {"name": "丙", "share": 3}],
    "a/b": {"m~n": True},
    "": {"": 0},
    "notes": [],
}

# The examples of RFC 6901 §5 that apply to us.
RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_pointers_lead_where_the_standard_says(pointer: str, value: Any) -> None:
    assert get(RFC, pointer) == value
    assert join(split(pointer)) == pointer


@pytest.mark.parametrize("pointer", ["/foo/2", "/foo/-", "/foo/01", "/foo/+1", "/foo/٠", "/foo/bar", "/x", "//x"])
def test_pointers_to_nothing_find_nothing(pointer: str) -> None:
    with pytest.raises(KeyError):
        get(RFC, pointer)
    assert take(RFC, [pointer]) == {}


@pytest.mark.parametrize("pointer", ["foo", "#/foo", "/a~2b", "/a~", "~"])
def test_what_is_no_pointer_is_refused(pointer: str) -> None:
    for use in (lambda: take(RFC, [pointer]), lambda: put(RFC, {pointer: 1}), lambda: expand(RFC, [pointer])):
        with pytest.raises(BadPointer):
            use()


def test_tilde_one_of_tilde_zero_is_not_a_slash() -> None:
    assert split("/~01") == ("~1",)
    assert join(("~1",)) == "/~01"


def test_within_goes_by_whole_names() -> None:
    assert within("/business/name", ["/business"])
    assert within("/business", ["/business"])
    assert not within("/business_name", ["/business"])
    assert not within("/business", ["/business/name"])
    assert within("/anything", [""])


def test_a_slice_holds_what_was_asked_for_at_its_own_place() -> None:
    assert take(ANSWERS, ["/applicant/name", "/partners/1/name", "/a~1b/m~0n", "/none"]) == {
        "applicant": {"name": "张三"},
        "partners": [None, {"name": "乙"}, None],
        "a/b": {"m~n": True},
    }


def test_pointers_that_overlap_lose_nothing() -> None:
    for pointers in (["/partners", "/partners/1/name"], ["/partners/1/name", "/partners"]):
        assert take(ANSWERS, pointers) == {"partners": ANSWERS["partners"]}
    assert take(ANSWERS, ["/partners/2/name", "/partners/2/share"]) == {
        "partners": [None, None, ANSWERS["partners"][2]]
    }
    assert take(ANSWERS, [""]) == ANSWERS


def test_putting_changes_a_copy() -> None:
    before = copy.deepcopy(ANSWERS)
    after = put(
        ANSWERS,
        {"/applicant/name": "李四", "/partners/0/share": 9, "/delivery/address/city": "长春市", "/a~1b/m~0n": False},
    )
    assert before == ANSWERS
    assert after["applicant"] == {"name": "李四", "phone": "13800138000"}
    assert [partner["share"] for partner in after["partners"]] == [9, 2, 3]
    assert after["delivery"] == {"address": {"city": "长春市"}}
    assert after["a/b"] == {"m~n": False}


def test_items_are_added_at_the_end_only() -> None:
    assert put(ANSWERS, {"/notes/-": "x", "/notes/1": "y"})["notes"] == ["x", "y"]
    assert put(ANSWERS, {"/partners/3/name": "丁"})["partners"][3] == {"name": "丁"}
    for pointer in ("/notes/1", "/partners/99/name", "/partners/x", "/partners/-1", "/partners/00"):
        with pytest.raises(BadPointer):
            put(ANSWERS, {pointer: 1})


@pytest.mark.parametrize("pointer", ["/applicant/name/first", "/applicant/name/0"])
def test_nothing_is_put_inside_a_plain_answer(pointer: str) -> None:
    with pytest.raises(BadPointer):
        put(ANSWERS, {pointer: 1})


def test_the_answers_stay_an_object() -> None:
    assert put(ANSWERS, {"": {"a": 1}}) == {"a": 1}
    with pytest.raises(BadPointer):
        put(ANSWERS, {"": [1]})


def test_a_value_of_endless_depth_can_be_put() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert put(ANSWERS, {"/notes/0": deep})["notes"][0] is deep


def test_differences_are_named_one_by_one() -> None:
    after = copy.deepcopy(ANSWERS)
    after["applicant"]["name"] = "李四"
    del after["applicant"]["phone"]
    after["partners"][1]["share"] = 2.0
    after["partners"].pop()
    after["a/b"]["m~n"] = 1
    after["notes"] = ["x"]
    after["pickup"] = {"address": {"city": "长春市", "street": "1号"}}
    assert diff(ANSWERS, after) == [
        "/applicant/name",
        "/applicant/phone",
        "/partners/1/share",
        "/partners/2/name",
        "/partners/2/share",
        "/a~1b/m~0n",
        "/notes/0",
        "/pickup/address/city",
        "/pickup/address/street",
    ]


def test_an_answer_of_another_kind_is_one_difference() -> None:
    assert diff({"a": {"b": 1}}, {"a": [1]}) == ["/a"]
    assert diff({"a": {"b": 1}}, {"a": "b"}) == ["/a"]
    assert diff({"a": []}, {}) == ["/a"]


def test_pointers_expand_to_the_single_answers_below() -> None:
    assert expand(ANSWERS, ["/partners/0", "/applicant", "/applicant/name", "/notes", "/none"]) == [
        "/partners/0/name",
        "/partners/0/share",
        "/applicant/name",
        "/applicant/phone",
        "/notes",
        "/none",
    ]


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
NAMES = st.text("ab/~0é", max_size=3)
OBJECTS = st.dictionaries(
    NAMES,
    st.recursive(PLAIN, lambda b: st.lists(b, max_size=3) | st.dictionaries(NAMES, b, max_size=3), max_leaves=12),
    max_size=4,
)


@given(OBJECTS)
def test_all_single_answers_together_are_the_answers(answers: dict[str, Any]) -> None:
    assert take(answers, expand(answers, [join((name,)) for name in answers])) == answers


@given(OBJECTS, st.data())
def test_what_a_slice_shows_is_what_the_answers_say(answers: dict[str, Any], data: st.DataObject) -> None:
    everything = expand(answers, [join((name,)) for name in answers])
    chosen = data.draw(st.lists(st.sampled_from(everything), unique=True) if everything else st.just([]))
    slice_ = take(answers, chosen)
    for pointer in chosen:
        assert get(slice_, pointer) == get(answers, pointer)
    shown = [p for p in expand(slice_, [join((n,)) for n in slice_]) if get(slice_, p) is not None]
    assert all(within(pointer, chosen) for pointer in shown)


@given(OBJECTS, OBJECTS)
def test_nothing_differs_from_itself_and_what_differs_is_named(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert diff(one, one) == []
    assert bool(diff(one, other)) == (repr(sorted_deep(one)) != repr(sorted_deep(other)))


def sorted_deep(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, sorted_deep(below)) for name, below in value.items())
    return [sorted_deep(item) for item in value] if isinstance(value, list) else value


@given(OBJECTS, NAMES, PLAIN)
def test_what_was_put_is_found_there_and_is_all_that_differs(answers: dict[str, Any], name: str, value: Any) -> None:
    pointer = join(("new", name))
    base = {key: below for key, below in answers.items() if key != "new"}
    after = put(base, {pointer: value})
    assert get(after, pointer) == value
    assert diff(base, after) == [pointer]
