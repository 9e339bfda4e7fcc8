"""How an applicant shows that a case is theirs: a six-digit code to the form's phone, then a token for half an hour."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.errors import DomainError, NotAllowed, NotFound
from chalicelib.domain.numbers import parse_case_number
from chalicelib.forms.parties import phone
from chalicelib.texts import text
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.hall import Hall

CODE_LIFE = timedelta(minutes=10)
CODES = 3  # in CODE_LIFE
CODES_A_DAY = 12  # so that nobody's phone is flooded, and no code is found by asking for many
TRIES = 5
SESSION = timedelta(minutes=30)
AUDIENCE = "case"


class TooMany(DomainError):
    """Asked for too often; later it can be asked for again."""


@dataclass(frozen=True, slots=True)
class Session:
    token: str
    expires_at: datetime


def send_code(hall: Hall, loaded: Loaded) -> None:
    """A new code by SMS; an older one is good no longer. Raises TooMany ``too_many_codes``, and VendorError."""
    case, now = loaded.case, hall.now()
    number = phone(loaded.record.answers)
    if not number:
        raise NotFound("unknown_tracking")  # its answers are erased
    for name, most, span in (("codes", CODES, CODE_LIFE), ("codes-day", CODES_A_DAY, timedelta(days=1))):
        if hall.lookups.count(f"{name}#{case.number}", now=now, expires=now + span) > most:
            raise TooMany("too_many_codes")
    code, serial = f"{secrets.randbelow(10**6):06}", secrets.token_hex(8)
    record = {"digest": _code_digest(hall, case.number, serial, code), "serial": serial}
    hall.lookups.put(_lookup(case.number), record, expires=now + CODE_LIFE)
    words = text("message.code", case.language, code=code, case=case.number)
    hall.notifier.sms(f"{case.number}-code-{serial}", number, words)


def open_session(hall: Hall, number: str, code: str) -> Session:
    """A token for the right code; five wrong ones spend it. Raises NotAllowed ``wrong_code``."""
    now = hall.now()
    record = hall.lookups.get(_lookup(number), now=now)
    if record is None:
        raise NotAllowed("wrong_code")
    serial = str(record["serial"])
    # Counted before it is looked at, so that guesses made at the same moment count as well.
    tries = hall.lookups.count(f"tries#{number}#{serial}", now=now, expires=now + CODE_LIFE)
    right = hmac.compare_digest(str(record["digest"]), _code_digest(hall, number, serial, code))
    if tries > TRIES or not right:
        raise NotAllowed("wrong_code")
    hall.lookups.delete(_lookup(number))
    return _session(hall, number, now)


def _session(hall: Hall, number: str, now: datetime) -> Session:
    import jwt

    expires_at = (now + SESSION).replace(microsecond=0)
    claims = {"aud": AUDIENCE, "sub": number, "iat": int(now.timestamp()), "exp": int(expires_at.timestamp())}
    return Session(jwt.encode(claims, _token_key(hall), algorithm="HS256"), expires_at)


def check_token(hall: Hall, token: str, case: str) -> str:
    """The number of the case that the token is for. Raises NotAllowed ``unauthorized``; NotFound for another case."""
    import jwt

    try:
        claims = jwt.decode(
            token,
            _token_key(hall),
            algorithms=["HS256"],
            audience=AUDIENCE,
            # The time is the hall's, and is looked at below.
            options={"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotAllowed("unauthorized") from None
    if claims["exp"] <= hall.now().timestamp():
        raise NotAllowed("unauthorized")
    if parse_case_number(case) != claims["sub"]:
        raise NotFound("unknown_case")
    return str(claims["sub"])


def _token_key(hall: Hall) -> bytes:
    return hmac.digest(hall.mac_key, b"applicants' tokens", hashlib.sha256)


def _code_digest(hall: Hall, number: str, serial: str, code: str) -> str:
    return hmac.new(hall.mac_key, f"code:{number}:{serial}:{code}".encode(), hashlib.sha256).hexdigest()


def _lookup(number: str) -> str:
    return f"code#{number}"
