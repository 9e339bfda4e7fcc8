"""Reconciliation against the Stripe counterpart, by Stripe's own client: each planted difference is found and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.domain import commands as c
from chalicelib.domain.case import Case
from chalicelib.domain.numbers import case_number
from chalicelib.ports import VendorRejected, VendorTemporary
from chalicelib.usecases.execute import execute, load
from chalicelib.usecases.payment import follow_dispute, follow_refunds, refund_key
from chalicelib.usecases.reconcile import Difference, Report, Side, find_report, reconcile
from chalicelib.usecases.submit import Application, submit
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.contract.payments_rig import Pages, client, counterpart
from tests.halls import MONDAY, MemoryHall
from tests.workers.faults import Faulty, always

DAY = date(2026, 11, 23)
ITEM = "line_items[0][price_data]"


@dataclass
class Rig:
    """A hall whose payments are Stripe's client against a counterpart, both by one clock."""

    hall: MemoryHall
    pages: Pages
    cases: int = 0

    def apply_for(self) -> str:
        """An unpaid case, its checkout open."""
        self.cases += 1
        application = Application(f"key-{self.cases:08}", RESIDENCE, "", "zh-CN", RESIDENCE_ANSWERS, {})
        number = submit(self.hall, application).case.number
        self.hall.drain()
        return number

    def case(self, number: str) -> Case:
        return load(self.hall, number).case

    def pay(self, number: str) -> str:
        """Paid on the hosted page, and heard of by the hall."""
        self.pages.use(self.case(number).checkouts[-1].id, "paid")
        self.pass_time(minutes=6)
        payment = self.case(number).payment
        assert payment is not None
        return payment.id

    def paid(self) -> str:
        number = self.apply_for()
        self.pay(number)
        return number

    def do(self, number: str, command: type[c.Command], by: str = "payments", **values: Any) -> Case:
        made = command(at=self.hall.now(), by=by, **values)
        return execute(self.hall, number, lambda _: made)

    def withdraw(self, number: str) -> Case:
        return self.do(number, c.Withdraw, by="applicant", note="")

    def refund_seen(self, number: str, vendor: str, state: str, code: str = "") -> None:
        self.do(number, c.RecordRefund, refund=1, vendor=vendor, state=state, code=code)

    def pass_time(self, **span: float) -> None:
        self.hall.clock.advance(timedelta(**span))
        self.hall.sweep_and_drain()

    # --- somebody else's doing, past the hall ---

    def session(self, reference: str, amount: int, currency: str = "cny", about: str = "") -> str:
        """A checkout that the hall did not open; ``about`` is the case that its payment names."""
        form = {
            "mode": "payment",
            f"{ITEM}[currency]": currency,
            f"{ITEM}[unit_amount]": str(amount),
            f"{ITEM}[product_data][name]": "fee",
            "line_items[0][quantity]": "1",
            "client_reference_id": reference,
            "success_url": "https://hall.example/t/x",
            "payment_intent_data[metadata][case]": about or reference,
        }
        return str(self._post("/v1/checkout/sessions", form)["id"])

    def session_paid(self, reference: str, amount: int, currency: str = "cny", about: str = "") -> tuple[str, str]:
        """Session and payment."""
        session = self.session(reference, amount, currency, about)
        self.pages.use(session, "paid")
        return session, str(self.pages.get(f"/v1/checkout/sessions/{session}").json()["payment_intent"])

    def refund_made(self, payment: str, amount: int, **metadata: str) -> str:
        form = {"payment_intent": payment, "amount": str(amount)}
        form |= {f"metadata[{name}]": value for name, value in metadata.items()}
        return str(self._post("/v1/refunds", form)["id"])

    def recorded(self, number: str, checkout: str, payment: str) -> None:
        """In the log of a case as if its whole fee had been paid."""
        self.do(
            number,
            c.RecordCheckout,
            checkout=checkout,
            url="",
            state="paid",
            amount=self.case(number).fee,
            currency="cny",
            expires_at=self.hall.now(),
            payment=payment,
        )

    def disputed(self, payment: str) -> str:
        answer = self.pages.http.request("POST", f"{self.pages.url}/_control/disputes", json={"payment": payment})
        return str(answer.json()["id"])

    def move_dispute(self, dispute: str, status: str) -> None:
        self.pages.http.request("PUT", f"{self.pages.url}/_control/disputes/{dispute}", json={"status": status})

    def _post(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        answer = self.pages.post(path, urlencode(form))
        assert answer.status == 200, answer.data
        return dict(answer.json())

    # --- the next morning ---

    def reconcile(self, day: date = DAY) -> Report:
        """With everything relayed, at a quarter past three on the next day or later."""
        self.hall.drain()
        morning = datetime(day.year, day.month, day.day, 19, 15, tzinfo=UTC)  # of the hall's zone
        self.hall.clock.now = max(self.hall.clock.now + timedelta(minutes=1), morning)
        return reconcile(self.hall, day)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    hall = MemoryHall(MONDAY)
    with counterpart(tmp_path, clock=lambda: hall.clock().timestamp()) as pages, client(pages.url) as payments:
        hall.payments = hall.guarded(payments)
        yield Rig(hall, pages)


# --- nothing to find ---


def test_an_honest_day_has_no_differences(rig: Rig) -> None:
    rig.apply_for()
    rig.paid()
    given_back = rig.paid()
    rig.withdraw(given_back)
    rig.hall.drain()
    declined = rig.apply_for()
    rig.pages.use(rig.case(declined).checkouts[0].id, "declined")
    rig.pay(declined)
    report = rig.reconcile()
    assert report.differences == ()
    assert (report.checkouts, report.payments, report.refunds) == (4, 3, 1)
    assert report.entries == 3 + 2
    assert rig.case(given_back).refunds[0].state == "done"


def test_what_lies_on_two_sides_of_midnight_is_no_difference(rig: Rig) -> None:
    rig.hall.clock.now = datetime(2026, 11, 23, 15, 59, 50, tzinfo=UTC)  # ten seconds to midnight
    late = rig.paid()  # noticed after it
    rig.hall.clock.now = datetime(2026, 11, 24, 15, 59, 50, tzinfo=UTC)
    rig.withdraw(late)
    payment = rig.case(late).payments[0]
    rig.refund_made(payment.id, payment.amount, case=late, key=refund_key(late, 1))
    rig.pass_time(hours=2)
    assert rig.case(late).refunds[0].sent_at is None
    for day in (DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)):
        assert rig.reconcile(day).differences == ()


