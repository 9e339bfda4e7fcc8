"""Save and continue later: the draft of this device, known by a cookie, and the draft's address for another one.

The cookie holds the draft's id, the token that opens it, and the revision that this device's form shows, so that a save
does not overwrite what another device saved in the meantime.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalice import Response

from chalicelib.domain.errors import NotAllowed, NotFound
from chalicelib.forms.catalogue import UnknownService
from chalicelib.forms.parties import international
from chalicelib.ports import VendorError
from chalicelib.usecases import drafts
from chalicelib.usecases.drafts import Draft, Newer
from chalicelib.web import words
from chalicelib.web.edge import LANGUAGE, Body, Pages, Visit
from chalicelib.web.forms import new_key

pages = Pages("drafts")
APPLY = "/services/{service}/apply"
SAVED = f"{APPLY}/saved"
DELETION = f"{SAVED}/deletion"
DELETED = f"{APPLY}/deleted"
DOOR = "/d/{code}"
COOKIE = "draft"
OVER = "_over"  # the revision that the applicant chose to save over
SAVING = ("_save", "_files")  # buttons that save on their way
BUTTONS = frozenset({"_check", "_send", "_change", "_add", "_remove", "_drop", *SAVING, OVER, LANGUAGE})
PHONE = "/applicant/phone"
APPLICANT = "common/1/applicant"  # by whose rules a phone is judged where the form asks for none


# --- for the pages of the form ---


def kept(visit: Visit, service: str) -> Draft | None:
    """The draft of this device for this service, None without one; the form's page shows it, so it is seen from now on.

    Where its version of the service is no more, it is ``carried`` over to the newest one.
    """
    draft, _ = _known(visit, service)
    if draft and _at_form(visit) and visit.call.request.method != "POST":
        _remember(visit, draft)
    return draft


def keep(visit: Visit, service: str, version: str, body: Body, **changes: Any) -> Draft:
    """Save what was sent as this device's draft; ``changes`` replace what else a Draft has (``offered``).

    Raises Newer where the form was sent by a page that shows an older revision, unless the applicant chose to save over
    the newer one.
    """
    known, seen = _known(visit, service)
    key = body.get("_key", [""])[-1] or new_key()
    if known and _at_form(visit) and (seen, key) != (known.revision, known.key) and not _chosen(body, known):
        raise Newer
    fields = {name: list(values) for name, values in body.items() if name not in BUTTONS}
    fields |= {"_key": [key], "_version": [version]}
    typed = _phone_in(visit, service, version, fields)
    if known:
        followed = known.phone in ("", _phone_in(visit, service, version, known.fields))
        phone = typed if typed and followed else known.phone
        draft = replace(known, version=version, language=visit.language, fields=fields, key=key, phone=phone)
    else:
        now = visit.hall.now()
        draft = Draft(drafts.new_id(), service, version, visit.language, fields, key, {}, now, typed)
    saved = drafts.save(visit.hall, replace(draft, **changes))
    _remember(visit, saved)
    return saved


def save_and_go(visit: Visit, service: str, version: str, body: Body, address: str = "", **changes: Any) -> Response:
    """``keep``, then on to the address (the page that says that it is saved); where another device has saved in the
    meantime, first the choice which of the two to keep.
    """
    try:
        keep(visit, service, version, body, **changes)
    except Newer:
        newer, _ = _known(visit, service)
        if newer:
            return _choice(visit, newer, version, body)
        keep(visit, service, version, body, **changes)  # it was sent or deleted just now: this is another one
    return visit.go(address or SAVED.format(service=service))


def forget(visit: Visit, service: str) -> None:
    """Erase this device's draft: it was sent, or its owner wants it so. What was sent under another key leaves it."""
    draft, _ = _known(visit, service)
    if draft and visit.field("_key") in ("", draft.key):
        drafts.forget(visit.hall, draft.id)
        _let_go(visit, service)


