"""A service as its files have it, and what can be found wrong with it: shared by the rules of the linter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.forms.pointers import get, join
from chalicelib.forms.schemas import ANY_ITEM, Question


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that keeps a service from being published: in which file, at which JSON Pointer, and what to do."""

    file: str
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}{'#' + self.pointer if self.pointer else ''}: {self.message}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A version of a service as its files have it; ``form`` is its source, ``inlined`` stands alone."""

    name: str  # <service>/<version>
    service: Mapping[str, Any]
    form: Mapping[str, Any]
    inlined: Mapping[str, Any]

    def at_service(self, message: str, *path: str | int) -> Finding:
        return Finding(f"{self.name}/service.json", join(path), message)

    def at_form(self, message: str, *path: str | int) -> Finding:
        return Finding(f"{self.name}/form.json", join(path), message)

    def at_question(self, message: str, question: Question) -> Finding:
        """At the question's place in form.json, or at the reference that brings it in."""
        path: list[str] = []
        for token in question.path:
            step = ["items"] if token == ANY_ITEM else ["properties", token]
            if step[0] not in get(self.form, join(path)):
                break  # a reference brings in the rest
            path += step
        return self.at_form(message, *path)

    @property
    def tasks(self) -> Sequence[Mapping[str, Any]]:
        return self.service["tasks"]  # type: ignore[no-any-return]

    @property
    def materials(self) -> Sequence[Mapping[str, Any]]:
        return self.service.get("materials", ())  # type: ignore[no-any-return]
