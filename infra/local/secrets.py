"""The keys that the hall shares with its counterparts: made once at random, kept where only the user can read them."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from secrets import token_bytes, token_hex, token_urlsafe

EMS_SENDER = "1100000000000"  # the agreement's customer number: no secret


def keys(file: Path) -> Mapping[str, str]:
    """Read the keys, or make them. Their names are those of the stack's secret, and ``staff_password``."""
    kept: dict[str, str] = json.loads(file.read_text()) if file.is_file() else {}
    wanted = _made() | kept
    if wanted != kept:
        _write_private(file, json.dumps(wanted, indent=1))
    return wanted


def _made() -> dict[str, str]:
    return {
        "stripe_api_key": f"sk_test_{token_hex(24)}",
        "stripe_webhook_secret": f"whsec_{token_hex(24)}",
        "ems_key": _base64(16),  # SM4
        "ems_authorization": token_hex(16),
        "open_courier_secret": f"whsec_{_base64(32)}",  # as Standard Webhooks writes it
        "courier_token": token_urlsafe(32),
        "staff_password": f"Desk-{token_urlsafe(12)}",
    }


def _base64(size: int) -> str:
    return b64encode(token_bytes(size)).decode()


def _write_private(file: Path, text: str) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    unfinished.replace(file)
