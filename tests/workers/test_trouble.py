"""Couriers that refuse, come in vain, do not find the door and lose parcels, while processes die at any point."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from chalicelib.adapters.couriers.open_http import signed
from chalicelib.domain.commit import commit_to_json, first_broken
from chalicelib.domain.due import due
from chalicelib.domain.service import Leg
from chalicelib.domain.whereabouts import Place, originals, parcels
from chalicelib.logs import logger
from chalicelib.usecases import applicant, desk, inbox
from chalicelib.usecases.shipping import take_news
from tests.api import LICENCE, LICENCE_ANSWERS, PAPERS
from tests.halls import COURIER_SECRET, MemoryHall
from tests.workers.journeys import A_SWEEP_LATER, CATALOGUE, CLERK, Way
from tests.workers.lambdas import twice_and_backwards
from tests.workers.mortality import Life

COURIERS = ("open", "swift")
OVER = frozenset({"delivered", "returned", "cancelled"})


class Travels(Way):
    """A way on which each courier of the hall may be the one; after each deed, no leg has two at once."""

    @staticmethod
    def begin(life: Life | None = None) -> Travels:
        return Travels(MemoryHall(catalogue=CATALOGUE, couriers=COURIERS), life or Life())

    def do(self, deed: Callable[[], object]) -> None:
        super().do(deed)
        if self.number:
            self.one_courier_per_leg()

    def one_courier_per_leg(self) -> None:
        for leg in Leg:
            live = [order for code in COURIERS for order in self.hall.courier(code).orders if self._live(code, order)]
            assert sum(order.split("-")[-2] == leg for order in live) <= 1, live

    def _live(self, code: str, order: str) -> bool:
        courier = self.hall.courier(code)
        shipment = courier.query(order, "")
        written_off = any(s.order == order and s.ending == "lost" for s in self.case.shipments)
        ended = bool(shipment and shipment.news and shipment.news[-1].state in OVER)
        return not (courier.is_called_off(order) or ended or written_off)

    def to_pickup(self) -> None:
        self.apply_for(LICENCE, LICENCE_ANSWERS)
        self.pay()
        self.decide("pre-check")

    def happen(self, leg: Leg, state: str, reason: str = "") -> None:
        """The courier that has the leg's order reports, until it is heard."""
        last = self.case.last_shipment(leg)
        assert last is not None
        assert last.live, f"nobody carries {last.order}"
        self.hall.clock.advance(timedelta(minutes=10))
        news = self.hall.courier(last.courier).move(last.waybill, state, self.hall.clock(), reason=reason)
        data = {"order": last.order, "waybill": last.waybill, "state": state, "at": news.at.isoformat(), "code": "x"}
        body = json.dumps({"type": "shipment.moved", "data": data | ({"reason": reason} if reason else {})})
        message = f"{last.order}-{state}-{len(last.moves)}"
        self.do(lambda: self._tell_of(last.courier, body, message))
        self.settle()

    def _tell_of(self, courier: str, body: str, id: str) -> None:
        headers = signed(Webhook(COURIER_SECRET), id, self.hall.clock(), body)
        for _ in self.deliver((1,)):
            inbox.accept_courier_push(
                self.seen, courier, {name.lower(): value for name, value in headers.items()}, body.encode()
            )

    def settle(self) -> None:
        """Whatever the hall does by itself, for as long as it takes: calling off waits for an order under way."""
        self.pass_time(A_SWEEP_LATER)
        self.one_courier_per_leg()

    def lose(self, leg: Leg) -> None:
        last = self.case.last_shipment(leg)
        assert last is not None
        shipment = (leg.value, last.attempt)
        self.do(lambda: desk.resolve_shipment(self.seen, CLERK, self.number, shipment, "lost", "确认遗失", None))
        self.settle()

    def to_packing(self) -> None:
        self.happen(Leg.PICKUP, "picked_up")
        self.happen(Leg.PICKUP, "delivered")
        self.receive(*PAPERS)
        self.decide("review")


def hard_to_fetch(way: Travels) -> None:
    """Nobody wants it, nobody is at home, nobody comes, and the door is not found."""
    way.hall.courier("open").refuse = 1
    way.to_pickup()
    assert sum(s.live for s in way.case.shipments) == 1
    way.happen(Leg.PICKUP, "exception", "nobody_home")
    way.pass_time(timedelta(days=10))  # the next one does not come at all
    way.settle()
    way.happen(Leg.PICKUP, "exception", "wrong_address")
    street = {"/pickup/address/street": "样例路 99 号"}
    way.do(lambda: applicant.correct(way.seen, way.number, street, {}, "zh-CN"))
    way.settle()
    last = way.case.last_shipment(Leg.PICKUP)
    assert last is not None
    assert way.hall.courier(last.courier).orders[last.order].sender.street == "样例路 99 号"
    way.to_packing()
    way.dispatch("certificate", "originals")
    way.happen(Leg.DELIVERY, "picked_up")
    way.happen(Leg.DELIVERY, "delivered")


def lost_result(way: Travels) -> None:
    """The result is lost, issued anew, comes back once, and arrives."""
    way.to_pickup()
    way.to_packing()
    way.dispatch("certificate", "originals")
    way.happen(Leg.DELIVERY, "picked_up")
    way.lose(Leg.DELIVERY)
    way.dispatch("certificate")
    way.happen(Leg.DELIVERY, "picked_up")
    way.happen(Leg.DELIVERY, "delivery_failed", "nobody_home")
    way.happen(Leg.DELIVERY, "returned")
    way.dispatch("certificate")
    way.happen(Leg.DELIVERY, "picked_up")
    way.happen(Leg.DELIVERY, "delivered")


