"""The couriers' side: vans, parcels and pushes. What a courier has booked it really drives, with everything that
befalls a parcel; the hall learns of it only by what reaches it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from chalicelib.adapters.couriers.memory import MemoryCourier
from chalicelib.ports import CourierOrder, Forged, News, Reply, Shipment
from chalicelib.usecases import inbox
from chalicelib.usecases.hall import Hall
from tests.chaos.dice import Fault
from tests.chaos.world import Course, World

KEY = b"a key of the chaos suite's couriers"
TOLERANCE = timedelta(minutes=5)
TRIES = 6  # of a push that the hall did not take
OVER = frozenset({"delivered", "returned", "cancelled", "lost"})


class Doors(Protocol):
    """Who hands over and who takes in, at the door and in the hall's mail room."""

    def hand_over(self, job: Job) -> bool:
        """False: there is nothing to carry."""
        ...

    def take_in(self, job: Job) -> None: ...
    def take_back(self, job: Job) -> None: ...
    def lose(self, job: Job) -> None: ...
    def find(self, job: Job) -> None: ...


@dataclass
class Job:
    """One order as the courier sees it. ``state`` is what has really become of it."""

    courier: Depot
    order: CourierOrder
    waybill: str
    silent: bool  # not one push comes of it
    state: str = "ordered"
    was_lost: bool = False
    inside: tuple[str, ...] = ()  # when it was lost

    @property
    def case(self) -> str:
        return self.order.number.rsplit("-", 2)[0]

    @property
    def leg(self) -> str:
        return self.order.number.rsplit("-", 2)[1]

    @property
    def live(self) -> bool:
        """The courier still has something to do for it; one that turns up after it was lost is nobody's order."""
        return self.state not in OVER and not self.was_lost


