"""Private files in an S3 bucket. Browsers fetch and store by presigned requests: S3 itself holds them to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from chalicelib.ports import StoredFile, VendorError, VendorRejected, VendorTemporary, VendorUnknown

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VENDOR = "s3"

# Some other request for the same key was under way: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_RACED = "ConditionalRequestConflict"
_EXISTS = _CHANGED = "PreconditionFailed"
_MISSING = "NoSuchKey"
_FOR_NOW = frozenset({_RACED, "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted"})
_TRIES = 3


@cache
def s3_client() -> S3Client:
    """One for all buckets. Signature version 4, which presigned posts need in every region, and the buckets' own hosts
    there: the host of all regions redirects a browser's post, for hours after a bucket was made, to where no page's
    policy lets it go.
    """
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual"},
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 3},
        ),
    )


class S3Files:
    """Implements ports.Files. Every method but the two that sign may raise the three kinds of VendorError."""

    def __init__(self, bucket: str, client: S3Client | None = None) -> None:
        self._bucket = bucket
        self._client = client or s3_client()

    def put_once(self, key: str, content: bytes, content_type: str) -> bytes:
        """One request when it is new, by a conditional put; one more to fetch what is there already."""
        for _ in range(_TRIES):
            if self._put_new(key, content, content_type):
                return content
            stored = self.get(key)
            if stored is not None:
                return stored
        raise VendorTemporary(VENDOR, _RACED)

    def get(self, key: str) -> bytes | None:
        """The content; None when there is no such file."""
        try:
            with _translated(writes=False):
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except VendorRejected as error:
            if error.code == _MISSING:
                return None
            raise

    def read(self, key: str, *, most: int) -> StoredFile | None:
        """One request; what is too large is not fetched."""
        try:
            with _translated(writes=False):
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                with answer["Body"] as body:
                    size = answer["ContentLength"]
                    content = body.read() if size <= most else None
        except VendorRejected as error:
            if error.code == _MISSING:
                return None
            raise
        return StoredFile(content, answer["ContentType"], size, answer["ETag"].strip('"'))

    def copy(self, source: str, target: str, *, etag: str, content_type: str) -> bool:
        """On S3's own side. The scanner's tags stay behind, so that no right to read and write tags is needed."""
        try:
            with _translated(writes=True):
                self._client.copy_object(
                    Bucket=self._bucket,
                    Key=target,
                    CopySource={"Bucket": self._bucket, "Key": source},
                    CopySourceIfMatch=f'"{etag}"',
                    ContentType=content_type,
                    MetadataDirective="REPLACE",
                    TaggingDirective="REPLACE",
                )
        except VendorError as error:
            if error.code in (_CHANGED, _MISSING):
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        """A file that is not there is no error."""
        with _translated(writes=True):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def url(self, key: str, *, seconds: int, filename: str) -> str:
        """For a download: what others have uploaded must not be shown as a page of this origin."""
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key, "ResponseContentDisposition": _attachment(filename)},
            ExpiresIn=seconds,
        )

    @property
    def origin(self) -> str:
        address, _ = self.upload_post("any", content_type="any", size=1, seconds=1)
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}"

    def upload_post(
        self, key: str, *, content_type: str, size: int, seconds: int, least: int = 1, back: str = ""
    ) -> tuple[str, Mapping[str, str]]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html"""
        fields = {"Content-Type": content_type} | ({"success_action_redirect": back} if back else {})
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        post = self._client.generate_presigned_post(
            self._bucket,
            key,
            Fields=fields,
            Conditions=[*conditions, ["content-length-range", least, size]],
            ExpiresIn=seconds,
        )
        return post["url"], post["fields"]

    def _put_new(self, key: str, content: bytes, content_type: str) -> bool:
        try:
            with _translated(writes=True):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=content, ContentType=content_type, IfNoneMatch="*"
                )
        except VendorError as error:
            if error.code in (_EXISTS, _RACED):
                return False
            raise
        return True


def _attachment(filename: str) -> str:
    """RFC 6266, for names in any script."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


@contextmanager
def _translated(*, writes: bool) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _refusal(error, writes=writes) from error
    except BotoCoreError as error:
        unknown = writes and isinstance(error, HTTPClientError)
        kind: type[VendorError] = VendorUnknown if unknown else VendorTemporary
        raise kind(VENDOR, type(error).__name__) from error


def _refusal(error: ClientError, *, writes: bool) -> VendorError:
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code in _FOR_NOW or (status >= 500 and not writes):
        return VendorTemporary(VENDOR, code)
    return VendorUnknown(VENDOR, code) if status >= 500 else VendorRejected(VENDOR, code)
