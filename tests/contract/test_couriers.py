"""What every courier does, whoever it is: one suite for EMS, the open contract and the in-memory courier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from chalicelib.ports import Forged, Shipment, VendorRejected, VendorTemporary, VendorUnknown
from tests.contract.courier_rig import (
    TOKEN,
    WINDOW,
    HttpRig,
    MemoryRig,
    Rig,
    an_order,
    courier_at,
    http_rig,
    webhook_of,
)


@pytest.fixture(params=["memory", "ems", "open"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "memory":
        yield MemoryRig()
    else:
        with http_rig(request.param, tmp_path) as rig:
            yield rig


@pytest.fixture(params=["ems", "open"])
def by_http(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HttpRig]:
    with http_rig(request.param, tmp_path) as rig:
        yield rig


def test_an_order_gets_a_waybill(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    assert shipment == Shipment("D7K3-M9QF-2XHVA-pickup-1", shipment.waybill)
    assert rig.waybills() == [shipment.waybill]


def test_an_order_needs_no_window(rig: Rig) -> None:
    assert rig.courier.order(an_order(window=None)).waybill


def test_the_same_number_again_is_the_same_shipment(rig: Rig) -> None:
    first = rig.courier.order(an_order())
    assert rig.courier.order(an_order()) == first
    assert rig.waybills() == [first.waybill]


def test_another_number_is_another_shipment(rig: Rig) -> None:
    first = rig.courier.order(an_order())
    assert rig.courier.order(an_order("D7K3-M9QF-2XHVA-pickup-2")).waybill != first.waybill


def test_an_order_that_was_booked_but_not_answered_is_found_again(rig: Rig) -> None:
    rig.fault(timeout_after_booking=1)
    with pytest.raises(VendorUnknown):
        rig.impatient().order(an_order())
    found = rig.courier.query(an_order().number, "")
    assert (found is not None) == rig.finds_by_order
    again = rig.courier.order(an_order())
    assert found is None or found.waybill == again.waybill
    assert rig.waybills() == [again.waybill]


def test_a_refused_order_books_nothing(rig: Rig) -> None:
    rig.fault(refuse=1)
    with pytest.raises(VendorRejected):
        rig.courier.order(an_order())
    assert rig.waybills() == []
    assert rig.courier.order(an_order()).waybill


def test_a_shipment_can_be_called_off_before_pickup_and_once_more(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    rig.courier.cancel(shipment.order, shipment.waybill)
    rig.courier.cancel(shipment.order, shipment.waybill)


def test_a_shipment_can_not_be_called_off_after_pickup(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    rig.move(shipment.waybill, "picked_up")
    with pytest.raises(VendorRejected):
        rig.courier.cancel(shipment.order, shipment.waybill)


def test_an_unknown_shipment_can_not_be_called_off(rig: Rig) -> None:
    with pytest.raises(VendorRejected):
        rig.courier.cancel("D7K3-M9QF-2XHVA-pickup-9", "0000000000000")


def test_nothing_is_known_of_what_was_never_ordered(rig: Rig) -> None:
    assert rig.courier.query("D7K3-M9QF-2XHVA-pickup-9", "") is None


def test_there_is_no_news_of_a_waybill_that_is_not_the_couriers(rig: Rig) -> None:
    found = rig.courier.query("D7K3-M9QF-2XHVA-pickup-9", "0000000000000")
    assert found is None or found.news == ()


def test_a_new_shipment_is_known_and_without_news(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    assert rig.courier.query(shipment.order, shipment.waybill) == shipment


def test_every_state_is_told_with_waybill_order_and_time(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    for state in sorted(rig.states):
        news = rig.move(shipment.waybill, state)
        assert (news.state, news.undoes) == (state, "")
        assert (news.waybill, news.order) == (shipment.waybill, shipment.order)
        assert news.at.tzinfo is not None
        assert news.code


def test_a_query_gives_the_very_news_that_was_told_oldest_first(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    told = [rig.move(shipment.waybill, state) for state in ("picked_up", "in_transit", "out_for_delivery", "delivered")]
    told.append(rig.move(shipment.waybill, "out_for_delivery", undoes="delivered"))
    assert rig.courier.query(shipment.order, shipment.waybill) == replace(shipment, news=tuple(told))


def test_a_delivery_taken_back_says_what_it_takes_back(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    rig.move(shipment.waybill, "delivered")
    assert rig.move(shipment.waybill, "out_for_delivery", undoes="delivered").undoes == "delivered"


def test_news_of_one_second_still_has_an_order_in_time(rig: Rig) -> None:
    shipment = rig.courier.order(an_order())
    told = [rig.move(shipment.waybill, "out_for_delivery") for _ in range(4)]
    assert all(earlier.at < later.at for earlier, later in pairwise(told))
    assert len({news.identity for news in told}) == 4


def test_a_cancellation_is_told_too(by_http: HttpRig) -> None:
    shipment = by_http.courier.order(an_order())
    by_http.courier.cancel(shipment.order, shipment.waybill)
    assert by_http.read(by_http.hall.next()).state == "cancelled"


def test_a_push_goes_to_the_secret_address(by_http: HttpRig) -> None:
    by_http.tell(by_http.courier.order(an_order()).waybill, "picked_up")
    assert by_http.hall.next().path == f"/webhooks/couriers/{by_http.webhook.code}/{TOKEN}"


def test_a_repeated_push_has_one_identity(by_http: HttpRig) -> None:
    by_http.fault(duplicate=1, hold_s=0.01)
    by_http.tell(by_http.courier.order(an_order()).waybill, "picked_up")
    pushes = [by_http.hall.next() for _ in range(2)]
    now = datetime.now(UTC)
    assert len({by_http.webhook.authenticate(push.headers, push.body, now) for push in pushes}) == 1
    assert len({by_http.read(push).identity for push in pushes}) == 1


def test_different_pushes_have_different_identities(by_http: HttpRig) -> None:
    waybill = by_http.courier.order(an_order()).waybill
    identities = set()
    for state in ("picked_up", "in_transit"):
        by_http.tell(waybill, state)
        push = by_http.hall.next()
        identities.add(by_http.webhook.authenticate(push.headers, push.body, datetime.now(UTC)))
    assert len(identities) == 2


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_an_altered_push_is_forged(by_http: HttpRig, place: str) -> None:
    by_http.tell(by_http.courier.order(an_order()).waybill, "delivered")
    push = by_http.hall.next()
    at = {"first": push.body.index(b"|$4|") + 5 if b"|$4|" in push.body else 5, "middle": 90, "last": 120}[place]
    altered = push.body[:at] + (b"A" if push.body[at : at + 1] != b"A" else b"B") + push.body[at + 1 :]
    with pytest.raises(Forged):
        by_http.webhook.authenticate(push.headers, altered, datetime.now(UTC))


@pytest.mark.parametrize("code", ["ems", "open"])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"logitcsInterface":"|$4|"}', b"\xff\xfe", b"[" * 9999])
def test_nonsense_is_forged_and_refused(code: str, body: bytes) -> None:
    webhook = webhook_of(code)
    with pytest.raises(Forged):
        webhook.authenticate({}, body, datetime.now(UTC))
    assert webhook.refuse().status == 401


def test_a_courier_that_can_not_be_reached_has_done_nothing(by_http: HttpRig) -> None:
    courier = courier_at("http://127.0.0.1:9", by_http.webhook.code)
    with pytest.raises(VendorTemporary):
        courier.order(an_order())
    with pytest.raises(VendorTemporary):
        courier.query(an_order().number, "1000000000000")


def test_no_error_carries_personal_data(by_http: HttpRig) -> None:
    by_http.fault(refuse=1)
    order = an_order()
    with pytest.raises(VendorRejected) as refusal:
        by_http.courier.order(order)
    for personal in (order.sender.name, order.sender.phone, order.sender.street):
        assert personal not in str(refusal.value)


def test_the_open_contract_refuses_an_old_push_and_a_later_replay(tmp_path: Path) -> None:
    with http_rig("open", tmp_path) as rig:
        rig.tell(rig.courier.order(an_order()).waybill, "picked_up")
        push = rig.hall.next()
        now = datetime.now(UTC)
        assert rig.webhook.authenticate(push.headers, push.body, now + timedelta(minutes=4))
        for moment in (now + timedelta(minutes=6), now - timedelta(minutes=6)):
            with pytest.raises(Forged):
                rig.webhook.authenticate(push.headers, push.body, moment)


def test_a_push_of_ems_replayed_years_later_is_still_the_same_push(tmp_path: Path) -> None:
    with http_rig("ems", tmp_path) as rig:
        rig.tell(rig.courier.order(an_order()).waybill, "picked_up")
        push = rig.hall.next()
        first = rig.webhook.authenticate(push.headers, push.body, WINDOW.start)
        assert rig.webhook.authenticate({}, push.body, WINDOW.start + timedelta(days=800)) == first
