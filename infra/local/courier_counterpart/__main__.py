"""``python -m infra.local.courier_counterpart``: the courier of the local hall, on loopback only.

What is secret comes from the environment, where ``ps`` does not show it: ``DOORSTEP_COURIER_TOKEN``, what the secret
part of each courier's address at the hall is derived from, and ``DOORSTEP_COURIER_TERMS``, what each courier has agreed
upon with the hall, as JSON: ``{"open":{"secret":"whsec_…"},…}``. A courier that is left out is not served.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import uvicorn

from infra.local.courier_counterpart.app import build
from infra.local.courier_counterpart.postman import Hall


def main() -> None:
    """Serve until told to stop."""
    options = _options()
    hall = Hall(options.hall_url.rstrip("/"), os.environ["DOORSTEP_COURIER_TOKEN"])
    terms = json.loads(os.environ["DOORSTEP_COURIER_TERMS"])
    app = build(hall, terms, options.state_dir / "couriers.sqlite", retry_s=options.retry_s)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=3)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="courier_counterpart", description="The courier of the local hall.")
    parser.add_argument("--port", type=int, default=8430)
    parser.add_argument("--hall-url", default="http://localhost:8000")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--retry-s", type=float, default=1.0, help="first pause before a push is tried again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
