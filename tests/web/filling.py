"""Answers to type into the hall's forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from chalicelib.usecases import uploads
from chalicelib.web.answers import as_body
from tests.api import APPLICANT, LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS, Json
from tests.files import picture
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
    browser.open(f"/services/{service}/apply")
    page = with_files(browser, hall, service).fill(typed(hall, service, **changes))
    if page.control("/pickup/window"):
        page.fill({"/pickup/window": page.options("/pickup/window")[1]})
    return page


def with_files(browser: Browser, hall: MemoryHall, service: str) -> Page:
    """The form with a photograph of each document that it has to have, as if they were added on the page for files."""
    terms = hall.catalogue.definition(service, None, "en")["materials"]
    needed = [one["code"] for one in terms if one.get("upload") and one.get("required", True)]
    added = {f"_uploads/{material}": uploaded(hall, service, material) for material in needed}
    own = {name: browser.page.value(name)[0] for name in ("_version", "_key")}
    return browser.send("POST", browser.page.address, urlencode(own | added).encode())


def uploaded(hall: MemoryHall, service: str, material: str, content: bytes | None = None) -> str:
    """The id of an upload whose file has arrived: a photograph, or what is told."""
    offer = uploads.offer_form(hall, service, material, hall.url)
    hall.uploads.receive(offer.fields, picture() if content is None else content)
    return offer.upload


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
