"""The desk: reviewers, clerks, supervisors and auditors, by the tokens of their issuer."""

from __future__ import annotations

import re
from typing import Any

from chalice import Response

from chalicelib.api import certificates, present
from chalicelib.api.edge import Area, Call, Refusal, answered
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.seal import parse_certificate_number
from chalicelib.ports import Staff
from chalicelib.usecases import desk
from chalicelib.usecases.execute import Loaded

area = Area("desk", cors=None)
BEARER = "desk"
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"', re.ASCII)
_NUMBER = re.compile("[1-9][0-9]{0,3}", re.ASCII)
_MOST_ROWS = 100
_STATES = ("failed", "new")


def _staff(call: Call) -> Staff:
    return call.staff()


def _version(call: Call) -> int | None:
    """The version of If-Match, None where any will do. An entity tag that was never ours matches nothing."""
    wanted = call.header("if-match").strip()
    if wanted in ("", "*"):
        return None
    found = _ETAG.fullmatch(wanted)
    if not found:
        raise Refusal("precondition_failed")
    return int(found[1])


def _shown(call: Call, staff: Staff, loaded: Loaded) -> Response:
    call.case = loaded.case.number
    shown = present.desk_case(call.hall, staff, loaded, call.language)
    return answered(shown, headers={"ETag": f'"{loaded.case.version}"'})


@area.get(
    "/v1/desk/queue",
    query=("state", "department", "limit", "cursor", "lang"),
    security=BEARER,
    gives={200: "Queue"},
    refuses=("forbidden", "invalid_cursor", "malformed_request"),
)
def show_queue(call: Call) -> dict[str, Any]:
    """What waits: for a reviewer in their department, for a clerk at the front desk; all of it for the rest."""
    staff, limit = _staff(call), call.number("limit", 50, _MOST_ROWS)
    try:
        page = desk.queue(call.hall, staff, call.query("department"), call.query("state"), limit, call.query("cursor"))
    except ValueError:
        raise Invalid("invalid_cursor", "/cursor") from None
    return present.queue(call.hall, page, call.language)


@area.get(
    "/v1/desk/cases/{case}",
    query=("lang",),
    security=BEARER,
    gives={200: "DeskCase"},
    refuses=("forbidden", "unknown_case"),
)
def show(call: Call, case: str) -> Response:
    """A case, with only the answers that one's own tasks read; a clerk sees a name, supervisors and auditors none."""
    staff = _staff(call)
    return _shown(call, staff, desk.find(call.hall, staff, case))


@area.post(
    "/v1/desk/cases/{case}/originals",
    body="OriginalsRequest",
    headers=("If-Match",),
    security=BEARER,
    gives={200: "DeskCase"},
    refuses=(
        "forbidden",
        "unknown_case",
        "material_not_on_the_list",
        "material_listed_twice",
        "no_pickup_ordered",
        "originals_already_received",
        "precondition_failed",
    ),
)
def receive_originals(call: Call, case: str) -> Response:
    """What was in the envelope. A missing original opens a correction."""
    staff, found, version = _staff(call), call.json(), _version(call)
    sealed = found.get("envelope_sealed", True)
    return _shown(call, staff, desk.receive_originals(call.hall, staff, case, found["items"], sealed, version))


@area.post(
    "/v1/desk/cases/{case}/tasks/{task}/decision",
    body="DecisionRequest",
    headers=("If-Match",),
    security=BEARER,
    gives={200: "DeskCase"},
    refuses=(
        "forbidden",
        "acceptance_and_approval_must_be_separate",
        "unknown_case",
        "unknown_task",
        "reason_missing",
        "pointers_missing",
        "unknown_pointer",
        "task_already_decided",
        "task_not_open",
        "case_ended",
        "correction_under_way",
        "files_being_checked",
        "too_many_corrections",
        "precondition_failed",
    ),
)
def decide(call: Call, case: str, task: str) -> Response:
    """Approve, reject, or ask for a correction of exact fields (/applicant/name) and uploads (/uploads/deed)."""
    staff, wanted, version = _staff(call), call.json(), _version(call)
    pointers = tuple(dict.fromkeys(wanted.get("pointers", ())))
    decision = desk.Decision(wanted["decision"], wanted.get("reason", ""), pointers)
    return _shown(call, staff, desk.decide_task(call.hall, staff, case, task, decision, version))


@area.post(
    "/v1/desk/cases/{case}/dispatch",
    body="DispatchRequest",
    headers=("If-Match",),
    security=BEARER,
    gives={200: "DeskCase"},
    refuses=(
        "forbidden",
        "unknown_case",
        "not_ready_for_dispatch",
        "already_dispatched",
        "nothing_to_dispatch",
        "wrong_contents",
        "correction_under_way",
        "precondition_failed",
    ),
)
def dispatch(call: Call, case: str) -> Response:
    """Packed: a courier is owed from now on."""
    staff, version = _staff(call), _version(call)
    return _shown(call, staff, desk.dispatch(call.hall, staff, case, call.json()["contents"], version))


