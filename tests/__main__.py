"""``python -m tests``: the whole suite in less time than one after the other takes.

The tests that walk through the local hall share one, so they run in one process; they wait for it half of the time.
Beside them, with what they leave of the machine, run those that need neither it nor a browser; then those of the pages.
``--thorough`` adds the tests that are more of the same: other sizes, languages and answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PYTEST = (sys.executable, "-m", "pytest", "--durations", "5")
SIDE_BY_SIDE = ("--numprocesses", "2", "--dist", "loadfile")
GENTLY = 10  # niceness: the hall's tests come first


def main() -> int:
    """The exit status: 0 when all three parts passed."""
    some = "" if "--thorough" in sys.argv[1:] else " and not thorough"
    with tempfile.TemporaryDirectory() as room:
        log = Path(room) / "others.log"
        with log.open("wb") as output:
            others = subprocess.Popen(
                [*PYTEST, *SIDE_BY_SIDE, "-m", f"not hall{some}", "--ignore", "tests/web"],
                stdout=output, stderr=subprocess.STDOUT, preexec_fn=lambda: os.nice(GENTLY),
            )  # fmt: skip
            hall = subprocess.run([*PYTEST, "-m", f"hall{some}"], check=False)
            others.wait()
        print(log.read_text("utf-8", errors="replace"), flush=True)
    pages = subprocess.run([*PYTEST, *SIDE_BY_SIDE, "-m", f"not hall{some}", "tests/web"], check=False)
    return int(any((hall.returncode, others.returncode, pages.returncode)))


if __name__ == "__main__":
    sys.exit(main())