class Depot(MemoryCourier):
    """A courier with vans. ``skew`` is by how much its clock is ahead of the hall's."""

    def __init__(self, code: str, world: World, doors: Doors, jobs: list[Job], skew: timedelta) -> None:
        dice = world.dice
        super().__init__(code, finds_by_order=dice.chance(0.7))
        self.names_orders = dice.chance(0.7)  # some couriers report by their own waybill alone
        self.skew = skew
        self.seen: Hall
        self.on_booked: Callable[[Job], None] = lambda job: None
        self._world = world
        self._doors = doors
        self._jobs = jobs
        self._by_order: dict[str, Job] = {}

    # --- what the hall asks for ---

    def order(self, order: CourierOrder) -> Shipment:
        if order.number not in self._by_order and self._world.dice.strikes(Fault.ORDER_REFUSED):
            self.refuse = 1
        booked = super().order(order)
        if order.number not in self._by_order:
            job = Job(self, order, booked.waybill, self._world.dice.strikes(Fault.PUSHES_NEVER_SENT))
            self._by_order[order.number] = job
            self._jobs.append(job)
            self._world.tell(f"{self.code} books", order.number, booked.waybill)
            self.on_booked(job)
            self._world.follow(self._fetch(job) if job.leg == "pickup" else self._bring(job))
        return booked

    def cancel(self, order: str, waybill: str) -> None:
        super().cancel(order, waybill)
        shipment = self.query(order, waybill)
        assert shipment is not None
        job = self._by_order[shipment.order]
        if job.live:
            job.state = "cancelled"
            self._world.tell(f"{self.code} calls off", job.order.number)

    # --- on the road ---

    def _fetch(self, job: Job) -> Course:
        """From the door to the hall."""
        dice, window = self._world.dice, job.order.window
        assert window is not None
        if dice.chance(0.5):
            yield dice.minutes(1, 60)
            self._say(job, "pickup_scheduled")
        for _ in range(30):
            yield max(window.start - self._world.clock.now, timedelta()) + dice.minutes(0, 110)
            if dice.strikes(Fault.PICKUP_LATE):
                yield dice.hours(1.5, 7)
            if job.live and not dice.strikes(Fault.PICKUP_IN_VAIN) and self._doors.hand_over(job):
                yield from self._carry(job)
                return
            if not job.live:
                return
            self._say(job, "exception", reason=dice.choice(("nobody_home", "nobody_home", "wrong_address", "delayed")))
            yield dice.hours(20, 28)  # and tries again, if it is not called off

    def _bring(self, job: Job) -> Course:
        """From the hall to the door."""
        dice = self._world.dice
        yield dice.hours(0.5, 20)
        if job.live and self._doors.hand_over(job):
            yield from self._carry(job)

    def _carry(self, job: Job) -> Course:
        dice = self._world.dice
        job.state = "under_way"
        self._say(job, "picked_up")
        yield dice.hours(0.5, 8)
        yield from self._taken_back(job, "picked_up", "ordered")
        if self._is_lost(job):
            if not dice.strikes(Fault.PARCEL_FOUND):
                return
            yield dice.hours(20, 24 * 20)
            self._doors.find(job)
            job.state = "under_way"
            self._world.tell(f"{self.code} finds", job.order.number)
        self._say(job, "in_transit")
        yield dice.hours(2, 30)
        for _ in range(2):
            self._say(job, "out_for_delivery")
            yield dice.hours(0.5, 8)
            if not dice.strikes(Fault.DELIVERY_IN_VAIN):
                break
            self._say(job, "delivery_failed", reason=dice.choice(("nobody_home", "refused", "wrong_address")))
            yield dice.hours(10, 30)
        if dice.strikes(Fault.PARCEL_RETURNED):
            job.state = "returned"
            self._doors.take_back(job)
            self._say(job, "returned")
            return
        yield from self._taken_back(job, "delivered", "out_for_delivery", first=True)
        job.state = "delivered"
        self._doors.take_in(job)
        self._say(job, "delivered")

    def _taken_back(self, job: Job, state: str, back_to: str, *, first: bool = False) -> Course:
        """Said by mistake, taken back a while later, and then said again."""
        dice = self._world.dice
        if not dice.strikes(Fault.NEWS_TAKEN_BACK):
            return
        if first:
            self._say(job, state)
            yield dice.hours(0.2, 5)
        self._say(job, back_to, undoes=state)
        yield dice.hours(0.2, 5)
        if not first:
            self._say(job, state)
            yield dice.hours(0.2, 5)

    def _is_lost(self, job: Job) -> bool:
        said = self._world.dice.strikes(Fault.PARCEL_LOST)
        if not said and not self._world.dice.strikes(Fault.PARCEL_VANISHED):
            return False
        job.state, job.was_lost = "lost", True
        self._doors.lose(job)
        self._world.tell(f"{self.code} loses", job.order.number)
        if said:
            self._say(job, "exception", reason="lost")
        return True

    # --- what it tells the hall ---

    def _say(self, job: Job, state: str, *, undoes: str = "", reason: str = "") -> None:
        world = self._world
        news = self.move(job.waybill, state, world.clock.now + self.skew, undoes=undoes, reason=reason)
        world.tell(f"{self.code}: {job.order.number}", state, reason, f"(undoes {undoes})" if undoes else "")
        if job.silent or world.dice.strikes(Fault.PUSH_DROPPED):
            return
        self._post(news)
        if world.dice.strikes(Fault.PUSH_DOUBLED):
            self._post(news)
        if world.dice.strikes(Fault.PUSH_STRAY):
            self._post(News(f"stray-{news.identity}", f"X{news.waybill}", "", state, news.at, "x"))

    def _post(self, news: News) -> None:
        dice = self._world.dice
        late = dice.hours(0.2, 50) if dice.strikes(Fault.PUSH_LATE) else dice.seconds(0.5, 5)
        self._world.after(late, partial(self._push, news, 1))

    def _push(self, news: News, tries: int) -> None:
        body = push_body(news if self.names_orders else News(**{**asdict(news), "order": ""}))
        headers = push_headers(body, self._world.clock.now + self.skew)
        outcome = self._world.process(
            "courier push", lambda: inbox.accept_courier_push(self.seen, self.code, headers, body)
        )
        if outcome == "forged":
            self._world.dice.count(Fault.PUSH_OUT_OF_TIME)
        elif outcome and tries < TRIES:
            self._world.after(timedelta(minutes=5**tries), partial(self._push, news, tries + 1))


def push_body(news: News) -> bytes:
    return json.dumps({**asdict(news), "at": news.at.isoformat()}).encode()


def push_headers(body: bytes, now: datetime) -> dict[str, str]:
    at = str(int(now.timestamp()))
    return {"x-at": at, "x-mac": _mac(at, body)}


def _mac(at: str, body: bytes) -> str:
    return hmac.new(KEY, at.encode() + body, hashlib.sha256).hexdigest()


class Pushes:
    """Implements ports.CourierWebhook for the depots: any vendor's, in the simplest form."""

    def __init__(self, code: str) -> None:
        self.code = code

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        at = headers["x-at"]
        if not hmac.compare_digest(headers["x-mac"], _mac(at, body)):
            raise Forged("mac")
        if abs(now.timestamp() - int(at)) > TOLERANCE.total_seconds():
            raise Forged("time")
        return str(json.loads(body)["identity"])

    def acknowledge(self, body: bytes) -> Reply:
        return Reply(200, "text/plain", "ok")

    def refuse(self) -> Reply:
        return Reply(401, "text/plain", "no")

    def read(self, body: bytes) -> tuple[News, ...]:
        document = json.loads(body)
        return (News(**{**document, "at": datetime.fromisoformat(document["at"])}),)
