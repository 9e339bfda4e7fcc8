"""The relay Lambda: streams of commits and of the inbox. Set up in ``infra/aws/resources.yaml`` (batches, retries,
partial failures, failure queue)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.logs import logger
from chalicelib.usecases.hall import Hall

blueprint = Blueprint(__name__)
log = logger("relay")


@blueprint.lambda_function(name="relay")
def relay(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Handle a batch of stream records; answers with the first that failed, from which Lambda goes on."""
    failed = first_failure(wiring.hall(), event.get("Records", []))
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}


def first_failure(hall: Hall, records: Iterable[dict[str, Any]]) -> str | None:
    """The sequence number of the first record that could not be handled; None when all were."""
    for key, group in groupby(records, key=_key):
        batch = list(group)
        try:
            _handle(hall, key, batch)
        except Exception:
            log.exception("relay failed", extra={"key": "#".join(key)})
            return str(batch[0]["dynamodb"]["SequenceNumber"])
    return None


def _key(record: dict[str, Any]) -> tuple[str, str]:
    keys = record["dynamodb"]["Keys"]
    return ("case", keys["case"]["S"]) if "case" in keys else ("inbox", keys["id"]["S"])


def _handle(hall: Hall, key: tuple[str, str], batch: list[dict[str, Any]]) -> None:
    kind, name = key
    if kind == "inbox":
        _apply(hall, name)
        return
    from chalicelib.usecases.relay import relay as relay_case

    versions = [v for v in map(_version, batch) if v]
    if versions:
        steps = relay_case(hall, name, versions)
        log.info("relayed", extra={"case": name, "version": max(versions), "steps": steps})


def _version(record: dict[str, Any]) -> int | None:
    """The version of a commit; None for what lies beside the commits."""
    kind, _, number = record["dynamodb"]["Keys"]["sk"]["S"].partition("#")
    return int(number) if kind == "c" else None


def _apply(hall: Hall, id: str) -> None:
    from chalicelib.usecases.inbox import try_apply
    from chalicelib.usecases.vendors import CircuitOpen

    message = hall.inbox.get(id)
    if message is None or message.state != "new":
        return
    try:
        applied = try_apply(hall, message)
    except CircuitOpen as error:
        # The sweep applies it once the vendor is back: an outage must not hold up what other vendors tell.
        log.warning("inbox message waits", extra={"source": message.source, "vendor": error.vendor})
        return
    log.info("inbox", extra={"source": message.source, "applied": applied})
