"""The edge of the pages: what a view is given, what every page is sent with, and how a refusal looks in HTML.

Forms need no token against forgery: a browser says where a POST comes from (``Sec-Fetch-Site``, else ``Origin``), and
one from elsewhere is refused; the applicant's cookie is SameSite=Strict besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chalice import Blueprint, Response

from chalicelib.api.edge import MAX_BODY, Call, Refusal, current
from chalicelib.api.errors import RETRY_AFTER, STATUS
from chalicelib.domain.errors import DomainError, NotAllowed
from chalicelib.forms.catalogue import UnknownService
from chalicelib.logs import logger
from chalicelib.ports import VendorError
from chalicelib.texts import languages
from chalicelib.usecases.hall import Hall
from chalicelib.web.render import render

HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
LANGUAGE = "lang"  # of the query, of a form's button, of the cookie
YEAR = 365 * 24 * 3600
MAX_FIELDS = 2000

POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS: Mapping[str, str] = {
    "Content-Type": HTML,
    "Cache-Control": "no-store",
    # The address of a case is a secret to others. "no-referrer" would take the Origin from our own forms.
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": f"max-age={YEAR}; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Language, Cookie",
}

Body = Mapping[str, list[str]]
View = Callable[..., Response]

log = logger("web")


@dataclass
class Visit:
    """One request of a browser. ``cookies`` and ``policy`` go with the answer."""

    call: Call
    cookies: list[str] = field(default_factory=list)
    policy: dict[str, str] = field(default_factory=lambda: dict(POLICY))

    @property
    def hall(self) -> Hall:
        return self.call.hall

    @cached_property
    def body(self) -> Body:
        """The form's fields. Refusals ``unsupported_media_type``, ``body_too_large``, ``malformed_request``."""
        if self.call.header("content-type").partition(";")[0].strip().lower() not in ("", FORM):
            raise Refusal("unsupported_media_type")
        try:
            text = self.call.body(MAX_BODY).decode()
            return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        except ValueError:  # half a character, or a field too many
            raise Refusal("malformed_request") from None

    def field(self, name: str) -> str:
        """One field of the form, "" when it is not there."""
        return self.body.get(name, [""])[-1]

    @cached_property
    def language(self) -> str:
        """The reader's: as just chosen, as chosen before, or as the browser asks."""
        chosen = self.call.query(LANGUAGE) or self._chosen_in_form()
        if chosen in languages():
            self.keep(LANGUAGE, chosen, seconds=YEAR)
            return chosen
        before = self.cookie(LANGUAGE)
        return before if before in languages() else self.call.language

    def _chosen_in_form(self) -> str:
        try:
            return self.field(LANGUAGE) if self.call.request.method == "POST" else ""
        except Refusal:
            return ""  # the page that says so needs a language as well

    def cookie(self, name: str) -> str:
        try:
            found = SimpleCookie(self.call.header("cookie")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""

    def keep(
        self, name: str, value: str, *, seconds: int, path: str = "/", strict: bool = False, secret: bool = False
    ) -> None:
        """Set a cookie; 0 seconds take it away."""
        parts = [f"{name}={value}", f"Path={path}", f"Max-Age={seconds}", f"SameSite={'Strict' if strict else 'Lax'}"]
        parts += ["HttpOnly"] if secret else []
        parts += ["Secure"] if self.hall.url.startswith("https:") else []
        self.cookies.append("; ".join(parts))

    def page(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page. ``values`` are the template's."""
        language = self.language
        html = render(template, language, values)
        policy = "; ".join(f"{name} {value}" for name, value in self.policy.items())
        headers = {**HEADERS, "Content-Language": language, "Content-Security-Policy": policy}
        return Response(html, headers | self._set_cookies(), status)

    def go(self, address: str) -> Response:
        """See Other: what was posted is done, and a reload does not do it again."""
        return Response("", {**HEADERS, "Location": address} | self._set_cookies(), 303)

    def _set_cookies(self) -> dict[str, Any]:
        return {"Set-Cookie": self.cookies} if self.cookies else {}


class Pages(Blueprint):
    """A blueprint of pages. A view takes a Visit and may raise what use cases raise: that becomes a page too."""

    def __init__(self, name: str) -> None:
        super().__init__(f"chalicelib.web.{name}")

    def get(self, path: str) -> Callable[[View], View]:
        return self._view(path, ["GET", "HEAD"])

    def post(self, path: str) -> Callable[[View], View]:
        return self._view(path, ["POST"])

    def _view(self, path: str, methods: list[str]) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            @wraps(view)
            def answer(**parameters: str) -> Response:
                return _answered(view, {name: unquote(value) for name, value in parameters.items()})

            self.route(path, methods=methods, content_types=[])(answer)
            return view

        return decorate


def _answered(view: View, parameters: Mapping[str, str]) -> Response:
    visit = Visit(current())
    try:
        _refuse_forgery(visit)
        return view(visit, **parameters)
    except Exception as error:  # noqa: BLE001 - this is the edge
        return refusal(visit, _code(visit, error))


def _refuse_forgery(visit: Visit) -> None:
    """A POST that another site's page made. NotAllowed ``forbidden``."""
    if visit.call.request.method != "POST":
        return
    site, origin = visit.call.header("sec-fetch-site"), visit.call.header("origin")
    if site:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = bool(origin) and urlsplit(origin)[:2] != urlsplit(visit.hall.url)[:2]
    if foreign:
        raise NotAllowed("forbidden")


def _code(visit: Visit, error: Exception) -> str:
    match error:
        case DomainError(code=code) if code in STATUS:
            return code
        case UnknownService():
            return "unknown_service"
        case VendorError(vendor=vendor, code=code):
            log.warning("vendor failed", extra={"vendor": vendor, "error": code, "request": visit.call.id})
            return "vendor_unavailable"
    log.error("page failed", exc_info=error, extra={"request": visit.call.id})
    return "internal_error"


def refusal(visit: Visit, code: str) -> Response:
    """A page that says what is the matter, by the API's codes."""
    status = STATUS[code]
    response = visit.page("error.html", status, code=code, status=status, request=visit.call.id)
    if code in RETRY_AFTER:
        response.headers["Retry-After"] = str(RETRY_AFTER[code])
    return response
