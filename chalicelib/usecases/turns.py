"""Whose turn it is in a run of the sweep: no vendor is asked while it is down, and none more often than it bears."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from chalicelib.domain.case import Case
from chalicelib.domain.circuit import State, state
from chalicelib.domain.due import Kind, Step
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.shipping import parse_subject
from chalicelib.usecases.vendors import PAYMENTS

EVERY = timedelta(minutes=5)  # a run of the sweep: SweepSchedule in infra/aws/resources.yaml
CROWD = 1000  # cases that come back in one run, of all that wait for one vendor

OF_PAYMENTS = frozenset({Kind.ASK_CHECKOUT, Kind.EXPIRE_CHECKOUT, Kind.REFUND, Kind.ASK_REFUND, Kind.ASK_DISPUTE})
OF_COURIERS = frozenset({Kind.ORDER_COURIER, Kind.CANCEL_COURIER, Kind.ASK_COURIER})
# These change nothing at the vendor's.
ASKING = frozenset({Kind.ASK_CHECKOUT, Kind.ASK_REFUND, Kind.ASK_DISPUTE, Kind.ASK_COURIER})


@dataclass(frozen=True, slots=True)
class Limit:
    """How many questions one run of the sweep may lead to, and how many a day (None: no such limit)."""

    run: int
    day: int | None = None


LIMITS: Mapping[str, Limit] = {
    # A1005: 30 a second and 3,000 a day for each service; a run's questions may all meet in one second, and a tenth of
    # the day's is left to orders that ask what became of them. https://open.sf-express.com
    "sf": Limit(30, 2_700),
    # 5 a second for lists, by load for all others. https://docs.easypost.com/guides/rate-limiting-guide
    "easypost": Limit(25),
    # 25 a second for each endpoint; ten workers that wait for their answers keep near it. https://docs.stripe.com/rate-limits
    PAYMENTS: Limit(100),
}
OTHERS = Limit(60)  # EMS and Kuaidi100 publish none


def vendor_of(case: Case, step: Step) -> str:
    """Who has to be asked to do a step; "" when nobody has to, or it is not chosen yet."""
    if step.kind in OF_PAYMENTS or (step.kind is Kind.LAPSE and case.open_checkouts):
        return PAYMENTS
    if step.kind in OF_COURIERS:
        shipment = case.shipment(*parse_subject(step.subject))
        return shipment.courier if shipment else ""
    return ""


class Turns:
    """Whose turn it is in one run of the sweep. Steps of a vendor that is left alone wait, all but one of one that may
    be back do too, and so do questions beyond the vendor's limit. Nobody waits for another's vendor."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._asked: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._probed: set[str] = set()

    def of(self, case: Case, steps: Sequence[Step]) -> tuple[list[Step], datetime | None]:
        """The steps to be done now, and when to come back for the others (None: there are none)."""
        now: list[Step] = []
        later: list[datetime] = []
        for step in steps:
            at = self._put_off(vendor_of(case, step), step.kind)
            if at is None:
                now.append(step)
            else:
                later.append(at)
        return now, min(later, default=None)

    def _put_off(self, vendor: str, kind: Kind) -> datetime | None:
        """Until when this step has to wait; None when it is its turn."""
        if not vendor:
            return None
        circuit, now = self._hall.health.circuit(vendor), self._hall.now()
        found = state(circuit, now)
        if found is State.OPEN:
            return self._place(vendor, max(circuit.retry_at or now, now), CROWD)
        if found is State.HALF_OPEN:
            if vendor in self._probed:
                return self._place(vendor, now, CROWD)
            self._probed.add(vendor)
            return None
        return self._rationed(vendor, now) if kind in ASKING else None

    def _rationed(self, vendor: str, now: datetime) -> datetime | None:
        limit = LIMITS.get(vendor, OTHERS)
        if self._asked[vendor] >= limit.run:
            return self._place(vendor, now, limit.run)
        if limit.day is not None and self._asked_today(vendor, now) > limit.day:
            return self._place(vendor, self._midnight(now), limit.run)
        self._asked[vendor] += 1
        return None

    def _asked_today(self, vendor: str, now: datetime) -> int:
        """With this question, in the hall's own day."""
        midnight = self._midnight(now)
        return self._hall.lookups.count(f"asked#{vendor}#{midnight.date()}", now=now, expires=midnight)

    def _midnight(self, now: datetime) -> datetime:
        """When the day ends."""
        zone = self._hall.calendar.zone
        return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)

    def _place(self, vendor: str, earliest: datetime, together: int) -> datetime:
        """In the queue of those that wait for this vendor: so many before each run, the first before the next one."""
        before = self._waiting[vendor]
        self._waiting[vendor] += 1
        return earliest + EVERY * (before // together) + spread()


def spread() -> timedelta:
    """By chance within one run, so that those that wait do not come back all at once."""
    return EVERY * random.random()  # noqa: S311 - no secret
