"""What every read model does: the desk's queue, and each case's next look."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.worklist import FRONT, SUPERVISION
from chalicelib.ports import QueueRow, ReadModel
from tests.contract.stores import Store

NOW = datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)
POLICE = "public-security"


def a_row(case: str = "A", row: str = "task#residence", **changes: object) -> QueueRow:
    task = row.removeprefix("task#")
    return replace(QueueRow(case, row, POLICE, "residence", "open", task, NOW, "green"), **changes)  # type: ignore[arg-type]


@pytest.fixture
def views(store: Store) -> ReadModel:
    return store.read_model()


def rows(views: ReadModel, room: str | None = POLICE, state: str = "") -> list[QueueRow]:
    return list(views.queue(room, state, limit=100, cursor="").rows)


def pages(views: ReadModel, room: str | None, state: str, limit: int) -> Iterator[list[QueueRow]]:
    cursor = ""
    while True:
        page = views.queue(room, state, limit=limit, cursor=cursor)
        yield list(page.rows)
        cursor = page.cursor
        if not cursor:
            return


# --- the queue


def test_an_empty_queue_is_one_empty_page(views: ReadModel) -> None:
    page = views.queue(POLICE, "", limit=10, cursor="")
    assert (page.rows, page.cursor) == ((), "")


def test_a_row_is_found_in_its_room_and_state_and_in_the_overview(views: ReadModel) -> None:
    row = a_row(due=NOW.replace(microsecond=1), light="yellow")
    views.save("A", 1, [row], None)
    for room, state in ((POLICE, "open"), (POLICE, ""), (None, "open"), (None, "")):
        assert rows(views, room, state) == [row]
    for room, state in ((POLICE, "awaiting_correction"), ("tax", ""), (FRONT, ""), (None, "refund_failed")):
        assert rows(views, room, state) == []
    assert rows(views, POLICE, "no such state") == []


def test_all_kinds_of_rooms_have_their_states(views: ReadModel) -> None:
    states = {
        POLICE: ("open", "awaiting_correction"),
        FRONT: ("awaiting_originals_check", "awaiting_dispatch", "awaiting_return", "awaiting_address", "parcel_lost"),
        SUPERVISION: (
            "refund_failed",
            "dispute_needs_response",
            "courier_trouble",
            "order_in_doubt",
            "no_courier",
            "pickup_in_vain",
        ),
    }
    saved = [a_row(row=state, room=room, state=state) for room, known in states.items() for state in known]
    views.save("A", 1, saved, None)
    for room, known in states.items():
        assert sorted(row.state for row in rows(views, room)) == sorted(known)
        for state in known:
            assert [row.state for row in rows(views, room, state)] == [state]
    assert len(rows(views, None)) == len(saved)


def test_a_row_that_nobody_would_find_is_refused(views: ReadModel) -> None:
    for row in (a_row(state="somewhere"), a_row(state=""), a_row(room=FRONT, state="open")):
        with pytest.raises(ValueError, match="knows no state"):
            views.save("A", 1, [row], None)
    assert rows(views, None) == []


def test_the_most_urgent_comes_first_across_cases_and_shards(views: ReadModel) -> None:
    dues = [NOW + timedelta(hours=hour) for hour in (5, 3, 9, 1, 7, 0, 8, 2, 6, 4)]
    for number, due in enumerate(dues):
        views.save(f"case-{number}", 1, [a_row(f"case-{number}", due=due)], None)
    assert [row.due for row in rows(views)] == sorted(dues)
    assert [row.due for row in rows(views, None)] == sorted(dues)


def test_due_times_are_compared_as_instants(views: ReadModel) -> None:
    whole, half = NOW, NOW + timedelta(milliseconds=500)
    views.save("half", 1, [a_row("half", due=half)], None)
    views.save("whole", 1, [a_row("whole", due=whole)], None)
    assert [row.case for row in rows(views)] == ["whole", "half"]


@pytest.mark.parametrize("limit", [1, 7, 24])
def test_pages_lose_no_row_and_double_none_even_when_all_are_due_at_once(views: ReadModel, limit: int) -> None:
    saved = set()
    for number in range(8):
        case = f"case-{number}"
        mine = [a_row(case, "task#a"), a_row(case, "task#b"), a_row(case, "task#c", state="awaiting_correction")]
        views.save(case, 1, mine, None)
        saved.update(mine)
    for room in (POLICE, None):
        found = list(pages(views, room, "", limit))
        assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
        flat = [row for page in found for row in page]
        assert len(flat) == 24
        assert set(flat) == saved


def test_the_last_page_has_no_cursor(views: ReadModel) -> None:
    views.save("A", 1, [a_row(row="task#a"), a_row(row="task#b")], None)
    assert views.queue(POLICE, "", limit=2, cursor="").cursor == ""
    assert views.queue(POLICE, "", limit=1, cursor="").cursor != ""


def test_a_row_that_comes_or_goes_between_two_pages_moves_no_other(views: ReadModel) -> None:
    for number in range(6):
        views.save(f"case-{number}", 1, [a_row(f"case-{number}", due=NOW + timedelta(hours=number))], None)
    first = views.queue(POLICE, "", limit=3, cursor="")
    views.save("case-0", 2, [], None)
    views.save("case-2", 2, [], None)  # the very row that the cursor stands on
    views.save("early", 1, [a_row("early", due=NOW - timedelta(hours=1))], None)
    second = views.queue(POLICE, "", limit=3, cursor=first.cursor)
    assert [row.case for row in second.rows] == ["case-3", "case-4", "case-5"]


@pytest.mark.parametrize(
    "cursor", ["x", "!", "张", "MjAyNi0wMS0wNQ", "A" * 4000, "=", "MjAyNi0wMS0wNVQwMTowMjowMy4wMDAwMDBaI0Ej"]
)
def test_a_cursor_that_is_not_ours_is_refused(views: ReadModel, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        views.queue(POLICE, "", limit=10, cursor=cursor)


def test_a_page_of_no_rows_is_refused(views: ReadModel) -> None:
    with pytest.raises(ValueError, match="limit"):
        views.queue(POLICE, "", limit=0, cursor="")


# --- saving


def test_a_newer_version_replaces_rows_and_removes_those_that_are_gone(views: ReadModel) -> None:
    views.save("A", 1, [a_row(row="task#a"), a_row(row="task#b")], None)
    views.save("B", 1, [a_row("B")], None)
    changed = a_row(row="task#b", state="awaiting_correction", light="red", due=NOW + timedelta(days=1))
    views.save("A", 2, [changed, a_row(row="task#c")], None)
    assert rows(views) == [a_row(row="task#c"), a_row("B"), changed]
    views.save("A", 3, [], None)
    assert rows(views) == [a_row("B")]


def test_an_older_version_changes_nothing(views: ReadModel) -> None:
    views.save("A", 5, [a_row(light="red")], NOW)
    views.save("A", 4, [a_row(light="green"), a_row(row="task#old")], NOW - timedelta(days=1))
    assert rows(views) == [a_row(light="red")]
    assert list(views.needing_attention(NOW)) == [("A", 5, 0)]
    assert list(views.needing_attention(NOW - timedelta(seconds=1))) == []


def test_an_older_version_does_not_bring_back_a_case_without_rows(views: ReadModel) -> None:
    views.save("A", 2, [], None)
    views.save("A", 1, [a_row()], NOW)
    assert rows(views) == []
    assert list(views.needing_attention(NOW)) == []


def test_the_same_version_may_be_saved_again_and_anew(views: ReadModel) -> None:
    for _ in range(2):
        views.save("A", 1, [a_row()], NOW)
    assert rows(views) == [a_row()]
    views.save("A", 1, [a_row(light="yellow")], None)
    assert rows(views) == [a_row(light="yellow")]
    assert list(views.needing_attention(NOW)) == []


def test_of_many_versions_saved_at_once_the_newest_stays(views: ReadModel) -> None:
    versions = list(range(1, 9))
    random.Random(7).shuffle(versions)

    def save(version: int) -> None:
        views.save("A", version, [a_row(row=f"task#{version}"), a_row(row=f"task#{version % 3}-x")], None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, versions))
    assert {row.row for row in rows(views)} == {"task#8", "task#2-x"}


def test_a_row_may_have_any_name(views: ReadModel) -> None:
    named = [a_row(row="head"), a_row(row="refund#1"), a_row(row="张")]
    views.save("A", 1, named, None)
    assert sorted(row.row for row in rows(views)) == ["head", "refund#1", "张"]
    views.save("A", 2, [], None)
    assert rows(views) == []


# --- attention


def test_a_case_needs_attention_from_its_time_on(views: ReadModel) -> None:
    views.save("A", 3, [], NOW)
    views.save("B", 1, [], NOW + timedelta(seconds=1))
    views.save("C", 1, [], None)
    assert list(views.needing_attention(NOW - timedelta(microseconds=1))) == []
    assert list(views.needing_attention(NOW)) == [("A", 3, 0)]
    assert sorted(views.needing_attention(NOW + timedelta(seconds=1))) == [("A", 3, 0), ("B", 1, 0)]


def test_looking_again_puts_off_and_counts_until_the_case_moves_on(views: ReadModel) -> None:
    views.save("A", 1, [a_row()], NOW)
    views.look_again("A", 1, NOW + timedelta(minutes=5))
    assert list(views.needing_attention(NOW)) == []
    assert list(views.needing_attention(NOW + timedelta(minutes=5))) == [("A", 1, 1)]
    views.look_again("A", 1, NOW + timedelta(minutes=10))
    assert list(views.needing_attention(NOW + timedelta(minutes=10))) == [("A", 1, 2)]
    views.save("A", 2, [a_row()], NOW)
    assert list(views.needing_attention(NOW)) == [("A", 2, 0)]
    assert rows(views) == [a_row()]


def test_putting_off_counts_nothing_and_holds_until_the_case_moves_on(views: ReadModel) -> None:
    views.save("A", 1, [a_row()], NOW)
    views.look_again("A", 1, NOW)
    for version in (0, 1, 2):
        views.put_off("A", version, NOW + timedelta(minutes=version + 1))
    views.put_off("nobody", 1, NOW)
    assert list(views.needing_attention(NOW + timedelta(minutes=1))) == []
    assert list(views.needing_attention(NOW + timedelta(minutes=2))) == [("A", 1, 1)]
    assert rows(views) == [a_row()]


def test_saving_the_same_version_again_does_not_forget_how_often_it_was_looked_at(views: ReadModel) -> None:
    views.save("A", 1, [], NOW)
    views.look_again("A", 1, NOW)
    views.save("A", 1, [], NOW)
    assert list(views.needing_attention(NOW)) == [("A", 1, 1)]


def test_looking_again_at_another_version_or_at_nothing_changes_nothing(views: ReadModel) -> None:
    views.save("A", 2, [], NOW)
    views.look_again("A", 1, NOW + timedelta(days=1))
    views.look_again("A", 3, NOW + timedelta(days=1))
    views.look_again("nobody", 1, NOW)
    assert list(views.needing_attention(NOW)) == [("A", 2, 0)]


def test_all_that_need_attention_are_named_however_many(views: ReadModel) -> None:
    for number in range(60):
        views.save(f"case-{number}", 1, [], NOW)
    assert len(set(views.needing_attention(NOW))) == 60
