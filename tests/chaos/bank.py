"""The payment provider's side: payments that take days, refunds that fail late, and webhooks that hardly ever come as
they should."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from chalicelib.adapters.memory_payments import MemoryPayments
from chalicelib.domain.money import Money
from chalicelib.ports import Checkout, Dispute, Refund, VendorRejected
from chalicelib.usecases import inbox
from chalicelib.usecases.hall import Hall
from tests.chaos.dice import Fault
from tests.chaos.world import Course, World
from tests.halls import STRIPE_SECRET, Clock

TRIES = 8  # of a webhook that the hall did not take


class Bank(MemoryPayments):
    """Payments with everything that takes time at a real provider. ``skew`` is by how much its clock is ahead."""

    def __init__(self, world: World, skew: timedelta) -> None:
        super().__init__(lambda: world.clock.now + skew)
        self.seen: Hall
        self.on_moved: Callable[[datetime], None] = lambda at: None  # something was made that a statement names
        self._world = world
        self._under_way: set[str] = set()  # paid by a means that takes days
        self._numbers = count(1)

    # --- what the hall asks for ---

    def open_checkout(self, key: str, case: str, *args: Any, **kwargs: Any) -> Checkout:
        before = len(self.checkouts)
        opened = super().open_checkout(key, case, *args, **kwargs)
        if len(self.checkouts) > before:
            self._world.tell("checkout", opened.id, "opened")
            self._moved()
            self._world.at(opened.expires_at + timedelta(minutes=2), partial(self._run_out, opened.id))
        return opened

    def checkout(self, id: str) -> Checkout:
        if id in self._under_way:
            return self.checkouts[id]
        return super().checkout(id)

    def expire_checkout(self, id: str) -> Checkout:
        if id in self._under_way:
            return self.checkouts[id]
        before = super().checkout(id)
        after = super().expire_checkout(id)
        if before.state != after.state:
            self._tell("checkout.session.expired", after)
        return after

    def refund(self, key: str, payment: str, amount: Money, case: str) -> Refund:
        dice, new = self._world.dice, key not in self.refunds
        if new and dice.strikes(Fault.REFUND_REFUSED):
            raise VendorRejected("stripe", "charge_not_refundable")
        made = super().refund(key, payment, amount, case)
        if not new:
            return made
        self._world.tell("refund", made.id, "made of", payment, amount.amount)
        self._moved()
        if dice.strikes(Fault.REFUND_SLOW):
            made = self.settle(key, "pending")
            fails = dice.strikes(Fault.REFUND_FAILS_LATER)
            settled = ("failed", "lost_or_stolen_card") if fails else ("succeeded", "")
            self._world.after(dice.hours(2, 150), partial(self._settle, key, case, *settled))
        elif dice.strikes(Fault.REFUND_SENT_BACK):
            self._world.after(
                dice.hours(5, 200), partial(self._settle, key, case, "failed", "expired_or_canceled_card")
            )
        return made

    # --- what the applicant and the banks do ---

    def pay_now(self, id: str) -> bool:
        """With a card. False: the page is closed."""
        if self.checkout(id).state != "open" or id in self._under_way:
            return False
        paid = self.pay(id)
        self._world.tell("applicant pays", id)
        self._moved()
        self._tell("checkout.session.completed", paid)
        self._dispute_later(paid)
        return True

    def pay_slowly(self, id: str) -> bool:
        """By a means that takes days, and may fail, or succeed after all. False: the page is closed."""
        if self.checkout(id).state != "open" or id in self._under_way:
            return False
        self._under_way.add(id)
        self._world.tell("applicant pays slowly", id)
        self._tell("checkout.session.completed", self.checkouts[id])
        self._world.after(self._world.dice.hours(5, 100), partial(self._arrive, id))
        return True

    def _arrive(self, id: str) -> None:
        if self._world.dice.strikes(Fault.PAYMENT_AFTER_FAILURE):
            self.checkouts[id] = replace(self.checkouts[id], state="expired", url="")
            self._world.tell("payment fails", id)
            self._tell("checkout.session.async_payment_failed", self.checkouts[id])
            self._world.after(self._world.dice.hours(0.1, 30), partial(self._succeed, id))
        else:
            self._succeed(id)

    def _succeed(self, id: str) -> None:
        self._under_way.discard(id)
        self._charge(self.checkouts[id], "succeeded")
        self._moved()
        self.checkouts[id] = replace(self.checkouts[id], state="paid", url="", payment=f"pi_{id}")
        self._world.tell("payment arrives", id)
        self._tell("checkout.session.async_payment_succeeded", self.checkouts[id])
        self._dispute_later(self.checkouts[id])

    def _dispute_later(self, paid: Checkout) -> None:
        if self._world.dice.strikes(Fault.DISPUTED):
            self._world.follow(self._dispute(paid), self._world.dice.hours(1, 150))

    def _dispute(self, paid: Checkout) -> Course:
        """The payer's bank asks, or takes the money back; and gives it back, or not."""
        dice, left = self._world.dice, self._left(paid.payment)
        if not left:
            return
        opened = self.open_dispute(paid.payment, dice.choice((0, 0, left // 2)), inquiry=dice.chance(0.3))
        self._moved()
        self._tell("charge.dispute.created", opened)
        if opened.state == "needs_response":
            self._tell("charge.dispute.funds_withdrawn", opened)
        yield dice.hours(5, 150)
        inquiry = opened.state.startswith("warning")
        end = "closed" if inquiry else dice.choice(("won", "lost"))
        self._world.tell("dispute", opened.id, end)
        self._moved(opened.id)
        self._tell("charge.dispute.closed", self.move_dispute(opened.id, end))

    def _run_out(self, id: str) -> None:
        if id not in self._under_way and self.checkouts[id].state == "open":
            self._tell("checkout.session.expired", self.checkout(id))

    def _settle(self, key: str, case: str, state: str, reason: str) -> None:
        settled = self.settle(key, state, reason)
        self._moved(settled.id)
        self._world.tell("refund", settled.id, state)
        self._tell("refund.failed" if state == "failed" else "refund.updated", settled, case)

    # --- what it tells the hall ---

    def _moved(self, made: str = "") -> None:
        """On this day by the hall's clock, and by its own; something that was made earlier, on that day."""
        for at in (self._made[made][1],) if made else (self._world.clock.now, self.clock()):
            self.on_moved(at)

    def _tell(self, type: str, about: Checkout | Dispute | Refund, case: str = "") -> None:
        dice = self._world.dice
        if dice.strikes(Fault.WEBHOOK_DROPPED):
            return
        # A dispute does not carry its payment's metadata.
        metadata = {} if isinstance(about, Dispute) else {"case": case or getattr(about, "case", "")}
        event = {"id": f"evt_{next(self._numbers)}", "object": "event", "type": type}
        body = json.dumps({**event, "data": {"object": {"id": about.id, "metadata": metadata}}}).encode()
        for _ in range(1 + dice.strikes(Fault.WEBHOOK_DOUBLED)):
            late = dice.hours(0.2, 60) if dice.strikes(Fault.WEBHOOK_LATE) else dice.seconds(0.5, 5)
            self._world.after(late, partial(self._post, body, 1))

    def _post(self, body: bytes, tries: int) -> None:
        headers = signature(body, self.clock)
        outcome = self._world.process("payment webhook", lambda: inbox.accept_payment_event(self.seen, headers, body))
        if outcome == "forged":
            self._world.dice.count(Fault.WEBHOOK_OUT_OF_TIME)
        elif outcome and tries < TRIES:
            self._world.after(timedelta(minutes=4**tries), partial(self._post, body, tries + 1))


def signature(body: bytes, clock: Clock | Any) -> dict[str, str]:
    at = str(int(clock().timestamp()))
    mac = hmac.new(STRIPE_SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={mac}"}
