"""Papers that do not come along as they should: what the tracking page says, what the applicant can do about it, and
what the message says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.domain.case import Case, Shipment
from chalicelib.domain.service import Leg
from chalicelib.usecases.execute import load
from chalicelib.usecases.shipping import take_news
from chalicelib.web import words
from tests.api import ADDRESS, LICENCE, PAPERS, Api, Json
from tests.halls import COURIER, MemoryHall
from tests.web.browser import Browser
from tests.web.filling import applied, as_case
from tests.web.test_case_pages import enter, press_form
from tests.web.test_pages import BOTH, hold_to_the_rules

MARKET = "market-regulation"
A_MOMENT = timedelta(minutes=10)


class Desk:
    """One licence's case, and what happens to it outside of its applicant's pages."""

    def __init__(self, browser: Browser, hall: MemoryHall) -> None:
        self.api, self.hall, self.browser = Api(hall), hall, browser
        self.tracking = applied(browser, hall, LICENCE)
        self.number = as_case(hall, self.tracking)
        self.api.pay(self.number)
        self.api.decide(self.number, "pre-check", MARKET)

    @property
    def case(self) -> Case:
        return load(self.hall, self.number["case"]).case

    @property
    def told(self) -> str:
        return self.hall.notifier.messages[-1].text

    def last(self, leg: Leg) -> Shipment:
        shipment = self.case.last_shipment(leg)
        assert shipment is not None
        return shipment

    def move(self, leg: Leg, state: str, reason: str = "") -> None:
        self.wait(A_MOMENT)
        courier = self.hall.courier(COURIER)
        take_news(self.hall, COURIER, courier.move(self.last(leg).waybill, state, self.hall.clock(), reason=reason))
        self.hall.drain()

    def wait(self, span: timedelta) -> None:
        self.hall.clock.advance(span)
        self.hall.sweep_and_drain()

    def to_delivery(self) -> None:
        for state in ("picked_up", "delivered"):
            self.move(Leg.PICKUP, state)
        assert self.api.receive(self.number, *PAPERS).status == 200
        assert self.api.decide(self.number, "review", MARKET).status == 200
        assert self.api.dispatch(self.number, "certificate", "originals").status == 200
        self.move(Leg.DELIVERY, "picked_up")

    def lose(self, leg: Leg) -> Json:
        path = f"/v1/desk/cases/{self.number['case']}/shipments/{leg}/{self.last(leg).attempt}/resolution"
        answer = self.api.post(path, {"resolution": "lost", "reason": "快递公司确认遗失"}, self.api.clerk)
        assert answer.status == 200, answer.body
        self.hall.drain()
        return dict(answer.json)

    # --- kinds of trouble ---

    def nobody_home(self) -> None:
        self.move(Leg.PICKUP, "exception", "nobody_home")

    def nobody_home_three_times(self) -> None:
        for _ in range(3):
            self.nobody_home()
            self.wait(A_MOMENT)

    def wrong_pickup_address(self) -> None:
        self.move(Leg.PICKUP, "exception", "wrong_address")

    def no_courier(self) -> None:
        """The first one can't be called off by the courier's own word, and nobody takes the next order."""
        self.hall.courier(COURIER).refuse = 1
        self.nobody_home()
        self.wait(A_MOMENT)

    def lost_originals(self) -> None:
        self.move(Leg.PICKUP, "picked_up")
        self.lose(Leg.PICKUP)

    def silent(self) -> None:
        self.move(Leg.PICKUP, "picked_up")
        self.wait(timedelta(days=11))

    def delivery_failed(self) -> None:
        self.to_delivery()
        self.move(Leg.DELIVERY, "delivery_failed", "refused")

    def locker(self) -> None:
        self.to_delivery()
        self.move(Leg.DELIVERY, "out_for_delivery", "awaiting_collection")

    def came_back(self) -> None:
        self.to_delivery()
        self.move(Leg.DELIVERY, "returned", "nobody_home")

    def wrong_delivery_address(self) -> None:
        self.to_delivery()
        self.move(Leg.DELIVERY, "delivery_failed", "wrong_address")

    def lost_result(self) -> None:
        self.to_delivery()
        self.lose(Leg.DELIVERY)

    def to_return(self) -> None:
        for state in ("picked_up", "delivered"):
            self.move(Leg.PICKUP, state)
        self.api.receive(self.number, *PAPERS)
        self.api.decide(self.number, "review", MARKET, "reject", reason="材料不实")
        assert self.api.dispatch(self.number, "originals").status == 200
        self.move(Leg.RETURN, "picked_up")

    def lost_on_the_way_back(self) -> None:
        self.to_return()
        self.lose(Leg.RETURN)


KINDS = {
    "pickup_failed": (Desk.nobody_home, "nobody_home", "message.pickup_failed"),
    "window_wanted": (Desk.nobody_home_three_times, "nobody_home", "message.window_wanted"),
    "pickup_address": (Desk.wrong_pickup_address, "wrong_address", "message.address_wanted"),
    "pickup_lost": (Desk.lost_originals, "unknown", "message.pickup_lost"),
    "parcel_missing": (Desk.silent, "unknown", "message.parcel_missing"),
    "delivery_failed": (Desk.delivery_failed, "refused", "message.delivery_failed"),
    "awaiting_collection": (Desk.locker, "awaiting_collection", "message.awaiting_collection"),
    "returned": (Desk.came_back, "nobody_home", "message.returned"),
    "delivery_address": (Desk.wrong_delivery_address, "wrong_address", "message.address_wanted"),
    "delivery_lost": (Desk.lost_result, "unknown", "message.delivery_lost"),
    "return_lost": (Desk.lost_on_the_way_back, "unknown", "message.return_lost"),
}


@pytest.mark.parametrize("code", KINDS)
def test_the_tracking_page_and_a_message_say_what_is_wrong_and_how_it_goes_on(
    browse: Callable[..., Browser], hall: MemoryHall, code: str
) -> None:
    happen, why, message = KINDS[code]
    browser = browse("en")
    desk = Desk(browser, hall)
    happen(desk)
    tracked = desk.api.track(desk.number)
    assert (tracked["trouble"]["code"], tracked["trouble"]["why"]) == (code, why)
    page = browser.open(f"/t/{desk.tracking}")
    hold_to_the_rules(page, "en")
    assert words.say(f"trouble.{code}", "en", why=words.say(f"why.{why}", "en")) in page.text
    assert words.say(f"next.{tracked['status']}", "en") not in page.text
    parts = words.say(message, "en", why=words.say(f"why.{why}", "en"), case=desk.number["case"], link="|").split("|")
    assert any(all(part in sent.text for part in parts) for sent in hall.notifier.messages)


@BOTH
def test_another_window_is_chosen_where_the_page_and_the_message_lead(
    browse: Callable[..., Browser], hall: MemoryHall, language: str
) -> None:
    browser = browse(language)
    desk = Desk(browser, hall)
    desk.nobody_home_three_times()
    assert f"{hall.url}/t/{desk.tracking}/case/pickup-window" in desk.told
    page = browser.open(f"/t/{desk.tracking}")
    hold_to_the_rules(page, language)
    assert page.document.all("a", href=f"/t/{desk.tracking}/case/pickup-window")
    page = enter(browser, hall, desk.tracking, "pickup-window")
    page.fill({"window": page.options("window")[-1]})
    page = press_form(browser, f"/t/{desk.tracking}/case/pickup-window")
    assert words.say("case.done.window", language) in page.text
    desk.wait(A_MOMENT)
    assert desk.last(Leg.PICKUP).attempt == 4
    assert desk.last(Leg.PICKUP).state == "ordered"
    assert desk.api.track(desk.number)["trouble"] is None


@pytest.mark.parametrize(
    ("happen", "leg"), [(Desk.wrong_pickup_address, Leg.PICKUP), (Desk.wrong_delivery_address, Leg.DELIVERY)]
)
def test_exactly_the_address_is_put_right_and_the_next_courier_has_it(
    browser: Browser, hall: MemoryHall, happen: Callable[[Desk], None], leg: Leg
) -> None:
    desk = Desk(browser, hall)
    happen(desk)
    assert f"{hall.url}/t/{desk.tracking}/case/correction" in desk.told
    page = enter(browser, hall, desk.tracking, "correction")
    hold_to_the_rules(page, "en")
    assert words.say("why.wrong_address", "en") in page.text
    fields = {f"/{leg}/address/{name}" for name in (*ADDRESS, "postcode")}
    assert {name for name in page.questions if name.startswith("/")} == fields
    page.fill({f"/{leg}/address/{name}": value for name, value in {**ADDRESS, "street": "样例路 99 号"}.items()})
    page = press_form(browser, f"/t/{desk.tracking}/case/correction")
    assert words.say("case.done.correction", "en") in page.text
    hall.drain()
    if leg is Leg.DELIVERY:
        desk.move(leg, "returned")
        assert desk.api.dispatch(desk.number, "certificate", "originals").status == 200
    else:
        desk.wait(A_MOMENT)
    order = hall.courier(COURIER).orders[f"{desk.number['case']}-{leg}-2"]
    assert (order.sender if leg is Leg.PICKUP else order.receiver).street == "样例路 99 号"


def test_originals_find_their_way_back_to_another_address_after_the_end(browser: Browser, hall: MemoryHall) -> None:
    desk = Desk(browser, hall)
    desk.to_return()
    desk.move(Leg.RETURN, "delivery_failed", "wrong_address")
    page = browser.open(f"/t/{desk.tracking}")
    hold_to_the_rules(page, "en")
    assert page.document.all("a", href=f"/t/{desk.tracking}/case/correction")
    page = enter(browser, hall, desk.tracking, "correction")
    page.fill({f"/delivery/address/{name}": value for name, value in {**ADDRESS, "street": "样例路 99 号"}.items()})
    page = press_form(browser, f"/t/{desk.tracking}/case/correction")
    assert words.say("case.done.correction", "en") in page.text
    desk.move(Leg.RETURN, "returned")
    assert desk.api.dispatch(desk.number, "originals").status == 200
    assert hall.courier(COURIER).orders[f"{desk.number['case']}-return-2"].receiver.street == "样例路 99 号"


def test_nothing_is_sent_while_the_address_is_asked_for(browser: Browser, hall: MemoryHall) -> None:
    desk = Desk(browser, hall)
    desk.wrong_delivery_address()
    desk.move(Leg.DELIVERY, "returned")
    refused = desk.api.dispatch(desk.number, "certificate", "originals")
    assert (refused.status, refused.code) == (409, "correction_under_way")


def test_a_lost_certificate_is_revoked_for_all_the_world_and_another_one_takes_its_place(
    browser: Browser, hall: MemoryHall
) -> None:
    desk = Desk(browser, hall)
    desk.lost_result()
    lost, new = desk.case.certificates
    assert browser.open(f"/verify/{lost.number}").text.count(words.say("verify.state.revoked", "en"))
    assert desk.api.get(f"/v1/certificates/{lost.number}").json["state"] == "revoked"
    assert desk.api.get(f"/v1/certificates/{new.number}").json["state"] == "in_delivery"
    printed = desk.api.get(f"/v1/desk/cases/{desk.number['case']}/certificates/{new.code}.pdf", desk.api.clerk)
    assert new.number in printed.headers["Location"]
    assert desk.api.dispatch(desk.number, "certificate").status == 200
    for state in ("picked_up", "delivered"):
        desk.move(Leg.DELIVERY, state)
    assert desk.api.track(desk.number)["status"] == "closed"
    assert desk.api.get(f"/v1/certificates/{new.number}").json["state"] == "valid"
    assert desk.api.get(f"/v1/certificates/{lost.number}").json["state"] == "revoked"


def test_who_may_write_a_parcel_off_and_what_can_not_be(browser: Browser, hall: MemoryHall) -> None:
    desk = Desk(browser, hall)
    path = f"/v1/desk/cases/{desk.number['case']}/shipments"
    wanted = {"resolution": "lost", "reason": "确认遗失"}
    auditor = desk.api.staff("auditor-1", "role:auditor")
    for token, where, body, code in [
        (auditor, "pickup/1", wanted, "forbidden"),
        (desk.api.reviewer(MARKET), "pickup/1", wanted, "forbidden"),
        (desk.api.clerk, "pickup/1", wanted, "shipment_not_under_way"),
        (desk.api.clerk, "pickup/9", wanted, "unknown_shipment"),
        (desk.api.clerk, "pickup/x", wanted, "unknown_shipment"),
        (desk.api.clerk, "sideways/1", wanted, "unknown_shipment"),
        (desk.api.clerk, "pickup/1", {**wanted, "resolution": "eaten"}, "malformed_request"),
        (desk.api.clerk, "pickup/1", {"resolution": "not_collected", "reason": ""}, "reason_missing"),
    ]:
        assert desk.api.post(f"{path}/{where}/resolution", body, token).code == code, where
    desk.move(Leg.PICKUP, "picked_up")
    assert (
        desk.api.post(f"{path}/pickup/1/resolution", {**wanted, "reason": " "}, desk.api.clerk).code == "reason_missing"
    )
    shown = desk.lose(Leg.PICKUP)
    (told,) = (event for commit in shown["log"] for event in commit["events"] if event["type"] == "ParcelLost")
    assert told["reason"] == "快递公司确认遗失"
    assert sorted(told["originals"]) == sorted(PAPERS)
