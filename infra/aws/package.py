"""Packs the hall for AWS: ``build/<stage>/`` with ``sam.json``, ``deployment.zip`` and ``certificates.zip``.

Chalice makes the template and collects the application; the dependencies come from the lock file by uv, in seconds and
for any architecture. Everything is compiled, because a Lambda's code is read-only and would be compiled again by every
cold start. The same sources give the same bytes, so nothing is packed twice and nothing unchanged is deployed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CONFIG = Path(".chalice/config.json")
MERGED = Path("infra/aws/resources.yaml")

# Needed to pack, not to run: Chalice ships the two files of its runtime itself.
BUILD_ONLY = frozenset({"chalice"})

# botocore describes some 400 AWS services (27 MB); these are the ones that the hall talks to.
AWS_SERVICES = frozenset({"dynamodb", "kms", "s3", "secretsmanager", "ses", "sns", "sqs"})

# What else no Lambda ever reads, as patterns below site-packages.
UNUSED = (
    "bin",
    "tests",
    ".lock",
    "*.dist-info/INSTALLER",
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    # the wheel holds its font twice
    "NotoSansCJKtc-Regular.otf",
    # cffi's compiler: cryptography needs its back end alone
    "cffi",
    "cffi-*.dist-info",
    "pycparser",
    "pycparser-*.dist-info",
    # Pillow opens uploads; it converts no colours, writes no text, and has no window
    *(f"PIL/_{name}.*" for name in ("avif", "imagingcms", "imagingft", "imagingtk")),
    *(f"pillow.libs/lib{name}*" for name in ("avif", "brotli", "freetype", "harfbuzz", "lcms2", "png16")),
    "pypdfium2_cli",
)

# Sources of the application that Lambda gets in another form: the pages' texts go as pages.mo.
COMPILED_BEFORE = frozenset({".po"})

# Lambda's Python 3.11 runs on Amazon Linux 2, whose glibc is 2.26: newer manylinux wheels would not load there.
UV_PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}
LAYER_PREFIX = "python"  # Lambda puts /opt/python on sys.path
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def package(stage: str, architecture: str | None = None, build: Path = BUILD, root: Path = ROOT) -> Path:
    """Pack a stage of the project at ``root``, unless nothing has changed; gives the directory below ``build``.

    CalledProcessError: Chalice, uv or the compiler failed, and has said why.
    """
    return _Packing(root, build, stage, architecture or default_architecture(stage)).pack()


def default_architecture(stage: str) -> str:
    """This machine's own for the local stage, else what ``.chalice/config.json`` says: ``arm64`` or ``x86_64``."""
    if stage == "local":
        return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    return str(json.loads((ROOT / CONFIG).read_text())["lambda_architecture"])


