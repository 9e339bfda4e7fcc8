"""Cases as JSON. Times are the hall's own; a term that ends with a day is shown by its last second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from chalicelib.domain import events as e
from chalicelib.domain.case import Case, Correction, Refund, Shipment
from chalicelib.domain.commit import Commit
from chalicelib.domain.events import event_to_json
from chalicelib.domain.jsonform import to_json
from chalicelib.domain.numbers import tracking_code
from chalicelib.domain.service import Leg
from chalicelib.domain.shipments import standing
from chalicelib.domain.status import actions, status, timeline, trouble
from chalicelib.ports import InboxMessage, Page, QueueRow, Staff
from chalicelib.texts import text
from chalicelib.usecases import desk, outages, tracking
from chalicelib.usecases.execute import Loaded
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.reconcile import Report
from chalicelib.usecases.uploads import each

Json = dict[str, Any]

# Of the events, what says nothing to people, or is no business of the desk's.
_UNTOLD = frozenset(
    {"idempotency", "request", "digest", "note", "url", "identity", "checkout", "payment", "vendor", "dispute", "kept"}
)


def instant(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")


def deadline(at: datetime, zone: tzinfo) -> str:
    """Midnight is nobody's idea of a deadline: the last second of the day before."""
    local = at.astimezone(zone)
    return instant(local - timedelta(seconds=1) if local.time() == time() else local, zone)


def definition_of(hall: Hall, case: Case, language: str) -> Mapping[str, Any]:
    return hall.catalogue.definition(case.service.id, case.service.version, language)


def accepted(hall: Hall, case: Case, language: str) -> Json:
    """The answer to a form."""
    code = tracking_code(hall.mac_key, case.number)
    titles = {line["code"]: line["title"] for line in definition_of(hall, case, language)["fee"].get("lines", ())}
    lines = [{"code": line.code, "title": titles[line.code], "amount": line.amount} for line in case.lines]
    return {
        "case": case.number,
        "status": status(case),
        "tracking": code,
        "tracking_url": tracking_url(hall, code),
        "qr_url": f"{hall.url}/v1/track/{code}/qr.svg",
        "fee": {"amount": case.fee, "currency": case.service.currency, "lines": lines},
        "payment_url": tracking.payable_at(case, hall.now()),
    }


def tracking_url(hall: Hall, code: str) -> str:
    return f"{hall.url}/t/{code}"


def public(hall: Hall, case: Case, language: str) -> Json:
    """A case for everyone with its tracking code: no personal data."""
    definition = definition_of(hall, case, language)
    zone = case.calendar.zone
    assert case.submitted_at is not None
    return {
        "case": case.number,
        "service": {"id": case.service.id, "title": definition["title"]},
        "status": status(case),
        "submitted_at": instant(case.submitted_at, zone),
        "timeline": [
            {
                "code": stop.code,
                "title": text(f"timeline.{stop.code}", language),
                "at": instant(stop.at, zone) if stop.at else None,
                "state": stop.state,
            }
            for stop in timeline(case)
        ],
        "payment": {
            "state": tracking.payment_state(case),
            "amount": case.fee,
            "currency": case.service.currency,
            "refunded": tracking.refunded(case),
        },
        "shipments": [_shipment(shipment, zone) for shipment in case.shipments if shipment.booked],
        "tasks": _tasks(case, definition, hall.now()),
        "promise": _promise(case, definition, hall.now()),
        "certificates": _certificates(hall, case, definition),
        "trouble": _trouble(case, language),
        "actions": list(actions(case)),
        "notices": [{"code": code, "text": text(f"notice.{code}", language)} for code in outages.notices(hall, case)],
    }


def _trouble(case: Case, language: str) -> Json | None:
    found = trouble(case)
    if found is None:
        return None
    words = text(f"trouble.{found.code}", language, why=text(f"why.{found.why}", language))
    return {"code": found.code, "leg": found.leg.value, "why": found.why, "text": words}


def _shipment(shipment: Shipment, zone: tzinfo) -> Json:
    window = shipment.window
    return {
        "leg": shipment.leg.value,
        "courier": shipment.courier,
        "waybill": shipment.waybill,
        "state": shipment.state,
        "reason": shipment.reason,
        "window": window and {"start": instant(window.start, zone), "end": instant(window.end, zone)},
        "events": [{"state": move.state, "at": instant(move.at, zone)} for move in standing(shipment.moves)],
    }


