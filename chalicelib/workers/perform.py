from __future__ import annotations

from typing import Any

from chalice import Blueprint

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="perform")
def perform(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {}
