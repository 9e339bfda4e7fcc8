"""The emulated AWS: its process and its clients."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.local.children import Child
from infra.local.layout import LOOPBACK, PORTS, Layout

REGION = "us-east-1"
ACCOUNT = "000000000000"
SIGNING_KEY = "local"  # no secret: only the S3 of the local hall looks at signatures


def start(layout: Layout) -> Child:
    """Start the emulator on what it kept the last time; it is ready when ``ready_url`` answers."""
    forget_stream_positions(layout)
    sweep_out(layout)
    scratch(layout).mkdir(parents=True)
    command = [str(layout.emulator / "bin/python"), "-m", "ministack"]
    return Child("emulated AWS", command, _environment(layout), layout.logs / "cloud.log")


def ready_url(layout: Layout) -> str:
    return f"{layout.cloud_url}/_ministack/ready"


def scratch(layout: Layout) -> Path:
    """Where the emulator unpacks functions: a copy of the package for each that runs at once."""
    return layout.cloud / "tmp"


def sweep_out(layout: Layout) -> None:
    """Throw the unpacked functions away, tens of thousands of files: somebody else deletes them while we go on."""
    if scratch(layout).exists():
        scratch(layout).rename(layout.cloud / f"swept-{time.time_ns()}")
    if swept := [str(path) for path in layout.cloud.glob("swept-*")]:
        subprocess.Popen(
            ["rm", "-rf", *swept], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )


def client(layout: Layout, service: str) -> Any:
    """A boto3 client of the emulated AWS."""
    return boto3.client(
        service,  # type: ignore[call-overload]  # its stubs know literal names only
        endpoint_url=layout.cloud_url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=SIGNING_KEY,
        config=Config(retries={"mode": "standard"}, proxies={}, read_timeout=300),  # a busy machine unpacks slowly
    )


def forget_the_users_own(environment: MutableMapping[str, str]) -> None:
    """Take the user's own AWS out of an environment: no profile, key or endpoint of it may leak into the hall."""
    for name in [name for name in environment if name.startswith("AWS_") and name not in PORTS]:
        del environment[name]
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


def environment(layout: Layout) -> dict[str, str]:
    """What makes the SDKs speak to the emulated AWS, and not by a proxy."""
    direct = ",".join(filter(None, (os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), LOOPBACK, "localhost")))
    return {
        "AWS_ENDPOINT_URL": layout.cloud_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SIGNING_KEY,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _environment(layout: Layout) -> dict[str, str]:
    """Made from little, because every function inherits it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        "GATEWAY_PORT": str(layout.aws_port),
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": SIGNING_KEY,
        "AWS_ENDPOINT_URL_S3": layout.s3_url,  # presigned addresses lead there
        "PERSIST_STATE": "1",
        "STATE_DIR": str(layout.cloud / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(layout.cloud / "s3"),
        "TMPDIR": str(scratch(layout)),
        "LAMBDA_EXECUTOR": "local",  # subprocesses; no Docker
        "LAMBDA_WARM_TTL_SECONDS": "3600",  # to unpack a function takes seconds here
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def forget_stream_positions(layout: Layout) -> None:
    """Make the emulator read streams from their start.

    It keeps how far each stream's consumer had read, but not the records: after a restart it would skip as many new
    ones.
    """
    kept = layout.cloud / "state/lambda.json"
    if kept.is_file():
        state = json.loads(kept.read_text())
        state["payload"].pop("dynamodb_stream_positions", None)
        kept.write_text(json.dumps(state))
