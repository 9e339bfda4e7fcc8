"""``python -m infra.local.hall``: brings the whole hall up on this machine, watches it, and takes it down on Ctrl-C.

Everything is on loopback, and everything it keeps is in the state directory: the next start finds the same cases.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import queue
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from infra.local import agreements, cloud, deployment, ports, secrets, staff
from infra.local.children import Child, ChildDied, end_left_behind, remember
from infra.local.deployment import DeploymentFailed, Stack
from infra.local.layout import BadSetting, Layout

CLOSING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Trouble(Exception):
    """Why the hall can't be opened, in words for the user."""


class Told(BaseException):
    """The user or the system wants the hall closed."""


def main() -> None:
    """Open the hall until Ctrl-C, SIGTERM or the terminal's end.

    Exit code 1: it could not be opened, or a part of it died.
    """
    parser = argparse.ArgumentParser(prog="hall", description="The whole hall on this machine.")
    parser.add_argument(
        "--ready-file", type=Path, help="where to write all addresses once the hall is open (default: STATE/hall.json)"
    )
    options = parser.parse_args()
    for number in CLOSING:
        signal.signal(number, _told)
    cloud.forget_the_users_own(os.environ)
    try:
        layout = Layout.from_env()
        run(layout, options.ready_file or layout.ready)
    except Told:
        pass
    except (BadSetting, Trouble, ChildDied, DeploymentFailed, TimeoutError) as trouble:
        sys.exit(f"\n{trouble}")


def run(layout: Layout, ready: Path) -> NoReturn:
    """Open the hall and keep it open until Told, or until ChildDied.

    Everything that was started is stopped on the way out.
    """
    layout.logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as closing:
        closing.enter_context(_alone(layout))
        end_left_behind(layout.running)
        closing.callback(layout.running.unlink, missing_ok=True)
        if taken := ports.taken(layout.ports):
            raise Trouble("\n".join(taken))
        ready.unlink(missing_ok=True)
        closing.callback(ready.unlink, missing_ok=True)
        endings: queue.SimpleQueue[Child] = queue.SimpleQueue()
        open_hall(layout, ready, closing, endings)
        raise endings.get().died()


def open_hall(layout: Layout, ready: Path, closing: ExitStack, endings: queue.SimpleQueue[Child]) -> None:
    """All stages. What takes a while to answer is started first and waited for when it is needed."""

    kept: list[Child] = []

    def keep(child: Child) -> Child:
        kept.append(child)
        remember(kept, layout.running)
        closing.callback(_close, child)
        child.watch(endings)
        return child

    keys = secrets.keys(layout.secrets)
    closing.callback(cloud.sweep_out, layout)
    aws = keep(cloud.start(layout))
    store = keep(s3(layout))
    pay, carry = keep(stripe(layout, keys)), keep(couriers(layout, keys))
    with stage("The pages"):
        deployment.build_pages(layout)
    with stage("The package"):
        deployment.pack(layout)
    with stage("The emulated AWS"):
        aws.await_answer(cloud.ready_url(layout))
    with stage("The stack"):
        stack = deployment.deploy(layout, keys)
    door = keep(edge(layout, stack, keys))
    keep(scanner(layout, stack))
    with stage("Staff at the desk"):
        employ(layout, stack, keys)
    with stage("The store of files"):
        store.await_answer(layout.s3_url)
    with stage("Stripe's and the couriers' counterparts"):
        pay.await_answer(layout.stripe_url)
        carry.await_answer(layout.courier_url)
    with stage("The door"):
        door.await_answer(f"{layout.hall_url}/healthz")
    deployment.warm_up(layout, stack)
    write_ready(layout, stack, ready)
    print(welcome(layout, keys), flush=True)


# --- stages ------------------------------------------------------------------------------------------------------


def employ(layout: Layout, stack: Stack, keys: Mapping[str, Any]) -> None:
    """Demo staff for every department that the services name."""
    pool, client = stack.outputs["DeskUserPoolId"], stack.outputs["DeskClientId"]
    staff.Desk(cloud.client(layout, "cognito-idp"), pool, client, keys["staff_password"]).employ(staff.roster())


def stripe(layout: Layout, keys: Mapping[str, Any]) -> Child:
    """The counterpart that speaks Stripe's wire format."""
    layout.stripe.mkdir(exist_ok=True)
    return _module(
        layout, "stripe_counterpart", {"DOORSTEP_STRIPE_WEBHOOK_SECRET": keys["stripe_webhook_secret"]},
        "--port", str(layout.stripe_port), "--state-dir", str(layout.stripe),
        "--webhook-url", f"{layout.hall_url}/webhooks/stripe",
    )  # fmt: skip


