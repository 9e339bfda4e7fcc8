"""The hall's seal key in AWS KMS (https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.adapters import es256
from chalicelib.ports import VendorError, VendorRejected, VendorTemporary

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

VENDOR = "kms"

# https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html: the ones below 500 that pass by themselves.
PASSING = {"ThrottlingException", "RequestExpired", "RequestLimitExceeded"}


class KmsSigner:
    """Implements ports.Signer. ``key`` is the id, ARN or alias of an ECC_NIST_P256 key for SIGN_VERIFY.

    Signing changes nothing, so nothing is ever unknown: VendorTemporary or VendorRejected. The public key is asked for
    once.
    """

    def __init__(self, client: KMSClient, key: str) -> None:
        self._client = client
        self._key = key

    @cached_property
    def key_id(self) -> str:
        """The ``kid`` of the public JWK."""
        return self._jwk["kid"]

    def sign(self, message: bytes) -> bytes:
        with _kms_errors():
            answer = self._client.sign(
                KeyId=self._key,
                Message=hashlib.sha256(message).digest(),  # the message itself may be 4,096 bytes at most
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return es256.raw_signature(answer["Signature"])

    def public_jwk(self) -> dict[str, str]:
        return dict(self._jwk)

    @cached_property
    def _jwk(self) -> dict[str, str]:
        with _kms_errors():
            answer = self._client.get_public_key(KeyId=self._key)
        key = load_der_public_key(answer["PublicKey"])
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise VendorRejected(VENDOR, "InvalidKeyUsageException")
        return es256.public_jwk(key)


@contextmanager
def _kms_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _as_ours(error) from error
    except BotoCoreError as error:  # no answer, or no credentials yet
        raise VendorTemporary(VENDOR, type(error).__name__) from error


def _as_ours(error: ClientError) -> VendorError:
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return VendorTemporary(VENDOR, code) if status >= 500 or code in PASSING else VendorRejected(VENDOR, code)
