"""Secrets: compared with what somebody has given, and derived for one purpose each."""

from __future__ import annotations

import hashlib
import hmac


def is_same(given: str | bytes, secret: str | bytes) -> bool:
    """Whether they are the same. How long it takes tells nothing of the secret, not even how long that is.

    Digests are compared: they have one length, and nobody who guesses at the secret knows how a digest will begin.
    """
    return hmac.compare_digest(_digest(given), _digest(secret))


def derived(secret: str, purpose: str) -> str:
    """A secret for one purpose, 64 hexadecimal digits: who is told it knows neither the secret nor that of another."""
    return hmac.digest(secret.encode(), purpose.encode(), "sha256").hex()


def _digest(text: str | bytes) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass") if isinstance(text, str) else text).digest()
