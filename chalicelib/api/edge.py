"""The edge of the application: what every request gets, and what every view is given.

``serve`` is Chalice's HTTP middleware: request id, language, security headers, one line of log. ``Area`` is a blueprint
whose views take a ``Call`` and may raise what use cases raise: it becomes a problem (RFC 9457) by one table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import wraps
from http import HTTPStatus
from time import perf_counter
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from chalice import Blueprint, CORSConfig, Response
from chalice.app import Request

from chalicelib import wiring
from chalicelib.api.errors import OF_CHALICE, RETRY_AFTER, STATUS
from chalicelib.api.shapes import REQUESTS
from chalicelib.domain.errors import DomainError, Invalid, NotAllowed
from chalicelib.forms.catalogue import UnknownService
from chalicelib.forms.sanity import MalformedJson, flaws, read_json
from chalicelib.forms.validation import Fault, validate
from chalicelib.logs import logger
from chalicelib.ports import Forged, Staff, VendorError
from chalicelib.texts import best_language, text
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.submit import InvalidAnswers

log = logger("api")

MAX_BODY = 256 * 1024
JSON = "application/json"
PROBLEM = "application/problem+json"
NO_STORE = "no-store"
SECURITY: Mapping[str, str] = {
    "Cache-Control": NO_STORE,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # a tracking address is a secret
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
# Any page may ask: nothing here goes by cookies. The desk and the vendors have no business in other people's pages.
OPEN = CORSConfig(
    allow_origin="*",
    allow_headers=["Accept-Language", "Authorization", "Content-Type", "Idempotency-Key"],
    expose_headers=["Idempotent-Replayed", "Location", "Retry-After", "X-Request-Id"],
    max_age=600,
)

View = Callable[..., Any]


class Refusal(DomainError):
    """The request is refused before a use case is asked; ``faults`` are told as they are."""

    def __init__(self, code: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(code)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Operation:
    """What a view promises: the contract of one method of one address (see ``openapi.py``).

    ``gives`` maps a status to the name of a shape, "" for none; ``refuses`` are codes of errors beyond the usual ones.
    """

    method: str
    path: str
    summary: str
    area: str
    gives: Mapping[int, str]
    refuses: tuple[str, ...] = ()
    body: str = ""
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    security: str = ""
    produces: str = JSON


@dataclass(slots=True)
class Call:
    """One request. ``case`` is for the log: set it once it is known."""

    request: Request
    hall: Hall
    id: str
    language: str
    operation: Operation | None = None
    case: str = ""

    def header(self, name: str) -> str:
        return str(self.request.headers.get(name) or "")

    def query(self, name: str, default: str = "") -> str:
        values = self.request.query_params
        return str(values[name]) if values and name in values else default

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number of the query, from 1. Refusal ``malformed_request``."""
        given = self.query(name) or str(default)
        if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= most):
            raise Invalid("malformed_request", f"/{name}")
        return int(given)

    def bearer(self) -> str:
        """The token of the Authorization header (RFC 6750). NotAllowed ``unauthorized`` without one."""
        scheme, _, token = self.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAllowed("unauthorized")
        return token.strip()

    def staff(self) -> Staff:
        """Whose token it is. NotAllowed ``unauthorized``: nobody's."""
        try:
            return self.hall.identities.verify(self.bearer())
        except Forged:
            raise NotAllowed("unauthorized") from None

    def body(self, limit: int = MAX_BODY) -> bytes:
        """The body's very bytes. Refusals ``body_too_large``, ``malformed_json``."""
        try:
            raw = self.request.raw_body or b""
        except ValueError:  # characters that are none, or no base64
            raise Refusal("malformed_json") from None
        content = raw.encode() if isinstance(raw, str) else raw
        if len(content) > limit:
            raise Refusal("body_too_large")
        return content

    def json(self) -> dict[str, Any]:
        """The body, of the shape that the operation names; {} for an empty one where nothing is required."""
        assert self.operation is not None
        content = self.body()
        if content and not _is_json(self.header("content-type")):
            raise Refusal("unsupported_media_type")
        shape = REQUESTS[self.operation.body]
        return self._shaped(_sane(content) if content.strip() or shape.get("required") else {}, shape)

    def _shaped(self, value: Any, shape: Mapping[str, Any]) -> dict[str, Any]:
        # What the answers hold is the form's business.
        answers = isinstance(value, dict) and isinstance(value.get("answers"), dict)
        faults = validate(shape, {**value, "answers": {}} if answers else value, self.language)
        if faults:
            raise Refusal("malformed_request", faults)
        return dict(value)


def _is_json(content_type: str) -> bool:
    """Chalice's convention: JSON where nothing is said."""
    kind, _, parameters = content_type.lower().replace(" ", "").replace('"', "").partition(";")
    return kind in ("", JSON) and parameters in ("", "charset=utf-8", "charset=us-ascii")


