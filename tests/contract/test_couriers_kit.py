"""The conformance kit itself: it catches each carelessness, and can be put to an endpoint from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conformance import CHECKS
from tests.conformance.careless import CARELESSNESS, CarelessCourier, CarelessRig, CarelessWebhook, careless_webhook
from tests.conformance.kit import Verdict, run
from tests.conformance.listener import catching_hall
from tests.conformance.rigs import LONGEST_WAIT_S, Ear
from tests.contract.courier_rig import OPEN_SECRET, counterpart, terms_of

Carelessness = type[CarelessCourier | CarelessWebhook]
RigOf = Callable[[Carelessness | None], CarelessRig]
IN_VAIN_S = 1.0  # to wait for what a careless one never does


@pytest.fixture(scope="module")
def rig_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigOf]:
    ears: list[Ear] = []
    with (
        catching_hall(lambda push: ears[-1].answer(push)) as hall,
        counterpart(hall.url, tmp_path_factory.mktemp("couriers")) as url,
    ):

        def rig(carelessness: Carelessness | None) -> CarelessRig:
            wait_s = IN_VAIN_S if carelessness else LONGEST_WAIT_S
            ears.append(Ear(hall, careless_webhook(carelessness, OPEN_SECRET), wait_s))
            return CarelessRig(carelessness, url, terms_of("open", url), ears[-1])

        yield rig


@pytest.mark.parametrize("carelessness", [pytest.param(each, id=each.__name__) for each in CARELESSNESS])
def test_each_carelessness_is_caught_by_the_checks_that_are_there_for_it(
    rig_of: RigOf, carelessness: Carelessness
) -> None:
    outcomes = list(run(rig_of(carelessness), (CHECKS[name] for name in CARELESSNESS[carelessness])))
    assert [outcome.check.name for outcome in outcomes if outcome.verdict is not Verdict.FAILED] == []


def failing(rig: CarelessRig) -> set[str]:
    return {outcome.check.name for outcome in run(rig, CHECKS.values()) if outcome.verdict is Verdict.FAILED}


@pytest.mark.thorough
def test_the_whole_kit_tells_the_honest_from_the_careless(rig_of: RigOf) -> None:
    assert failing(rig_of(None)) == set()
    for carelessness, expected in CARELESSNESS.items():
        found = failing(rig_of(carelessness))
        print(carelessness.__name__, *sorted(found), sep="\n  ")
        assert found >= set(expected)