def _chosen(body: Body, newer: Draft) -> bool:
    return body.get(OVER, [""])[-1] == str(newer.revision)


def _choice(visit: Visit, newer: Draft, version: str, body: Body) -> Response:
    """What was sent, or what another device has saved in the meantime."""
    carried = [(name, value) for name, values in body.items() if name not in BUTTONS for value in values]
    pressed = [(name, body[name][-1]) for name in SAVING if name in body]
    definition = visit.hall.catalogue.definition(newer.service, version, visit.language)
    return visit.page(
        "draft_newer.html",
        409,
        service=definition,
        saved_at=_here(visit, newer.saved_at),
        fields=[*carried, *pressed, (OVER, str(newer.revision))],
    )


# --- the page that says that it is saved ---


@pages.get(SAVED)
def show(visit: Visit, service: str) -> Response:
    """When it was saved and until when it is kept; the way back, and the way to another device."""
    return _saved(visit, _own(visit, service))


@pages.post(SAVED)
def send_address(visit: Visit, service: str) -> Response:
    """The draft's address by SMS."""
    draft, seen = _known(visit, service)
    if draft is None:
        raise NotFound("unknown_draft")
    number = visit.field("phone").replace(" ", "").replace("-", "")
    faults = _faults(visit, service, draft.version, number)
    if faults:
        return _saved(visit, draft, 422, faults[0])
    try:
        sent = drafts.send_address(visit.hall, draft, international(number), visit.language)
    except VendorError:
        return _saved(visit, draft, 503, words.say("drafts.sms_failed", visit.language))
    _remember(visit, sent, sent.revision if seen == draft.revision else seen)
    return visit.go(f"{SAVED.format(service=service)}?sent=1")


@pages.get(DELETION)
def ask(visit: Visit, service: str) -> Response:
    """Whether it is really to be deleted."""
    return visit.page("draft_deletion.html", service=_definition(visit, _own(visit, service)))


@pages.post(DELETION)
def delete(visit: Visit, service: str) -> Response:
    """Erase it."""
    forget(visit, service)
    return visit.go(DELETED.format(service=service))


@pages.get(DELETED)
def deleted(visit: Visit, service: str) -> Response:
    """It is erased."""
    definition = visit.hall.catalogue.definition(service, None, visit.language)
    return visit.page("draft_deleted.html", service=definition)


def _own(visit: Visit, service: str) -> Draft:
    """This device's draft. NotFound ``unknown_draft``."""
    draft = kept(visit, service)
    if draft is None:
        raise NotFound("unknown_draft")
    return draft


def _saved(visit: Visit, draft: Draft, status: int = 200, error: str = "") -> Response:
    typed = draft.fields.get(PHONE, [""])[-1]
    address = drafts.address(visit.hall, draft) if draft.phone else ""
    return visit.page(
        "draft_saved.html",
        status,
        service=_definition(visit, draft),
        saved_at=_here(visit, draft.saved_at),
        kept_until=_here(visit, draft.kept_until),
        address=address,
        picture=_qr(address) if address else "",
        digits=draft.phone[-4:],
        phone=visit.field("phone") if error else _as_typed(draft.phone) or typed,
        sent=visit.call.query("sent") == "1" and not error,
        error=error,
    )


def _qr(address: str) -> str:
    """The QR code of an address, to stand in the page itself: the address is nobody else's business."""
    from chalicelib.adapters.qr import qr_svg

    return "data:image/svg+xml;base64," + b64encode(qr_svg(address, title=address).encode()).decode()


def _definition(visit: Visit, draft: Draft) -> Mapping[str, Any]:
    return visit.hall.catalogue.definition(draft.service, draft.version, visit.language)


def _here(visit: Visit, at: datetime) -> datetime:
    return at.astimezone(visit.hall.calendar.zone)


# --- another device ---


