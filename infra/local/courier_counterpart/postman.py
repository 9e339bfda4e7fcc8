"""Delivers pushes to the hall, again and again until each is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import HTTPError

from chalicelib.domain.secrecy import derived
from infra.local.courier_counterpart.book import Push
from infra.local.courier_counterpart.depot import Depot
from infra.local.courier_counterpart.dialects import Dialect, Letter

_AT_ONCE = 8
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Hall:
    """Where the hall takes pushes: its address without a slash at the end, and what the secret part of each courier's
    path is derived from."""

    url: str
    token: str


def pause_after(attempts: int, first_s: float) -> float:
    """Seconds to wait after so many failures before this one: doubled each time, up to a minute."""
    return min(first_s * 2.0 ** min(attempts, 16), _LONGEST_PAUSE_S)


class Postman:
    """Carries due pushes, several parcels at a time, one push of a parcel after the other.

    A push that fails waits ``retry_s`` seconds, then twice as long each time, up to a minute; later pushes of the same
    parcel don't wait for it.
    """

    def __init__(self, depot: Depot, dialects: Mapping[str, Dialect], hall: Hall, *, retry_s: float) -> None:
        self._depot = depot
        self._dialects = dialects
        self._hall = hall
        self._retry_s = retry_s
        self._carried: set[str] = set()  # waybills with a push on its way
        self._repeats: set[int] = set()  # pushes that are second ones
        self._pool = urllib3.PoolManager(maxsize=_AT_ONCE, timeout=urllib3.Timeout(connect=3, read=30), retries=False)

    async def run(self) -> None:
        """Until cancelled. What was not delivered when the counterpart stopped is tried at once."""
        self._depot.book.hasten(self._now())
        async with asyncio.TaskGroup() as walks:
            while True:
                self._depot.bell.clear()
                await self._rest(self._set_out(walks))

    def _set_out(self, walks: asyncio.TaskGroup) -> float | None:
        """Start with what is due and can be carried; the time when there will be more, None: when the bell rings."""
        for push in self._depot.book.pushes():
            if len(self._carried) == _AT_ONCE:
                return None
            if push.event.waybill in self._carried:
                continue
            if push.due > self._now():
                return push.due
            self._carried.add(push.event.waybill)
            walks.create_task(self._walk(push))
        return None

    async def _rest(self, until: float | None) -> None:
        pause = None if until is None else max(0.0, until - self._now())
        try:
            async with asyncio.timeout(pause):
                await self._depot.bell.wait()
        except TimeoutError:
            pass

    async def _walk(self, push: Push) -> None:
        await self._deliver(push)
        self._carried.remove(push.event.waybill)
        self._depot.bell.set()

    async def _deliver(self, push: Push) -> None:
        chaos, number, nth = self._depot.chaos, push.number, push.event.nth
        if not chaos.drops(number, nth, push.attempts) and await self._is_acknowledged(push):
            self._depot.delivered(push)
            if push.id in self._repeats:
                self._repeats.remove(push.id)
            elif (pause := chaos.repeats_after(number, nth)) is not None:
                self._repeats.add(self._depot.book.push(push.event, self._now() + pause))
        else:
            self._depot.book.postpone(push, self._now() + pause_after(push.attempts, self._retry_s))

    async def _is_acknowledged(self, push: Push) -> bool:
        dialect = self._dialects[push.courier]
        letter = dialect.letter(push, self._depot.clock())
        try:
            status, body = await asyncio.to_thread(self._post, push.courier, letter)
        except HTTPError:
            return False
        return dialect.acknowledged(letter, status, body)

    def _post(self, courier: str, letter: Letter) -> tuple[int, bytes]:
        url = f"{self._hall.url}/webhooks/couriers/{courier}/{derived(self._hall.token, courier)}"
        response = self._pool.request("POST", url, body=letter.body, headers=letter.headers, redirect=False)
        return response.status, response.data

    def _now(self) -> float:
        return self._depot.clock().timestamp()
