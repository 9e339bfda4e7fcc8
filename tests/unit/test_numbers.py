from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.numbers import (
    ALPHABET,
    case_number,
    case_of_tracking,
    check_character,
    parse_case_number,
    tracking_code,
)

KEY = b"k" * 32
keys = st.text(min_size=8, max_size=255)


@given(keys)
def test_the_same_key_gives_the_same_number_and_another_attempt_another(key: str) -> None:
    number = case_number(KEY, key)
    assert number == case_number(KEY, key)
    assert number != case_number(KEY, key, 1)
    assert number != case_number(b"other", key)
    assert parse_case_number(number) == number


@given(keys)
def test_a_number_is_read_as_people_type_it(key: str) -> None:
    number = case_number(KEY, key)
    typed = number.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert parse_case_number(typed) == number


@given(keys, st.integers(0, 12), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(key: str, place: int, character: str) -> None:
    plain = case_number(KEY, key).replace("-", "")
    wrong = plain[:place] + character + plain[place + 1 :]
    assert (parse_case_number(wrong) is None) == (wrong != plain)


@given(st.text(alphabet=ALPHABET, min_size=12, max_size=12), st.integers(0, 10))
def test_most_swapped_neighbours_are_noticed(body: str, place: int) -> None:
    swapped = body[:place] + body[place + 1] + body[place] + body[place + 2 :]
    pair = {body[place], body[place + 1]}
    if len(pair) == 2 and pair != {"0", "Z"}:  # Luhn's one blind spot
        assert check_character(swapped) != check_character(body)


@given(st.text())
def test_whatever_is_typed_gives_a_number_or_none(text: str) -> None:
    found = parse_case_number(text)
    assert found is None or len(found) == 15


@given(keys)
def test_a_tracking_code_leads_to_its_case(key: str) -> None:
    number = case_number(KEY, key)
    assert case_of_tracking(KEY, tracking_code(KEY, number)) == number


@given(keys, st.integers(0, 33), st.sampled_from(ALPHABET))
def test_a_forged_tracking_code_leads_nowhere(key: str, place: int, character: str) -> None:
    code = tracking_code(KEY, case_number(KEY, key))
    forged = code[:place] + character + code[place + 1 :]
    if forged != code:
        assert case_of_tracking(KEY, forged) is None


@given(st.text())
def test_garbage_is_no_tracking_code(text: str) -> None:
    assert case_of_tracking(KEY, text) is None
