"""One form, in."""

from __future__ import annotations

import re

from chalice import Response

from chalicelib.api import present
from chalicelib.api.edge import Area, Call, Refusal, answered
from chalicelib.texts import best_language

area = Area("cases")
_KEY = re.compile(r"[!-~]{8,255}", re.ASCII)


@area.post(
    "/v1/cases",
    body="CaseRequest",
    headers=("Idempotency-Key",),
    gives={201: "Case"},
    refuses=("idempotency_key_missing", "idempotency_key_reused", "invalid_answers", "unknown_service"),
)
def submit(call: Call) -> Response:
    """Apply. The same key and body again give the same case; faults point to /answers/… and /uploads/…."""
    from chalicelib.usecases.submit import Application
    from chalicelib.usecases.submit import submit as open_case

    form = call.json()
    application = Application(
        key=_key(call),
        service=form["service"],
        version=form.get("version", ""),
        language=best_language(form["language"]) if "language" in form else call.language,
        answers=form["answers"],
        uploads=form.get("uploads", {}),
    )
    accepted = open_case(call.hall, application)
    call.case = accepted.case.number
    replayed = {"Idempotent-Replayed": "true"} if accepted.replayed else {}
    return answered(present.accepted(call.hall, accepted.case, call.language), 201, replayed)


def _key(call: Call) -> str:
    key = call.header("idempotency-key")
    if not _KEY.fullmatch(key):
        raise Refusal("idempotency_key_missing")
    return key
