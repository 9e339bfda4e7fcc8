"""Check every service on disk: ``python -m chalicelib.forms.lint`` (``make lint-services``).

Prints what is wrong by file and JSON Pointer, warnings of what its page can't draw well, and per service what it saves
its applicants. Exit status 1 when anything is wrong. With ``--released LOCK`` (the lock file of the last release), no
released version may have changed or gone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from chalicelib.forms.catalogue import LOCK, Catalogue
from chalicelib.forms.drafts import Draft, Finding
from chalicelib.forms.form_rules import form_rules, form_warnings
from chalicelib.forms.pointers import join
from chalicelib.forms.publish import digest, locked, repository_root, versions
from chalicelib.forms.sanity import MalformedJson, read_json
from chalicelib.forms.schemas import BadReference
from chalicelib.forms.service_rules import service_rules
from chalicelib.forms.translations import form_texts, misplaced, service_texts, untranslated
from chalicelib.forms.validation import validate
from chalicelib.forms.zero_visit import savings, zero_visit

COMPLETE_LANGUAGES = ("zh-CN",)


class Weekdays:
    """Monday to Friday in China: enough of a calendar for the examples, and it never changes."""

    zone: tzinfo = timezone(timedelta(hours=8))

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5


def lint(root: Path, released: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything that is wrong with the services under ``root``."""
    found: list[Finding] = []
    on_disk = versions(root)
    for name in on_disk:
        found += _common_findings(root, name) if name.startswith("common/") else _service_findings(root, name)
    return [*found, *_lock_findings(root, on_disk), *_released_findings(root, released or {})]


def drafts(root: Path) -> Iterator[Draft]:
    """The versions whose files can be read."""
    for name in versions(root):
        if not name.startswith("common/"):
            loaded = _load(root, name)
            if isinstance(loaded, Draft):
                yield loaded


# --- reading


def _service_findings(root: Path, name: str) -> Iterator[Finding]:
    loaded = _load(root, name)
    if not isinstance(loaded, Draft):
        yield loaded
        return
    misshapen = [
        *_meta_schema_findings(root, loaded),
        *_schema_is_valid(loaded),
        *form_rules(f"{name}/form.json", loaded.form),
    ]
    yield from misshapen
    if misshapen:
        return  # the other rules rely on the shape of both
    yield from service_rules(loaded)
    yield from zero_visit(loaded)
    yield from _template_findings(root, loaded)
    texts = {"form.json": form_texts(loaded.form), "service.json": service_texts(loaded.service)}
    yield from _translation_findings(root, name, texts)
    yield from _example_findings(root, loaded)


def _load(root: Path, name: str) -> Draft | Finding:
    service, version = name.split("/")
    documents: list[Any] = []
    for file in ("service.json", "form.json"):
        document = _read(root / name / file)
        if not isinstance(document, dict):
            return Finding(f"{name}/{file}", "", "is missing, or is no JSON object")
        documents.append(document)
    try:
        catalogue = Catalogue(root, frozenset({(service, version)}))
        return Draft(name, documents[0], documents[1], catalogue.form(service, version, "en"))
    except BadReference as error:
        return Finding(f"{name}/form.json", "", str(error))


def _read(path: Path) -> Any:
    try:
        return read_json(path.read_bytes())
    except (FileNotFoundError, MalformedJson):
        return None


def _meta_schema_findings(root: Path, draft: Draft) -> Iterator[Finding]:
    meta_schema = _read(root / "service.schema.json")
    for error in sorted(Draft202012Validator(meta_schema).iter_errors(draft.service), key=lambda each: each.json_path):
        yield draft.at_service(error.message, *error.absolute_path)


def _schema_is_valid(draft: Draft) -> Iterator[Finding]:
    try:
        Draft202012Validator.check_schema(draft.inlined)
    except SchemaError as error:
        yield draft.at_form(f"no valid JSON Schema 2020-12: {error.message}", *error.absolute_path)


def _common_findings(root: Path, name: str) -> Iterator[Finding]:
    texts: dict[str, dict[str, str]] = {}
    for path in sorted((root / name).glob("*.json")):
        part = _read(path)
        if not isinstance(part, dict):
            yield Finding(f"{name}/{path.name}", "", "is no JSON object")
            continue
        texts[path.name] = form_texts(part)
        yield from form_rules(f"{name}/{path.name}", part)
    yield from _translation_findings(root, name, texts)


