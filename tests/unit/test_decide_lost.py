"""What becomes of a case whose parcel a courier has lost; and where each parcel and each original is."""

from __future__ import annotations

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain.due import Kind
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.service import Leg, Milestone
from chalicelib.domain.status import actions, status, timeline
from chalicelib.domain.whereabouts import Place, Whereabouts, originals, parcels
from tests.cases import Book
from tests.unit.test_decide_couriers import called_off, in_vain, move, names, order, owed, ready, refuse, rows, told

ALL = {"licence", "deed"}  # licence stays at the hall, deed goes back


def lose(book: Book, leg: Leg, note: str = "note") -> list[str]:
    attempt = len(book.case.attempts(leg))
    values = {"leg": leg, "attempt": attempt, "resolution": "lost", "note": note}
    return names(book.do(c.ResolveShipment, by="staff:clerk", **values))


def places(book: Book) -> dict[str, Place]:
    return {code: where.place for code, where in originals(book.case).items()}


def picked_up() -> Book:
    book = Book.open().to_pickup()
    move(book, Leg.PICKUP, "picked_up")
    return book


def dispatched() -> Book:
    book = Book.open().to_dispatched()
    move(book, Leg.DELIVERY, "picked_up")
    return book


# --- noticed ---


@pytest.mark.parametrize("reason", ["lost", "damaged"])
def test_a_parcel_that_the_courier_calls_lost_is_shown_to_the_clerks(reason: str) -> None:
    book = dispatched()
    move(book, Leg.DELIVERY, "exception", reason)
    assert rows(book) == [("front", "parcel_lost")]


def test_a_parcel_of_which_nothing_is_heard_for_ten_days_is_looked_for() -> None:
    book = picked_up()
    book.pass_time(days=3)
    assert owed(book) == [(Kind.ASK_COURIER, "pickup-1")]
    assert book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1) == ()
    book.pass_time(days=7)
    assert names(book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1)) == ["ParcelMissing"]
    assert book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1) == ()
    assert rows(book) == [("front", "parcel_lost")]
    assert told(book)[-1] == "parcel_missing"
    move(book, Leg.PICKUP, "in_transit")
    assert rows(book) == []


def test_lost_is_said_only_of_what_the_courier_has() -> None:
    """The news of its being picked up may have got lost as well."""
    book = Book.open().to_pickup()
    move(book, Leg.PICKUP, "exception", "lost")
    assert status(book.case) == "pickup_under_way"
    assert rows(book) == [("front", "parcel_lost")]


# --- written off ---


def test_only_a_parcel_under_way_can_be_written_off_and_only_with_a_reason() -> None:
    book = Book.open().to_pickup()
    with pytest.raises(NotFound, match="unknown_shipment"):
        lose(book, Leg.DELIVERY)
    with pytest.raises(Conflict, match="shipment_not_under_way"):
        lose(book, Leg.PICKUP)
    move(book, Leg.PICKUP, "picked_up")
    with pytest.raises(Invalid, match="reason_missing"):
        lose(book, Leg.PICKUP, note="")
    move(book, Leg.PICKUP, "delivered")
    with pytest.raises(Conflict, match="shipment_not_under_way"):
        lose(book, Leg.PICKUP)


def test_an_envelope_that_the_clerk_has_opened_is_not_lost() -> None:
    book = picked_up()
    book.receive()
    with pytest.raises(Conflict, match="shipment_not_under_way"):
        lose(book, Leg.PICKUP)


def for_the_rest(book: Book) -> None:
    """The clerk has missed something; the applicant wants it fetched."""
    assert told(book)[-1] == "correction_requested"
    assert (Kind.ORDER_COURIER, "pickup-2") not in owed(book)
    book.do(c.Reschedule, by="applicant", window=book.window())


def test_the_rest_is_fetched_though_the_first_courier_never_says_that_it_delivered() -> None:
    book = picked_up()
    book.receive("licence")
    for_the_rest(book)
    order(book)
    book.pass_time(days=12)
    assert [step for step in owed(book) if "pickup-1" in step] == []
    assert book.do(c.RecordSilence, leg=Leg.PICKUP, attempt=1) == ()
    assert rows(book) == []
    assert parcels(book.case)[Leg.PICKUP, 1].place is Place.HALL
    assert book.refold() == book.case


