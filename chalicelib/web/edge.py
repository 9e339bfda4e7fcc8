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
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from chalice import Blueprint, Response

from chalicelib.api.edge import MAX_BODY, Call, Refusal, current
from chalicelib.api.errors import RETRY_AFTER, STATUS
from chalicelib.domain.errors import DomainError, NotAllowed
from chalicelib.forms.catalogue import UnknownService
from chalicelib.logs import logger
from chalicelib.ports import VendorError
from chalicelib.texts import best_language
from chalicelib.usecases.hall import Hall
from chalicelib.web.render import render
from chalicelib.web.words import languages

HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
LANGUAGE = "lang"  # of the query, of a form's button, of the cookie
YEAR = 365 * 24 * 3600
MAX_FIELDS = 2000

# What a page may load and ask for: its own files, and nothing that stands in the page itself. See Visit.allow.
POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",  # blob: a photo before it is sent
    "connect-src": "'self'",
    "form-action": "'self'",
    "object-src": "'none'",
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
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    "Vary": "Accept-Language, Cookie",
}

# Pages for everyone to find. The others are one person's own; search engines are told so one by one, by the names that
# they document, because audits count a page that is closed to every robot as a fault.
LISTED = frozenset({"/", "/services/{service}", "/verify"})
ROBOTS = ("googlebot", "bingbot", "baiduspider", "yandex", "duckduckbot")
ICON = "data:image/svg+xml," + quote(
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='6' fill='#0b5d57'/>"
    "<path d='M10 27V8h12v19M19 17h.1' fill='none' stroke='#fff' stroke-width='3' stroke-linecap='round'/></svg>",
    safe=" =:/'",
)

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
        """The reader's: as just chosen, as chosen before, or as the browser asks. One that the pages speak."""
        chosen = self.call.query(LANGUAGE) or self._chosen_in_form()
        if chosen in languages():
            self.keep(LANGUAGE, chosen, seconds=YEAR)
            return chosen
        before = self.cookie(LANGUAGE)
        return before if before in languages() else best_language(self.call.header("accept-language"), languages())

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

    def allow(self, directive: str, *addresses: str) -> None:
        """Let this page go to other origins as well: ``allow("connect-src", url)`` to send a file straight to S3.

        ``directive`` is one of POLICY; of each address only the origin counts.
        """
        parts = [urlsplit(address) for address in addresses]
        origins = [f"{one.scheme}://{one.netloc}" for one in parts]
        self.policy[directive] = " ".join(dict.fromkeys([*self.policy[directive].split(), *origins]))

    def page(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page. ``values`` are the template's."""
        language = self.language
        html = render(template, language, {**self._frame(), **values})
        policy = "; ".join(f"{name} {value}" for name, value in self.policy.items())
        headers = {**HEADERS, "Content-Language": language, "Content-Security-Policy": policy}
        return Response(html, headers | self._set_cookies(), status)

    def _frame(self) -> dict[str, Any]:
        """What ``layout.html`` needs beside a page's own values."""
        unlisted = self.call.request.path not in LISTED
        return {"icon": ICON, "unlisted_by": ROBOTS if unlisted else (), "here_in": self._here_in}

    def _here_in(self, language: str) -> str:
        """The address of this page in another language; of an answer to a form, that of the page with the form."""
        request = self.call.request
        if request.method == "POST":
            asked_on = urlsplit(self.call.header("referer")).path.lstrip("/")
            return f"/{asked_on}?{urlencode({LANGUAGE: language})}"
        query = {name: value for name, value in (request.query_params or {}).items() if name != LANGUAGE}
        return f"?{urlencode({**query, LANGUAGE: language})}"

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
