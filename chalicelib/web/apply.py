"""The one form: filled in, checked by its applicant, sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalice import Response

from chalicelib.texts import closest
from chalicelib.web.edge import Body, Pages, Visit
from chalicelib.web.forms import Form, new_key
from chalicelib.web.services import total

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

    def ask(
        self, status: int = 200, *, errors: Mapping[str, str] | None = None, unseen: Mapping[str, str] | None = None
    ) -> Response:
        """The form, with all that was typed; messages and newly opened questions by pointer."""
        return self._page("apply.html", status, errors=errors or {}, unseen=unseen or {})

    def show(self) -> Response:
        """The answers, to be checked before they are sent."""
        return self._page("check.html", 200, total=total(self.service))

    def _page(self, template: str, status: int, **values: Any) -> Response:
        return self.visit.page(template, status, service=self.service, form=self.form, key=self.key, **values)


@pages.get(ADDRESS)
def start(visit: Visit, service: str) -> Response:
    """An empty form."""
    return _filling(visit, service, {}).ask()


@pages.post(ADDRESS)
def go_on(visit: Visit, service: str) -> Response:
    """One step: a button's name says which."""
    body = visit.body
    filling = _filling(visit, service, body)
    if "_add" in body:
        return replace(filling, form=filling.form.with_item(visit.field("_add"))).ask()
    if "_remove" in body:
        return replace(filling, form=filling.form.without_item(visit.field("_remove"))).ask()
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
    form = Form(schema, body, visit.language, visit.hall.now(), visit.hall.calendar)
    return Filling(visit, definition, form, key if _KEY.fullmatch(key) else new_key())


def _check(filling: Filling) -> Response:
    """On to the answers' page; back to the form where answers bring up questions or are at fault."""
    from chalicelib.forms.validation import validate

    form = filling.form
    unseen = form.unseen()
    found = validate(form.schema, form.answers, form.language, now=form.now, calendar=form.calendar)
    faults = [fault for fault in found if fault.pointer not in unseen]
    if faults:
        return filling.ask(422, errors=form.errors(faults))
    return filling.ask(unseen=unseen) if unseen else filling.show()


def _send(filling: Filling) -> Response:
    from chalicelib.usecases.submit import Application, InvalidAnswers, submit

    form = filling.form
    application = Application(
        key=filling.key,
        service=filling.service["id"],
        version=filling.service["version"],
        language=closest(form.language),
        answers=form.answers,
        uploads={},
    )
    try:
        accepted = submit(filling.visit.hall, application)
    except InvalidAnswers as refused:
        faults = [replace(fault, pointer=fault.pointer.removeprefix("/answers")) for fault in refused.faults]
        return filling.ask(422, errors=form.errors(faults))
    filling.visit.call.case = accepted.case.number
    return filling.visit.go(f"/t/{accepted.tracking}")
