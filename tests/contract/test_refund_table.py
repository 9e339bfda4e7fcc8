"""When × why → what goes back, line by line: by the use cases and Stripe's own client, against its counterpart.

Each row is walked to its end with every webhook and every step delivered twice and backwards; then Stripe's books, the
hall's log and the row must say the same, and not a cent more can be had from Stripe.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.adapters.stripe_payments import StripePayments
from chalicelib.domain.money import Money
from chalicelib.ports import CheckoutLine, Staff, VendorRejected
from chalicelib.usecases import desk, inbox
from infra.local.stripe_counterpart.postman import sign
from tests.api import LICENCE, LICENCE_ANSWERS, PAPERS, RESIDENCE, RESIDENCE_ANSWERS
from tests.contract.payments_rig import RETURN_URL, Pages, client, counterpart
from tests.halls import STRIPE_SECRET, MemoryHall
from tests.workers.journeys import CLERK, Way, new_hall
from tests.workers.lambdas import twice_and_backwards

SUPERVISOR = Staff("supervisor-1", frozenset({"supervisor"}))
LATE = timedelta(days=20)  # past every promise


@dataclass
class Stripe:
    """The counterpart and its client; ``hall`` is the one whose clock it goes by."""

    pages: Pages = field(init=False)
    payments: StripePayments = field(init=False)
    hall: MemoryHall = field(default_factory=new_hall)

    def now(self) -> float:
        return self.hall.clock().timestamp()


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stripe]:
    found = Stripe()
    with counterpart(tmp_path_factory.mktemp("stripe"), clock=found.now) as pages, client(pages.url) as payments:
        found.pages, found.payments = pages, payments
        yield found


class Walk(Way):
    """A case whose fee is paid on Stripe's page, and whose money is Stripe's to give back."""

    service = RESIDENCE

    pages: Pages

    def pay(self) -> None:
        self.pay_at(self.case.checkouts[-1].id)

    def pay_at(self, checkout: str) -> None:
        self.pages.use(checkout, "paid")
        self.tell("checkout.session.completed", {"id": checkout})

    def tell(self, type: str, thing: Mapping[str, Any]) -> None:
        """A webhook of Stripe."""
        event = {"id": f"evt_{uuid4()}", "object": "event", "type": type, "data": {"object": thing}}
        body = json.dumps(event)
        headers = {"stripe-signature": sign(body, STRIPE_SECRET, int(self.hall.clock().timestamp()))}
        self.do(lambda: inbox.accept_payment_event(self.seen, headers, body.encode()))

    def tell_of_refunds(self) -> None:
        self.tell("refund.updated", {"id": "re", "metadata": {"case": self.number}})

    def other_page(self, amount: int) -> str:
        """A page for this case that the hall did not open, as one from before the fee was changed."""
        line = CheckoutLine("fee", "工本费", amount)
        until = self.hall.clock() + timedelta(hours=1)
        return self.hall.payments.open_checkout(  # type: ignore[no-any-return]
            f"{self.number}-other-{amount}",
            self.number,
            [line],
            "cny",
            language="zh-CN",
            return_url=RETURN_URL,
            expires_at=until,
        ).id


@pytest.fixture
def walk(stripe: Stripe) -> Walk:
    stripe.hall = new_hall()
    stripe.hall.mac_key = uuid4().bytes  # so that each row's cases and keys are its own
    stripe.hall.payments = stripe.hall.guarded(stripe.payments)
    found = Walk(stripe.hall, deliver=twice_and_backwards)
    found.pages = stripe.pages
    return found


# --- when ---------------------------------------------------------------------------------------------------------


def unpaid(walk: Walk) -> None:
    walk.apply_for(walk.service, RESIDENCE_ANSWERS if walk.service == RESIDENCE else LICENCE_ANSWERS)


def paid(walk: Walk) -> None:
    unpaid(walk)
    walk.pay()


def courier_ordered(walk: Walk) -> None:
    paid(walk)
    walk.decide("pre-check")
    assert walk.case.shipments[0].booked


def picked_up(walk: Walk) -> None:
    courier_ordered(walk)
    walk.move("pickup", "picked_up")


def in_review(walk: Walk) -> None:
    picked_up(walk)
    walk.move("pickup", "delivered")
    walk.receive(*PAPERS)


# --- why ----------------------------------------------------------------------------------------------------------


def withdrawn(walk: Walk) -> None:
    walk.withdraw()


def rejected(walk: Walk) -> None:
    walk.decide(walk.case.tasks[-1].code, "reject")


def promise_broken(walk: Walk) -> None:
    walk.pass_time(LATE)


def original_lost(walk: Walk) -> None:
    resolution = ("pickup", 1), "lost", "已遗失"
    walk.do(lambda: desk.resolve_shipment(walk.seen, CLERK, walk.number, *resolution, None))


def paid_after_the_lapse(walk: Walk) -> None:
    """In time, but on a page that the hall had lost sight of: Stripe tells of it a week later."""
    page = walk.other_page(walk.case.fee)
    walk.pages.use(page, "paid")
    walk.pass_time(timedelta(days=8))
    assert walk.case.ending == "lapsed"
    walk.pay_at(page)


def paid_twice(walk: Walk) -> None:
    walk.pay_at(walk.other_page(walk.case.fee))


def paid_too_little(walk: Walk) -> None:
    walk.pay_at(walk.other_page(walk.case.fee - 1))


def lost_to_a_dispute(amount: int) -> Callable[[Walk], None]:
    def dispute(walk: Walk) -> None:
        payment = walk.case.payment
        assert payment
        found = walk.pages.dispute(payment.id, amount)
        walk.tell("charge.dispute.created", {"id": found})
        walk.pages.move_dispute(found, "lost")
        walk.tell("charge.dispute.closed", {"id": found})

    return dispute


Given = list[tuple[str, dict[str, int]]]  # reason of each refund, with its lines; a surplus has none
WHOLE: dict[str, int] = {}

#  service, when, what happens then, and what goes back for which reason
TABLE: list[tuple[str, Callable[[Walk], None], list[Callable[[Walk], None]], Given]] = [
    # its review begins with the payment; the certificate's line is earned by the decision
    (RESIDENCE, unpaid, [withdrawn], []),
    (RESIDENCE, paid, [withdrawn], [("withdrawn", {"certificate": 200, "delivery": 800})]),
    (RESIDENCE, paid, [rejected], [("rejected", {"delivery": 800})]),
    (RESIDENCE, paid, [promise_broken], [("promise_broken", {"certificate": 200})]),
    (
        RESIDENCE,
        paid,
        [promise_broken, withdrawn],
        [("promise_broken", {"certificate": 200}), ("withdrawn", {"delivery": 800})],
    ),
    (
        RESIDENCE,
        paid,
        [promise_broken, rejected],
        [("promise_broken", {"certificate": 200}), ("rejected", {"delivery": 800})],
    ),
    (RESIDENCE, paid, [paid_twice], [("surplus", WHOLE)]),
    (
        RESIDENCE,
        paid,
        [paid_twice, withdrawn],
        [("surplus", WHOLE), ("withdrawn", {"certificate": 200, "delivery": 800})],
    ),
    (RESIDENCE, unpaid, [paid_too_little], [("surplus", WHOLE)]),
    (RESIDENCE, unpaid, [paid_after_the_lapse], [("surplus", WHOLE)]),
    (
        RESIDENCE,
        paid,
        [lost_to_a_dispute(300), withdrawn],
        [("withdrawn", {"certificate": 200, "delivery": 500})],
    ),
    (RESIDENCE, paid, [lost_to_a_dispute(1000), withdrawn], []),
    # a courier fetches originals after the pre-check; they travel back at the delivery's cost
    (LICENCE, paid, [withdrawn], [("withdrawn", {"pickup": 1200, "delivery": 1200})]),
    (LICENCE, paid, [rejected], [("rejected", {"pickup": 1200, "delivery": 1200})]),
    (LICENCE, courier_ordered, [withdrawn], [("withdrawn", {"pickup": 1200, "delivery": 1200})]),
    (LICENCE, picked_up, [withdrawn], []),
    (LICENCE, picked_up, [original_lost], []),
    (LICENCE, picked_up, [original_lost, withdrawn], [("withdrawn", {"pickup": 1200, "delivery": 1200})]),
    (LICENCE, in_review, [withdrawn], []),
    (LICENCE, in_review, [rejected], []),
    (LICENCE, in_review, [promise_broken], [("promise_broken", {"delivery": 1200})]),
    (LICENCE, in_review, [promise_broken, rejected], [("promise_broken", {"delivery": 1200})]),
    (
        LICENCE,
        paid,
        [promise_broken, withdrawn],
        [("promise_broken", {"delivery": 1200}), ("withdrawn", {"pickup": 1200})],
    ),
]


def title(row: tuple[str, Callable[[Walk], None], list[Callable[[Walk], None]], Given]) -> str:
    service, when, deeds, _ = row
    return f"{service.split('-')[0]}-{when.__name__}-{'-'.join(deed.__name__ for deed in deeds)}"


@pytest.mark.parametrize(("service", "when", "deeds", "expected"), TABLE, ids=map(title, TABLE))
def test_what_goes_back(
    stripe: Stripe,
    walk: Walk,
    service: str,
    when: Callable[[Walk], None],
    deeds: list[Callable[[Walk], None]],
    expected: Given,
) -> None:
    walk.service = service
    when(walk)
    for deed in deeds:
        deed(walk)
    walk.tell_of_refunds()
    walk.pass_time(timedelta(days=1))
    assert in_the_log(walk) == expected
    assert {refund.state for refund in walk.case.refunds} <= {"done"}
    for payment in walk.case.payments:
        at_stripe = by_stripe(stripe, payment.id)
        assert at_stripe == walk.case.refunded(payment.id)
        assert at_stripe == (payment.amount if payment.surplus else sum(sum(lines.values()) for _, lines in expected))
        nothing_more_can_be_had(stripe, walk, payment.id, payment.amount)


def in_the_log(walk: Walk) -> Given:
    return [(refund.reason, {line.code: line.amount for line in refund.lines}) for refund in walk.case.refunds]


def by_stripe(stripe: Stripe, payment: str) -> int:
    """What Stripe's own list of a payment's refunds adds up to."""
    refunds = stripe.pages.get(f"/v1/refunds?payment_intent={payment}&limit=100").json()["data"]
    assert all(refund["status"] == "succeeded" for refund in refunds)
    return sum(refund["amount"] for refund in refunds)


def nothing_more_can_be_had(stripe: Stripe, walk: Walk, payment: str, amount: int) -> None:
    """One cent more than what is left is refused, and so is what was given already, once more under another key."""
    lost = walk.case.taken_back(payment)
    left = amount - by_stripe(stripe, payment) - lost
    for number, wanted in enumerate({left + 1, amount + 1}):
        with pytest.raises(VendorRejected):
            stripe.payments.refund(f"{walk.number}-more-{number}", payment, Money(wanted, "cny"), walk.number)
    assert by_stripe(stripe, payment) == amount - left - lost


def test_a_refund_that_the_bank_sends_back_is_paid_by_hand_and_once(stripe: Stripe, walk: Walk) -> None:
    walk.service = RESIDENCE
    stripe.pages.control(refund_status="pending")
    try:
        paid(walk)
        withdrawn(walk)
    finally:
        stripe.pages.control(refund_status="succeeded")
    assert walk.case.refunds[0].state == "sent"
    stripe.pages.settle(walk.case.refunds[0].vendor, "succeeded")
    walk.tell_of_refunds()
    assert walk.case.refunds[0].state == "done"
    stripe.pages.settle(walk.case.refunds[0].vendor, "failed", "lost_or_stolen_card")
    walk.tell_of_refunds()
    assert walk.case.refunds[0].state == "failed"
    walk.do(lambda: desk.settle_refund(walk.seen, SUPERVISOR, walk.number, 1, "银行转账", None))
    walk.tell_of_refunds()
    walk.pass_time(LATE)
    assert walk.case.refunds[0].state == "settled"
    payment = walk.case.payments[0].id
    assert [r["status"] for r in stripe.pages.get(f"/v1/refunds?payment_intent={payment}").json()["data"]] == ["failed"]


@pytest.mark.parametrize(("end", "state", "refunded"), [("won", "done", 1000), ("lost", "void", 0)])
def test_a_refund_of_a_disputed_payment_waits(stripe: Stripe, walk: Walk, end: str, state: str, refunded: int) -> None:
    """Stripe itself would refuse it meanwhile; the hall does not even ask."""
    walk.service = RESIDENCE
    paid(walk)
    payment = walk.case.payments[0].id
    dispute = stripe.pages.dispute(payment)
    withdrawn(walk)
    assert walk.case.disputed(payment)
    walk.pass_time(LATE)
    assert walk.case.refunds[0].state == "owed"
    assert by_stripe(stripe, payment) == 0
    stripe.pages.move_dispute(dispute, end)
    walk.tell("charge.dispute.closed", {"id": dispute})
    assert walk.case.refunds[0].state == state
    assert by_stripe(stripe, payment) == refunded
    nothing_more_can_be_had(stripe, walk, payment, 1000)