def test_what_was_noticed_days_later_is_asked_for_before_it_is_called_missing(rig: Rig) -> None:
    number = rig.apply_for()
    rig.pages.use(rig.case(number).checkouts[0].id, "paid")
    rig.hall.clock.advance(timedelta(days=3))
    rig.hall.sweep_and_drain()
    report = rig.reconcile(DAY + timedelta(days=3))
    assert report.entries == 1
    assert report.differences == ()


def test_what_moves_on_while_the_comparison_runs_is_no_difference(rig: Rig) -> None:
    rig.pages.control(refund_status="pending")
    number = rig.paid()
    rig.withdraw(number)
    disputed = rig.paid()
    dispute = rig.disputed(rig.case(disputed).payments[0].id)
    follow_dispute(rig.hall, dispute)
    rig.hall.drain()
    refund = rig.case(number).refunds[0]

    def go_on(*_: object) -> None:
        """After the statement was read; by webhook the hall hears of it."""
        rig.pages.settle(refund.vendor, "succeeded")
        rig.move_dispute(dispute, "under_review")
        follow_refunds(rig.hall, number)
        follow_dispute(rig.hall, dispute)

    rig.hall.ledger = Faulty(rig.hall.ledger, "between", go_on)  # type: ignore[assignment]
    assert rig.reconcile().differences == ()
    assert rig.case(number).refunds[0].state == "done"
    assert rig.case(disputed).disputes[0].status == "under_review"


# --- what is planted, each by a hand of its own: gives the difference that has to be found ---

Plant = Callable[[Rig], Difference]


def a_payment_of_nobody(rig: Rig) -> Difference:
    _, payment = rig.session_paid("INV-7", 700)
    return Difference("payment_unknown", "", "ch_", payment)


def a_payment_that_was_never_made(rig: Rig) -> Difference:
    number = rig.apply_for()
    rig.recorded(number, "cs_gone", "pi_gone")
    return Difference("payment_missing", number, "pi_gone", "pi_gone")


def another_amount(rig: Rig) -> Difference:
    number = rig.apply_for()
    session, payment = rig.session_paid(number, rig.case(number).fee - 1)
    rig.recorded(number, session, payment)
    return Difference("payment_amount", number, "ch_", payment)


def another_currency(rig: Rig) -> Difference:
    number = rig.apply_for()
    session, payment = rig.session_paid(number, rig.case(number).fee, "usd")
    rig.recorded(number, session, payment)
    return Difference("payment_currency", number, "ch_", payment)


def a_payment_of_another_case(rig: Rig) -> Difference:
    number, other = rig.apply_for(), rig.apply_for()
    session, payment = rig.session_paid(other, rig.case(other).fee, about=number)
    rig.recorded(other, session, payment)
    return Difference("payment_of_another_case", number, "ch_", payment, other_case=other)


def a_refund_by_hand(rig: Rig) -> Difference:
    number = rig.paid()
    payment = rig.case(number).payments[0].id
    return Difference("refund_unknown", number, rig.refund_made(payment, 100), payment)


