"""The keys that the hall shares with its counterparts: made once at random, kept where only the user can read them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Any

from infra.local import agreements


def keys(file: Path) -> Mapping[str, Any]:
    """Read the keys, or make them. Their names are those of the stack's secret, and ``staff_password``."""
    kept: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    made = _made()
    wanted = made | kept | {"couriers": made["couriers"] | kept.get("couriers", {})}
    if wanted != kept:
        _write_private(file, json.dumps(wanted, indent=1))
    return wanted


def _made() -> dict[str, Any]:
    return {
        "stripe_api_key": f"sk_test_{token_hex(24)}",
        "stripe_webhook_secret": f"whsec_{token_hex(24)}",
        "courier_token": token_urlsafe(32),
        "couriers": agreements.made(),
        "staff_password": f"Desk-{token_urlsafe(12)}",
    }


def _write_private(file: Path, text: str) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    unfinished.replace(file)
