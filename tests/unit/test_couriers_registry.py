"""Couriers are found by their code, and loaded when asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.adapters.memory import MemoryLookups
from infra.local import agreements

OPTIONS, SECRETS = agreements.options("https://couriers.example"), agreements.made()


@pytest.mark.parametrize("code", sorted(couriers.MODULES))
def test_a_courier_is_found_by_its_code(code: str) -> None:
    callback = f"https://hall.example/webhooks/couriers/{code}/sample"
    terms = Terms(OPTIONS[code], SECRETS[code], callback, memory=MemoryLookups())
    assert couriers.courier(code, terms).code == code
    assert couriers.webhook(code, terms).code == code


@pytest.mark.parametrize("code", ["", "pigeon", "../ems", "__init__"])
def test_an_unknown_courier_is_a_key_error(code: str) -> None:
    with pytest.raises(KeyError):
        couriers.courier(code, Terms())
    with pytest.raises(KeyError):
        couriers.webhook(code, Terms())


def test_a_missing_secret_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="key"):
        couriers.webhook("ems", Terms({"sender": "1100000000000"}))


def test_secrets_and_the_secret_address_are_not_shown() -> None:
    assert "hidden" not in repr(Terms({}, {"key": "hidden"}, "https://hall.example/hidden"))


def test_the_registry_loads_no_courier_and_no_heavy_library() -> None:
    heavy = ["cryptography", "urllib3", "standardwebhooks", "chalicelib.adapters.couriers.ems"]
    program = f"import sys, chalicelib.adapters.couriers; print([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
