"""All areas of the API, in the order in which the contract tells of them."""

from __future__ import annotations

from chalicelib.api import (
    applicant,
    cases,
    certificates,
    desk,
    health,
    openapi,
    reports,
    services,
    tracking,
    vendors,
    webhooks,
)
from chalicelib.api.edge import Area

AREAS: tuple[Area, ...] = (
    health.area,
    services.area,
    cases.area,
    tracking.area,
    applicant.area,
    desk.area,
    reports.area,
    vendors.area,
    webhooks.area,
    certificates.area,
    openapi.area,
)
