"""The books: whatever becomes of a case's money, they balance, and the clearing account is what the provider holds."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import commands as c
from chalicelib.domain.case import Case
from chalicelib.domain.errors import DomainError
from chalicelib.domain.ledger import Account, Entry, balances, books
from tests.cases import SHANGHAI, Book, service, simple_service


def entries_of(book: Book) -> tuple[Entry, ...]:
    return tuple(books(Case(book.case.number, book.case.service, book.case.calendar), book.commits))


def accounts(book: Book) -> dict[str, int]:
    """Balances that are not zero, by account and fee line."""
    found = balances(entries_of(book))
    return {":".join(filter(None, (account, line))): amount for (account, line, _), amount in found.items() if amount}


def refund(book: Book, state: str, number: int = 1) -> None:
    book.do(c.RecordRefund, by="payments", refund=number, vendor=f"re_{number}", state=state, code="")


def test_a_paid_fee_is_income_by_its_lines() -> None:
    book = Book.open()
    book.pay()
    assert accounts(book) == {
        "provider": 5000,
        "income:service": -1000,
        "income:pickup": -1200,
        "income:delivery": -2800,
    }


def test_an_entry_says_what_happened_to_which_payment_and_on_which_day_of_the_hall() -> None:
    book = Book.open()
    book.pass_time(hours=15)  # past midnight in Shanghai, not in UTC
    book.pay()
    (paid,) = entries_of(book)
    assert (paid.kind, paid.payment, paid.refund, paid.vendor) == ("fee_paid", "pi_1", 0, "")
    assert (paid.case, paid.version, paid.number) == (book.case.number, 2, 2)
    assert (paid.service, paid.currency, paid.at) == ("sample", "cny", book.now)
    assert paid.day == book.now.astimezone(SHANGHAI).date() != book.now.date()


def test_commits_without_money_make_no_entry() -> None:
    book = Book.open(simple_service())
    book.decide("answer")
    assert entries_of(book) == ()


def test_a_withdrawn_case_owes_the_lines_back_until_the_provider_has_taken_them() -> None:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    assert accounts(book) == {"provider": 5000, "refunds_payable": -5000}
    refund(book, "pending")
    assert accounts(book) == {}
    refund(book, "succeeded")
    assert accounts(book) == {}
    assert [entry.kind for entry in entries_of(book)] == ["fee_paid", "refund_owed", "refund_sent"]


def test_a_refund_that_is_done_at_once_is_one_entry() -> None:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    refund(book, "succeeded")
    last = entries_of(book)[-1]
    assert (last.kind, last.payment, last.refund, last.vendor) == ("refund_sent", "pi_1", 1, "re_1")
    assert accounts(book) == {}


def test_a_refund_that_the_bank_sends_back_is_held_and_owed_again() -> None:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    refund(book, "pending")
    refund(book, "failed")
    assert accounts(book) == {"provider": 5000, "refunds_payable": -5000}


@pytest.mark.parametrize("way", [("succeeded", "failed"), ("pending", "succeeded", "failed"), ("failed",)])
def test_what_a_person_pays_back_leaves_the_halls_own_account(way: tuple[str, ...]) -> None:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    for state in way:
        refund(book, state)
    book.do(c.SettleRefund, by="staff:supervisor", refund=1, note="note")
    assert accounts(book) == {"provider": 5000, "bank": -5000}


def test_a_refund_that_was_given_up_and_had_been_made_after_all_is_taken_once() -> None:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    book.do(c.RecordRefund, by="payments", refund=1, vendor="", state="failed", code="no")
    refund(book, "succeeded")
    assert accounts(book) == {}
    refund(book, "failed")
    assert accounts(book) == {"provider": 5000, "refunds_payable": -5000}


def test_a_refund_that_the_provider_never_took_moves_nothing() -> None:
    book = Book.open()
    book.pay()
    book.do(c.Withdraw, by="applicant")
    refund(book, "failed")
    assert accounts(book) == {"provider": 5000, "refunds_payable": -5000}
    assert [entry.kind for entry in entries_of(book)] == ["fee_paid", "refund_owed"]


def test_what_was_paid_twice_is_never_income() -> None:
    book = Book.open()
    book.pay()
    book.pay("cs_2", "pi_2")
    assert accounts(book)["refunds_payable"] == -5000
    assert accounts(book)["provider"] == 10000
    refund(book, "succeeded")
    assert accounts(book)["provider"] == 5000
    assert "surplus" not in accounts(book)


def test_lines_that_are_not_given_back_stay_income() -> None:
    book = Book.open()
    book.pay()
    book.pass_time(days=30)
    book.do(c.BreakPromise)
    refund(book, "succeeded")
    assert accounts(book) == {"provider": 4000, "income:pickup": -1200, "income:delivery": -2800}


def dispute(book: Book, state: str, amount: int = 5000, number: int = 1) -> None:
    book.do(
        c.RecordDispute,
        by="payments",
        dispute=f"du_{number}",
        payment="pi_1",
        amount=amount,
        currency="cny",
        state=state,
        code="fraudulent",
        respond_by=None,
    )


def test_what_a_bank_disputes_is_held_back_until_it_is_won_or_lost() -> None:
    book = Book.open()
    book.pay()
    earned = {name: amount for name, amount in accounts(book).items() if name != "provider"}
    dispute(book, "warning_needs_response")
    assert accounts(book) == {"provider": 5000, **earned}
    dispute(book, "needs_response")
    dispute(book, "under_review")
    assert accounts(book) == {"disputed": 5000, **earned}
    last = entries_of(book)[-1]
    assert (last.kind, last.payment, last.vendor, len(last.postings)) == ("dispute_moved", "pi_1", "du_1", 2)
    dispute(book, "won")
    assert accounts(book) == {"provider": 5000, **earned}


def test_a_lost_dispute_is_a_loss_until_an_appeal_brings_it_back() -> None:
    book = Book.open()
    book.pay()
    dispute(book, "needs_response", 3000)
    dispute(book, "lost", 3000)
    assert (accounts(book)["provider"], accounts(book)["losses"]) == (2000, 3000)
    dispute(book, "needs_response", 3000)
    assert (accounts(book)["provider"], accounts(book)["disputed"]) == (2000, 3000)
    dispute(book, "won", 3000)
    assert accounts(book)["provider"] == 5000


def test_what_a_bank_takes_of_a_refund_that_is_owed_anyway_is_no_loss() -> None:
    book = Book.open()
    book.pay()
    dispute(book, "needs_response", 3000)
    book.do(c.Withdraw, by="applicant")
    dispute(book, "lost", 3000)
    refund(book, "succeeded")
    assert accounts(book) == {}
    assert "refund_adjusted" in {entry.kind for entry in entries_of(book)}


# --- whatever happens ---


@dataclass
class Provider:
    """What Stripe would hold, kept by its own rules and without a look at the books."""

    paid: dict[str, int] = field(default_factory=dict)
    refunds: dict[int, tuple[str, int]] = field(default_factory=dict)  # by the case's number: state and amount
    disputes: list[tuple[str, int]] = field(default_factory=list)  # of the first payment: state and amount

    @property
    def holds(self) -> int:
        return sum(self.paid.values()) - self.given - self.taken

    @property
    def given(self) -> int:
        return sum(amount for state, amount in self.refunds.values() if state in ("pending", "succeeded"))

    @property
    def taken(self) -> int:
        return sum(amount for state, amount in self.disputes if state in ("needs_response", "under_review", "lost"))

    @property
    def under_dispute(self) -> bool:
        return any(state in ("needs_response", "under_review") for state, _ in self.disputes)


NEXT_OF_DISPUTE = {
    "warning_needs_response": ("needs_response", "closed"),
    "needs_response": ("under_review", "won", "lost"),
    "under_review": ("won", "lost"),
    "lost": ("needs_response",),
}
END = ("succeeded", "failed")
MAY_FOLLOW = {"": ("pending", *END), "pending": ("pending", *END), "succeeded": END}
MOVES = (
    "pay",
    "pay short",
    "pay again",
    "withdraw",
    "break the promise",
    "refund",
    "refund",
    "settle",
    "lapse",
    "time",
)


def move(book: Book, provider: Provider, what: str, pick: int) -> None:
    match what:
        case "pay" | "pay short" | "pay again":
            number = len(provider.paid) + 1 if what == "pay again" else 1
            payment = f"pi_{number}"
            amount = provider.paid.setdefault(payment, book.case.fee - (what == "pay short"))
            book.pay(f"cs_{number}", payment, amount)
        case "withdraw":
            book.do(c.Withdraw, by="applicant")
        case "lapse":
            book.do(c.Lapse)
        case "break the promise":
            book.pass_time(days=30)
            book.do(c.BreakPromise)
        case "time":
            book.pass_time(hours=pick)
        case "settle":
            book.do(c.SettleRefund, by="staff:supervisor", refund=pick, note="note")
        case "dispute" if "pi_1" in provider.paid:
            move_dispute(book, provider, pick)
        case "refund" if book.case.refunds:
            asked = book.case.refunds[pick % len(book.case.refunds)]
            before = provider.refunds.get(asked.number, ("", 0))[0]
            if not before and (not asked.amount or book.case.disputed(asked.payment)):
                return  # nobody asks for it
            after = MAY_FOLLOW.get(before, (before,))
            state = after[pick % len(after)]
            provider.refunds[asked.number] = state, asked.amount
            refund(book, state, asked.number)


def move_dispute(book: Book, provider: Provider, pick: int) -> None:
    """The bank of the first payment opens a dispute over what is left of it, or moves one on."""
    moving = [number for number, (state, _) in enumerate(provider.disputes) if state in NEXT_OF_DISPUTE]
    of_first = [refund.number for refund in book.case.refunds if refund.payment == "pi_1"]
    given = sum(
        provider.refunds[n][1] for n in of_first if provider.refunds.get(n, ("",))[0] in ("pending", "succeeded")
    )
    left = provider.paid["pi_1"] - given - provider.taken
    if moving and pick % 3:
        number = moving[pick % len(moving)]
        state, amount = provider.disputes[number]
        following = NEXT_OF_DISPUTE[state]
        state = following[pick % len(following)]
        if state == "needs_response" and amount > left and provider.disputes[number][0] != "lost":
            return
        provider.disputes[number] = state, amount
    elif left > 0 and not provider.under_dispute:
        provider.disputes.append(("needs_response" if pick % 2 else "warning_needs_response", max(1, left - pick % 2)))
        number = len(provider.disputes) - 1
    else:
        return
    state, amount = provider.disputes[number]
    dispute(book, state, amount, number)


@given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 60)), max_size=25))
def test_whatever_happens_the_books_balance_and_tell_what_the_provider_holds(moves: list[tuple[str, int]]) -> None:
    book, provider = Book.open(service(legs={}, materials=[])), Provider()
    for what, pick in moves:
        with suppress(DomainError):
            move(book, provider, what, pick)
    found = entries_of(book)
    assert all(sum(posting.amount for posting in entry.postings) == 0 for entry in found)
    settled = sum(refund.amount for refund in book.case.refunds if refund.state == "settled")
    stands = {name: sum(a for (account, *_), a in balances(found).items() if account is name) for name in Account}
    assert stands[Account.PROVIDER] == provider.holds
    assert stands[Account.BANK] == -settled
    assert stands[Account.SURPLUS] == 0  # what is too much is owed back in the very commit that brings it
    still = sum(refund.amount for refund in book.case.refunds if refund.state in ("owed", "failed"))
    assert stands[Account.REFUNDS] == -still
    assert len({(entry.case, entry.version, entry.number) for entry in found}) == len(found)
