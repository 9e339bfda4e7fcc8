"""What payments promise, by Stripe's client against the counterpart and in memory alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.money import Money
from chalicelib.ports import Checkout, CheckoutLine, Dispute, Refund, Statement, StatementItem, VendorRejected
from infra.local.stripe_counterpart.ledger import NEXT_OF_DISPUTE
from tests.contract.payments_rig import CASE, STRIPE_STATES, Clock, Desk, client, counterpart, memory_desk, stripe_desk

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Desk]]:
    """Desks of one counterpart."""
    clock = Clock()
    with counterpart(tmp_path_factory.mktemp("stripe"), clock=clock.unix) as pages, client(pages.url) as payments:
        yield lambda: stripe_desk(clock, pages, payments)


@pytest.fixture(params=["memory", "stripe"])
def desk(request: pytest.FixtureRequest, counter: Callable[[], Desk]) -> Desk:
    return memory_desk(Clock()) if request.param == "memory" else counter()


def paid(desk: Desk, key: str = "key-1") -> Checkout:
    opened = desk.open(key)
    desk.pay(opened.id)
    return desk.payments.checkout(opened.id)


def test_a_new_checkout_is_open_for_the_sum_of_its_lines(desk: Desk) -> None:
    until = desk.clock() + timedelta(hours=2)
    opened = desk.open(expires_at=until)
    assert opened.url.startswith("http")
    assert opened == Checkout(opened.id, opened.url, "open", Money(2000, "cny"), until.astimezone(UTC), CASE)


def test_a_checkout_is_fetched_as_it_was_opened(desk: Desk) -> None:
    opened = desk.open()
    assert desk.payments.checkout(opened.id) == opened


def test_the_same_key_opens_one_checkout(desk: Desk) -> None:
    assert desk.open("key-1") == desk.open("key-1")


def test_another_key_opens_another_checkout(desk: Desk) -> None:
    assert desk.open("key-1").id != desk.open("key-2").id


def test_a_key_is_good_for_one_content(desk: Desk) -> None:
    desk.open("key-1")
    with pytest.raises(VendorRejected, match="idempotency_error"):
        desk.open("key-1", lines=(CheckoutLine("fee", "工本费", 1),))


@pytest.mark.parametrize("life", [timedelta(minutes=29), timedelta(hours=24)])
def test_a_checkout_lives_at_least_half_an_hour_and_less_than_a_day(desk: Desk, life: timedelta) -> None:
    with pytest.raises(VendorRejected):
        desk.open(expires_at=desk.clock() + life)


def test_nothing_to_pay_opens_no_checkout(desk: Desk) -> None:
    with pytest.raises(VendorRejected):
        desk.open(lines=(CheckoutLine("fee", "工本费", 0),))


def test_a_declined_card_leaves_the_checkout_open(desk: Desk) -> None:
    opened = desk.open()
    desk.decline(opened.id)
    assert desk.payments.checkout(opened.id) == opened


def test_a_declined_card_can_be_followed_by_a_good_one(desk: Desk) -> None:
    opened = desk.open()
    desk.decline(opened.id)
    desk.pay(opened.id)
    assert desk.payments.checkout(opened.id).state == "paid"


def test_a_paid_checkout_names_its_payment_and_amount(desk: Desk) -> None:
    checkout = paid(desk)
    assert (checkout.state, checkout.amount, checkout.case) == ("paid", Money(2000, "cny"), CASE)
    assert checkout.payment


def test_paying_twice_is_paying_once(desk: Desk) -> None:
    checkout = paid(desk)
    desk.pay(checkout.id)
    desk.decline(checkout.id)
    assert desk.payments.checkout(checkout.id) == checkout


def test_an_expired_checkout_cannot_be_paid(desk: Desk) -> None:
    opened = desk.open()
    desk.expire(opened.id)
    desk.pay(opened.id)
    assert desk.payments.checkout(opened.id).state == "expired"


def test_a_checkout_expires_by_time(desk: Desk) -> None:
    opened = desk.open(expires_at=desk.clock() + timedelta(hours=1))
    desk.clock.forward(timedelta(minutes=59))
    assert desk.payments.checkout(opened.id).state == "open"
    desk.clock.forward(timedelta(minutes=1))
    desk.pay(opened.id)
    assert desk.payments.checkout(opened.id).state == "expired"


def test_closing_a_checkout_shuts_the_applicant_out(desk: Desk) -> None:
    opened = desk.open()
    assert desk.payments.expire_checkout(opened.id).state == "expired"
    desk.pay(opened.id)
    assert desk.payments.checkout(opened.id).state == "expired"


def test_closing_a_closed_checkout_changes_nothing(desk: Desk) -> None:
    opened = desk.open()
    assert desk.payments.expire_checkout(opened.id) == desk.payments.expire_checkout(opened.id)


def test_closing_a_declined_checkout_closes_it(desk: Desk) -> None:
    opened = desk.open()
    desk.decline(opened.id)
    assert desk.payments.expire_checkout(opened.id).state == "expired"


def test_closing_comes_too_late_for_a_paid_checkout(desk: Desk) -> None:
    checkout = paid(desk)
    assert desk.payments.expire_checkout(checkout.id) == checkout


def test_an_unknown_checkout_is_rejected(desk: Desk) -> None:
    with pytest.raises(VendorRejected, match="resource_missing"):
        desk.payments.checkout("cs_test_none")
    with pytest.raises(VendorRejected, match="resource_missing"):
        desk.payments.expire_checkout("cs_test_none")


def test_a_payment_is_refunded_in_parts_down_to_nothing(desk: Desk) -> None:
    payment = paid(desk).payment
    first = desk.refund("r-1", payment, 1200)
    second = desk.refund("r-2", payment, 800)
    assert (first.state, first.amount) == ("succeeded", Money(1200, "cny"))
    assert (second.state, second.amount) == ("succeeded", Money(800, "cny"))
    assert first.id != second.id
    with pytest.raises(VendorRejected, match="charge_already_refunded"):
        desk.refund("r-3", payment, 1)


def test_no_more_is_refunded_than_is_left(desk: Desk) -> None:
    payment = paid(desk).payment
    desk.refund("r-1", payment, 1200)
    with pytest.raises(VendorRejected, match="invalid_request_error"):
        desk.refund("r-2", payment, 801)
    assert desk.refund("r-3", payment, 800).state == "succeeded"


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_is_no_refund(desk: Desk, amount: int) -> None:
    payment = paid(desk).payment
    with pytest.raises(VendorRejected):
        desk.refund("r-1", payment, amount)


def test_the_same_key_refunds_once(desk: Desk) -> None:
    payment = paid(desk).payment
    first = desk.refund("r-1", payment, 1200)
    assert desk.refund("r-1", payment, 1200) == first
    assert desk.refund("r-2", payment, 800).state == "succeeded"


def test_the_same_key_refunds_once_even_days_later(desk: Desk) -> None:
    payment = paid(desk).payment
    first = desk.refund("r-1", payment, 500)
    desk.clock.forward(timedelta(days=3))
    assert desk.refund("r-1", payment, 500) == first


def test_the_same_key_refunds_once_among_many_refunds(desk: Desk) -> None:
    payment = paid(desk).payment
    made = [desk.refund(f"r-{n}", payment, 10) for n in range(25)]
    desk.clock.forward(timedelta(days=3))
    assert [desk.refund(f"r-{n}", payment, 10) for n in range(25)] == made


def test_a_refund_is_found_by_its_key_as_it_is_now(desk: Desk) -> None:
    payment = paid(desk).payment
    assert desk.refund_made("r-1", payment) is None
    made = desk.refund("r-1", payment, 500)
    desk.refund("r-2", payment, 600)
    assert desk.refund_made("r-1", payment) == made
    desk.bounce("r-1", made)
    assert desk.refund_made("r-1", payment) == replace(made, state="failed", reason="lost_or_stolen_card")
    assert desk.refund_made("r-1", paid(desk, "key-2").payment) is None
    with pytest.raises(VendorRejected, match="resource_missing"):
        desk.refund_made("r-1", "pi_none")


def test_a_refund_key_is_good_for_one_amount(desk: Desk) -> None:
    payment = paid(desk).payment
    desk.refund("r-1", payment, 500)
    with pytest.raises(VendorRejected, match="idempotency_error"):
        desk.refund("r-1", payment, 600)


def test_a_refund_is_in_the_currency_that_was_paid(desk: Desk) -> None:
    payment = paid(desk).payment
    with pytest.raises(VendorRejected, match="currency_mismatch"):
        desk.refund("r-1", payment, 500, "jpy")


def test_an_unknown_payment_is_not_refunded(desk: Desk) -> None:
    with pytest.raises(VendorRejected, match="resource_missing"):
        desk.refund("r-1", "pi_none", 500)


def test_a_refund_that_the_bank_returns_shows_as_failed_and_can_be_made_anew(desk: Desk) -> None:
    payment = paid(desk).payment
    first = desk.refund("r-1", payment, 2000)
    desk.bounce("r-1", first)
    again = desk.refund("r-1", payment, 2000)
    assert (again.id, again.state, again.reason) == (first.id, "failed", "lost_or_stolen_card")
    assert desk.refund("r-2", payment, 2000).state == "succeeded"


# --- disputes


def test_a_dispute_tells_of_its_payment_and_case(desk: Desk) -> None:
    payment = paid(desk).payment
    dispute = desk.payments.dispute(desk.open_dispute(payment, 0, False))
    assert dispute.respond_by is not None
    assert dispute.respond_by > desk.clock()
    expected = Dispute(
        dispute.id, payment, CASE, Money(2000, "cny"), "needs_response", "fraudulent", dispute.respond_by
    )
    assert dispute == expected
    assert desk.payments.disputes(payment) == (dispute,)


def test_a_payment_that_nobody_disputes_has_no_disputes(desk: Desk) -> None:
    assert desk.payments.disputes(paid(desk).payment) == ()


def test_nobody_disputes_an_unknown_payment(desk: Desk) -> None:
    assert desk.payments.disputes("pi_none") == ()


def test_an_unknown_dispute_is_rejected(desk: Desk) -> None:
    with pytest.raises(VendorRejected, match="resource_missing"):
        desk.payments.dispute("du_none")


@pytest.mark.parametrize(
    ("inquiry", "moves"),
    [
        (False, ["under_review", "won"]),
        (False, ["lost"]),
        (True, ["warning_under_review", "closed"]),
        (True, ["needs_response", "under_review", "lost"]),
    ],
)
def test_a_dispute_is_followed_to_its_end(desk: Desk, inquiry: bool, moves: list[str]) -> None:
    dispute = desk.open_dispute(paid(desk).payment, 0, inquiry)
    for state in moves:
        desk.move_dispute(dispute, state)
        assert desk.payments.dispute(dispute).state == state


def test_a_disputed_payment_is_not_refunded_until_the_dispute_is_won(desk: Desk) -> None:
    payment = paid(desk).payment
    dispute = desk.open_dispute(payment, 500, False)
    with pytest.raises(VendorRejected, match="charge_disputed"):
        desk.refund("r-1", payment, 100)
    desk.move_dispute(dispute, "won")
    assert desk.refund("r-1", payment, 2000).state == "succeeded"


def test_a_refund_that_was_refused_is_made_under_the_same_key_once_it_may_be(desk: Desk) -> None:
    payment = paid(desk).payment
    dispute = desk.open_dispute(payment, 500, False)
    for _ in range(2):
        with pytest.raises(VendorRejected, match="charge_disputed"):
            desk.refund("r-1", payment, 2000)
    desk.move_dispute(dispute, "won")
    assert desk.refund("r-1", payment, 2000).state == "succeeded"


def test_a_refund_that_was_refused_is_made_under_the_same_key_for_less(desk: Desk) -> None:
    payment = paid(desk).payment
    first = desk.refund("r-1", payment, 1200)
    with pytest.raises(VendorRejected, match="invalid_request_error"):
        desk.refund("r-2", payment, 801)
    assert desk.refund("r-2", payment, 800).state == "succeeded"
    with pytest.raises(VendorRejected, match="charge_already_refunded"):
        desk.refund("r-3", payment, 1200)
    desk.bounce("r-1", first)
    assert desk.refund("r-3", payment, 1200).state == "succeeded"


def test_an_inquiry_is_over_once_all_of_the_payment_has_gone_back(desk: Desk) -> None:
    payment = paid(desk).payment
    inquiry = desk.open_dispute(payment, 500, True)
    assert desk.refund("r-1", payment, 1999).state == "succeeded"
    assert desk.payments.dispute(inquiry).state == "warning_needs_response"
    assert desk.refund("r-2", payment, 1).state == "succeeded"
    assert desk.payments.dispute(inquiry).state == "closed"


def test_what_a_lost_dispute_has_taken_is_not_refunded(desk: Desk) -> None:
    payment = paid(desk).payment
    desk.move_dispute(desk.open_dispute(payment, 500, False), "lost")
    with pytest.raises(VendorRejected, match="invalid_request_error"):
        desk.refund("r-1", payment, 1501)
    assert desk.refund("r-2", payment, 1500).state == "succeeded"
    with pytest.raises(VendorRejected, match="charge_disputed"):
        desk.refund("r-3", payment, 1)


def test_no_bank_takes_back_more_than_is_left(desk: Desk) -> None:
    payment = paid(desk).payment
    desk.refund("r-1", payment, 1500)
    with pytest.raises(ValueError, match="left"):
        desk.open_dispute(payment, 501, False)
    desk.move_dispute(desk.open_dispute(payment, 0, False), "lost")
    assert desk.payments.disputes(payment)[0].amount == Money(500, "cny")


# --- both desks side by side, whatever is done to them


CHECKOUTS, KEYS = st.integers(0, 1), st.integers(0, 1)
DEEDS = st.one_of(
    st.tuples(st.just("open"), CHECKOUTS, st.sampled_from([2000, 2000, 500])),
    st.tuples(st.sampled_from(["pay", "pay", "decline", "expire", "close", "look"]), CHECKOUTS),
    st.tuples(st.just("refund"), CHECKOUTS, KEYS, st.sampled_from([500, 1500, 2000])),
    st.tuples(st.just("bounce"), CHECKOUTS, KEYS),
    st.tuples(st.just("dispute"), CHECKOUTS, st.sampled_from([0, 500, 2000]), st.booleans()),
    st.tuples(st.just("move_dispute"), st.sampled_from(["under_review", "won", "lost", "closed", "needs_response"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 11, 25])),
)
SPAN = timedelta(hours=6)


# --- the statement ---


def statement(desk: Desk, since: timedelta = timedelta(), until: timedelta = timedelta(seconds=1)) -> Statement:
    """Of a span about now."""
    return desk.payments.statement(desk.clock() + since, desk.clock() + until)


def about(items: tuple[StatementItem, ...], *payments: str) -> list[StatementItem]:
    """A counterpart serves several desks: what is about these payments only, the first one first."""
    return sorted((item for item in items if item.payment in payments), key=lambda item: payments.index(item.payment))


def test_the_statement_tells_of_checkouts_charges_and_refunds(desk: Desk) -> None:
    bought = paid(desk)
    given = desk.refund("r-1", bought.payment, 700)
    found, now, money = statement(desk), desk.clock(), Money(2000, "cny")
    assert about(found.checkouts, bought.payment) == [
        StatementItem(bought.id, CASE, bought.payment, money, "paid", now)
    ]
    (charge,) = about(found.charges, bought.payment)
    assert charge == StatementItem(charge.id, CASE, bought.payment, money, "succeeded", now)
    key = f"{desk.name}-r-1"
    assert about(found.refunds, bought.payment) == [
        StatementItem(given.id, CASE, bought.payment, Money(700, "cny"), "succeeded", now, key)
    ]


def test_the_statement_tells_how_things_are_now(desk: Desk) -> None:
    bought = paid(desk)
    desk.bounce("r-1", desk.refund("r-1", bought.payment, 700))
    assert [item.state for item in about(statement(desk).refunds, bought.payment)] == ["failed"]


def test_the_statement_tells_of_disputes_in_the_halls_words(desk: Desk) -> None:
    bought = paid(desk)
    dispute = desk.open_dispute(bought.payment, 500, True)
    desk.move_dispute(dispute, "closed")
    assert about(statement(desk).disputes, bought.payment) == [
        StatementItem(dispute, CASE, bought.payment, Money(500, "cny"), "closed", desk.clock())
    ]


def test_what_is_open_what_is_over_and_what_was_declined_is_on_the_statement(desk: Desk) -> None:
    desk.clock.forward(4 * HOUR)
    tried, left, lapsed = desk.open("key-1"), desk.open("key-2"), desk.open("key-3", expires_at=desk.clock() + HOUR)
    desk.decline(tried.id)
    desk.clock.forward(2 * HOUR)
    found = {item.id: item for item in statement(desk, -3 * HOUR).checkouts}
    assert [found[opened.id].state for opened in (tried, left, lapsed)] == ["open", "open", "expired"]
    assert found[left.id].payment == ""
    failed = [item for item in statement(desk, -3 * HOUR).charges if item.state == "failed"]
    assert [(item.amount, item.created) for item in failed] == [(Money(2000, "cny"), desk.clock() - 2 * HOUR)]


def test_the_statement_is_of_its_span_alone(desk: Desk) -> None:
    desk.clock.forward(HOUR)
    bought = paid(desk)
    desk.clock.forward(timedelta(seconds=10))
    desk.refund("r-1", bought.payment, 700)
    second = timedelta(seconds=1)
    for since, until, expected in (
        (-10 * second, 0 * second, (1, 1, 0)),
        (-10 * second, 1 * second, (1, 1, 1)),
        (-9 * second, 1 * second, (0, 0, 1)),
        (-20 * second, -10 * second, (0, 0, 0)),
        (1 * second, HOUR, (0, 0, 0)),
    ):
        found = statement(desk, since, until)
        lists = (found.checkouts, found.charges, found.refunds)
        assert tuple(len(about(items, bought.payment)) for items in lists) == expected, (since, until)


def test_a_long_statement_is_read_to_its_end(desk: Desk) -> None:
    desk.clock.forward(24 * HOUR)
    opened = {desk.open(f"key-{number}").id for number in range(103)}
    assert {item.id for item in statement(desk).checkouts} == opened


class Journal:
    """What a desk made of a row of deeds, told without ids."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.opened: list[Checkout] = []
        self.refunds: dict[str, Refund] = {}
        self.disputes: list[str] = []

    def do(self, deed: tuple[Any, ...]) -> object:
        name, *arguments = deed
        try:
            return getattr(self, name)(*arguments)
        except VendorRejected as error:
            return error.code

    def open(self, key: int, amount: int) -> object:
        """The same until the next quarter of a day begins."""
        line = CheckoutLine("fee", "工本费", amount)
        start = datetime.min.replace(tzinfo=UTC)
        until = start + (self.desk.clock() - start) // SPAN * SPAN + 2 * SPAN
        found = self.desk.open(f"key-{key}", lines=(line,), expires_at=until)
        if found not in self.opened:
            self.opened.append(found)
        return self.told(found)

    def pay(self, number: int) -> object:
        return self.used(number, self.desk.pay)

    def decline(self, number: int) -> object:
        return self.used(number, self.desk.decline)

    def expire(self, number: int) -> object:
        return self.used(number, self.desk.expire)

    def close(self, number: int) -> object:
        return self.told(self.desk.payments.expire_checkout(self.id(number)))

    def look(self, number: int) -> object:
        return self.told(self.desk.payments.checkout(self.id(number)))

    def refund(self, number: int, key: int, amount: int) -> object:
        payment = self.desk.payments.checkout(self.id(number)).payment or "pi_none"
        found = self.desk.refund(f"r-{number}-{key}", payment, amount)
        self.refunds[f"r-{number}-{key}"] = found
        return found.state, found.amount, found.reason

    def bounce(self, number: int, key: int) -> object:
        name = f"r-{number}-{key}"
        if name in self.refunds:
            self.desk.bounce(name, self.refunds[name])
        return None

    def dispute(self, number: int, amount: int, inquiry: bool) -> object:
        payment = self.desk.payments.checkout(self.id(number)).payment
        if not payment:
            return None
        try:
            found = self.desk.payments.dispute(self.desk.open_dispute(payment, amount, inquiry))
        except ValueError:
            return "more than is left"
        self.disputes.append(found.id)
        return found.state, found.amount, found.case

    def move_dispute(self, state: str) -> object:
        """The newest, where that may become of it."""
        if not self.disputes:
            return None
        now = self.desk.payments.dispute(self.disputes[-1]).state
        if STRIPE_STATES.get(state, state) in NEXT_OF_DISPUTE.get(now, ()):
            self.desk.move_dispute(self.disputes[-1], state)
        return self.desk.payments.dispute(self.disputes[-1]).state

    def used(self, number: int, hand: Callable[[str], object]) -> object:
        hand(self.id(number))
        return self.look(number)

    def id(self, number: int) -> str:
        return self.opened[number].id if number < len(self.opened) else "cs_test_none"

    def told(self, found: Checkout) -> object:
        number = [one.id for one in self.opened].index(found.id)
        return number, found.state, bool(found.url), found.amount, found.expires_at, found.case, bool(found.payment)


@settings(max_examples=100, deadline=None)
@given(deeds=st.lists(DEEDS, min_size=5, max_size=30))
def test_memory_answers_as_stripe_does(counter: Callable[[], Desk], deeds: list[tuple[Any, ...]]) -> None:
    real = counter()
    journals = [Journal(desk) for desk in (real, memory_desk(real.clock))]
    for deed in [("open", 0, 2000), *deeds]:
        if deed[0] == "wait":
            real.clock.forward(timedelta(hours=deed[1]))
        elif deed[0] in ("pay", "decline", "expire") and deed[1] >= len(journals[0].opened):
            continue
        else:
            stripe, memory = (journal.do(deed) for journal in journals)
            assert stripe == memory, deed