def test_the_rest_is_fetched_though_the_first_courier_has_never_said_anything() -> None:
    book = Book.open().to_pickup()
    book.receive("licence")
    for_the_rest(book)
    book.pass_time(minutes=4)
    assert [step for step in owed(book) if "pickup-1" in step] == []
    order(book)
    assert rows(book) == []


def test_what_a_courier_says_of_an_opened_envelope_orders_no_other() -> None:
    book = picked_up()
    book.receive("licence")
    move(book, Leg.PICKUP, "returned")
    assert owed(book) == []
    assert parcels(book.case)[Leg.PICKUP, 1].place is Place.HALL


def test_news_that_come_late_tell_which_envelope_was_opened() -> None:
    """The first courier was thought refused, and brought it all the same; the second has not come yet."""
    book = ready()
    refuse(book)
    order(book)
    arrived = book.now
    book.receive()
    assert [shipment.opened for shipment in book.case.shipments] == [False, True]
    book.news(Leg.PICKUP, "delivered", 1, happened_at=arrived)
    assert [shipment.opened for shipment in book.case.shipments] == [True, False]
    book.pass_time(minutes=4)
    assert owed(book) == [(Kind.CANCEL_COURIER, "pickup-2")]
    assert rows(book) == []
    assert book.refold() == book.case


def test_a_lost_result_is_revoked_issued_anew_and_sent_again() -> None:
    book = dispatched()
    before = [certificate.number for certificate in book.case.certificates]
    assert lose(book, Leg.DELIVERY) == ["ParcelLost", "CertificateRevoked", "CertificateRevoked"]
    assert lose(book, Leg.DELIVERY) == []
    assert told(book)[-1] == "delivery_lost"
    assert status(book.case) == "awaiting_dispatch"
    assert owed(book) == [(Kind.ISSUE, "first"), (Kind.ISSUE, "second")]
    assert rows(book) == []  # nothing to pack yet
    for task in ("first", "second"):
        old = {"task": task, "number": f"N-{task}", "digest": "00", "valid_until": None}
        assert book.do(c.RecordCertificate, **old) == (), "a worker that comes too late issues the lost one"
        book.do(c.RecordCertificate, **{**old, "number": f"N-{task}-2"})
    assert [item.number for item in book.case.certificates if item.revoked] == before
    assert rows(book) == [("front", "awaiting_dispatch")]
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate",))
    order(book, Leg.DELIVERY)
    move(book, Leg.DELIVERY, "picked_up")
    move(book, Leg.DELIVERY, "delivered")
    assert (Kind.CLOSE, "") in owed(book)
    assert names(book.do(c.Close)) == ["Closed"]
    assert places(book) == {"licence": Place.HALL, "deed": Place.LOST}
    assert book.refold() == book.case


def test_a_certificate_that_was_revoked_before_is_not_issued_anew() -> None:
    book = dispatched()
    book.do(c.Revoke, by="staff:supervisor", number="N-first", note="n")
    assert lose(book, Leg.DELIVERY) == ["ParcelLost", "CertificateRevoked"]
    assert owed(book) == [(Kind.ISSUE, "second")]


def test_a_lost_result_that_turns_up_at_the_door_ends_nothing() -> None:
    """What it holds is revoked: the new one is still to be brought. The originals are there."""
    book = dispatched()
    lose(book, Leg.DELIVERY)
    move(book, Leg.DELIVERY, "delivered")
    book.do(c.RecordCertificate, task="first", number="N2", digest="00", valid_until=None)
    book.do(c.RecordCertificate, task="second", number="N3", digest="00", valid_until=None)
    assert book.do(c.Close) == ()
    assert places(book)["deed"] is Place.APPLICANT
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate",))


def test_a_lost_result_that_comes_back_to_the_hall_brings_the_originals_back() -> None:
    book = dispatched()
    lose(book, Leg.DELIVERY)
    move(book, Leg.DELIVERY, "returned")
    assert places(book) == {"licence": Place.HALL, "deed": Place.HALL}
    book.do(c.RecordCertificate, task="first", number="N2", digest="00", valid_until=None)
    book.do(c.RecordCertificate, task="second", number="N3", digest="00", valid_until=None)
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate", "originals"))


