"""What may go wrong in a distributed system goes wrong here: each thing still happens once, and gets to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from infra.local.demo import CARRIED, Hall, Walk
from infra.local.layout import ROOT
from tests.e2e.backstage import Backstage, HandWorked
from tests.e2e.dying_worker import DIED
from tests.e2e.outcome import HAPPENINGS, check_log, check_messages, check_one_of_each, logged, of_stripe

pytestmark = pytest.mark.hall

BUSINESS, RESIDENCE = "business-licence-change", "residence-certificate"
# With this seed the news of four events, told one after the other, arrive the last one first.
BACKWARDS = {"duplicate": 1.0, "reorder": 1.0, "hold_s": 2.0, "seed": 5334}


@contextmanager
def faulty_couriers(door: Hall, **faults: float) -> Iterator[None]:
    address = f"{door.addresses['courier']}/chaos"
    door.call("PUT", address, expect=200, json=faults)
    try:
        yield
    finally:
        door.call("PUT", address, expect=200, json={})


def control_stripe(door: Hall, **switches: bool) -> None:
    door.call("PUT", f"{door.addresses['stripe']}/_control", expect=200, json=switches)


# --- messages that get lost, repeated, reordered -----------------------------------------------------------------


def test_without_streams_the_sweep_alone_brings_a_case_to_its_end(
    walk: Callable[..., HandWorked], backstage: Backstage
) -> None:
    way = walk(BUSINESS, HandWorked)
    way.work = backstage.sweep
    with backstage.cut_off("RelayName"):
        way.whole_way()
        check_messages(way)
    check_log(way)
    check_one_of_each(way, backstage)


class Backwards(HandWorked):
    """Every webhook comes twice, and the last one first."""

    def pay(self) -> None:
        control_stripe(self.hall, hold=True)
        super().pay()
        control_stripe(self.hall, hold=False, duplicate=True, reverse=True)

    def carry(self, leg: str, states: tuple[str, ...] = CARRIED) -> None:
        with faulty_couriers(self.hall, **BACKWARDS):
            super().carry(leg, states)
            self.until("all news to come twice", self._nothing_on_its_way)

    def _nothing_on_its_way(self) -> bool:
        return bool(self.hall.get(f"{self.hall.addresses['courier']}/pushes") == {"undelivered": 0})

    def news(self, leg: str) -> list[str]:
        """The courier's news in the order in which they came in."""
        shown = self.hall.get(f"/v1/desk/cases/{self.case}", headers=self.hall.staff("role:supervisor"))
        events = [event for commit in shown["log"] for event in commit["events"]]
        return [one["state"] for one in events if one["type"] == "ShipmentMoved" and one["leg"] == leg]


def test_everything_delivered_twice_and_backwards_happens_once(
    walk: Callable[..., Backwards], door: Hall, backstage: Backstage
) -> None:
    way = walk(BUSINESS, Backwards)
    way.work = lambda: backstage.work(twice=True)
    try:
        with backstage.cut_off("PerformName"):
            way.whole_way()
            way.until("the queue to be empty", lambda: not backstage.work(twice=True))
            pickup, delivery = way.news("pickup"), way.news("delivery")
            assert sorted(pickup) == sorted(delivery) == sorted(CARRIED)
            assert pickup != list(CARRIED) != delivery, "the news came in order after all"
            # Who knows that the envelope has arrived need not be told that it was sent.
            said = [code for code in HAPPENINGS[BUSINESS] if code != "dispatched" or delivery[0] != "delivered"]
            check_messages(way, said)
            check_log(way, unsaid=len(HAPPENINGS[BUSINESS]) - len(said))
    finally:
        control_stripe(door, hold=False, duplicate=False, reverse=False)
    check_one_of_each(way, backstage)


# --- workers that die --------------------------------------------------------------------------------------------


