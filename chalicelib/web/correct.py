"""What an applicant is asked to put right: the form again, opened at just what was marked, and other files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalice import Response

from chalicelib.api import present
from chalicelib.domain.errors import Conflict
from chalicelib.forms.pointers import get
from chalicelib.texts import closest
from chalicelib.usecases import applicant
from chalicelib.usecases.drafts import Draft
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.submit import InvalidAnswers
from chalicelib.web import corrections, files, materials, words
from chalicelib.web.case import form_of
from chalicelib.web.edge import Body, Pages, Visit
from chalicelib.web.files import KINDS
from chalicelib.web.forms import Form
from chalicelib.web.materials import File, Material
from chalicelib.web.own import address, for_the_applicant
from chalicelib.web.questions import Branches, Part, Question

pages = Pages("correct")
ROOM = "correction"
ANSWERS = "/answers"  # before the pointers of a refusal
ROUNDS = 5  # answers that bring up one another
STEPS = ("_show", "_drop", "lang")  # buttons that only bring the page again


@dataclass(frozen=True)
class Correcting:
    """One applicant's way through a correction."""

    visit: Visit
    tracking: str
    found: Loaded
    form: Form
    asked: tuple[str, ...]  # what was marked, and what the answers to that bring up
    materials: tuple[Material, ...]

    def ask(self, errors: Mapping[str, str] | None = None) -> Response:
        """The page. ``errors`` by pointer of the form, or by the name of a material's fields."""
        visit, form = self.visit, replace(self.form, only=self.asked)
        if self.materials:
            visit.allow("connect-src", visit.hall.uploads.origin)  # files go straight there
        return visit.page(
            "correction.html",
            422 if errors else 200,
            tracking=self.tracking.upper(),
            case=present.own(visit.hall, self.found, visit.language),
            form=form,
            parts=tuple(_with_old(form.parts, form_of(visit, self.found), closest(visit.language))),
            materials=self.materials,
            errors=errors or {},
        )

    def send(self) -> Response:
        """Hand it in; what is wrong with it is told at its place."""
        visit, language = self.visit, closest(self.visit.language)
        wrong = materials.errors(self.materials, language)
        if wrong:
            return self.ask(wrong)
        values, removed = _changes(self.form, self.found, self.asked)
        uploads = {material.code: [file.upload for file in material.files] for material in self.materials}
        try:
            applicant.correct(visit.hall, self.found.case.number, values, uploads, language, removed)
        except InvalidAnswers as refused:
            return self.ask(self._errors(refused))
        except Conflict:  # put right already, by the same button pressed twice
            return visit.go(address(self.tracking))
        corrections.forget(visit, self.tracking, self.found)
        return visit.go(f"{address(self.tracking)}?done=correction")

    def _errors(self, refused: InvalidAnswers) -> dict[str, str]:
        faults = [fault for fault in refused.faults if fault.pointer.startswith(ANSWERS)]
        faults = [replace(fault, pointer=fault.pointer.removeprefix(ANSWERS)) for fault in faults]
        told = replace(self.form, only=self.asked).errors(faults)
        return told | materials.errors(self.materials, closest(self.visit.language), refused.faults)


@pages.get(corrections.ADDRESS)
@for_the_applicant(ROOM)
def show(visit: Visit, tracking: str, found: Loaded) -> Response:
    """The form at what was marked, with what this browser has kept of the correction."""
    if not _to_be_corrected(found):
        return visit.go(address(tracking))
    draft = corrections.kept(visit, found)
    return _correcting(visit, tracking, found, _body(draft) if draft else None).ask()


@pages.post(corrections.ADDRESS)
@for_the_applicant(ROOM)
def go_on(visit: Visit, tracking: str, found: Loaded) -> Response:
    """One step: a button's name says which; without one, it is sent."""
    if not _to_be_corrected(found):
        return visit.go(address(tracking))
    body = visit.body
    if "_files" in body:
        return files.send_for_other(visit, tracking, found, body, visit.field("_files"))
    if "_drop" in body:
        body = materials.without(body, visit.field("_drop"))
        if corrections.kept(visit, found):
            corrections.keep(visit, tracking, found, body)
    correcting = _correcting(visit, tracking, found, body)
    if "_add" in body or "_remove" in body:
        return replace(correcting, form=_stepped(correcting.form, visit)).ask()
    if any(step in body for step in STEPS):
        return correcting.ask()
    return correcting.send()


def _to_be_corrected(found: Loaded) -> bool:
    correction = found.case.open_correction
    return correction is not None and correction.by_form


def _correcting(visit: Visit, tracking: str, found: Loaded, body: Body | None) -> Correcting:
    before = corrections.uploads_before(found)
    given = before if body is None else {name: list(body.get(name, [])) for name in before}
    definition = present.definition_of(visit.hall, found.case, visit.language)
    asked = [
        _with_kept(material, found, closest(visit.language))
        for material in materials.materials_of(visit.hall, definition, given, closest(visit.language))
        if material.name in given
    ]
    return Correcting(visit, tracking, found, *_form(visit, found, body), tuple(asked))


def _form(visit: Visit, found: Loaded, body: Body | None) -> tuple[Form, tuple[str, ...]]:
    """The case's form with what was sent for what was marked, and for what that brings up; and the places of both."""
    marked = found.case.open_correction.pointers if found.case.open_correction else ()
    before, asked = form_of(visit, found), marked
    for _ in range(ROUNDS):
        form = form_of(visit, found, body, asked)
        wider = tuple(dict.fromkeys([*marked, *form.brings_up(before)]))
        if wider == asked:
            break
        asked = wider
    return form, asked


def _with_kept(material: Material, found: Loaded, language: str) -> Material:
    """Files that the case has already: in the end it alone knows of them."""
    kept = {
        file.upload: File(file.upload, "clean", words.size(file.size, language), KINDS.get(file.content_type, ""), "")
        for file in found.case.kept
    }
    return replace(material, files=tuple(kept.get(file.upload, file) for file in material.files))


def _stepped(form: Form, visit: Visit) -> Form:
    """With one more item in a list, or without one."""
    return form.with_item(visit.field("_add")) if visit.field("_add") else form.without_item(visit.field("_remove"))


def _body(draft: Draft) -> Body:
    return {name: list(values) for name, values in draft.fields.items()}


def _with_old(parts: Iterable[Part], before: Form, language: str) -> Iterator[Part]:
    """The parts, each question with what was answered to it before."""
    for part in parts:
        if isinstance(part, Question):
            told = before.told(part)
            wrote = words.say("correction.wrote", language, words=told.replace("\n", " ")) if told else ""
            yield replace(part, hint=" · ".join(filter(None, (part.hint, wrote))))
        elif isinstance(part, Branches):
            yield part
        else:
            yield replace(part, parts=tuple(_with_old(part.parts, before, language)))


def _changes(form: Form, found: Loaded, asked: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Values for the marked places, and the places that were emptied; one that was blank and stays so is neither."""
    before = found.record.answers
    new = {pointer: _at(form.answers, pointer) for pointer in asked}
    emptied = [pointer for pointer, value in new.items() if value is None and _at(before, pointer) is not None]
    removed = [pointer for pointer in emptied if isinstance(_at(before, pointer.rpartition("/")[0]), Mapping)]
    # An item of a list has its place: left blank, it is no valid answer.
    blank = {pointer: "" for pointer in emptied if pointer not in removed}
    return {pointer: value for pointer, value in new.items() if value is not None} | blank, removed


def _at(document: Any, pointer: str) -> Any:
    try:
        return get(document, pointer)
    except KeyError:
        return None