def test_originals_of_a_lost_parcel_that_turn_up_after_the_end_are_sent_after_it() -> None:
    book = dispatched()
    lose(book, Leg.DELIVERY)
    for task in ("first", "second"):
        book.do(c.RecordCertificate, task=task, number=f"N-{task}-2", digest="00", valid_until=None)
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate",))
    order(book, Leg.DELIVERY)
    move(book, Leg.DELIVERY, "picked_up")
    move(book, Leg.DELIVERY, "delivered")
    book.do(c.Close)
    with pytest.raises(Conflict, match="already_dispatched"):
        book.do(c.Dispatch, by="staff:clerk", contents=("originals",))
    book.news(Leg.DELIVERY, "returned", 1, waybill="W2")
    assert rows(book) == [("front", "awaiting_return")]
    book.do(c.Dispatch, by="staff:clerk", contents=("originals",))
    assert rows(book) == []
    order(book, Leg.RETURN)
    move(book, Leg.RETURN, "picked_up")
    assert places(book)["deed"] is Place.COURIER
    move(book, Leg.RETURN, "delivered")
    assert places(book) == {"licence": Place.HALL, "deed": Place.APPLICANT}
    assert status(book.case) == "closed"


def replaced() -> Book:
    """The originals are lost, and a courier has replacements."""
    book = picked_up()
    lose(book, Leg.PICKUP)
    book.do(c.Reschedule, by="applicant", window=book.window())
    order(book)
    move(book, Leg.PICKUP, "picked_up")
    return book


def check_in_both(book: Book) -> None:
    """One envelope is checked in, and another one has come."""
    assert rows(book) == [("front", "awaiting_originals_check")]
    assert names(book.receive()) == ["OriginalsReceived"]
    assert rows(book) == []
    with pytest.raises(Conflict, match="originals_already_received"):
        book.receive()
    assert [shipment.opened for shipment in book.case.shipments] == [True, True]
    assert book.refold() == book.case


def test_a_lost_envelope_that_turns_up_after_its_replacement_is_checked_in_as_well() -> None:
    book = replaced()
    move(book, Leg.PICKUP, "delivered")
    book.receive()
    assert rows(book) == []
    book.news(Leg.PICKUP, "delivered", 1)
    check_in_both(book)


def test_a_replacement_that_comes_after_the_lost_envelope_has_turned_up_is_checked_in_as_well() -> None:
    book = replaced()
    book.news(Leg.PICKUP, "delivered", 1)
    book.receive()
    assert rows(book) == []
    book.pass_time(days=4)
    assert (Kind.ASK_COURIER, "pickup-2") in owed(book)
    move(book, Leg.PICKUP, "delivered")
    check_in_both(book)


def under_way_after_all() -> Book:
    """The courier says that the result is back at the hall, and takes that back."""
    book = dispatched()
    book.pass_time(hours=1)
    move(book, Leg.DELIVERY, "returned")
    assert rows(book) == [("front", "awaiting_dispatch")]
    book.pass_time(hours=1)
    take_back(book, Leg.DELIVERY, "returned")
    assert rows(book) == []
    assert places(book)["deed"] is Place.COURIER
    book.pass_time(hours=1)
    return book


def take_back(book: Book, leg: Leg, state: str) -> None:
    last = book.case.last_shipment(leg)
    assert last is not None
    values = {"courier": last.courier, "waybill": last.waybill, "undoes": state}
    book.news(leg, "in_transit", last.attempt, **values)


def test_a_result_that_was_not_returned_after_all_is_lost_with_all_that_is_in_it() -> None:
    book = under_way_after_all()
    assert lose(book, Leg.DELIVERY) == ["ParcelLost", "CertificateRevoked", "CertificateRevoked"]
    assert places(book) == {"licence": Place.HALL, "deed": Place.LOST}
    assert owed(book) == [(Kind.ISSUE, "first"), (Kind.ISSUE, "second")]