def couriers(layout: Layout, keys: Mapping[str, Any]) -> Child:
    """The counterpart that speaks the couriers' wire formats."""
    layout.courier.mkdir(exist_ok=True)
    agreed = {
        "DOORSTEP_COURIER_TOKEN": keys["courier_token"],
        "DOORSTEP_COURIER_TERMS": json.dumps(agreements.terms(keys["couriers"])),
    }
    return _module(
        layout, "courier_counterpart", agreed,
        "--port", str(layout.courier_port), "--state-dir", str(layout.courier), "--hall-url", layout.hall_url,
    )  # fmt: skip


def s3(layout: Layout) -> Child:
    """The S3 that browsers and functions see."""
    return _module(layout, "s3", _of(layout))


def scanner(layout: Layout, stack: Stack) -> Child:
    """What GuardDuty is in the cloud."""
    return _module(layout, "scanner", _of(layout), "--bucket", stack.outputs["UploadsBucket"])


def edge(layout: Layout, stack: Stack, keys: Mapping[str, Any]) -> Child:
    """What CloudFront is in the cloud."""
    settings = {**_of(layout), "STAFF_PASSWORD": keys["staff_password"]}
    outputs = stack.outputs
    return _module(
        layout, "edge", settings,
        *(f"--static={path}" for path in deployment.static_paths()),
        "--api-path", stack.api_path, "--pool", outputs["DeskUserPoolId"], "--client", outputs["DeskClientId"],
    )  # fmt: skip


def _of(layout: Layout) -> dict[str, str]:
    """The variables that tell a process which hall it belongs to."""
    return {name: str(port) for name, port in layout.ports.items()} | {"STATE": str(layout.state)}


def _module(layout: Layout, name: str, environment: Mapping[str, str], *options: str) -> Child:
    command = [sys.executable, "-m", f"infra.local.{name}", *options]
    return Child(name.replace("_", " "), command, os.environ | environment, layout.logs / f"{name}.log")


# --- when it is open ---------------------------------------------------------------------------------------------


def write_ready(layout: Layout, stack: Stack, ready: Path) -> None:
    """All addresses as JSON, for tests and ``make demo``. The file is there only while the hall is open."""
    addresses = {
        "hall": layout.hall_url,
        "cloud": layout.cloud_url,
        "stripe": layout.stripe_url,
        "courier": layout.courier_url,
        "s3": layout.s3_url,
        "region": cloud.REGION,
        "state": str(layout.state),
        "pid": os.getpid(),
        "stack": dict(stack.outputs),
    }
    unfinished = ready.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(addresses, indent=1) + "\n")
    unfinished.replace(ready)


def welcome(layout: Layout, keys: Mapping[str, Any]) -> str:
    """What the user sees once the hall is open."""
    people = "\n".join(f"      {one.email:<48} {', '.join(one.groups)}" for one in staff.roster())
    return f"""
{qr(layout.hall_url)}
  Doorstep is open.

    the hall           {layout.hall_url}
    the desk           {layout.hall_url}/v1/desk/queue, with a token from {layout.hall_url}/_local/staff
{people}
      password: {keys["staff_password"]}
    courier handheld   {layout.courier_url}
    pay page           {layout.stripe_url}/pay/<session>, where the hall sends the applicant
    messages           {layout.hall_url}/_local/messages
    emulated AWS       {layout.cloud_url}
    logs               {layout.logs}

  Ctrl-C closes the hall and keeps its cases; "make reset" forgets them.
"""


def qr(text: str) -> str:
    """A QR code for the terminal."""
    import io

    import qrcode

    code = qrcode.QRCode(border=2)
    code.add_data(text)
    out = io.StringIO()
    code.print_ascii(out)
    return out.getvalue()


# --- holding it together -----------------------------------------------------------------------------------------


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"  {name} …", end=" ", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("no", flush=True)
        raise
    print(f"{time.monotonic() - start:.1f} s", flush=True)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Only one hall at a time uses a state directory."""
    with layout.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(f"A hall with the state directory {layout.state} is open already.") from None
        yield


def _close(child: Child) -> None:
    with stage(f"Closing: {child.name}"):
        if not child.stop():
            raise Trouble(f"The {child.name} did not end by itself. What it kept may be older than it should.")


def _told(_number: int, _frame: FrameType | None) -> NoReturn:
    """The first signal closes the hall; further ones don't disturb the closing."""
    for number in CLOSING:
        signal.signal(number, signal.SIG_IGN)
    print(flush=True)
    raise Told


if __name__ == "__main__":
    main()
