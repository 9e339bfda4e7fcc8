"""Couriers are found by their code, and loaded when asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chalicelib.adapters import couriers
from chalicelib.settings import Settings

SECRETS = {
    "ems_key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "ems_authorization": "sample",
    "open_courier_secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}
REQUIRED = (
    "STAGE HALL_URL CASES_TABLE VIEWS_TABLE INBOX_TABLE CERTIFICATES_TABLE LOOKUPS_TABLE STEPS_QUEUE_URL FILES_BUCKET"
    " UPLOADS_BUCKET SEAL_KEY_ID SECRETS_ARN OIDC_ISSUER OIDC_AUDIENCE"
)


@pytest.fixture
def settings() -> Settings:
    return Settings.from_env({f"DOORSTEP_{name}": "sample" for name in REQUIRED.split()})


@pytest.mark.parametrize("code", ["ems", "open"])
def test_a_courier_is_found_by_its_code(settings: Settings, code: str) -> None:
    assert couriers.courier(code, settings, SECRETS).code == code
    assert couriers.webhook(code, settings, SECRETS).code == code


@pytest.mark.parametrize("code", ["", "pigeon", "../ems", "__init__"])
def test_an_unknown_courier_is_a_key_error(settings: Settings, code: str) -> None:
    with pytest.raises(KeyError):
        couriers.courier(code, settings, SECRETS)
    with pytest.raises(KeyError):
        couriers.webhook(code, settings, SECRETS)


def test_a_missing_secret_is_a_key_error(settings: Settings) -> None:
    with pytest.raises(KeyError, match="ems_key"):
        couriers.webhook("ems", settings, {})


def test_the_registry_loads_no_courier_and_no_heavy_library() -> None:
    heavy = ["cryptography", "urllib3", "standardwebhooks", "chalicelib.adapters.couriers.ems"]
    program = f"import sys, chalicelib.adapters.couriers; print([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
