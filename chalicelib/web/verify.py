"""Whether a certificate is genuine, for everyone."""

from __future__ import annotations

from chalice import Response

from chalicelib.domain.errors import NotFound
from chalicelib.domain.seal import parse_certificate_number
from chalicelib.ports import CertificateRecord
from chalicelib.usecases.certificates import find_certificate, state_of
from chalicelib.web.edge import Pages, Visit

pages = Pages("verify")
LONGEST = 40  # of a number, with all its dashes and spaces


@pages.get("/verify")
def ask(visit: Visit) -> Response:
    """Where a number is typed in."""
    typed = visit.call.query("number")[:LONGEST].strip()
    number = parse_certificate_number(typed) if typed else None
    if number:
        return visit.go(f"/verify/{number}")
    return visit.page("verify.html", 422 if typed else 200, typed=typed)


@pages.get("/verify/{number}")
def show(visit: Visit, number: str) -> Response:
    """The public record of a certificate."""
    known = parse_certificate_number(number)
    if known is None:
        raise NotFound("unknown_certificate")
    record = find_certificate(visit.hall, known)
    zone = visit.hall.calendar.zone
    today = visit.hall.now().astimezone(zone).date()
    return visit.page(
        "certificate.html",
        record=record,
        title=_title(visit, record),
        state=state_of(record, today),
        issued_on=record.issued_at.astimezone(zone).date(),
        zone=zone,
    )


def _title(visit: Visit, record: CertificateRecord) -> str:
    definition = visit.hall.catalogue.definition(record.service, record.version, visit.language)
    issued = (task["certificate"] for task in definition["tasks"] if "certificate" in task)
    return next(str(certificate["title"]) for certificate in issued if certificate["code"] == record.code)
