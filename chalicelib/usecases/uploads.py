"""Uploads: a place for one file, offered before the form is sent; only what was offered can be handed in.

What is known of an upload are facts, each written once and by itself, so that the page that looks at it, the scanner
and the case that takes it never meet at one record:

    upload#<id>               what it was offered for
    upload#<id>#content       what was found in it, of which content (its entity tag)
    upload#<id>#scan#<etag>   the scanner's verdict on that content
    upload#<id>#case          the case that has taken it

A file can be posted again as long as its form is open. So what was found holds for one content only, and only that
content is copied to where the desk reads.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.due import Kind, due
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.service import Service
from chalicelib.forms.pointers import join
from chalicelib.forms.validation import Fault
from chalicelib.ports import Finding, StoredFile
from chalicelib.texts import text
from chalicelib.usecases.execute import load
from chalicelib.usecases.hall import Hall

POST_OPEN = timedelta(minutes=15)  # for the file itself
FORM_OPEN = timedelta(hours=1)  # for the file itself on a page without a script: somebody has to find it first
OFFER_OPEN = timedelta(days=15)  # for the form that names it: longer than a draft is kept
FORM_BYTES = 50 * 1024 * 1024  # the page says what is too large, not the store
ANY_TYPE = "application/octet-stream"
_ID_BYTES = 18
_ID = re.compile(r"[A-Za-z0-9_-]{24}")  # of so many bytes

# The scanner's verdicts, and why a file is refused for them. What is locked with a password can't be looked into.
CLEAN, INFECTED, LOCKED = "clean", "infected", "locked"
VERDICTS: Mapping[str, str] = {CLEAN: "", INFECTED: "file_infected", LOCKED: "file_protected"}


@dataclass(frozen=True, slots=True)
class Offer:
    """An upload's id, and the POST (address and form fields) that stores its file."""

    upload: str
    url: str
    fields: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Looked:
    """How an upload stands.

    ``state`` is ``awaited`` (nothing has arrived), ``checking`` (nothing is wrong with what is in it; the scanner has
    not spoken), ``clean``, or ``refused`` with a ``code`` (``file_empty``, ``file_too_large``,
    ``file_type_not_accepted``, ``file_unreadable``, ``file_protected``, ``file_infected``). ``content_type`` is what it
    really is, "" while that is not known; ``size`` is in bytes. ``etag`` names the content that this is said of.
    """

    state: str
    code: str = ""
    content_type: str = ""
    size: int = 0
    etag: str = ""


MISSING = Looked("refused", "file_missing")  # handed in, and gone since


# --- places for files ---


def offer_upload(
    hall: Hall, service: str, material: str, content_type: str, size: int, version: str | None = None
) -> Offer:
    """A place for one file of a material, held to this type and size by the store itself. ``version`` None: the newest.

    Raises Invalid ``unknown_material``, ``file_type_not_accepted``, ``file_too_large``, ``file_empty``; the catalogue's
    UnknownService. The file's name is not kept: it may tell who somebody is.
    """
    terms = _material(hall, service, version, material)
    if content_type not in terms["accepts"]:
        raise Invalid("file_type_not_accepted", "/content_type")
    if size > terms["max_bytes"]:
        raise Invalid("file_too_large", "/size")
    if size == 0:
        raise Invalid("file_empty", "/size")
    return _offer(hall, service, terms, POST_OPEN, content_type=content_type, size=size)


def offer_form(hall: Hall, service: str, material: str, back: str, version: str | None = None) -> Offer:
    """A place for one file that a page without a script posts, and that leads the browser ``back``.

    It takes whatever comes, so that the page can say what is wrong with it (``look``). Raises Invalid
    ``unknown_material``, the catalogue's UnknownService.
    """
    terms = _material(hall, service, version, material)
    return _offer(hall, service, terms, FORM_OPEN, content_type=ANY_TYPE, size=FORM_BYTES, least=0, back=back)


def _offer(hall: Hall, service: str, terms: Mapping[str, Any], open_for: timedelta, **post: Any) -> Offer:
    upload, now = secrets.token_urlsafe(_ID_BYTES), hall.now()
    offered = {"service": service, "material": terms["code"]}
    offered |= {name: terms[name] for name in ("accepts", "max_bytes")}
    hall.lookups.put(_fact(upload), offered, expires=now + OFFER_OPEN)
    url, fields = hall.uploads.upload_post(offered_key(upload), seconds=int(open_for.total_seconds()), **post)
    return Offer(upload, url, fields, now + open_for)


def offered_key(upload: str) -> str:
    """Where the file of an applicant is stored."""
    return f"offered/{upload}"


def kept_key(case: str, upload: str) -> str:
    """Where the desk reads it, once all is well with it."""
    return f"kept/{case}/{upload}"


def _material(hall: Hall, service: str, version: str | None, material: str) -> Mapping[str, Any]:
    definition = hall.catalogue.definition(service, version, "en")
    for terms in definition.get("materials", ()):
        if terms["code"] == material and terms.get("upload"):
            found: Mapping[str, Any] = terms
            return found
    raise Invalid("unknown_material", "/material")


# --- what is in them ---


def look(hall: Hall, upload: str) -> Looked:
    """How an upload stands. The first look after its file has arrived opens it; what was found is kept.

    NotFound ``unknown_upload``: it was never offered, or so long ago that it is forgotten.
    """
    offered = _offered(hall, upload)
    if offered is None:
        raise NotFound("unknown_upload")
    return _look(hall, upload, offered)


def _offered(hall: Hall, upload: str) -> Mapping[str, Any] | None:
    """What an upload was offered for. An id that was never ours is no key of any fact."""
    return hall.lookups.get(_fact(upload), now=hall.now()) if _ID.fullmatch(upload) else None


