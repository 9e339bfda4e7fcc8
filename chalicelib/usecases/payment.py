"""Money in and money back, between the case and the payment provider."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from chalicelib import ports
from chalicelib.domain.case import Case, Refund
from chalicelib.domain.commands import Lapse, RecordCheckout, RecordDispute, RecordRefund
from chalicelib.domain.errors import Conflict
from chalicelib.domain.money import Money
from chalicelib.domain.numbers import tracking_code
from chalicelib.usecases.execute import Loaded, execute, load
from chalicelib.usecases.hall import Hall

CHECKOUT_OPEN = timedelta(hours=23)  # from the full hour; Stripe allows 24 at most
BY = "payments"


def open_checkout(hall: Hall, number: str) -> str:
    """The address of the payment page of an unpaid case: the open one, or a new one.

    Raises Conflict ``already_paid``, ``case_ended`` or ``nothing_to_pay``, and the provider's VendorError.
    """
    loaded = load(hall, number)
    case = loaded.case
    if case.payment:
        raise Conflict("already_paid")
    if case.ending:
        raise Conflict("case_ended")
    if case.fee == 0:
        raise Conflict("nothing_to_pay")
    now = hall.now()
    for checkout in case.open_checkouts:
        if checkout.expires_at > now:
            return checkout.url
        seen = record_of(hall, hall.payments.checkout(checkout.id))
        case = _record(hall, number, seen)
        if case.payment:
            raise Conflict("already_paid")
    command = ask_for_checkout(hall, case)
    _record(hall, number, command)
    return command.url


def _record(hall: Hall, number: str, command: RecordCheckout) -> Case:
    return execute(hall, number, lambda _: command)


def ask_for_checkout(hall: Hall, case: Case) -> RecordCheckout:
    """Open the case's next checkout. Key and content are the same within the hour: two requests at once open one."""
    expires_at = hall.now().replace(minute=0, second=0, microsecond=0) + CHECKOUT_OPEN
    definition = hall.catalogue.definition(case.service.id, case.service.version, case.language)
    titles = {line["code"]: line["title"] for line in definition["fee"]["lines"]}
    checkout = hall.payments.open_checkout(
        f"{case.number}-checkout-{len(case.checkouts) + 1}-{expires_at:%m%d%H}",
        case.number,
        [ports.CheckoutLine(line.code, titles[line.code], line.amount) for line in case.lines if line.amount],
        case.service.currency,
        language=case.language,
        return_url=f"{hall.url}/t/{tracking_code(hall.mac_key, case.number)}",
        expires_at=expires_at,
    )
    return record_of(hall, checkout)


def record_of(hall: Hall, checkout: ports.Checkout) -> RecordCheckout:
    """What the provider says of a checkout, as a command. Amount and currency are compared by the rule book."""
    return RecordCheckout(
        at=hall.now(),
        by=BY,
        checkout=checkout.id,
        url=checkout.url,
        state=checkout.state,
        amount=checkout.amount.amount,
        currency=checkout.amount.currency,
        expires_at=checkout.expires_at,
        payment=checkout.payment,
    )


# --- steps ---


def ask_checkout(hall: Hall, loaded: Loaded, subject: str) -> None:
    """The webhook may be lost: ask what became of an open checkout."""
    checkout = hall.payments.checkout(subject)
    execute(hall, loaded.case.number, lambda _: record_of(hall, checkout), loaded=loaded)


def expire_checkout(hall: Hall, loaded: Loaded, subject: str) -> None:
    """Nobody shall pay for a case that has ended. Somebody may have, a moment ago: then it is written down."""
    checkout = hall.payments.expire_checkout(subject)
    execute(hall, loaded.case.number, lambda _: record_of(hall, checkout), loaded=loaded)


def lapse(hall: Hall, loaded: Loaded, _subject: str) -> None:
    """Close the open checkouts first, so that a payment of the last minute still counts."""
    for checkout in loaded.case.open_checkouts:
        expire_checkout(hall, loaded, checkout.id)
        loaded = load(hall, loaded.case.number)
    execute(hall, loaded.case.number, lambda _: Lapse(at=hall.now(), by="hall"), loaded=loaded)


