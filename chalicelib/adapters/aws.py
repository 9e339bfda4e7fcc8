"""boto3 clients with the time-outs and retries that a Lambda wants: short, few."""

from __future__ import annotations

from typing import Any

from boto3.session import Session
from botocore.config import Config


def client(service: str) -> Any:
    """A client of the region and endpoint that the environment names."""
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    make: Any = Session().client  # typed for literal names only
    return make(service, config=config)