def a_refund_that_was_never_made(rig: Rig) -> Difference:
    number = rig.paid()
    rig.withdraw(number)
    rig.refund_seen(number, "re_gone", "succeeded")
    return Difference("refund_missing", number, "re_gone", rig.case(number).payments[0].id, 1)


def a_refund_of_another_amount(rig: Rig) -> Difference:
    number = rig.paid()
    owed = rig.withdraw(number).refunds[0]
    refund = rig.refund_made(owed.payment, owed.amount - 1, case=number, key=refund_key(number, 1))
    rig.refund_seen(number, refund, "succeeded")
    return Difference("refund_amount", number, refund, owed.payment, 1)


def a_refund_that_succeeded_after_it_was_given_up(rig: Rig) -> Difference:
    number = rig.paid()
    owed = rig.withdraw(number).refunds[0]
    refund = rig.refund_made(owed.payment, owed.amount, case=number, key=refund_key(number, 1))
    rig.refund_seen(number, refund, "failed", "lost_or_stolen_card")
    return Difference("refund_state", number, refund, owed.payment, 1)


def a_dispute_over_nobodys_payment(rig: Rig) -> Difference:
    _, payment = rig.session_paid("INV-8", 900)
    return Difference("dispute_unknown", "", rig.disputed(payment), payment)


def an_entry_of_nothing(rig: Rig) -> Difference:
    number = rig.paid()
    rig.hall.drain()
    entry = next(entry for entry in rig.hall.ledger.between(DAY, DAY) if entry.case == number)
    rig.hall.ledger.put([replace(entry, version=99)])
    return Difference("entry_unknown", number, f"{number}-99-{entry.number}", entry.payment)


def an_entry_of_a_case_that_was_never_logged(rig: Rig) -> Difference:
    number = rig.paid()
    rig.hall.drain()
    entry = next(entry for entry in rig.hall.ledger.between(DAY, DAY) if entry.case == number)
    unknown = case_number(rig.hall.mac_key, "a key that nobody has sent")
    rig.hall.ledger.put([replace(entry, case=unknown, payment="pi_nobodys")])
    return Difference("entry_unknown", unknown, f"{unknown}-{entry.version}-{entry.number}", "pi_nobodys")


PLANTS: tuple[Plant, ...] = (
    a_payment_of_nobody,
    a_payment_that_was_never_made,
    another_amount,
    another_currency,
    a_payment_of_another_case,
    a_refund_by_hand,
    a_refund_that_was_never_made,
    a_refund_of_another_amount,
    a_refund_that_succeeded_after_it_was_given_up,
    a_dispute_over_nobodys_payment,
    an_entry_of_nothing,
    an_entry_of_a_case_that_was_never_logged,
)

# --- and what the hall puts right by itself ---


def a_payment_nobody_told_of(rig: Rig) -> Difference:
    number = rig.apply_for()
    checkout = rig.case(number).checkouts[0].id
    rig.pages.use(checkout, "paid")
    payment = str(rig.pages.get(f"/v1/checkout/sessions/{checkout}").json()["payment_intent"])
    return Difference("payment_unrecorded", number, "ch_", payment, put_right=True)


def a_checkout_of_an_ended_case(rig: Rig) -> Difference:
    number = rig.apply_for()
    rig.withdraw(number)
    rig.hall.drain()
    rig.pass_time(minutes=6)
    session = rig.session(number, 500)
    return Difference("checkout_open", number, session, put_right=True)


def a_refund_that_the_bank_sent_back_unheard(rig: Rig) -> Difference:
    number = rig.paid()
    rig.withdraw(number)
    rig.hall.drain()
    given = rig.case(number).refunds[0]
    rig.pages.settle(given.vendor, "failed", "lost_or_stolen_card")
    return Difference("refund_state", number, given.vendor, given.payment, 1, put_right=True)


def a_dispute_that_nobody_told_of(rig: Rig) -> Difference:
    number = rig.paid()
    payment = rig.case(number).payments[0].id
    return Difference("dispute_unrecorded", number, rig.disputed(payment), payment, put_right=True)


def a_dispute_that_was_lost_unheard(rig: Rig) -> Difference:
    number = rig.paid()
    payment = rig.case(number).payments[0].id
    dispute = rig.disputed(payment)
    follow_dispute(rig.hall, dispute)
    rig.move_dispute(dispute, "lost")
    return Difference("dispute_state", number, dispute, payment, put_right=True)


def an_entry_that_was_lost(rig: Rig) -> Difference:
    number = rig.paid()
    rig.hall.drain()
    entry = next(entry for entry in rig.hall.ledger.between(DAY, DAY) if entry.case == number)
    rig.hall.ledger.put([replace(entry, day=entry.day + timedelta(days=9))])  # the memory keeps it once only
    return Difference(
        "entry_missing", number, f"{number}-{entry.version}-{entry.number}", entry.payment, put_right=True
    )


