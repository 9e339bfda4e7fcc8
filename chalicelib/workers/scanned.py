"""The scanned Lambda: what a scan for malware found in an upload, as GuardDuty tells it by EventBridge.

The rule, the tries and the dead letters are set up in ``infra/aws/resources.yaml``. Events come at least once, in any
order. One that is not about an upload of this hall, or is no result of a scan at all, changes nothing.
"""

from __future__ import annotations

from typing import Any

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.logs import logger
from chalicelib.usecases.hall import Hall

KIND = "GuardDuty Malware Protection Object Scan Result"
OFFERED = "offered/"

# What a result means for the upload; what GuardDuty does not support are files that are locked with a password.
# ACCESS_DENIED and FAILED say nothing of the upload: somebody has to look why.
# https://docs.aws.amazon.com/guardduty/latest/ug/monitoring-malware-protection-s3-scans-gdu.html
VERDICTS = {"NO_THREATS_FOUND": "clean", "THREATS_FOUND": "infected", "UNSUPPORTED": "locked"}

blueprint = Blueprint(__name__)
log = logger("scanned")


class NotScanned(Exception):
    """The scanner could not do its work. The event comes again, and then ends among the dead letters."""


@blueprint.lambda_function(name="scanned")
def scanned(event: dict[str, Any], _context: Any) -> None:
    """Take down one result."""
    hall = wiring.hall()
    try:
        bucket, key, etag, result = _read(event)
    except (KeyError, TypeError):
        log.warning("not a scan's result", extra={"event_id": str(event.get("id", ""))})
        return
    if bucket != hall.uploads_bucket or not key.startswith(OFFERED):
        log.warning("not an upload of this hall", extra={"bucket": bucket})
        return
    _record(hall, key.removeprefix(OFFERED), etag, result)


def _read(event: dict[str, Any]) -> tuple[str, str, str, str]:
    """Bucket, key, entity tag and result. KeyError, TypeError: it is no such event."""
    if event["detail-type"] != KIND:
        raise KeyError(KIND)
    thing, found = event["detail"]["s3ObjectDetails"], event["detail"]["scanResultDetails"]
    return str(thing["bucketName"]), str(thing["objectKey"]), str(thing["eTag"]), str(found["scanResultStatus"])


def _record(hall: Hall, upload: str, etag: str, result: str) -> None:
    from chalicelib.usecases.uploads import record_scan

    about = {"upload": upload, "result": result}
    if result not in VERDICTS:
        log.error("not scanned", extra=about)
        raise NotScanned(result)
    record_scan(hall, upload, VERDICTS[result], etag.strip('"'))
    log.info("scanned", extra=about)
