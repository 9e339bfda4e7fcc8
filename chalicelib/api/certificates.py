"""What everyone may know of a certificate, and the keys to check its seal with."""

from __future__ import annotations

from typing import Any

from chalice import Response

from chalicelib.api.edge import Area, Call, answered
from chalicelib.api.present import instant
from chalicelib.domain.errors import NotFound
from chalicelib.domain.seal import parse_certificate_number
from chalicelib.ports import CertificateRecord
from chalicelib.usecases.certificates import find_certificate, state_of

area = Area("certificates")


@area.get("/v1/certificates/{number}", query=("lang",), gives={200: "Certificate"}, refuses=("unknown_certificate",))
def show(call: Call, number: str) -> dict[str, Any]:
    """The public record of a certificate. Its number may be written in small letters, with or without dashes."""
    known = parse_certificate_number(number)
    if known is None:
        raise NotFound("unknown_certificate")
    return shown(call, find_certificate(call.hall, known))


def shown(call: Call, record: CertificateRecord) -> dict[str, Any]:
    zone = call.hall.calendar.zone
    return {
        "number": record.number,
        "title": _title(call, record),
        "issued_at": instant(record.issued_at, zone),
        "valid_until": record.valid_until and record.valid_until.isoformat(),
        "state": state_of(record, call.hall.now().astimezone(zone).date()),
        "holder": record.holder,
        "digest": record.digest,
    }


def _title(call: Call, record: CertificateRecord) -> str:
    definition = call.hall.catalogue.definition(record.service, record.version, call.language)
    issued = (task["certificate"] for task in definition["tasks"] if "certificate" in task)
    return next(str(certificate["title"]) for certificate in issued if certificate["code"] == record.code)


@area.get("/.well-known/jwks.json", gives={200: "Keys"})
def show_keys(call: Call) -> Response:
    """The public keys of the certificates' seals (RFC 7517)."""
    return answered({"keys": [call.hall.signer.public_jwk()]}, headers={"Cache-Control": "public, max-age=3600"})
