"""What the couriers share behind their counters: the book, the faults, the clock and a bell for the postman."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from infra.local.courier_counterpart.book import Book, Event, Parcel
from infra.local.courier_counterpart.chaos import Chaos

_LONGEST_SILENCE_S = 60


class Refused(Exception):
    """The courier does not take this order."""


class Depot:
    """Books, moves and calls off parcels as the faults of the day allow."""

    def __init__(self, book: Book, chaos: Chaos, clock: Callable[[], datetime]) -> None:
        self.book = book
        self.chaos = chaos
        self.clock = clock
        self.bell = asyncio.Event()  # rung when there may be something to deliver

    def accept(self, courier: str, number: str) -> Parcel:
        """Book an order; the same number again is the same parcel. Refused: a fault, ordered by ``refuse``."""
        if self.chaos.refuses():
            raise Refused
        return self.book.book(courier, number)

    def move(self, parcel: Parcel, state: str, undoes: str, tick: timedelta) -> Event:
        """Let something happen to a parcel, and have the hall told."""
        now = self.clock()
        event = self.book.move(parcel, state, undoes, now, push_at=self._push_at(now), tick=tick)
        self.bell.set()
        return event

    def cancel(self, parcel: Parcel, tick: timedelta) -> None:
        """Call a parcel off. TooLate: it is picked up."""
        now = self.clock()
        self.book.cancel(parcel, now, push_at=self._push_at(now), tick=tick)
        self.bell.set()

    def _push_at(self, now: datetime) -> float | None:
        return None if self.chaos.loses() else now.timestamp() + self.chaos.delay()


async def silence(request: Request) -> Response:
    """Say nothing until the caller has given up."""
    try:
        async with asyncio.timeout(_LONGEST_SILENCE_S):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
    return Response(status_code=504)
