"""``python3 -m infra.local.bootstrap``: from a bare Python to an open hall. Standard library only.

Makes ``.venv`` from ``requirements/dev.txt`` and, for the emulated AWS with its own botocore, ``.local/emulator``
from ``requirements/emulator.txt``. pip checks every hash. A lock file is installed anew when it has changed.

    python3 -m infra.local.bootstrap               both environments, then the hall (options are handed on)
    python3 -m infra.local.bootstrap environment   only .venv
    python3 -m infra.local.bootstrap environments  only the two environments
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)
DEVELOPMENT = (ROOT / ".venv", ROOT / "requirements/dev.txt")
EMULATOR = (ROOT / ".local/emulator", ROOT / "requirements/emulator.txt")


def main() -> None:
    """See above. Exits with a sentence when something is missing."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {'.'.join(map(str, OLDEST))} or newer is needed; this is {sys.version.split()[0]}.")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    environments = [DEVELOPMENT] if wanted == "environment" else [DEVELOPMENT, EMULATOR]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda one: prepare(*one), environments))
    if not wanted.startswith("environment"):
        python = str(DEVELOPMENT[0] / "bin/python")
        os.chdir(ROOT)
        os.execv(python, [python, "-m", "infra.local.hall", *sys.argv[1:]])  # noqa: S606  (this process becomes the hall)


def prepare(environment: Path, lock: Path) -> None:
    """Bring an environment to what its lock file says."""
    stamp = environment / "lock.sha256"
    state = hashlib.sha256(lock.read_bytes() + repr(sys.version_info[:2]).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == state and (environment / "bin/python").exists():
        return
    name, start = environment.relative_to(ROOT), time.monotonic()
    print(f"  {name}: installing {lock.relative_to(ROOT)} …", flush=True)
    stamp.unlink(missing_ok=True)
    _make(environment)
    _install(environment, lock)
    stamp.write_text(state)
    print(f"  {name}: {time.monotonic() - start:.1f} s", flush=True)


def _make(environment: Path) -> None:
    of_this_python = (environment / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}").is_dir()
    if not of_this_python or not (environment / "bin/pip").exists():
        clear = [] if of_this_python else ["--clear"]
        _run("make the environment", sys.executable, "-m", "venv", *clear, str(environment))


def _install(environment: Path, lock: Path) -> None:
    _run(
        f"install {lock.relative_to(ROOT)}",
        str(environment / "bin/python"), "-m", "pip", "install",
        "--require-hashes", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input", "--quiet",
        "--no-compile", "-r", str(lock),
    )  # fmt: skip


def _run(what: str, *command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"\nCan't {what}:\n{done.stdout}")


if __name__ == "__main__":
    main()
