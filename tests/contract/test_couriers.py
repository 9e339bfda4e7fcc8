"""Every courier is put to the conformance kit: those of the registry before their counterpart, and that in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from chalicelib.adapters import couriers
from infra.local.agreements import AGREEMENTS
from infra.local.courier_counterpart.app import SIDES
from infra.local.courier_counterpart.dialects import REASONS, TAKEN_BACK
from tests.conformance import CHECKS
from tests.conformance.couriers import WIRES
from tests.conformance.rigs import CounterpartProfile, CounterpartRig, MemoryRig
from tests.contract.courier_rig import conformance_rigs, terms_of

PROFILES = {code: CounterpartProfile(code, terms_of(code)) for code in couriers.MODULES}
FITTING = [
    pytest.param(code, name, id=f"{code}-{name}")
    for code, profile in PROFILES.items()
    for name, check in CHECKS.items()
    if not check.unfit(profile)
]


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, CounterpartRig]]:
    with conformance_rigs(tmp_path_factory.mktemp("couriers")) as rigs:
        yield rigs


@pytest.mark.parametrize(("code", "name"), FITTING)
def test_a_courier_keeps_what_it_promises(rigs: Mapping[str, CounterpartRig], code: str, name: str) -> None:
    CHECKS[name].conduct(rigs[code])


@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if not check.unfit(MemoryRig())])
def test_the_courier_in_memory_keeps_it_too(name: str) -> None:
    CHECKS[name].conduct(MemoryRig())


def test_every_courier_has_its_row_everywhere() -> None:
    assert set(couriers.MODULES) == set(SIDES) == set(AGREEMENTS) == set(WIRES)


@pytest.mark.parametrize("code", couriers.MODULES)
def test_a_courier_can_tell_what_the_hall_has_to_know(code: str) -> None:
    words = PROFILES[code].words
    assert words.states >= {"in_transit", "delivered", "delivery_failed", "returned", "exception"}
    assert words.reasons <= REASONS
    assert words.takes_back <= set(TAKEN_BACK)
