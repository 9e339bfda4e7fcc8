"""A file for a form, in a browser that runs no script: a page with a plain form that goes straight to the store.

The store takes whatever comes and leads the browser back here, where what has come is looked at: it is in the form from
now on, or the page says what is wrong with it. Meanwhile the form waits as a draft, which also knows the uploads that
were offered to this browser: no other one can be added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalice import Response

from chalicelib.domain.errors import NotFound
from chalicelib.usecases import uploads
from chalicelib.usecases.drafts import Draft
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.tracking import tracked
from chalicelib.web import corrections, drafts, words
from chalicelib.web.corrections import UPLOADS
from chalicelib.web.edge import Body, Pages, Visit

pages = Pages("files")
BELOW = "/files/{material}"
ARRIVED = "/arrived"
OFFERED = uploads.offered_key("")  # how the store's keys of offered files begin
MOST_OFFERED = 20  # of one draft at a time: each visit of the page offers another one
KINDS = {"image/jpeg": "JPG", "image/png": "PNG", "image/webp": "WebP", "application/pdf": "PDF"}

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Errand:
    """One file to be fetched for a material. ``home`` is the form's page; ``save(fields, offered)`` keeps its draft."""

    visit: Visit
    draft: Draft
    material: str
    home: str
    save: Callable[[Fields, Mapping[str, str]], object]

    def ask(self, fault: str = "") -> Response:
        """The page that takes a file. ``fault`` is the code of what was wrong with the last one.

        Raises Invalid ``unknown_material``.
        """
        visit, address = self.visit, self.home + BELOW.format(material=self.material)
        offer = uploads.offer_form(visit.hall, self.draft.service, self.material, visit.hall.url + address + ARRIVED)
        offered = [*self.draft.offered.items(), (offer.upload, self.material)][-MOST_OFFERED:]
        self.save(self.draft.fields, dict(offered))
        visit.allow("form-action", offer.url)
        terms = self._terms()
        return visit.page(
            "files.html",
            422 if fault else 200,
            material=terms,
            kinds=words.say("form.and", visit.language).join(KINDS.get(kind, kind) for kind in terms["accepts"]),
            there=len(self._there),
            offer=offer,
            home=self.home,
            errors=[words.say(f"error.{fault}", visit.language)] if fault else [],
        )

    def bring(self) -> str:
        """Put what has come into the form. The code of what is wrong with it, "" when all is well.

        The store says in the address which file it is; one that was not offered to this browser has not arrived.
        """
        upload = self.visit.call.query("key").removeprefix(OFFERED)
        if self.draft.offered.get(upload) != self.material:
            return "file_missing"
        try:
            looked = uploads.look(self.visit.hall, upload)
        except NotFound:
            return "file_missing"
        if looked.state == "awaited" or looked.code:
            return looked.code or "file_missing"
        if upload not in self._there:
            self.save({**self.draft.fields, self._field: [*self._there, upload]}, self.draft.offered)
        return ""

    @property
    def _field(self) -> str:
        return UPLOADS + self.material

    @property
    def _there(self) -> Sequence[str]:
        return self.draft.fields.get(self._field, ())

    def _terms(self) -> Mapping[str, Any]:
        catalogue = self.visit.hall.catalogue
        definition = catalogue.definition(self.draft.service, self.draft.version, self.visit.language)
        found: Mapping[str, Any] = next(one for one in definition["materials"] if one["code"] == self.material)
        return found


# --- for the form ---


@pages.get(drafts.APPLY + BELOW)
def choose(visit: Visit, service: str, material: str) -> Response:
    """The page that takes a file; without a draft, the form."""
    errand = _for_form(visit, service, material)
    return errand.ask() if errand else visit.go(drafts.APPLY.format(service=service))


@pages.get(drafts.APPLY + BELOW + ARRIVED)
def arrived(visit: Visit, service: str, material: str) -> Response:
    """Back from the store: on to the form, or once more."""
    errand = _for_form(visit, service, material)
    fault = errand.bring() if errand else ""
    return errand.ask(fault) if errand and fault else visit.go(_at(drafts.APPLY.format(service=service), material))


def send_for(visit: Visit, service: str, version: str, body: Body, material: str) -> Response:
    """What the form's button ``_files`` does: keep the form, and on to the page that takes a file."""
    address = drafts.APPLY.format(service=service) + BELOW.format(material=material)
    return drafts.save_and_go(visit, service, version, body, address)


def _for_form(visit: Visit, service: str, material: str) -> Errand | None:
    draft = drafts.kept(visit, service)
    if draft is None:
        return None

    def save(fields: Fields, offered: Mapping[str, str]) -> object:
        body = {name: list(values) for name, values in fields.items()}
        return drafts.keep(visit, service, draft.version, body, offered=offered)

    return Errand(visit, draft, material, drafts.APPLY.format(service=service), save)


# --- for a correction ---


@pages.get(corrections.ADDRESS + BELOW)
def choose_other(visit: Visit, tracking: str, material: str) -> Response:
    """The page that takes a file; without a correction under way, the case."""
    errand = _for_correction(visit, tracking, material)
    return errand.ask() if errand else visit.go(corrections.ADDRESS.format(tracking=tracking.upper()))


@pages.get(corrections.ADDRESS + BELOW + ARRIVED)
def other_arrived(visit: Visit, tracking: str, material: str) -> Response:
    """Back from the store. Not redirected on: the session's cookie comes along only from one of our own pages."""
    errand = _for_correction(visit, tracking, material)
    fault = errand.bring() if errand else ""
    if errand and fault:
        return errand.ask(fault)
    home = _at(corrections.ADDRESS.format(tracking=tracking.upper()), material)
    return visit.page("file_arrived.html", arrived=errand is not None, home=home)


def send_for_other(visit: Visit, tracking: str, found: Loaded, body: Body, material: str) -> Response:
    """What the correction's button ``_files`` does: keep it, and on to the page that takes a file."""
    corrections.keep(visit, tracking, found, body)
    return visit.go(corrections.ADDRESS.format(tracking=tracking.upper()) + BELOW.format(material=material))


def _for_correction(visit: Visit, tracking: str, material: str) -> Errand | None:
    found = tracked(visit.hall, tracking)
    visit.call.case = found.case.number
    draft = corrections.kept(visit, found)
    asked = found.case.open_correction
    if draft is None or asked is None or material not in asked.materials:
        return None

    def save(fields: Fields, offered: Mapping[str, str]) -> object:
        return corrections.keep(visit, tracking, found, fields, offered=offered)

    return Errand(visit, draft, material, corrections.ADDRESS.format(tracking=tracking.upper()), save)


def _at(address: str, material: str) -> str:
    """The place of a material on the form's page."""
    return f"{address}#uploads-{material}"
