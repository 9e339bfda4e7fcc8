"""What every inbox, register of certificates and store of look-ups does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.ports import CertificateRecord, CertificateRegister, Inbox, InboxMessage, Lookups
from tests.contract.stores import Store

NOW = datetime(2026, 1, 5, 1, 2, 3, 456789, tzinfo=UTC)


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return store.inbox()


@pytest.fixture
def register(store: Store) -> CertificateRegister:
    return store.register()


@pytest.fixture
def lookups(store: Store) -> Lookups:
    return store.lookups()


# --- the inbox


def a_message(id: str = "stripe#evt_1", body: bytes = b"{}", at: datetime = NOW) -> InboxMessage:
    return InboxMessage(id, id.split("#")[0], body, at)


def test_an_unknown_message_is_none(inbox: Inbox) -> None:
    assert inbox.get("stripe#evt_1") is None


@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256)), "张三 🏮".encode(), b"x" * 300_000])
def test_a_message_is_kept_byte_for_byte(inbox: Inbox, body: bytes) -> None:
    assert inbox.put(a_message(body=body))
    assert inbox.get("stripe#evt_1") == a_message(body=body)


def test_a_message_that_comes_again_is_known_whatever_became_of_it(inbox: Inbox) -> None:
    message = a_message()
    assert inbox.put(message)
    assert not inbox.put(message)
    assert not inbox.put(a_message(body=b"other", at=NOW + timedelta(days=1)))
    inbox.set_state(message.id, "applied")
    assert not inbox.put(message)
    assert inbox.get(message.id) == replace(message, state="applied")


def test_of_repetitions_at_once_exactly_one_is_new(inbox: Inbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda number: inbox.put(a_message(body=str(number).encode())), range(8)))
    assert stored.count(True) == 1
    found = inbox.get("stripe#evt_1")
    assert found is not None
    assert found.body == str(stored.index(True)).encode()


def test_new_messages_are_found_until_they_are_applied(inbox: Inbox) -> None:
    messages = [a_message(f"stripe#{number}", at=NOW + timedelta(seconds=number)) for number in range(12)]
    for message in reversed(messages):
        inbox.put(message)
    assert list(inbox.new_before(NOW)) == []
    assert list(inbox.new_before(NOW + timedelta(seconds=5))) == messages[:5]
    for message in messages[:10]:
        inbox.set_state(message.id, "applied")
    assert list(inbox.new_before(NOW + timedelta(days=1))) == messages[10:]


def test_a_failed_message_keeps_its_error_until_its_replay(inbox: Inbox) -> None:
    first, second = a_message("stripe#1"), a_message("stripe#2", at=NOW + timedelta(seconds=1))
    inbox.put(first)
    inbox.put(second)
    inbox.set_state(second.id, "failed", "unknown_case")
    inbox.set_state(first.id, "failed", "KeyError")
    failed = [replace(first, state="failed", error="KeyError"), replace(second, state="failed", error="unknown_case")]
    assert list(inbox.failed()) == failed
    assert list(inbox.new_before(NOW + timedelta(days=1))) == []
    inbox.set_state(first.id, "applied")
    assert list(inbox.failed()) == failed[1:]
    assert inbox.get(first.id) == replace(first, state="applied")
    inbox.set_state(second.id, "new")
    assert list(inbox.new_before(NOW + timedelta(days=1))) == [second]


def test_a_message_that_never_came_has_no_state(inbox: Inbox) -> None:
    with pytest.raises(KeyError):
        inbox.set_state("stripe#evt_1", "applied")
    assert inbox.get("stripe#evt_1") is None


# --- the register of certificates


def a_certificate(**changes: object) -> CertificateRecord:
    record = CertificateRecord(
        number="RC-2026-000001",
        case="D7K3-M9QF-2XHVA",
        code="residence",
        service="residence-certificate",
        version="1",
        holder="张*",
        issued_at=NOW,
        valid_until=date(2031, 1, 4),
        digest="0" * 64,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def test_an_unknown_certificate_is_none(register: CertificateRegister) -> None:
    assert register.get("RC-2026-000001") is None


@pytest.mark.parametrize("valid_until", [None, date(2031, 1, 4)])
def test_a_certificate_is_read_back_as_it_was_written(register: CertificateRegister, valid_until: date | None) -> None:
    record = a_certificate(valid_until=valid_until)
    assert register.put_once(record) == record
    assert register.get(record.number) == record


def test_the_first_record_of_a_number_stays_and_is_given_to_later_writers(register: CertificateRegister) -> None:
    first = a_certificate(digest="1" * 64, delivered_at=NOW)
    register.put_once(first)
    assert register.put_once(a_certificate(digest="2" * 64)) == first
    assert register.get(first.number) == first


def test_writers_that_meet_at_a_number_all_get_the_same_record(register: CertificateRegister) -> None:
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda number: register.put_once(a_certificate(digest=str(number))), range(8)))
    assert len(set(records)) == 1
    assert register.get("RC-2026-000001") == records[0]


def test_a_certificate_is_stamped_once_with_each_stamp(register: CertificateRegister) -> None:
    record = a_certificate()
    register.put_once(record)
    register.stamp(record.number, delivered_at=NOW)
    register.stamp(record.number, delivered_at=NOW + timedelta(days=1), revoked_at=NOW + timedelta(days=2))
    register.stamp(record.number, revoked_at=NOW + timedelta(days=3))
    register.stamp(record.number)
    assert register.get(record.number) == replace(record, delivered_at=NOW, revoked_at=NOW + timedelta(days=2))


def test_a_certificate_that_was_never_issued_is_not_stamped(register: CertificateRegister) -> None:
    with pytest.raises(KeyError):
        register.stamp("RC-2026-000001", delivered_at=NOW)
    assert register.get("RC-2026-000001") is None


# --- look-ups


def test_a_look_up_is_read_back_until_it_is_deleted(lookups: Lookups) -> None:
    value = {"order": "D7K3-M9QF-2XHVA-pickup-1", "tries": 3, "price": 0.1, "names": ["张三", ""], "none": None}
    assert lookups.get("key", now=NOW) is None
    assert lookups.put_once("key", value, now=NOW)
    assert lookups.get("key", now=NOW + timedelta(days=10_000)) == value
    lookups.delete("key")
    lookups.delete("key")
    assert lookups.get("key", now=NOW) is None


def test_a_live_look_up_is_not_put_over_but_an_expired_one_is(lookups: Lookups) -> None:
    end = NOW + timedelta(minutes=2)
    assert lookups.put_once("lease", {"by": 1}, now=NOW, expires=end)
    assert not lookups.put_once("lease", {"by": 2}, now=end - timedelta(seconds=1), expires=end + timedelta(hours=1))
    assert lookups.get("lease", now=end - timedelta(seconds=1)) == {"by": 1}
    after = end + timedelta(seconds=1)
    assert lookups.get("lease", now=after) is None
    assert lookups.put_once("lease", {"by": 3}, now=after, expires=after + timedelta(minutes=2))
    assert lookups.get("lease", now=after) == {"by": 3}


def test_an_end_is_kept_to_the_second_and_never_comes_early(lookups: Lookups) -> None:
    end = NOW.replace(microsecond=250_000)
    lookups.put("code", {}, expires=end)
    assert lookups.get("code", now=end) is not None
    assert lookups.get("code", now=NOW.replace(microsecond=0) + timedelta(seconds=1)) is None


def test_a_look_up_without_an_end_is_not_put_over(lookups: Lookups) -> None:
    assert lookups.put_once("waybill", {"n": 1}, now=NOW)
    assert not lookups.put_once("waybill", {"n": 2}, now=NOW + timedelta(days=10_000))


def test_a_plain_put_replaces_value_and_end(lookups: Lookups) -> None:
    lookups.put("code", {"n": 1}, expires=NOW + timedelta(minutes=1))
    lookups.put("code", {"n": 2})
    assert lookups.get("code", now=NOW + timedelta(days=1)) == {"n": 2}


def test_a_look_up_is_replaced_by_whoever_has_seen_what_stands_there(lookups: Lookups) -> None:
    end = NOW + timedelta(days=14)
    lookups.put("draft", {"sealed": "一", "n": [1, 0.1]}, expires=end)
    seen = lookups.get("draft", now=NOW)
    assert seen is not None
    assert lookups.replace("draft", seen, {"sealed": "二"}, expires=end + timedelta(days=1))
    assert not lookups.replace("draft", seen, {"sealed": "三"}, expires=end)
    assert lookups.get("draft", now=end) == {"sealed": "二"}
    assert lookups.get("draft", now=end + timedelta(days=1, seconds=1)) is None


def test_what_was_deleted_is_not_replaced(lookups: Lookups) -> None:
    lookups.put("draft", {"n": 1})
    lookups.delete("draft")
    assert not lookups.replace("draft", {"n": 1}, {"n": 2})
    assert lookups.get("draft", now=NOW) is None


def test_of_those_who_replace_the_same_look_up_at_once_exactly_one_does(lookups: Lookups) -> None:
    lookups.put("draft", {"by": -1})

    def change(number: int) -> bool:
        return lookups.replace("draft", {"by": -1}, {"by": number})

    with ThreadPoolExecutor(8) as pool:
        changed = list(pool.map(change, range(8)))
    assert changed.count(True) == 1
    assert lookups.get("draft", now=NOW) == {"by": changed.index(True)}


def test_a_look_up_has_room_for_the_largest_draft(lookups: Lookups) -> None:
    sealed = "x" * (350 * 1024)  # 256 KiB with nonce and tag, in base 64
    assert lookups.put_once("draft", {"sealed": sealed}, now=NOW)
    assert lookups.replace("draft", {"sealed": sealed}, {"sealed": sealed[::-1] + "y"})
    assert lookups.get("draft", now=NOW) == {"sealed": sealed[::-1] + "y"}


def test_of_those_who_want_a_lease_at_once_exactly_one_gets_it(lookups: Lookups) -> None:
    def take(number: int) -> bool:
        return lookups.put_once("lease", {"by": number}, now=NOW, expires=NOW + timedelta(minutes=2))

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(8)))
    assert taken.count(True) == 1
    assert lookups.get("lease", now=NOW) == {"by": taken.index(True)}


def test_a_counter_counts_until_its_end_and_then_anew(lookups: Lookups) -> None:
    end = NOW + timedelta(minutes=10)
    assert [lookups.count("sms", now=NOW, expires=end) for _ in range(3)] == [1, 2, 3]
    # The end is the first one's: counting on does not put it off.
    assert lookups.count("sms", now=end - timedelta(seconds=1), expires=end + timedelta(minutes=10)) == 4
    after = end + timedelta(seconds=1)
    assert lookups.count("sms", now=after, expires=after + timedelta(minutes=10)) == 1
    assert lookups.count("sms", now=after, expires=after + timedelta(minutes=10)) == 2
    assert lookups.count("other", now=after, expires=after + timedelta(minutes=10)) == 1


@pytest.mark.parametrize("expired", [False, True])
def test_a_counter_misses_nobody_who_counts_at_once(lookups: Lookups, expired: bool) -> None:
    if expired:
        lookups.count("sms", now=NOW - timedelta(days=1), expires=NOW - timedelta(hours=1))

    def count(_: int) -> int:
        return lookups.count("sms", now=NOW, expires=NOW + timedelta(minutes=10))

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(count, range(16))) == list(range(1, 17))
