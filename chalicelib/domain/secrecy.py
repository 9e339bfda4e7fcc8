"""Comparing what somebody has given with a secret."""

from __future__ import annotations

import hashlib
import hmac


def is_same(given: str | bytes, secret: str | bytes) -> bool:
    """Whether they are the same. How long it takes tells nothing of the secret, not even how long that is.

    Digests are compared: they have one length, and nobody who guesses at the secret knows how a digest will begin.
    """
    return hmac.compare_digest(_digest(given), _digest(secret))


def _digest(text: str | bytes) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass") if isinstance(text, str) else text).digest()
