"""The sweep Lambda: every five minutes, whatever got stuck goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.logs import logger

blueprint = Blueprint(__name__)
log = logger("sweep")


@blueprint.lambda_function(name="sweep")
def sweep(event: dict[str, Any], _context: Any) -> dict[str, int]:
    """``{"grace_s": 0}`` in the event makes it look at what was written just now, too."""
    from chalicelib.usecases.sweep import GRACE
    from chalicelib.usecases.sweep import sweep as sweep_hall

    grace = event.get("grace_s")
    swept = sweep_hall(wiring.hall(), GRACE if grace is None else timedelta(seconds=grace))
    found = {"commits": swept.commits, "messages": swept.messages, "cases": swept.cases}
    log.info("swept", extra=found)
    return found
