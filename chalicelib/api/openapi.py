"""The contract as OpenAPI 3.1, made from what the views declare: it can't say anything that they don't do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from chalice import Response

from chalicelib import __version__
from chalicelib.api.edge import JSON, PROBLEM, Area, Call, Operation, answered
from chalicelib.api.errors import STATUS
from chalicelib.api.shapes import ANSWER_SHAPES, REQUESTS

area = Area("openapi")

_PARAMETER = re.compile(r"\{(\w+)\}")
_ALWAYS = ("internal_error", "too_many_requests")
_WITH_BODY = ("malformed_json", "body_too_large", "unsupported_media_type", "malformed_request")
_BY_SECURITY: Mapping[str, tuple[str, ...]] = {
    "": (),
    "applicant": ("unauthorized",),
    "desk": ("unauthorized", "vendor_unavailable"),  # the issuer's keys may be out of reach
}
_SECURITY: Mapping[str, str] = {
    "applicant": "The token of POST /v1/track/{tracking}/sessions",
    "desk": "A token of the desk's OpenID Connect issuer; groups role:… and department:…",
}
_LANGUAGE = "A language code; else Accept-Language, else the hall's default"
_QUERY: Mapping[str, dict[str, Any]] = {
    "lang": {"description": _LANGUAGE, "schema": {"type": "string"}},
    "limit": {"schema": {"type": "integer", "minimum": 1, "maximum": 100}},
}
_HEADERS: Mapping[str, dict[str, Any]] = {
    "Idempotency-Key": {"required": True, "schema": {"type": "string", "minLength": 8, "maxLength": 255}},
    "If-Match": {"description": "The ETag of the version that was looked at", "schema": {"type": "string"}},
}


@area.get("/openapi.json", gives={200: "OpenApi"})
def show_contract(_: Call) -> Response:
    """This contract."""
    from chalicelib.api.areas import AREAS

    operations = [operation for each in AREAS for operation in each.operations]
    return answered(document(operations), headers={"Cache-Control": "public, max-age=300"})


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Doorstep", "version": __version__, "summary": "A government service hall without a counter"},
        "paths": paths,
        "components": {
            "schemas": {**REQUESTS, **ANSWER_SHAPES},
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": words}
                for name, words in _SECURITY.items()
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    name = _PARAMETER.sub(r"\1", operation.path).replace("/", "_")
    found: dict[str, Any] = {
        "operationId": f"{operation.method.lower()}{name}",
        "summary": operation.summary,
        "tags": [operation.area],
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
    }
    if operation.body:
        required = bool(REQUESTS[operation.body].get("required"))
        found["requestBody"] = {"required": required, "content": _content(JSON, operation.body)}
    if operation.security:
        found["security"] = [{operation.security: []}]
    return found


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in _PARAMETER.findall(operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in operation.query:
        yield {"name": name, "in": "query", **_QUERY.get(name, {"schema": {"type": "string"}})}
    for name in operation.headers:
        yield {"name": name, "in": "header", **_HEADERS[name]}


def _responses(operation: Operation) -> dict[str, Any]:
    codes = (*operation.refuses, *_ALWAYS, *(_WITH_BODY if operation.body else ()))
    codes += _BY_SECURITY[operation.security]
    found: dict[str, Any] = {}
    for code in sorted(set(codes), key=lambda code: (STATUS[code], code)):
        refused = found.setdefault(str(STATUS[code]), {"description": "", "content": _content(PROBLEM, "Problem")})
        refused["description"] = f"{refused['description']} `{code}`".strip()
    for status, shape in operation.gives.items():
        given: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if shape:
            given["content"] = _content(operation.produces, shape)
        elif operation.produces != JSON:
            given["content"] = {operation.produces: {"schema": {}}}
        found[str(status)] = given
    return found


def _content(media_type: str, shape: str) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{shape}"}}}
