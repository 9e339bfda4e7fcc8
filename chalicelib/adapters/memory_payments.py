"""Payments in memory: what Stripe would do, without Stripe. Held to the same contract tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.money import Money
from chalicelib.ports import Checkout, CheckoutLine, Dispute, Refund, Statement, StatementItem, VendorRejected

SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)  # Stripe's limits for an open checkout
RESPOND_WITHIN = timedelta(days=9)
WITHDRAWN = frozenset({"needs_response", "under_review"})  # states of a dispute in which the bank has the money
KEY_LIVES = timedelta(hours=24)  # for so long Stripe remembers under which key a checkout was opened


@dataclass(slots=True)
class MemoryPayments:
    """Implements ports.Payments. ``clock`` gives an aware now; ``pay``, ``decline`` and ``expire`` are the applicant's
    and time's doing, ``settle``, ``open_dispute`` and ``move_dispute`` the bank's."""

    clock: Callable[[], datetime]
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    refunds: dict[str, tuple[str, Refund]] = field(default_factory=dict)  # by key, with the payment
    disputed: dict[str, Dispute] = field(default_factory=dict)
    charges: list[StatementItem] = field(default_factory=list)
    _made: dict[str, tuple[str, datetime]] = field(
        default_factory=dict
    )  # case and time of checkouts and refunds, by id
    _opened: dict[str, tuple[object, Checkout, datetime]] = field(default_factory=dict)  # by key: content, result, when

    def open_checkout(
        self,
        key: str,
        case: str,
        lines: Sequence[CheckoutLine],
        currency: str,
        *,
        language: str,
        return_url: str,
        expires_at: datetime,
    ) -> Checkout:
        """Open a checkout; the same key gives it as it was then. VendorRejected: the key was used for other content."""
        content = (case, tuple(lines), currency, language, return_url, expires_at)
        before = self._opened_before(key, content)
        if before is not None:
            return before
        amount = sum(line.amount for line in lines)
        if amount <= 0 or not SHORTEST <= expires_at - self.clock() < LONGEST:
            raise VendorRejected("memory", "invalid_request_error")
        number = f"cs_{len(self.checkouts) + 1}"
        until = expires_at.replace(microsecond=0)
        url = f"https://pay.invalid/{number}"
        opened = Checkout(number, url, "open", Money(amount, currency), until, case)
        self._opened[key] = content, opened, self.clock()
        self._made[number] = case, self._second()
        return self._put(opened)

    def checkout(self, id: str) -> Checkout:
        """A checkout as it is now. VendorRejected ``resource_missing``: there is none."""
        if id not in self.checkouts:
            raise VendorRejected("memory", "resource_missing")
        found = self.checkouts[id]
        if found.state == "open" and found.expires_at <= self.clock():
            return self._put(replace(found, state="expired", url=""))
        return found

    def expire_checkout(self, id: str) -> Checkout:
        """Close an open checkout; one that is paid or expired already is given as it is."""
        found = self.checkout(id)
        return self._put(replace(found, state="expired", url="")) if found.state == "open" else found

    def refund(self, key: str, payment: str, amount: Money, case: str) -> Refund:
        """Give back part of a payment; the same ``key`` gives the same refund, as it is now."""
        paid = self._paid(payment)
        if amount.currency != paid.currency:
            raise VendorRejected("memory", "currency_mismatch")
        if key in self.refunds:
            return self._refunded_before(key, payment, amount)
        left = self._left(payment)
        states = {dispute.state for dispute in self.disputes(payment)}
        if states & WITHDRAWN or ("lost" in states and left == 0):
            raise VendorRejected("memory", "charge_disputed")
        if not 0 < amount.amount <= left:
            raise VendorRejected("memory", "invalid_request_error" if left else "charge_already_refunded")
        made = Refund(f"re_{len(self.refunds) + 1}", "succeeded", amount)
        self.refunds[key] = payment, made
        self._made[made.id] = case, self._second()
        if left == amount.amount:
            self._end_inquiries(payment)
        return made

    def refund_made(self, key: str, payment: str) -> Refund | None:
        """The refund that was made under this key, as it is now; None: there is none."""
        self._paid(payment)
        of, made = self.refunds.get(key, ("", None))
        return made if of == payment else None

    def dispute(self, id: str) -> Dispute:
        """A dispute as it is now. VendorRejected ``resource_missing``: there is none."""
        if id not in self.disputed:
            raise VendorRejected("memory", "resource_missing")
        return self.disputed[id]

    def disputes(self, payment: str) -> tuple[Dispute, ...]:
        """All disputes of a payment, newest first."""
        return tuple(reversed([dispute for dispute in self.disputed.values() if dispute.payment == payment]))

    def statement(self, since: datetime, until: datetime) -> Statement:
        """All that was made from ``since`` on and before ``until``."""

        def of_span(items: Iterable[StatementItem]) -> tuple[StatementItem, ...]:
            return tuple(item for item in items if since <= item.created < until)

        opened = [self.checkout(made) for made in self.checkouts]
        return Statement(
            of_span(StatementItem(c.id, c.case, c.payment, c.amount, c.state, self._made[c.id][1]) for c in opened),
            of_span(self.charges),
            of_span(
                StatementItem(r.id, self._made[r.id][0], payment, r.amount, r.state, self._made[r.id][1], key)
                for key, (payment, r) in self.refunds.items()
            ),
            of_span(
                StatementItem(d.id, d.case, d.payment, d.amount, d.state, self._made[d.id][1])
                for d in self.disputed.values()
            ),
        )

    def pay(self, id: str) -> Checkout:
        """The applicant pays, unless the checkout is over."""
        found = self.checkout(id)
        if found.state != "open":
            return found
        self._charge(found, "succeeded")
        return self._put(replace(found, state="paid", url="", payment=f"pi_{id}"))

    def decline(self, id: str) -> Checkout:
        """The applicant's card is declined: the checkout stays as it is."""
        found = self.checkout(id)
        if found.state == "open":
            self._charge(found, "failed")
        return found

    def expire(self, id: str) -> Checkout:
        """The checkout's time runs out."""
        return self.expire_checkout(id)

    def settle(self, key: str, state: str, reason: str = "") -> Refund:
        """The bank's last word on a refund: ``succeeded``, ``failed``, or ``pending`` for none yet."""
        payment, made = self.refunds[key]
        self.refunds[key] = payment, replace(made, state=state, reason=reason)
        return self.refunds[key][1]

    def open_dispute(self, payment: str, amount: int = 0, *, inquiry: bool = False) -> Dispute:
        """The payer's bank disputes a payment: so much of it, or all that is left. ValueError: more than is left."""
        left, paid = self._left(payment), self._checkout_of(payment)
        if not 0 < (amount or left) <= left:
            raise ValueError("no bank takes back more than is left")
        state = "warning_needs_response" if inquiry else "needs_response"
        respond_by = self._second() + RESPOND_WITHIN
        money = Money(amount or left, paid.amount.currency)
        number = f"du_{len(self.disputed) + 1}"
        self.disputed[number] = Dispute(number, payment, paid.case, money, state, "fraudulent", respond_by)
        self._made[number] = paid.case, self._second()
        return self.disputed[number]

    def move_dispute(self, id: str, state: str) -> Dispute:
        """What becomes of it: any of ``ports.DISPUTE_STATES``."""
        self.disputed[id] = replace(self.disputed[id], state=state)
        return self.disputed[id]

    def _charge(self, checkout: Checkout, state: str) -> None:
        number, payment = f"ch_{len(self.charges) + 1}", f"pi_{checkout.id}"
        self.charges.append(StatementItem(number, checkout.case, payment, checkout.amount, state, self._second()))

    def _second(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _put(self, checkout: Checkout) -> Checkout:
        self.checkouts[checkout.id] = checkout
        return checkout

    def _opened_before(self, key: str, content: object) -> Checkout | None:
        if key not in self._opened or self.clock() - self._opened[key][2] >= KEY_LIVES:
            return None
        before, opened, _ = self._opened[key]
        if before != content:
            raise VendorRejected("memory", "idempotency_error")
        return opened

    def _refunded_before(self, key: str, payment: str, amount: Money) -> Refund:
        before, made = self.refunds[key]
        if (before, made.amount) != (payment, amount):
            raise VendorRejected("memory", "idempotency_error")
        return made

    def _paid(self, payment: str) -> Money:
        return self._checkout_of(payment).amount

    def _checkout_of(self, payment: str) -> Checkout:
        found = next((c for c in self.checkouts.values() if payment and c.payment == payment), None)
        if found is None:
            raise VendorRejected("memory", "resource_missing")
        return found

    def _end_inquiries(self, payment: str) -> None:
        """All of it has gone back: there is nothing left to ask about."""
        for dispute in self.disputes(payment):
            if dispute.state.startswith("warning_"):
                self.move_dispute(dispute.id, "closed")

    def _left(self, payment: str) -> int:
        """What of a payment is neither given back nor lost, nor at stake."""
        back = sum(r.amount.amount for p, r in self.refunds.values() if p == payment and _counts(r))
        gone = sum(d.amount.amount for d in self.disputes(payment) if d.state == "lost" or d.state in WITHDRAWN)
        return self._paid(payment).amount - back - gone


def _counts(refund: Refund) -> bool:
    return refund.state not in ("failed", "canceled")
