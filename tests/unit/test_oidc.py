"""The desk's tokens against a real issuer over HTTP, and against one that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.adapters.oidc import KEYS_GOOD_FOR, OidcIdentities, fetch_json, keys_of
from chalicelib.ports import Forged, Staff, VendorTemporary
from tests.api import api_over
from tests.halls import Clock, MemoryHall

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
JWK = {**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k1", "alg": "RS256", "use": "sig"}


@contextmanager
def issuer(pages: Mapping[str, tuple[int, bytes]]) -> Iterator[str]:
    """An HTTP server on loopback that has these pages; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = pages.get(self.path, (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(document: object) -> tuple[int, bytes]:
    return 200, json.dumps(document).encode()


def token(issuer_url: str, **changes: Any) -> str:
    claims = {"iss": issuer_url, "aud": "desk", "sub": "s1", "exp": int(NOW.timestamp()) + 60, "groups": ["role:clerk"]}
    return jwt.encode({**claims, **changes}, KEY, algorithm="RS256", headers={"kid": "k1"})


def test_keys_are_found_by_the_discovery_document() -> None:
    pages: dict[str, tuple[int, bytes]] = {"/keys": page({"keys": [JWK]})}
    with issuer(pages) as url:
        pages["/.well-known/openid-configuration"] = page({"issuer": url, "jwks_uri": f"{url}/keys"})
        identities = OidcIdentities(url, "desk", clock=Clock(NOW))
        assert identities.verify(token(url)) == Staff("s1", frozenset({"clerk"}))


def test_keys_are_found_where_the_setting_says() -> None:
    with issuer({"/elsewhere": page({"keys": [JWK]})}) as url:
        identities = OidcIdentities("https://desk.invalid", "desk", jwks_url=f"{url}/elsewhere", clock=Clock(NOW))
        assert identities.verify(token("https://desk.invalid")).subject == "s1"


def test_a_discovery_document_of_another_issuer_is_not_believed() -> None:
    pages: dict[str, tuple[int, bytes]] = {"/keys": page({"keys": [JWK]})}
    with issuer(pages) as url:
        pages["/.well-known/openid-configuration"] = page({"issuer": "https://x.invalid", "jwks_uri": f"{url}/keys"})
        with pytest.raises(VendorTemporary):
            OidcIdentities(url, "desk", clock=Clock(NOW)).verify(token(url))


@pytest.mark.parametrize("answer", [(500, b"{}"), (200, b"<html>"), (200, b"[]"), (302, b"{}")])
def test_an_issuer_that_does_not_answer_well_is_temporarily_away(answer: tuple[int, bytes]) -> None:
    with issuer({"/keys": answer}) as url, pytest.raises(VendorTemporary):
        fetch_json(f"{url}/keys")


def test_an_issuer_that_is_not_there_is_temporarily_away() -> None:
    with issuer({}) as url:
        gone = url
    with pytest.raises(VendorTemporary):
        fetch_json(f"{gone}/keys")


def test_a_key_that_the_issuer_has_withdrawn_is_not_trusted_for_ever() -> None:
    clock, published = Clock(NOW), [JWK]
    identities = OidcIdentities("i", "desk", jwks_url="x", clock=clock, fetch=lambda _: {"keys": published})
    assert identities.verify(token("i")).subject == "s1"
    published.clear()
    later = int((clock.advance(KEYS_GOOD_FOR)).timestamp()) + 60
    with pytest.raises(Forged):
        identities.verify(token("i", exp=later))


def test_what_is_no_signing_key_of_ours_is_left_out() -> None:
    symmetric = {"kty": "oct", "k": "c2VjcmV0", "kid": "k2", "alg": "HS256"}
    for_encryption = {**JWK, "kid": "k3", "use": "enc"}
    odd = ["text", None, {}, {"kid": 5}, {"kty": "RSA", "kid": "k4"}, symmetric, for_encryption, {**JWK, "kid": "k5"}]
    assert list(keys_of({"keys": [*odd, JWK]})) == ["k5", "k1"]


def test_the_desk_is_told_when_the_issuer_is_away() -> None:
    def away(_: str) -> Mapping[str, Any]:
        raise VendorTemporary("oidc", "http_500")

    hall = MemoryHall()
    hall.identities = OidcIdentities("i", "desk", jwks_url="x", clock=hall.clock, fetch=away)
    with api_over(hall) as api:
        answer = api.get("/v1/desk/queue", api.clerk)
    assert (answer.status, answer.code) == (503, "vendor_unavailable")
