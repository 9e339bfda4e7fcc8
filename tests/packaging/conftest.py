"""The hall as it goes to AWS, packed once for all tests of this room."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.aws.package import ROOT, default_architecture, package


@dataclass(frozen=True)
class Packed:
    """A packed stage: the project that it was made from, where it lies, its build directory, and its template."""

    project: Path
    directory: Path
    build: Path
    architecture: str
    template: dict[str, Any]

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type such as ``DynamoDB::Table``, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.template["Resources"].items()
            if resource.get("Type") == f"AWS::{kind}"
        }

    def functions(self) -> dict[str, dict[str, Any]]:
        return self.resources("Serverless::Function")


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    project, build = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("build")
    _copy_project(project)
    architecture = default_architecture("local")  # this machine's, so that the package can be run here
    directory = package("prod", architecture, build, project)
    return Packed(project, directory, build, architecture, json.loads((directory / "sam.json").read_text()))


def _copy_project(target: Path) -> None:
    """What is packed, at rest: the checkout may be worked on meanwhile."""
    for name in ("app.py", "requirements.in", "requirements.txt"):
        shutil.copy(ROOT / name, target)
    for name in (".chalice", "chalicelib", "forms_schemas", "infra/aws", "requirements", "vendor"):
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture(scope="session")
def unpacked(packed: Packed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda finds in /var/task."""
    return _unpack(packed.directory / "deployment.zip", tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="session")
def layer(packed: Packed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Perform finds in /opt."""
    return _unpack(packed.directory / "certificates.zip", tmp_path_factory.mktemp("opt"))


def _unpack(archive: Path, target: Path) -> Path:
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(target)
    return target
