"""Payments, refunds, disputes and people in any order, through the use cases: never more goes back than was paid.

The provider and the banks behind it are honest (``MemoryPayments`` is held to what Stripe does), but what they say may
come late, twice or never, and a worker may die between doing and writing down.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from chalicelib.domain.case import Case
from chalicelib.domain.due import Kind, due
from chalicelib.domain.errors import DomainError
from chalicelib.ports import InboxMessage, Staff
from chalicelib.usecases import applicant, desk, payment
from chalicelib.usecases.execute import load
from chalicelib.usecases.inbox import try_apply
from chalicelib.usecases.perform import perform
from chalicelib.usecases.submit import Application, submit
from infra.local.stripe_counterpart.ledger import NEXT_OF_DISPUTE
from tests.api import RESIDENCE, RESIDENCE_ANSWERS
from tests.halls import MemoryHall
from tests.workers.journeys import CATALOGUE

SUPERVISOR = Staff("supervisor-1", frozenset({"supervisor"}))
REVIEWER = Staff("reviewer-1", frozenset({"reviewer"}), frozenset({"public-security"}))
MONEY = (Kind.ASK_CHECKOUT, Kind.EXPIRE_CHECKOUT, Kind.LAPSE, Kind.REFUND, Kind.ASK_REFUND, Kind.ASK_DISPUTE)
WHICH = st.integers(0, 1)


class Walk:
    """One case. ``seen`` counts the webhooks, so that each has its own identity."""

    def __init__(self, how_far: str, *, disputed: bool) -> None:
        """Random walks seldom get far by themselves: most begin where money is owed back, or could not be given."""
        self.hall = MemoryHall(catalogue=CATALOGUE)
        answers = dict(RESIDENCE_ANSWERS)
        self.number = submit(self.hall, Application("key-00000001", RESIDENCE, "", "zh-CN", answers, {})).case.number
        self.seen = 0
        if how_far != "submitted":
            self.ask_for_a_checkout()
            self.pay(0)
            self.hear_of_a_checkout(0)
        if how_far in ("owing", "failed"):
            self.withdraw()
        if how_far == "failed":
            self.do_a_step(0)
            self.bank_moves_a_refund(0, "failed")
            self.hear_of_a_refund()
        if disputed:
            self.bank_disputes(0, 0, False)

    @property
    def case(self) -> Case:
        return load(self.hall, self.number).case

    def refuses(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except DomainError as refusal:
            assert refusal.code  # noqa: PT017 - any coded refusal is right; anything else fails the test

    # --- people ---

    def ask_for_a_checkout(self) -> None:
        self.refuses(lambda: payment.open_checkout(self.hall, self.number))

    def pay(self, which: int) -> None:
        """Any page that is still open, be it the second one, or one of a case that has ended."""
        checkouts = list(self.hall.payments.checkouts)
        if checkouts:
            self.hall.payments.pay(checkouts[which % len(checkouts)])

    def withdraw(self) -> None:
        self.refuses(lambda: applicant.withdraw(self.hall, self.number, ""))

    def decide(self, reject: bool) -> None:
        made = desk.Decision("reject" if reject else "approve", "x")
        self.refuses(lambda: desk.decide_task(self.hall, REVIEWER, self.number, "verify-residence", made, None))

    def settle_by_hand(self, refund: int) -> None:
        self.refuses(lambda: desk.settle_refund(self.hall, SUPERVISOR, self.number, refund, "x", None))

    # --- the provider and the banks ---

    def bank_moves_a_refund(self, which: int, state: str) -> None:
        """Failed is failed, and nothing that has arrived is on its way again."""
        keys = sorted(self.hall.payments.refunds)
        if not keys:
            return
        key = keys[which % len(keys)]
        now = self.hall.payments.refunds[key][1].state
        if now == "failed" or (now == "succeeded" and state == "pending" and self.case.refunds[0].state != "owed"):
            return
        self.hall.payments.settle(key, state, "expired_or_canceled_card")

    def bank_disputes(self, which: int, amount: int, inquiry: bool) -> None:
        """As far as anything is left; of what was transferred by hand, a bank is shown the receipt."""
        payments = [checkout.payment for checkout in self.hall.payments.checkouts.values() if checkout.payment]
        if not payments:
            return
        disputed = payments[which % len(payments)]
        if self._by_hand(disputed) or any(d.state != "lost" for d in self.hall.payments.disputes(disputed)):
            return
        try:
            self.hall.payments.open_dispute(disputed, amount, inquiry=inquiry)
        except ValueError:
            event("nothing left to dispute")

    def bank_moves_a_dispute(self, which: int, next_: int) -> None:
        disputes = list(self.hall.payments.disputed.values())
        if not disputes:
            return
        dispute = disputes[which % len(disputes)]
        ways = [way for way in NEXT_OF_DISPUTE.get(dispute.state, ()) if not way.startswith("appeal")]
        if ways:
            state = ways[next_ % len(ways)]
            self.hall.payments.move_dispute(dispute.id, "closed" if state == "warning_closed" else state)
            event(f"a dispute became {state}")

    # --- what the hall hears, in whatever order and however often ---

    def hear_of_a_checkout(self, which: int) -> None:
        self.hear_of("checkout.session.completed", list(self.hall.payments.checkouts), which)

    def hear_of_a_dispute(self, which: int) -> None:
        self.hear_of("charge.dispute.updated", list(self.hall.payments.disputed), which)

    def hear_of_a_refund(self) -> None:
        self.hear({"id": "re", "metadata": {"case": self.number}}, "refund.updated")

    def hear_of_all(self, type: str, ids: list[str]) -> None:
        for which in range(len(ids)):
            self.hear_of(type, ids, which)

    def hear_of(self, type: str, ids: list[str], which: int) -> None:
        if ids:
            self.hear({"id": ids[which % len(ids)]}, type)

    def hear(self, thing: dict[str, Any], type: str) -> None:
        self.seen += 1
        body = json.dumps({"id": f"evt_{self.seen}", "object": "event", "type": type, "data": {"object": thing}})
        message = InboxMessage(f"stripe#evt_{self.seen}", "stripe", body.encode(), self.hall.clock())
        assert self.hall.inbox.put(message)
        assert try_apply(self.hall, message), self.hall.inbox.get(message.id)

    # --- the hall's workers ---

    def do_a_step(self, which: int) -> None:
        steps = [step for step in due(self.case, self.hall.clock()) if step.kind in MONEY]
        if steps:
            step = steps[which % len(steps)]
            perform(self.hall, self.number, step.kind, step.subject)

    def a_worker_dies_after_the_refund(self, which: int) -> None:
        owed = [step for step in due(self.case, self.hall.clock()) if step.kind == Kind.REFUND]
        if owed:
            dying = Unwritten(self.hall)
            try:
                perform(dying, self.number, Kind.REFUND, owed[which % len(owed)].subject)
            except Died:
                event("a worker died")

    # --- what must always hold ---

    def never_more_goes_back_than_was_paid(self) -> None:
        provider = self.hall.payments
        for checkout in provider.checkouts.values():
            if not checkout.payment:
                continue
            refunds = [refund for of, refund in provider.refunds.values() if of == checkout.payment]
            back = sum(refund.amount.amount for refund in refunds if refund.state != "failed")
            lost = sum(d.amount.amount for d in provider.disputes(checkout.payment) if d.state == "lost")
            assert back + lost + self._by_hand(checkout.payment) <= checkout.amount.amount

    def _by_hand(self, payment: str) -> int:
        return sum(r.amount for r in self.case.refunds if r.payment == payment and r.state == "settled")

    def end(self) -> None:
        """Even when the banks take all that they can; and once everybody has told everything, the log says what the
        provider says."""
        for dispute in self.hall.payments.disputed.values():
            if "lost" in NEXT_OF_DISPUTE.get(dispute.state, ()):
                self.hall.payments.move_dispute(dispute.id, "lost")
        self.never_more_goes_back_than_was_paid()
        self.hear_of_all("checkout.session.completed", list(self.hall.payments.checkouts))
        self.hear_of_all("charge.dispute.updated", list(self.hall.payments.disputed))
        self.hear_of_a_refund()
        case, provider = self.case, self.hall.payments
        for dispute in provider.disputed.values():
            known = case.dispute(dispute.id)
            assert known
            assert (known.status, known.amount) == (dispute.state, dispute.amount.amount)
        for known in case.refunds:
            event(f"a refund is {known.state}")
            _, made = provider.refunds.get(payment.refund_key(self.number, known.number), ("", None))
            if made is None:
                assert known.state in ("owed", "failed", "settled", "void")
            elif made.state == "failed":
                assert known.state in ("failed", "settled", "void")
            elif known.state != "settled":
                assert known.state == {"succeeded": "done", "pending": "sent"}[made.state]
                assert known.amount == made.amount.amount


class Died(Exception):
    """The process was killed."""


class Unwritten:
    """A hall whose process dies before it can write anything down; what vendors did is done."""

    def __init__(self, hall: MemoryHall) -> None:
        self._hall = hall

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hall, name)

    @property
    def log(self) -> Any:
        return DeadPen(self._hall.log)


class DeadPen:
    """A log that can be read, and that nobody lives to write to."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, *_: object) -> None:
        raise Died


