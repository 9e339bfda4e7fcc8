"""Publish a version of a service: enter the digest of its files into ``forms_schemas/catalogue.lock``.

    python -m chalicelib.forms.publish residence-certificate/1

A published version never changes, since cases were submitted under it; what has to change becomes the next version.
``--refresh`` replaces a digest all the same: only for a version that no hall has offered yet.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chalicelib.forms.catalogue import LOCK, read_lock


class AlreadyPublished(Exception):
    """The version was published with other files."""


def repository_root() -> Path:
    """The folder ``forms_schemas`` of this checkout."""
    return Path(__file__).resolve().parents[2] / "forms_schemas"


def versions(root: Path) -> list[str]:
    """``<service>/<version>`` of every version on disk, published or not; the common parts count as well."""
    return sorted(f"{path.parent.name}/{path.name}" for path in root.glob("*/[0-9]*") if path.is_dir())


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of all files of a version, in hexadecimal. Line ends don't matter."""
    whole = hashlib.sha256()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if _belongs(path, folder)}
    for name in sorted(files):
        content = files[name].read_bytes().replace(b"\r\n", b"\n")
        whole.update(f"{hashlib.sha256(content).hexdigest()} {name}\n".encode())
    return whole.hexdigest()


def _belongs(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden


def locked(root: Path) -> dict[str, str]:
    """What the lock file says; nothing where there is none yet."""
    return read_lock(root) if (root / LOCK).is_file() else {}


def publish(root: Path, version: str, *, refresh: bool = False) -> str:
    """Enter a version into the lock and give its digest. AlreadyPublished, FileNotFoundError."""
    folder = root / version
    if version not in versions(root):
        raise FileNotFoundError(f"{folder} is no version of a service")
    lock, new = locked(root), digest(folder)
    if lock.get(version, new) != new and not refresh:
        raise AlreadyPublished(f"{version} was published with other files; copy it to the next version and change that")
    _write(root, lock | {version: new})
    return new


def _write(root: Path, lock: Mapping[str, str]) -> None:
    lines = (f"{version} {digest}\n" for version, digest in sorted(lock.items()))
    (root / LOCK).write_text("".join(lines), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m chalicelib.forms.publish", description="Publish services.")
    parser.add_argument("version", nargs="+", metavar="SERVICE/VERSION")
    parser.add_argument("--refresh", action="store_true", help="replace a digest; only before any hall offers it")
    parser.add_argument("--root", type=Path, default=repository_root(), help="the folder forms_schemas")
    options = parser.parse_args(arguments)
    try:
        for version in options.version:
            print(version, publish(options.root, version, refresh=options.refresh))
    except (AlreadyPublished, FileNotFoundError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
