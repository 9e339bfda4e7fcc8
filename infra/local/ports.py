"""Is a port free, and if not, who holds it?"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from infra.local.layout import LOOPBACK

_LISTEN = "0A"  # state of a listening socket in /proc/net/tcp, see proc_net_tcp in the kernel's documentation


def taken(ports: Mapping[str, int]) -> list[str]:
    """What to tell the user of each port that is not free, given by the variable that sets it."""
    return [
        f"Port {port} is taken{_by(holder(port))}. Stop that, or choose another: make run {variable}={port + 1000}"
        for variable, port in ports.items()
        if not is_free(port)
    ]


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """The process that listens on a port, as ``pid 123: python -m …``; "" if that can't be found."""
    pid = _pid_by_proc(port) or _pid_by_lsof(port)
    if not pid:
        return ""
    command = subprocess.run(["ps", "-o", "command=", "-p", pid], capture_output=True, text=True, check=False)
    return f"pid {pid}: {command.stdout.strip()[:80]}"


def _by(process: str) -> str:
    return f" by {process}" if process else ""


def _pid_by_lsof(port: int) -> str:
    if not shutil.which("lsof"):
        return ""
    found = subprocess.run(
        ["lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"], capture_output=True, text=True, check=False
    )
    return found.stdout.split("\n", 1)[0]


def _pid_by_proc(port: int) -> str:
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        with suppress(OSError):
            if str(descriptor.readlink()) in sockets:
                return descriptor.parts[2]
    return ""


def _listening(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.is_file() else ():
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                yield fields[9]
