"""Where the built style sheets and scripts are. ``infra/web/build.py`` makes them and writes the manifest."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from chalicelib.logs import logger

BELOW = "/static"  # what CloudFront and the local edge answer from files
MANIFEST = "static_manifest.json"
FOR_EVER = "public, max-age=31536000, immutable"  # Cache-Control of what changes its name with its content

log = logger("web")


def address(name: str) -> str | None:
    """The address of a static file by its plain name; None where the pages were not built: they still work."""
    found = _manifest().get(name)
    return f"{BELOW}/{found}" if found else None


@cache
def _manifest() -> dict[str, str]:
    path = files("chalicelib.web").joinpath(MANIFEST)
    if not path.is_file():
        log.warning("static files are not built", extra={"missing": MANIFEST})
        return {}
    names: dict[str, str] = json.loads(path.read_text("utf-8"))
    return names
