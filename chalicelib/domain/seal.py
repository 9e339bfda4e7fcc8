"""The seal of a certificate (证照): a compact JWS (RFC 7515) with ES256 (RFC 7518 §3.4), short enough for a QR code.

Its claims are ones of RFC 7519 (``iss`` the hall, ``sub`` the certificate's number, ``iat``, ``exp``) and three
of ours: ``crt`` the certificate's code, ``svc`` its service and version, ``hld`` the masked holder. The key stays with
whoever keeps it: the functions here take what signs and what verifies as arguments.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Protocol

from chalicelib.domain.errors import Invalid
from chalicelib.domain.numbers import ALPHABET, check_character, crockford

ALGORITHM = "ES256"
NUMBER_LENGTH = 16  # characters: 75 keyed bits and the check character

Sign = Callable[[bytes], bytes]
Verify = Callable[[str, bytes, bytes], bool]  # key id, message, signature

_AS_MEANT = str.maketrans("OIL", "011", "- ")  # what Crockford's alphabet reads for letters that it lacks


class Certified(Protocol):
    """What the seal says of a certificate, as the public record has it."""

    @property
    def number(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def holder(self) -> str: ...
    @property
    def issued_at(self) -> datetime: ...
    @property
    def valid_until(self) -> date | None: ...


def certificate_number(case: str, code: str, mac_key: bytes, replaced: int = 0) -> str:
    """The number of a case's certificate, always the same; as long as four groups of four, which no case number is.

    ``replaced`` counts those that were lost before this one.
    """
    what = f"certificate:{case}:{code}" + (f":{replaced}" if replaced else "")
    digest = hmac.digest(mac_key, what.encode(), hashlib.sha256)
    body = crockford(digest, NUMBER_LENGTH - 1)
    return _grouped(body + check_character(body))


def parse_certificate_number(text: str) -> str | None:
    """A number as a person types it (lower case, spaces, O for 0 …) in its written form; None when it can't be one."""
    number = text.upper().translate(_AS_MEANT)
    if (
        len(number) != NUMBER_LENGTH
        or any(c not in ALPHABET for c in number)
        or check_character(number[:-1]) != number[-1]
    ):
        return None
    return _grouped(number)


def mask_name(name: str) -> str:
    """The first character and one star, whatever follows: ``张*``, ``M*``. A name of one character shows none of it.

    A mark that belongs to the first character (an accent, a variation selector) stays with it.
    """
    composed = unicodedata.normalize("NFC", name.strip())
    head = composed[:2] if unicodedata.category(composed[1:2] or " ").startswith("M") else composed[:1]
    return f"{head}*" if composed[len(head) :] else "*"


def seal_claims(hall_url: str, certificate: Certified, zone: tzinfo = UTC) -> dict[str, Any]:
    """What the seal says. ``exp`` is the end of its last valid day in ``zone``, left out where there is none."""
    claims: dict[str, Any] = {
        "iss": hall_url,
        "sub": certificate.number,
        "iat": int(certificate.issued_at.timestamp()),
        "crt": certificate.code,
        "svc": f"{certificate.service}/{certificate.version}",
        "hld": certificate.holder,
    }
    if certificate.valid_until:
        end = datetime.combine(certificate.valid_until + timedelta(days=1), time(), zone)
        claims["exp"] = int(end.timestamp())
    return claims


def sign_seal(claims: Mapping[str, Any], key_id: str, sign: Sign) -> str:
    """The compact JWS. ``sign`` gives the 64 bytes r, s of RFC 7518 §3.4."""
    content = f"{_encoded({'alg': ALGORITHM, 'kid': key_id})}.{_encoded(claims)}"
    return f"{content}.{_base64url(sign(content.encode()))}"


def seal_url(hall_url: str, number: str, compact: str) -> str:
    """What the QR holds. The seal is the fragment, so that no web server's log sees it."""
    return f"{hall_url}/verify/{number}#{compact}"


def open_seal(compact: str, verify: Verify) -> dict[str, Any]:
    """The claims of a seal that holds. Whether it has expired or was revoked is for the caller to say.

    Invalid ``malformed_seal``: it can't be read. Invalid ``forged_seal``: the signature is not that key's.
    """
    try:
        header, claims, signature = (_plain(part) for part in compact.split("."))
        parameters, content = json.loads(header), json.loads(claims)
        key_id = parameters["kid"]
        readable = parameters["alg"] == ALGORITHM and "crit" not in parameters and isinstance(key_id, str)
    except (ValueError, KeyError, TypeError, RecursionError):
        readable = False
    if not readable or not isinstance(content, dict):
        raise Invalid("malformed_seal")
    if not verify(key_id, compact.rpartition(".")[0].encode(), signature):
        raise Invalid("forged_seal")
    return content


def _grouped(number: str) -> str:
    return "-".join(number[start : start + 4] for start in range(0, len(number), 4))


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _plain(text: str) -> bytes:
    """Strict: each content has one spelling, so that a seal can't be respelled and still hold. ValueError otherwise."""
    content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64url(content) != text:
        raise ValueError("not base64url")
    return content
