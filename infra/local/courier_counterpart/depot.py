"""What the couriers share behind their counters: the book, the faults, the clock and a bell for the postman."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from infra.local.courier_counterpart.book import Book, Event, Parcel, Push, TooLate
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
        self._held_back: dict[str, list[str]] = {}  # waybill -> events that later ones are to overtake, oldest first

    def accept(self, courier: str, number: str) -> Parcel:
        """Book an order; the same number again is the same parcel. Refused: a fault that was ordered."""
        if self.book.ordered(courier, number) is None and self.chaos.refuses(number):
            raise Refused
        return self.book.book(courier, number)

    def leaves_unanswered(self, parcel: Parcel) -> bool:
        """Whether the caller is to hear nothing of this order (``silence``): a fault that was ordered."""
        return self.chaos.leaves_unanswered(parcel.number)

    def move(self, parcel: Parcel, state: str, undoes: str, tick: timedelta, reason: str = "") -> Event:
        """Let something happen to a parcel, and have the hall told. It may then get lost, all by itself."""
        event = self._happen(parcel, state, undoes, tick, reason)
        if not undoes and self._gets_lost(parcel, state):
            self._happen(replace(parcel, events=(*parcel.events, event)), "exception", "", tick, "lost")
        self.bell.set()
        return event

    def cancel(self, parcel: Parcel, tick: timedelta) -> None:
        """Call a parcel off; nothing when it is called off already. TooLate: it is picked up."""
        if parcel.state == "cancelled":
            return
        if parcel.has_left:
            raise TooLate
        self.move(parcel, "cancelled", "", tick)

    def delivered(self, push: Push) -> None:
        """The hall has acknowledged a push: now the last one that is held back may follow."""
        self.book.delivered(push)
        held_back = [event for event in self._held_back.pop(push.event.waybill, ()) if event != push.event.id]
        if held_back:
            self.book.hasten(self.clock().timestamp(), held_back.pop())
            self._held_back[push.event.waybill] = held_back

    def _happen(self, parcel: Parcel, state: str, undoes: str, tick: timedelta, reason: str) -> Event:
        now = self.clock()
        held_back, push_at = self._push(parcel.number, len(parcel.events), now)
        event = self.book.move(parcel, state, undoes, now, push_at=push_at, tick=tick, reason=reason)
        if held_back:
            self._held_back.setdefault(parcel.waybill, []).append(event.id)
        return event

    def _gets_lost(self, parcel: Parcel, state: str) -> bool:
        """Once at most: what was found again stays found."""
        lost_before = any(event.reason == "lost" for event in parcel.events)
        return not lost_before and self.chaos.loses_parcel(parcel.number) == state

    def _push(self, number: str, nth: int, now: datetime) -> tuple[bool, float | None]:
        """Whether a new push is held back, and when it is due at the latest (None: the hall is never told)."""
        if self.chaos.loses(number, nth):
            return False, None
        held_s = self.chaos.holds_back(number, nth)
        return held_s is not None, now.timestamp() + self.chaos.delays(number, nth) + (held_s or 0.0)


async def silence(request: Request) -> Response:
    """Say nothing until the caller has given up."""
    try:
        async with asyncio.timeout(_LONGEST_SILENCE_S):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
    return Response(status_code=504)
