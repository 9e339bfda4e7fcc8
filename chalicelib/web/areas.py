"""All pages."""

from __future__ import annotations

from chalicelib.web import apply, case, correct, drafts, files, own, ratings, services, tracking, unknown, verify
from chalicelib.web.edge import Pages

PAGES: tuple[Pages, ...] = (
    services.pages,
    apply.pages,
    drafts.pages,
    files.pages,
    tracking.pages,
    own.pages,
    case.pages,
    correct.pages,
    ratings.pages,
    verify.pages,
    unknown.pages,
)
