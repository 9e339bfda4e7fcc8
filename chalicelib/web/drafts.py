"""Save and continue later: the draft of this device, known by a cookie, and the draft's address for another one.

The cookie holds the draft's id, the token that opens it, and the revision that this device has seen, so that a save
does not overwrite what another device saved in the meantime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalice import Response

from chalicelib.forms.catalogue import UnknownService
from chalicelib.forms.parties import international
from chalicelib.usecases import drafts
from chalicelib.usecases.drafts import Draft, Newer
from chalicelib.web.edge import LANGUAGE, Body, Pages, Visit
from chalicelib.web.forms import ASKED, new_key

pages = Pages("drafts")
APPLY = "/services/{service}/apply"
SAVED = f"{APPLY}/saved"
DOOR = "/d/{code}"
COOKIE = "draft"
OVER = "_over"  # the revision that the applicant chose to save over
PHONE = "/applicant/phone"
APPLICANT = "common/1/applicant"  # whose phone a service's form is held to where it asks for none
BUTTONS = frozenset({"_check", "_send", "_change", "_add", "_remove", "_save", "_files", "_drop", OVER, LANGUAGE})


# --- for the pages of the form ---


def kept(visit: Visit, service: str) -> Draft | None:
    """The draft of this device for this service, None without one. A page that shows it has seen its revision.

    Where its version of the service is no more, it is ``carried`` over to the newest one.
    """
    draft, _ = _known(visit, service)
    if draft and visit.call.request.method != "POST":
        _remember(visit, draft)
    return draft


def keep(visit: Visit, service: str, version: str, body: Body, **changes: Any) -> Draft:
    """Save what was sent as this device's draft; ``changes`` replace what else a Draft has (``offered``).

    Raises Newer where another device has saved since this one looked, unless the applicant chose to save over that.
    """
    known, seen = _known(visit, service)
    key = body.get("_key", [""])[-1] or new_key()
    if known and str(known.revision) != body.get(OVER, [""])[-1] and (known.revision, known.key) != (seen, key):
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
        return _choice(visit, service, version, body)
    return visit.go(address or SAVED.format(service=service))


def forget(visit: Visit, service: str) -> None:
    """Erase this device's draft: it was sent, or its owner wants it so. What was sent under another key leaves it."""
    draft, _ = _known(visit, service)
    if draft and visit.field("_key") in ("", draft.key):
        drafts.forget(visit.hall, draft.id)
        _let_go(visit, service)


# --- the cookie ---


def _known(visit: Visit, service: str) -> tuple[Draft | None, int]:
    """The draft that the cookie names, and the revision that this device has seen."""
    named, token, seen = (*_cookie(visit).split("."), "", "")[:3]
    if not drafts.holds(visit.hall, named, token):
        return None, 0
    draft = drafts.load(visit.hall, named)
    if draft is None or draft.service != service:
        return None, 0
    return _of_today(visit, draft), int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0


def _cookie(visit: Visit) -> str:
    """As this answer sets it, else as the browser sent it."""
    begin = f"{COOKIE}="
    set_now = [cookie[len(begin) :].partition(";")[0] for cookie in visit.cookies if cookie.startswith(begin)]
    return set_now[-1] if set_now else visit.cookie(COOKIE)


def _remember(visit: Visit, draft: Draft) -> None:
    value = f"{draft.id}.{drafts.token(visit.hall, draft.id)}.{draft.revision}"
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
        fields = {name: values for name, values in draft.fields.items() if name != ASKED}
        return replace(draft, version=newest, fields={**fields, "_version": [newest]}, carried=True)
    return draft


# --- the phone ---


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


def _choice(visit: Visit, service: str, version: str, body: Body) -> Response:
    """What is here, or what another device has saved in the meantime."""
    newer, _ = _known(visit, service)
    carried = [(name, value) for name, values in body.items() if name not in BUTTONS for value in values]
    pressed = [(name, body[name][-1]) for name in ("_save", "_files") if name in body]
    definition = visit.hall.catalogue.definition(service, version, visit.language)
    return visit.page(
        "draft_newer.html", 409, service=definition, newer=newer, fields=carried, pressed=pressed, over=OVER
    )
