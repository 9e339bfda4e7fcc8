"""The rule book, told as the things that happen to a case."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain import events as e
from chalicelib.domain.due import Kind, due, pickup_window
from chalicelib.domain.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from chalicelib.domain.service import Leg
from chalicelib.domain.status import actions, status, timeline
from chalicelib.domain.worklist import worklist
from tests.cases import Book, service, simple_service


def names(events: tuple[e.Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def owed(book: Book) -> list[tuple[str, str]]:
    return [(step.kind, step.subject) for step in due(book.case, book.now) if step.kind != Kind.NOTIFY]


def refused(code: str, kind: type[DomainError], act: object, *args: object, **values: object) -> DomainError:
    with pytest.raises(kind) as info:
        act(*args, **values)  # type: ignore[operator]
    assert info.value.code == code
    return info.value


# --- the way from door to door ---


def test_a_case_goes_from_the_form_to_the_end() -> None:
    book = Book.open()
    seen = [status(book.case)]

    def note() -> None:
        if status(book.case) != seen[-1]:
            seen.append(status(book.case))

    book.pay()
    note()
    book.decide("pre")
    note()
    book.order(Leg.PICKUP)
    book.news(Leg.PICKUP, "picked_up")
    note()
    book.news(Leg.PICKUP, "delivered")
    note()
    book.receive()
    note()
    book.decide("first")
    book.decide("second")
    note()
    book.issue()
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate", "originals"))
    book.order(Leg.DELIVERY, waybill="W2")
    book.news(Leg.DELIVERY, "picked_up", waybill="W2")
    note()
    book.news(Leg.DELIVERY, "delivered", waybill="W2")
    note()
    assert (Kind.CLOSE, "") in owed(book)
    book.do(c.Close)
    note()
    assert seen == [
        "awaiting_payment",
        "in_review",
        "awaiting_pickup",
        "pickup_under_way",
        "awaiting_originals_check",
        "in_review",
        "awaiting_dispatch",
        "delivery_under_way",
        "delivered",
        "closed",
    ]
    assert owed(book) == []
    assert [stop.code for stop in timeline(book.case)] == [
        "submitted",
        "paid",
        "pre_check",
        "pickup",
        "originals",
        "review",
        "dispatch",
        "delivery",
        "closed",
    ]
    assert all(stop.state == "done" for stop in timeline(book.case))
    assert book.refold() == book.case


def test_a_service_without_fee_and_couriers_skips_those_stages() -> None:
    book = Book.open(simple_service())
    assert status(book.case) == "in_review"
    assert names(book.commits[0].events) == ["Submitted", "TaskStarted"]
    book.decide("answer")
    assert owed(book) == [(Kind.CLOSE, "")]
    book.do(c.Close)
    assert status(book.case) == "closed"


def test_a_second_form_under_the_same_number_is_refused() -> None:
    book = Book.open()
    values = {
        "language": "en",
        "idempotency": "i",
        "request": "r",
        "digest": "d",
        "lines": (),
        "tasks": (),
        "window": None,
    }
    refused("already_submitted", Conflict, book.do, c.Submit, **values)


def test_nothing_can_be_done_to_a_case_that_is_not_there() -> None:
    book = Book.open()
    book.case = type(book.case)(book.case.number, book.case.service, book.case.calendar)
    refused("unknown_case", NotFound, book.do, c.Withdraw)


# --- money ---


def test_a_checkout_that_expired_leaves_the_case_payable() -> None:
    book = Book.open()
    book.open_checkout("cs_1")
    assert names(book.open_checkout("cs_1", "expired")) == ["CheckoutExpired"]
    assert status(book.case) == "awaiting_payment"
    assert actions(book.case)[0] == "pay"
    assert names(book.pay("cs_2")) == ["CheckoutOpened", "FeePaid", "TaskStarted"]


def test_the_same_payment_learnt_twice_is_written_down_once() -> None:
    book = Book.open()
    book.pay()
    assert book.pay() == ()


def test_a_second_payment_goes_back_whole() -> None:
    book = Book.open()
    book.pay("cs_1", "pi_1")
    assert names(book.pay("cs_2", "pi_2")) == ["CheckoutOpened", "SurplusPaid", "RefundOwed"]
    refund = book.case.refunds[0]
    assert (refund.payment, refund.amount, refund.reason) == ("pi_2", 5000, "surplus")
    assert (Kind.REFUND, "1") in owed(book)


def test_a_payment_of_another_amount_is_not_the_fee_and_goes_back() -> None:
    book = Book.open()
    assert "SurplusPaid" in names(book.pay(amount=4999))
    assert status(book.case) == "awaiting_payment"
    assert book.case.refunds[0].amount == 4999


def test_an_unpaid_case_lapses_and_a_payment_after_that_goes_back() -> None:
    book = Book.open()
    book.pass_time(days=7)
    assert (Kind.LAPSE, "") in owed(book)
    book.do(c.Lapse)
    assert status(book.case) == "lapsed"
    assert names(book.pay()) == ["CheckoutOpened", "SurplusPaid", "RefundOwed"]
    assert book.do(c.Lapse) == ()


def test_a_paid_case_does_not_lapse() -> None:
    book = Book.open()
    book.pay()
    book.pass_time(days=8)
    assert (Kind.LAPSE, "") not in owed(book)
    assert book.do(c.Lapse) == ()


def test_an_open_checkout_is_asked_after_and_closed_when_the_case_has_ended() -> None:
    book = Book.open()
    book.open_checkout()
    assert owed(book) == []
    book.pass_time(minutes=5)
    assert owed(book) == [(Kind.ASK_CHECKOUT, "cs_1")]
    book.do(c.Withdraw, by="applicant")
    assert owed(book) == [(Kind.EXPIRE_CHECKOUT, "cs_1")]
    book.open_checkout("cs_1", "expired")
    assert owed(book) == []


@pytest.mark.parametrize(
    ("how_far", "given_back"),
    [
        ("paid", {"service", "pickup", "delivery"}),
        ("picked_up", {"service"}),
        ("in_review", set()),
    ],
)
def test_a_withdrawn_case_gets_back_the_lines_that_are_not_earned_yet(how_far: str, given_back: set[str]) -> None:
    book = Book.open()
    if how_far == "paid":
        book.pay()
    elif how_far == "picked_up":
        book.to_pickup().news(Leg.PICKUP, "picked_up")
    else:
        book.to_review()
    book.do(c.Withdraw, by="applicant")
    assert {line.code for refund in book.case.refunds for line in refund.lines} == given_back


def test_a_refund_is_followed_to_its_end() -> None:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    assert names(book.do(c.RecordRefund, refund=1, vendor="re_1", state="pending")) == ["RefundSent"]
    assert book.do(c.RecordRefund, refund=1, vendor="re_1", state="pending") == ()
    book.pass_time(days=1)
    assert owed(book) == [(Kind.ASK_REFUND, "1")]
    assert names(book.do(c.RecordRefund, refund=1, vendor="re_1", state="succeeded")) == ["RefundDone"]
    assert owed(book) == []
    assert book.do(c.RecordRefund, refund=1, vendor="re_1", state="succeeded") == ()


def owing_a_refund() -> Book:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    return book


def test_a_refund_that_failed_is_a_persons_work_until_it_is_settled() -> None:
    book = owing_a_refund()
    book.do(c.RecordRefund, refund=1, vendor="", state="failed", code="expired_or_canceled_card")
    assert owed(book) == []
    assert [(item.room, item.state) for item in worklist(book.case, book.now)] == [("supervision", "refund_failed")]
    assert names(book.do(c.SettleRefund, by="staff:s", refund=1, note="n")) == ["RefundSettled"]
    assert worklist(book.case, book.now) == ()
    assert book.do(c.SettleRefund, by="staff:s", refund=1, note="n") == ()
    assert book.do(c.RecordRefund, refund=1, vendor="re_1", state="succeeded") == ()
    assert [h.key for h in book.case.happenings if h.code == "refunded"] == ["settled-1"]


def test_a_refund_that_was_done_may_still_be_sent_back_by_the_bank() -> None:
    book = owing_a_refund()
    book.do(c.RecordRefund, refund=1, vendor="re_1", state="succeeded")
    failed = {"refund": 1, "vendor": "re_1", "state": "failed", "code": "lost_or_stolen_card"}
    assert names(book.do(c.RecordRefund, **failed)) == ["RefundFailed"]
    assert [item.state for item in worklist(book.case, book.now)] == ["refund_failed"]
    assert [h.code for h in book.case.happenings][-2:] == ["refunded", "refund_returned"]
    assert book.do(c.RecordRefund, **failed) == ()
    assert book.do(c.RecordRefund, refund=1, vendor="re_1", state="succeeded") == ()


def test_a_refund_that_seemed_refused_but_was_made_is_followed_all_the_same() -> None:
    book = owing_a_refund()
    book.do(c.RecordRefund, refund=1, vendor="", state="failed", code="invalid_request_error")
    assert book.do(c.RecordRefund, refund=1, vendor="", state="none") == ()
    assert names(book.do(c.RecordRefund, refund=1, vendor="re_1", state="succeeded")) == ["RefundDone"]
    assert worklist(book.case, book.now) == ()


@pytest.mark.parametrize(
    ("refund", "code", "kind"), [(1, "refund_not_failed", Conflict), (2, "unknown_refund", NotFound)]
)
def test_only_a_refund_that_failed_is_settled_by_hand(refund: int, code: str, kind: type[DomainError]) -> None:
    refused(code, kind, owing_a_refund().do, c.SettleRefund, by="staff:s", refund=refund, note="n")


def test_how_a_refund_was_settled_has_to_be_said() -> None:
    book = owing_a_refund()
    book.do(c.RecordRefund, refund=1, vendor="re_1", state="failed")
    refused("reason_missing", Invalid, book.do, c.SettleRefund, by="staff:s", refund=1, note="")


# --- disputes ---


def dispute(book: Book, state: str, amount: int = 5000, **changes: object) -> tuple[e.Event, ...]:
    told = {
        "dispute": "du_1",
        "payment": "pi_1",
        "amount": amount,
        "currency": "cny",
        "state": state,
        "code": "general",
    }
    return book.do(c.RecordDispute, by="payments", **{**told, "respond_by": None, **changes})


def supervision(book: Book) -> list[tuple[str, datetime]]:
    return [(item.state, item.due) for item in worklist(book.case, book.now) if item.room == "supervision"]


def test_a_dispute_is_a_supervisors_work_while_it_needs_a_response() -> None:
    book = Book.open()
    book.pay()
    until = book.now + timedelta(days=9)
    assert names(dispute(book, "needs_response", respond_by=until)) == ["DisputeMoved"]
    assert dispute(book, "needs_response", respond_by=until) == ()
    assert supervision(book) == [("dispute_needs_response", until)]
    assert names(dispute(book, "under_review", respond_by=until)) == ["DisputeMoved"]
    assert supervision(book) == []


INQUIRY = ["warning_needs_response", "warning_under_review"]


@pytest.mark.parametrize("state", INQUIRY)
def test_a_bank_that_only_asks_is_answered_by_giving_all_of_it_back(state: str) -> None:
    book = owing_a_refund()
    dispute(book, state)
    assert owed(book) == [(Kind.REFUND, "1")]
    dispute(book, "needs_response")
    assert owed(book) == []


@pytest.mark.parametrize("state", INQUIRY)
def test_part_of_a_payment_waits_for_an_inquiry_which_may_become_a_dispute_over_all_of_it(
    state: str,
) -> None:
    book = Book.open()
    book.pay()
    book.pass_time(days=30)
    book.do(c.BreakPromise)
    assert 0 < book.case.refunds[0].amount < book.case.payments[0].amount
    assert (Kind.REFUND, "1") in owed(book)
    dispute(book, state)
    assert (Kind.REFUND, "1") not in owed(book)
    dispute(book, "closed")
    assert (Kind.REFUND, "1") in owed(book)


def test_what_is_left_of_a_payment_goes_back_in_an_inquiry() -> None:
    book = Book.open()
    book.pay()
    dispute(book, "lost", 4000)
    dispute(book, "warning_needs_response", 1000, dispute="du_2")
    book.do(c.Withdraw, by="applicant")
    assert owed(book) == [(Kind.REFUND, "1")]


def test_nobody_pays_by_hand_during_an_inquiry() -> None:
    book = owing_a_refund()
    book.do(c.RecordRefund, refund=1, vendor="re_1", state="failed")
    dispute(book, "warning_needs_response")
    refused("payment_disputed", Conflict, book.do, c.SettleRefund, by="staff:s", refund=1, note="n")


@pytest.mark.parametrize("state", ["needs_response", "under_review"])
def test_nothing_of_a_disputed_payment_is_given_back(state: str) -> None:
    book = owing_a_refund()
    dispute(book, state)
    assert owed(book) == []
    book.pass_time(days=1)
    assert owed(book) == [(Kind.ASK_DISPUTE, "du_1")]
    dispute(book, "won")
    assert owed(book) == [(Kind.REFUND, "1")]


def test_an_open_dispute_is_asked_after_for_its_webhook_may_be_lost() -> None:
    book = Book.open().to_delivered()
    dispute(book, "needs_response")
    assert (Kind.ASK_DISPUTE, "du_1") not in owed(book)
    book.pass_time(days=1)
    assert (Kind.ASK_DISPUTE, "du_1") in owed(book)
    dispute(book, "closed")
    assert (Kind.ASK_DISPUTE, "du_1") not in owed(book)


def test_what_a_lost_dispute_has_taken_is_not_owed_any_more() -> None:
    book = owing_a_refund()
    dispute(book, "needs_response", 4000)
    assert names(dispute(book, "lost", 4000)) == ["DisputeMoved", "RefundAdjusted"]
    refund = book.case.refunds[0]
    assert (refund.amount, [line.amount for line in refund.lines]) == (1000, [1000, 0, 0])
    assert owed(book) == [(Kind.REFUND, "1")]


def test_a_refund_is_void_once_all_of_its_money_is_lost() -> None:
    book = owing_a_refund()
    dispute(book, "lost")
    assert (book.case.refunds[0].amount, book.case.refunds[0].state, owed(book)) == (0, "void", [])
    refused("refund_not_failed", Conflict, book.do, c.SettleRefund, by="staff:s", refund=1, note="n")


def test_a_dispute_that_is_won_on_appeal_brings_the_refund_back() -> None:
    book = owing_a_refund()
    dispute(book, "lost")
    assert names(dispute(book, "under_review")) == ["DisputeMoved", "RefundAdjusted"]
    assert owed(book) == []
    dispute(book, "won")
    assert owed(book) == [(Kind.REFUND, "1")]
    assert book.case.refunds[0].amount == 5000
    assert sum(line.amount for line in book.case.refunds[0].lines) == 5000


def test_only_what_a_lost_dispute_has_left_comes_to_be_owed() -> None:
    book = Book.open()
    book.pay()
    dispute(book, "lost", 4500)
    book.do(c.Withdraw, by="applicant")
    assert [(refund.amount, refund.lines) for refund in book.case.refunds] == [(500, (e.Line("service", 500),))]


def test_nothing_comes_to_be_owed_of_a_payment_that_is_lost() -> None:
    book = Book.open()
    book.pay()
    dispute(book, "lost")
    book.do(c.Withdraw, by="applicant")
    assert book.case.refunds == ()


def test_a_surplus_payment_that_is_lost_to_a_dispute_does_not_go_back() -> None:
    book = Book.open()
    book.pay("cs_1", "pi_1")
    book.pay("cs_2", "pi_2")
    dispute(book, "lost", payment="pi_2")
    assert [(refund.payment, refund.state) for refund in book.case.refunds] == [("pi_2", "void")]


def test_a_refund_that_failed_is_lowered_too_and_not_paid_by_hand_while_the_payment_is_disputed() -> None:
    book = owing_a_refund()
    book.do(c.RecordRefund, refund=1, vendor="re_1", state="failed")
    dispute(book, "needs_response", 4000)
    refused("payment_disputed", Conflict, book.do, c.SettleRefund, by="staff:s", refund=1, note="n")
    dispute(book, "lost", 4000)
    assert (book.case.refunds[0].amount, [state for state, _ in supervision(book)]) == (1000, ["refund_failed"])
    book.do(c.SettleRefund, by="staff:s", refund=1, note="n")
    assert book.case.refunds[0].state == "settled"


def test_what_has_gone_back_is_not_lowered_by_a_dispute() -> None:
    book = owing_a_refund()
    book.do(c.RecordRefund, refund=1, vendor="re_1", state="pending")
    assert names(dispute(book, "lost")) == ["DisputeMoved"]


def test_a_dispute_in_another_currency_puts_the_whole_payment_at_stake() -> None:
    book = Book.open()
    book.pay()
    dispute(book, "needs_response", 700, currency="usd")
    assert book.case.disputes[0].amount == 5000


# --- couriers ---


def test_a_courier_is_owed_only_after_the_pre_check() -> None:
    book = Book.open()
    book.pay()
    assert owed(book) == []
    book.decide("pre")
    assert owed(book) == [(Kind.ORDER_COURIER, "pickup-1")]


def test_a_request_is_repeated_until_the_courier_has_answered() -> None:
    book = Book.open()
    book.pay()
    book.decide("pre")
    book.do(c.RequestCourier, leg=Leg.PICKUP, attempt=1, courier="ems", window=book.case.window)
    assert owed(book) == [(Kind.ORDER_COURIER, "pickup-1")]
    assert book.do(c.RequestCourier, leg=Leg.PICKUP, attempt=1, courier="ems", window=None) == ()
    book.do(c.RecordCourierOrder, leg=Leg.PICKUP, attempt=1, waybill="W1")
    assert owed(book) == []
    assert book.do(c.RecordCourierOrder, leg=Leg.PICKUP, attempt=1, waybill="W1") == ()


def test_another_window_calls_the_first_courier_off_and_orders_the_next() -> None:
    book = Book.open().to_pickup()
    book.do(c.Reschedule, by="applicant", window=book.window(days=3))
    assert owed(book) == []
    book.pass_time(minutes=3)
    assert owed(book) == [(Kind.CANCEL_COURIER, "pickup-1")]
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=True)
    assert owed(book) == [(Kind.ORDER_COURIER, "pickup-2")]


def test_a_courier_that_cannot_be_called_off_any_more_comes() -> None:
    book = Book.open().to_pickup()
    book.do(c.Reschedule, by="applicant", window=book.window(days=3))
    book.pass_time(minutes=3)
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=False)
    assert owed(book) == []
    book.news(Leg.PICKUP, "picked_up")
    book.news(Leg.PICKUP, "delivered")
    book.receive()
    assert book.case.originals_complete
    assert owed(book) == []


def test_a_window_that_is_over_moves_to_the_same_hours_of_the_next_working_day() -> None:
    book = Book.open()
    assert pickup_window(book.case, book.now) == book.case.window
    book.pass_time(days=4)  # Friday
    moved = pickup_window(book.case, book.now)
    assert moved is not None
    assert book.case.window is not None
    assert moved.start == book.case.window.start + timedelta(days=6)  # the Monday after
    assert moved.end - moved.start == book.case.window.end - book.case.window.start


def test_no_other_window_once_the_courier_was_there() -> None:
    book = Book.open().to_pickup()
    book.news(Leg.PICKUP, "picked_up")
    refused("already_picked_up", Conflict, book.do, c.Reschedule, by="applicant", window=book.window())


def test_a_window_in_the_past_is_refused() -> None:
    book = Book.open()
    refused("window_not_in_the_future", Invalid, book.do, c.Reschedule, by="applicant", window=book.window(days=-1))


def test_news_told_four_times_and_out_of_order_counts_once() -> None:
    book = Book.open().to_pickup()
    late, early = book.now + timedelta(hours=5), book.now + timedelta(hours=1)
    assert names(book.news(Leg.PICKUP, "delivered", happened_at=late)) == ["ShipmentMoved"]
    for _ in range(3):
        assert book.news(Leg.PICKUP, "delivered", happened_at=late) == ()
    book.news(Leg.PICKUP, "picked_up", happened_at=early)
    assert status(book.case) == "awaiting_originals_check"


def test_news_that_is_taken_back_counts_no_more() -> None:
    book = Book.open().to_pickup()
    book.news(Leg.PICKUP, "picked_up")
    book.news(Leg.PICKUP, "delivered")
    book.news(Leg.PICKUP, "in_transit", undoes="delivered")
    assert status(book.case) == "pickup_under_way"


def test_a_cancellation_of_what_was_picked_up_is_an_exception_for_the_supervisor() -> None:
    book = Book.open().to_pickup()
    book.news(Leg.PICKUP, "picked_up")
    book.news(Leg.PICKUP, "cancelled")
    assert [item.state for item in worklist(book.case, book.now)] == ["courier_trouble"]


def test_a_courier_that_cancels_is_ordered_again() -> None:
    book = Book.open().to_pickup()
    book.news(Leg.PICKUP, "cancelled")
    assert owed(book) == [(Kind.ORDER_COURIER, "pickup-2")]


def test_an_order_lost_between_booking_and_writing_comes_back_with_its_news() -> None:
    book = Book.open()
    book.pay()
    book.decide("pre")
    book.do(c.RequestCourier, leg=Leg.PICKUP, attempt=1, courier="ems", window=book.case.window)
    assert names(book.news(Leg.PICKUP, "picked_up")) == ["ShipmentMoved"]
    assert status(book.case) == "pickup_under_way"
    assert owed(book) == []


def test_a_withdrawn_case_calls_its_courier_off_even_when_it_does_not_know_whether_one_was_booked() -> None:
    book = Book.open()
    book.pay()
    book.decide("pre")
    book.do(c.RequestCourier, leg=Leg.PICKUP, attempt=1, courier="ems", window=None)
    book.do(c.Withdraw, by="applicant")
    book.pass_time(minutes=4)
    assert (Kind.CANCEL_COURIER, "pickup-1") in owed(book)
    book.do(c.RecordCancellation, leg=Leg.PICKUP, attempt=1, done=True)
    assert owed(book) == [(Kind.REFUND, "1")]


def test_a_silent_courier_is_asked() -> None:
    book = Book.open().to_pickup()
    book.pass_time(days=1, hours=3, minutes=1)
    assert (Kind.ASK_COURIER, "pickup-1") in owed(book)
    book.news(Leg.PICKUP, "picked_up")
    assert owed(book) == []
    book.pass_time(days=3)
    assert (Kind.ASK_COURIER, "pickup-1") in owed(book)


def test_a_result_that_comes_back_is_dispatched_anew() -> None:
    book = Book.open().to_dispatched()
    book.news(Leg.DELIVERY, "picked_up", waybill="W2")
    book.news(Leg.DELIVERY, "returned", waybill="W2")
    assert status(book.case) == "awaiting_dispatch"
    assert [item.state for item in worklist(book.case, book.now)] == ["awaiting_dispatch"]
    book.do(c.Dispatch, by="staff:clerk", contents=("certificate", "originals"))
    assert owed(book) == [(Kind.ORDER_COURIER, "delivery-2")]


# --- originals ---


def test_the_clerk_may_check_in_an_envelope_before_the_courier_has_reported_it() -> None:
    book = Book.open().to_pickup()
    book.receive()
    assert book.case.originals_complete
    assert status(book.case) == "in_review"


def test_a_missing_original_asks_the_applicant_for_it_and_the_clock_stands() -> None:
    book = Book.open().to_pickup()
    book.news(Leg.PICKUP, "delivered")
    assert names(book.receive("licence")) == ["OriginalsReceived", "CorrectionRequested"]
    assert status(book.case) == "awaiting_correction"
    assert actions(book.case) == ("reschedule_pickup", "withdraw")
    book.do(c.Reschedule, by="applicant", window=book.window())
    book.order(Leg.PICKUP, attempt=2, waybill="W9")
    book.news(Leg.PICKUP, "delivered", attempt=2, waybill="W9")
    assert "TaskStarted" in names(book.receive("deed"))
    assert book.case.open_correction is None
    assert status(book.case) == "in_review"


def test_one_courier_comes_for_what_was_missing() -> None:
    book = Book.open().to_pickup()
    book.news(Leg.PICKUP, "delivered")
    book.receive("licence")
    book.do(c.Reschedule, by="applicant", window=book.window())
    assert owed(book) == [(Kind.ORDER_COURIER, "pickup-2")]
    book.order(Leg.PICKUP, attempt=2, waybill="W9")
    book.news(Leg.PICKUP, "delivered", attempt=2, waybill="W9")
    assert owed(book) == []


def test_nobody_may_ask_for_a_material_that_the_list_does_not_name() -> None:
    book = Book.open().to_pickup()
    error = refused("material_not_on_the_list", Invalid, book.receive, "licence", "photo")
    assert error.pointers == ("/items/photo",)


def test_originals_can_be_received_only_once_and_only_after_a_pickup_was_ordered() -> None:
    book = Book.open()
    refused("no_pickup_ordered", Conflict, book.receive)
    book.to_review()
    refused("originals_already_received", Conflict, book.receive)


def test_whoever_received_the_originals_decides_nothing_in_the_case() -> None:
    book = Book.open().to_review()
    refused("acceptance_and_approval_must_be_separate", NotAllowed, book.decide, "first", by="staff:clerk")


# --- decisions ---


def test_a_task_starts_when_those_before_it_are_approved() -> None:
    book = Book.open().to_review()
    assert [task.code for task in book.case.tasks] == ["pre", "first"]
    refused("task_not_open", Conflict, book.decide, "second")
    assert names(book.decide("first")) == ["TaskDecided", "TaskStarted"]


def test_a_decision_is_made_once_by_the_tasks_own_department() -> None:
    book = Book.open().to_review()
    refused("forbidden", NotAllowed, book.decide, "first", departments=frozenset({"d2"}))
    book.decide("first")
    refused("task_already_decided", Conflict, book.decide, "first")
    refused("unknown_task", NotFound, book.decide, "third")
    refused("unknown_decision", Invalid, book.decide, "second", "perhaps")


def test_a_rejection_needs_a_reason_ends_the_case_and_sends_the_originals_back() -> None:
    book = Book.open().to_review()
    refused("reason_missing", Invalid, book.decide, "first", "reject", note="")
    assert names(book.decide("first", "reject")) == ["TaskDecided", "Rejected"]
    assert status(book.case) == "rejected"
    assert [item.state for item in worklist(book.case, book.now)] == ["awaiting_return"]
    refused("wrong_contents", Invalid, book.do, c.Dispatch, by="staff:clerk", contents=("certificate",))
    book.do(c.Dispatch, by="staff:clerk", contents=("originals",))
    assert owed(book) == [(Kind.ORDER_COURIER, "return-1")]
    book.order(Leg.RETURN, waybill="W3")
    book.news(Leg.RETURN, "picked_up", waybill="W3")
    book.news(Leg.RETURN, "delivered", waybill="W3")
    assert owed(book) == []
    assert status(book.case) == "rejected"


def test_a_rejection_before_the_pickup_gives_everything_back() -> None:
    book = Book.open()
    book.pay()
    assert names(book.decide("pre", "reject")) == ["TaskDecided", "Rejected", "RefundOwed"]
    assert book.case.refunds[0].amount == 5000


def test_a_correction_opens_just_the_fields_that_were_marked() -> None:
    book = Book.open().to_review()
    error = refused("unknown_pointer", Invalid, book.decide, "first", "correct", pointers=("/applicant/phone",))
    assert error.pointers == ("/applicant/phone",)
    refused("pointers_missing", Invalid, book.decide, "first", "correct")
    book.decide("first", "correct", pointers=("/shop/area", "/uploads/photo"))
    assert status(book.case) == "awaiting_correction"
    refused("correction_under_way", Conflict, book.decide, "first")
    values = {"by": "applicant", "digest": "d2"}
    refused("field_not_asked", NotAllowed, book.do, c.Correct, **values, pointers=("/shop/name",), materials=())
    refused("field_not_asked", NotAllowed, book.do, c.Correct, **values, pointers=(), materials=("licence",))
    book.do(c.Correct, **values, pointers=("/shop/area",), materials=("photo",))
    assert status(book.case) == "in_review"
    assert book.case.submission == 2
    refused("nothing_to_correct", Conflict, book.do, c.Correct, **values, pointers=(), materials=())


def test_corrections_have_an_end() -> None:
    book = Book.open(service(correction_rounds=1)).to_review()
    book.decide("first", "correct", pointers=("/shop",))
    book.do(c.Correct, by="applicant", digest="d2", pointers=("/shop/area",), materials=())
    refused("too_many_corrections", Conflict, book.decide, "first", "correct", pointers=("/shop",))


def test_no_certificate_without_approval() -> None:
    book = Book.open().to_review()
    certificate = {"task": "first", "number": "N", "digest": "00", "valid_until": None}
    refused("not_approved", Conflict, book.do, c.RecordCertificate, **certificate)
    refused("unknown_certificate", NotFound, book.do, c.RecordCertificate, **{**certificate, "task": "pre"})


def test_certificates_are_owed_once_all_is_approved_and_issued_once() -> None:
    book = Book.open().to_review()
    book.decide("first")
    assert owed(book) == []
    book.decide("second")
    assert owed(book) == [(Kind.ISSUE, "first"), (Kind.ISSUE, "second")]
    book.issue()
    assert owed(book) == []
    again = {"task": "first", "number": "N-first", "digest": "00", "valid_until": None}
    assert book.do(c.RecordCertificate, **again) == ()


def test_a_certificate_can_be_revoked_with_a_reason() -> None:
    book = Book.open().to_delivered()
    refused("unknown_certificate", NotFound, book.do, c.Revoke, by="staff:s", number="X", note="n")
    refused("reason_missing", Invalid, book.do, c.Revoke, by="staff:s", number="N-first", note="")
    assert names(book.do(c.Revoke, by="staff:s", number="N-first", note="n")) == ["CertificateRevoked"]
    assert book.do(c.Revoke, by="staff:s", number="N-first", note="n") == ()


def test_dispatch_takes_exactly_what_belongs_in_the_envelope() -> None:
    book = Book.open().to_approved()
    contents = ("certificate", "originals")
    refused("not_ready_for_dispatch", Conflict, book.do, c.Dispatch, by="staff:clerk", contents=contents)
    book.issue()
    refused("wrong_contents", Invalid, book.do, c.Dispatch, by="staff:clerk", contents=("certificate",))
    book.do(c.Dispatch, by="staff:clerk", contents=contents)
    refused("already_dispatched", Conflict, book.do, c.Dispatch, by="staff:clerk", contents=contents)


def test_a_case_cannot_be_withdrawn_once_it_is_decided() -> None:
    book = Book.open().to_approved()
    refused("already_decided", Conflict, book.do, c.Withdraw, by="applicant")


def test_withdrawing_twice_is_withdrawing_once() -> None:
    book = Book.open()
    book.do(c.Withdraw, by="applicant")
    assert book.do(c.Withdraw, by="applicant") == ()
    refused("case_ended", Conflict, book.decide, "pre")


def test_each_department_is_rated_once_after_the_end() -> None:
    book = Book.open().to_delivered()
    rating = {"by": "applicant", "department": "d1", "stars": 5}
    refused("case_not_ended", Conflict, book.do, c.Rate, **rating)
    book.do(c.Close)
    refused("unknown_department", Invalid, book.do, c.Rate, **{**rating, "department": "d9"})
    refused("stars_out_of_range", Invalid, book.do, c.Rate, **{**rating, "stars": 6})
    book.do(c.Rate, **rating)
    refused("already_rated", Conflict, book.do, c.Rate, **rating)
    assert actions(book.case) == ("rate",)
    book.do(c.Rate, **{**rating, "department": "d2"})
    assert actions(book.case) == ()


# --- the clock ---


def test_a_task_turns_yellow_then_red() -> None:
    book = Book.open().to_review()  # started on a Monday: two working days end with Wednesday
    assert owed(book) == []
    book.pass_time(days=2)  # Wednesday, 10:00 in Shanghai: 34 of 48 hours
    assert owed(book) == []
    book.pass_time(hours=5)
    assert owed(book) == [(Kind.TURN_LIGHT, "first")]
    book.do(c.TurnLight, task="first")
    assert book.case.task("first").light == "yellow"  # type: ignore[union-attr]
    assert owed(book) == []
    book.pass_time(hours=10)
    book.do(c.TurnLight, task="first")
    assert book.case.task("first").light == "red"  # type: ignore[union-attr]
    assert book.do(c.TurnLight, task="first") == ()


def test_the_clock_stands_while_the_applicant_has_something_to_do() -> None:
    book = Book.open().to_review()
    term = book.case.promise_term(book.now)
    assert term is not None
    book.decide("first", "correct", pointers=("/shop",))
    book.pass_time(days=7)
    assert owed(book) == []
    book.do(c.Correct, by="applicant", digest="d2", pointers=("/shop/area",), materials=())
    later = book.case.promise_term(book.now)
    assert later is not None
    # From Tuesday 00:00, when the term begins to count, to Monday 10:00: four working days and ten hours.
    assert timedelta(days=4, hours=10) < _working(book, term.due, later.due) < timedelta(days=4, hours=10, minutes=1)


def _working(book: Book, start: object, end: object) -> timedelta:
    from chalicelib.domain.clock import working_time

    return working_time(start, end, book.case.calendar)  # type: ignore[arg-type]


def test_a_broken_promise_gives_the_service_fee_back() -> None:
    book = Book.open().to_review()
    book.pass_time(days=9)
    assert (Kind.BREAK_PROMISE, "") in owed(book)
    assert names(book.do(c.BreakPromise)) == ["PromiseBroken", "RefundOwed"]
    assert book.case.refunds[0].lines == (e.Line("service", 1000),)
    book.decide("first", "reject")
    assert [refund.reason for refund in book.case.refunds] == ["promise_broken"]


def test_a_kept_promise_breaks_no_more() -> None:
    book = Book.open().to_delivered()
    book.pass_time(days=30)
    assert (Kind.BREAK_PROMISE, "") not in owed(book)
    assert book.do(c.BreakPromise) == ()


# --- messages ---


def test_the_applicant_is_told_of_each_happening_once() -> None:
    book = Book.open().to_delivered()
    told = [step.subject for step in due(book.case, book.now) if step.kind == Kind.NOTIFY]
    assert told == ["submitted", "paid", "picked_up-1", "approved", "delivery-dispatched-1", "delivery-delivered-1"]
    for happening in told:
        assert names(book.do(c.RecordMessage, happening=happening)) == ["MessageSent"]
        assert book.do(c.RecordMessage, happening=happening) == ()
    assert [step for step in due(book.case, book.now) if step.kind == Kind.NOTIFY] == []
