"""Processes that the hall starts, watches and stops."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from infra.local.layout import ROOT

_direct = build_opener(ProxyHandler({}))  # never by a proxy: all of it is on loopback


class ChildDied(Exception):
    """A process ended by itself. Its text holds the end of the log."""


class Child:
    """A process with a log of its own.

    It leads its own group, so that Ctrl-C reaches the hall alone, which stops its children one after the other.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_answer(self, url: str, seconds: float = 120) -> None:
        """Wait until ``url`` answers a GET with anything but a 5xx.

        ChildDied: it ended before; TimeoutError: it does not answer.
        """
        deadline = time.monotonic() + seconds
        while not _answers(url, seconds):
            if self._process.poll() is not None:
                raise self.died()
            if time.monotonic() > deadline:
                raise TimeoutError(f"The {self.name} does not answer on {url}.\n{tail(self.log)}")
            _pause()

    def watch(self, endings: queue.SimpleQueue[Child]) -> None:
        """Put this child on the queue when its process ends."""

        def wait() -> None:
            self._process.wait()
            endings.put(self)

        threading.Thread(target=wait, name=f"watch {self.name}", daemon=True).start()

    def died(self) -> ChildDied:
        return ChildDied(
            f"The {self.name} ended (code {self._process.poll()}). The end of {self.log}:\n{tail(self.log)}"
        )

    def stop(self, seconds: float = 60) -> bool:
        """Ask it to end, wait, and end it by force after ``seconds``; False when that was needed."""
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            _kill_group(self._process)
            return False
        return True


def remember(children: Iterable[Child], file: Path) -> None:
    """Write down what runs, for ``end_left_behind``. Only the user may read it: a command line may hold a key."""
    file.touch(mode=0o600)
    file.write_text(json.dumps([{"pid": child.pid, "command": child.command} for child in children]))


def end_left_behind(file: Path, seconds: float = 60) -> None:
    """End what a killed hall left behind. Asked politely, its parts still save what they have.

    TimeoutError: one does not end.
    """
    written: list[dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else []
    left = [one["pid"] for one in written if _command(one["pid"]) == " ".join(one["command"])]
    for pid in left:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    for pid in left:
        while _command(pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Process {pid} of an earlier hall does not end.")
            _pause()


def _command(pid: int) -> str:
    """The command line of a process, "" if there is none."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, command = found.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else command.strip()


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def _answers(url: str, seconds: float) -> bool:
    try:
        with _direct.open(url, timeout=seconds):
            return True
    except HTTPError as refusal:
        return refusal.code < 500
    except (URLError, OSError):
        return False


def _pause() -> None:
    """Between two looks at something that can't tell us by itself."""
    time.sleep(0.05)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
