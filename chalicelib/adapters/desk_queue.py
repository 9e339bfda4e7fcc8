"""The order of the desk's queue, and the states that its rooms know. The same for every store.

A row's place is one text that no other row has: its due time, its case, its name. So a cursor is simply the place of
the last row that was shown: the next page is whatever comes after it, however many partitions the rows lie in, and a
row that came or went meanwhile moves nobody else.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence

from chalicelib.adapters.instants import sortable
from chalicelib.domain.worklist import FRONT, SUPERVISION
from chalicelib.ports import Page, QueueRow

LARGEST_PAGE = 500

# What domain/worklist.py writes. A store that keeps each state apart has to know them all.
_DEPARTMENT_STATES = ("open", "awaiting_correction")
_STATES: Mapping[str, tuple[str, ...]] = {
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
_ALL_STATES = (*_DEPARTMENT_STATES, *(state for states in _STATES.values() for state in states))

_PLACE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#[^#]+#.+")


def states_of(room: str | None, state: str = "") -> tuple[str, ...]:
    """The states that ``state`` ("" for all) means in a room (None for all rooms); none when the room has no such."""
    states = _ALL_STATES if room is None else _STATES.get(room, _DEPARTMENT_STATES)
    return tuple(known for known in states if state in ("", known))


def check(rows: Sequence[QueueRow]) -> None:
    """ValueError for a row that nobody would ever find."""
    for row in rows:
        if not states_of(row.room, row.state) or not row.state:
            raise ValueError(f"the room {row.room} knows no state {row.state}")


def place(row: QueueRow) -> str:
    return f"{sortable(row.due)}#{row.case}#{row.row}"


def page(rows: Sequence[QueueRow], limit: int) -> Page:
    """The first ``limit`` of these rows, which are in order and hold one more if there is one more."""
    shown = tuple(rows[:limit])
    return Page(shown, _cursor(place(shown[-1])) if len(rows) > limit else "")


def page_size(limit: int) -> int:
    """ValueError for less than one row."""
    if limit < 1:
        raise ValueError("limit is less than 1")
    return min(limit, LARGEST_PAGE)


def place_of(cursor: str) -> str:
    """The place after which to go on, "" for the beginning. ValueError for a cursor that is not ours."""
    if not cursor:
        return ""
    try:
        found = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise ValueError("not a cursor of ours") from None
    if not _PLACE.fullmatch(found) or _cursor(found) != cursor:
        raise ValueError("not a cursor of ours")
    return found


def _cursor(last: str) -> str:
    return urlsafe_b64encode(last.encode()).decode().rstrip("=")
