"""Looks into files of strangers in a process of its own, which may use up or break nothing but itself.

The process is given the file and nothing else: no credentials, so much memory and time, and no file to write.
Whatever becomes of it, a file that it could not read is unreadable.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from chalicelib.forms.inspection import UNREADABLE, inspect, kind_of
from chalicelib.ports import Finding

SECONDS = 10
MEMORY = 768 * 1024 * 1024  # a picture of the most pixels that are taken, decoded
_PROCESS = "chalicelib.adapters.inspecting_process"


class IsolatedInspector:
    """Implements ports.Inspector. ``seconds`` are of the processor, ``memory`` is in bytes."""

    def __init__(self, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self._limits = (str(seconds), str(memory))
        self._patience = seconds * 2  # the processor is shared

    def inspect(self, content: bytes, accepts: Sequence[str]) -> Finding:
        kind = kind_of(content)
        if kind not in accepts:
            return Finding(*inspect(content, accepts))  # by its first bytes alone: no library is asked
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                [sys.executable, "-S", "-m", _PROCESS, *self._limits, *accepts],
                input=content,
                capture_output=True,
                timeout=self._patience,
                check=True,
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except subprocess.SubprocessError:
            return Finding(kind, UNREADABLE)
        return Finding(*done.stdout.decode().split("\n"))
