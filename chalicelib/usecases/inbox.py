"""Accept, then apply: what a vendor tells the hall is stored under the vendor's own identity of it, then applied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from chalicelib.domain.errors import DomainError
from chalicelib.logs import logger
from chalicelib.ports import InboxMessage, VendorRejected
from chalicelib.usecases import payment, shipping
from chalicelib.usecases.execute import Busy, execute
from chalicelib.usecases.hall import Hall

ORDERING = timedelta(minutes=10)  # between a courier's booking and our writing down its waybill, at the very most

log = logger("inbox")
STRIPE = "stripe"


def accept_payment_event(hall: Hall, headers: Mapping[str, str], body: bytes) -> bool:
    """Store what matters of a payment webhook; False when it came before. Raises Forged, and then nothing is stored."""
    identity = hall.payment_webhook.authenticate(headers, body, hall.now())
    kept = hall.payment_webhook.reduced(body)
    return hall.inbox.put(InboxMessage(f"{STRIPE}#{identity}", STRIPE, kept, hall.now()))


def accept_courier_push(hall: Hall, courier: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Store a courier's webhook; False when it came before. Raises Forged, and then nothing is stored."""
    identity = hall.courier_webhook(courier).authenticate(headers, body, hall.now())
    source = f"courier:{courier}"
    return hall.inbox.put(InboxMessage(f"{source}#{identity}", source, body, hall.now()))


def try_apply(hall: Hall, message: InboxMessage) -> bool:
    """Apply a message, or keep it with its error for a person to replay. Raises VendorError and Busy: try again.

    News that is faster than what the order's answer brings waits for the next sweep.
    """
    try:
        apply(hall, message)
    except Busy:
        raise
    except (DomainError, shipping.UnknownShipment, VendorRejected, ValueError, KeyError, TypeError) as error:
        if isinstance(error, shipping.NotYetKnown) and hall.now() < message.received_at + ORDERING:
            return False
        # The text of an unforeseen error may quote the message; its type does not.
        reason = error.code if isinstance(error, (DomainError, VendorRejected)) else type(error).__name__
        hall.inbox.set_state(message.id, "failed", reason)
        log.warning("inbox message failed", extra={"inbox": message.id, "error": reason})
        return False
    hall.inbox.set_state(message.id, "applied")
    return True


def apply(hall: Hall, message: InboxMessage) -> None:
    """Turn a stored message into commands. Applying it again changes nothing."""
    if message.source == STRIPE:
        _apply_payment(hall, message.body)
    else:
        _apply_push(hall, message.source.removeprefix("courier:"), message)


def _apply_push(hall: Hall, courier: str, message: InboxMessage) -> None:
    """A push may tell of several parcels: what is none of ours, or refused, does not hold up the rest; one that may be
    ours in a moment has the push come again."""
    refusal: Exception | None = None
    for news in hall.courier_webhook(courier).read(message.body):
        try:
            shipping.take_news(hall, courier, news.heard(message.received_at))
        except Busy:
            raise
        except (DomainError, shipping.UnknownShipment) as error:
            refusal = refusal if isinstance(refusal, shipping.NotYetKnown) else error
    if refusal:
        raise refusal


def _apply_payment(hall: Hall, body: bytes) -> None:
    """The event only says where to look: the thing is fetched anew, and its amount compared by the rule book."""
    checkout_id = hall.payment_webhook.checkout_of(body)
    dispute_id = hall.payment_webhook.dispute_of(body)
    case = hall.payment_webhook.case_of(body)
    if checkout_id is not None:
        checkout = hall.payments.checkout(checkout_id)
        execute(hall, checkout.case, lambda _: payment.record_of(hall, checkout))
    elif dispute_id is not None:
        payment.follow_dispute(hall, dispute_id)
    elif case is not None:
        payment.follow_refunds(hall, case)


def replay(hall: Hall, id: str) -> InboxMessage | None:
    """Apply a failed message once more; the message as it is then, None when there is none."""
    message = hall.inbox.get(id)
    if message is None:
        return None
    if message.state != "applied":
        try_apply(hall, message)
    return hall.inbox.get(id)
