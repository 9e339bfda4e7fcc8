"""All pages."""

from __future__ import annotations

from chalicelib.web import apply, case, drafts, files, services, tracking, unknown, verify
from chalicelib.web.edge import Pages

PAGES: tuple[Pages, ...] = (
    services.pages,
    apply.pages,
    drafts.pages,
    files.pages,
    tracking.pages,
    case.pages,
    verify.pages,
    unknown.pages,
)
