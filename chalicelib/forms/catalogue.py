"""The catalogue of services: reads ``forms_schemas/`` when it is first asked, and keeps what it has read.

Everything it gives is shared: treat it as read-only. It imports the standard library only: the tracking page uses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

from chalicelib.domain.service import Service, service_from_json
from chalicelib.forms.schemas import inline
from chalicelib.forms.translations import SOURCE_LANGUAGE, translate
from chalicelib.texts import closest

LOCK = "catalogue.lock"
_TEMPLATE = re.compile(r"[a-z][a-z0-9_-]*\.typ")

T = TypeVar("T")


class UnknownService(KeyError):
    """No such service, or no such published version of it."""


class UnknownTemplate(KeyError):
    """The service has no such certificate template."""


class Catalogue:
    """The published services. ``root`` is the folder ``forms_schemas``; ``published`` stands in for its lock file.

    Languages: those of the hall (``texts.closest``) for which there is ``i18n/<lang>.json``; else the English source.
    """

    def __init__(self, root: Traversable | None = None, published: frozenset[tuple[str, str]] | None = None) -> None:
        self._given_root = root
        self._given_versions = published
        self._kept: dict[tuple[str, ...], Any] = {}

    def services(self) -> list[tuple[str, str]]:
        """Id and newest version of each service, by id."""
        return list(dict(sorted(self._published(), key=lambda one: (one[0], int(one[1])))).items())

    def service(self, id: str, version: str | None = None) -> Service:
        """The rule book's view of a service, the newest version unless told. UnknownService."""
        version = self._version(id, version)
        return self._keep(("service", id, version), lambda: service_from_json(self._read(id, version, "service.json")))

    def definition(self, id: str, version: str | None, lang: str) -> Mapping[str, Any]:
        """service.json with its texts in a language. UnknownService."""
        version = self._version(id, version)
        lang = self._language(id, version, lang)
        return self._keep(("definition", id, version, lang), lambda: self._localized(id, version, "service.json", lang))

    def form(self, id: str, version: str | None, lang: str) -> Mapping[str, Any]:
        """The form as one self-contained JSON Schema in a language. UnknownService.

        Where a common part was put in place, ``x-part`` names it.
        """
        version = self._version(id, version)
        lang = self._language(id, version, lang)
        return self._keep(
            ("form", id, version, lang),
            lambda: inline(self._localized(id, version, "form.json", lang), lambda name: self._part(name, lang)),
        )

    def part(self, name: str, lang: str) -> Mapping[str, Any]:
        """A common part (``common/1/window``) as a self-contained JSON Schema. KeyError when there is none."""
        lang = self._language(*_part_folder(name), lang)
        return self._keep(
            ("part", name, lang),
            lambda: {"x-part": name} | inline(self._part(name, lang), lambda other: self._part(other, lang)),
        )

    def template(self, id: str, version: str | None, name: str) -> str:
        """The text of a Typst template beside service.json. UnknownService, UnknownTemplate."""
        folder = self._root() / id / self._version(id, version)
        if not _TEMPLATE.fullmatch(name) or not (folder / name).is_file():
            raise UnknownTemplate(name)
        return (folder / name).read_text("utf-8")

    def _version(self, id: str, version: str | None) -> str:
        if version is None:
            version = dict(self.services()).get(id)
        if version is None or (id, version) not in self._published():
            raise UnknownService(id)
        return version

    def _published(self) -> frozenset[tuple[str, str]]:
        if self._given_versions is not None:
            return self._given_versions
        return self._keep(("published",), lambda: frozenset(_services(read_lock(self._root()))))

    def _part(self, name: str, lang: str) -> Mapping[str, Any]:
        folder, version = _part_folder(name)
        return self._localized(folder, version, f"{name.rpartition('/')[2]}.json", lang)

    def _localized(self, id: str, version: str, file: str, lang: str) -> Mapping[str, Any]:
        document = self._read(id, version, file)
        if self._language(id, version, lang) == SOURCE_LANGUAGE:
            return document
        return translate(document, self._read(id, version, f"i18n/{lang}.json").get(file, {}))

    def _language(self, id: str, version: str, lang: str) -> str:
        """The hall's language for this reader, or the source's where there is no translation. There are few of them."""
        known = self._keep(("languages", id, version), lambda: _translations(self._root() / id / version / "i18n"))
        return closest(lang) if f"{closest(lang)}.json" in known else SOURCE_LANGUAGE

    def _read(self, id: str, version: str, file: str) -> Mapping[str, Any]:
        path = self._root() / id / version / file
        try:
            return self._keep(("file", id, version, file), lambda: json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            raise KeyError(f"{id}/{version}/{file}") from None

    def _root(self) -> Traversable:
        return self._given_root or self._keep(("root",), lambda: resources.files("forms_schemas"))

    def _keep(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept


def _translations(folder: Traversable) -> frozenset[str]:
    return frozenset(each.name for each in folder.iterdir()) if folder.is_dir() else frozenset()


def _part_folder(name: str) -> tuple[str, str]:
    if not re.fullmatch(r"common/[0-9]+/[a-z-]+", name):
        raise KeyError(name)
    folder, version, _ = name.split("/")
    return folder, version


def read_lock(root: Traversable) -> dict[str, str]:
    """``<service>/<version>`` → SHA-256 of its files, as published."""
    return parse_lock((root / LOCK).read_text("utf-8"))


def parse_lock(text: str) -> dict[str, str]:
    return dict(line.split(" ") for line in text.splitlines())


def _services(lock: Mapping[str, str]) -> list[tuple[str, str]]:
    versions = (name.split("/") for name in lock)
    return [(service, version) for service, version in versions if service != "common"]
