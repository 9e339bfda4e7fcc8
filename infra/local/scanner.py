"""``python -m infra.local.scanner``: what GuardDuty's Malware Protection is in the cloud.

It looks at each new object below ``offered/`` of the uploads' bucket, tags it with its verdict, and tells EventBridge
by the same event. It knows the EICAR test file only, which every scanner knows: by itself, in a ZIP, or in a PDF. Like
GuardDuty it can't look into what is locked with a password.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pypdfium2
from botocore.exceptions import BotoCoreError, ClientError

from infra.local import cloud
from infra.local.layout import Layout

PREFIX = "offered/"
SOURCE = "doorstep.scanner"  # only AWS itself may speak as aws.guardduty; see MalwareScan in infra/aws/README.md
KIND = "GuardDuty Malware Protection Object Scan Result"
TAG = "GuardDutyMalwareScanStatus"
EVERY_S = 1.0

# https://www.eicar.org/download-anti-malware-testfile/, in halves: whole, it would be found in this very file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + rb"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
THREAT = "EICAR-Test-File (not a virus)"

_DEEPEST = 3  # archives within archives
_MOST_BYTES = 64 * 1024 * 1024  # of anything unpacked
_ENCRYPTED = 0x1  # general purpose bit 0: APPNOTE.TXT 4.4.4
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """In GuardDuty's words:
    https://docs.aws.amazon.com/guardduty/latest/ug/monitoring-malware-protection-s3-scans-gdu.html"""

    result: str
    status: str = "COMPLETED"
    threat: str = ""
    reason: str = ""


CLEAN = Verdict("NO_THREATS_FOUND")
INFECTED = Verdict("THREATS_FOUND", threat=THREAT)
LOCKED = Verdict("UNSUPPORTED", status="SKIPPED", reason="PASSWORD_PROTECTED")


class NotTold(Exception):
    """EventBridge did not take the event of this object."""


class _Locked(Exception):
    """A password is needed to look into it."""


def verdict(content: bytes) -> Verdict:
    """Look into a file, whatever it is called."""
    try:
        return INFECTED if any(EICAR in part for part in _parts(content, _DEEPEST)) else CLEAN
    except _Locked:
        return LOCKED


def _parts(content: bytes, deep: int) -> Iterator[bytes]:
    """A file, and what is packed in it."""
    yield content
    if content.startswith(b"%PDF-"):
        _open(content)
        yield from (_inflated(stream) for stream in _STREAM.findall(content))
    if deep and zipfile.is_zipfile(io.BytesIO(content)):
        yield from (part for member in _members(content) for part in _parts(member, deep - 1))


def _open(document: bytes) -> None:
    """Most PDFs that are encrypted forbid printing, and open without a password."""
    try:
        pypdfium2.PdfDocument(document).close()
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise _Locked from None


def _members(content: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if info.flag_bits & _ENCRYPTED:
                    raise _Locked
                with archive.open(info) as member:
                    yield member.read(_MOST_BYTES)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError):
        return  # what can't be unpacked hides nothing that could be run


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream, _MOST_BYTES)
    except zlib.error:
        return b""


def event(bucket: str, key: str, etag: str, found: Verdict) -> dict[str, Any]:
    """The detail of the event, as GuardDuty's:
    https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html"""
    return {
        "schemaVersion": "1.0",
        "scanStatus": found.status,
        "resourceType": "S3_OBJECT",
        "s3ObjectDetails": {
            "bucketName": bucket,
            "objectKey": key,
            "eTag": etag,
            "versionId": None,
            "s3Throttled": False,
        },
        "scanResultDetails": {
            "scanResultStatus": found.result,
            "threats": [{"name": found.threat}] if found.threat else None,
            "statusReasons": [found.reason] if found.reason else None,
        },
    }


class Scanner:
    """``s3`` and ``events`` are boto3 clients. What was told is known by its tag, also after a restart."""

    def __init__(self, s3: Any, events: Any, bucket: str) -> None:
        self._s3 = s3
        self._events = events
        self._bucket = bucket
        self._seen: set[tuple[str, str, str]] | None = None

    def look(self) -> int:
        """Look at what has come since the last time; gives the number of objects.

        The first time, whatever has a tag was looked at by an earlier process. Later on an object that came anew under
        the same key may still carry the tag of the one before.
        """
        here = {(one["Key"], one["ETag"].strip('"'), str(one["LastModified"])) for one in self._objects()}
        if self._seen is None:
            self._seen = {one for one in here if self._tagged(one[0])}
        new = here - self._seen
        for key, etag, _ in sorted(new):
            self._scan(key, etag)
        self._seen = here
        return len(new)

    def _objects(self) -> Iterator[Mapping[str, Any]]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX):
            yield from page.get("Contents", ())

    def _tagged(self, key: str) -> bool:
        tags = self._s3.get_object_tagging(Bucket=self._bucket, Key=key)["TagSet"]
        return any(tag["Key"] == TAG for tag in tags)

    def _scan(self, key: str, etag: str) -> None:
        """Told first, tagged then: who stops between the two tells twice, never not at all."""
        found = verdict(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        entry = {
            "Source": SOURCE,
            "DetailType": KIND,
            "Detail": json.dumps(event(self._bucket, key, etag, found)),
            "Resources": [f"arn:aws:s3:::{self._bucket}"],
        }
        if self._events.put_events(Entries=[entry])["FailedEntryCount"]:
            raise NotTold(key)
        tags = {"TagSet": [{"Key": TAG, "Value": found.result}]}
        self._s3.put_object_tagging(Bucket=self._bucket, Key=key, Tagging=tags)
        print(f"{key} {found.result}", flush=True)


def main() -> None:
    """Scan until told to stop. Ports and state directory come from the environment, as for ``make run``."""
    parser = argparse.ArgumentParser(prog="scanner", description="Looks for malware in uploads.")
    parser.add_argument("--bucket", required=True, help="the bucket of the uploads")
    options = parser.parse_args()
    layout = Layout.from_env()
    scanner = Scanner(cloud.client(layout, "s3"), cloud.client(layout, "events"), options.bucket)
    while True:
        try:
            scanner.look()
        except (BotoCoreError, ClientError, NotTold) as error:
            print(f"looked in vain: {type(error).__name__}", flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
