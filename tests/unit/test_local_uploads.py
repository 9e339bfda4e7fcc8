"""What stands for S3 and for GuardDuty in the local hall, each by itself."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials

from infra.local.s3 import Refused, allowed, before_the_file, check_form, preflight
from infra.local.scanner import CLEAN, EICAR, INFECTED, LOCKED, PREFIX, TAG, NotTold, Scanner, verdict
from tests.files import document, infected, picture

REGION = "us-east-1"
OWN = Credentials("000000000000", "local")
HALL = "http://localhost:8000"
RULES = [
    {
        "AllowedOrigins": [HALL],
        "AllowedMethods": ["POST"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }
]


# --- S3's forms --------------------------------------------------------------------------------------------------


def form(credentials: Credentials = OWN, region: str = REGION) -> dict[str, str]:
    """A presigned POST's fields, as boto3 makes them."""
    s3: Any = boto3.client(
        "s3",
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=Config(signature_version="s3v4"),
    )
    fields: dict[str, str] = s3.generate_presigned_post("uploads", "offered/one")["fields"]
    return fields


def refusal(fields: dict[str, str]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        check_form(fields, OWN, REGION)
    return refused.value.status, refused.value.code


def test_a_policy_that_was_signed_here_counts() -> None:
    check_form(form(), OWN, REGION)


def test_a_policy_that_others_have_signed_does_not_count() -> None:
    assert refusal(form(Credentials(OWN.access_key, "guessed"))) == (403, "SignatureDoesNotMatch")
    assert refusal(form(Credentials("111111111111", "local"))) == (403, "InvalidAccessKeyId")
    assert refusal(form(region="eu-central-1")) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("changed", ["policy", "x-amz-signature"])
def test_a_policy_that_was_changed_does_not_count(changed: str) -> None:
    fields = form()
    assert refusal({**fields, changed: fields[changed][:-2] + "AA"})[0] == 403


def test_a_form_without_a_policy_stores_nothing() -> None:
    assert refusal({"key": "offered/one"}) == (403, "AccessDenied")


def test_what_comes_after_the_file_is_not_seen() -> None:
    fields = list(form().items())
    assert before_the_file([*fields, ("file", "content"), ("key", "another")]) == dict(fields)
    assert refusal(before_the_file([("file", "content"), *fields])) == (400, "InvalidArgument")


# --- other pages' scripts ----------------------------------------------------------------------------------------


def test_a_script_of_the_hall_s_own_pages_may_post() -> None:
    asked = {
        "origin": HALL,
        "access-control-request-method": "POST",
        "access-control-request-headers": "Content-Type, X-Progress",
    }
    answer = preflight(RULES, asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == HALL
    assert answer.headers["access-control-allow-headers"] == "content-type, x-progress"
    assert answer.headers["access-control-max-age"] == "3600"


@pytest.mark.parametrize(
    ("origin", "method"), [("http://localhost:8001", "POST"), (HALL, "PUT"), ("", "POST"), ("null", "POST")]
)
def test_other_scripts_are_refused_before_they_ask(origin: str, method: str) -> None:
    answer = preflight(RULES, {"origin": origin, "access-control-request-method": method})
    assert answer.status_code == 403
    assert b"<Code>AccessForbidden</Code>" in answer.body
    assert "access-control-allow-origin" not in answer.headers


def test_without_a_rule_no_other_page_sees_an_answer() -> None:
    assert allowed([], HALL, "POST") == {}
    assert allowed(RULES, "http://elsewhere.example", "POST") == {}


# --- the scanner's eye -------------------------------------------------------------------------------------------


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def locked_zip() -> bytes:
    """An archive that says of its member that it is encrypted."""
    content = bytearray(zipped(secret=b"x" * 100))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


def pdf_with(stream: bytes) -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<</Filter/FlateDecode>>\nstream\n" + zlib.compress(stream) + b"\nendstream\nendobj\n"


@pytest.mark.parametrize(
    "content",
    [EICAR, infected(picture()), infected(document()), zipped(a=EICAR), zipped(a=zipped(b=EICAR)), pdf_with(EICAR)],
    ids=["alone", "behind a photo", "behind a PDF", "in a ZIP", "in a ZIP within a ZIP", "packed in a PDF"],
)
def test_the_test_virus_is_found(content: bytes) -> None:
    assert verdict(content) == INFECTED


@pytest.mark.parametrize(
    "content",
    [b"", EICAR[:-1], picture(), document(), document(owner_password="owner"), zipped(a=b"a"), zipped(a=b"a")[:-30]],
    ids=["nothing", "half of it", "a photo", "a PDF", "a PDF that forbids printing", "a ZIP", "a torn ZIP"],
)
def test_other_files_are_clean(content: bytes) -> None:
    assert verdict(content) == CLEAN


def test_what_is_locked_with_a_password_can_t_be_looked_into() -> None:
    assert verdict(document(password="secret")) == LOCKED
    assert verdict(locked_zip()) == LOCKED


# --- the scanner at work -----------------------------------------------------------------------------------------


@dataclass
class Store:
    """As much of boto3's S3 client as the scanner asks for."""

    objects: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def get_paginator(self, operation: str) -> Store:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803  (boto3's names)
        found = [key for key in self.objects if key.startswith(Prefix)]
        at = datetime(2026, 11, 23, tzinfo=UTC)
        return [{"Contents": [{"Key": k, "ETag": f'"{hash(self.objects[k])}"', "LastModified": at} for k in found]}]

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_object_tagging(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"TagSet": self.tags.get(Key, [])}

    def put_object_tagging(self, Bucket: str, Key: str, Tagging: dict[str, Any]) -> None:  # noqa: N803
        self.tags[Key] = Tagging["TagSet"]


@dataclass
class Bus:
    """As much of boto3's EventBridge client."""

    told: list[dict[str, Any]] = field(default_factory=list)
    takes: bool = True

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, int]:  # noqa: N803
        self.told += Entries if self.takes else []
        return {"FailedEntryCount": 0 if self.takes else len(Entries)}

    @property
    def results(self) -> list[tuple[str, str]]:
        details = [json.loads(entry["Detail"]) for entry in self.told]
        return [(d["s3ObjectDetails"]["objectKey"], d["scanResultDetails"]["scanResultStatus"]) for d in details]


GOOD, BAD = f"{PREFIX}good", f"{PREFIX}bad"


@pytest.fixture
def store() -> Store:
    return Store({GOOD: picture(), BAD: EICAR, "kept/case/one": EICAR})


def test_each_offered_file_is_tagged_and_told_of_once(store: Store) -> None:
    bus = Bus()
    scanner = Scanner(store, bus, "uploads")
    assert [scanner.look(), scanner.look()] == [2, 0]
    assert bus.results == [(BAD, "THREATS_FOUND"), (GOOD, "NO_THREATS_FOUND")]
    assert store.tags == {
        BAD: [{"Key": TAG, "Value": "THREATS_FOUND"}],
        GOOD: [{"Key": TAG, "Value": "NO_THREATS_FOUND"}],
    }


def test_a_scanner_that_starts_again_goes_on_where_the_tags_end(store: Store) -> None:
    Scanner(store, Bus(), "uploads").look()
    store.objects[f"{PREFIX}new"] = picture()
    bus = Bus()
    Scanner(store, bus, "uploads").look()
    assert bus.results == [(f"{PREFIX}new", "NO_THREATS_FOUND")]


def test_a_file_posted_anew_is_scanned_anew_whatever_its_tag_says(store: Store) -> None:
    bus = Bus()
    scanner = Scanner(store, bus, "uploads")
    scanner.look()
    store.objects[GOOD] = EICAR
    scanner.look()
    assert bus.results[-1] == (GOOD, "THREATS_FOUND")
    assert store.tags[GOOD][0]["Value"] == "THREATS_FOUND"


def test_what_could_not_be_told_is_told_later(store: Store) -> None:
    bus = Bus(takes=False)
    scanner = Scanner(store, bus, "uploads")
    with pytest.raises(NotTold):
        scanner.look()
    assert store.tags == {}
    bus.takes = True
    scanner.look()
    assert {key for key, _ in bus.results} == {GOOD, BAD}
