"""Public P-256 keys and ES256 signatures (RFC 7518 §3.4), for whoever keeps the private key."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from chalicelib.domain.seal import Verify

COORDINATE = 32  # bytes
KEY_ID_LENGTH = 11  # characters of the thumbprint: 66 bits tell keys apart, and the seal has to fit a QR code


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The key as a JWK; ``kid`` is the beginning of its thumbprint (RFC 7638). ValueError for another curve."""
    if key.curve.name != ec.SECP256R1.name:
        raise ValueError("not a P-256 key")
    point = key.public_numbers()
    jwk = {"crv": "P-256", "kty": "EC", "x": _coordinate(point.x), "y": _coordinate(point.y)}
    thumbprint = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    return jwk | {"alg": "ES256", "use": "sig", "kid": _base64url(thumbprint)[:KEY_ID_LENGTH]}


def raw_signature(der: bytes) -> bytes:
    """The 64 bytes r, s of a DER signature."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(COORDINATE, "big") + s.to_bytes(COORDINATE, "big")


def verifier(jwks: Iterable[Mapping[str, str]]) -> Verify:
    """What tells, for these keys, whether a signature holds; False also for a key that is none of them."""
    keys = {jwk["kid"]: _public_key(jwk) for jwk in jwks}

    def verify(key_id: str, message: bytes, signature: bytes) -> bool:
        if key_id not in keys or len(signature) != 2 * COORDINATE:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:COORDINATE], signature[COORDINATE:]))
        try:
            keys[key_id].verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    return verify


def _public_key(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(urlsafe_b64decode(jwk[name] + "="), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _coordinate(value: int) -> str:
    return _base64url(value.to_bytes(COORDINATE, "big"))


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
