"""What a courier's failure means for us: it did not happen, it may have happened, or the courier said no."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.ports import VendorError, VendorRejected, VendorTemporary, VendorUnknown


@contextmanager
def a_vendor_that_answers(raw: bytes | None) -> Iterator[str]:
    """One connection: read the request, send these bytes and hang up; None: say nothing until the caller hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                if raw is None:
                    connection.recv(1)
                else:
                    connection.sendall(raw)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def outcome(raw: bytes | None, *, changes: bool, accepts: frozenset[int] = frozenset()) -> Answer | VendorError:
    with a_vendor_that_answers(raw) as url:
        try:
            http = Http("vendor", read_s=0.3 if raw is None else 20)
            return http.send("POST", url + "/张三?phone=13800000000", headers={}, changes=changes, accepts=accepts)
        except VendorError as fault:
            return fault


def status(code: int) -> bytes:
    return f"HTTP/1.1 {code} -\r\ncontent-length: 2\r\n\r\n{{}}".encode()


@pytest.mark.parametrize(
    ("raw", "when_changing", "when_asking", "code"),
    [
        (None, VendorUnknown, VendorTemporary, "no_answer"),
        (b"", VendorUnknown, VendorTemporary, "no_answer"),
        (b"HTTP/1.1 200 -\r\ncontent-length: 9\r\n\r\n{", VendorUnknown, VendorTemporary, "no_answer"),
        (b"nonsense\r\n\r\n", VendorUnknown, VendorTemporary, "no_answer"),
        (status(500), VendorUnknown, VendorTemporary, "http_500"),
        (status(504), VendorUnknown, VendorTemporary, "http_504"),
        (status(408), VendorUnknown, VendorTemporary, "http_408"),
        (status(429), VendorTemporary, VendorTemporary, "http_429"),
        (status(400), VendorRejected, VendorRejected, "http_400"),
        (status(404), VendorRejected, VendorRejected, "http_404"),
        (status(302), VendorRejected, VendorRejected, "http_302"),
    ],
)
def test_a_failure_after_sending(
    raw: bytes | None, when_changing: type[VendorError], when_asking: type[VendorError], code: str
) -> None:
    for changes, kind in ((True, when_changing), (False, when_asking)):
        fault = outcome(raw, changes=changes)
        assert type(fault) is kind
        assert str(fault) == f"vendor: {code}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://nowhere.invalid/", "http:///"])
def test_a_failure_before_sending_has_done_nothing(url: str) -> None:
    with pytest.raises(VendorTemporary, match="no_connection"):
        Http("vendor").send("PUT", url, headers={}, changes=True)


def test_an_answer_is_handed_on() -> None:
    assert outcome(status(201), changes=True) == Answer(201, b"{}")


def test_a_status_that_the_caller_accepts_is_handed_on() -> None:
    assert outcome(status(404), changes=False, accepts=frozenset({404})) == Answer(404, b"{}")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"[" * 99999])
def test_an_unreadable_answer_leaves_us_in_doubt(body: bytes) -> None:
    http = Http("vendor")
    with pytest.raises(VendorUnknown, match="unreadable"):
        http.json(Answer(200, body), changes=True)
    with pytest.raises(VendorTemporary, match="unreadable"):
        http.json(Answer(200, body), changes=False)
