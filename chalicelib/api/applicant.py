"""The applicant of a case, by the token that the code gave them."""

from __future__ import annotations

from typing import Any

from chalice import Response

from chalicelib.api import present
from chalicelib.api.edge import Area, Call, answered
from chalicelib.usecases import access
from chalicelib.usecases.execute import load

area = Area("applicant")
BEARER = "applicant"


def _own(call: Call, case: str) -> str:
    """The number of the case, if it is the token's."""
    call.case = access.check_token(call.hall, call.bearer(), case)
    return call.case


def _shown(call: Call) -> dict[str, Any]:
    return present.own(call.hall, load(call.hall, call.case), call.language)


@area.get("/v1/cases/{case}", query=("lang",), security=BEARER, gives={200: "OwnCase"}, refuses=("unknown_case",))
def show(call: Call, case: str) -> dict[str, Any]:
    """The case with its answers, and what is to be corrected."""
    _own(call, case)
    return _shown(call)


@area.post(
    "/v1/cases/{case}/checkout",
    security=BEARER,
    gives={201: "Checkout"},
    refuses=("unknown_case", "already_paid", "case_ended", "nothing_to_pay", "vendor_unavailable"),
)
def open_checkout(call: Call, case: str) -> Response:
    """The payment page: the open one, or a new one."""
    from chalicelib.usecases import payment

    return answered({"payment_url": payment.open_checkout(call.hall, _own(call, case))}, 201)


@area.post(
    "/v1/cases/{case}/corrections",
    body="CorrectionRequest",
    security=BEARER,
    gives={200: "OwnCase"},
    refuses=(
        "unknown_case",
        "nothing_to_correct",
        "field_not_asked",
        "unknown_pointer",
        "file_missing",
        "invalid_answers",
    ),
)
def correct(call: Call, case: str) -> dict[str, Any]:
    """Put right what was asked for, and nothing else. Faults point to /answers/… and /uploads/…."""
    from chalicelib.usecases import applicant

    number, wanted = _own(call, case), call.json()
    applicant.correct(call.hall, number, wanted.get("answers", {}), wanted.get("uploads", {}), call.language)
    return _shown(call)


@area.post(
    "/v1/cases/{case}/pickup-window",
    body="PickupWindowRequest",
    security=BEARER,
    gives={200: "OwnCase"},
    refuses=("unknown_case", "invalid_answers", "no_pickup", "already_picked_up", "case_ended"),
)
def reschedule(call: Call, case: str) -> dict[str, Any]:
    """Another window for the courier that collects the originals. Faults point to /window/…."""
    from chalicelib.usecases import applicant

    number = _own(call, case)
    applicant.reschedule(call.hall, number, call.json()["window"], call.language)
    return _shown(call)


@area.post(
    "/v1/cases/{case}/withdrawal",
    body="WithdrawalRequest",
    security=BEARER,
    gives={200: "OwnCase"},
    refuses=("unknown_case", "already_decided"),
)
def withdraw(call: Call, case: str) -> dict[str, Any]:
    """Take the application back, until it is decided."""
    from chalicelib.usecases import applicant

    number = _own(call, case)
    applicant.withdraw(call.hall, number, call.json().get("reason", ""))
    return _shown(call)


@area.post(
    "/v1/cases/{case}/ratings",
    body="RatingRequest",
    security=BEARER,
    gives={201: "OwnCase"},
    refuses=("unknown_case", "case_not_ended", "unknown_department", "already_rated"),
)
def rate(call: Call, case: str) -> Response:
    """Rate a department, or the whole way where none is named; once each, after the case has ended."""
    from chalicelib.usecases import applicant

    number, rating = _own(call, case), call.json()
    words = rating.get("comment", "")
    applicant.rate(call.hall, number, rating.get("department", ""), int(rating["stars"]), words)
    return answered(_shown(call), 201)
