"""One-time codes by SMS: six digits, good for ten minutes and for one thing; five wrong ones spend it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta

from chalicelib.domain.errors import DomainError, NotAllowed
from chalicelib.domain.secrecy import is_same
from chalicelib.usecases.hall import Hall

LIFE = timedelta(minutes=10)
MOST = 3  # in LIFE
MOST_A_DAY = 12  # so that nobody's phone is flooded, and no code is found by asking for many
TRIES = 5


class TooMany(DomainError):
    """Asked for too often; later it can be asked for again."""


def send(hall: Hall, subject: str, phone: str, words: Callable[[str], str]) -> None:
    """A new code for ``subject`` (a key of the store: no personal data); an older one is good no longer.

    ``words`` makes the message from the code. Raises TooMany ``too_many_codes``, and VendorError.
    """
    limit(hall, "codes", subject)
    now = hall.now()
    code, serial = f"{secrets.randbelow(10**6):06}", secrets.token_hex(8)
    record = {"digest": _digest(hall, subject, serial, code), "serial": serial}
    hall.lookups.put(_lookup(subject), record, expires=now + LIFE)
    hall.notifier.sms(f"{subject}-code-{serial}", phone, words(code))


def spend(hall: Hall, subject: str, code: str) -> None:
    """Take the right code, once. Raises NotAllowed ``wrong_code``."""
    now = hall.now()
    record = hall.lookups.get(_lookup(subject), now=now)
    if record is None:
        raise NotAllowed("wrong_code")
    serial = str(record["serial"])
    # Counted before it is looked at, so that guesses made at the same moment count as well.
    tries = hall.lookups.count(f"tries#{subject}#{serial}", now=now, expires=now + LIFE)
    right = is_same(_digest(hall, subject, serial, code), str(record["digest"]))
    if tries > TRIES or not right:
        raise NotAllowed("wrong_code")
    hall.lookups.delete(_lookup(subject))


def limit(hall: Hall, name: str, subject: str, refusal: str = "too_many_codes") -> None:
    """Count one more message of this name. Raises TooMany ``refusal`` beyond MOST in LIFE or MOST_A_DAY."""
    now = hall.now()
    for counter, most, span in ((name, MOST, LIFE), (f"{name}-day", MOST_A_DAY, timedelta(days=1))):
        if hall.lookups.count(f"{counter}#{subject}", now=now, expires=now + span) > most:
            raise TooMany(refusal)


def _digest(hall: Hall, subject: str, serial: str, code: str) -> str:
    return hmac.new(hall.mac_key, f"code:{subject}:{serial}:{code}".encode(), hashlib.sha256).hexdigest()


def _lookup(subject: str) -> str:
    return f"code#{subject}"
