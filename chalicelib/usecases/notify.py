"""One message per happening (a message at acceptance, payment, pickup, result, dispatch and delivery)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.case import Case, Happening
from chalicelib.domain.commands import RecordMessage
from chalicelib.domain.numbers import tracking_code
from chalicelib.domain.service import Leg
from chalicelib.forms.parties import email, phone
from chalicelib.logs import logger
from chalicelib.ports import VendorRejected
from chalicelib.texts import text
from chalicelib.usecases.execute import Loaded, execute
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.tracking import promise_refund

log = logger("notify")

# Where a message leads, below the tracking page, when there is something to do at once.
PAGES: Mapping[str, str] = {
    "pickup_failed": "/case/pickup-window",
    "window_wanted": "/case/pickup-window",
    "address_wanted": "/case/correction",
}


def notify(hall: Hall, loaded: Loaded, key: str) -> None:
    """Tell the applicant of a happening, by SMS and, where the form gave an address, by e-mail.

    The message's key is the same for every try, so that a gateway that keeps keys sends it once even when this worker
    is killed between sending and writing it down. Who can't be reached one way is told the other; VendorRejected:
    there was no way.
    """
    case = loaded.case
    happening = next(item for item in case.happenings if item.key == key)
    answers = loaded.record.answers
    words = _words(hall, case, happening)
    subject = text("message.subject", case.language, case=case.number)
    ways: list[Callable[[], None]] = []
    if number := phone(answers):
        ways.append(lambda: hall.notifier.sms(f"{case.number}-{key}-sms", number, words))
    if address := email(answers):
        ways.append(lambda: hall.notifier.email(f"{case.number}-{key}-email", address, subject, words))
    _tell(ways, case)
    command = RecordMessage(at=hall.now(), by="hall", happening=key)
    execute(hall, case.number, lambda _: command, loaded=loaded)


def _tell(ways: Sequence[Callable[[], None]], case: Case) -> None:
    refusals = []
    for tell in ways:
        try:
            tell()
        except VendorRejected as error:
            refusals.append(error)
            log.warning("message refused", extra={"case": case.number, "vendor": error.vendor, "error": error.code})
    if refusals and len(refusals) == len(ways):
        raise refusals[0]


def _words(hall: Hall, case: Case, happening: Happening) -> str:
    definition = hall.catalogue.definition(case.service.id, case.service.version, case.language)
    about = case.shipment(*happening.shipment) if happening.shipment else None
    page = PAGES.get(happening.code, "")
    return text(
        f"message.{happening.code}{_variant(case, happening)}",
        case.language,
        service=definition["title"],
        case=case.number,
        why=text(f"why.{about.why}", case.language) if about else "",
        link=f"{hall.url}/t/{tracking_code(hall.mac_key, case.number)}{page}",
    )


def _variant(case: Case, happening: Happening) -> str:
    """What is said otherwise of a parcel with originals alone, and of a broken promise that gives money back."""
    if happening.code == "promise_broken":
        return ".refund" if promise_refund(case) else ""
    return ".originals" if happening.key.split("-", 1)[0] == Leg.RETURN else ""
