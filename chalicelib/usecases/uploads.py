"""Uploads: a place for one file, offered before the form is sent; only what was offered can be handed in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.service import Service
from chalicelib.forms.pointers import join
from chalicelib.forms.validation import Fault
from chalicelib.texts import text
from chalicelib.usecases.hall import Hall

POST_OPEN = timedelta(minutes=15)  # for the file itself
OFFER_OPEN = timedelta(hours=24)  # for the form that names it


@dataclass(frozen=True, slots=True)
class Offer:
    """An upload's id, and the POST (address and form fields) that stores its file."""

    upload: str
    url: str
    fields: Mapping[str, str]
    expires_at: datetime


def offer_upload(hall: Hall, service: str, material: str, content_type: str, size: int) -> Offer:
    """A place for one file of a material, held to this type and size by the store itself.

    Raises Invalid ``unknown_material``, ``file_type_not_accepted``, ``file_too_large``; the catalogue's UnknownService.
    The file's name is not kept: it may tell who somebody is.
    """
    terms = _material(hall, service, material)
    if content_type not in terms["accepts"]:
        raise Invalid("file_type_not_accepted", "/content_type")
    if size > terms["max_bytes"]:
        raise Invalid("file_too_large", "/size")
    upload, now = secrets.token_urlsafe(18), hall.now()
    record = {"service": service, "material": material, "content_type": content_type}
    hall.lookups.put(_lookup(upload), record, expires=now + OFFER_OPEN)
    seconds = int(POST_OPEN.total_seconds())
    url, fields = hall.uploads.upload_post(upload, content_type=content_type, size=size, seconds=seconds)
    return Offer(upload, url, fields, now + POST_OPEN)


def _material(hall: Hall, service: str, material: str) -> Mapping[str, Any]:
    definition = hall.catalogue.definition(service, None, "en")
    for terms in definition.get("materials", ()):
        if terms["code"] == material and terms.get("upload"):
            found: Mapping[str, Any] = terms
            return found
    raise Invalid("unknown_material", "/material")


def upload_faults(
    hall: Hall,
    service: Service,
    uploads: Mapping[str, Sequence[str]],
    language: str,
    known: Mapping[str, Sequence[str]] | None = None,
) -> list[Fault]:
    """What the list does not name, and what was not offered for it. ``known`` were handed in before."""
    found: list[Fault] = []
    for material, ids in uploads.items():
        terms = service.material(material)
        if terms is None or not terms.upload:
            found.append(_fault(join(("uploads", material)), "unknown_material", language))
            continue
        before = (known or {}).get(material, ())
        for position, upload in enumerate(ids):
            if upload not in before and not _offered(hall, service.id, material, upload):
                found.append(_fault(f"/uploads/{material}/{position}", "unknown_upload", language))
    return found


def _offered(hall: Hall, service: str, material: str, upload: str) -> bool:
    record = hall.lookups.get(_lookup(upload), now=hall.now())
    return record is not None and (record["service"], record["material"]) == (service, material)


def _fault(pointer: str, code: str, language: str) -> Fault:
    return Fault(pointer, code, text(f"error.{code}", language))


def _lookup(upload: str) -> str:
    return f"upload#{upload}"
