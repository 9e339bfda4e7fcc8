"""A signer whose key lives in this process alone, for tests and for trying out."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.adapters import es256


class LocalSigner:
    """Implements ports.Signer. Each one has a key of its own, made at random, unless one is given."""

    def __init__(self, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self._jwk = es256.public_jwk(self._key.public_key())
        self.key_id = self._jwk["kid"]

    def sign(self, message: bytes) -> bytes:
        return es256.raw_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))

    def public_jwk(self) -> dict[str, str]:
        return dict(self._jwk)
