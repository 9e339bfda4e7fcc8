"""Answers to type into the hall's forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.web.answers import as_body
from tests.api import APPLICANT, LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS, Json
from tests.halls import MemoryHall
from tests.web.browser import Browser, Page

ANSWERS = {RESIDENCE: RESIDENCE_ANSWERS, LICENCE: LICENCE_ANSWERS}
ADDRESS_OF = {service: f"/services/{service}/apply" for service in ANSWERS}
PERSONAL = (APPLICANT["name"], APPLICANT["phone"], APPLICANT["id_number"])


def typed(hall: MemoryHall, service: str, **changes: Any) -> dict[str, str | list[str]]:
    """Field by field what a person types; the courier's window is chosen on the page."""
    form = hall.catalogue.form(service, None, "en")
    body = as_body(form, {**ANSWERS[service], **changes})
    return {name: values for name, values in body.items() if name != "/pickup/window" and values}


def filled(browser: Browser, hall: MemoryHall, service: str, **changes: Any) -> Page:
    """The form of a service, filled in and not sent yet."""
    page = browser.open(f"/services/{service}/apply").fill(typed(hall, service, **changes))
    if page.control("/pickup/window"):
        page.fill({"/pickup/window": page.options("/pickup/window")[1]})
    return page


def applied(browser: Browser, hall: MemoryHall, service: str = RESIDENCE) -> str:
    """Applies; gives the tracking code."""
    filled(browser, hall, service)
    browser.press(name="_check")
    page = browser.press(name="_send")
    assert page.address.startswith("/t/")
    hall.drain()
    return page.address.removeprefix("/t/")


def stored(hall: MemoryHall) -> list[Mapping[str, Any]]:
    """The answers of every case that there is."""
    numbers = sorted({checkout.case for checkout in hall.payments.checkouts.values()})
    return [record.answers for number in numbers if (record := hall.log.load(number))]


def as_case(hall: MemoryHall, tracking: str) -> Json:
    """What ``tests.api`` needs to go on with a case that was opened in a browser."""
    number = f"{tracking[:4]}-{tracking[4:8]}-{tracking[8:13]}"
    (checkout,) = (c for c in hall.payments.checkouts.values() if c.case == number)
    return {"case": number, "tracking": tracking, "payment_url": checkout.url}