def refund(hall: Hall, loaded: Loaded, subject: str) -> str:
    """Give back what is owed. A provider that says no leaves it to a person: the refund is marked failed.

    But where it says no because the payment is disputed, and the hall had not heard of that, the refund waits.
    """
    case = loaded.case
    owed = _refund(case, subject)
    money = Money(owed.amount, case.service.currency)
    try:
        given = hall.payments.refund(refund_key(case.number, owed.number), owed.payment, money, case.number)
    except ports.VendorRejected as error:
        if follow_payment(hall, case.number, owed.payment).disputes != case.disputes:
            return "waiting"
        given = ports.Refund("", "failed", money, error.code)
    execute(hall, case.number, lambda _: _refund_seen(hall, owed, given), loaded=loaded)
    return "done"


def ask_refund(hall: Hall, loaded: Loaded, subject: str) -> None:
    """The provider has taken a refund's order: ask what became of it."""
    _follow(hall, loaded.case.number, _refund(loaded.case, subject))


def ask_dispute(hall: Hall, loaded: Loaded, subject: str) -> None:  # noqa: ARG001 - as every step
    """A bank takes weeks to decide, and its word may get lost: ask how a dispute stands."""
    follow_dispute(hall, subject)


def follow_refunds(hall: Hall, number: str) -> Case:
    """Something happened to the money of a case: see what became of each of its refunds; the case as it is then.

    One that is still owed may have been made already (by a worker that did not live to write it down), one that is
    done may have been sent back by the bank. Of a payment that the provider does not know there is no news, and it
    keeps back none of another one.
    """
    case = load(hall, number).case
    for known in case.refunds:
        if not known.over:
            with suppress(ports.VendorRejected):
                case = _follow(hall, number, known)
    return case


def _follow(hall: Hall, number: str, known: Refund) -> Case:
    """Asked within each try to write it down: what is written is never older than what was written before."""
    key = refund_key(number, known.number)
    return execute(hall, number, lambda _: _refund_seen(hall, known, hall.payments.refund_made(key, known.payment)))


def follow_payment(hall: Hall, number: str, payment: str) -> Case:
    """Ask the provider for all that became of a payment: its disputes, the case's refunds. The case as it is then.

    A question that the provider rejects has no news, or who asks because of a rejection would never be done.
    """
    with suppress(ports.VendorRejected):
        for dispute in hall.payments.disputes(payment):
            follow_dispute(hall, dispute.id)
    return follow_refunds(hall, number)


def follow_dispute(hall: Hall, id: str) -> Case | None:
    """Write down how a dispute stands; the case as it is then, None for one that is about no case's payment.

    What has gone back already is asked for first: what is left for the bank to take, the rule book reckons from it.
    """
    number = hall.payments.dispute(id).case
    if not number:
        return None
    follow_refunds(hall, number)
    return execute(hall, number, lambda _: _dispute_seen(hall, hall.payments.dispute(id)))


def _dispute_seen(hall: Hall, seen: ports.Dispute) -> RecordDispute:
    return RecordDispute(
        at=hall.now(),
        by=BY,
        dispute=seen.id,
        payment=seen.payment,
        amount=seen.amount.amount,
        currency=seen.amount.currency,
        state=seen.state,
        code=seen.reason,
        respond_by=seen.respond_by,
    )


def refund_key(number: str, refund: int) -> str:
    """Under which key the provider knows a refund."""
    return f"{number}-refund-{refund}"


def _refund_seen(hall: Hall, known: Refund, seen: ports.Refund | None) -> RecordRefund:
    """What the provider says of a refund, as a command; None: it knows of none."""
    vendor, state, code = (seen.id, seen.state, seen.reason) if seen else ("", "none", "")
    return RecordRefund(at=hall.now(), by=BY, refund=known.number, vendor=vendor, state=state, code=code)


def _refund(case: Case, subject: str) -> Refund:
    found = case.refund(int(subject))
    assert found is not None
    return found
