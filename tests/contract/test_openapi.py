"""openapi.json is the API: the same addresses and methods, both ways, and a valid document."""

from __future__ import annotations

from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.api.areas import AREAS
from chalicelib.api.edge import Operation
from chalicelib.api.errors import STATUS
from chalicelib.api.shapes import ANSWER_SHAPES, REQUESTS
from tests.api import CONTRACT

# The contract as it was agreed: clients rely on these addresses.
AGREED = """
GET /healthz
GET /v1/services
GET /v1/services/{service}
POST /v1/uploads
GET /v1/uploads/{upload}
POST /v1/cases
GET /v1/track/{tracking}
GET /v1/track/{tracking}/qr.svg
POST /v1/track/{tracking}/codes
POST /v1/track/{tracking}/sessions
GET /v1/cases/{case}
POST /v1/cases/{case}/checkout
POST /v1/cases/{case}/corrections
POST /v1/cases/{case}/pickup-window
POST /v1/cases/{case}/withdrawal
POST /v1/cases/{case}/ratings
GET /v1/desk/queue
GET /v1/desk/cases/{case}
POST /v1/desk/cases/{case}/originals
POST /v1/desk/cases/{case}/tasks/{task}/decision
POST /v1/desk/cases/{case}/dispatch
GET /v1/desk/cases/{case}/certificates/{file}
POST /v1/desk/certificates/{number}/revocation
POST /v1/desk/cases/{case}/refunds/{refund}/settlement
POST /v1/desk/cases/{case}/shipments/{leg}/{attempt}/resolution
GET /v1/desk/cases/{case}/audit
GET /v1/desk/reports/ledger.csv
GET /v1/desk/reports/reconciliation
GET /v1/desk/vendors
GET /v1/desk/inbox
POST /v1/desk/inbox/{id}/replay
POST /webhooks/stripe
POST /webhooks/couriers/{courier}/{token}
GET /v1/certificates/{number}
GET /.well-known/jwks.json
GET /openapi.json
"""


def operations() -> list[Operation]:
    return [operation for area in AREAS for operation in area.operations]


def told() -> set[str]:
    return {f"{method.upper()} {path}" for path, methods in CONTRACT["paths"].items() for method in methods}


def test_the_document_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(CONTRACT).iter_errors()) == []


def test_the_document_tells_of_every_route_and_of_no_other() -> None:
    ours = ("/v1/", "/webhooks/", "/.well-known/", "/healthz", "/openapi.json")
    routed = {
        f"{method} {path}"
        for path, methods in app.routes.items()
        for method in methods
        if path.startswith(ours) and method != "HEAD"
    }
    assert routed == told()


def test_the_agreed_addresses_are_all_there() -> None:
    assert told() == set(AGREED.split("\n")) - {""}


def test_wherever_get_is_answered_head_is_too() -> None:
    assert [path for path, methods in app.routes.items() if "GET" in methods and "HEAD" not in methods] == []


def test_every_operation_says_what_it_does() -> None:
    assert [operation.path for operation in operations() if not operation.summary.endswith((".", ";", ":"))] == []


def test_every_shape_and_code_that_an_operation_names_exists() -> None:
    for operation in operations():
        assert set(operation.refuses) <= set(STATUS), operation.path
        assert {shape for shape in operation.gives.values() if shape} <= set(ANSWER_SHAPES), operation.path
        assert operation.body in {"", *REQUESTS}, operation.path
    assert {operation.body for operation in operations()} - {""} == set(REQUESTS)