@pages.get(DOOR)
def show_door(visit: Visit, code: str) -> Response:
    """The way to a code, and in with it."""
    return _door(visit, drafts.found_at(visit.hall, code))


@pages.post(f"{DOOR}/code")
def send_code(visit: Visit, code: str) -> Response:
    """A code to the draft's phone."""
    draft = drafts.found_at(visit.hall, code)
    drafts.send_code(visit.hall, draft, visit.language)
    return visit.go(f"{DOOR.format(code=draft.id)}?code=sent")


@pages.post(f"{DOOR}/session")
def enter(visit: Visit, code: str) -> Response:
    """In with the code: from now on this device has the draft too."""
    draft = drafts.found_at(visit.hall, code)
    try:
        drafts.enter(visit.hall, draft, visit.field("code").replace(" ", "")[:32])
    except NotAllowed as refused:
        return _door(visit, draft, refused.code)
    _remember(visit, draft)
    return visit.go(APPLY.format(service=draft.service))


def _door(visit: Visit, draft: Draft, error: str = "") -> Response:
    sent = visit.call.query("code") == "sent" or bool(error)
    return visit.page("draft_door.html", 422 if error else 200, draft=draft.id, sent=sent, error=error)


# --- the cookie ---


def _known(visit: Visit, service: str) -> tuple[Draft | None, int]:
    """The draft that the cookie names, and the revision that this device's form shows."""
    named, token, seen = (*visit.cookie(COOKIE).split("."), "", "")[:3]
    if not drafts.holds(visit.hall, named, token):
        return None, 0
    draft = drafts.load(visit.hall, named)
    if draft is None or draft.service != service:
        return None, 0
    return _of_today(visit, draft), int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0


def _at_form(visit: Visit) -> bool:
    """Whether this request is of the form's own page: what it sends or shows is what the applicant sees."""
    return bool(visit.call.request.path == APPLY)


def _remember(visit: Visit, draft: Draft, seen: int | None = None) -> None:
    revision = draft.revision if seen is None else seen
    value = f"{draft.id}.{drafts.token(visit.hall, draft.id)}.{revision}"
    seconds = int((draft.kept_until - visit.hall.now()).total_seconds())
    visit.keep(COOKIE, value, seconds=seconds, path=APPLY.format(service=draft.service), secret=True)


def _let_go(visit: Visit, service: str) -> None:
    visit.keep(COOKIE, "", seconds=0, path=APPLY.format(service=service), secret=True)


def _of_today(visit: Visit, draft: Draft) -> Draft | None:
    """Under its own version of the service, or carried over to the newest; None when the service is no more."""
    catalogue = visit.hall.catalogue
    try:
        catalogue.service(draft.service, draft.version)
    except UnknownService:
        newest = dict(catalogue.services()).get(draft.service)
        if newest is None:
            return None
        return replace(draft, version=newest, fields={**draft.fields, "_version": [newest]}, carried=True)
    return draft


# --- the phone ---


def _as_typed(phone: str) -> str:
    """Without the hall's own country code, as forms take it."""
    return phone.removeprefix("+86")


def _phone_in(visit: Visit, service: str, version: str, fields: Mapping[str, Sequence[str]]) -> str:
    """The applicant's phone as typed into the form, with its country code; "" when it is none."""
    number = fields.get(PHONE, [""])[-1].strip()
    return international(number) if number and not _faults(visit, service, version, number) else ""


def _faults(visit: Visit, service: str, version: str, number: str) -> list[str]:
    """What is wrong with a phone number, by the form's own rules for one."""
    from chalicelib.forms.validation import validate

    form = visit.hall.catalogue.form(service, version, visit.language)
    try:
        rules = form["properties"]["applicant"]["properties"]["phone"]
    except KeyError:
        rules = visit.hall.catalogue.part(APPLICANT, visit.language)["properties"]["phone"]
    return [fault.message for fault in validate(rules, number, visit.language)]
