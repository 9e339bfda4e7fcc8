"""The formats that forms may use, checked with the standard library."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import urlsplit

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
_URI = re.compile(r"https?://[\x21-\x7e]+")


def is_date(text: str) -> bool:
    """RFC 3339 full-date."""
    return bool(_DATE.fullmatch(text)) and _parses(date.fromisoformat, text)


def is_date_time(text: str) -> bool:
    """RFC 3339 date-time; leap seconds are not for appointments."""
    return bool(_DATE_TIME.fullmatch(text)) and _parses(datetime.fromisoformat, text.upper())


def is_time(text: str) -> bool:
    """Time of day, as a page's time input gives it."""
    return bool(_TIME.fullmatch(text))


def is_email(text: str) -> bool:
    """One plain address that mail can be sent to, beyond ASCII too (RFC 6531); no comments, no quotes."""
    local, _, domain = text.rpartition("@")
    plain = not (local.startswith(".") or local.endswith(".") or ".." in local)
    return plain and len(local.encode()) <= 64 and len(domain) <= 253 and bool(_EMAIL.fullmatch(text))


def is_uri(text: str) -> bool:
    """An http or https address with a host."""
    return bool(_URI.fullmatch(text)) and _parses(_host_and_port, text)


FORMATS = {"date": is_date, "date-time": is_date_time, "time": is_time, "email": is_email, "uri": is_uri}


def _host_and_port(text: str) -> tuple[str, int | None]:
    parts = urlsplit(text)
    if not parts.hostname:
        raise ValueError("no host")
    return parts.hostname, parts.port


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
