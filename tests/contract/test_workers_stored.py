"""The workers over DynamoDB itself: what leases, the outbox and the indexes have to hold when everything repeats."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain import events as e
from chalicelib.usecases.perform import perform
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.contract.stored import stored_hall
from tests.contract.stores import DynamoStore
from tests.halls import MemoryHall
from tests.workers.journeys import ENDINGS, Way
from tests.workers.lambdas import twice_and_backwards
from tests.workers.mortality import Life
from tests.workers.outcome import check


@pytest.fixture
def hall(dynamo: DynamoStore) -> Iterator[MemoryHall]:
    with stored_hall(dynamo) as hall:
        yield hall


@pytest.mark.parametrize("name", ["residence", "licence"])
def test_every_record_message_and_webhook_may_come_twice_and_backwards(hall: MemoryHall, name: str) -> None:
    way = Way(hall, deliver=twice_and_backwards)
    ENDINGS[name].way(way)
    check(way, ENDINGS[name])


def test_without_any_stream_the_sweep_alone_gets_a_case_done(hall: MemoryHall) -> None:
    way = Way(hall, streams=False)
    ENDINGS["residence"].way(way)
    check(way, ENDINGS["residence"])


@pytest.mark.parametrize("name", ["residence", "withdrawn"])
def test_processes_may_die_all_the_time(hall: MemoryHall, name: str) -> None:
    way = Way(hall, Life(lambda call: call % 23 == 0))
    ENDINGS[name].way(way)
    check(way, ENDINGS[name])
    assert way.life.deaths > 1


def test_workers_that_are_at_one_step_at_once_do_it_once(hall: MemoryHall) -> None:
    way = Way(hall, asleep=True)
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)

    def work(_: int) -> str:
        return perform(hall, way.number, "notify", "submitted")

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(work, range(6)))
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "not_owed", "under_way"}
    assert sum(isinstance(event, e.MessageSent) for event in way.events) == 1
