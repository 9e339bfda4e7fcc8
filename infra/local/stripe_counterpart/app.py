"""The counterpart as a web application."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.local.stripe_counterpart import page
from infra.local.stripe_counterpart.api import CALLS, Call
from infra.local.stripe_counterpart.control import Control
from infra.local.stripe_counterpart.ledger import Ledger
from infra.local.stripe_counterpart.objects import API_VERSION, new_id
from infra.local.stripe_counterpart.postman import Address, Postman
from infra.local.stripe_counterpart.problems import Problem, outage
from infra.local.stripe_counterpart.store import Answer, Json, Store

KEY_LIVES = 24 * 3600  # seconds for which Stripe remembers an idempotency key
TICK = 5.0  # seconds between two looks for sessions whose time is over


@dataclass(frozen=True, slots=True)
class Counterpart:
    """What the counterpart runs on. ``clock`` gives Unix seconds."""

    store: Store
    control: Control
    postman: Postman
    public_url: str
    clock: Callable[[], float] = time.time

    def ledger(self, request_id: str | None = None, key: str | None = None) -> Ledger:
        return Ledger(
            self.store,
            int(self.clock()),
            self.public_url,
            {"id": request_id, "idempotency_key": key},
            self.control.switches.refund_status,
        )


def create_app(
    state_dir: Path,
    public_url: str,
    address: Address,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The application, on the state that ``state_dir`` holds. ``clock`` gives Unix seconds."""
    store, control = Store(state_dir), Control()
    counterpart = Counterpart(store, control, Postman(store, control, address), public_url.rstrip("/"), clock)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        counterpart.postman.start()
        ticking = asyncio.create_task(_tick(counterpart))
        yield
        ticking.cancel()
        await run_in_threadpool(counterpart.postman.stop)
        store.close()

    app = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/pay/{session}", show_page, methods=["GET"]),
            Route("/pay/{session}", use_page, methods=["POST"]),
            Route("/_control", show_control, methods=["GET"]),
            Route("/_control", set_control, methods=["PUT"]),
            Route("/_control/refunds/{refund}", settle_refund, methods=["PUT"]),
            Route("/_control/disputes", open_dispute, methods=["POST"]),
            Route("/_control/disputes/{dispute}", move_dispute, methods=["PUT"]),
            *(Route(call.path, _endpoint(call), methods=[call.method]) for call in CALLS),
            Route("/{path:path}", unknown_address, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
    )
    app.state.counterpart = counterpart
    return app


async def _tick(counterpart: Counterpart) -> None:
    """Close sessions when their time is over, though nobody asks."""
    while True:
        await asyncio.sleep(TICK)
        await run_in_threadpool(_expire_lapsed, counterpart)


def _expire_lapsed(counterpart: Counterpart) -> None:
    with counterpart.store.transaction():
        counterpart.ledger().expire_lapsed()
    counterpart.postman.wake()


# --- the API -----------------------------------------------------------------------------------------------------


def _endpoint(call: Call) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        counterpart: Counterpart = request.app.state.counterpart
        body = (await request.body()).decode("utf-8", errors="replace")
        form = body if request.method == "POST" else request.url.query
        failure = counterpart.control.take_outage(request.method, request.url.path)
        response = None
        if failure is None or failure.after_effect:
            response = await run_in_threadpool(_answer, counterpart, call, request, form)
            counterpart.postman.wake()
        if failure is not None:
            await asyncio.sleep(failure.delay_s)
            response = _refusal(request, new_id("req_", 14), outage(failure.status))
        assert response is not None
        return response

    return endpoint


def _answer(counterpart: Counterpart, call: Call, request: Request, form: str) -> Response:
    request_id = new_id("req_", 14)
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    try:
        _authenticate(request)
        with counterpart.store.transaction():
            if key is None:
                answer = call.answer(counterpart.ledger(request_id), request.path_params, call.read(form))
                return _object(request, request_id, _dump(answer))
            return _answer_once(counterpart, call, request, form, request_id, key)
    except Problem as problem:
        return _refusal(request, request_id, problem)


