"""Two hands at one case at one moment: what is in the log and what lies beside it agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Barrier, Thread

import pytest

from chalicelib.domain.errors import Conflict, DomainError
from chalicelib.ports import CaseRecord, Staff
from chalicelib.usecases import applicant, desk
from chalicelib.usecases.execute import load
from tests.api import LICENCE, Api, Json, api_over
from tests.halls import MemoryHall

REVIEWER = Staff("r", frozenset({"reviewer"}), frozenset({"market-regulation"}))


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Do all at one moment; what each came to: "" or the code of its refusal."""
    start, came_to = Barrier(len(acts)), [""] * len(acts)

    def run(position: int, act: Callable[[], object]) -> None:
        start.wait()
        try:
            act()
        except DomainError as error:
            came_to[position] = error.code

    threads = [Thread(target=run, args=item) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(came_to)


def asked(api: Api) -> Json:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation", "correct", reason="x", pointers=["/business/name"])
    return case


def test_two_corrections_at_once_leave_one_that_the_log_knows(api: Api) -> None:
    case = asked(api)

    def correct(name: str) -> Callable[[], object]:
        return lambda: applicant.correct(api.hall, case["case"], {"/business/name": name}, {}, "en")

    assert at_once(*(correct(f"样例公司{n}") for n in range(6))) == ["", *["nothing_to_correct"] * 5]
    record = load(api.hall, case["case"]).record
    assert [submission.revision for submission in record.submissions] == [1, 2]
    assert api.get(f"/v1/desk/cases/{case['case']}/audit", api.supervisor).json["intact"] is True


def test_a_correction_beside_other_news_still_gets_the_next_revision(api: Api) -> None:
    case = asked(api)
    hall, number = api.hall, case["case"]
    came_to = at_once(
        lambda: applicant.correct(hall, number, {"/business/name": "样例公司"}, {}, "en"),
        lambda: applicant.withdraw(hall, number, "x"),
    )
    assert came_to in (["", ""], ["", "nothing_to_correct"])
    assert api.get(f"/v1/desk/cases/{number}/audit", api.supervisor).json["intact"] is True


def test_two_reviewers_at_once_make_one_decision(api: Api) -> None:
    case = api.paid(LICENCE)

    def decide(decision: str) -> Callable[[], object]:
        wanted = desk.Decision(decision, "x")
        return lambda: desk.decide_task(api.hall, REVIEWER, case["case"], "pre-check", wanted, None)

    came_to = at_once(decide("approve"), decide("reject"), decide("approve"), decide("reject"))
    assert came_to == ["", *["task_already_decided"] * 3]


def test_a_writer_that_never_gets_through_is_told_so(api: Api) -> None:
    case = api.paid(LICENCE)
    stale = _Stale(load(api.hall, case["case"]).record, api.hall.log.append)
    approve = desk.Decision("approve")
    desk.decide_task(api.hall, REVIEWER, case["case"], "pre-check", approve, None)
    api.hall.log = stale  # type: ignore[assignment]
    with pytest.raises(Conflict, match="case_is_busy"):
        desk.decide_task(api.hall, REVIEWER, case["case"], "pre-check", approve, None)


class _Stale:
    """A log that never shows the newest commit: every writer is too late."""

    def __init__(self, record: CaseRecord, append: Callable[..., None]) -> None:
        self._record = record
        self.append = append

    def load(self, case: str) -> CaseRecord:
        return self._record
