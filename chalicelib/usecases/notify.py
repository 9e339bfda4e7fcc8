"""One message per happening (a message at acceptance, payment, pickup, result, dispatch and delivery)."""

from __future__ import annotations

from chalicelib.domain.case import Case, Happening
from chalicelib.domain.commands import RecordMessage
from chalicelib.domain.numbers import tracking_code
from chalicelib.domain.service import Leg
from chalicelib.forms.parties import email, phone
from chalicelib.texts import text
from chalicelib.usecases.execute import Loaded, execute
from chalicelib.usecases.hall import Hall


def notify(hall: Hall, loaded: Loaded, key: str) -> None:
    """Tell the applicant of a happening, by SMS and, where the form gave an address, by e-mail.

    The message's key is the same for every try, so that a gateway that keeps keys sends it once even when this worker
    is killed between sending and writing it down.
    """
    case = loaded.case
    happening = next(item for item in case.happenings if item.key == key)
    answers = loaded.record.answers
    words = _words(hall, case, happening)
    number, address = phone(answers), email(answers)
    if number:
        hall.notifier.sms(f"{case.number}-{key}-sms", number, words)
    if address:
        subject = text("message.subject", case.language, case=case.number)
        hall.notifier.email(f"{case.number}-{key}-email", address, subject, words)
    command = RecordMessage(at=hall.now(), by="hall", happening=key)
    execute(hall, case.number, lambda _: command, loaded=loaded)


def _words(hall: Hall, case: Case, happening: Happening) -> str:
    definition = hall.catalogue.definition(case.service.id, case.service.version, case.language)
    leg = happening.key.split("-", 1)[0]
    variant = ".originals" if leg == Leg.RETURN else ""
    return text(
        f"message.{happening.code}{variant}",
        case.language,
        service=definition["title"],
        case=case.number,
        link=f"{hall.url}/t/{tracking_code(hall.mac_key, case.number)}",
    )
