"""The desk's people by OpenID Connect: bearer tokens (RFC 7519) checked against the issuer's published keys (RFC 7517).

Cognito and any other issuer: roles and departments are the groups ``role:<role>`` and ``department:<id>`` in the claim
``cognito:groups`` or ``groups``. An ID token names us in ``aud``; Cognito's access tokens have ``client_id`` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import urllib3

from chalicelib.ports import Forged, Staff, VendorTemporary

ALGORITHMS = ("RS256", "ES256")
LEEWAY = timedelta(seconds=30)
KEYS_GOOD_FOR = timedelta(hours=6)  # a key that the issuer has withdrawn is trusted no longer than this
ASK_AGAIN_AFTER = timedelta(minutes=1)  # so that made-up key ids can't make us ask at every request
_TIMEOUT = urllib3.Timeout(connect=3.0, read=5.0)

Fetch = Callable[[str], Mapping[str, Any]]


def fetch_json(url: str) -> Mapping[str, Any]:
    """A JSON object by HTTP GET. VendorTemporary: it can't be had right now."""
    try:
        answer = urllib3.request("GET", url, timeout=_TIMEOUT, retries=1, redirect=False)
        document = answer.json() if answer.status == 200 else None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise VendorTemporary("oidc", type(error).__name__) from None
    if not isinstance(document, dict):
        raise VendorTemporary("oidc", f"http_{answer.status}")
    return document


class OidcIdentities:
    """Implements ports.Identities. ``jwks_url`` "" is found by the issuer's discovery document. Keep the object."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        jwks_url: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        fetch: Fetch = fetch_json,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._jwks_url = jwks_url
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at: datetime | None = None

    def verify(self, token: str) -> Staff:
        """Whose token it is. Forged: it does not hold, or not any more. VendorTemporary: no keys to check it with."""
        try:
            key = self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                issuer=self._issuer,
                # Audience and times are checked below: ours may stand in client_id, and the clock is the hall's.
                options={
                    "require": ["exp", "iss", "sub"],
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Forged(type(error).__name__) from None
        self._check(claims)
        return staff_of(claims)

    def _check(self, claims: Mapping[str, Any]) -> None:
        now, leeway = self._clock().timestamp(), LEEWAY.total_seconds()
        if not _number(claims["exp"]) or claims["exp"] + leeway <= now:
            raise Forged("expired")
        begins = claims.get("nbf", 0)
        if not _number(begins) or begins - leeway > now:
            raise Forged("not yet valid")
        audience = claims.get("aud", claims.get("client_id"))
        if self._audience not in ([audience] if isinstance(audience, str) else _texts(audience)):
            raise Forged("audience")

    def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        kid = header.get("kid")
        if not isinstance(kid, str) or header.get("alg") not in ALGORITHMS:
            raise Forged("header")
        now = self._clock()
        stale = self._asked_at is None or now - self._asked_at >= KEYS_GOOD_FOR
        missing = kid not in self._keys and (self._asked_at is None or now - self._asked_at >= ASK_AGAIN_AFTER)
        if stale or missing:
            self._keys = keys_of(self._fetch(self._address()))
            self._asked_at = now
        if kid not in self._keys:
            raise Forged("unknown key")
        return self._keys[kid]

    def _address(self) -> str:
        if not self._jwks_url:
            found = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._issuer or not isinstance(found.get("jwks_uri"), str):
                raise VendorTemporary("oidc", "discovery")
            self._jwks_url = found["jwks_uri"]
        return self._jwks_url


def keys_of(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The signing keys of a JWK set by their ids; what is no key that we can use is left out."""
    keys = {}
    for item in document.get("keys", ()):
        if not isinstance(item, dict) or item.get("use", "sig") != "sig" or not isinstance(item.get("kid"), str):
            continue
        try:
            key = jwt.PyJWK(item)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS:
            keys[item["kid"]] = key
    return keys


def staff_of(claims: Mapping[str, Any]) -> Staff:
    groups = {*_texts(claims.get("cognito:groups")), *_texts(claims.get("groups"))}
    return Staff(str(claims["sub"]), _named(groups, "role:"), _named(groups, "department:"))


def _named(groups: Iterable[str], prefix: str) -> frozenset[str]:
    return frozenset(group.removeprefix(prefix) for group in groups if group.startswith(prefix))


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