def _look(hall: Hall, upload: str, offered: Mapping[str, Any]) -> Looked:
    known = hall.lookups.get(_fact(upload, "content"), now=hall.now()) or _open(hall, upload, offered)
    if known is None:
        return Looked("awaited")
    verdict = _verdict(hall, upload, known["etag"])
    code = VERDICTS.get(verdict) or known["code"]
    state = "refused" if code else "clean" if verdict == CLEAN else "checking"
    return Looked(state, code, known["content_type"], known["size"], known["etag"])


def _verdict(hall: Hall, upload: str, etag: str) -> str:
    """ "" while there is none."""
    if not hall.scans_uploads:
        return CLEAN
    record = hall.lookups.get(_fact(upload, "scan", etag), now=hall.now())
    return str(record["verdict"]) if record else ""


def _open(hall: Hall, upload: str, offered: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find out what is in a file, and keep it; None when no file is there."""
    stored = hall.uploads.read(offered_key(upload), most=offered["max_bytes"])
    if stored is None:
        return None
    finding = _finding(hall, stored, offered["accepts"])
    known = {
        "code": finding.fault,
        "content_type": finding.content_type,
        "size": stored.size,
        "etag": stored.etag,
    }
    hall.lookups.put(_fact(upload, "content"), known, expires=hall.now() + OFFER_OPEN)
    return known


def _finding(hall: Hall, stored: StoredFile, accepts: Sequence[str]) -> Finding:
    if stored.content is None:
        return Finding("", "file_too_large")
    if not stored.content:
        return Finding("", "file_empty")
    return hall.inspector.inspect(stored.content, accepts)


def forget_content(hall: Hall, upload: str) -> None:
    """What was found in a file holds no longer: another one was posted in its place."""
    hall.lookups.delete(_fact(upload, "content"))


def record_scan(hall: Hall, upload: str, verdict: str, etag: str) -> None:
    """What the scanner says of the content of this entity tag: one of ``VERDICTS``.

    The case that waits for it goes on. Doing it twice does no harm.
    """
    now = hall.now()
    hall.lookups.put(_fact(upload, "scan", etag), {"verdict": verdict}, expires=now + OFFER_OPEN)
    taken = hall.lookups.get(_fact(upload, "case"), now=now)
    if taken is None:
        return
    try:
        steps = due(load(hall, taken["case"]).case, now)
    except NotFound:
        return  # it is about to be opened, and will look by itself
    waiting = [step for step in steps if step.kind is Kind.CHECK_FILES]
    if waiting:
        hall.steps.send(taken["case"], waiting)


# --- handing them in ---


def upload_faults(
    hall: Hall,
    service: Service,
    uploads: Mapping[str, Sequence[str]],
    language: str,
    known: Mapping[str, Sequence[str]] | None = None,
) -> list[Fault]:
    """What the list does not name, what was not offered for it or has not arrived, and files that are refused.

    ``known`` were handed in before, and nothing was wrong with them. Files that are still being scanned are taken.
    """
    found: list[Fault] = []
    seen: set[str] = set()
    for material, ids in uploads.items():
        terms = service.material(material)
        if terms is None or not terms.upload:
            found.append(_fault(join(("uploads", material)), "unknown_material", language))
            continue
        before = (known or {}).get(material, ())
        for position, upload in enumerate(ids):
            code = "upload_listed_twice" if upload in seen else ""
            if not code and upload not in before:
                code = _code(hall, service.id, material, upload)
            if code:
                found.append(_fault(f"/uploads/{material}/{position}", code, language))
            seen.add(upload)
    return found


def left_out(
    service: Service, materials: Sequence[str], uploads: Mapping[str, Sequence[str]], language: str
) -> list[Fault]:
    """Those of the materials that the service can't do without, and that no file stands for any more."""
    needed = [terms.code for terms in service.materials if terms.code in materials and terms.required]
    return [_fault(f"/uploads/{code}", "file_missing", language) for code in needed if not uploads.get(code)]


def _code(hall: Hall, service: str, material: str, upload: str) -> str:
    """Why an upload can't be handed in for this material; "" when it can."""
    offered = _offered(hall, upload)
    if offered is None or (offered["service"], offered["material"]) != (service, material):
        return "unknown_upload"
    looked = _look(hall, upload, offered)
    return "file_missing" if looked.state == "awaited" else looked.code


def take(hall: Hall, case: str, uploads: Mapping[str, Sequence[str]], language: str) -> list[Fault]:
    """Hand uploads in with a case, which alone has them from now on; faults for those that another one has taken.

    The same case may take them again, as it does when its request is repeated.
    """
    return [
        _fault(f"/uploads/{material}/{position}", "upload_taken", language)
        for material, position, upload in each(uploads)
        if not _taken(hall, upload, case)
    ]


def _taken(hall: Hall, upload: str, case: str) -> bool:
    key, now = _fact(upload, "case"), hall.now()
    if hall.lookups.put_once(key, {"case": case}, now=now, expires=now + OFFER_OPEN):
        return True
    record = hall.lookups.get(key, now=now)
    return record is not None and record["case"] == case


def each(uploads: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, int, str]]:
    """Material, position and upload, one by one."""
    for material, ids in uploads.items():
        for position, upload in enumerate(ids):
            yield material, position, upload


def _fault(pointer: str, code: str, language: str) -> Fault:
    return Fault(pointer, code, text(f"error.{code}", language))


def _fact(upload: str, *what: str) -> str:
    return "#".join(("upload", upload, *what))