def _sane(content: bytes) -> Any:
    """The JSON value, if a program can walk it and write it back. MalformedJson."""
    value = read_json(content)
    if any(code in ("too_deep", "too_many_values") for _, code in flaws(value)):
        raise MalformedJson("endless")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise MalformedJson("half a character") from error
    return value


# --- the middleware ---

_current: ContextVar[Call] = ContextVar("call")


def serve(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Chalice's middleware for HTTP: around every view, and around what Chalice answers by itself."""
    started = perf_counter()
    call = Call(request, wiring.hall(), _request_id(request), _language(request))
    token = _current.set(call)
    try:
        response = _in_our_words(get_response(request), call)
    finally:
        _current.reset(token)
    if not isinstance(response.body, str | bytes):
        response.body = as_json(response.body)
        response.headers.setdefault("Content-Type", JSON)
    for name, value in {**SECURITY, "Content-Language": call.language, "X-Request-Id": call.id}.items():
        response.headers.setdefault(name, value)
    if request.method == "HEAD":
        response.body = ""
    about = {"method": request.method, "route": request.path, "status": response.status_code, "request": call.id}
    took = round((perf_counter() - started) * 1000, 1)
    log.info("request", extra=about | {"ms": took} | ({"case": call.case} if call.case else {}))
    return response


def current() -> Call:
    """The call that is being answered."""
    return _current.get()


def _request_id(request: Request) -> str:
    return str(request.context.get("requestId") or uuid4())


def _language(request: Request) -> str:
    wanted = request.query_params.get("lang") if request.query_params else ""
    return best_language(str(wanted or request.headers.get("accept-language") or ""))


def _in_our_words(response: Response, call: Call) -> Response:
    """What Chalice says by itself is ``{"Code", "Message"}``."""
    if isinstance(response.body, dict) and response.body.keys() == {"Code", "Message"}:
        found = problem(call, OF_CHALICE.get(response.status_code, "internal_error"))
        found.headers = {**response.headers, **found.headers}
        return found
    return response


# --- views ---


class Area(Blueprint):
    """A blueprint of JSON views, with the contract of each."""

    def __init__(self, name: str, *, cors: CORSConfig | None = OPEN) -> None:
        super().__init__(f"chalicelib.api.{name}")
        self.name = name
        self.operations: list[Operation] = []
        self._cors_config = cors

    def get(self, path: str, **contract: Any) -> Callable[[View], View]:
        return self._view("GET", path, contract)

    def post(self, path: str, **contract: Any) -> Callable[[View], View]:
        return self._view("POST", path, contract)

    def _view(self, method: str, path: str, contract: Mapping[str, Any]) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            summary = (view.__doc__ or "").partition("\n")[0]
            operation = Operation(method, path, summary, self.name, **contract)
            self.operations.append(operation)

            @wraps(view)
            def answer(**parameters: str) -> Response:
                call = current()
                call.operation = operation
                return _answered(call, view, {name: unquote(value) for name, value in parameters.items()})

            methods = ["GET", "HEAD"] if method == "GET" else [method]
            self.route(path, methods=methods, content_types=[], cors=self._cors_config or False)(answer)
            return view

        return decorate


def _answered(call: Call, view: View, parameters: Mapping[str, str]) -> Response:
    try:
        answer = view(call, **parameters)
    except Exception as error:  # noqa: BLE001 - this is the edge
        return _refused(call, error)
    return answer if isinstance(answer, Response) else answered(answer)


def answered(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(as_json(body), {"Content-Type": JSON, **(headers or {})}, status)


def as_json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


# --- problems ---


def _refused(call: Call, error: Exception) -> Response:
    match error:
        case DomainError(code=code) if code in STATUS:
            return problem(call, code, _faults(call, error))
        case UnknownService():
            return problem(call, "unknown_service")
        case MalformedJson():
            return problem(call, "malformed_json")
        case VendorError(vendor=vendor, code=code):
            log.warning("vendor failed", extra={"vendor": vendor, "error": code, "request": call.id})
            return problem(call, "vendor_unavailable")
    log.error("request failed", exc_info=error, extra={"request": call.id})
    return problem(call, "internal_error")


def _faults(call: Call, error: DomainError) -> Sequence[Fault]:
    """Each with its pointer: as the form tells them, or at the pointers of the rule book."""
    if isinstance(error, Refusal | InvalidAnswers):
        return error.faults
    return [Fault(pointer, error.code, text(f"error.{error.code}", call.language)) for pointer in error.pointers]


def problem(call: Call, code: str, faults: Sequence[Fault] = ()) -> Response:
    """A refusal as RFC 9457 has it. Its title is the status's; code, detail and errors say what is the matter."""
    status = STATUS[code]
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text(f"error.{code}", call.language),
        "code": code,
        "request_id": call.id,
        "errors": [asdict(fault) for fault in faults],
    }
    headers: dict[str, str | list[str]] = {"Content-Type": PROBLEM, "Cache-Control": NO_STORE}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if code in RETRY_AFTER:
        headers["Retry-After"] = str(RETRY_AFTER[code])
    return Response(as_json(body), headers, status)
