"""Opens a local hall for tests, as ``make run`` does, on ports and a state directory of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.bootstrap import EMULATOR, prepare
from infra.local.children import end_left_behind
from infra.local.layout import PORTS, ROOT, Layout

PATIENCE_S = 300  # much: it is the machine that may be busy
TAIL = 4_000  # characters of each log that a failed test shows


@dataclass(frozen=True)
class Hall:
    """An open hall: where it is, its process, what its ready file says, and the file of what it printed."""

    layout: Layout
    process: subprocess.Popen[bytes]
    addresses: Mapping[str, Any]
    output: Path

    def close(self, number: signal.Signals = signal.SIGINT) -> int:
        """Close it as Ctrl-C does; gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def logs(self) -> Iterator[tuple[str, str]]:
        """The end of each log of its parts that isn't empty: (name, text)."""
        for file in sorted(self.layout.logs.glob("*.log")):
            if text := file.read_text(errors="replace")[-TAIL:].strip():
                yield file.name, text


def free_ports() -> dict[str, str]:
    """Ports for a hall, as environment variables."""
    with ExitStack() as held:
        sockets = {variable: held.enter_context(socket.create_server(("127.0.0.1", 0))) for variable in PORTS}
        return {variable: str(one.getsockname()[1]) for variable, one in sockets.items()}


def start(state: Path, ports: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start a hall; what it prints goes to ``output``."""
    prepare(*EMULATOR)
    with output.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.local.hall"],
            cwd=ROOT,
            env=os.environ | ports | {"STATE": str(state)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextmanager
def open_hall(state: Path, ports: Mapping[str, str]) -> Iterator[Hall]:
    """A hall that is open; it is closed at the end, if the test has not done so."""
    state.mkdir(parents=True, exist_ok=True)
    output, ready = state / "output.txt", state / "hall.json"
    ready.unlink(missing_ok=True)
    layout = Layout.from_env({**ports, "STATE": str(state)})
    process = start(state, ports, output)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not ready.is_file():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        yield Hall(layout, process, json.loads(ready.read_text()), output)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_S)
        end_left_behind(layout.running)


class OneHall:
    """The hall that tests share. It can be closed, and opened again with what it kept."""

    def __init__(self, state: Path, ports: Mapping[str, str]) -> None:
        self._state = state
        self._ports = ports
        self._closing = ExitStack()
        self._open: Hall | None = None

    @property
    def open(self) -> Hall:
        """The hall as it stands open; it opens when it is first asked for."""
        if self._open is None:
            began = time.monotonic()
            self._open = self._closing.enter_context(open_hall(self._state, self._ports))
            print(f"the hall opened in {time.monotonic() - began:.1f} s")
        return self._open

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def close(self) -> None:
        """As Ctrl-C does; AssertionError when it does not end well."""
        if self._open is not None:
            closed, self._open = self._open, None
            with self._closing:
                code = closed.close()
                assert code == 0, closed.output.read_text()
