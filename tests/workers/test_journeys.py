"""Whole ways of a case with everything going wrong that can: every message twice and backwards, streams that are
silent, and processes that die at every point."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from chalicelib.logs import logger
from tests.workers.journeys import ENDINGS, Ending, Way, new_hall
from tests.workers.lambdas import twice_and_backwards
from tests.workers.mortality import Life
from tests.workers.outcome import check

every_way = pytest.mark.parametrize("expected", ENDINGS.values(), ids=ENDINGS)


@pytest.fixture(autouse=True)
def few_words() -> Iterator[None]:
    """Hundreds of ways in one test: what went well need not be logged."""
    doorstep = logger("test").parent
    assert doorstep is not None
    before = doorstep.level
    doorstep.setLevel(logging.ERROR)
    yield
    doorstep.setLevel(before)


@every_way
def test_a_case_comes_to_its_end(expected: Ending) -> None:
    way = Way(new_hall())
    expected.way(way)
    check(way, expected)
    assert way.life.deaths == 0


@every_way
def test_every_record_message_and_webhook_may_come_twice_and_backwards(expected: Ending) -> None:
    way = Way(new_hall(), deliver=twice_and_backwards)
    expected.way(way)
    check(way, expected)


@every_way
def test_without_any_stream_the_sweep_alone_gets_a_case_done(expected: Ending) -> None:
    way = Way(new_hall(), streams=False)
    expected.way(way)
    check(way, expected)


@every_way
@pytest.mark.parametrize("first", [1, 2])
def test_a_process_may_die_at_any_point(expected: Ending, first: int) -> None:
    """Once at the first call of a port, once at the third, and so on until the way is free; and at those between."""
    for call in range(first, 10_000, 2):
        way = Way(new_hall(), Life(call.__eq__))
        try:
            expected.way(way)
            check(way, expected)
        except AssertionError as error:
            raise AssertionError(f"dying at call {call}: {error}") from error
        if not way.life.deaths:
            assert call > 90, "a way has more calls than that"
            return
    raise AssertionError("a way never ends")


@every_way
@pytest.mark.parametrize("life_span", [23, 29, 41])
def test_processes_may_die_all_the_time(expected: Ending, life_span: int) -> None:
    way = Way(new_hall(), Life(lambda call: call % life_span == 0), deliver=twice_and_backwards)
    expected.way(way)
    check(way, expected)
    assert way.life.deaths > 1
