"""Packs the hall for AWS: ``build/<stage>/`` with ``sam.json``, ``deployment.zip`` and ``certificates.zip``.

Chalice makes the template and collects the application; the dependencies come from the lock file by uv, in seconds and
for any architecture. Everything is compiled, because a Lambda's code is read-only and would be compiled again by every
cold start. The same sources give the same bytes, so nothing is packed twice and nothing unchanged is deployed.
"""

from __future__ import annotations

import argparse
import compileall
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
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
MERGED = ROOT / "infra/aws/resources.yaml"

# Needed to pack, not to run: Chalice ships the two files of its runtime itself.
BUILD_ONLY = frozenset({"chalice"})

# botocore describes some 400 AWS services (27 MB); these are the ones that the hall talks to. See docs/adr.
AWS_SERVICES = frozenset({"dynamodb", "kms", "s3", "secretsmanager", "ses", "sesv2", "sns", "sqs", "sts"})

# What else no Lambda ever reads, as patterns below site-packages.
UNUSED = (
    "bin", "tests", ".lock", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED", "*.dist-info/direct_url.json",
    "NotoSansCJKtc-Regular.otf",  # the wheel holds its font twice
    "cffi", "cffi-*.dist-info", "pycparser", "pycparser-*.dist-info",  # cffi's compiler; cryptography needs its back end alone
)  # fmt: skip

UV_PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
LAYER_PREFIX = "python"  # Lambda puts /opt/python on sys.path
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def package(stage: str, architecture: str | None = None, build: Path = BUILD) -> Path:
    """Pack a stage, unless nothing has changed; gives its directory. CalledProcessError: a tool failed (it says why)."""
    architecture = architecture or default_architecture(stage)
    target = build / stage
    fingerprint = _fingerprint([*_app_sources(), *_infra_sources()], stage, architecture)
    stamp = target / "fingerprint"
    if stamp.is_file() and stamp.read_text() == fingerprint:
        print(f"build/{stage}: nothing has changed")
        return target
    target.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="doorstep-package-") as scratch:
        with _progress("dependencies"):
            dependencies = _cached("dependencies", "requirements", architecture, build)
        with _progress("certificates layer"):
            layer = _cached("certificates", "requirements/certificates", architecture, build)
        with _progress("application and template"):
            template, application = _chalice_package(stage, architecture, Path(scratch))
            shutil.copyfile(dependencies, target / "deployment.zip")
            _append(target / "deployment.zip", application)
            shutil.copyfile(layer, target / "certificates.zip")
            (target / "sam.json").write_text(json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    stamp.write_text(fingerprint)
    return target


def default_architecture(stage: str) -> str:
    """This machine's own for the local stage, else what ``.chalice/config.json`` says: ``arm64`` or ``x86_64``."""
    if stage == "local":
        return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    return str(_chalice_config()["lambda_architecture"])


# --- what goes in ------------------------------------------------------------------------------------------------


def _app_sources() -> list[Path]:
    return [ROOT / "app.py", *_files(ROOT / "chalicelib"), *_files(ROOT / "vendor")]


def _infra_sources() -> list[Path]:
    return [ROOT / ".chalice/config.json", MERGED, Path(__file__), *_locks("requirements"), *_locks("requirements/certificates")]


def _locks(requirements: str) -> list[Path]:
    return [ROOT / f"{requirements}.in", ROOT / f"{requirements}.txt"]


def _files(directory: Path) -> Iterator[Path]:
    """Every file below, sorted, following symlinks; no byte code of this machine."""
    found = (Path(base) / name for base, _, names in os.walk(directory, followlinks=True) for name in names)
    return iter(sorted(path for path in found if "__pycache__" not in path.parts and path.suffix != ".pyc"))


def _fingerprint(sources: Iterable[Path], *settings: str) -> str:
    digest = hashlib.sha256(repr((settings, sys.version_info[:2])).encode())
    for path in sources:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT)} {content}\n".encode())
    return digest.hexdigest()


# --- dependencies ------------------------------------------------------------------------------------------------


def _cached(name: str, requirements: str, architecture: str, build: Path) -> Path:
    """A zip of a lock file's packages, made once per content of that file."""
    fingerprint = _fingerprint([*_locks(requirements), Path(__file__)], architecture)
    archive = build / "cache" / f"{name}-{architecture}-{fingerprint[:16]}.zip"
    if archive.is_file():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doorstep-packages-") as scratch:
        packages = Path(scratch) / (LAYER_PREFIX if name == "certificates" else "site-packages")
        _install(requirements, architecture, packages)
        _prune(packages)
        _compile(packages)
        unfinished = archive.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        _append(unfinished, packages, prefix=LAYER_PREFIX if name == "certificates" else "")
        unfinished.replace(archive)
    return archive


def _install(requirements: str, architecture: str, target: Path) -> None:
    """Install what is asked for at the locked versions, whose hashes uv verifies."""
    lines = (ROOT / f"{requirements}.in").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#") and line not in BUILD_ONLY]
    subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(target), "--only-binary", ":all:",
            "--python-version", platform.python_version(), "--python-platform", UV_PLATFORMS[architecture],
            "--link-mode", "copy", "--constraint", str(ROOT / f"{requirements}.txt"), *wanted,
        ],
        check=True,
    )  # fmt: skip


def _prune(packages: Path) -> None:
    for pattern in UNUSED:
        for path in packages.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (packages / "botocore/data").glob("*/"):
        if path.is_dir() and path.name not in AWS_SERVICES:
            shutil.rmtree(path)


def _compile(directory: Path) -> None:
    """Compile in place. The byte code names no path of this machine, and Python trusts it without looking at the source."""
    if not compileall.compile_dir(
        directory, quiet=1, workers=0, stripdir=str(directory), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    ):
        raise SystemExit("a module does not compile, see above")


# --- the application ---------------------------------------------------------------------------------------------


def _chalice_config() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((ROOT / ".chalice/config.json").read_text())
    return config


def _chalice_package(stage: str, architecture: str, scratch: Path) -> tuple[dict[str, Any], Path]:
    """The merged template, and a directory of the application's files, compiled.

    Chalice works on a copy of the project that asks for no dependencies: it would fetch them anew after every change.
    """
    project = scratch / "project"
    for path in _app_sources():
        copy = project / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (project / "requirements.txt").touch()
    (project / ".chalice").mkdir()
    (project / ".chalice/config.json").write_text(json.dumps(_chalice_config() | {"lambda_architecture": architecture}))
    subprocess.run(
        [
            str(Path(sys.executable).with_name("chalice")), "--project-dir", str(project), "package", "--stage", stage,
            "--merge-template", str(MERGED), str(scratch / "out"),
        ],
        check=True, stdout=subprocess.DEVNULL, env={"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1", **os.environ},
    )  # fmt: skip
    application = scratch / "application"
    with zipfile.ZipFile(scratch / "out/deployment.zip") as archive:
        archive.extractall(application)
    _compile(application)
    template: dict[str, Any] = yaml.safe_load((scratch / "out/sam.yaml").read_text())
    return template, application


# --- archives ----------------------------------------------------------------------------------------------------


def _append(archive: Path, directory: Path, prefix: str = "") -> None:
    """Add a directory's files to a zip, in the order of their names and without times, so that equal files give equal bytes."""
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
