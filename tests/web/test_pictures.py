"""The pictures of a way and of a promise: what they show is what the service and the case say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.texts import catalogue
from chalicelib.usecases.execute import load
from chalicelib.web import pictures
from chalicelib.web.pictures import DOOR, HALL, Dial, dial_of, waves, way_of_case, way_of_service
from tests.api import LICENCE, RESIDENCE, Api, Json
from tests.halls import MemoryHall


def task(code: str, *after: str, **more: Any) -> Json:
    return {"code": code, "title": code, "department": "one", "working_days": 1, "after": list(after), **more}


def service(*tasks: Json, **legs: Json) -> Json:
    return {"departments": {"one": "Department One"}, "legs": legs, "tasks": list(tasks)}


def test_tasks_that_wait_for_nobody_go_on_at_the_same_time() -> None:
    tasks = [task("c", "a", "b"), task("a"), task("b"), task("d", "c"), task("e", "elsewhere")]
    assert [[one["code"] for one in wave] for wave in waves(tasks)] == [["a", "b", "e"], ["c"], ["d"]]


def test_tasks_in_a_circle_still_end() -> None:
    assert [len(wave) for wave in waves([task("a", "b"), task("b", "a")])] == [2]


def test_the_way_of_a_service_has_its_own_steps_and_crosses_with_the_courier() -> None:
    stops = way_of_service(service(task("first", stage="pre_check"), task("second"), pickup={}, delivery={}), 100, "en")
    assert [stop.icon for stop in stops] == ["form", "card", "check", "van", "envelope", "stamp", "van", "star"]
    assert [stop.lane for stop in stops] == [DOOR, DOOR, HALL, DOOR, HALL, HALL, DOOR, DOOR]
    assert [stop.leads for stop in stops] == [*(stop.lane for stop in stops[1:]), ""]
    plain = way_of_service(service(task("only", certificate={})), 0, "en")
    assert [stop.icon for stop in plain] == ["form", "stamp", "seal", "star"]


def test_departments_that_review_together_are_one_stop_with_a_branch_each() -> None:
    (_, together, last, _) = way_of_service(service(task("a"), task("b"), task("c", "a", "b")), 0, "en")
    assert [branch.title for branch in together.branches] == ["a", "b"]
    assert together.branches[0].note == "Department One, 1 working day"
    assert (last.title, last.branches) == ("c", ())


def test_every_stop_of_a_timeline_has_a_drawing_of_its_own() -> None:
    stops = {key.removeprefix("timeline.") for key in catalogue("en") if key.startswith("timeline.")}
    assert stops <= pictures._TIMELINE.keys()


def test_the_way_of_a_case_says_when_each_stop_was_done() -> None:
    timeline: list[Json] = [
        {"code": "submitted", "title": "Application", "at": "2026-11-23T10:00:00+08:00", "state": "done"},
        {"code": "review", "title": "Review", "at": None, "state": "now"},
    ]
    done, now = way_of_case(timeline, "en")
    assert (done.note, done.state, done.leads) == ("Monday, 23 November 2026, 10:00", "done", HALL)
    assert (now.note, now.state, now.leads) == ("now", "now", "")


@pytest.fixture
def case(hall: MemoryHall) -> Json:
    """Paid on a Monday at ten, with a promise of three working days."""
    return Api(hall).paid(RESIDENCE)


def dial(hall: MemoryHall, case: Json) -> Dial:
    return dial_of(load(hall, case["case"]).case, hall.clock())


def test_before_payment_and_on_its_day_no_day_is_used(hall: MemoryHall) -> None:
    api = Api(hall)
    case = api.opened(RESIDENCE)
    assert dial(hall, case) == Dial(3, 0, False, "not_started")
    api.pay(case)
    assert dial(hall, case) == Dial(3, 0, False, "running")


@pytest.mark.parametrize(
    ("days", "used", "today"),
    [(1, 0, True), (2, 1, True), (3, 2, True), (4, 3, False)],
)
def test_each_working_day_is_one_more(hall: MemoryHall, case: Json, days: int, used: int, today: bool) -> None:
    hall.clock.advance(timedelta(days=days))
    assert dial(hall, case) == Dial(3, used, today, "running")


def test_a_day_off_is_not_counted_and_not_today(hall: MemoryHall) -> None:
    hall.clock.advance(timedelta(days=4))  # a Friday
    case = Api(hall).paid(RESIDENCE)
    hall.clock.advance(timedelta(days=1))
    assert dial(hall, case) == Dial(3, 0, False, "running")
    hall.clock.advance(timedelta(days=2))
    assert dial(hall, case) == Dial(3, 0, True, "running")


def test_the_picture_changes_once_a_day(hall: MemoryHall, case: Json) -> None:
    hall.clock.advance(timedelta(days=1))
    morning = dial(hall, case)
    hall.clock.advance(timedelta(hours=9))
    assert dial(hall, case) == morning


def test_while_the_applicant_has_something_to_do_nothing_is_used_up(hall: MemoryHall, case: Json) -> None:
    hall.clock.advance(timedelta(days=2))
    api = Api(hall)
    api.decide(case, "verify-residence", "public-security", "correct", reason="x", pointers=["/applicant/name"])
    before = dial(hall, case)
    hall.clock.advance(timedelta(days=1))
    assert dial(hall, case) == before == Dial(3, 1, False, "standing")


def test_the_slip_names_what_has_still_to_come(hall: MemoryHall) -> None:
    api = Api(hall)
    case = api.paid(LICENCE)
    slip = api.send("GET", f"/t/{case['tracking']}/slip?lang=en&size=a6", b"").body.decode()
    assert "hall-slip--a6" in slip
    for word in ("Old business licence", "原营业执照正本", "Deed or tenancy agreement", case["case"]):
        assert word in slip
    assert "Identity card" not in slip
    assert "张三" not in slip
    assert "样例路" not in slip