def _template_findings(root: Path, draft: Draft) -> Iterator[Finding]:
    for number, task in enumerate(draft.tasks):
        if "certificate" in task:
            template = task["certificate"]["template"]
            if not (root / draft.name / template).is_file():
                yield draft.at_service(f"there is no {template}", "tasks", number, "certificate", "template")


# --- translations, examples, the lock


def _translation_findings(root: Path, name: str, texts: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    present = {path.stem for path in (root / name / "i18n").glob("*.json")}
    for language in sorted(present | set(COMPLETE_LANGUAGES)):
        file = f"{name}/i18n/{language}.json"
        overlays = _read(root / file)
        if not isinstance(overlays, dict):
            yield Finding(file, "", "is missing, or is no JSON object")
            continue
        for unknown in overlays.keys() - texts.keys():
            yield Finding(file, join((unknown,)), "there is no such file to translate")
        for document, source in texts.items():
            overlay = overlays.get(document, {})
            for pointer in misplaced(source, overlay):
                yield Finding(file, join((document, pointer)), f"{document} has no text at {pointer}")
            for pointer in untranslated(source, overlay) if language in COMPLETE_LANGUAGES else ():
                yield Finding(file, join((document,)), f"{pointer} is not translated: {source[pointer]!r}")


def _example_findings(root: Path, draft: Draft) -> Iterator[Finding]:
    kinds = set()
    for path in sorted((root / draft.name / "examples").glob("*.json")):
        file, example = f"{draft.name}/examples/{path.name}", _read(path)
        if not isinstance(example, dict) or not {"answers", "faults"} <= example.keys():
            yield Finding(file, "", 'an example is {"title", "at", "answers", "faults": [{"pointer", "code"}]}')
            continue
        kinds.add(bool(example["faults"]))
        at = datetime.fromisoformat(example["at"]) if "at" in example else None
        faults = validate(draft.inlined, example["answers"], "en", now=at, calendar=Weekdays())
        got, expected = ([{"pointer": f.pointer, "code": f.code} for f in faults], example["faults"])
        if got != expected:
            yield Finding(file, "/faults", f"expected {json.dumps(expected)}, got {json.dumps(got)}")
    for kind in {True, False} - kinds:
        yield Finding(f"{draft.name}/examples", "", f"needs an example of {'invalid' if kind else 'valid'} answers")


def _lock_findings(root: Path, on_disk: Sequence[str]) -> Iterator[Finding]:
    lock = locked(root)
    for name in on_disk:
        if name not in lock:
            yield Finding(LOCK, "", f"{name} is not published: python -m chalicelib.forms.publish {name}")
        elif lock[name] != digest(root / name):
            yield Finding(LOCK, "", f"{name} was changed after it was published: make the change a new version")
    for name in lock.keys() - set(on_disk):
        yield Finding(LOCK, "", f"{name} was published, but its folder is gone")


def _released_findings(root: Path, released: Mapping[str, str]) -> Iterator[Finding]:
    lock = locked(root)
    for name, known in released.items():
        if lock.get(name) != known:
            yield Finding(LOCK, "", f"{name} was released: its line can't be changed or taken away")


# --- the command


def report(draft: Draft) -> str:
    """One line of what a service saves its applicants."""
    figures = ", ".join(
        f"{what.replace('_', ' ')} {before} → {now}" for what, (before, now) in savings(draft.service).items()
    )
    return f"{draft.name}: {figures} (before: {draft.service['before']['basis']})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m chalicelib.forms.lint", description="Check the services.")
    parser.add_argument("--root", type=Path, default=repository_root(), help="the folder forms_schemas")
    parser.add_argument("--released", type=Path, help="the lock file of the last release")
    options = parser.parse_args(arguments)
    released = (
        dict(line.split(" ") for line in options.released.read_text("utf-8").splitlines()) if options.released else {}
    )
    found = lint(options.root, released)
    for finding in found:
        print(finding, file=sys.stderr)
    if found:
        print(f"{len(found)} to mend", file=sys.stderr)
        return 1
    for draft in drafts(options.root):
        for warning in form_warnings(f"{draft.name}/form.json", draft.form):
            print(f"warning: {warning}", file=sys.stderr)
        print(report(draft))
    return 0


if __name__ == "__main__":
    sys.exit(main())
