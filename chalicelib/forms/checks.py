"""What a schema can't say: checks that belong to a common part, wherever a form uses it.

Each gives paths within its part and codes; the part's ``x-messages`` has the texts. A value may be anything at all:
what the schema finds fault with is passed over in silence here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from chalicelib.domain.clock import Calendar
from chalicelib.forms.formats import is_date_time

OPENS, CLOSES = time(8), time(20)  # the hours in which couriers collect
SHORTEST = timedelta(hours=1)  # SF Express and Kuaidi100 take no shorter window
FURTHEST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Moment:
    """When the answers are judged, and by which calendar."""

    now: datetime
    calendar: Calendar


Found = Iterator[tuple[tuple[str, ...], str]]
Check = Callable[[Mapping[str, Any], Moment | None], Found]


def identity(applicant: Mapping[str, Any], _: Moment | None) -> Found:
    """The check character of a resident identity card number (GB 11643), and that its date of birth exists."""
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    number = applicant.get("id_number")
    if applicant.get("id_type") != "resident_id" or not isinstance(number, str):
        return
    number = number.upper()
    if len(number) != 18 or not number.isascii() or not number[:17].isdigit():
        return
    try:
        ric.get_birth_date(number)
        sound = ric.calc_check_digit(number) == number[17]
    except ValidationError:
        sound = False
    if not sound:
        yield ("id_number",), "id_number_checksum"


def window(chosen: Mapping[str, Any], moment: Moment | None) -> Found:
    """A window that a courier can keep: still to come, within the hours of one day, an hour or longer.

    Couriers collect on every day of the year; what the pages offer are the hall's next working days.
    """
    start, end = (_instant(chosen.get(name)) for name in ("start", "end"))
    if start and end and end - start < SHORTEST:
        yield ("end",), "window_too_short"
    if moment is None:
        return
    if start:
        code = _start_fault(start, moment)
        if code:
            yield ("start",), code
    if start and end and end - start >= SHORTEST and not _same_working_hours(start, end, moment.calendar):
        yield ("end",), "outside_working_hours"


def _start_fault(start: datetime, moment: Moment) -> str | None:
    if start <= moment.now:
        return "window_in_the_past"
    if start > moment.now + FURTHEST:
        return "window_too_far"
    local = start.astimezone(moment.calendar.zone).time()
    return None if OPENS <= local < CLOSES else "outside_working_hours"


def _same_working_hours(start: datetime, end: datetime, calendar: Calendar) -> bool:
    first, last = start.astimezone(calendar.zone), end.astimezone(calendar.zone)
    return first.date() == last.date() and last.time() <= CLOSES


def _instant(text: Any) -> datetime | None:
    if not isinstance(text, str) or not is_date_time(text):
        return None
    at = datetime.fromisoformat(text.upper())
    return at if 1 < at.year < 9999 else None  # so that no time zone leads out of the calendar


CHECKS: Mapping[str, Check] = {"common/1/applicant": identity, "common/1/window": window}