def _tasks(case: Case, definition: Mapping[str, Any], now: datetime) -> list[Json]:
    titles = {task["code"]: task["title"] for task in definition["tasks"]}
    found = []
    for terms in case.terms:
        task = case.task(terms.code)
        state = tracking.task_state(case, terms.code)
        due = deadline(case.task_term(task, now).due, case.calendar.zone) if task and state == "open" else None
        found.append(
            {
                "task": terms.code,
                "department": terms.department,
                "title": titles[terms.code],
                "state": state,
                "due": due,
                "light": task.light if task else "green",
            }
        )
    return found


def _promise(case: Case, definition: Mapping[str, Any], now: datetime) -> Json:
    term = case.promise_term(now)
    refund = tracking.promise_refund(case)
    state = tracking.promise_refund_state(refund) if refund else ""
    return {
        "working_days": case.service.promise.working_days,
        "due": deadline(term.due, case.calendar.zone) if term else None,
        "state": tracking.promise_state(case),
        "refunded": state in ("under_way", "done"),
        "refund": refund and {**_refunded_line(refund, definition), "amount": refund.amount, "state": state},
    }


def _refunded_line(refund: Refund, definition: Mapping[str, Any]) -> Json:
    code = refund.lines[0].code
    return {"code": code, "title": next(line["title"] for line in definition["fee"]["lines"] if line["code"] == code)}


def _certificates(hall: Hall, case: Case, definition: Mapping[str, Any]) -> list[Json]:
    titles = {t["certificate"]["code"]: t["certificate"]["title"] for t in definition["tasks"] if "certificate" in t}
    today = hall.now().astimezone(case.calendar.zone).date()
    return [
        {
            "code": certificate.code,
            "title": titles[certificate.code],
            "number": certificate.number,
            "state": tracking.certificate_state(case, certificate, today),
            "verify_url": f"{hall.url}/verify/{certificate.number}",
        }
        for certificate in case.certificates
    ]


def own(hall: Hall, loaded: Loaded, language: str) -> Json:
    """A case for its applicant: with the answers, what is to be corrected, and why it was rejected."""
    case, submissions = loaded.case, loaded.record.submissions
    return {
        **public(hall, case, language),
        "answers": dict(loaded.record.answers),
        "uploads": {material: list(ids) for material, ids in submissions[-1].uploads.items()} if submissions else {},
        "correction": _correction(hall, loaded, case.open_correction, language),
        "rejection": _rejection(loaded),
    }


def _notes(loaded: Loaded) -> dict[str, str]:
    return {note.digest: note.text for note in loaded.record.notes}


def _correction(hall: Hall, loaded: Loaded, correction: Correction | None, language: str) -> Json | None:
    if correction is None:
        return None
    refused = _refused(loaded, correction, language)
    return {
        "task": correction.task,
        "pointers": list(correction.pointers),
        "materials": list(correction.materials),
        "reason": _notes(loaded).get(correction.note, "") or _why(hall, loaded.case, correction, language),
        "refused": refused,
        "asked_at": instant(correction.asked_at, loaded.case.calendar.zone),
    }


def _refused(loaded: Loaded, correction: Correction, language: str) -> list[Json]:
    """Each refused file as a fault of the newest submission."""
    submissions = loaded.record.submissions
    places = {upload: (material, at) for material, at, upload in each(submissions[-1].uploads)} if submissions else {}
    found = []
    for file in correction.refused:
        material, position = places.get(file.upload, (file.material, 0))
        pointer = f"/uploads/{material}/{position}"
        found.append({"pointer": pointer, "code": file.code, "message": text(f"error.{file.code}", language)})
    return found


def _why(hall: Hall, case: Case, correction: Correction, language: str) -> str:
    """Why the hall itself asks: for an address, or with a line for each refused file; "" where it does not."""
    found = _trouble(case, language)
    if found and correction.of_address(Leg(found["leg"])):
        return str(found["text"])
    titles = {m["code"]: m["title"] for m in definition_of(hall, case, language).get("materials", ())}
    reasons = {(titles[file.material], text(f"error.{file.code}", language)): None for file in correction.refused}
    return "\n".join(text("correction.file", language, material=title, reason=reason) for title, reason in reasons)


def _rejection(loaded: Loaded) -> Json | None:
    for commit in loaded.record.commits:
        for event in commit.events:
            if isinstance(event, e.TaskDecided) and event.decision == "reject":
                return {"task": event.task, "reason": _notes(loaded).get(event.note, "")}
    return None


