"""Where the things of a local hall are: ports, addresses, files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"

# So many requests at once go to functions; further ones wait. Unlike AWS, one machine gains nothing by more functions,
# and to unpack another one takes it seconds.
AT_ONCE = 2 * (os.cpu_count() or 2)

PORTS: Mapping[str, int] = {"PORT": 8000, "AWS_PORT": 4566, "STRIPE_PORT": 8420, "COURIER_PORT": 8430, "S3_PORT": 8440}


class BadSetting(Exception):
    """A variable of ``make run`` has a value that makes no sense."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One hall. Several can stand side by side, each with ports and a state directory of its own."""

    state: Path
    port: int
    aws_port: int
    stripe_port: int
    courier_port: int
    s3_port: int

    @staticmethod
    def from_env(environment: Mapping[str, str] | None = None) -> Layout:
        """Read ``STATE`` and the variables of ``PORTS``; BadSetting names a bad one."""
        env = os.environ if environment is None else environment
        ports = {variable: _port(variable, env.get(variable) or str(usual)) for variable, usual in PORTS.items()}
        if len(set(ports.values())) < len(ports):
            raise BadSetting(f"{', '.join(PORTS)} have to differ")
        state = (ROOT / (env.get("STATE") or ".local")).resolve()
        return Layout(state, *(ports[variable] for variable in PORTS))

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports by the variable that sets them."""
        return dict(
            zip(PORTS, (self.port, self.aws_port, self.stripe_port, self.courier_port, self.s3_port), strict=True)
        )

    @property
    def hall_url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def cloud_url(self) -> str:
        """Emulated AWS. By number: the functions and SDKs call it often, and ``localhost`` may try IPv6 first."""
        return f"http://{LOOPBACK}:{self.aws_port}"

    @property
    def s3_url(self) -> str:
        """S3, as browsers and functions see it."""
        return f"http://{LOOPBACK}:{self.s3_port}"

    @property
    def stripe_url(self) -> str:
        return f"http://localhost:{self.stripe_port}"

    @property
    def courier_url(self) -> str:
        return f"http://localhost:{self.courier_port}"

    @property
    def cloud(self) -> Path:
        """What the emulated AWS keeps."""
        return self.state / "cloud"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def stripe(self) -> Path:
        return self.state / "stripe"

    @property
    def courier(self) -> Path:
        return self.state / "courier"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets.json"

    @property
    def messages(self) -> Path:
        return self.state / "messages.jsonl"

    @property
    def lock(self) -> Path:
        return self.state / "hall.lock"

    @property
    def running(self) -> Path:
        """The processes of the open hall."""
        return self.state / "running.json"

    @property
    def ready(self) -> Path:
        return self.state / "hall.json"

    @property
    def emulator(self) -> Path:
        """The emulator's Python environment. All halls of a checkout share it."""
        return ROOT / ".local/emulator"


def _port(variable: str, value: str) -> int:
    if value.isdecimal() and 0 < int(value) < 65536:
        return int(value)
    raise BadSetting(f"{variable}={value} is no port")
