"""The JSON that goes in and out, as JSON Schema 2020-12: requests are checked against it, openapi.json shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.usecases.outages import NOTICES

Shape = dict[str, Any]


def _object(needed: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None, **more: Any) -> Shape:
    shape: Shape = {"type": "object", "additionalProperties": False, "properties": {**needed, **(optional or {})}}
    return shape | ({"required": list(needed)} if needed else {}) | more


def _list(items: Shape, **more: Any) -> Shape:
    return {"type": "array", "items": items, **more}


def _text(most: int, least: int = 1, **more: Any) -> Shape:
    return {"type": "string", "minLength": least, "maxLength": most, **more}


def _one_of(*values: str) -> Shape:
    return {"type": "string", "enum": list(values)}


def _ref(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(shape: Shape) -> Shape:
    return {"oneOf": [shape, {"type": "null"}]} if "$ref" in shape else {**shape, "type": [shape["type"], "null"]}


CODE = _text(60)
POINTER = {"type": "string", "maxLength": 400}
FREE_TEXT = {"type": "string", "maxLength": 2000}
UPLOADS = {
    "description": "Material → uploads",
    "type": "object",
    "maxProperties": 100,
    "additionalProperties": _list(_text(64), maxItems=20),
}
TEXT = {"type": "string"}
BOOLEAN = {"type": "boolean"}
NATURAL = {"type": "integer", "minimum": 0}
INSTANT = {"type": "string", "format": "date-time"}
DATE = {"type": "string", "format": "date"}
URL = {"type": "string", "format": "uri"}
CASE_NUMBER = {"type": "string", "pattern": "^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{5}$"}
LEG = _one_of("pickup", "delivery", "return")
LIGHT = _one_of("green", "yellow", "red")
ANSWERS = {"description": "As the service's form has them", "type": "object"}
STATUS = _one_of(
    "awaiting_payment", "awaiting_pickup", "pickup_under_way", "awaiting_originals_check", "in_review",
    "awaiting_correction", "awaiting_dispatch", "delivery_under_way", "delivered", "closed", "rejected", "withdrawn",
    "lapsed",
)  # fmt: skip
ACTION = _one_of("pay", "correct", "reschedule_pickup", "withdraw", "rate")
DIFFERENCE = _one_of(
    "payment_unrecorded", "payment_unknown", "payment_missing", "payment_amount", "payment_currency",
    "payment_of_another_case", "refund_unknown", "refund_missing", "refund_amount", "refund_state", "dispute_unknown",
    "dispute_unrecorded", "dispute_missing", "dispute_state", "checkout_open", "entry_missing", "entry_unknown",
)  # fmt: skip
CERTIFICATE_STATE = _one_of("in_delivery", "valid", "revoked", "expired")

REQUESTS: Mapping[str, Shape] = {
    "UploadRequest": _object(
        {
            "service": CODE,
            "material": CODE,
            "filename": _text(255),
            "content_type": _text(100),
            "size": {"description": "Bytes", "type": "integer", "minimum": 0, "maximum": 2**40},
        },
        {"version": {"description": "For a case that was opened under an older one", **_text(4)}},
    ),
    "CaseRequest": _object(
        {"service": CODE, "answers": ANSWERS}, {"version": _text(4), "language": _text(35), "uploads": UPLOADS}
    ),
    "SessionRequest": _object({"code": _text(32)}),
    "CorrectionRequest": _object(
        {},
        {
            "answers": {"description": "JSON Pointer into the answers → new value", "type": "object"},
            "uploads": UPLOADS,
        },
        minProperties=1,
    ),
    "PickupWindowRequest": _object({"window": {"type": "object"}}),
    "WithdrawalRequest": _object({}, {"reason": FREE_TEXT}),
    "RatingRequest": _object(
        {"stars": {"type": "integer", "minimum": 1, "maximum": 5}},
        {"department": {"type": "string", "maxLength": 60}, "comment": FREE_TEXT},
    ),
    "OriginalsRequest": _object(
        {
            "items": _list(
                _object({"material": CODE, "present": BOOLEAN}, {"note": {"type": "string", "maxLength": 500}}),
                minItems=1,
                maxItems=100,
            )
        },
        {"envelope_sealed": BOOLEAN},
    ),
    "DecisionRequest": _object(
        {"decision": _one_of("approve", "reject", "correct")},
        {"reason": FREE_TEXT, "pointers": _list(POINTER, maxItems=200)},
    ),
    "DispatchRequest": _object({"contents": _list(_one_of("certificate", "originals"), minItems=1, maxItems=2)}),
    "RevocationRequest": _object({"reason": FREE_TEXT}),
    "ResolutionRequest": _object({"resolution": _one_of("lost", "not_collected"), "reason": FREE_TEXT}),
    "SettlementRequest": _object({"reason": FREE_TEXT}),
}

_MONEY = {"amount": NATURAL, "currency": _text(3, 3)}
_SERVICE = {"id": CODE, "version": TEXT, "title": TEXT}
_SHIPMENT = {
    "leg": LEG,
    "courier": TEXT,
    "waybill": TEXT,
    "state": TEXT,
    "reason": {"description": "Why it is in this state, where the courier has told", **TEXT},
    "window": _or_null(_object({"start": INSTANT, "end": INSTANT})),
    "events": _list(_object({"state": TEXT, "at": INSTANT})),
}
_TRACKING: Mapping[str, Shape] = {
    "case": CASE_NUMBER,
    "service": _object({"id": CODE, "title": TEXT}),
    "status": STATUS,
    "submitted_at": INSTANT,
    "timeline": _list(
        _object({"code": TEXT, "title": TEXT, "at": _or_null(INSTANT), "state": _one_of("done", "now", "ahead")})
    ),
    "payment": _object({"state": _one_of("none", "due", "paid", "void"), **_MONEY, "refunded": NATURAL}),
    "shipments": _list(_object(_SHIPMENT)),
    "tasks": _list(_ref("Task")),
    "promise": _object(
        {
            "working_days": NATURAL,
            "due": _or_null(INSTANT),
            "state": _one_of("not_started", "running", "standing", "kept", "broken", "ended"),
            "refunded": {"description": "What it stands for is given back, or on its way", **BOOLEAN},
            "refund": _or_null(
                _object(
                    {
                        "code": CODE,
                        "title": TEXT,
                        "amount": NATURAL,
                        "state": _one_of("under_way", "done", "failed"),
                    }
                )
            ),
        }
    ),
    "certificates": _list(
        _object({"code": TEXT, "title": TEXT, "number": TEXT, "state": CERTIFICATE_STATE, "verify_url": URL})
    ),
    "trouble": {
        "description": "What went wrong with the papers on their way, and how it goes on",
        **_or_null(_object({"code": TEXT, "leg": LEG, "why": TEXT, "text": TEXT})),
    },
    "actions": _list(ACTION),
    "notices": {
        "description": "What waits because a vendor's system is not answering; nobody has to do anything about it",
        **_list(_object({"code": _one_of(*NOTICES), "text": TEXT})),
    },
}
_FAULT = _object({"pointer": POINTER, "code": TEXT, "message": TEXT})
_CORRECTION = _object(
    {
        "task": {"description": "Empty when the hall itself asks: for originals, or for files that it refused", **TEXT},
        "pointers": _list(POINTER),
        "materials": _list(CODE),
        "reason": TEXT,
        "refused": {"description": "The files to be replaced, each with what is wrong with it", **_list(_FAULT)},
        "asked_at": INSTANT,
    }
)

ANSWER_SHAPES: Mapping[str, Shape] = {
    "Health": _object({"status": _one_of("ok"), "version": TEXT}),
    "Money": _object(_MONEY),
    "Services": _object(
        {
            "services": _list(
                _object(
                    {
                        **_SERVICE,
                        "category": _one_of("citizen", "business", "engineering"),
                        "fee": _ref("Money"),
                        "promise_days": NATURAL,
                        "pickup": BOOLEAN,
                        "delivery": BOOLEAN,
                    }
                )
            )
        }
    ),
    "Service": {
        "description": "The public definition (service.json), and its form as one self-contained JSON Schema",
        "type": "object",
        "properties": {**_SERVICE, "form": {"type": "object"}},
        "required": [*_SERVICE, "form"],
    },
    "UploadOffer": _object(
        {
            "upload": TEXT,
            "post": _object({"url": URL, "fields": {"type": "object", "additionalProperties": TEXT}}),
            "expires_at": INSTANT,
        }
    ),
    "Upload": _object(
        {
            "upload": TEXT,
            "state": _one_of("awaited", "checking", "clean", "refused"),
            "code": {"description": "Why it is refused, else empty", **TEXT},
            "message": TEXT,
            "content_type": {"description": "What it really is; empty while that is not known", **TEXT},
            "size": NATURAL,
        }
    ),
    "Case": _object(
        {
            "case": CASE_NUMBER,
            "status": STATUS,
            "tracking": TEXT,
            "tracking_url": URL,
            "qr_url": URL,
            "fee": _object({**_MONEY, "lines": _list(_object({"code": CODE, "title": TEXT, "amount": NATURAL}))}),
            "payment_url": _or_null(URL),
        }
    ),
    "Task": _object(
        {
            "task": CODE,
            "department": CODE,
            "title": TEXT,
            "state": _one_of("ahead", "open", "approved", "rejected", "void"),
            "due": _or_null(INSTANT),
            "light": LIGHT,
        }
    ),
    "Tracking": _object(_TRACKING),
    "Session": _object({"token": TEXT, "expires_at": INSTANT}),
    "OwnCase": _object(
        {
            **_TRACKING,
            "answers": ANSWERS,
            "uploads": UPLOADS,
            "correction": _or_null(_ref("Correction")),
            "rejection": _or_null(_object({"task": TEXT, "reason": TEXT})),
        }
    ),
    "Correction": _CORRECTION,
    "Checkout": _object({"payment_url": URL}),
    "Queue": _object(
        {
            "cases": _list(
                _object(
                    {
                        "case": CASE_NUMBER,
                        "service": CODE,
                        "title": TEXT,
                        "state": TEXT,
                        "task": _or_null(TEXT),
                        "due": INSTANT,
                        "light": LIGHT,
                    }
                )
            ),
            "cursor": TEXT,
        }
    ),
    "DeskCase": _object(
        {
            **_TRACKING,
            "version": NATURAL,
            "materials": _list({"type": "object", "properties": {"code": CODE, "title": TEXT}}),
            "answers": {"description": "Only what one's own tasks read; a clerk sees the applicant's name", **ANSWERS},
            "uploads": {
                "description": "For the departments that review the case: material → clean uploads, each at an address "
                "that is good for five minutes",
                "type": "object",
                "additionalProperties": _list(
                    _object({"upload": TEXT, "content_type": TEXT, "size": NATURAL, "url": URL})
                ),
            },
            "correction": _or_null(_ref("Correction")),
            "log": _list(
                _object(
                    {
                        "version": NATURAL,
                        "at": INSTANT,
                        "actor": TEXT,
                        "events": _list({"type": "object", "properties": {"type": TEXT}, "required": ["type"]}),
                    }
                )
            ),
        }
    ),
    "Audit": _object(
        {
            "commits": _list(
                _object(
                    {
                        "version": NATURAL,
                        "at": _or_null(INSTANT),
                        "actor": TEXT,
                        "events": _list(TEXT),
                        "hash": TEXT,
                    }
                )
            ),
            "intact": BOOLEAN,
            "first_broken": _or_null(NATURAL),
            "altered": {"description": "What beside the log is not what was logged", **_list(TEXT)},
        }
    ),
    "Messages": _object({"messages": _list(_ref("Message"))}),
    "Message": _object(
        {
            "id": TEXT,
            "source": TEXT,
            "received_at": INSTANT,
            "state": _one_of("new", "applied", "failed"),
            "error": TEXT,
        }
    ),
    "Vendors": _object(
        {
            "vendors": _list(
                _object(
                    {
                        "vendor": TEXT,
                        "state": {
                            "description": "`open`: it has failed too often and is left alone until `retry_at`; "
                            "`half_open`: whoever needs it next finds out whether it is back",
                            **_one_of("closed", "open", "half_open"),
                        },
                        "text": {"description": "What that means", **TEXT},
                        "failures": {"description": "In a row", **NATURAL},
                        "error": {"description": "The vendor's own code of the last failure", **TEXT},
                        "since": {"description": "Of the first failure in a row", **_or_null(INSTANT)},
                        "retry_at": _or_null(INSTANT),
                    }
                )
            )
        }
    ),
    "Received": _object({"received": BOOLEAN}),
    "Reconciliation": _object(
        {
            "date": DATE,
            "made_at": INSTANT,
            "compared": _object(
                {"entries": NATURAL, "checkouts": NATURAL, "payments": NATURAL, "refunds": NATURAL, "disputes": NATURAL}
            ),
            "differences": _list(
                _object(
                    {
                        "kind": DIFFERENCE,
                        "case": {"description": "Whose it is for the provider; empty for nobody's", **TEXT},
                        "other_case": {"description": "The case that has the payment in its books instead", **TEXT},
                        "id": {"description": "The provider's id of what it is about, or the entry's", **TEXT},
                        "payment": TEXT,
                        "refund": {"description": "The case's count of refunds, 0 for none", **NATURAL},
                        "books": _or_null(_ref("Side")),
                        "provider": _or_null(_ref("Side")),
                        "put_right": {"description": "The hall has seen to it by itself", **BOOLEAN},
                    }
                )
            ),
        }
    ),
    "Side": _object({**_MONEY, "state": TEXT}),
    "Certificate": _object(
        {
            "number": TEXT,
            "title": TEXT,
            "issued_at": INSTANT,
            "valid_until": _or_null(DATE),
            "state": CERTIFICATE_STATE,
            "holder": {"description": "Masked: the first character and a star", **TEXT},
            "digest": {"description": "SHA-256 of the PDF, hexadecimal", **TEXT},
        }
    ),
    "Keys": _object({"keys": _list({"type": "object", "required": ["kty", "kid"]})}),
    "OpenApi": {"type": "object", "required": ["openapi"]},
    "Problem": _object(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "code": TEXT,
            "request_id": TEXT,
            "errors": _list(_FAULT),
        }
    ),
}
