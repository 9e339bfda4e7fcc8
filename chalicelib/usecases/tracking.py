"""What everyone with the tracking code may know of a case, and what its applicant may know besides."""

from __future__ import annotations

from datetime import date, datetime

from chalicelib.domain.case import Case, IssuedCertificate, Refund
from chalicelib.domain.commands import Withdraw
from chalicelib.domain.decide import decide, promise_breaks_at
from chalicelib.domain.errors import NotFound
from chalicelib.domain.events import RefundOwed
from chalicelib.domain.numbers import case_of_tracking
from chalicelib.domain.service import Leg
from chalicelib.usecases.execute import Loaded, load
from chalicelib.usecases.hall import Hall


def tracked(hall: Hall, code: str) -> Loaded:
    """The case of a tracking code, by one query; a forged one is refused without. NotFound ``unknown_tracking``."""
    number = case_of_tracking(hall.mac_key, code.upper())
    if number is None:
        raise NotFound("unknown_tracking")
    try:
        return load(hall, number)
    except NotFound:
        raise NotFound("unknown_tracking") from None


def payment_state(case: Case) -> str:
    """``none`` (no fee), ``due``, ``paid``, or ``void`` when the case ended unpaid."""
    if case.fee == 0:
        return "none"
    if case.payment:
        return "paid"
    return "void" if case.ending else "due"


def refunded(case: Case) -> int:
    """What has been given back, in minor units."""
    return sum(refund.amount for refund in case.refunds if refund.given_back)


def refund_if_withdrawn(case: Case, now: datetime) -> int:
    """What a withdrawal at this moment would give back, in minor units. Conflict ``already_decided``."""
    events = decide(case, Withdraw(at=now, by="applicant", note=""))
    return sum(event.amount for event in events if isinstance(event, RefundOwed))


def promise_state(case: Case) -> str:
    """``not_started``, ``running``, ``standing`` (the applicant's turn), ``kept``, ``broken``, or ``ended``."""
    if case.promise_broken:
        return "broken"
    if case.handed_over_at:
        return "broken" if promise_breaks_at(case, case.handed_over_at) else "kept"
    if case.ending:
        return "ended"
    if case.settled_at is None:
        return "not_started"
    return "standing" if case.standing else "running"


PROMISE_REFUND_STATES = ("under_way", "done", "failed")


def promise_refund(case: Case) -> Refund | None:
    """What a broken promise gives back; None where it gives nothing."""
    return next((r for r in case.refunds if r.reason == "promise_broken" and r.state != "void"), None)


def promise_refund_state(refund: Refund) -> str:
    """``under_way``, ``done``, or ``failed``: then a person sees to it."""
    if refund.given_back:
        return "done"
    return "failed" if refund.state == "failed" else "under_way"


def task_state(case: Case, code: str) -> str:
    """``ahead``, ``open``, ``approved`` or ``rejected``; ``void`` when the case ended before it was decided."""
    task = case.task(code)
    if task and task.decision:
        return "approved" if task.decision == "approve" else "rejected"
    if case.ending:
        return "void"
    return "open" if task else "ahead"


def certificate_state(case: Case, certificate: IssuedCertificate, today: date) -> str:
    """As in the public record (``certificates.state_of``), told from the log alone."""
    if certificate.revoked:
        return "revoked"
    if certificate.valid_until and today > certificate.valid_until:
        return "expired"
    delivery = case.current(Leg.DELIVERY)
    brought = not case.service.delivery or (delivery is not None and delivery.state == "delivered")
    return "valid" if brought else "in_delivery"


def payable_at(case: Case, now: datetime) -> str | None:
    """The address of the open payment page of an unpaid case; None when there is none (any more)."""
    if payment_state(case) != "due":
        return None
    return next((checkout.url for checkout in case.open_checkouts if checkout.expires_at > now), None)
