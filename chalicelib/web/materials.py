"""Documents on the form's page: which files of each were added, how they stand, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.errors import NotFound
from chalicelib.forms.validation import Fault
from chalicelib.usecases.hall import Hall
from chalicelib.web import words
from chalicelib.web.corrections import UPLOADS
from chalicelib.web.files import KINDS

Body = Mapping[str, Sequence[str]]

MOST_FILES = 20  # of one material on one page, whatever was sent


@dataclass(frozen=True, slots=True)
class File:
    """One that was added. ``message`` says what is wrong with it, "" for nothing."""

    upload: str
    state: str
    size: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Material:
    """One document. ``accepts`` are media types, ``most`` is in bytes, ``told`` says both in words."""

    code: str
    title: str
    hint: str
    required: bool
    accepts: str
    most: int
    told: str
    files: tuple[File, ...]

    @property
    def id(self) -> str:
        return f"uploads-{self.code}"

    @property
    def name(self) -> str:
        """Of the fields with its uploads."""
        return UPLOADS + self.code

    @property
    def kept(self) -> tuple[File, ...]:
        """Those that nothing is wrong with."""
        return tuple(file for file in self.files if not file.message)


def materials_of(hall: Hall, definition: Mapping[str, Any], body: Body, language: str) -> tuple[Material, ...]:
    """What a service wants to see as files, with those that the body names."""
    return tuple(
        Material(
            code=terms["code"],
            title=terms["title"],
            hint=terms.get("hint", ""),
            required=terms.get("required", True),
            accepts=",".join(terms["accepts"]),
            most=terms["max_bytes"],
            told=_told(terms, language),
            files=tuple(_file(hall, upload, language) for upload in uploads_in(body, terms["code"])),
        )
        for terms in definition.get("materials", ())
        if terms.get("upload")
    )


def uploads_in(body: Body, material: str) -> list[str]:
    """Ids of the uploads that a body names for a material, each once."""
    return list(dict.fromkeys(filter(None, body.get(UPLOADS + material, ()))))[:MOST_FILES]


def without(body: Body, upload: str) -> dict[str, list[str]]:
    """What was sent, without this upload."""
    return {
        name: [value for value in given if value != upload or not name.startswith(UPLOADS)]
        for name, given in body.items()
    }


def errors(materials: Iterable[Material], language: str, faults: Iterable[Fault] = ()) -> dict[str, str]:
    """Message by the name of a material's fields: files that are refused, and documents that are missing.

    ``faults`` have pointers like ``/uploads/<material>/0``.
    """
    told: dict[str, str] = {}
    found = {fault.pointer.split("/")[2]: fault.message for fault in faults if fault.pointer.startswith("/uploads/")}
    for material in materials:
        refused = next((file.message for file in material.files if file.message), "") or found.get(material.code, "")
        missing = material.required and not material.kept
        if refused or missing:
            told[material.name] = refused or words.say("materials.missing", language, title=material.title)
    return told


def _told(terms: Mapping[str, Any], language: str) -> str:
    kinds = words.say("form.and", language).join(KINDS.get(kind, kind) for kind in terms["accepts"])
    return words.say("materials.accepts", language, kinds=kinds, size=words.size(terms["max_bytes"], language))


def _file(hall: Hall, upload: str, language: str) -> File:
    from chalicelib.usecases.uploads import look

    try:
        looked = look(hall, upload)
    except NotFound as unknown:
        return File(upload, "refused", "", "", words.say(f"error.{unknown.code}", language))
    message = words.say(f"error.{looked.code}", language) if looked.code else ""
    size = words.size(looked.size, language) if looked.size else ""
    return File(upload, looked.state, size, KINDS.get(looked.content_type, ""), message)
