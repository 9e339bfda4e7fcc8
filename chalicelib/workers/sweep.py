"""The sweep Lambda: every five minutes, whatever got stuck goes on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.logs import logger
from chalicelib.ports import VendorError
from chalicelib.usecases.hall import Hall

blueprint = Blueprint(__name__)
log = logger("sweep")


@blueprint.lambda_function(name="sweep")
def sweep(event: dict[str, Any], _context: Any) -> dict[str, int]:
    """``{"grace_s": 0}`` in the event makes it look at what was written just now, too."""
    from chalicelib.usecases.sweep import GRACE

    grace = event.get("grace_s")
    hall = wiring.hall()
    found = push(hall, GRACE if grace is None else timedelta(seconds=grace))
    log.info("swept", extra=found)
    _tell_outages(hall)
    return found


def _tell_outages(hall: Hall) -> None:
    """A line a run for each vendor that does not answer, from which the alarm is made."""
    from chalicelib.usecases.outages import down

    for vendor in down(hall):
        circuit = vendor.circuit
        about = {"vendor": vendor.code, "error": circuit.error, "since": circuit.since, "retry_at": circuit.retry_at}
        log.warning("vendor down", extra=about)


def push(hall: Hall, grace: timedelta) -> dict[str, int]:
    """How many messages, cases with commits, and cases with something owed were pushed, and how many pushes failed."""
    from chalicelib.usecases.sweep import Chore, chores

    def done(chore: Chore) -> bool:
        about = {"kind": chore.kind, "of": chore.name}
        try:
            chore.do()
        except VendorError as error:
            log.warning("vendor failed", extra={**about, "vendor": error.vendor, "error": error.code})
            return False
        except Exception:
            log.exception("push failed", extra=about)
            return False
        return True

    found = Counter({"messages": 0, "commits": 0, "cases": 0, "failed": 0})
    for chore in chores(hall, grace):
        found[chore.kind if done(chore) else "failed"] += 1
    return dict(found)
