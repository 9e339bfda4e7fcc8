"""What the hall told applicants: collected from the emulated SNS and SES, and kept over restarts.

The emulator keeps SMS without their time, and e-mails only until it stops, so each message is written down when it is
first seen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2

_MIN_PHONE_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Message:
    """An SMS or an e-mail as its receiver sees it. ``id`` is the provider's, ``at`` RFC 3339."""

    id: str
    to: str
    channel: str  # sms, email
    subject: str
    text: str
    at: str

    def is_for(self, receiver: str) -> bool:
        """By address; a phone number also without its country code, and with or without its plus sign."""
        if self.to.casefold() == receiver.casefold():
            return True
        digits = "".join(filter(str.isdecimal, receiver))
        return self.channel == "sms" and len(digits) >= _MIN_PHONE_DIGITS and self.to.endswith(digits)


class Messages:
    """All messages so far, oldest first, in a file of one JSON object per line."""

    def __init__(self, cloud: httpx2.AsyncClient, file: Path) -> None:
        self._cloud = cloud
        self._file = file
        self._collecting = asyncio.Lock()
        lines = file.read_text().splitlines() if file.is_file() else []
        self._seen = {message.id: message for message in (Message(**json.loads(line)) for line in lines)}

    async def collect(self) -> list[Message]:
        """Look for new ones and give all. httpx2.HTTPError: the emulated AWS does not answer."""
        async with self._collecting:
            sms = (await self._cloud.get("/_ministack/sns/sms-messages")).raise_for_status().json()
            emails = (await self._cloud.get("/_ministack/ses/messages")).raise_for_status().json()
            new = [message for message in (*_sms(sms), *_emails(emails)) if message.id not in self._seen]
            if new:
                with self._file.open("a") as out:
                    out.writelines(json.dumps(asdict(message), ensure_ascii=False) + "\n" for message in new)
                self._seen |= {message.id: message for message in new}
        return list(self._seen.values())


def _sms(answer: dict[str, dict[str, list[dict[str, str]]]]) -> Iterator[Message]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for records in answer["sms_messages"].values():
        for one in records:
            yield Message(one["MessageId"], one["PhoneNumber"], "sms", "", one["Message"], now)


def _emails(answer: dict[str, dict[str, list[dict[str, str | list[str] | float]]]]) -> Iterator[Message]:
    for records in answer["messages"].values():
        for one in records:
            at = datetime.fromtimestamp(float(str(one["Timestamp"])), UTC).isoformat(timespec="seconds")
            for receiver in one["To"] if isinstance(one["To"], list) else ():
                yield Message(
                    f"{one['MessageId']} {receiver}", receiver, "email", str(one["Subject"]), str(one["BodyText"]), at
                )
