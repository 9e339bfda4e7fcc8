"""The one form: filled in, checked by its applicant, sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalice import Response

from chalicelib.texts import closest
from chalicelib.web import drafts, files, materials, words
from chalicelib.web.edge import Body, Pages, Visit
from chalicelib.web.forms import Form, new_key
from chalicelib.web.materials import Material
from chalicelib.web.sections import Section
from chalicelib.web.services import total

if TYPE_CHECKING:
    from chalicelib.usecases.drafts import Draft
    from chalicelib.usecases.submit import InvalidAnswers

pages = Pages("apply")
ADDRESS = "/services/{service}/apply"
_KEY = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)


@dataclass(frozen=True)
class Filling:
    """One applicant's way through the form. ``key`` names the application to be."""

    visit: Visit
    service: Mapping[str, Any]
    form: Form
    key: str

    @cached_property
    def materials(self) -> tuple[Material, ...]:
        """The documents, with the files that were added."""
        return materials.materials_of(self.visit.hall, self.service, self.form.body, self.form.language)

    @property
    def contents(self) -> tuple[Section, ...]:
        """What the page's list of contents names."""
        found = tuple(section for section in self.form.sections if section.shown)
        return (*found, self._documents()) if self.materials else found

    def ask(
        self,
        status: int = 200,
        *,
        errors: Mapping[str, str] | None = None,
        unseen: Mapping[str, str] | None = None,
        draft: Draft | None = None,
    ) -> Response:
        """The form, with all that was typed; messages and newly opened questions by pointer.

        ``draft`` is what it was opened from.
        """
        if self.materials:
            self.visit.allow("connect-src", self.visit.hall.uploads.origin)  # files go straight there
        more = {"errors": errors or {}, "unseen": unseen or {}, "draft": draft, "contents": self.contents}
        return self._page("apply.html", status, **more)

    def show(self) -> Response:
        """The answers, to be checked before they are sent."""
        return self._page("check.html", 200, total=total(self.service))

    def _documents(self) -> Section:
        needed = [material for material in self.materials if material.required]
        title = words.say("materials.title", self.form.language)
        done = all(material.kept for material in needed)
        return Section(title, "materials", "_uploads", (), needed=bool(needed), done=done)

    def _page(self, template: str, status: int, **values: Any) -> Response:
        values |= {"service": self.service, "form": self.form, "key": self.key, "materials": self.materials}
        return self.visit.page(template, status, **values)


@pages.get(ADDRESS)
def start(visit: Visit, service: str) -> Response:
    """An empty form, or as far as it was filled in on this device."""
    draft = drafts.kept(visit, service)
    if draft is None:
        return _filling(visit, service, {}).ask()
    fields = {name: list(values) for name, values in draft.fields.items()}
    body = {**fields, "_version": [draft.version], "_key": [draft.key]}
    return _filling(visit, service, body).ask(draft=draft)


@pages.post(ADDRESS)
def go_on(visit: Visit, service: str) -> Response:
    """One step: a button's name says which."""
    body = visit.body
    filling = _filling(visit, service, body)
    form = filling.form
    if "_add" in body:
        return replace(filling, form=form.with_item(visit.field("_add"))).ask()
    if "_remove" in body:
        return replace(filling, form=form.without_item(visit.field("_remove"))).ask()
    if "_drop" in body:
        return replace(filling, form=replace(form, body=materials.without(body, visit.field("_drop")))).ask()
    if "_files" in body:
        return files.send_for(visit, service, filling.service["version"], body, visit.field("_files"))
    if "_save" in body:
        return drafts.save_and_go(visit, service, filling.service["version"], body)
    if "_send" in body and filling.key == visit.field("_key"):
        return _send(filling)
    if "_check" in body or "_send" in body:
        return _check(filling)
    return filling.ask()


def _filling(visit: Visit, service: str, body: Body) -> Filling:
    catalogue = visit.hall.catalogue
    version = body.get("_version", [""])[-1] or None
    definition = catalogue.definition(service, version, visit.language)
    schema = catalogue.form(service, definition["version"], visit.language)
    key = body.get("_key", [""])[-1]
    form = Form(schema, body, closest(visit.language), visit.hall.now(), visit.hall.calendar)
    return Filling(visit, definition, form, key if _KEY.fullmatch(key) else new_key())


def _check(filling: Filling) -> Response:
    """On to the answers' page; back to the form where answers bring up questions or something is at fault."""
    from chalicelib.forms.validation import validate

    form = filling.form
    unseen = form.unseen()
    found = validate(form.schema, form.answers, form.language, now=form.now, calendar=form.calendar)
    faults = [fault for fault in found if fault.pointer not in unseen]
    errors = form.errors(faults) | materials.errors(filling.materials, form.language)
    if errors:
        return filling.ask(422, errors=errors)
    return filling.ask(unseen=unseen) if unseen else filling.show()


def _send(filling: Filling) -> Response:
    from chalicelib.usecases.submit import Application, InvalidAnswers, submit

    form = filling.form
    application = Application(
        key=filling.key,
        service=filling.service["id"],
        version=filling.service["version"],
        language=form.language,
        answers=form.answers,
        uploads={one.code: [file.upload for file in one.files] for one in filling.materials if one.files},
    )
    try:
        accepted = submit(filling.visit.hall, application)
    except InvalidAnswers as refused:
        return filling.ask(422, errors=_errors(filling, refused))
    filling.visit.call.case = accepted.case.number
    drafts.forget(filling.visit, filling.service["id"])
    return filling.visit.go(f"/t/{accepted.tracking}")


def _errors(filling: Filling, refused: InvalidAnswers) -> dict[str, str]:
    """Message by the place on the page."""
    form, answers = filling.form, "/answers"
    faults = [f for f in refused.faults if f.pointer == answers or f.pointer.startswith(f"{answers}/")]
    told = form.errors(replace(fault, pointer=fault.pointer.removeprefix(answers)) for fault in faults)
    return told | materials.errors(filling.materials, form.language, refused.faults)
