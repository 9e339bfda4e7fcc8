"""Three broken builds of the hall, each one line away from the real one. Chaos that does not notice is no chaos.

A build is a copy of the product's source with the line replaced; its journeys run in a process of their own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ("app.py", "forms_schemas", "infra", "tests", "vendor")


@dataclass(frozen=True, slots=True)
class Broken:
    """``line`` of ``file`` reads ``instead``; ``noticed_by`` is the invariant that must notice."""

    file: str
    line: str
    instead: str
    noticed_by: str


BUILDS = {
    "dedupe_removed": Broken(
        "chalicelib/domain/shipments.py",
        "    return any(move.identity == identity for move in moves)",
        "    return False",
        "each piece of news is written once",
    ),
    "idempotency_key_made_random": Broken(
        "chalicelib/usecases/payment.py",
        '    return f"{number}-refund-{refund}"',
        '    return __import__("secrets").token_hex(8)',
        "refunds never exceed what was paid, and agree",
    ),
    "poll_removed": Broken(
        "chalicelib/usecases/perform.py",
        "    owed = due(loaded.case, hall.now())",
        '    owed = tuple(step for step in due(loaded.case, hall.now()) if not step.kind.startswith("ask_"))',
        "the case reaches an end and nothing is owed",
    ),
}


def build(broken: Broken, room: Path) -> None:
    """The whole hall in ``room``, with that one line replaced. ValueError: there is no such line, or several."""
    shutil.copytree(ROOT / "chalicelib", room / "chalicelib", ignore=shutil.ignore_patterns("static"))
    for name in BESIDE:
        (room / name).symlink_to(ROOT / name)
    file = room / broken.file
    lines = file.read_text("utf-8").split("\n")
    if lines.count(broken.line) != 1:
        raise ValueError(f"{broken.file} does not have the line once: {broken.line.strip()}")
    file.write_text("\n".join(broken.instead if line == broken.line else line for line in lines), "utf-8")


def walk(room: Path, *, seed: int, journeys: int) -> subprocess.CompletedProcess[str]:
    """Journeys of the hall in ``room``, until one fails."""
    limits = ("--seed", str(seed), "--journeys", str(journeys), "--processes", "1", "--failures", "1")
    command = (sys.executable, "-m", "tests.chaos", *limits)
    return subprocess.run(command, cwd=room, capture_output=True, text=True, check=False, timeout=300)
