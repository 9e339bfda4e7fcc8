"""What can be applied for, and the guide to each service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalice import Response

from chalicelib.web import pictures, windows
from chalicelib.web.edge import Pages, Visit

pages = Pages("services")
CATEGORIES = ("citizen", "business", "engineering")
MOST_WORDS = 100


@pages.get("/")
def show_services(visit: Visit) -> Response:
    """The services by category; with ``?q=`` those that speak of it."""
    words = visit.call.query("q")[:MOST_WORDS]
    found = [service for service in _services(visit) if _speaks_of(service, words)]
    groups = [(category, [one for one in found if one["category"] == category]) for category in CATEGORIES]
    return visit.page("services.html", q=words, groups=[group for group in groups if group[1]], total=total)


@pages.get("/services/{service}")
def show_guide(visit: Visit, service: str) -> Response:
    """Who it is for, what to have ready, every step, what it costs, how long it takes; good to print."""
    from chalicelib.forms.zero_visit import savings

    found = visit.hall.catalogue.definition(service, None, visit.language)
    materials = found.get("materials", ())
    return visit.page(
        "guide.html",
        service=found,
        total=total(found),
        stops=pictures.way_of_service(found, total(found), visit.language),
        saved=savings(found),
        windows=windows.parts_of_day(visit.language),
        takes_photographs=any(material.get("upload") for material in materials),
        keeps_originals=any(material.get("original") for material in materials),
        pre_checked=any(task.get("stage") == "pre_check" for task in found["tasks"]),
    )


def total(service: Mapping[str, Any]) -> int:
    return sum(line["amount"] for line in service["fee"].get("lines", ()))


def _services(visit: Visit) -> list[Mapping[str, Any]]:
    catalogue = visit.hall.catalogue
    return [catalogue.definition(code, version, visit.language) for code, version in catalogue.services()]


def _speaks_of(service: Mapping[str, Any], words: str) -> bool:
    told = " ".join(str(service.get(name, "")) for name in ("id", "title", "summary", "audience")).casefold()
    return all(word in told for word in words.casefold().split())
