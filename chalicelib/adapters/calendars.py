"""Which dates are worked, from the ``holidays`` library: public holidays, and weekends swapped for working days."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

SATURDAY = 5


class HolidayCalendar:
    """The working days of a country (ISO 3166 code) in its time zone."""

    def __init__(self, country: str, time_zone: str) -> None:
        self.zone = ZoneInfo(time_zone)
        self._country = country

    def is_working_day(self, day: date) -> bool:
        return _is_working_day(self._country, day)


@lru_cache(maxsize=4096)
def _is_working_day(country: str, day: date) -> bool:
    # The library's own ``is_working_day`` knows the weekends on which China works in return for a longer holiday.
    return bool(_holidays(country, day.year).is_working_day(day))


@lru_cache(maxsize=16)
def _holidays(country: str, year: int):  # type: ignore[no-untyped-def]
    import holidays

    return holidays.country_holidays(country, years=year)
