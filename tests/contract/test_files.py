"""What every keeper of files does, and how S3 holds browsers to what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import urllib3
from botocore.config import Config

from chalicelib.adapters.memory import MemoryFiles
from chalicelib.adapters.s3_files import S3Files, s3_client
from chalicelib.ports import Files, VendorRejected
from infra.local.cloud import REGION
from tests.support import count_requests

PDF = "application/pdf"
KEY = "D7K3-M9QF-2XHVA/RC-2026-000001.pdf"
BUCKET = "doorstep-files"


@pytest.fixture
def s3(ministack: str) -> Any:
    client: Any = boto3.client(
        "s3", endpoint_url=ministack, region_name=REGION, config=Config(signature_version="s3v4")
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    for stored in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=stored["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture(params=["memory", "s3"])
def files(request: pytest.FixtureRequest) -> Files:
    return MemoryFiles() if request.param == "memory" else S3Files(BUCKET, request.getfixturevalue("s3"))


def post(files: Files, address: str, fields: Mapping[str, str], content: bytes) -> bool:
    """What a browser does with an ``upload_post``; whether it was taken."""
    if isinstance(files, MemoryFiles):
        try:
            files.receive(fields, content)
        except VendorRejected:
            return False
        return True
    answer = urllib3.request("POST", address, fields={**fields, "file": ("scan.pdf", content)})
    return answer.status < 300


def test_a_file_that_is_not_there_is_none(files: Files) -> None:
    assert files.get(KEY) is None


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", bytes(range(256)) * 1000])
def test_a_file_is_kept_byte_for_byte_until_it_is_deleted(files: Files, content: bytes) -> None:
    assert files.put_once(KEY, content, PDF) == content
    assert files.get(KEY) == content
    files.delete(KEY)
    files.delete(KEY)
    assert files.get(KEY) is None


def test_the_first_content_of_a_key_stays_and_is_given_to_later_writers(files: Files) -> None:
    assert files.put_once(KEY, b"first", PDF) == b"first"
    assert files.put_once(KEY, b"second", PDF) == b"first"
    assert files.get(KEY) == b"first"


def test_writers_that_meet_at_a_key_all_get_the_same_content(files: Files) -> None:
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda number: files.put_once(KEY, str(number).encode() * 1000, PDF), range(8)))
    assert len(set(stored)) == 1
    assert files.get(KEY) == stored[0]


def test_a_file_is_read_with_its_size_and_its_content_if_that_is_no_larger_than_asked_for(files: Files) -> None:
    assert files.read(KEY, most=10) is None
    files.put_once(KEY, b"0123456789", PDF)
    whole, without = files.read(KEY, most=10), files.read(KEY, most=9)
    assert whole is not None
    assert (whole.content, whole.content_type, whole.size) == (b"0123456789", PDF, 10)
    assert without == replace(whole, content=None)


def test_an_empty_file_is_read_as_one(files: Files) -> None:
    files.put_once(KEY, b"", PDF)
    found = files.read(KEY, most=10)
    assert found is not None
    assert (found.content, found.size) == (b"", 0)


def test_another_content_has_another_entity_tag(files: Files) -> None:
    tags = set()
    for content in (b"one", b"two", b"one"):
        files.put_once(KEY, content, PDF)
        found = files.read(KEY, most=10)
        assert found is not None
        assert found.etag.strip('"') == found.etag != ""
        tags.add(found.etag)
        files.delete(KEY)
    assert len(tags) == 2


def test_a_copy_has_the_content_and_a_type_of_its_own_and_may_be_made_again(files: Files) -> None:
    files.put_once("offered", b"%PDF-1.7", "application/octet-stream")
    found = files.read("offered", most=10)
    assert found is not None
    for _ in range(2):
        assert files.copy("offered", "kept", etag=found.etag, content_type=PDF)
        assert files.read("kept", most=10) == replace(found, content_type=PDF)
    assert files.read("offered", most=10) == found


def test_only_the_content_of_the_entity_tag_is_copied(files: Files) -> None:
    files.put_once("offered", b"seen", PDF)
    found = files.read("offered", most=10)
    assert found is not None
    files.delete("offered")
    assert not files.copy("offered", "kept", etag=found.etag, content_type=PDF)
    files.put_once("offered", b"another", PDF)
    assert not files.copy("offered", "kept", etag=found.etag, content_type=PDF)
    assert files.get("kept") is None


def test_an_upload_of_the_right_size_is_stored_under_its_key(files: Files) -> None:
    for size in (1, 999, 1000):
        address, fields = files.upload_post(f"upload-{size}", content_type=PDF, size=1000, seconds=60)
        assert post(files, address, fields, b"x" * size)
        assert files.get(f"upload-{size}") == b"x" * size


@pytest.mark.parametrize("size", [0, 1000])
def test_an_upload_may_be_allowed_to_be_empty(files: Files, size: int) -> None:
    address, fields = files.upload_post("upload", content_type=PDF, size=1000, seconds=60, least=0)
    assert post(files, address, fields, b"x" * size)
    assert files.get("upload") == b"x" * size


def test_an_upload_s_address_is_of_the_origin(files: Files) -> None:
    address, _ = files.upload_post("upload", content_type=PDF, size=1, seconds=60)
    assert f"{address}/".startswith(f"{files.origin}/")
    assert urlsplit(files.origin)._replace(scheme="", netloc="").geturl() == ""


@pytest.mark.parametrize("size", [0, 1001])
def test_an_upload_of_another_size_is_refused(files: Files, size: int) -> None:
    address, fields = files.upload_post("upload", content_type=PDF, size=1000, seconds=60)
    assert not post(files, address, fields, b"x" * size)
    assert files.get("upload") is None


def test_s3_itself_refuses_an_upload_of_another_type_or_to_another_key(s3: Any) -> None:
    files = S3Files(BUCKET, s3)
    address, fields = files.upload_post("upload", content_type=PDF, size=1000, seconds=60)
    for change in ({"Content-Type": "text/html"}, {"key": "elsewhere"}, {"x-amz-meta-more": "x"}):
        assert not post(files, address, {**fields, **change}, b"x")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_s3_sends_the_browser_back(s3: Any) -> None:
    back = "https://hall.example/files/arrived"
    address, fields = S3Files(BUCKET, s3).upload_post("upload", content_type=PDF, size=9, seconds=60, back=back)
    answer = urllib3.request("POST", address, fields={**fields, "file": ("scan.pdf", b"x")}, redirect=False)
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"{back}?")


def test_an_upload_keeps_its_type(s3: Any) -> None:
    files = S3Files(BUCKET, s3)
    address, fields = files.upload_post("upload", content_type=PDF, size=1000, seconds=60)
    assert post(files, address, fields, b"x")
    assert s3.head_object(Bucket=BUCKET, Key="upload")["ContentType"] == PDF


def test_an_address_fetches_the_file_as_a_download_under_its_name(s3: Any) -> None:
    files = S3Files(BUCKET, s3)
    files.put_once(KEY, b"%PDF-1.7", PDF)
    answer = urllib3.request("GET", files.url(KEY, seconds=60, filename='证照 "1".pdf'))
    assert answer.status == 200
    assert answer.data == b"%PDF-1.7"
    assert answer.headers["content-type"] == PDF
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"__ _1_.pdf\"; filename*=UTF-8''%E8%AF%81%E7%85%A7%20%221%22.pdf"
    )


def test_an_address_is_signed_by_version_4_and_lives_as_long_as_was_asked_for(s3: Any) -> None:
    query = parse_qs(urlsplit(S3Files(BUCKET, s3).url(KEY, seconds=60, filename="x.pdf")).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["60"]


def test_each_thing_is_one_request_but_for_a_second_writer(s3: Any) -> None:
    files, etag = S3Files(BUCKET, s3), hashlib.md5(b"x", usedforsecurity=False).hexdigest()
    costs: list[tuple[Callable[[], object], dict[str, int]]] = [
        (lambda: files.put_once(KEY, b"x", PDF), {"PutObject": 1}),
        (lambda: files.put_once(KEY, b"y", PDF), {"PutObject": 1, "GetObject": 1}),
        (lambda: files.get(KEY), {"GetObject": 1}),
        (lambda: files.read(KEY, most=9), {"GetObject": 1}),
        (lambda: files.copy(KEY, "kept", etag=etag, content_type=PDF), {"CopyObject": 1}),
        (lambda: files.origin, {}),
        (lambda: files.url(KEY, seconds=60, filename="x.pdf"), {}),
        (lambda: files.upload_post(KEY, content_type=PDF, size=1, seconds=60), {}),
        (lambda: files.delete(KEY), {"DeleteObject": 1}),
    ]
    for thing, cost in costs:
        with count_requests(s3) as counted:
            thing()
        assert counted == cost


def test_a_bucket_that_is_not_there_is_refused_by_name(s3: Any) -> None:
    with pytest.raises(VendorRejected, match="NoSuchBucket"):
        S3Files("nowhere-at-all", s3).get(KEY)


def test_a_presigned_address_is_of_the_bucket_s_own_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "ap-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    files = S3Files("doorstep-uploads", s3_client.__wrapped__())
    host = "https://doorstep-uploads.s3.ap-east-1.amazonaws.com"
    address, _ = files.upload_post("offered/one", content_type=PDF, size=1, seconds=1)
    assert (files.origin, address.rstrip("/")) == (host, host)
    assert files.url("kept/one", seconds=1, filename="one.pdf").startswith(f"{host}/kept/one?")
