"""What every store of the books does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.domain.ledger import Account, Entry, Posting
from chalicelib.ports import Ledger
from tests.contract.stores import DynamoStore, Store

NOW = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
DAY = date(2026, 11, 23)
PAID = Entry(
    case="D7K3-M9QF-2XHV5",
    version=2,
    number=1,
    day=DAY,
    at=NOW,
    kind="fee_paid",
    service="residence-permit",
    currency="cny",
    payment="pi_1",
    refund=0,
    vendor="",
    postings=(Posting(Account.PROVIDER, 2000), Posting(Account.INCOME, -2000, "fee")),
)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return store.ledger()


def later(number: int, *, days: int = 0) -> Entry:
    return replace(PAID, version=number, day=DAY + timedelta(days=days), at=NOW + timedelta(days=days, seconds=number))


def between(ledger: Ledger, first: int = 0, last: int = 0) -> list[Entry]:
    return list(ledger.between(DAY + timedelta(days=first), DAY + timedelta(days=last)))


def test_books_without_an_entry_are_empty(ledger: Ledger) -> None:
    assert between(ledger, -3, 3) == []


def test_an_entry_is_kept_as_it_was_written(ledger: Ledger) -> None:
    ledger.put([PAID])
    (found,) = between(ledger)
    assert found == PAID
    assert found.postings[0].account is Account.PROVIDER


def test_an_entry_that_is_written_again_stays_the_only_one(ledger: Ledger) -> None:
    ledger.put([PAID, later(3)])
    ledger.put([PAID])
    ledger.put([later(3), later(4)])
    assert between(ledger) == [PAID, later(3), later(4)]


def test_entries_of_one_instant_are_told_apart_by_case_version_and_number(ledger: Ledger) -> None:
    same = [PAID, replace(PAID, number=2), replace(PAID, version=3), replace(PAID, case="D7K3-M9QF-2XHV6")]
    ledger.put(same[::-1])
    assert sorted(between(ledger), key=same.index) == same


def test_a_span_holds_its_first_and_its_last_day_oldest_first(ledger: Ledger) -> None:
    ledger.put([later(5 + days, days=days) for days in (2, 0, -1, 1, 3)])
    assert between(ledger, 0, 2) == [later(5 + days, days=days) for days in (0, 1, 2)]
    assert between(ledger, 2, 2) == [later(7, days=2)]
    assert between(ledger, 2, 1) == []


def test_more_entries_than_a_request_takes_are_all_written_and_all_read(ledger: Ledger) -> None:
    many = [later(version) for version in range(1, 62)]
    ledger.put(many)
    assert between(ledger) == many


def test_a_day_of_more_than_a_page_is_read_whole(dynamo: DynamoStore) -> None:
    ledger = dynamo.ledger()
    wide = replace(PAID, vendor="x" * 100_000)
    ledger.put([replace(wide, version=version, at=NOW + timedelta(seconds=version)) for version in range(1, 25)])
    assert [entry.version for entry in between(ledger)] == list(range(1, 25))
