"""``python -m infra.local.edge``: the address of the local hall, standing where CloudFront stands in the cloud.

Static files come from ``build/static``, everything else from the stack's API: method, path, query, headers and body
pass as they are, and answers are compressed. Beside it, ``/_local`` shows what only a local hall can: messages as the
applicant's phone got them, and demo staff.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from chalicelib.web.statics import FOR_EVER
from infra.local import cloud
from infra.local.layout import AT_ONCE, LOOPBACK, ROOT, Layout
from infra.local.messages import Messages
from infra.local.staff import Desk, roster

STATIC = ROOT / "build/static"
TIMEOUT_S = 60  # CloudFront's longest for an origin
COMPRESSED_FROM = 1000  # bytes, as in .chalice/config.json; CloudFront's own limit is the same
_COLLECT_EVERY_S = 2.0
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)  # fmt: skip  (RFC 9110 §7.6.1)


class Origin:
    """The stack's API behind the edge."""

    def __init__(self, client: httpx2.AsyncClient, api: httpx2.URL) -> None:
        self._client = client
        self._api = api

    async def forward(self, request: Request) -> Response:
        """Hand a request on, and give the answer back whole, as API Gateway does; 502 and 504 if there is none."""
        try:
            answer = await self._client.send(self._outgoing(request), stream=True)
            async with aclosing(answer):
                content = b"".join([part async for part in answer.aiter_raw()])
        except httpx2.TimeoutException:
            return _problem(504, "Gateway Timeout")
        except httpx2.TransportError:
            return _problem(502, "Bad Gateway")
        headers = [pair for pair in _passed_on(answer.headers.raw) if pair[0] != b"date"]
        if not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(content)).encode()))
        response = Response(content, answer.status_code)
        response.raw_headers = headers
        return response

    def _outgoing(self, request: Request) -> httpx2.Request:
        headers = [pair for pair in _passed_on(request.headers.raw) if pair[0] not in {b"host", b"x-forwarded-for"}]
        viewer = request.client.host if request.client else LOOPBACK
        headers += [
            (b"x-forwarded-for", viewer.encode()),
            (b"x-forwarded-proto", b"http"),
            (b"cloudfront-forwarded-proto", b"http"),
            (b"via", b"1.1 local (Doorstep)"),
        ]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        return httpx2.Request(
            request.method,
            self._api.copy_with(raw_path=self._api.raw_path + _target(request)),
            headers=headers,
            content=request.stream() if has_body else None,
            extensions={"timeout": httpx2.Timeout(TIMEOUT_S).as_dict()},
        )


class Statics(StaticFiles):
    """Static files as CloudFront sends them: their names change with their content, so they are good for ever."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(
            {
                "Cache-Control": FOR_EVER,
                "Cross-Origin-Resource-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
            }
        )
        return response


def _target(request: Request) -> bytes:
    """Path and query to ask for.

    AWS hands path parameters on as they were escaped. The emulator unescapes them once, so they are escaped once more.
    """
    path: bytes = request.scope["raw_path"].partition(b"?")[0].replace(b"%", b"%25")
    query: bytes = request.scope["query_string"]
    return path + b"?" + query if query else path


def _passed_on(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    lowered = [(name.lower(), value) for name, value in headers]
    named = {one.strip().lower() for name, value in lowered if name == b"connection" for one in value.split(b",")}
    return [(name, value) for name, value in lowered if name not in _HOP_BY_HOP | named]


def _problem(status: int, title: str) -> Response:
    problem = {"type": "about:blank", "title": title, "status": status}
    return JSONResponse(problem, status, media_type="application/problem+json")


# --- what only the local hall shows ------------------------------------------------------------------------------


class Local:
    """``/_local``."""

    def __init__(self, messages: Messages, desk: Desk) -> None:
        self._messages = messages
        self._desk = desk

    async def messages(self, request: Request) -> Response:
        """``?to=`` a phone number or an e-mail address: what was sent there, oldest first; without it, everything."""
        receiver = request.query_params.get("to", "").strip()
        sent = [one for one in await self._messages.collect() if not receiver or one.is_for(receiver)]
        shown = (
            {"to": one.to, "channel": one.channel, "subject": one.subject, "text": one.text, "at": one.at}
            for one in sent
        )
        return JSONResponse(list(shown))

    async def staff(self, _: Request) -> Response:
        """Demo staff with fresh tokens."""
        return JSONResponse(await run_in_threadpool(self._signed_in))

    def _signed_in(self) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "email": one.email, "groups": one.groups, "token": self._desk.token(one)}
            for one in roster()
        ]


def build(layout: Layout, api_path: str, static_paths: Sequence[str], desk: Desk) -> Starlette:
    """The edge as an application. ``static_paths`` are those that it answers from ``build/static``."""
    to_cloud = httpx2.AsyncClient(base_url=layout.cloud_url, trust_env=False)
    to_api = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_connections=AT_ONCE, keepalive_expiry=30))
    messages = Messages(to_cloud, layout.messages)
    local = Local(messages, desk)
    origin = Origin(to_api, httpx2.URL(layout.cloud_url + api_path))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        collecting = asyncio.create_task(_collect_for_ever(messages))
        yield
        collecting.cancel()
        with suppress(httpx2.HTTPError):
            await messages.collect()
        await to_cloud.aclose()
        await to_api.aclose()

    STATIC.mkdir(parents=True, exist_ok=True)
    return Starlette(
        routes=[
            Route("/_local/messages", local.messages),
            Route("/_local/staff", local.staff),
            *(Mount(path, Statics(directory=STATIC)) for path in static_paths),
            Route("/{path:path}", origin.forward, methods=_METHODS),
        ],
        middleware=[
            # Other names may be a stranger's page that made its own name point here: /_local hands out tokens.
            Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", LOOPBACK]),
            # In the cloud API Gateway does this for its answers, and CloudFront for static files.
            Middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM),
        ],
        lifespan=lifespan,
    )


async def _collect_for_ever(messages: Messages) -> None:
    while True:
        with suppress(httpx2.HTTPError):
            await messages.collect()
        await asyncio.sleep(_COLLECT_EVERY_S)


def main() -> None:
    """Serve until told to stop.

    Ports and state directory come from the environment, as for ``make run``; the password is ``STAFF_PASSWORD``.
    """
    parser = argparse.ArgumentParser(prog="edge", description="The address of the local hall.")
    parser.add_argument("--api-path", required=True, help="where the emulated AWS serves the stack's API")
    parser.add_argument("--static", action="append", default=[], help="a path of static files")
    parser.add_argument("--pool", required=True, help="Cognito user pool of the desk")
    parser.add_argument("--client", required=True, help="its client")
    options = parser.parse_args()
    layout = Layout.from_env()
    desk = Desk(cloud.client(layout, "cognito-idp"), options.pool, options.client, os.environ["STAFF_PASSWORD"])
    app = build(layout, options.api_path, options.static, desk)
    uvicorn.run(
        app, host=LOOPBACK, port=layout.port, log_level="warning", access_log=False, server_header=False,
        timeout_keep_alive=75, timeout_graceful_shutdown=5,
    )  # fmt: skip


if __name__ == "__main__":
    main()