def test_an_order_that_the_courier_booked_but_never_answered_is_one_order(
    walk: Callable[..., HandWorked], door: Hall, backstage: Backstage
) -> None:
    way = walk(BUSINESS, HandWorked)
    way.work = backstage.work
    way.submit()
    way.pay()
    with backstage.cut_off("PerformName"):
        way.pre_check()
        with faulty_couriers(door, timeout_after_booking=1):
            way.bring_originals()
            assert door.get(f"{door.addresses['courier']}/chaos")["timeout_after_booking"] == 0
    way.review()
    way.bring_result()
    way.until_status("closed")
    check_log(way)
    check_one_of_each(way, backstage)


@pytest.mark.parametrize(
    ("service", "leg", "courier"),
    [
        (BUSINESS, "pickup", "ems"),
        (RESIDENCE, "delivery", "open"),
        (BUSINESS, "pickup", "easypost"),  # of several calls, and can't be asked by our number
        pytest.param(BUSINESS, "pickup", "sf", marks=pytest.mark.thorough),
        pytest.param(RESIDENCE, "delivery", "kuaidi100", marks=pytest.mark.thorough),
    ],
)
def test_a_worker_killed_between_the_couriers_answer_and_its_commit_leaves_one_order(
    walk: Callable[..., Walk], door: Hall, backstage: Backstage, service: str, leg: str, courier: str
) -> None:
    way = walk(service)
    way.submit()
    way.pay()
    if leg == "delivery":
        way.review()
        way.until("the certificate", lambda: way.track()["certificates"])
    with backstage.cut_off("PerformName"):
        if leg == "delivery":
            way.dispatch()
        else:
            way.pre_check()
        assert order_and_die(backstage, way.case, leg, courier) == DIED
        booked = [one["order"] for one in door.get(f"{door.addresses['courier']}/waybills")]
        assert booked.count(f"{way.case}-{leg}-1") == 1
        assert logged(way)["CourierRequested"] == 1
        assert logged(way)["CourierOrdered"] == 0
        backstage.expire_lease(way.case, "order_courier", f"{leg}-1")
    if leg == "pickup":
        way.bring_originals()
        way.review()
        way.dispatch()
    way.carry("delivery")
    way.until_status("closed")
    check_log(way)
    check_messages(way)
    check_one_of_each(way, backstage)


def order_and_die(backstage: Backstage, case: str, leg: str, courier: str) -> int:
    """Exit code of a worker that is killed by this courier's answer."""
    command = [sys.executable, "-m", "tests.e2e.dying_worker", case, leg, "1"]
    environment = {**os.environ, **backstage.settings("PerformName"), "DOORSTEP_COURIERS": courier}
    return subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=False).returncode


# --- applicants who press twice ----------------------------------------------------------------------------------


def test_eight_submissions_at_once_under_one_key_open_one_case(
    walk: Callable[..., Walk], door: Hall, backstage: Backstage
) -> None:
    way = walk(BUSINESS)
    body: dict[str, Any] = {"service": BUSINESS, "language": "zh-CN", "answers": way.answers}
    headers = {"Idempotency-Key": f"pressed-eight-times-{os.urandom(8).hex()}"}
    before = {one["case"]["S"] for one in backstage.items("CasesTable")}

    def press(_: int) -> tuple[dict[str, Any], bool]:
        answer = door.call("POST", "/v1/cases", expect=201, json=body, headers=headers)
        return answer.json(), answer.headers.get("idempotent-replayed") == "true"

    with ThreadPoolExecutor(8) as fingers:
        answers, replayed = zip(*fingers.map(press, range(8)), strict=True)
    assert sum(replayed) == 7
    assert all(answer == answers[0] for answer in answers)
    (opened,) = {one["case"]["S"] for one in backstage.items("CasesTable")} - before
    assert opened == answers[0]["case"]
    assert len(of_stripe(door, "checkout/sessions", opened)) == 1

    body["answers"] = {**way.answers, "changes": ["scope"]}
    refusal = door.call("POST", "/v1/cases", expect=422, json=body, headers=headers)
    assert refusal.json()["code"] == "idempotency_key_reused"
