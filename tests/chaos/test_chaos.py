"""A few hundred journeys with everything going wrong; ``make chaos N=10000`` walks as many as you like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.broken import BUILDS, ROOT, build, walk
from tests.chaos.dice import LEVELS, Fault
from tests.chaos.invariants import RULES
from tests.chaos.runs import Outcome, run
from tests.chaos.runs import walk as walk_one

SEEDS = range(1, 131)
PATIENCE = 300  # journeys in which a broken build has to be noticed


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run(SEEDS)


def test_every_journey_comes_out_right(outcome: Outcome) -> None:
    assert outcome.failed == {}
    assert outcome.journeys == len(SEEDS)


def test_nearly_everything_goes_wrong_somewhere(outcome: Outcome) -> None:
    """The rarest faults may not come up in so few journeys."""
    assert len(outcome.struck) >= len(Fault) - 6, sorted(set(Fault) - set(outcome.struck))


def test_journeys_end_in_every_way(outcome: Outcome) -> None:
    endings = {ending.rpartition(" ")[2] for ending in outcome.endings}
    assert endings == {"closed", "rejected", "withdrawn", "lapsed"}


def test_every_invariant_is_asked_about_at_the_end_of_each_journey(outcome: Outcome) -> None:
    assert all(outcome.checks[name] >= outcome.journeys for name in RULES)


def test_every_fault_has_its_odds() -> None:
    counted = {Fault.PUSH_OUT_OF_TIME, Fault.WEBHOOK_OUT_OF_TIME}  # follow from a clock that is off
    assert set(LEVELS) == set(Fault) - counted


def test_a_seed_replays_the_same_journey_in_another_process() -> None:
    """Salts are drawn from the system and stay out of it; so must the order of sets."""
    story = walk_one(11, keeps_story=True).world.story
    for hash_seed in ("1", "2"):
        again = subprocess.run(
            (sys.executable, "-m", "tests.chaos", "--replay", "11"),
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        told = again.stdout.splitlines()
        assert told == [f"{at:%m-%d %H:%M:%S}  {what}" for at, what in story]


@pytest.mark.parametrize("name", sorted(BUILDS))
@pytest.mark.parametrize("seed", [1, pytest.param(5001, marks=pytest.mark.thorough)])
def test_a_broken_build_is_noticed(name: str, seed: int, tmp_path: Path) -> None:
    build(BUILDS[name], tmp_path)
    walked = walk(tmp_path, seed=seed, journeys=PATIENCE)
    assert walked.returncode == 1, walked.stdout + walked.stderr
    assert BUILDS[name].noticed_by in walked.stdout, walked.stdout[-2000:] + walked.stderr[-2000:]


def test_the_unbroken_build_is_not_accused(tmp_path: Path) -> None:
    """The same way of building and walking, with nothing replaced."""
    line = BUILDS["poll_removed"].line
    same = type(BUILDS["poll_removed"])(BUILDS["poll_removed"].file, line, line, "")
    build(same, tmp_path)
    walked = walk(tmp_path, seed=1, journeys=5)
    assert walked.returncode == 0, walked.stdout + walked.stderr
