"""Pages that a browser keeps and asks for again: the same content is not sent twice (RFC 9110 §13)."""

from __future__ import annotations

import hashlib

from chalice import Response

from chalicelib.web.edge import Visit

WEAK = "W/"  # on its way the content may be compressed


def fresh(visit: Visit, page: Response) -> Response:
    """The page with a tag of its content; for a browser that has the very same already, 304 without it."""
    tag = f'{WEAK}"{hashlib.sha256(page.body.encode()).hexdigest()[:32]}"'
    headers = {**page.headers, "Cache-Control": "private, no-cache", "ETag": tag}
    if tag.removeprefix(WEAK) in _known(visit):
        headers.pop("Content-Type")
        return Response("", headers, 304)
    return Response(page.body, headers, page.status_code)


def _known(visit: Visit) -> list[str]:
    """The tags of what the browser has, compared weakly."""
    return [tag.strip().removeprefix(WEAK) for tag in visit.call.header("if-none-match").split(",")]
