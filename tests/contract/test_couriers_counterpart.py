"""The counterpart keeps what couriers promise: it tells until it is heard, forgets nothing, and errs only on demand."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from standardwebhooks import Webhook

from chalicelib.adapters.couriers.open_http import signed
from chalicelib.ports import Reply, VendorRejected, VendorUnknown
from infra.local import agreements
from infra.local.courier_counterpart.app import SIDES
from infra.local.courier_counterpart.book import Book
from infra.local.courier_counterpart.chaos import Chaos
from infra.local.courier_counterpart.postman import pause_after
from tests.conformance import rigs
from tests.conformance.listener import Received, catching_hall
from tests.conformance.rigs import eventually
from tests.contract.courier_rig import (
    OPEN_SECRET,
    SECRETS,
    HttpRig,
    acknowledging,
    an_order,
    counterpart,
    courier_at,
    http_rig,
)

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[HttpRig]:
    with http_rig("open", tmp_path) as rig:
        yield rig


def until_delivered(rig: HttpRig, states: int) -> list[str]:
    return [rig.read(rig.hall.next()).state for _ in range(states)]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("ems", Reply(200, "application/json", '{"serialNo":"another","code":"00000"}')),
        ("ems", Reply(200, "text/html", "<html>")),
        ("ems", Reply(401, "application/json", "{}")),
        ("easypost", Reply(301, "text/plain", "")),
        ("kuaidi100", Reply(200, "application/json", '{"result":false,"returnCode":"200"}')),
        ("kuaidi100", Reply(200, "application/json", "[]")),
        ("kuaidi100", Reply(200, "text/html", "<html>")),
        ("open", Reply(301, "text/plain", "")),
        ("open", Reply(500, "text/plain", "")),
    ],
)
def test_a_push_is_repeated_until_it_is_acknowledged_rightly(tmp_path: Path, code: str, wrong: Reply) -> None:
    failures = iter([wrong, wrong])
    with (
        catching_hall(lambda received: next(failures, None) or acknowledging(received)) as hall,
        counterpart(hall.url, tmp_path) as url,
    ):
        rig = HttpRig(code, url, hall)
        rig.tell(rig.courier.order(rigs.an_order()).waybill, "picked_up")
        pushes = [hall.next() for _ in range(3)]
        assert len({rig.webhook.authenticate(push.headers, push.body, datetime.now(UTC)) for push in pushes}) == 1


@pytest.mark.parametrize(("attempts", "pause"), [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (5000, 60.0)])
def test_pauses_between_attempts_double_up_to_a_minute(attempts: int, pause: float) -> None:
    assert pause_after(attempts, 1.0) == pause


def test_what_was_not_delivered_before_a_restart_is_delivered_after_it(tmp_path: Path) -> None:
    refusing = Reply(503, "text/plain", "")
    with catching_hall(lambda _: refusing) as deaf, counterpart(deaf.url, tmp_path) as url:
        rig = HttpRig("ems", url, deaf)
        waybill = rig.courier.order(an_order()).waybill
        rig.tell(waybill, "picked_up")
        deaf.next()
    with http_rig("ems", tmp_path) as rig:
        assert rig.read(rig.hall.next()).waybill == waybill
        assert rig.call("GET", "/waybills").json() == [
            {
                "waybill": waybill,
                "courier": "ems",
                "order": "D7K3-M9QF-2XHVA-pickup-1",
                "leg": "pickup",
                "state": "picked_up",
                "reason": "",
            }
        ]


def test_an_order_of_which_only_the_label_was_bought_before_a_restart_is_completed_after_it(tmp_path: Path) -> None:
    tomorrow = rigs.an_order()
    with http_rig("easypost", tmp_path) as rig:
        label = rig.courier.order(replace(tomorrow, window=None))
    with http_rig("easypost", tmp_path) as rig:
        assert rig.courier.order(tomorrow) == label
        assert rig.courier.query(tomorrow.number, "") == label
        rig.courier.cancel(label.order, label.waybill)


def test_lost_pushes_arrive_in_the_end(rig: HttpRig) -> None:
    rig.fault(drop=0.5, seed=2)
    waybill = rig.courier.order(an_order()).waybill
    states = ["picked_up", "in_transit", "out_for_delivery", "delivered"]
    for state in states:
        rig.tell(waybill, state)
    assert sorted(until_delivered(rig, 4)) == sorted(states)


def test_a_push_that_is_never_sent_is_found_by_asking(rig: HttpRig) -> None:
    rig.fault(lose=1)
    shipment = rig.courier.order(an_order())
    rig.tell(shipment.waybill, "picked_up")
    rig.fault()
    rig.tell(shipment.waybill, "in_transit")
    assert until_delivered(rig, 1) == ["in_transit"]
    found = rig.courier.query(shipment.order, shipment.waybill)
    assert found is not None
    assert [news.state for news in found.news] == ["picked_up", "in_transit"]


def test_reordered_pushes_tell_their_own_time(rig: HttpRig) -> None:
    waybill = rig.courier.order(an_order()).waybill
    rig.fault(reorder=1, hold_s=1e6, seed=3)  # overtaken, or never seen here
    rig.tell(waybill, "picked_up")
    rig.fault()
    rig.tell(waybill, "in_transit")
    news = [rig.read(rig.hall.next()) for _ in range(2)]
    assert [each.state for each in news] == ["in_transit", "picked_up"]
    assert news[1].at < news[0].at


def test_a_push_that_comes_twice_comes_no_third_time(rig: HttpRig) -> None:
    rig.fault(duplicate=1, hold_s=0.01)
    rig.tell(rig.courier.order(an_order()).waybill, "picked_up")
    assert until_delivered(rig, 2) == ["picked_up"] * 2
    assert eventually(lambda: rig.call("GET", "/pushes").json() == {"undelivered": 0})


def test_a_delayed_push_waits(rig: HttpRig) -> None:
    waybill = rig.courier.order(an_order()).waybill
    rig.fault(delay_s=0.2)
    told = datetime.now(UTC)
    rig.tell(waybill, "picked_up")
    rig.hall.next()
    assert (datetime.now(UTC) - told).total_seconds() >= 0.2


def test_a_slow_answer_for_one_parcel_does_not_hold_up_another(tmp_path: Path) -> None:
    other_has_come = threading.Event()

    def slow_for_the_first(received: Received) -> Reply:
        if b"pickup-1" in received.body:
            assert other_has_come.wait(20)
        else:
            other_has_come.set()
        return acknowledging(received)

    with catching_hall(slow_for_the_first) as hall, counterpart(hall.url, tmp_path) as url:
        rig = HttpRig("open", url, hall)
        waybills = [rig.courier.order(an_order(f"D7K3-M9QF-2XHVA-pickup-{n}")).waybill for n in (1, 2)]
        for waybill in waybills:
            rig.tell(waybill, "picked_up")
        assert {rig.read(hall.next()).waybill for _ in waybills} == set(waybills)


def test_faults_can_be_read_and_reset(rig: HttpRig) -> None:
    rig.fault(refuse=2, drop=0.25)
    faults = rig.call("GET", "/chaos").json()
    assert (faults["refuse"], faults["drop"], faults["duplicate"]) == (2, 0.25, 0.0)
    rig.fault()
    assert rig.call("GET", "/chaos").json()["refuse"] == 0


@pytest.mark.parametrize("wish", [{"drop": 2}, {"drop": "much"}, {"refuse": 0.5}, {"nap": 1}, {"delay_s": -1}, [], 3])
def test_faults_that_make_no_sense_are_refused(rig: HttpRig, wish: Any) -> None:
    assert rig.call("PUT", "/chaos", wish).status == 422


def test_an_unknown_waybill_has_no_events(rig: HttpRig) -> None:
    assert rig.call("POST", "/waybills/0000000000000/events", {"state": "picked_up"}).status == 404


@pytest.mark.parametrize("wish", [{"state": "eaten"}, {}, [], None])
def test_a_state_that_the_courier_can_not_tell_is_refused(rig: HttpRig, wish: Any) -> None:
    waybill = rig.courier.order(an_order()).waybill
    assert rig.call("POST", f"/waybills/{waybill}/events", wish).status == 422


def test_only_the_present_state_can_be_taken_back(rig: HttpRig) -> None:
    waybill = rig.courier.order(an_order()).waybill
    assert rig.call("POST", f"/waybills/{waybill}/events", {"undoes": "delivered"}).status == 409


def test_a_person_moves_a_parcel_on_the_page_without_scripts(rig: HttpRig) -> None:
    waybill = rig.courier.order(an_order()).waybill
    page = rig.call("GET", "/").data.decode()
    assert waybill in page
    assert "<script" not in page
    assert 'value="picked_up"' in page
    address = f"{rig.url}/waybills/{waybill}/events"
    moved = urllib3.request("POST", address, body="state=picked_up", headers=FORM, redirect=False)
    assert (moved.status, moved.headers["location"]) == (303, f"/#w{waybill}")
    assert until_delivered(rig, 1) == ["picked_up"]
    assert 'value="in_transit"' in rig.call("GET", "/").data.decode()


def test_nothing_is_left_to_deliver_once_all_is_acknowledged(rig: HttpRig) -> None:
    rig.fault(delay_s=0.2)
    rig.tell(rig.courier.order(an_order()).waybill, "picked_up")
    assert rig.call("GET", "/pushes").json() == {"undelivered": 1}
    rig.hall.next()
    assert eventually(lambda: rig.call("GET", "/pushes").json() == {"undelivered": 0})


def test_another_host_name_is_refused(rig: HttpRig) -> None:
    answer = urllib3.request("GET", rig.url + "/waybills", headers={"host": "attacker.example"}, retries=False)
    assert answer.status == 400


STRANGERS = [
    ("easypost", {"key": "EZTKguessed"}),
    ("ems", {"sender": "1100000000001"}),
    ("ems", {"authorization": "guessed"}),
    ("ems", {"key": "ZmVkY2JhOTg3NjU0MzIxMA=="}),
    *(("kuaidi100", {name: "guessed"}) for name in ("key", "secret", "salt")),
    ("open", {"secret": "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="}),
]


@pytest.mark.parametrize(("code", "changes"), STRANGERS)
def test_a_stranger_can_not_order(tmp_path: Path, code: str, changes: dict[str, str]) -> None:
    with http_rig(code, tmp_path) as rig:
        with pytest.raises(VendorRejected):
            courier_at(rig.url, code, **changes).order(rigs.an_order())
        assert rig.waybills() == []


def test_a_signed_query_is_no_permission_to_cancel_or_to_ask_for_another_order(rig: HttpRig) -> None:
    order = rig.courier.order(an_order()).order
    other = rig.courier.order(an_order("D7K3-M9QF-2XHVA-pickup-2")).order
    headers = signed(Webhook(OPEN_SECRET), f"query_{order}", datetime.now(UTC), "")
    asked = [("GET", f"{order}"), ("POST", f"{order}/cancellation"), ("GET", other)]
    answers = [urllib3.request(method, f"{rig.url}/open/orders/{path}", headers=headers) for method, path in asked]
    assert [answer.status for answer in answers] == [200, 401, 401]


# --- why, and what is lost ---------------------------------------------------------------------------------------


def event(rig: HttpRig, waybill: str, **wish: str) -> int:
    return int(rig.call("POST", f"/waybills/{waybill}/events", wish).status)


def test_a_reason_is_told_with_the_state(rig: HttpRig) -> None:
    waybill = rig.courier.order(an_order()).waybill
    assert event(rig, waybill, state="exception", reason="nobody_home") == 201
    news = rig.read(rig.hall.next())
    assert (news.state, news.reason) == ("exception", "nobody_home")
    (parcel,) = rig.call("GET", "/waybills").json()
    assert (parcel["state"], parcel["reason"]) == ("exception", "nobody_home")


@pytest.mark.parametrize(
    ("code", "wish", "told"),
    [
        ("open", {"state": "delivered", "reason": "lost"}, []),
        ("open", {"state": "exception", "reason": "eaten"}, ["damaged", "delayed", "lost"]),
        ("ems", {"state": "delivery_failed", "reason": "nobody_home"}, ["refused"]),
    ],
)
def test_a_reason_that_the_courier_can_not_tell_is_refused(
    tmp_path: Path, code: str, wish: dict[str, str], told: list[str]
) -> None:
    with http_rig(code, tmp_path) as rig:
        waybill = rig.courier.order(an_order()).waybill
        answer = rig.call("POST", f"/waybills/{waybill}/events", wish)
    assert (answer.status, answer.json()["error"]) == (422, "unknown_reason")
    assert set(told) <= set(answer.json()["reasons"])


def test_a_person_says_why_on_the_page(rig: HttpRig) -> None:
    waybill = rig.courier.order(an_order()).waybill
    page = rig.call("GET", "/").data.decode()
    assert 'value="not_collectable"' in page
    assert 'value="lost"' not in page  # it is with its sender still
    address = f"{rig.url}/waybills/{waybill}/events"
    assert urllib3.request("POST", address, body="state=picked_up", headers=FORM, redirect=False).status == 303
    page = rig.call("GET", "/").data.decode()
    assert 'value="lost"' in page
    assert 'value="not_collectable"' not in page
    moved = urllib3.request("POST", address, body="state=exception&reason=lost", headers=FORM, redirect=False)
    assert moved.status == 303
    assert "Lost" in rig.call("GET", "/").data.decode()


def test_the_page_offers_only_what_the_courier_can_tell(tmp_path: Path) -> None:
    with http_rig("ems", tmp_path) as rig:
        waybill = rig.courier.order(an_order()).waybill
        for state in ("picked_up", "in_transit", "out_for_delivery"):
            assert event(rig, waybill, state=state) == 201
        page = rig.call("GET", "/").data.decode()
    assert 'value="refused"' in page
    assert 'value="nobody_home"' not in page


def test_a_parcel_that_could_not_be_fetched_may_still_be_fetched_or_called_off(rig: HttpRig) -> None:
    waybills = [rig.courier.order(an_order(f"D7K3-M9QF-2XHVA-pickup-{n}")).waybill for n in (1, 2)]
    for waybill in waybills:
        assert event(rig, waybill, state="exception", reason="nobody_home") == 201
    rig.courier.cancel("D7K3-M9QF-2XHVA-pickup-1", waybills[0])
    assert event(rig, waybills[1], state="picked_up") == 201
    with pytest.raises(VendorRejected):
        rig.courier.cancel("D7K3-M9QF-2XHVA-pickup-2", waybills[1])


def test_a_book_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "couriers.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "CREATE TABLE parcel (waybill TEXT PRIMARY KEY, courier TEXT NOT NULL, number TEXT NOT NULL,"
            " UNIQUE (courier, number)) STRICT;"
            "CREATE TABLE event (id TEXT PRIMARY KEY, waybill TEXT NOT NULL REFERENCES parcel, state TEXT NOT NULL,"
            " undoes TEXT NOT NULL, at TEXT NOT NULL) STRICT;"
            "INSERT INTO parcel VALUES ('1000000000001', 'open', 'D7K3-M9QF-2XHVA-pickup-1');"
            "INSERT INTO event VALUES ('e1', '1000000000001', 'picked_up', '', '2026-01-05T01:02:03.000000+00:00');"
        )
    for _ in range(2):  # the second time there is nothing left to bring up to date
        book = Book(path)
        parcel = book.parcel("1000000000001")
        book.close()
        assert parcel is not None
        assert [(event.state, event.reason) for event in parcel.events] == [("picked_up", "")]


# --- faults by lot -----------------------------------------------------------------------------------------------

NUMBERS = [f"D7K3-M9QF-{n:05}-pickup-1" for n in range(200)]


def lots(chaos: Chaos) -> list[object]:
    """What becomes of each order and its pushes."""
    return [
        (
            chaos.refuses(number),
            chaos.leaves_unanswered(number),
            chaos.loses_parcel(number),
            [(chaos.loses(number, n), chaos.delays(number, n), chaos.holds_back(number, n)) for n in range(4)],
            [(chaos.drops(number, n, 0), chaos.drops(number, n, 1), chaos.repeats_after(number, n)) for n in range(4)],
        )
        for number in NUMBERS
    ]


SHARES = dict.fromkeys(
    ("drop", "lose", "duplicate", "reorder", "delay", "refuse_share", "timeout_share", "lose_parcel"), 0.3
)


def test_a_seed_gives_the_same_orders_the_same_faults_whatever_comes_between() -> None:
    chaos = [Chaos(), Chaos(), Chaos()]
    for each, seed in zip(chaos, (7, 7, 8), strict=True):
        each.set({**SHARES, "delay_s": 1, "seed": seed})
    chaos[1].refuses("D7K3-M9QF-ZZZZZ-pickup-1")  # another order, first
    first, again, other = (lots(each) for each in chaos)
    assert first == again
    assert first != other


@pytest.mark.parametrize("fault", SHARES)
def test_a_share_is_a_share(fault: str) -> None:
    chaos = Chaos()
    met = {
        "drop": lambda number: chaos.drops(number, 0, 0),
        "lose": lambda number: chaos.loses(number, 0),
        "duplicate": lambda number: chaos.repeats_after(number, 0) is not None,
        "reorder": lambda number: chaos.holds_back(number, 0) is not None,
        "delay": lambda number: chaos.delays(number, 0) == 5.0,
        "refuse_share": chaos.refuses,
        "timeout_share": chaos.leaves_unanswered,
        "lose_parcel": lambda number: chaos.loses_parcel(number) is not None,
    }[fault]
    chaos.set({fault: 0.3, "delay_s": 5.0, "seed": 1})
    assert 40 <= sum(map(met, NUMBERS)) <= 80  # of 200
    chaos.set({fault: 0, "delay_s": 5.0})
    assert not any(map(met, NUMBERS))
    chaos.set({fault: 1, "delay_s": 5.0})
    assert all(map(met, NUMBERS))


def test_the_seed_that_was_drawn_is_shown_so_that_a_run_can_be_repeated() -> None:
    chaos, again = Chaos(), Chaos()
    chaos.set(SHARES)
    again.set({**SHARES, "seed": chaos.state()["seed"]})
    assert lots(chaos) == lots(again)


def test_an_order_is_left_unanswered_by_lot_once(rig: HttpRig) -> None:
    rig.fault(timeout_share=1)
    with pytest.raises(VendorUnknown):
        courier_at(rig.url, "open", read_s=0.3).order(an_order())
    assert rig.courier.order(an_order()).waybill


def test_an_order_is_refused_by_lot_however_often_it_comes_unless_it_is_booked(rig: HttpRig) -> None:
    booked = rig.courier.order(an_order())
    rig.fault(refuse_share=1)
    assert rig.courier.order(an_order()) == booked
    for _ in range(2):
        with pytest.raises(VendorRejected):
            rig.courier.order(an_order("D7K3-M9QF-2XHVA-pickup-2"))


def test_a_parcel_gets_lost_under_way_all_by_itself_and_once(rig: HttpRig) -> None:
    shipment = rig.courier.order(an_order())
    rig.fault(lose_parcel=1, seed=1)
    for state in ("picked_up", "in_transit", "out_for_delivery", "delivered"):
        assert event(rig, shipment.waybill, state=state) == 201
    found = rig.courier.query(shipment.order, shipment.waybill)
    assert found is not None
    told = [(news.state, news.reason) for news in found.news]
    assert told.count(("exception", "lost")) == 1
    assert told.index(("exception", "lost")) in (1, 2, 3)
    assert until_delivered(rig, 5).count("exception") == 1


@pytest.mark.parametrize("code", SIDES)
def test_every_courier_can_tell_that_a_parcel_is_in_trouble(code: str) -> None:
    assert "exception" in SIDES[code](agreements.terms(SECRETS)[code]).states


def test_the_page_shows_that_faults_are_on(rig: HttpRig) -> None:
    assert "Faults are on" not in rig.call("GET", "/").data.decode()
    rig.fault(drop=0.25, refuse=2, seed=5)
    page = rig.call("GET", "/").data.decode()
    assert "Faults are on" in page
    assert "drop 0.25" in page
    assert "refuse 2" in page
    rig.fault(seed=5)
    assert "Faults are on" not in rig.call("GET", "/").data.decode()