def _answer_once(
    counterpart: Counterpart, call: Call, request: Request, form: str, request_id: str, key: str
) -> Response:
    """https://docs.stripe.com/api/idempotent_requests: what is refused once it is carried out is refused under its key
    for good; only what has not the right form leaves no trace."""
    fingerprint = hashlib.sha256(f"{request.url.path}?{form}".encode()).hexdigest()
    before = counterpart.store.recall(key)
    if before is not None and counterpart.clock() - before.created < KEY_LIVES:
        if before.request != fingerprint:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise Problem(400, message, type="idempotency_error")
        replayed = {"Idempotent-Replayed": "true", "Original-Request": before.request_id}
        return _object(request, request_id, before.answer, replayed, before.status)
    given = call.read(form)
    try:
        status, answer = 200, call.answer(counterpart.ledger(request_id, key), request.path_params, given)
    except Problem as problem:
        status, answer = problem.status, {"error": problem.error}
    body = _dump(answer)
    counterpart.store.remember(key, Answer(fingerprint, status, body, request_id, int(counterpart.clock())))
    return _object(request, request_id, body, {"Original-Request": request_id}, status)


def _authenticate(request: Request) -> None:
    key = _api_key(request.headers.get("authorization", ""))
    if not key:
        message = (
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
        raise Problem(401, message)
    if not key.startswith(("sk_test_", "rk_test_")):
        raise Problem(401, f"Invalid API Key provided: {key[:3]}****")
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise Problem(400, f"Invalid Stripe API version: {version}. This counterpart speaks {API_VERSION}.")


def _api_key(authorization: str) -> str:
    """The key of a Bearer header, or the user name of a Basic one."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return value.strip() if scheme.lower() == "bearer" else ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _object(
    request: Request, request_id: str, body: str, more: dict[str, str] | None = None, status: int = 200
) -> Response:
    headers = {**_headers(request, request_id), **(more or {})}
    return Response(body, status, headers, media_type="application/json")


def _refusal(request: Request, request_id: str, problem: Problem) -> Response:
    body = _dump({"error": problem.error})
    return Response(body, problem.status, _headers(request, request_id), media_type="application/json")


def _headers(request: Request, request_id: str) -> dict[str, str]:
    key = request.headers.get("idempotency-key")
    return {
        "Request-Id": request_id,
        "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        "Cache-Control": "no-cache, no-store",
        **({"Idempotency-Key": key} if key else {}),
    }


def _dump(body: Json) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


async def unknown_address(request: Request) -> Response:
    """What Stripe answers for an address that there is not."""
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return _refusal(request, new_id("req_", 14), Problem(404, message))


# --- the hosted page ---------------------------------------------------------------------------------------------


async def show_page(request: Request) -> Response:
    """The pay page."""
    return await run_in_threadpool(_page, request)


async def use_page(request: Request) -> Response:
    """The applicant pays; or the card is declined; or the time runs out."""
    form = parse_qs((await request.body()).decode("utf-8", errors="replace"))
    outcome = form.get("outcome", [""])[0]
    if outcome not in ("paid", "declined", "expired"):
        return HTMLResponse("outcome: paid, declined or expired", status_code=400)
    return await run_in_threadpool(_use, request, outcome)


def _use(request: Request, outcome: str) -> Response:
    counterpart: Counterpart = request.app.state.counterpart
    session_id = request.path_params["session"]
    try:
        with counterpart.store.transaction():
            ledger = counterpart.ledger()
            was_open = ledger.find("checkout.session", session_id)["status"] == "open"
            if was_open:
                {"paid": ledger.pay, "declined": ledger.decline, "expired": ledger.expire_session}[outcome](session_id)
            session = ledger.find("checkout.session", session_id)
    except Problem:
        return _page(request)
    counterpart.postman.wake()
    if was_open and session["status"] == "complete":
        return RedirectResponse(session["success_url"], status_code=303)
    return _page(request, "declined" if outcome == "declined" else "")


def _page(request: Request, message: str = "") -> Response:
    counterpart: Counterpart = request.app.state.counterpart
    language = request.headers.get("accept-language", "")
    try:
        with counterpart.store.transaction():
            ledger = counterpart.ledger()
            session = ledger.find("checkout.session", request.path_params["session"])
            items = ledger.line_items(session["id"])
    except Problem:
        return HTMLResponse(page.render(None, [], accept_language=language), status_code=404)
    counterpart.postman.wake()
    return HTMLResponse(page.render(session, items, accept_language=language, message=message))


# --- for tests ---------------------------------------------------------------------------------------------------


async def show_control(request: Request) -> Response:
    """The switches in force, and how many webhooks are in which state."""
    return await run_in_threadpool(_control, request.app.state.counterpart)


async def set_control(request: Request) -> Response:
    """Change the switches that the body names; 400 with what there is, for anything else."""
    counterpart: Counterpart = request.app.state.counterpart
    try:
        counterpart.control.set(await request.json())
    except (ValueError, TypeError, AttributeError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    counterpart.postman.wake()
    return await run_in_threadpool(_control, counterpart)


async def settle_refund(request: Request) -> Response:
    """The bank's last word on a refund: ``{"status": "succeeded" | "failed", "reason"?}``."""
    try:
        wanted = await request.json()
        status, reason = str(wanted["status"]), str(wanted.get("reason", "unknown"))
    except (ValueError, TypeError, KeyError):
        status = reason = ""
    if status not in ("succeeded", "failed"):
        return JSONResponse({"error": "status: succeeded or failed"}, status_code=400)
    return await _by_the_bank(
        request, lambda ledger: ledger.settle_refund(request.path_params["refund"], status, reason)
    )


async def open_dispute(request: Request) -> Response:
    """The payer's bank disputes a payment: ``{"payment": "pi_…", "amount"?, "reason"?, "inquiry"?}``."""
    try:
        wanted = await request.json()
        payment, amount = str(wanted["payment"]), wanted.get("amount")
        reason, inquiry = str(wanted.get("reason", "fraudulent")), wanted.get("inquiry") is True
    except (ValueError, TypeError, KeyError, AttributeError):
        return JSONResponse({"error": "payment, amount, reason, inquiry"}, status_code=400)
    if amount is not None and type(amount) is not int:
        return JSONResponse({"error": "amount: an integer"}, status_code=400)
    return await _by_the_bank(request, lambda ledger: ledger.open_dispute(payment, amount, reason, inquiry=inquiry))


async def move_dispute(request: Request) -> Response:
    """What becomes of a dispute: ``{"status"}``, one that may follow (``ledger.NEXT_OF_DISPUTE``)."""
    try:
        status = str((await request.json())["status"])
    except (ValueError, TypeError, KeyError):
        return JSONResponse({"error": "status"}, status_code=400)
    return await _by_the_bank(request, lambda ledger: ledger.move_dispute(request.path_params["dispute"], status))


async def _by_the_bank(request: Request, deed: Callable[[Ledger], Json]) -> Response:
    """Something that a bank does, and the object that comes of it."""
    counterpart: Counterpart = request.app.state.counterpart

    def do() -> Response:
        try:
            with counterpart.store.transaction():
                thing = deed(counterpart.ledger())
        except Problem as problem:
            return JSONResponse({"error": problem.error}, status_code=problem.status)
        counterpart.postman.wake()
        return JSONResponse(thing)

    return await run_in_threadpool(do)


def _control(counterpart: Counterpart) -> Response:
    switches = counterpart.control.switches
    with counterpart.store.transaction():
        webhooks = counterpart.store.counts()
    return JSONResponse({**{name: getattr(switches, name) for name in switches.__slots__}, "webhooks": webhooks})
