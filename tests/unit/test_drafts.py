"""A draft at the hall: sealed where it lies, changed by one device at a time, opened by a code, gone in its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.errors import Invalid, NotAllowed, NotFound
from chalicelib.usecases import codes, drafts
from chalicelib.usecases.drafts import Draft
from tests.halls import MemoryHall

RESIDENCE = "residence-certificate"
NUMBER, NAME = "13800000000", "张三"
PHONE = f"+86{NUMBER}"


@pytest.fixture
def hall() -> MemoryHall:
    return MemoryHall()


def a_draft(hall: MemoryHall, **changes: object) -> Draft:
    fields = {"/applicant/name": [NAME], "/applicant/phone": [NUMBER], "_asked": ["/applicant/name"]}
    draft = Draft(drafts.new_id(), RESIDENCE, "1", "zh-CN", fields, "k" * 32, {"upload-1": "photo"}, hall.now(), PHONE)
    return replace(draft, **changes)  # type: ignore[arg-type]


def last_code(hall: MemoryHall) -> str:
    return next(word for word in hall.notifier.messages[-1].text.split() if word.isdigit() and len(word) == 6)


# --- kept and forgotten


def test_a_draft_is_read_back_as_it_was_saved(hall: MemoryHall) -> None:
    saved = drafts.save(hall, a_draft(hall))
    assert saved.revision == 1
    assert drafts.load(hall, saved.id) == saved


def test_a_draft_lives_fourteen_days_from_the_last_save(hall: MemoryHall) -> None:
    saved = drafts.save(hall, a_draft(hall))
    hall.clock.advance(timedelta(days=10))
    again = drafts.save(hall, saved)
    assert again.kept_until - hall.now() == timedelta(days=14)
    hall.clock.advance(timedelta(days=14) - timedelta(seconds=1))
    assert drafts.load(hall, saved.id) == again
    hall.clock.advance(timedelta(seconds=1))
    assert drafts.load(hall, saved.id) is None


def test_a_forgotten_draft_is_gone_and_can_be_forgotten_again(hall: MemoryHall) -> None:
    saved = drafts.save(hall, a_draft(hall))
    drafts.forget(hall, saved.id)
    drafts.forget(hall, saved.id)
    assert drafts.load(hall, saved.id) is None


def test_a_draft_of_256_kib_is_kept_and_a_larger_one_is_refused(hall: MemoryHall) -> None:
    empty = len(drafts.canonical_json(drafts._to_json(a_draft(hall, fields={"/text": [""]}, revision=1))))
    most = drafts.MOST_BYTES - empty
    saved = drafts.save(hall, a_draft(hall, fields={"/text": ["x" * most]}))
    assert drafts.load(hall, saved.id) == saved
    with pytest.raises(Invalid, match="body_too_large"):
        drafts.save(hall, a_draft(hall, fields={"/text": ["x" * (most + 1)]}))


# --- one device at a time


def test_the_second_of_two_who_read_the_same_draft_is_told_that_there_is_a_newer_one(hall: MemoryHall) -> None:
    first = drafts.save(hall, a_draft(hall))
    second = drafts.load(hall, first.id)
    assert second is not None
    newer = drafts.save(hall, replace(first, fields={"/applicant/name": ["李四"]}))
    with pytest.raises(drafts.Newer):
        drafts.save(hall, second)
    assert drafts.load(hall, first.id) == newer


def test_a_draft_that_was_forgotten_in_the_meantime_does_not_come_back(hall: MemoryHall) -> None:
    saved = drafts.save(hall, a_draft(hall))
    drafts.forget(hall, saved.id)
    with pytest.raises(drafts.Newer):
        drafts.save(hall, saved)
    assert drafts.load(hall, saved.id) is None


# --- what the table tells


def test_the_table_tells_neither_what_was_filled_in_nor_whose_it_is_nor_its_address(hall: MemoryHall) -> None:
    draft = drafts.save(hall, a_draft(hall))
    drafts.send_address(hall, draft, PHONE, "en")
    drafts.send_code(hall, draft, "en")
    stored = "\n".join(f"{key} {record.value.decode()}" for key, record in hall.lookups._records.items())
    assert "sealed" in stored
    secrets = (draft.id, draft.key, NAME, NUMBER, "applicant", RESIDENCE, "photo")
    assert [word for word in (*secrets, drafts.token(hall, draft.id)) if word in stored] == []


def test_a_draft_is_opened_by_its_own_id_and_the_halls_own_key_alone(hall: MemoryHall) -> None:
    draft, other = (drafts.save(hall, a_draft(hall)) for _ in range(2))
    here, there = (hall.lookups._records[drafts._lookup(one)] for one in (draft.id, other.id))
    assert here.value != there.value
    hall.lookups._records[drafts._lookup(draft.id)] = there
    assert drafts.load(hall, draft.id) is None
    hall.mac_key = b"another hall's"  # type: ignore[misc]
    assert drafts.load(hall, other.id) is None


def test_a_draft_in_an_error_or_a_log_says_nothing_of_its_owner(hall: MemoryHall) -> None:
    told = repr(a_draft(hall))
    assert RESIDENCE in told
    assert [word for word in (NAME, NUMBER, "applicant", "photo", "kkk") if word in told] == []


def test_ids_are_of_130_bits_and_the_token_of_one_is_not_guessed_from_it(hall: MemoryHall) -> None:
    ids = {drafts.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(one) for one in ids} == {26}
    assert {c for one in ids for c in one} == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    one, other = ids.pop(), ids.pop()
    assert drafts.holds(hall, one, drafts.token(hall, one))
    for forged in ("", one, drafts.token(hall, other), drafts.token(hall, one)[:-1], "é" * 26):
        assert not drafts.holds(hall, one, forged)


# --- another device


@pytest.mark.parametrize("typed", [str.upper, str.lower, lambda one: f"{one[:4]}-{one[4:].replace('0', 'o')} "])
def test_an_address_is_found_as_a_person_types_it(hall: MemoryHall, typed: Callable[[str], str]) -> None:
    draft = drafts.save(hall, a_draft(hall))
    assert drafts.found_at(hall, typed(draft.id)) == draft


@pytest.mark.parametrize("code", ["", "0" * 26, "0" * 25, "U" * 26, "张三", "../d", "0" * 5000])
def test_what_is_no_address_is_refused_like_one_that_is_gone(hall: MemoryHall, code: str) -> None:
    with pytest.raises(NotFound, match="unknown_draft"):
        drafts.found_at(hall, code)


def test_a_draft_without_a_phone_has_no_address(hall: MemoryHall) -> None:
    draft = drafts.save(hall, a_draft(hall, phone=""))
    with pytest.raises(NotFound, match="unknown_draft"):
        drafts.found_at(hall, draft.id)


def test_the_address_goes_to_the_phone_that_it_is_sent_to_and_so_do_codes_from_then_on(hall: MemoryHall) -> None:
    draft = drafts.save(hall, a_draft(hall, phone=""))
    sent = drafts.send_address(hall, draft, "+8613900000000", "en")
    assert drafts.load(hall, draft.id) == sent
    drafts.send_code(hall, sent, "en")
    assert [message.to for message in hall.notifier.messages] == ["+8613900000000"] * 2
    assert f"https://hall.example/d/{draft.id}" in hall.notifier.messages[0].text.split()
    assert drafts.enter(hall, sent, last_code(hall)) == drafts.token(hall, draft.id)


def test_messages_say_nothing_of_who_somebody_is(hall: MemoryHall) -> None:
    draft = drafts.save(hall, a_draft(hall))
    drafts.send_address(hall, draft, PHONE, "zh-CN")
    drafts.send_code(hall, draft, "zh-CN")
    told = repr([(message.key, message.text) for message in hall.notifier.messages])
    assert [word for word in (NAME, NUMBER, draft.key) if word in told] == []


def test_a_code_is_good_once_and_for_ten_minutes(hall: MemoryHall) -> None:
    draft = drafts.save(hall, a_draft(hall))
    drafts.send_code(hall, draft, "en")
    code = last_code(hall)
    drafts.enter(hall, draft, code)
    with pytest.raises(NotAllowed):
        drafts.enter(hall, draft, code)
    drafts.send_code(hall, draft, "en")
    hall.clock.advance(codes.LIFE)
    with pytest.raises(NotAllowed):
        drafts.enter(hall, draft, last_code(hall))


def test_five_wrong_codes_spend_the_right_one(hall: MemoryHall) -> None:
    draft = drafts.save(hall, a_draft(hall))
    drafts.send_code(hall, draft, "en")
    for _ in range(codes.TRIES):
        with pytest.raises(NotAllowed):
            drafts.enter(hall, draft, "no code")
    with pytest.raises(NotAllowed):
        drafts.enter(hall, draft, last_code(hall))


def test_the_code_of_one_draft_opens_no_other(hall: MemoryHall) -> None:
    draft, other = (drafts.save(hall, a_draft(hall)) for _ in range(2))
    drafts.send_code(hall, draft, "en")
    code = last_code(hall)
    drafts.send_code(hall, other, "en")
    if code != last_code(hall):
        with pytest.raises(NotAllowed):
            drafts.enter(hall, other, code)
    drafts.enter(hall, draft, code)


@pytest.mark.parametrize("same", ["draft", "phone"])
@pytest.mark.parametrize("what", ["codes", "messages"])
def test_neither_a_draft_nor_a_phone_gets_messages_without_end(hall: MemoryHall, same: str, what: str) -> None:
    one = drafts.save(hall, a_draft(hall))

    def ask(number: int) -> None:
        draft, phone = (one, f"+861380000000{number}") if same == "draft" else (drafts.save(hall, a_draft(hall)), PHONE)
        if what == "codes":
            drafts.send_code(hall, replace(draft, phone=phone), "en")
        else:
            kept = drafts.load(hall, draft.id)
            assert kept is not None
            drafts.send_address(hall, kept, phone, "en")

    for number in range(codes.MOST):
        ask(number)
    with pytest.raises(codes.TooMany, match=f"too_many_{what}"):
        ask(codes.MOST)
    assert len(hall.notifier.messages) == codes.MOST
    hall.clock.advance(codes.LIFE)
    ask(codes.MOST)
    for hour in range(codes.MOST_A_DAY - codes.MOST - 1):
        hall.clock.advance(timedelta(minutes=11))
        ask(hour % 10)
    hall.clock.advance(timedelta(minutes=11))
    with pytest.raises(codes.TooMany):
        ask(0)
