"""A correction under way, kept while its applicant fetches a file for it in a browser without scripts.

It is kept as the draft of a form is, and known by a cookie of the correction's pages. That cookie, unlike the
session's, comes along when the store leads the browser back. It opens nothing but the page that takes files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.usecases import drafts
from chalicelib.usecases.drafts import Draft
from chalicelib.usecases.execute import Loaded
from chalicelib.web.edge import Visit

ADDRESS = "/t/{tracking}/case/correction"
COOKIE = "correction"
UPLOADS = "_uploads/"  # before the material: the form's field with its uploads


def kept(visit: Visit, found: Loaded) -> Draft | None:
    """What this browser has kept of the case's open correction; None without any."""
    named, _, token = visit.cookie(COOKIE).partition(".")
    draft = drafts.load(visit.hall, named) if drafts.holds(visit.hall, named, token) else None
    return draft if draft and draft.key == _key(found) else None


def keep(visit: Visit, tracking: str, found: Loaded, fields: Mapping[str, Sequence[str]], **changes: Any) -> Draft:
    """Keep what was sent; ``changes`` replace what else a Draft has (``offered``). Raises drafts.Newer in a race."""
    service, now = found.case.service, visit.hall.now()
    fresh = Draft(drafts.new_id(), service.id, service.version, visit.language, {}, _key(found), {}, now)
    asked = {name: list(values) for name, values in fields.items() if name.startswith(("/", UPLOADS))}
    saved = drafts.save(visit.hall, replace(kept(visit, found) or fresh, fields=asked, **changes))
    seconds = int(drafts.LIFE.total_seconds())
    _set(visit, tracking, f"{saved.id}.{drafts.token(visit.hall, saved.id)}", seconds)
    return saved


def forget(visit: Visit, tracking: str, found: Loaded) -> None:
    """Erase it: it was sent. ``found`` is the case as it was when the correction was opened."""
    draft = kept(visit, found)
    if draft:
        drafts.forget(visit.hall, draft.id)
        _set(visit, tracking, "", 0)


def uploads_before(found: Loaded) -> dict[str, list[str]]:
    """The form's fields for the materials that are asked for: what was handed in, without what was refused."""
    correction, submissions = found.case.open_correction, found.record.submissions
    if correction is None or not submissions:
        return {}
    refused = {file.upload for file in correction.refused}
    before = submissions[-1].uploads
    return {
        UPLOADS + material: [upload for upload in before.get(material, ()) if upload not in refused]
        for material in correction.materials
    }


def _key(found: Loaded) -> str:
    """A later correction is another one."""
    correction = found.case.open_correction
    return f"{found.case.number}-{correction.number if correction else 0}"


def _set(visit: Visit, tracking: str, value: str, seconds: int) -> None:
    visit.keep(COOKIE, value, seconds=seconds, path=ADDRESS.format(tracking=tracking.upper()), secret=True)
