"""The relay's handler: what it does with batches in which something fails, repeats itself, or comes out of order."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.adapters.memory import MemoryLedger
from chalicelib.domain.errors import Conflict
from chalicelib.domain.ledger import Entry
from chalicelib.ports import InboxMessage, QueueRow, VendorTemporary
from chalicelib.usecases.books import fold_anew
from chalicelib.usecases.execute import Busy
from chalicelib.usecases.submit import Application, submit
from chalicelib.workers.sweep import push
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.halls import COURIER, MemoryHall
from tests.workers.faults import Faulty, always, of
from tests.workers.journeys import Way, new_hall
from tests.workers.lambdas import call_relay, commit_record, inbox_record, record_beside, sequence_number

DOWN = VendorTemporary("stripe", "down")


@pytest.fixture
def hall() -> MemoryHall:
    return new_hall()


def a_case(hall: MemoryHall, key: str = "key-00000001") -> str:
    return submit(hall, Application(key, RESIDENCE, "", "zh-CN", RESIDENCE_ANSWERS, {})).case.number


def paid(hall: MemoryHall) -> Way:
    way = Way(hall)
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.pay()
    return way


def rows(hall: Any) -> tuple[QueueRow, ...]:
    page: tuple[QueueRow, ...] = hall.read_model.queue(None, "", limit=100, cursor="").rows
    return page


def outbox(hall: MemoryHall) -> list[tuple[str, int]]:
    return sorted(hall.log.unrelayed(hall.clock() + timedelta(seconds=1)))


def test_a_batch_goes_on_from_the_first_case_that_failed(hall: MemoryHall) -> None:
    cases = [a_case(hall, f"key-0000000{number}") for number in range(3)]
    hall.read_model = Faulty(hall.read_model, "save", of(cases[1], DOWN))  # type: ignore[assignment]
    records = [commit_record(case, version) for case in cases for version in (1, 2)]
    assert call_relay(hall, records) == [sequence_number(records[2])]
    assert {case for case, _ in outbox(hall)} == set(cases[1:])


def test_an_unforeseen_error_is_a_failure_of_its_record_alone(hall: MemoryHall) -> None:
    cases = [a_case(hall, f"key-0000000{number}") for number in range(2)]
    hall.log = Faulty(hall.log, "load", of(cases[1], ZeroDivisionError()))  # type: ignore[assignment]
    records = [commit_record(case, 1) for case in cases]
    assert call_relay(hall, records) == [sequence_number(records[1])]


def test_records_that_were_handled_before_do_no_harm(hall: MemoryHall) -> None:
    way = paid(hall)
    before, told = rows(hall), list(hall.notifier.messages)
    again = [commit_record(way.number, version) for version in range(1, way.case.version + 1)]
    assert call_relay(hall, [*again, *again]) == []
    way.work()
    assert rows(hall) == before
    assert hall.notifier.messages == told


def test_an_older_record_that_comes_late_finds_the_case_as_it_is_now(hall: MemoryHall) -> None:
    number = a_case(hall)
    assert call_relay(hall, [commit_record(number, 2)]) == []
    late = rows(hall)
    assert outbox(hall) == [(number, 1)]
    assert call_relay(hall, [commit_record(number, 1)]) == []
    assert rows(hall) == late
    assert outbox(hall) == []


def test_what_lies_beside_a_commit_is_no_commit(hall: MemoryHall) -> None:
    number = a_case(hall)
    waiting = outbox(hall)
    assert call_relay(hall, [record_beside(number, "s#0001"), record_beside(number, "n#00ff")]) == []
    assert outbox(hall) == waiting
    assert hall.steps.take() == []


def test_a_submission_among_commits_changes_nothing_of_their_relaying(hall: MemoryHall) -> None:
    number = a_case(hall)
    assert call_relay(hall, [record_beside(number, "s#0001"), commit_record(number, 1), commit_record(number, 2)]) == []
    assert outbox(hall) == []
    assert [kind for _, kind, _ in hall.steps.take()] == ["notify"]


def a_message(hall: MemoryHall, checkout: str = "cs_1", id: str = "evt_1") -> str:
    body = f'{{"id":"{id}","type":"checkout.session.completed","data":{{"object":{{"id":"{checkout}"}}}}}}'
    hall.inbox.put(InboxMessage(f"stripe#{id}", "stripe", body.encode(), hall.clock()))
    return f"stripe#{id}"


def test_a_message_that_was_applied_is_not_applied_again(hall: MemoryHall) -> None:
    a_case(hall)
    message = a_message(hall)
    hall.payments = Faulty(hall.payments, "checkout", lambda *_: None)  # type: ignore[assignment]
    assert call_relay(hall, [inbox_record(message), inbox_record(message)]) == []
    assert call_relay(hall, [inbox_record(message)]) == []
    assert hall.payments.calls == 1  # type: ignore[attr-defined]


def test_a_message_that_is_gone_is_no_failure(hall: MemoryHall) -> None:
    assert call_relay(hall, [inbox_record("stripe#evt_gone")]) == []


@pytest.mark.parametrize("error", [DOWN, Busy(), ZeroDivisionError()])
def test_a_message_that_can_not_be_applied_now_comes_again(hall: MemoryHall, error: Exception) -> None:
    number = a_case(hall)
    hall.payments.pay("cs_1")
    message, sound = a_message(hall), hall.payments
    hall.payments = Faulty(sound, "checkout", always(error))  # type: ignore[assignment]
    record = inbox_record(message)
    assert call_relay(hall, [record]) == [sequence_number(record)]
    stored = hall.inbox.get(message)
    assert stored is not None
    assert stored.state == "new"
    hall.payments = sound
    assert call_relay(hall, [record]) == []
    assert Way(hall, number=number).case.payment is not None


def test_a_message_that_never_can_be_applied_is_kept_and_holds_nobody_up(hall: MemoryHall) -> None:
    number = a_case(hall)
    hall.payments.pay("cs_1")
    hall.inbox.put(InboxMessage(f"courier:{COURIER}#m", f"courier:{COURIER}", b"no json", hall.clock()))
    records = [
        inbox_record(f"courier:{COURIER}#m"),
        inbox_record(a_message(hall, "cs_unknown", "evt_0")),
        inbox_record(a_message(hall)),
    ]
    assert call_relay(hall, records) == []
    assert sorted((m.id, m.error) for m in hall.inbox.failed()) == [
        ("courier:open#m", "JSONDecodeError"),
        ("stripe#evt_0", "resource_missing"),
    ]
    assert Way(hall, number=number).case.payment is not None


def test_a_refusal_of_the_rule_book_is_no_busy_case() -> None:
    assert isinstance(Busy(), Conflict)
    assert Busy().code == "case_is_busy"


# --- the books ---


def the_books(hall: MemoryHall) -> list[Entry]:
    return list(hall.ledger.between(date.min, date.max))


def test_what_is_paid_and_what_goes_back_is_in_the_books_once_it_is_relayed(hall: MemoryHall) -> None:
    way = paid(hall)
    assert [(entry.kind, entry.case) for entry in the_books(hall)] == [("fee_paid", way.number)]


def test_a_relay_that_died_before_it_was_done_is_repeated_and_books_once(hall: MemoryHall) -> None:
    number = a_case(hall)
    hall.payments.pay("cs_1")
    assert call_relay(hall, [inbox_record(a_message(hall))]) == []
    versions = [version for _, version in outbox(hall)]
    sound = hall.log
    hall.log = Faulty(sound, "relayed", always(VendorTemporary("dynamodb", "down")))  # type: ignore[assignment]
    assert call_relay(hall, [commit_record(number, version) for version in versions]) != []
    written = the_books(hall)
    assert [entry.kind for entry in written] == ["fee_paid"]
    hall.log = sound
    assert [version for _, version in outbox(hall)] == versions
    push(hall, grace=timedelta(seconds=-1))
    assert the_books(hall) == written
    assert outbox(hall) == []


def test_commits_are_not_relayed_while_the_books_can_not_be_written(hall: MemoryHall) -> None:
    number = a_case(hall)
    hall.payments.pay("cs_1")
    assert call_relay(hall, [inbox_record(a_message(hall))]) == []
    versions = [version for _, version in outbox(hall)]
    hall.ledger = Faulty(hall.ledger, "put", always(VendorTemporary("dynamodb", "down")))  # type: ignore[assignment]
    assert call_relay(hall, [commit_record(number, version) for version in versions]) != []
    assert [version for _, version in outbox(hall)] == versions


def test_the_books_can_be_folded_anew_from_the_log_a_few_cases_at_a_time(hall: MemoryHall) -> None:
    for n in (1, 2, 3):
        a_case(hall, f"key-0000000{n}")
        hall.payments.pay(f"cs_{n}")
        a_message(hall, f"cs_{n}", f"evt_{n}")
    hall.drain()
    before = the_books(hall)
    hall.ledger = MemoryLedger()
    first = [(case, write()) for case, write in fold_anew(hall, most=2)]
    assert len(first) == 2
    assert the_books(hall) != before
    rest = [(case, write()) for case, write in fold_anew(hall, after=first[-1][0])]
    assert [entries for _, entries in (*first, *rest)] == [1, 1, 1]
    assert the_books(hall) == before
    assert sum(write() for _, write in fold_anew(hall)) == 3
    assert the_books(hall) == before
