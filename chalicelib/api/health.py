"""Is the hall up, and which version is it?"""

from __future__ import annotations

from chalicelib import __version__
from chalicelib.api.edge import Area, Call

area = Area("health")


@area.get("/healthz", gives={200: "Health"})
def healthz(_: Call) -> dict[str, str]:
    """Whether the hall is up, and its version."""
    return {"status": "ok", "version": __version__}
