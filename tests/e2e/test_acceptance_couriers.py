"""Any courier of the registry carries a whole case, chosen by setting alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.adapters.couriers import MODULES
from infra.local.demo import Walk
from tests.e2e.backstage import Backstage
from tests.e2e.outcome import check_log, check_messages, check_one_of_each

pytestmark = pytest.mark.hall


CARRY_EVERY_CASE = {"ems", "open"}  # of all other tests on the local hall
CODES = [
    pytest.param(code, marks=pytest.mark.thorough) if code in CARRY_EVERY_CASE else code for code in sorted(MODULES)
]


@pytest.mark.parametrize("code", CODES)
def test_a_courier_that_the_setting_names_carries_the_whole_way(
    walk: Callable[..., Walk], backstage: Backstage, code: str
) -> None:
    way = walk("business-licence-change")
    with backstage.set_up("PerformName", DOORSTEP_COURIERS=code):
        way.whole_way()
        check_log(way)
    shipments = {one["leg"]: one["courier"] for one in way.track()["shipments"]}
    assert shipments == {"pickup": code, "delivery": code}
    check_messages(way)
    check_one_of_each(way, backstage)