def lost_originals(way: Travels) -> None:
    """The originals are lost on their way in; the applicant has enough, and gets everything back."""
    way.to_pickup()
    way.happen(Leg.PICKUP, "picked_up")
    way.lose(Leg.PICKUP)
    way.withdraw()
    way.settle()


WAYS = {
    "hard to fetch": (hard_to_fetch, "closed", 1200),  # ten days late: the promise is broken
    "lost result": (lost_result, "closed", 0),
    "lost originals": (lost_originals, "withdrawn", 2400),
}
every_way = pytest.mark.parametrize(("go", "ending", "refunded"), WAYS.values(), ids=WAYS)


@pytest.fixture(autouse=True)
def few_words() -> Iterator[None]:
    doorstep = logger("test").parent
    assert doorstep is not None
    before = doorstep.level
    doorstep.setLevel(logging.ERROR)
    yield
    doorstep.setLevel(before)


def check(way: Travels, ending: str, refunded: int) -> None:
    case, hall = way.case, way.hall
    assert case.ending == ending
    assert first_broken(map(commit_to_json, way.record.commits)) is None
    assert sum(refund.amount.amount for _, refund in hall.payments.refunds.values()) == refunded
    for certificate in case.certificates:
        record = hall.register.get(certificate.number)
        assert record is not None
        assert (record.revoked_at is not None) == certificate.revoked == (certificate.lost_at is not None)
        assert (record.delivered_at is not None) == (certificate.lost_at is None)
    sent = [message.key for message in hall.notifier.messages]
    assert sorted(sent) == sorted(f"{way.number}-{happening.key}-sms" for happening in case.happenings)
    assert due(case, hall.clock() + timedelta(seconds=1)) == ()
    assert all(where.place is not Place.COURIER for where in [*parcels(case).values(), *originals(case).values()])


@every_way
def test_it_comes_right(go: Callable[[Travels], None], ending: str, refunded: int) -> None:
    way = Travels.begin()
    go(way)
    check(way, ending, refunded)


@every_way
def test_it_comes_right_when_everything_is_told_twice_and_backwards(
    go: Callable[[Travels], None], ending: str, refunded: int
) -> None:
    way = Travels.begin()
    way.deliver = way.backstage.deliver = twice_and_backwards
    go(way)
    check(way, ending, refunded)


def test_a_window_missed_by_an_hour_is_noticed_by_the_sweep_once_the_courier_has_said_so() -> None:
    way = Travels.begin()
    way.to_pickup()
    window = way.case.shipments[0].window
    assert window is not None
    way.pass_time(window.end + timedelta(minutes=58) - way.hall.clock())
    assert [s.missed_at for s in way.case.shipments] == [None]
    way.pass_time(timedelta(minutes=3))
    first, second = way.case.shipments
    assert (first.state, second.courier, second.state) == ("cancelled", "swift", "ordered")
    assert first.missed_at is not None


def test_a_certificate_that_is_lost_after_its_case_was_closed_is_good_for_nobody_and_replaced() -> None:
    """The courier has taken back that it was delivered."""
    way = Travels.begin()
    way.to_pickup()
    way.to_packing()
    way.dispatch("certificate", "originals")
    way.happen(Leg.DELIVERY, "picked_up")
    way.happen(Leg.DELIVERY, "delivered")
    assert way.case.ending == "closed"
    way.hall.clock.advance(timedelta(hours=1))
    last = way.case.shipments[-1]
    courier = way.hall.courier(last.courier)
    undone = courier.move(last.waybill, "out_for_delivery", way.hall.clock(), undoes="delivered")
    way.do(lambda: take_news(way.seen, last.courier, undone))
    way.lose(Leg.DELIVERY)
    lost, new = way.case.certificates
    record = way.hall.register.get(lost.number)
    assert record is not None
    assert record.revoked_at is not None
    way.dispatch("certificate")
    way.happen(Leg.DELIVERY, "picked_up")
    way.happen(Leg.DELIVERY, "delivered")
    replaced = way.hall.register.get(new.number)
    assert replaced is not None
    assert (replaced.revoked_at, replaced.delivered_at is not None) == (None, True)
    assert way.case.ending == "closed"


def dying_at(call: int, go: Callable[[Travels], None], ending: str, refunded: int) -> int:
    """Go the way with a process that dies once, at this call of a port; gives how often one has died."""
    way = Travels.begin(Life(call.__eq__))
    try:
        go(way)
        check(way, ending, refunded)
    except AssertionError as error:
        raise AssertionError(f"dying at call {call}: {error}") from error
    return way.life.deaths


@every_way
@pytest.mark.parametrize("life_span", [37, 53])
def test_it_comes_right_while_processes_die_all_the_time(
    go: Callable[[Travels], None], ending: str, refunded: int, life_span: int
) -> None:
    way = Travels.begin(Life(lambda call: call % life_span == 0))
    go(way)
    check(way, ending, refunded)
    assert way.life.deaths > 1


@every_way
@pytest.mark.thorough
def test_a_process_may_die_at_any_point(go: Callable[[Travels], None], ending: str, refunded: int) -> None:
    for call in range(1, 10_000):
        if not dying_at(call, go, ending, refunded):
            assert call > 90, "a way has more calls than that"
            return
    raise AssertionError("a way never ends")
