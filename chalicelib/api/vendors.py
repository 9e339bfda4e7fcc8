"""How the vendors of the hall are, for everyone at the desk."""

from __future__ import annotations

from typing import Any

from chalicelib.api import present
from chalicelib.api.edge import Area, Call
from chalicelib.usecases import outages

area = Area("vendors", cors=None)


@area.get("/v1/desk/vendors", query=("lang",), security="desk", gives={200: "Vendors"}, refuses=("forbidden",))
def list_vendors(call: Call) -> dict[str, Any]:
    """The payment provider and the couriers: which of them answer, and what happens about one that does not."""
    found = outages.vendors(call.hall, call.staff())
    return {"vendors": [present.vendor(vendor, call.hall.calendar.zone, call.language) for vendor in found]}
