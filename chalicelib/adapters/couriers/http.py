"""One HTTP call to a courier, its failures told apart by what they mean for us (see ``chalicelib.ports``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, NewConnectionError

from chalicelib.ports import VendorError, VendorRejected, VendorTemporary, VendorUnknown


def utc_now() -> datetime:
    """The present time, aware."""
    return datetime.now(UTC)


def json_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object. ValueError: something else."""
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 -- to the caller it is one kind of fault
    return document


@dataclass(frozen=True, slots=True)
class Answer:
    """What the courier answered; ``status`` is 2xx or one that the caller said it accepts."""

    status: int
    body: bytes


class Http:
    """Calls one vendor, with time-outs (seconds) and without retries or redirects."""

    def __init__(self, vendor: str, *, connect_s: float = 3.0, read_s: float = 10.0) -> None:
        self._vendor = vendor
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=connect_s, read=read_s))

    def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str],
        changes: bool,
        accepts: frozenset[int] = frozenset(),
    ) -> Answer:
        """Send one request and give its 2xx answer, or an answer with a status in ``accepts``.

        ``changes`` says that the request makes the courier do something; a failure after sending is then
        VendorUnknown, and VendorTemporary otherwise. No connection and 429 are VendorTemporary, any other status
        below 500 is VendorRejected.
        """
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                # A Lambda is frozen between calls: a connection kept from the last one may be dead without showing it.
                headers={**headers, "connection": "close"},
                retries=False,
                redirect=False,
            )
        except (NewConnectionError, ConnectTimeoutError, LocationValueError) as fault:
            raise VendorTemporary(self._vendor, "no_connection") from fault
        except HTTPError as fault:
            raise self.doubt("no_answer", changes=changes) from fault
        return self._checked(Answer(response.status, response.data), changes=changes, accepts=accepts)

    def _checked(self, answer: Answer, *, changes: bool, accepts: frozenset[int]) -> Answer:
        code = f"http_{answer.status}"
        if answer.status // 100 == 2 or answer.status in accepts:
            return answer
        if answer.status == 429:
            raise VendorTemporary(self._vendor, code)
        if answer.status == 408 or answer.status >= 500:
            raise self.doubt(code, changes=changes)
        raise VendorRejected(self._vendor, code)

    def json(self, answer: Answer, *, changes: bool) -> dict[str, Any]:
        """The JSON object of an answer; one that can't be read leaves us in doubt."""
        try:
            return json_object(answer.body)
        except ValueError as fault:
            raise self.doubt("unreadable", changes=changes) from fault

    def doubt(self, code: str, *, changes: bool) -> VendorError:
        """The error of a request that was sent and not properly answered."""
        return (VendorUnknown if changes else VendorTemporary)(self._vendor, code)
