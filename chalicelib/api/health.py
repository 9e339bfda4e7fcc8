"""Is the hall up, and which version is it?"""

from __future__ import annotations

from chalice import Blueprint

from chalicelib import __version__

blueprint = Blueprint(__name__)


@blueprint.route("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok", "version": __version__}
