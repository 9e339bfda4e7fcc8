"""Addresses that lead nowhere."""

from __future__ import annotations

from chalice import Response

from chalicelib.api.edge import problem
from chalicelib.web.edge import Pages, Visit, refusal

pages = Pages("unknown")


@pages.get("/{proxy+}")  # API Gateway's word for every path that no other route takes
def show(visit: Visit) -> Response:
    """A page for people, a problem document for programs."""
    wants_page = "text/html" in visit.call.header("accept")
    return refusal(visit, "not_found") if wants_page else problem(visit.call, "not_found")