# --- the desk ---


def desk_case(hall: Hall, staff: Staff, loaded: Loaded, language: str) -> Json:
    """A case for one person at the desk: no more of it than their work needs."""
    case = loaded.case
    shown = _correction(hall, loaded, case.open_correction, language)
    if shown and not shown["refused"] and not desk.may_read_reason(staff, case, shown["task"]):
        shown["reason"] = ""
    return {
        **public(hall, case, language),
        "version": case.version,
        "materials": list(definition_of(hall, case, language).get("materials", ())),
        "answers": desk.visible_answers(staff, loaded),
        "uploads": _uploads(hall, staff, loaded),
        "correction": shown,
        "log": [_commit(staff, loaded, commit) for commit in loaded.record.commits],
    }


def _uploads(hall: Hall, staff: Staff, loaded: Loaded) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for shown in desk.visible_uploads(staff, loaded):
        file = shown.file
        url = desk.upload_address(hall, loaded.case.number, shown)
        line = {"upload": file.upload, "content_type": file.content_type, "size": file.size, "url": url}
        found.setdefault(shown.material, []).append(line)
    return found


def _commit(staff: Staff, loaded: Loaded, commit: Commit) -> Json:
    return {
        "version": commit.version,
        "at": instant(commit.at, loaded.case.calendar.zone),
        "actor": commit.by,
        "events": [_event(staff, loaded, event) for event in commit.events],
    }


def _event(staff: Staff, loaded: Loaded, event: e.Event) -> Json:
    told = {name: value for name, value in event_to_json(event).items() if name not in _UNTOLD}
    if isinstance(event, e.FilesChecked):
        told["refused"] = [{"material": file.material, "code": file.code} for file in event.refused]
    words = _notes(loaded).get(getattr(event, "note", ""), "")
    return told | ({"reason": words} if words and desk.may_read_note(staff, loaded.case, event) else {})


def queue(hall: Hall, page: Page, language: str) -> Json:
    return {"cases": [_row(hall, row, language) for row in page.rows], "cursor": page.cursor}


def _row(hall: Hall, row: QueueRow, language: str) -> Json:
    return {
        "case": row.case,
        "service": row.service,
        "title": hall.catalogue.definition(row.service, None, language)["title"],
        "state": row.state,
        "task": row.task or None,
        "due": deadline(row.due, hall.calendar.zone),
        "light": row.light,
    }


def audit(found: desk.Audit, zone: tzinfo) -> Json:
    return {
        "commits": [
            {
                "version": version,
                "at": _instant_of(commit.get("at"), zone),
                "actor": str(commit.get("by", "")),
                "events": _types(commit.get("events")),
                "hash": str(commit.get("hash", "")),
            }
            for version, commit in enumerate(found.commits, start=1)
        ],
        "intact": found.broken is None and not found.altered,
        "first_broken": found.broken,
        "altered": list(found.altered),
    }


def _instant_of(text: Any, zone: tzinfo) -> str | None:
    """Of a stored commit, which somebody may have laid hands on."""
    try:
        return instant(datetime.fromisoformat(text), zone)
    except (TypeError, ValueError):
        return None


def _types(events: Any) -> list[str]:
    return [str(event.get("type", "")) for event in events if isinstance(event, dict)] if events else []


def message(found: InboxMessage, zone: tzinfo) -> Json:
    """Without its body: that may be somebody's address."""
    return {
        "id": found.id,
        "source": found.source,
        "received_at": instant(found.received_at, zone),
        "state": found.state,
        "error": found.error,
    }


def vendor(found: outages.Vendor, zone: tzinfo, language: str) -> Json:
    """A vendor's health, and what it means in words."""
    circuit = found.circuit
    times = {"since": circuit.since, "retry_at": circuit.retry_at}
    words = {name: at and f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for name, at in times.items()}
    return {
        "vendor": found.code,
        "state": found.state.value,
        "text": text(f"vendor.{found.state}", language, error=circuit.error, **words),
        "failures": circuit.failures,
        "error": circuit.error,
        **{name: at and instant(at, zone) for name, at in times.items()},
    }


def reconciliation(report: Report, zone: tzinfo) -> Json:
    """A day's books against the provider's statement. It names cases and ids, and no person."""
    found = to_json(report)
    return {
        "date": found.pop("date"),
        "made_at": instant(report.made_at, zone),
        "differences": found.pop("differences"),
        "compared": {name: count for name, count in found.items() if name != "made_at"},
    }
