"""How an applicant shows that a case is theirs: a six-digit code to the form's phone, then a token for half an hour."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.errors import NotAllowed, NotFound
from chalicelib.domain.numbers import parse_case_number
from chalicelib.forms.parties import phone
from chalicelib.texts import text
from chalicelib.usecases import codes
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.hall import Hall

SESSION = timedelta(minutes=30)
AUDIENCE = "case"


@dataclass(frozen=True, slots=True)
class Session:
    token: str
    expires_at: datetime


def send_code(hall: Hall, loaded: Loaded) -> None:
    """A new code by SMS; an older one is good no longer. Raises TooMany ``too_many_codes``, and VendorError."""
    case = loaded.case
    number = phone(loaded.record.answers)
    if not number:
        raise NotFound("unknown_tracking")  # its answers are erased
    codes.send(hall, case.number, number, lambda code: text("message.code", case.language, code=code, case=case.number))


def open_session(hall: Hall, number: str, code: str) -> Session:
    """A token for the right code; five wrong ones spend it. Raises NotAllowed ``wrong_code``."""
    codes.spend(hall, number, code)
    return _session(hall, number, hall.now())


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
