"""``python -m infra.local.stripe_counterpart``: the counterpart as a server of its own, on the loopback only."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from infra.local.stripe_counterpart.app import create_app
from infra.local.stripe_counterpart.postman import Address

VARIABLE = "DOORSTEP_STRIPE_WEBHOOK_SECRET"  # in the environment, so that no list of processes shows it


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="stripe_counterpart", description=__doc__)
    parser.add_argument("--port", type=int, default=8420)
    parser.add_argument("--webhook-url", default="", help="where webhooks go; without it none are sent")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--public-url", default="", help="the address of the pay pages, if not this port of localhost")
    given = parser.parse_args()
    app = create_app(
        given.state_dir,
        given.public_url or f"http://localhost:{given.port}",
        Address(given.webhook_url, os.environ.get(VARIABLE, "whsec_local")),
    )
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