PUT_RIGHT: tuple[Plant, ...] = (
    a_checkout_of_an_ended_case,
    a_refund_that_the_bank_sent_back_unheard,
    a_dispute_that_nobody_told_of,
    a_dispute_that_was_lost_unheard,
    an_entry_that_was_lost,
    a_payment_nobody_told_of,  # last: after five minutes the sweep would ask
)


def named(found: Difference) -> Difference:
    """A difference as a plant tells it: a charge's id is Stripe's to make up."""
    of = "ch_" if found.id.startswith("ch_") else found.id
    return replace(found, id=of, books=None, provider=None)


def named_by(differences: tuple[Difference, ...]) -> set[Difference]:
    return {named(difference) for difference in differences}


def test_each_planted_difference_is_found_and_named_and_nothing_else(rig: Rig) -> None:
    rig.paid()
    planted = {plant(rig) for plant in PLANTS}
    disputed = next(found.payment for found in planted if found.kind == "dispute_unknown")
    planted.add(Difference("payment_unknown", "", "ch_", disputed))
    report = rig.reconcile()
    assert named_by(report.open) == planted
    assert len(report.open) == len(PLANTS) + 1 == 13
    assert report.disputes == 1


def test_what_the_hall_can_put_right_it_does_and_says_so(rig: Rig) -> None:
    planted = [plant(rig) for plant in PUT_RIGHT]
    report = rig.reconcile()
    assert report.open == ()
    assert named_by(report.differences) == set(planted)
    ended, returned, disputed, lost, _, unheard = (rig.case(difference.case) for difference in planted)
    assert {rig.pages.get(f"/v1/checkout/sessions/{c.id}").json()["status"] for c in ended.checkouts} == {"expired"}
    assert returned.refunds[0].state == "failed"
    assert [dispute.status for dispute in (*disputed.disputes, *lost.disputes)] == ["needs_response", "lost"]
    assert unheard.payment is not None
    again = rig.reconcile()
    assert again.differences == report.differences  # what an earlier run put right stays named
    assert find_report(rig.hall, DAY) == again


def test_a_payment_by_a_checkout_of_the_evening_before_is_recorded_too(rig: Rig) -> None:
    rig.hall.clock.now = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)  # seven in the evening
    number = rig.apply_for()
    rig.hall.clock.now = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # one in the night
    rig.pages.use(rig.case(number).checkouts[0].id, "paid")
    (found,) = rig.reconcile(DAY + timedelta(days=1)).differences
    assert (found.kind, found.case, found.put_right) == ("payment_unrecorded", number, True)
    assert rig.case(number).payment is not None


def test_a_checkout_that_can_not_be_closed_is_left_to_a_person(rig: Rig) -> None:
    planted = a_checkout_of_an_ended_case(rig)
    rig.hall.payments = Faulty(rig.hall.payments, "expire_checkout", always(VendorRejected("stripe", "no")))  # type: ignore[assignment]
    assert named_by(rig.reconcile().open) == {replace(planted, put_right=False)}


def test_a_difference_tells_what_each_side_says(rig: Rig) -> None:
    number = another_amount(rig).case
    (found,) = rig.reconcile().differences
    fee = rig.case(number).fee
    assert (found.books, found.provider) == (Side(fee, "cny", "paid"), Side(fee - 1, "cny", "succeeded"))


def test_a_difference_that_was_seen_to_is_gone_from_the_next_report(rig: Rig) -> None:
    number = rig.paid()
    rig.withdraw(number)
    owed = rig.case(number).refunds[0]
    rig.refund_seen(number, "re_gone", "succeeded")
    assert [found.kind for found in rig.reconcile().differences] == ["refund_missing"]
    rig.refund_made(owed.payment, owed.amount, case=number, key=refund_key(number, 1))
    assert rig.reconcile().differences == ()


def test_another_day_knows_nothing_of_it(rig: Rig) -> None:
    a_payment_of_nobody(rig)
    a_payment_that_was_never_made(rig)
    for days in (-1, 1):
        assert rig.reconcile(DAY + timedelta(days=days)).differences == ()


def test_a_provider_that_does_not_answer_leaves_the_earlier_report_as_it_was(rig: Rig) -> None:
    a_payment_of_nobody(rig)
    report = rig.reconcile()
    rig.hall.payments = Faulty(rig.hall.payments, "statement", always(VendorTemporary("stripe", "down")))  # type: ignore[assignment]
    with pytest.raises(VendorTemporary):
        rig.reconcile()
    assert find_report(rig.hall, DAY) == report
