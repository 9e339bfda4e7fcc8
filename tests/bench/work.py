"""What is measured of the hall itself: requests that are counted, and work whose time is taken."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any

from chalice.test import Client
from rich.progress import track

from app import app
from chalicelib import wiring
from chalicelib.adapters.dynamodb.read_model import DynamoReadModel
from chalicelib.adapters.dynamodb.tables import shared_connection
from chalicelib.domain.case import Case
from chalicelib.domain.due import due
from chalicelib.domain.evolve import fold
from chalicelib.domain.numbers import case_number, tracking_code
from chalicelib.logs import logger
from chalicelib.ports import QueueRow
from chalicelib.usecases.execute import load
from tests.api import LICENCE, LICENCE_ANSWERS, PAPERS, RESIDENCE, RESIDENCE_ANSWERS, Api
from tests.contract.stored import stored_hall
from tests.contract.stores import DynamoStore
from tests.halls import MONDAY, MemoryHall
from tests.support import count_requests
from tests.workers.journeys import Way, new_hall
from tests.workers.lambdas import call_perform, call_relay, commit_record, message

DEPARTMENT = "public-security"
FORM = json.dumps({"service": RESIDENCE, "answers": RESIDENCE_ANSWERS}, ensure_ascii=False).encode()


def quiet() -> None:
    """The hall's own lines of log would drown the table."""
    parent = logger("bench").parent
    assert parent is not None
    parent.setLevel(logging.ERROR)


# --- requests ---


def round_trips(store: DynamoStore) -> Iterator[tuple[str, Counter[str]]]:
    """Each operation, and what it has sent to DynamoDB."""
    with stored_hall(store) as hall, wiring.standing_in(hall), count_requests(shared_connection()) as sent:
        api = Api(hall)

        def counted(name: str, work: Callable[[], object]) -> tuple[str, Counter[str]]:
            sent.clear()
            work()
            return name, Counter(sent)

        yield counted("a form sent, with its checkout", lambda: api.submit(RESIDENCE, RESIDENCE_ANSWERS))
        yield counted("the same form sent again", lambda: api.submit(RESIDENCE, RESIDENCE_ANSWERS))
        number = case_number(hall.mac_key, "key-00000001")
        tracking = f"/v1/track/{tracking_code(hall.mac_key, number)}"
        yield counted("tracking", lambda: api.get(tracking))
        hall.payments.pay("cs_1")
        yield counted("a webhook", lambda: api.stripe_event("cs_1", "evt_1"))
        hall.drain()
        decision = f"/v1/desk/cases/{number}/tasks/verify-residence/decision"
        reviewer = api.reviewer(DEPARTMENT)
        yield counted("a decision", lambda: api.post(decision, {"decision": "approve"}, reviewer))
        version = load(hall, number).case.version
        yield counted("a commit relayed", lambda: call_relay(hall, [commit_record(number, version)]))
        yield counted("a message to the applicant", lambda: call_perform(hall, [message(number, "notify", "approved")]))
        yield counted("a page of the desk's queue", lambda: api.get("/v1/desk/queue", reviewer))


# --- time ---


def submissions_per_second(hall: MemoryHall, forms: int, title: str) -> float:
    """One after another, through the API, in one process; a new case each."""
    with wiring.standing_in(hall):
        http: Any = Client(app).http
        _submit(http, "warm-up-0001")
        start = perf_counter()
        for number in track(range(forms), title, transient=True):
            _submit(http, f"form-{number:08}")
        return forms / (perf_counter() - start)


def _submit(http: Any, key: str) -> None:
    answer = http.post("/v1/cases", headers={"Content-Type": "application/json", "Idempotency-Key": key}, body=FORM)
    assert answer.status_code == 201, answer.body


def fold_and_due(commits: int = 30) -> tuple[int, float, float]:
    """The commits of a long way, the milliseconds of fold and due, and those of reading and folding them all."""
    way = Way(new_hall())
    way.apply_for(LICENCE, LICENCE_ANSWERS)
    way.pay()
    for words in ("上海样例贸易有限公司", "上海样例商行"):
        way.decide("pre-check", "correct", "/business/name")
        way.correct({"/business/name": words})
    way.decide("pre-check")
    way.move("pickup", "picked_up", "in_transit", "delivered")
    way.receive(*PAPERS)
    way.decide("review")
    way.dispatch("certificate", "originals")
    way.move("delivery", "picked_up", "in_transit", "out_for_delivery", "delivered")
    record, now, service = way.record.commits[:commits], way.hall.clock(), way.case.service

    def folded() -> object:
        return due(fold(Case(way.number, service, way.hall.calendar), record), now)

    return len(record), _milliseconds(folded, 200), _milliseconds(lambda: load(way.hall, way.number), 200)


def _milliseconds(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        start = perf_counter()
        work()
        taken.append(1000 * (perf_counter() - start))
    return median(taken)


def queue_pages(store: DynamoStore, sizes: Sequence[int]) -> Iterator[tuple[int, str, int, float]]:
    """Rows in the queue, which page, its requests, and its milliseconds (median)."""
    with stored_hall(store) as hall:
        written = 0
        for size in sizes:
            _fill(hall.read_model, written, size)  # type: ignore[arg-type]
            written = size
            half = hall.read_model.queue(DEPARTMENT, "", limit=1, cursor="").cursor
            for name, room, cursor in (
                ("a department's first page", DEPARTMENT, ""),
                ("a department's next page", DEPARTMENT, half),
                ("all departments' first page", None, ""),
            ):
                yield size, name, *_page(hall, room, cursor)


def _page(hall: MemoryHall, room: str | None, cursor: str) -> tuple[int, float]:
    def ask() -> object:
        return hall.read_model.queue(room, "", limit=50, cursor=cursor)

    with count_requests(shared_connection()) as sent:
        ask()
    return sent.total(), _milliseconds(ask, 15)


def _fill(views: DynamoReadModel, start: int, end: int) -> None:
    """Rows as ``save`` would write them, 25 in a request."""
    with views._items.batch_write() as batch:
        for number in track(range(start, end), f"Writing {end - start} rows", transient=True):
            batch.save(views._row_item(_row(number)))


def _row(number: int) -> QueueRow:
    due_at = MONDAY + timedelta(minutes=number * 7919 % 100_000)
    state = "open" if number % 4 else "awaiting_correction"
    case = case_number(b"bench", str(number))
    return QueueRow(case, "task#verify", DEPARTMENT, RESIDENCE, state, "verify", due_at, "green")
