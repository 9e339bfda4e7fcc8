"""JSON Schemas of every kind, each with answers that fit it and answers that do not, and a hall that offers them.

``schemas/<name>.json`` holds ``about``, ``schema`` and ``answers``; what fits is what ``jsonschema`` says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.domain.service import Service, service_from_json
from chalicelib.forms.catalogue import Catalogue, UnknownService
from chalicelib.web.answers import as_body

FOLDER = Path(__file__).with_name("schemas")
VERSION = "1"


@dataclass(frozen=True, eq=False)
class Sample:
    """One schema. ``answers`` are whole answers to it, of both kinds."""

    name: str
    about: str
    schema: Mapping[str, Any]
    answers: tuple[Any, ...]

    @property
    def address(self) -> str:
        return f"/services/{self.name}/apply"

    def fits(self, answers: Any) -> bool:
        return bool(Draft202012Validator(self.schema).is_valid(answers))

    def body(self, answers: Any) -> dict[str, list[str]]:
        """What a browser sends for these answers."""
        return as_body(self.schema, answers)


@cache
def samples() -> Mapping[str, Sample]:
    """All of them by name."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        found[path.stem] = Sample(path.stem, told["about"], told["schema"], tuple(told["answers"]))
    return found


class CorpusCatalogue(Catalogue):
    """Implements what the hall wants of a catalogue: each sample is a service without fee, courier and documents."""

    def services(self) -> list[tuple[str, str]]:
        return [(name, VERSION) for name in samples()]

    def service(self, id: str, version: str | None = None) -> Service:
        return service_from_json(self.definition(id, version, "en"))

    def definition(self, id: str, version: str | None, lang: str) -> Mapping[str, Any]:
        sample = _known(id)
        task = {"code": "look", "title": "Looking", "department": "office", "reads": [""], "working_days": 1}
        return {
            "id": sample.name,
            "version": VERSION,
            "title": sample.about,
            "summary": sample.about,
            "category": "citizen",
            "audience": "Everybody",
            "departments": {"office": "Office"},
            "fee": {"currency": "cny", "lines": []},
            "materials": [],
            "tasks": [task],
            "legs": {},
            "promise": {"working_days": 1},
            "payment_days": 7,
            "guide": {},
        }

    def form(self, id: str, version: str | None, lang: str) -> Mapping[str, Any]:
        return _known(id).schema


def _known(name: str) -> Sample:
    try:
        return samples()[name]
    except KeyError:
        raise UnknownService(name) from None
