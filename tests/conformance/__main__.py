"""``python -m tests.conformance``: put an endpoint of the open contract to the kit, from outside.

What it asks of the endpoint, and what it leaves out without a drive or an address to listen at, is in
``docs/adding-a-courier.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.terms import Terms
from tests.conformance import CHECKS
from tests.conformance.kit import Check, Outcome, Verdict, run
from tests.conformance.listener import catching_hall
from tests.conformance.rigs import LONGEST_WAIT_S, Ability, Ear, Endpoint, EndpointRig

MARKS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.SKIPPED: "–"}
OF_THE_ADAPTER = frozenset({Ability.NETWORK, Ability.ERRS, Ability.LOOKS})
SECRET = "COURIER_SECRET"


def main() -> int:
    """The exit status: 0 when nothing failed."""
    options = _options()
    with _listening(options) as ear:
        endpoint = Endpoint(options.url.rstrip("/"), options.secret)
        tell = _tell if options.by_hand else None
        rig = EndpointRig(endpoint, ear=ear, drive=options.drive.rstrip("/"), tell=tell)
        return report(run(rig, asked_of_endpoints()))


def asked_of_endpoints() -> list[Check]:
    """The checks but those that are about the hall's own adapters."""
    asked = (check for check in CHECKS.values() if not check.needs & OF_THE_ADAPTER)
    return [check for check in asked if not check.fits(EndpointRig)]


def report(outcomes: Iterable[Outcome]) -> int:
    """Print each outcome as it comes, and how many there were. 0: nothing failed, and something passed."""
    count: Counter[Verdict] = Counter()
    for outcome in outcomes:
        count[outcome.verdict] += 1
        print(f"{MARKS[outcome.verdict]} {outcome.check.promise}", flush=True)
        if outcome.detail:
            print(f"  {outcome.verdict}: {outcome.detail} [{outcome.check.name}]", flush=True)
    print(", ".join(f"{count[verdict]} {verdict}" for verdict in Verdict))
    return 1 if count[Verdict.FAILED] or not count[Verdict.PASSED] else 0


@contextmanager
def _listening(options: argparse.Namespace) -> Iterator[Ear | None]:
    if not options.listen:
        yield None
        return
    host, _, port = options.listen.rpartition(":")
    webhook = couriers.webhook("open", Terms(secrets={"secret": options.secret}))
    with catching_hall(lambda push: ear.answer(push), int(port), host or "127.0.0.1") as hall:
        ear = Ear(hall, webhook, options.wait)
        print(f"Messages are awaited at {hall.url}/webhooks/couriers/open/<the secret part>", flush=True)
        yield ear


def _tell(instruction: str) -> bool:
    return not input(f"→ {instruction} Enter when it is so, n if it can't be: ").strip()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="courier-conformance", description="An endpoint put to the kit.")
    parser.add_argument("--url", required=True, help="the endpoint's address, to which /orders/… is added")
    parser.add_argument("--drive", default="", help="where POST /waybills/<waybill>/events moves a parcel")
    parser.add_argument("--by-hand", action="store_true", help="a person moves the parcels, as the kit says")
    parser.add_argument("--listen", default="", help="host:port at which the kit awaits the endpoint's messages")
    parser.add_argument("--wait", type=float, default=LONGEST_WAIT_S, help="seconds that a message may take")
    options = parser.parse_args()
    options.secret = os.environ.get(SECRET, "")
    if not options.secret.startswith("whsec_"):
        parser.error(f"the environment variable {SECRET} must have the shared secret, whsec_…")
    return options


if __name__ == "__main__":
    sys.exit(main())
