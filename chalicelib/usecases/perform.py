"""Do one step that the hall owes a case, if it still owes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from chalicelib.domain.commands import BreakPromise, Close, Command, TurnLight
from chalicelib.domain.due import Kind, Step, due
from chalicelib.domain.errors import NotFound
from chalicelib.ports import VendorTemporary, VendorUnknown
from chalicelib.usecases import payment, shipping
from chalicelib.usecases.execute import Loaded, execute, load
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.turns import spread
from chalicelib.usecases.vendors import CircuitOpen

LEASE = timedelta(seconds=120)  # no shorter than the worker may run


def perform(hall: Hall, number: str, kind: str, subject: str) -> str:
    """Do the step; says what came of it: ``done``, ``waiting`` (for somebody else, it stays owed), ``not_owed``,
    ``under_way`` (another worker is at it) or ``vendor_down`` (the sweep comes back to it in time).

    Raises the vendor's VendorError when it has to be tried again.
    """
    lease = f"lease#{number}-{kind}-{subject}"
    now = hall.now()
    if not hall.lookups.put_once(lease, {}, now=now, expires=now + LEASE):
        return "under_way"
    try:
        loaded = load(hall, number)
        step = _owed(hall, loaded, kind, subject)
        if step is None:
            return "not_owed"
        return _do(hall, loaded, step)
    except NotFound:
        return "not_owed"
    finally:
        hall.lookups.delete(lease)


def _do(hall: Hall, loaded: Loaded, step: Step) -> str:
    """An outage may last longer than the queue's five tries: what meets one is left to the sweep.

    What was turned away comes back when the vendor may be, not counted as tried in vain. What failed at the vendor's
    itself comes back as often as anything that fails: the fault may be its own, and would shut the vendor to others.
    """
    try:
        return _WORK[step.kind](hall, loaded, step.subject) or "done"
    except CircuitOpen as refused:
        hall.read_model.put_off(loaded.case.number, loaded.case.version, refused.retry_at + spread())
        return "vendor_down"
    except (VendorTemporary, VendorUnknown) as error:
        if hall.health.retry_at(error.vendor) is None:
            raise
        return "vendor_down"


def _owed(hall: Hall, loaded: Loaded, kind: str, subject: str) -> Step | None:
    owed = due(loaded.case, hall.now())
    return next((step for step in owed if step.kind == kind and step.subject == subject), None)


def _check_files(hall: Hall, loaded: Loaded, subject: str) -> str:
    from chalicelib.usecases.check_files import check_files

    return check_files(hall, loaded, subject)


def _issue(hall: Hall, loaded: Loaded, subject: str) -> None:
    from chalicelib.usecases.certificates import issue

    issue(hall, loaded, subject)


def _notify(hall: Hall, loaded: Loaded, subject: str) -> None:
    from chalicelib.usecases.notify import notify

    notify(hall, loaded, subject)


def _command(hall: Hall, loaded: Loaded, command: Command) -> None:
    execute(hall, loaded.case.number, lambda _: command, loaded=loaded)


def _turn_light(hall: Hall, loaded: Loaded, subject: str) -> None:
    _command(hall, loaded, TurnLight(at=hall.now(), by="hall", task=subject))


def _break_promise(hall: Hall, loaded: Loaded, _subject: str) -> None:
    _command(hall, loaded, BreakPromise(at=hall.now(), by="hall"))


def _close(hall: Hall, loaded: Loaded, _subject: str) -> None:
    from chalicelib.usecases.certificates import hand_over

    hand_over(hall, loaded.case)  # first: once the case is closed, nothing is owed any more
    _command(hall, loaded, Close(at=hall.now(), by="hall"))


_WORK: dict[Kind, Callable[[Hall, Loaded, str], str | None]] = {
    Kind.CHECK_FILES: _check_files,
    Kind.ASK_CHECKOUT: payment.ask_checkout,
    Kind.EXPIRE_CHECKOUT: payment.expire_checkout,
    Kind.LAPSE: payment.lapse,
    Kind.REFUND: payment.refund,
    Kind.ASK_REFUND: payment.ask_refund,
    Kind.ASK_DISPUTE: payment.ask_dispute,
    Kind.ORDER_COURIER: shipping.order_courier,
    Kind.CANCEL_COURIER: shipping.cancel_courier,
    Kind.ASK_COURIER: shipping.ask_courier,
    Kind.ISSUE: _issue,
    Kind.NOTIFY: _notify,
    Kind.TURN_LIGHT: _turn_light,
    Kind.BREAK_PROMISE: _break_promise,
    Kind.CLOSE: _close,
}
