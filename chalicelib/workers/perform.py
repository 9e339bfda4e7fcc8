"""The perform Lambda: the queue of steps. A step that fails comes back by itself, and by the sweep after that."""

from __future__ import annotations

import json
from typing import Any

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.logs import logger
from chalicelib.ports import VendorError
from chalicelib.usecases.hall import Hall

blueprint = Blueprint(__name__)
log = logger("perform")


@blueprint.lambda_function(name="perform")
def perform(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Do the steps of a batch; answers with the messages that are to come again."""
    hall = wiring.hall()
    failed = [record["messageId"] for record in event.get("Records", []) if not _done(hall, record)]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def _done(hall: Hall, record: dict[str, Any]) -> bool:
    from chalicelib.usecases.perform import perform as perform_step

    try:
        body = json.loads(record["body"])
        step = str(body["case"]), str(body["kind"]), str(body["subject"])
    except (ValueError, KeyError, TypeError):
        # It comes again until the queue sets it aside, which raises the alarm. Nothing is lost with it.
        log.exception("not a step", extra={"message_id": record["messageId"]})
        return False
    about = dict(zip(("case", "step", "subject"), step, strict=True))
    try:
        outcome = perform_step(hall, *step)
    except VendorError as error:
        log.warning("vendor failed", extra={**about, "vendor": error.vendor, "error": error.code})
        return False
    except Exception:
        log.exception("step failed", extra=about)
        return False
    log.info("step", extra={**about, "outcome": outcome})
    return True
