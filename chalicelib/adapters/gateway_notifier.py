"""Messages through an HTTP gateway, as most Chinese SMS providers offer: JSON in, and the key keeps it to one."""

from __future__ import annotations

import json

import urllib3

from chalicelib.ports import VendorRejected, VendorTemporary


class GatewayNotifier:
    """POSTs ``{"key", "channel", "to", "subject", "text"}``; 2xx is accepted, other 4xx but 429 are final."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=5), retries=False)

    def sms(self, key: str, phone: str, text: str) -> None:
        self._post({"key": key, "channel": "sms", "to": phone, "subject": "", "text": text})

    def email(self, key: str, address: str, subject: str, text: str) -> None:
        self._post({"key": key, "channel": "email", "to": address, "subject": subject, "text": text})

    def _post(self, message: dict[str, str]) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": message["key"]}
        try:
            answer = self._http.request("POST", self._url, body=json.dumps(message).encode(), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise VendorTemporary("gateway", type(error).__name__) from None
        if 400 <= answer.status < 500 and answer.status != 429:
            raise VendorRejected("gateway", str(answer.status))
        if answer.status >= 300:
            raise VendorTemporary("gateway", str(answer.status))
