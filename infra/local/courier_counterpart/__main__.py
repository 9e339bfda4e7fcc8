"""``python -m infra.local.courier_counterpart``: the courier of the local hall, on loopback only.

Each secret may come from the environment instead, where ``ps`` does not show it: ``DOORSTEP_COURIER_TOKEN``,
``DOORSTEP_EMS_KEY``, ``DOORSTEP_EMS_AUTHORIZATION``, ``DOORSTEP_OPEN_COURIER_SECRET``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from infra.local.courier_counterpart.app import Agreements, build
from infra.local.courier_counterpart.postman import Hall


def main() -> None:
    """Serve until told to stop."""
    options = _options()
    hall = Hall(options.hall_url.rstrip("/"), options.courier_token)
    agreements = Agreements(options.ems_sender, options.ems_authorization, options.ems_key, options.open_secret)
    app = build(hall, agreements, options.state_dir / "couriers.sqlite", retry_s=options.retry_s)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=3)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="courier_counterpart", description="The courier of the local hall.")
    parser.add_argument("--port", type=int, default=8430)
    parser.add_argument("--hall-url", default="http://localhost:8000")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--retry-s", type=float, default=1.0, help="first pause before a push is tried again")
    parser.add_argument("--ems-sender", default=os.environ.get("DOORSTEP_EMS_SENDER"))
    for option, variable in (
        ("--courier-token", "DOORSTEP_COURIER_TOKEN"),
        ("--ems-key", "DOORSTEP_EMS_KEY"),
        ("--ems-authorization", "DOORSTEP_EMS_AUTHORIZATION"),
        ("--open-secret", "DOORSTEP_OPEN_COURIER_SECRET"),
    ):
        parser.add_argument(option, default=os.environ.get(variable), help=f"or {variable}")
    options = parser.parse_args()
    for name, value in vars(options).items():
        if value is None:
            parser.error(f"--{name.replace('_', '-')} is missing")
    return options


if __name__ == "__main__":
    main()
