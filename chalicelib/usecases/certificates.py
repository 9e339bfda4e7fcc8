"""Issuing certificates (证照): numbered, sealed, typeset, filed and registered; each of these once, whatever fails."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from chalicelib.domain.case import Case, IssuedCertificate
from chalicelib.domain.commands import RecordCertificate, Revoke
from chalicelib.domain.errors import NotFound
from chalicelib.domain.seal import certificate_number, mask_name, seal_claims, seal_url, sign_seal
from chalicelib.domain.service import Task
from chalicelib.forms.parties import holder
from chalicelib.forms.pointers import get
from chalicelib.ports import CertificateDocument, CertificateRecord, Note
from chalicelib.texts import DEFAULT
from chalicelib.usecases.execute import Loaded, execute, make_note
from chalicelib.usecases.hall import Hall


def issue(hall: Hall, loaded: Loaded, task_code: str) -> None:
    """The certificate of an approved task. Its number is the case's own, its file and record are written once.

    One that a courier has lost is revoked for all the world, and replaced under another number, good for as long.
    """
    case = loaded.case
    task = case.service.task(task_code)
    assert task is not None
    assert task.certificate is not None
    lost = [item for item in case.certificates if item.task == task_code and item.lost_at]
    for item in lost:  # first of all: whoever finds it shall not show it to anybody
        hall.register.stamp(item.number, revoked_at=item.lost_at)
    approved_at = _approved_at(case)
    issued_at = max([approved_at, *(item.lost_at for item in lost if item.lost_at)])
    number = certificate_number(case.number, task.certificate.code, hall.mac_key, len(lost))
    valid_until = _valid_until(approved_at, task, case.calendar.zone)
    record = CertificateRecord(
        number=number,
        case=case.number,
        code=task.certificate.code,
        service=case.service.id,
        version=case.service.version,
        holder=mask_name(holder(loaded.record.answers)),
        issued_at=issued_at,
        valid_until=valid_until,
        digest="",
    )
    pdf = hall.files.get(file_key(case.number, number))
    if pdf is None:
        drawn = _typeset(hall, case, task, record, loaded.record.answers)
        pdf = hall.files.put_once(file_key(case.number, number), drawn, "application/pdf")
    digest = hashlib.sha256(pdf).hexdigest()
    hall.register.put_once(replace(record, digest=digest))
    command = RecordCertificate(
        at=hall.now(), by="hall", task=task_code, number=number, digest=digest, valid_until=valid_until
    )
    execute(hall, case.number, lambda _: command, loaded=loaded)


def _approved_at(case: Case) -> datetime:
    """The moment of the last approval: the same however late or often the work is done."""
    return max(task.decided_at for task in case.tasks if task.decided_at)


def _valid_until(approved_at: datetime, task: Task, zone: tzinfo) -> date | None:
    days = task.certificate.valid_days if task.certificate else None
    return approved_at.astimezone(zone).date() + timedelta(days=days) if days else None


def file_key(case: str, number: str) -> str:
    return f"certificates/{case}/{number}.pdf"


def _typeset(hall: Hall, case: Case, task: Task, record: CertificateRecord, answers: Mapping[str, Any]) -> bytes:
    assert task.certificate is not None
    # The sheet is written in the hall's own language, whatever language the applicant reads.
    definition = hall.catalogue.definition(case.service.id, case.service.version, DEFAULT)
    terms = next(item for item in definition["tasks"] if item["code"] == task.code)
    certificate = terms["certificate"]
    claims = seal_claims(hall.url, record, case.calendar.zone)
    document = CertificateDocument(
        number=record.number,
        title=certificate["title"],
        service=case.service.id,
        version=case.service.version,
        language=DEFAULT,
        issued_at=record.issued_at.astimezone(case.calendar.zone).date(),
        valid_until=record.valid_until,
        issuer=definition["departments"][task.department],
        seal_url=seal_url(hall.url, record.number, sign_seal(claims, hall.signer.key_id, hall.signer.sign)),
        fields=_fields(certificate.get("fields", {}), answers),
    )
    template = hall.catalogue.template(case.service.id, case.service.version, certificate.get("template", ""))
    return hall.typesetter.typeset(template, document)


def _fields(pointers: Mapping[str, str], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the template prints, by name; an optional answer that was not given is None."""
    found: dict[str, Any] = {}
    for name, pointer in pointers.items():
        try:
            found[name] = get(answers, pointer)
        except KeyError:
            found[name] = None
    return found


def hand_over(hall: Hall, case: Case) -> None:
    """The courier has brought the certificates, or nobody has to: from now on they are valid for everyone to see."""
    for certificate in case.certificates:
        if not certificate.lost_at:
            hall.register.stamp(certificate.number, delivered_at=case.brought_at)


def state_of(record: CertificateRecord, today: date) -> str:
    """``in_delivery``, ``valid``, ``revoked`` or ``expired``."""
    if record.revoked_at:
        return "revoked"
    if record.valid_until and today > record.valid_until:
        return "expired"
    return "valid" if record.delivered_at else "in_delivery"


def find_certificate(hall: Hall, number: str) -> CertificateRecord:
    """The public record. NotFound ``unknown_certificate``."""
    record = hall.register.get(number)
    if record is None:
        raise NotFound("unknown_certificate")
    return record


def pdf_address(hall: Hall, case: Case, code: str) -> str:
    """A short-lived address of a certificate's PDF. NotFound ``unknown_certificate``."""
    certificate = _issued(case, code)
    name = f"{certificate.number}.pdf"
    return hall.files.url(file_key(case.number, certificate.number), seconds=60, filename=name)


def _issued(case: Case, code: str) -> IssuedCertificate:
    for certificate in reversed(case.certificates):
        if certificate.code == code:
            return certificate
    raise NotFound("unknown_certificate")


def revoke(hall: Hall, number: str, by: str, reason: str) -> CertificateRecord:
    """Take a certificate back. The log first, the public record after it: a retry finishes what was begun."""
    record = find_certificate(hall, number)
    note = make_note(record.case, reason)
    beside: tuple[Note, ...] = (note,) if note else ()
    now = hall.now()
    command = Revoke(at=now, by=by, number=number, note=note.digest if note else "")
    execute(hall, record.case, lambda _: command, beside=beside)
    hall.register.stamp(number, revoked_at=now)
    return find_certificate(hall, number)
