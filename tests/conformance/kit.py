"""A check, what it needs, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from urllib3.exceptions import HTTPError

from chalicelib.ports import VendorError
from tests.conformance.rigs import Ability, CannotTell, Profile, Rig, Silence

Body = Callable[[Rig], None]
Fits = Callable[[Profile], str]


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """``promise`` is what the courier keeps when it passes; ``fits`` gives why it can't be asked, or ""."""

    name: str
    promise: str
    body: Body
    needs: frozenset[Ability]
    fits: Fits

    def unfit(self, profile: Profile) -> str:
        """Why this can't be asked here, in plain words; "" when it can."""
        missing = [ability.value for ability in sorted(self.needs - profile.abilities)]
        return f"needs {' and '.join(missing)}" if missing else self.fits(profile)

    def conduct(self, rig: Rig) -> None:
        """AssertionError or VendorError: the courier does not keep the promise."""
        rig.begin()
        self.body(rig)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``detail`` says what went wrong, or why the check was skipped."""

    check: Check
    verdict: Verdict
    detail: str = ""


CHECKS: dict[str, Check] = {}


def check(*needs: Ability, fits: Fits = lambda _: "") -> Callable[[Body], Body]:
    """Enter a function into the kit; its docstring is the promise."""

    def enter(body: Body) -> Body:
        assert body.__doc__
        assert body.__name__ not in CHECKS
        CHECKS[body.__name__] = Check(body.__name__, " ".join(body.__doc__.split()), body, frozenset(needs), fits)
        return body

    return enter


def run(rig: Rig, checks: Iterable[Check]) -> Iterator[Outcome]:
    """Put a courier to the checks, one after the other."""
    for each in checks:
        yield _outcome(each, rig)


def _outcome(each: Check, rig: Rig) -> Outcome:
    if reason := each.unfit(rig):
        return Outcome(each, Verdict.SKIPPED, reason)
    try:
        each.conduct(rig)
    except CannotTell as fault:
        return Outcome(each, Verdict.SKIPPED, str(fault))
    except (AssertionError, HTTPError, Silence, VendorError) as fault:
        return Outcome(each, Verdict.FAILED, str(fault) or type(fault).__name__)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:  # an adapter that trips over its own answer
        return Outcome(each, Verdict.FAILED, f"{type(fault).__name__}: {fault}")
    return Outcome(each, Verdict.PASSED)