def test_a_result_that_was_not_returned_after_all_is_delivered_and_leaves_nothing_to_do() -> None:
    book = under_way_after_all()
    move(book, Leg.DELIVERY, "delivered")
    assert names(book.do(c.Close)) == ["Closed"]
    assert rows(book) == []
    assert places(book) == {"licence": Place.HALL, "deed": Place.APPLICANT}
    assert book.refold() == book.case


def closed_too_early() -> Book:
    """The courier takes back that it has delivered, after the case was closed upon its word."""
    book = Book.open().to_delivered()
    book.do(c.Close)
    book.pass_time(hours=1)
    last = book.case.last_shipment(Leg.DELIVERY)
    assert last is not None
    values = {"courier": last.courier, "waybill": last.waybill, "undoes": "delivered"}
    assert names(book.news(Leg.DELIVERY, "in_transit", last.attempt, **values)) == ["ShipmentMoved", "Reopened"]
    assert status(book.case) == "delivery_under_way"
    book.pass_time(hours=1)
    return book


def test_a_case_is_open_again_until_its_result_is_delivered_after_all() -> None:
    book = closed_too_early()
    assert book.do(c.Close) == ()
    move(book, Leg.DELIVERY, "delivered")
    assert (Kind.CLOSE, "") in owed(book)
    assert names(book.do(c.Close)) == ["Closed"]
    assert book.refold() == book.case


def test_a_result_that_is_lost_after_its_case_was_closed_is_issued_anew_and_sent_again() -> None:
    book = closed_too_early()
    assert lose(book, Leg.DELIVERY) == ["ParcelLost", "CertificateRevoked", "CertificateRevoked"]
    assert owed(book) == [(Kind.ISSUE, "first"), (Kind.ISSUE, "second")]


def test_a_result_that_comes_back_after_its_case_was_closed_is_sent_again() -> None:
    book = closed_too_early()
    move(book, Leg.DELIVERY, "returned")
    assert rows(book) == [("front", "awaiting_dispatch")]
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate", "originals"))
    order(book, Leg.DELIVERY)


def test_lost_originals_wait_for_a_window_for_replacements_and_the_clock_stands() -> None:
    book = picked_up()
    assert lose(book, Leg.PICKUP) == ["ParcelLost"]
    assert told(book)[-1] == "pickup_lost"
    assert status(book.case) == "awaiting_pickup"
    assert actions(book.case) == ("reschedule_pickup", "withdraw")
    assert {stop.code: stop.state for stop in timeline(book.case)}["pickup"] == "now"
    assert book.case.standing
    book.pass_time(days=20)
    assert owed(book) == []
    book.do(c.Reschedule, by="applicant", window=book.window())
    assert not book.case.standing
    assert places(book) == dict.fromkeys(ALL, Place.LOST)
    order(book)
    move(book, Leg.PICKUP, "picked_up")
    move(book, Leg.PICKUP, "delivered")
    book.receive()
    assert places(book) == dict.fromkeys(ALL, Place.HALL)
    assert status(book.case) == "in_review"


def test_lost_originals_that_turn_up_are_checked_in() -> None:
    book = picked_up()
    lose(book, Leg.PICKUP)
    move(book, Leg.PICKUP, "delivered")
    assert rows(book) == [("front", "awaiting_originals_check")]
    assert owed(book) == []
    assert places(book) == dict.fromkeys(ALL, Place.HALL)
    book.receive()
    assert status(book.case) == "in_review"
    assert not book.case.standing


def test_whoever_withdraws_after_the_originals_were_lost_gets_everything_back() -> None:
    book = picked_up()
    lose(book, Leg.PICKUP)
    assert not book.case.reached(Milestone.PICKED_UP)
    book.do(c.Withdraw, by="applicant")
    assert sum(refund.amount for refund in book.case.refunds) == book.case.fee


def test_a_loss_after_the_withdrawal_gives_back_the_rest() -> None:
    book = picked_up()
    book.do(c.Withdraw, by="applicant")
    first = sum(refund.amount for refund in book.case.refunds)
    assert 0 < first < book.case.fee
    assert lose(book, Leg.PICKUP) == ["ParcelLost", "RefundOwed"]
    assert sum(refund.amount for refund in book.case.refunds) == book.case.fee


