"""What every keeper of the seal's key promises: the one in memory, and KMS as the local hall has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.adapters.es256 import verifier
from chalicelib.adapters.kms_signer import KmsSigner
from chalicelib.adapters.local_signer import LocalSigner
from chalicelib.domain.seal import open_seal, sign_seal
from chalicelib.ports import Signer, VendorRejected, VendorTemporary
from infra.local import cloud
from infra.local.layout import LOOPBACK, Layout


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an emulated KMS of this module's own."""
    layout = Layout(
        tmp_path_factory.mktemp("kms"), port=1, aws_port=_free_port(), stripe_port=2, courier_port=3, s3_port=4
    )
    if not (layout.emulator / "bin/python").exists():
        pytest.skip("the emulated AWS is not installed yet: `make run` or `make test` installs it")
    layout.logs.mkdir(parents=True)
    emulator = cloud.start(layout)
    try:
        emulator.await_answer(cloud.ready_url(layout))
        yield cloud.client(layout, "kms")
    finally:
        emulator.stop()


@pytest.fixture(params=["local", "kms"])
def signer(request: pytest.FixtureRequest) -> Signer:
    if request.param == "local":
        return LocalSigner()
    client = request.getfixturevalue("kms")
    return KmsSigner(client, client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"])


@pytest.mark.parametrize("message", [b"", b"a message", b"x" * 10_000], ids=["empty", "short", "longer than KMS takes"])
def test_a_signature_is_64_bytes_and_holds_under_the_public_key(signer: Signer, message: bytes) -> None:
    verify = verifier([signer.public_jwk()])
    signature = signer.sign(message)
    assert len(signature) == 64
    assert verify(signer.key_id, message, signature)
    assert not verify(signer.key_id, message + b"!", signature)
    assert not verify("another", message, signature)
    assert not verify(signer.key_id, message, signature[:-1])


def test_the_public_key_is_published_as_rfc_7517_asks(signer: Signer) -> None:
    jwk = signer.public_jwk()
    assert jwk | {"kid": signer.key_id, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig"} == jwk
    assert jwt.PyJWK(jwk).key_id == signer.key_id
    assert "d" not in jwk


def test_a_seal_holds_for_any_jose_library(signer: Signer) -> None:
    compact = sign_seal({"sub": "7KQ2-M9QF-2XHV-ABCD"}, signer.key_id, signer.sign)
    assert jwt.decode(compact, jwt.PyJWK(signer.public_jwk()), algorithms=["ES256"])["sub"] == "7KQ2-M9QF-2XHV-ABCD"
    assert open_seal(compact, verifier([signer.public_jwk()]))["sub"] == "7KQ2-M9QF-2XHV-ABCD"


def test_what_a_caller_does_with_the_public_key_changes_nothing(signer: Signer) -> None:
    signer.public_jwk().clear()
    assert signer.public_jwk()["kid"] == signer.key_id


def test_two_keys_have_two_ids() -> None:
    assert LocalSigner().key_id != LocalSigner().key_id


def test_short_numbers_are_filled_up_to_32_bytes() -> None:
    """One in 256 signatures has a short r, one in 256 a short s."""
    signer = LocalSigner(ec.derive_private_key(7, ec.SECP256R1()))
    signatures = [signer.sign(bytes([i % 256, i // 256])) for i in range(1500)]
    assert {len(signature) for signature in signatures} == {64}
    assert any(signature[0] == 0 for signature in signatures)
    assert any(signature[32] == 0 for signature in signatures)


def test_a_key_that_is_gone_is_rejected(kms: Any) -> None:
    gone = KmsSigner(kms, "00000000-0000-0000-0000-000000000000")
    with pytest.raises(VendorRejected, match="NotFoundException"):
        gone.sign(b"x")
    with pytest.raises(VendorRejected, match="NotFoundException"):
        gone.public_jwk()


def test_a_key_that_cannot_sign_so_is_rejected(kms: Any) -> None:
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    with pytest.raises(VendorRejected):
        KmsSigner(kms, key).public_jwk()


def test_an_unreachable_kms_is_temporary(tmp_path: Path) -> None:
    layout = Layout(tmp_path, port=1, aws_port=_free_port(), stripe_port=2, courier_port=3, s3_port=4)
    with pytest.raises(VendorTemporary, match=EndpointConnectionError.__name__):
        KmsSigner(cloud.client(layout, "kms"), "any").sign(b"x")


class Refusing:
    """A KMS that says no."""

    def __init__(self, code: str, status: int) -> None:
        self._answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def sign(self, **_: Any) -> Any:
        raise ClientError(self._answer, "Sign")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, VendorTemporary),
        ("KeyUnavailableException", 500, VendorTemporary),
        ("DependencyTimeoutException", 503, VendorTemporary),
        ("AccessDeniedException", 400, VendorRejected),
        ("DisabledException", 409, VendorRejected),
        ("KMSInvalidStateException", 409, VendorRejected),
    ],
)
def test_each_refusal_is_of_its_kind(code: str, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=code):
        KmsSigner(Refusing(code, status), "key").sign(b"x")  # type: ignore[arg-type]


class Counting:
    """A KMS that counts how often it is asked for the public key."""

    def __init__(self) -> None:
        self.asked = 0
        self._key = ec.generate_private_key(ec.SECP256R1()).public_key()

    def get_public_key(self, **_: Any) -> Any:
        self.asked += 1
        return {"PublicKey": self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}


def test_the_public_key_is_asked_for_once() -> None:
    client = Counting()
    signer = KmsSigner(client, "key")  # type: ignore[arg-type]
    assert signer.key_id == signer.public_jwk()["kid"] == signer.key_id
    assert client.asked == 1


def _free_port() -> int:
    with socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