DEEDS = st.one_of(
    st.tuples(st.just("ask_for_a_checkout")),
    st.tuples(st.sampled_from(["pay", "hear_of_a_checkout"]), WHICH),
    st.tuples(st.just("withdraw")),
    st.tuples(st.just("decide"), st.booleans()),
    st.tuples(st.just("settle_by_hand"), st.sampled_from([1, 1, 2])),
    st.tuples(st.just("bank_moves_a_refund"), WHICH, st.sampled_from(["succeeded", "pending", "failed"])),
    st.tuples(st.just("bank_disputes"), WHICH, st.sampled_from([0, 0, 700]), st.booleans()),
    st.tuples(st.just("bank_moves_a_dispute"), WHICH, WHICH),
    st.tuples(st.just("hear_of_a_dispute"), WHICH),
    st.tuples(st.just("hear_of_a_refund")),
    st.tuples(st.sampled_from(["do_a_step", "a_worker_dies_after_the_refund"]), WHICH),
)


@settings(max_examples=150, deadline=None)
@given(
    how_far=st.sampled_from(["submitted", "paid", "owing", "failed"]),
    disputed=st.booleans(),
    deeds=st.lists(DEEDS, min_size=4, max_size=20),
)
def test_never_more_goes_back_than_was_paid(how_far: str, disputed: bool, deeds: list[tuple[Any, ...]]) -> None:
    walk = Walk(how_far, disputed=disputed)
    for name, *arguments in deeds:
        getattr(walk, name)(*arguments)
        walk.never_more_goes_back_than_was_paid()
    walk.end()