def test_a_pickup_that_was_written_off_after_the_withdrawal_is_nobodys_matter_any_more() -> None:
    book = ready()
    for _ in range(2):
        in_vain(book)
    order(book)
    move(book, Leg.PICKUP, "picked_up")
    book.do(c.Withdraw, by="applicant")
    lose(book, Leg.PICKUP)
    assert rows(book) == []


def test_originals_that_are_lost_on_their_way_back_are_recorded() -> None:
    book = Book.open().to_review()
    book.do(c.Withdraw, by="applicant")
    book.do(c.Dispatch, by="staff:clerk", contents=("originals",))
    order(book, Leg.RETURN)
    move(book, Leg.RETURN, "picked_up")
    lose(book, Leg.RETURN)
    assert told(book)[-1] == "return_lost"
    assert places(book) == {"licence": Place.HALL, "deed": Place.LOST}
    assert [item for item in owed(book) if item[0] != Kind.REFUND] == []
    assert rows(book) == []


def test_a_courier_that_will_not_come_and_can_not_be_called_off_is_given_up_by_a_person() -> None:
    book = ready()
    order(book)
    move(book, Leg.PICKUP, "exception", "nobody_home")
    book.pass_time(minutes=4)
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=False)
    values = {"leg": Leg.PICKUP, "attempt": 1, "resolution": "not_collected"}
    with pytest.raises(Invalid, match="reason_missing"):
        book.do(c.ResolveShipment, by="staff:clerk", **values, note="")
    assert names(book.do(c.ResolveShipment, by="staff:clerk", **values, note="n")) == ["CourierCancelled"]
    assert book.do(c.ResolveShipment, by="staff:clerk", **values, note="n") == ()
    order(book)
    move(book, Leg.PICKUP, "picked_up")
    with pytest.raises(Conflict, match="shipment_not_awaited"):
        book.do(c.ResolveShipment, by="staff:clerk", **{**values, "attempt": 2}, note="n")


# --- where everything is ---


def test_each_parcel_and_each_original_is_somewhere_all_along_the_way() -> None:
    book = ready()
    assert parcels(book.case) == {}
    assert places(book) == dict.fromkeys(ALL, Place.APPLICANT)
    order(book)
    move(book, Leg.PICKUP, "exception", "nobody_home")
    called_off(book)
    order(book)
    assert parcels(book.case)[Leg.PICKUP, 1].place is Place.NOWHERE
    assert parcels(book.case)[Leg.PICKUP, 2].place is Place.APPLICANT
    move(book, Leg.PICKUP, "picked_up")
    assert originals(book.case)["deed"] == Whereabouts(Place.COURIER, "ems", "W-pickup-2")
    move(book, Leg.PICKUP, "delivered")
    assert places(book) == dict.fromkeys(ALL, Place.HALL)
    book.receive("licence")
    assert places(book) == {"licence": Place.HALL, "deed": Place.APPLICANT}


def test_what_goes_back_is_with_the_courier_then_at_the_door_and_what_is_kept_stays() -> None:
    book = dispatched()
    assert places(book) == {"licence": Place.HALL, "deed": Place.COURIER}
    assert parcels(book.case)[Leg.DELIVERY, 1] == Whereabouts(Place.COURIER, "ems", "W2")
    move(book, Leg.DELIVERY, "returned")
    assert places(book) == dict.fromkeys(ALL, Place.HALL)
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate", "originals"))
    order(book, Leg.DELIVERY)
    move(book, Leg.DELIVERY, "picked_up")
    move(book, Leg.DELIVERY, "delivered")
    assert places(book) == {"licence": Place.HALL, "deed": Place.APPLICANT}


def test_the_promise_runs_on_when_the_courier_loses_the_parcel() -> None:
    """Handed over to a courier that lost it, it was handed over to nobody."""
    book = dispatched()
    assert book.case.handed_over_at is not None
    lose(book, Leg.DELIVERY)
    assert book.case.handed_over_at is None
    book.pass_time(days=60)
    assert {stop.code: stop.state for stop in timeline(book.case)}["dispatch"] == "now"
    assert names(book.do(c.BreakPromise))[0] == "PromiseBroken"