@dataclass(frozen=True, slots=True)
class _Packing:
    """One stage of one project, being packed."""

    root: Path
    build: Path
    stage: str
    architecture: str

    def pack(self) -> Path:
        target = self.build / self.stage
        fingerprint = self._fingerprint([*self._application(), *self._recipe()], self.stage)
        stamp = target / "fingerprint"
        if stamp.is_file() and stamp.read_text() == fingerprint:
            print(f"build/{self.stage}: nothing has changed")
            return target
        target.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        with _progress("dependencies"):
            dependencies = self._dependencies("deployment", "requirements")
        with _progress("certificates layer"):
            layer = self._dependencies("certificates", "requirements/certificates", LAYER_PREFIX)
        with _progress("application and template"), tempfile.TemporaryDirectory(prefix="doorstep-package-") as scratch:
            template, application = self._chalice_package(Path(scratch))
            shutil.copyfile(dependencies, target / "deployment.zip")
            _append(target / "deployment.zip", application)
            shutil.copyfile(layer, target / "certificates.zip")
            (target / "sam.json").write_text(json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        stamp.write_text(fingerprint)
        return target

    # --- what goes in

    def _application(self) -> list[Path]:
        chalicelib = [path for path in _files(self.root / "chalicelib") if path.suffix not in COMPILED_BEFORE]
        return [self.root / "app.py", *chalicelib, *_files(self.root / "vendor")]

    def _recipe(self) -> list[Path]:
        locks = [*self._locks("requirements"), *self._locks("requirements/certificates")]
        return [self.root / CONFIG, self.root / MERGED, *locks]

    def _locks(self, requirements: str) -> list[Path]:
        return [self.root / f"{requirements}.in", self.root / f"{requirements}.txt"]

    def _fingerprint(self, sources: Iterable[Path], *settings: str) -> str:
        """Of these sources, and of how they are packed: the architecture, the Python version and this module."""
        digest = hashlib.sha256(repr((settings, self.architecture, sys.version_info[:2])).encode())
        digest.update(Path(__file__).read_bytes())
        for path in sources:
            digest.update(f"{path.relative_to(self.root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    # --- dependencies

    def _dependencies(self, name: str, requirements: str, prefix: str = "") -> Path:
        """A zip of a lock file's packages, made once per content of that file."""
        fingerprint = self._fingerprint(self._locks(requirements))
        archive = self.build / "cache" / f"{name}-{self.architecture}-{fingerprint[:16]}.zip"
        if archive.is_file():
            return archive
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="doorstep-package-") as scratch:
            packages = Path(scratch) / "site-packages"
            self._install(requirements, packages)
            _prune(packages)
            _compile(packages)
            finished = Path(scratch) / "finished.zip"
            _append(finished, packages, prefix)
            shutil.move(finished, archive)
        return archive

    def _install(self, requirements: str, target: Path) -> None:
        """Install what is asked for at the locked versions, whose hashes uv verifies."""
        lines = (self.root / f"{requirements}.in").read_text().splitlines()
        wanted = [line for line in lines if line and not line.startswith("#") and line not in BUILD_ONLY]
        subprocess.run(
            [
                sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", target, "--only-binary", ":all:",
                "--python-version", platform.python_version(), "--python-platform", UV_PLATFORMS[self.architecture],
                "--link-mode", "copy", "--constraint", self.root / f"{requirements}.txt", *wanted,
            ],
            check=True,
        )  # fmt: skip

    # --- the application

    def _chalice_package(self, scratch: Path) -> tuple[dict[str, Any], Path]:
        """The merged template, and a directory of the application's files, compiled.

        Chalice works on a copy of the project that asks for no dependencies: it would fetch them after every change.
        """
        project = scratch / "project"
        for path in self._application():
            copy = project / path.relative_to(self.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (project / "requirements.txt").touch()
        config = json.loads((self.root / CONFIG).read_text()) | {"lambda_architecture": self.architecture}
        (project / CONFIG).parent.mkdir()
        (project / CONFIG).write_text(json.dumps(config))
        subprocess.run(
            [
                Path(sys.executable).with_name("chalice"), "--project-dir", project, "package", "--stage", self.stage,
                "--merge-template", self.root / MERGED, scratch / "out",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            # the region tells Chalice no more than how service principals end
            env={"AWS_DEFAULT_REGION": "us-east-1", **os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        application = scratch / "application"
        with zipfile.ZipFile(scratch / "out/deployment.zip") as archive:
            archive.extractall(application)
        _compile_templates(application)
        _compile(application)
        template: dict[str, Any] = yaml.safe_load((scratch / "out/sam.yaml").read_text())
        return template, application


# --- directories -------------------------------------------------------------------------------------------------


def _files(directory: Path) -> Iterator[Path]:
    """Every file below, sorted, following symlinks; no byte code of this machine."""
    found = (Path(base) / name for base, _, names in os.walk(directory, followlinks=True) for name in names)
    return iter(sorted(path for path in found if "__pycache__" not in path.parts and path.suffix != ".pyc"))


def _prune(packages: Path) -> None:
    for pattern in UNUSED:
        for path in packages.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (packages / "botocore/data").glob("*/"):
        if path.is_dir() and path.name not in AWS_SERVICES:
            shutil.rmtree(path)


def _compile_templates(application: Path) -> None:
    """Turn the pages' templates into Python modules, by the application's own settings."""
    subprocess.run(
        [sys.executable, "-m", "chalicelib.web.render"],
        check=True,
        cwd=application,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"},
    )


def _compile(directory: Path) -> None:
    """Compile in place. Python trusts the byte code without a look at its source; it names no path of this machine."""
    subprocess.run(
        [
            sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash",
            "-s", str(directory), str(directory),
        ],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the order of a set's constants must not change from run to run
    )  # fmt: skip


# --- archives ----------------------------------------------------------------------------------------------------


def _append(archive: Path, directory: Path, prefix: str = "") -> None:
    """Add a directory's files to a zip, in the order of their names and without times: equal files give equal bytes."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(Path(prefix) / path.relative_to(directory)), ZIP_TIME)
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


class _progress:  # noqa: N801  (reads as a function)
    """Says what is being done, and how long it took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        print(f"  {self.what} …", end=" ", flush=True)
        self.start = time.monotonic()

    def __exit__(self, *error: object) -> None:
        print("failed" if error[0] else f"{time.monotonic() - self.start:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--architecture", choices=sorted(UV_PLATFORMS), help="default: see .chalice/config.json")
    arguments = parser.parse_args()
    target = package(arguments.stage, arguments.architecture or None)
    for name in ("sam.json", "deployment.zip", "certificates.zip"):
        print(f"  {(target / name).relative_to(ROOT)}  {(target / name).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
