"""Journeys at once through the open hall, while its counterparts misbehave: each comes out as if all were well.

The same idea with every fault, thousands of times and in simulated time: ``tests/chaos``.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle, islice
from typing import Any

import pytest

from infra.local.demo import CARRIED, Hall
from tests.e2e.backstage import Backstage, HandWorked
from tests.e2e.halls import PATIENCE_S, OneHall
from tests.e2e.outcome import HAPPENINGS, check_log, check_messages, check_one_of_each

pytestmark = pytest.mark.hall

SERVICES = ("business-licence-change", "residence-certificate")
COURIERS: dict[str, Any] = {"drop": 0.3, "duplicate": 0.5, "reorder": 0.3, "timeout_share": 0.5, "hold_s": 1.0}


@contextmanager
def misbehaving(door: Hall, seed: int) -> Iterator[None]:
    couriers, stripe = f"{door.addresses['courier']}/chaos", f"{door.addresses['stripe']}/_control"
    door.call("PUT", couriers, expect=200, json={**COURIERS, "seed": seed})
    door.call("PUT", stripe, expect=200, json={"duplicate": True})
    try:
        yield
    finally:
        door.call("PUT", couriers, expect=200, json={})
        door.call("PUT", stripe, expect=200, json={"duplicate": False})


def walked(door: Hall, service: str, backstage: Backstage) -> HandWorked:
    """A whole way; two workers get every message of the queue, and one that failed comes again at once."""
    way = HandWorked(door, service, print)
    way.work = lambda: backstage.work(twice=True)
    way.whole_way()
    return way


def first_news(way: HandWorked, leg: str) -> str:
    shown = way.hall.get(f"/v1/desk/cases/{way.case}", headers=way.hall.staff("role:supervisor"))
    events = [event for commit in shown["log"] for event in commit["events"]]
    return next(str(one["state"]) for one in events if one["type"] == "ShipmentMoved" and one["leg"] == leg)


@pytest.mark.parametrize(
    ("seed", "journeys"), [(1, 2), *(pytest.param(seed, 8, marks=pytest.mark.thorough) for seed in (2, 3, 4))]
)
def test_journeys_at_once_come_out_right_while_everything_misbehaves(
    one_hall: OneHall, door: Hall, backstage: Backstage, seed: int, journeys: int
) -> None:
    with ExitStack() as stack:
        doors = [stack.enter_context(closing(Hall(one_hall.open.addresses, PATIENCE_S))) for _ in range(journeys)]
        stack.enter_context(backstage.cut_off("PerformName"))
        with misbehaving(door, seed), ThreadPoolExecutor(journeys) as people:
            begun = zip(doors, islice(cycle(SERVICES), journeys), strict=True)
            ways = list(people.map(lambda each: walked(*each, backstage), begun))
        for way in ways:
            way.until("all news", lambda: door.get(f"{door.addresses['courier']}/pushes") == {"undelivered": 0})
            way.until("the queue to be empty", lambda: not backstage.work())
            said = HAPPENINGS[way.service]
            if first_news(way, "delivery") == CARRIED[-1]:
                said = [code for code in said if code != "dispatched"]  # who has it need not be told that it was sent
            check_messages(way, said)
            check_log(way, unsaid=len(HAPPENINGS[way.service]) - len(said))
            check_one_of_each(way, backstage)
