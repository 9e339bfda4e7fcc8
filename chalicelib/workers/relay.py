from __future__ import annotations

from typing import Any

from chalice import Blueprint

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="relay")
def relay(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {}
