from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.calendars import HolidayCalendar
from chalicelib.domain.clock import after_working_time, clock_start, next_working_day, working_time
from tests.cases import SHANGHAI, WeekdayCalendar

CHINA = HolidayCalendar("CN", "Asia/Shanghai")
WEEKDAYS = WeekdayCalendar()


def at(day: int, hour: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=SHANGHAI)


def test_the_day_on_which_a_term_begins_does_not_count() -> None:
    assert clock_start(at(20, 15), WEEKDAYS) == at(21)


def test_two_working_days_from_a_friday_end_with_tuesday() -> None:
    start = clock_start(at(20, 15), WEEKDAYS)
    assert after_working_time(start, timedelta(days=2), WEEKDAYS) == at(25)


def test_national_day_is_not_worked_and_the_sunday_before_it_may_be() -> None:
    assert not CHINA.is_working_day(date(2026, 10, 1))
    assert CHINA.is_working_day(date(2026, 10, 10))  # a Saturday worked in return for the holiday
    assert after_working_time(at(30, month=9), timedelta(days=2), CHINA) == at(9, month=10)


def test_the_next_working_day_steps_over_the_weekend() -> None:
    assert next_working_day(date(2026, 11, 20), WEEKDAYS) == date(2026, 11, 23)


def test_no_time_runs_backwards() -> None:
    assert working_time(at(23), at(20), WEEKDAYS) == timedelta()


instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.timedeltas(timedelta(0), timedelta(days=20)))
def test_after_working_time_is_the_inverse_of_working_time(start: datetime, span: timedelta) -> None:
    end = after_working_time(start, span, WEEKDAYS)
    assert working_time(start, end, WEEKDAYS) == span


@given(instants, instants, instants)
def test_working_time_adds_up(a: datetime, b: datetime, c: datetime) -> None:
    first, second, third = sorted((a, b, c))
    parts = working_time(first, second, WEEKDAYS) + working_time(second, third, WEEKDAYS)
    assert parts == working_time(first, third, WEEKDAYS)