@area.get(
    "/v1/desk/cases/{case}/certificates/{file}",
    security=BEARER,
    gives={303: ""},
    refuses=("forbidden", "unknown_case", "unknown_certificate"),
)
def print_certificate(call: Call, case: str, file: str) -> Response:
    """To the signed PDF, `{code}.pdf`, at an address that is good for a minute."""
    staff = _staff(call)
    code = file.removesuffix(".pdf") if file.endswith(".pdf") else ""
    return answered({}, 303, {"Location": desk.certificate_pdf(call.hall, staff, case, code)})


@area.post(
    "/v1/desk/certificates/{number}/revocation",
    body="RevocationRequest",
    security=BEARER,
    gives={200: "Certificate"},
    refuses=("forbidden", "unknown_certificate", "reason_missing"),
)
def revoke(call: Call, number: str) -> dict[str, Any]:
    """Take a certificate back; everyone can see that at once."""
    staff, reason = _staff(call), call.json().get("reason", "")
    desk.require(staff, desk.Right.REVOKE)
    known = parse_certificate_number(number)
    if known is None:
        raise NotFound("unknown_certificate")
    return certificates.shown(call, desk.revoke(call.hall, staff, known, reason))


@area.post(
    "/v1/desk/cases/{case}/refunds/{refund}/settlement",
    body="SettlementRequest",
    headers=("If-Match",),
    security=BEARER,
    gives={200: "DeskCase"},
    refuses=(
        "forbidden",
        "unknown_case",
        "unknown_refund",
        "refund_not_failed",
        "payment_disputed",
        "reason_missing",
        "precondition_failed",
        "vendor_unavailable",
    ),
)
def settle_refund(call: Call, case: str, refund: str) -> Response:
    """A refund that failed was paid by other means, such as a bank transfer. `reason` says how; it can be erased."""
    staff, reason, version = _staff(call), call.json().get("reason", ""), _version(call)
    number = int(refund) if _NUMBER.fullmatch(refund) else 0  # no refund has this number
    return _shown(call, staff, desk.settle_refund(call.hall, staff, case, number, reason, version))


@area.post(
    "/v1/desk/cases/{case}/shipments/{leg}/{attempt}/resolution",
    body="ResolutionRequest",
    headers=("If-Match",),
    security=BEARER,
    gives={200: "DeskCase"},
    refuses=(
        "forbidden",
        "unknown_case",
        "unknown_shipment",
        "shipment_not_under_way",
        "shipment_not_awaited",
        "reason_missing",
        "precondition_failed",
    ),
)
def resolve_shipment(call: Call, case: str, leg: str, attempt: str) -> Response:
    """A parcel is `lost` (what it held is revoked and issued anew), or was `not_collected` and will not be."""
    staff, wanted, version = _staff(call), call.json(), _version(call)
    shipment = (leg, int(attempt) if _NUMBER.fullmatch(attempt) else 0)  # no attempt has this number
    resolution, reason = wanted["resolution"], wanted.get("reason", "")
    return _shown(call, staff, desk.resolve_shipment(call.hall, staff, case, shipment, resolution, reason, version))


@area.get("/v1/desk/cases/{case}/audit", security=BEARER, gives={200: "Audit"}, refuses=("forbidden", "unknown_case"))
def audit(call: Call, case: str) -> dict[str, Any]:
    """The chain of commits, computed anew."""
    return present.audit(desk.audit(call.hall, _staff(call), case), call.hall.calendar.zone)


@area.get(
    "/v1/desk/inbox",
    query=("state",),
    security=BEARER,
    gives={200: "Messages"},
    refuses=("forbidden", "malformed_request"),
)
def list_inbox(call: Call) -> dict[str, Any]:
    """What vendors told the hall and could not be applied (`failed`), or has not been yet (`new`); no bodies."""
    staff, state = _staff(call), call.query("state", _STATES[0])
    if state not in _STATES:
        raise Invalid("malformed_request", "/state")
    messages = desk.inbox_messages(call.hall, staff, state)
    return {"messages": [present.message(message, call.hall.calendar.zone) for message in messages]}


@area.post(
    "/v1/desk/inbox/{id}/replay",
    security=BEARER,
    gives={200: "Message"},
    refuses=("forbidden", "unknown_message", "vendor_unavailable"),
)
def replay(call: Call, id: str) -> dict[str, Any]:
    """Apply a message once more, after whatever stood in its way is put right."""
    return present.message(desk.replay(call.hall, _staff(call), id), call.hall.calendar.zone)
