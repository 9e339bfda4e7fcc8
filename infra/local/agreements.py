"""What the local hall and the couriers' counterpart have agreed upon, courier by courier."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_bytes, token_hex

from infra.local.courier_counterpart import easypost_side, ems_side, kuaidi100_side, open_side, sf_side

Make = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """``path`` is where the counterpart serves the courier's ``url``, ``options`` what else is no secret, ``secrets``
    how each secret is made. Names are those of the courier's adapter."""

    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Make] = field(default_factory=dict)


def base64(size: int) -> str:
    """So many random bytes, as text."""
    return b64encode(token_bytes(size)).decode()


AGREEMENTS: Mapping[str, Agreement] = {
    "ems": Agreement(
        ems_side.PATH,
        {"sender": "1100000000000"},
        {"key": lambda: base64(16), "authorization": lambda: token_hex(16)},  # the key is SM4's
    ),
    "easypost": Agreement(
        easypost_side.PATH,
        {"mode": "test"},
        {"key": lambda: f"EZTK{token_hex(26)}", "webhook_secret": lambda: token_hex(32)},
    ),
    "kuaidi100": Agreement(
        kuaidi100_side.PATH,
        secrets={name: lambda: token_hex(16) for name in ("key", "secret", "customer", "salt")},
    ),
    "open": Agreement(open_side.PATH, secrets={"secret": lambda: f"whsec_{base64(32)}"}),
    "sf": Agreement(
        sf_side.PATH, {"partner": "SAMPLE", "monthly_card": "7551234567"}, {"checkword": lambda: token_hex(16)}
    ),
}


def made() -> dict[str, dict[str, str]]:
    """New secrets of every courier."""
    return {code: {name: make() for name, make in one.secrets.items()} for code, one in AGREEMENTS.items()}


def options(counterpart_url: str) -> dict[str, dict[str, str]]:
    """What is no secret, for the hall; ``counterpart_url`` without a slash at its end."""
    return {code: {"url": counterpart_url + one.path, **one.options} for code, one in AGREEMENTS.items()}


def terms(secrets: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """What the counterpart has to know of each courier."""
    return {code: {**one.options, **secrets[code]} for code, one in AGREEMENTS.items()}
