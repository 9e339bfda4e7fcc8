"""A form that somebody goes on with later: kept on the hall's side for fourteen days, here or on another device.

What is kept is sealed with a key that its id and the hall's own key give together, and lies under a digest of the id:
whoever reads the table learns nothing from it. The id stands in the draft's address. Knowing it opens nothing: there
has to be the ``token``, which a device gets by saving the draft or by a code sent to the draft's phone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.domain.commit import canonical_json
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.numbers import crockford, typed
from chalicelib.domain.secrecy import is_same
from chalicelib.texts import text
from chalicelib.usecases import codes
from chalicelib.usecases.hall import Hall

LIFE = timedelta(days=14)  # from the last time that it was saved
MOST_BYTES = 256 * 1024  # as JSON
ID_LENGTH = 26  # characters: 130 bits
_NONCE = 12  # bytes (NIST SP 800-38D §8.2.2)


class Newer(Conflict):
    """The draft was saved by somebody else since it was read."""

    def __init__(self) -> None:
        super().__init__("draft_is_newer")


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as far as it is filled in. ``fields`` is what the browser sent; ``offered`` maps uploads to materials.

    ``key`` names the application to be. ``phone``, with its country code, is where codes for other devices go, "" for
    none. ``revision`` counts how often it was saved. ``carried``: its version of the service is no more; its fields
    were carried over to ``version``. ``stored`` is how it lies in the table. Personal data, erasable.
    """

    id: str
    service: str
    version: str
    language: str
    fields: Mapping[str, Sequence[str]] = field(repr=False)
    key: str = field(repr=False)
    offered: Mapping[str, str] = field(repr=False)
    saved_at: datetime
    phone: str = field(default="", repr=False)
    revision: int = 0
    carried: bool = False
    stored: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def kept_until(self) -> datetime:
        return self.saved_at + LIFE


def new_id() -> str:
    return crockford(secrets.token_bytes(17), ID_LENGTH)


def save(hall: Hall, draft: Draft) -> Draft:
    """Keep it from now on; gives it as it is kept. Raises Newer where it was saved since it was read, and Invalid
    ``body_too_large``.
    """
    now = hall.now()
    kept = replace(draft, saved_at=now, revision=draft.revision + 1, carried=False)
    document = canonical_json(_to_json(kept))
    if len(document) > MOST_BYTES:
        raise Invalid("body_too_large")
    stored, key = {"sealed": _seal(hall, draft.id, document)}, _lookup(draft.id)
    if draft.stored is None:
        done = hall.lookups.put_once(key, stored, now=now, expires=kept.kept_until)
    else:
        done = hall.lookups.replace(key, draft.stored, stored, expires=kept.kept_until)
    if not done:
        raise Newer
    return replace(kept, stored=stored)


def load(hall: Hall, id: str) -> Draft | None:
    """The draft, None when it was sent, deleted or has expired, or never was."""
    stored = hall.lookups.get(_lookup(id), now=hall.now())
    if stored is None:
        return None
    document = _unseal(hall, id, stored["sealed"])
    return None if document is None else replace(_from_json(id, json.loads(document)), stored=stored)


def forget(hall: Hall, id: str) -> None:
    """Erase it. One that is no more is no error."""
    hall.lookups.delete(_lookup(id))


# --- who may open it ---


def token(hall: Hall, id: str) -> str:
    """What a device that may open the draft holds: only the hall can make it from the id."""
    return crockford(hmac.digest(hall.mac_key, f"draft token:{id}".encode(), hashlib.sha256), ID_LENGTH)


def holds(hall: Hall, id: str, token_given: str) -> bool:
    return is_same(token_given, token(hall, id))


def address(hall: Hall, draft: Draft) -> str:
    """Where another device opens the draft, after a code."""
    return f"{hall.url}/d/{draft.id}"


def found_at(hall: Hall, code: str) -> Draft:
    """The draft of an address, which must have a phone to send a code to. NotFound ``unknown_draft``."""
    known = typed(code)
    draft = load(hall, known) if len(known) == ID_LENGTH else None
    if draft is None or not draft.phone:
        raise NotFound("unknown_draft")
    return draft


def send_address(hall: Hall, draft: Draft, phone: str, language: str) -> Draft:
    """Send the draft's address by SMS to this phone (with its country code), which codes go to from now on.

    Raises TooMany ``too_many_messages``, Newer, and VendorError: then the phone is kept all the same.
    """
    _limit(hall, "links", draft, phone, "too_many_messages")
    kept = draft if draft.phone == phone else save(hall, replace(draft, phone=phone))
    title = hall.catalogue.definition(draft.service, draft.version, language)["title"]
    until = kept.kept_until.astimezone(hall.calendar.zone).date().isoformat()
    words = text("message.draft", language, service=title, link=address(hall, kept), until=until)
    hall.notifier.sms(f"{_subject(draft.id)}-link-{secrets.token_hex(8)}", phone, words)
    return kept


def send_code(hall: Hall, draft: Draft, language: str) -> None:
    """A code to the draft's phone. Raises TooMany ``too_many_codes``, and VendorError."""
    codes.limit(hall, "codes", _phone_subject(hall, draft.phone))
    codes.send(hall, _subject(draft.id), draft.phone, partial(_code_message, language))


def _code_message(language: str, code: str) -> str:
    return text("message.draft_code", language, code=code)


def enter(hall: Hall, draft: Draft, code: str) -> str:
    """The token, for the right code. Raises NotAllowed ``wrong_code``."""
    codes.spend(hall, _subject(draft.id), code)
    return token(hall, draft.id)


def _limit(hall: Hall, name: str, draft: Draft, phone: str, refusal: str) -> None:
    for subject in (_subject(draft.id), _phone_subject(hall, phone)):
        codes.limit(hall, name, subject, refusal)


def _phone_subject(hall: Hall, phone: str) -> str:
    return "phone-" + hmac.new(hall.mac_key, f"phone:{phone}".encode(), hashlib.sha256).hexdigest()[:32]


# --- how it is kept ---


def _subject(id: str) -> str:
    """The draft in keys of the store and of the message gateway."""
    return f"draft-{hashlib.sha256(id.encode()).hexdigest()[:32]}"


def _lookup(id: str) -> str:
    return f"draft#{hashlib.sha256(id.encode()).hexdigest()}"


def _sealing_key(hall: Hall, id: str) -> bytes:
    return hmac.digest(hall.mac_key, f"draft key:{id}".encode(), hashlib.sha256)


def _seal(hall: Hall, id: str, document: bytes) -> str:
    """AES-256-GCM, the nonce first, bound to its place in the table."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(_sealing_key(hall, id)).encrypt(nonce, document, _lookup(id).encode())
    return b64encode(nonce + sealed).decode()


def _unseal(hall: Hall, id: str, sealed: str) -> bytes | None:
    """None for what was not sealed with this key."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    content = b64decode(sealed)
    try:
        return AESGCM(_sealing_key(hall, id)).decrypt(content[:_NONCE], content[_NONCE:], _lookup(id).encode())
    except InvalidTag:
        return None


def _to_json(draft: Draft) -> dict[str, Any]:
    return {
        "service": draft.service,
        "version": draft.version,
        "language": draft.language,
        "fields": {name: list(values) for name, values in draft.fields.items()},
        "key": draft.key,
        "offered": dict(draft.offered),
        "saved_at": draft.saved_at.isoformat(),
        "phone": draft.phone,
        "revision": draft.revision,
    }


def _from_json(id: str, document: Mapping[str, Any]) -> Draft:
    return Draft(**{**document, "id": id, "saved_at": datetime.fromisoformat(document["saved_at"])})
