"""Files of an applicant, as far as their owner may be told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.domain.case import Case
from chalicelib.domain.errors import NotFound
from chalicelib.usecases import uploads
from chalicelib.web.edge import Visit
from chalicelib.web.files import KINDS


@dataclass(frozen=True, slots=True)
class HandedIn:
    """One file of a material, the ``number``-th from 1.

    ``state`` is one of ``uploads.Looked``, or ``kept`` once the hall has taken it over; ``code`` says why it was
    refused; ``kind`` and ``size`` (bytes) are blank where the hall does not know them.
    """

    number: int
    upload: str
    state: str
    kind: str = ""
    size: int = 0
    code: str = ""


def handed_in(visit: Visit, case: Case, ids: Sequence[str]) -> Iterator[HandedIn]:
    """Files by the ids of their uploads, with a case or on their way to one."""
    kept = {file.upload: file for file in case.kept}
    refused = {file.upload: file for correction in case.corrections for file in correction.refused}
    for number, upload in enumerate(ids, start=1):
        if file := kept.get(upload):
            yield HandedIn(number, upload, "kept", KINDS.get(file.content_type, ""), file.size)
        elif upload in refused:
            yield HandedIn(number, upload, "refused", code=refused[upload].code)
        else:
            yield _looked_at(visit, number, upload)


def _looked_at(visit: Visit, number: int, upload: str) -> HandedIn:
    try:
        looked = uploads.look(visit.hall, upload)
    except NotFound:  # so long ago that only its case knows of it, or never offered
        return HandedIn(number, upload, "checking")
    return HandedIn(number, upload, looked.state, KINDS.get(looked.content_type, ""), looked.size, looked.code)
