"""Case numbers and tracking codes, in Crockford's base 32 (no I, L, O, U; https://www.crockford.com/base32.html).

A case number is 12 keyed characters and a check character, written in groups: ``D7K3-M9QF-2XHVA``. A tracking code is
the number without its dashes, a dash, and a keyed MAC of it, so that a forged one is refused without a look-up.
"""

from __future__ import annotations

import hashlib
import hmac

from chalicelib.domain.secrecy import is_same

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MAC_LENGTH = 20  # characters: 100 bits
_VALUE = {character: value for value, character in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}


def crockford(digest: bytes, length: int) -> str:
    """The first ``5 * length`` bits of a digest."""
    bits = int.from_bytes(digest, "big") >> (len(digest) * 8 - 5 * length)
    return "".join(ALPHABET[bits >> 5 * position & 31] for position in reversed(range(length)))


def check_character(body: str) -> str:
    """Luhn's check character modulo 32: tells every single wrong character and most swapped neighbours."""
    total = 0
    for position, character in enumerate(reversed(body)):
        value = _VALUE[character] * (1 if position % 2 else 2)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def case_number(mac_key: bytes, idempotency_key: str, attempt: int = 0) -> str:
    """The number of the case that this key opens; ``attempt`` steps aside when two keys meet on one number."""
    digest = hmac.digest(mac_key, f"case:{attempt}:{idempotency_key}".encode(), hashlib.sha256)
    return with_check(crockford(digest, 12))


def with_check(body: str) -> str:
    return grouped(body + check_character(body))


def grouped(number: str) -> str:
    """``D7K3M9QF2XHVA`` as ``D7K3-M9QF-2XHVA``."""
    return f"{number[:4]}-{number[4:8]}-{number[8:]}"


def parse_case_number(text: str) -> str | None:
    """A number as a person types it (lower case, spaces, O for 0 …) in its written form; None when it can't be one."""
    body = typed(text)
    if len(body) != 13 or check_character(body[:-1]) != body[-1]:
        return None
    return grouped(body)


def typed(text: str) -> str:
    """Characters of ALPHABET as a person types them, without dashes and spaces; "" when there is any other one."""
    characters = [c for c in text.upper() if c not in "- "]
    return "".join(ALPHABET[_VALUE[c]] for c in characters) if all(c in _VALUE for c in characters) else ""


def tracking_code(mac_key: bytes, case: str) -> str:
    """The code in the tracking address of a case."""
    return f"{case.replace('-', '')}-{_mac(mac_key, case)}"


def case_of_tracking(mac_key: bytes, tracking: str) -> str | None:
    """The case that a tracking code belongs to; None when it is not one of ours."""
    body, _, mac = tracking.partition("-")
    case = parse_case_number(body)
    if case is None or not is_same(mac, _mac(mac_key, case)):
        return None
    return case


def _mac(mac_key: bytes, case: str) -> str:
    return crockford(hmac.digest(mac_key, f"tracking:{case}".encode(), hashlib.sha256), MAC_LENGTH)
