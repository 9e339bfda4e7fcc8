"""Looks into files of strangers in a process of its own, which may use up or break nothing but itself.

The process is given the file and nothing else: no credentials, no more than so much memory, time and no file to write.
Whatever becomes of it, a file that it could not read is unreadable.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence

from chalicelib.forms.inspection import UNREADABLE, inspect, kind_of
from chalicelib.ports import Finding

SECONDS = 10
MEMORY = 800 * 1024 * 1024


class IsolatedInspector:
    """Implements ports.Inspector."""

    def __init__(self, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self._limits = (str(seconds), str(memory))
        self._seconds = seconds

    def inspect(self, content: bytes, accepts: Sequence[str]) -> Finding:
        if kind_of(content) not in accepts:
            return inspect(content, accepts)  # by its first bytes alone: no library is asked
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                [sys.executable, "-m", __name__, *self._limits, *accepts],
                input=content,
                capture_output=True,
                timeout=self._seconds + 2,
                check=True,
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except subprocess.SubprocessError:
            return Finding(kind_of(content), UNREADABLE)
        return Finding(**json.loads(done.stdout))


def main() -> None:
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    found = inspect(sys.stdin.buffer.read(), sys.argv[3:])
    sys.stdout.write(json.dumps({"content_type": found.content_type, "fault": found.fault}))


if __name__ == "__main__":
    main()
