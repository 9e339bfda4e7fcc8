from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.shipments import FINAL, Move, left_at, state_of
from tests.cases import MONDAY


def moves(*states: str) -> list[Move]:
    return [Move(state, MONDAY + timedelta(hours=i), state, f"{i}") for i, state in enumerate(states)]


def test_a_shipment_is_ordered_before_any_news() -> None:
    assert state_of([]) == "ordered"


def test_a_final_state_holds_against_later_noise() -> None:
    assert state_of(moves("picked_up", "delivered", "in_transit")) == "delivered"


def test_a_failed_attempt_is_not_final() -> None:
    assert state_of(moves("picked_up", "delivery_failed", "out_for_delivery")) == "out_for_delivery"


def test_a_delivery_that_was_taken_back_is_none() -> None:
    undone = Move("in_transit", MONDAY + timedelta(hours=9), "743", "u", undoes="delivered")
    assert state_of([*moves("picked_up", "delivered"), undone]) == "picked_up"


def test_a_parcel_first_seen_in_transit_has_left() -> None:
    assert left_at(moves("pickup_scheduled", "in_transit")) == MONDAY + timedelta(hours=1)


states = st.sampled_from(
    ["pickup_scheduled", "picked_up", "in_transit", "out_for_delivery", "delivered", "delivery_failed", "cancelled"]
)


@given(st.lists(states, max_size=8), st.randoms())
def test_the_order_of_arrival_does_not_matter(names: list[str], random: object) -> None:
    told = moves(*names)
    shuffled = list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert state_of(shuffled) == state_of(told)
    assert left_at(shuffled) == left_at(told)


@given(st.lists(states, max_size=8))
def test_what_has_left_is_never_simply_cancelled(names: list[str]) -> None:
    told = moves(*names)
    if state_of(told) == "cancelled":
        assert left_at(told) is None
    assert state_of(told) in FINAL | {"exception", "ordered", *names}
