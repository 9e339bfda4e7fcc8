"""Stripe's errors (https://docs.stripe.com/api/errors)."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """An error answer: the HTTP status and the members of Stripe's error object."""

    def __init__(self, status: int, message: str, *, type: str = "invalid_request_error", **members: str) -> None:
        super().__init__(message)
        self.status = status
        code = members.get("code", "")
        documented = {"doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"} if code else {}
        self.error: dict[str, Any] = {**members, **documented, "message": message, "type": type}


def invalid(message: str, param: str, code: str = "") -> Problem:
    """A parameter that Stripe would not take."""
    return Problem(400, message, param=param, **({"code": code} if code else {}))


def missing(kind: str, id: str, param: str) -> Problem:
    """No such object; a 404 where the id is part of the path, which ``param`` then only names."""
    return Problem(404, f"No such {kind}: '{id}'", code="resource_missing", param=param)


def outage(status: int) -> Problem:
    """The error that goes with a status, for outages asked for by a test."""
    if status == 429:
        return Problem(status, "Request rate limit exceeded.", code="rate_limit")
    if status == 409:
        message = "There is currently another in-progress request using this Idempotent Key."
        return Problem(status, message, type="idempotency_error", code="idempotency_key_in_use")
    if status == 402:
        return Problem(status, "Your card was declined.", type="card_error", code="card_declined")
    if status < 500:
        return Problem(status, "This request is refused.")
    return Problem(status, "Sorry, something went wrong at our end.", type="api_error")
