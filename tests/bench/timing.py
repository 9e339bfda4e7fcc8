"""Whether the time of a refusal tells how much of a secret was right: a wrong first byte against a wrong last one.

EMS's messages are sealed and SF's prove nothing, so nothing is compared with a secret but their address.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import fmean, median, variance
from time import perf_counter_ns

from chalicelib.adapters.stripe_webhook import StripeWebhook
from chalicelib.domain.secrecy import is_same
from chalicelib.ports import Forged
from tests.forgeries import Sender, stripe_event
from tests.halls import COURIER_TOKEN, MONDAY, STRIPE_SECRET, Clock

TURNS, SAMPLES = 50, 400  # of each kind, in each turn
TELLING = 4.5  # Student's t beyond which the times are taken for different ones, as is usual for such measurements
_SIGNED_BY_HEADER = {"easypost": "x-hmac-signature", "open": "webhook-signature"}
_NUMBER = "D7K3-M9QF-2XHVA-pickup-1"
_Check = Callable[[], object]


def refusals() -> Iterator[tuple[str, float, float, float, str]]:
    """Whose check, microseconds (median) of a wrong first and a wrong last byte, Student's t, and what that means."""
    for name, checks in _checks():
        turns = _times(checks)
        t = _student([first - last for first, last in turns])
        word = "differ" if abs(t) > TELLING else "the same"
        yield name, median(first for first, _ in turns) / 1000, median(last for _, last in turns) / 1000, t, word


def _checks() -> Iterator[tuple[str, tuple[list[_Check], list[_Check]]]]:
    yield "the secret address", _both(COURIER_TOKEN, lambda token: is_same(token, COURIER_TOKEN))
    stripe, event = StripeWebhook(STRIPE_SECRET), stripe_event("evt_1", "cs_1", MONDAY)
    stamp, signature = event.headers["Stripe-Signature"].split(",v1=")
    yield (
        "stripe",
        _both(
            signature, lambda given: _refused(stripe, {"stripe-signature": f"{stamp},v1={given}"}, event.body, MONDAY)
        ),
    )
    with tempfile.TemporaryDirectory() as room:
        for code in ("easypost", "kuaidi100", "open"):
            sender = Sender(code, Path(room), COURIER_TOKEN, Clock(MONDAY))
            yield code, _of_courier(sender)
            sender.close()
    digest = signature.encode()
    yield (
        "for comparison: stops at the first difference",
        _both(signature, lambda given: _careless(given.encode(), digest)),
    )


def _of_courier(sender: Sender) -> tuple[list[_Check], list[_Check]]:
    push = sender.push(_NUMBER, "in_transit")
    if name := _SIGNED_BY_HEADER.get(sender.code):
        start, mark, signature = push.headers[name].partition("=" if sender.code == "easypost" else ",")
        return _both(
            signature.rstrip("="),
            lambda given: _refused(sender.webhook, {**push.headers, name: f"{start}{mark}{given}"}, push.body, MONDAY),
        )
    before, signature = push.body.decode().split("sign=")
    signature, after = signature[:32], signature[32:]
    return _both(signature, lambda given: _refused(sender.webhook, {}, f"{before}sign={given}{after}".encode(), MONDAY))


def _both(right: str, check: Callable[[str], object]) -> tuple[list[_Check], list[_Check]]:
    """Checks of what is wrong at its first place, and at its last one.

    There are many of each, made in an order by lot, lest the place that one has in memory matter.
    """
    letters = [letter for letter in "abcdef0123456789" if letter not in (right[0], right[-1])] * 16
    wrong = [(0, letter + right[1:]) for letter in letters] + [(1, right[:-1] + letter) for letter in letters]
    random.Random(2).shuffle(wrong)
    checks: tuple[list[_Check], list[_Check]] = ([], [])
    for place, given in wrong:
        checks[place].append(partial(check, given))
    return checks


def _refused(webhook: object, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    with suppress(Forged):
        webhook.authenticate(headers, body, now)  # type: ignore[attr-defined]
        raise AssertionError("it was taken")


def _careless(given: bytes, secret: bytes) -> bool:
    return all(one == other for one, other in zip(given, secret, strict=True))


def _times(checks: tuple[list[_Check], list[_Check]]) -> list[tuple[float, float]]:
    """Nanoseconds of each kind (median), turn for turn: whatever the machine does within one meets both alike."""
    dice = random.Random(1)
    return [_turn(checks, dice) for _ in range(TURNS)]


def _turn(checks: tuple[list[_Check], list[_Check]], dice: random.Random) -> tuple[float, float]:
    kinds = [0, 1] * SAMPLES
    dice.shuffle(kinds)
    taken: tuple[list[int], list[int]] = ([], [])
    for kind in kinds:
        check = dice.choice(checks[kind])
        start = perf_counter_ns()
        check()
        taken[kind].append(perf_counter_ns() - start)
    return median(taken[0]), median(taken[1])


def _student(differences: list[float]) -> float:
    """How many standard errors the mean is away from none."""
    return fmean(differences) / (sqrt(variance(differences) / len(differences)) or 1e-9)
