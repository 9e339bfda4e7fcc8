"""``python -m tests.chaos``: thousands of journeys with every fault on, each from a seed of its own.

``--journeys 10000 --seed 1`` walks the seeds from 1 on, in two processes. ``--replay 4711`` walks one journey and tells
its story, event by event.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter

from tests.chaos.dice import Fault
from tests.chaos.runs import Outcome, run, settle_down, walk

PROCESSES = 2
CHUNK = 50
TELL_EVERY = 1000  # journeys


def main() -> int:
    """The exit status: 0 when nothing was wrong with any journey."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--journeys", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first journey")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--failures", type=int, default=20, help="after how many to give up")
    parser.add_argument("--replay", type=int, metavar="SEED", help="walk one journey, and tell its story")
    options = parser.parse_args()
    if options.replay is not None:
        return replay(options.replay)
    began = time.monotonic()
    seeds = range(options.seed, options.seed + options.journeys)
    outcome = run_all(seeds, options.processes, options.failures)
    report(outcome, time.monotonic() - began)
    return int(bool(outcome.failed))


def run_all(seeds: range, processes: int, most_failures: int) -> Outcome:
    """In several processes, chunk by chunk, until so many have failed."""
    if processes == 1:
        return run(seeds, most_failures=most_failures)
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    outcome = Outcome()
    with multiprocessing.get_context("spawn").Pool(processes, initializer=settle_down) as pool:
        for part in pool.imap(run, chunks):
            outcome.add(part)
            for seed in part.failed:
                print(f"seed {seed} failed", file=sys.stderr, flush=True)
            if outcome.journeys % TELL_EVERY < CHUNK:
                print(f"{outcome.journeys} journeys, {len(outcome.failed)} failed", file=sys.stderr, flush=True)
            if len(outcome.failed) >= most_failures:
                pool.terminate()
                break
    return outcome


def report(outcome: Outcome, seconds: float) -> None:
    _table("What went wrong", Counter({fault: outcome.struck[fault] for fault in Fault}))
    _table("What people did", outcome.deeds)
    _table("How it ended", outcome.endings)
    _table("What was checked", outcome.checks)
    rate = outcome.journeys / seconds if seconds else 0.0
    print(f"\n{outcome.journeys} journeys, {outcome.events} events, {sum(outcome.struck.values())} faults")
    print(f"{seconds:.0f} s, {rate:.1f} journeys a second")
    for seed, wrong in sorted(outcome.failed.items()):
        print(f"\nseed {seed}: replay with  python -m tests.chaos --replay {seed}")
        for what in wrong[:5]:
            print(f"  {what}")
    print(f"\n{len(outcome.failed)} journeys failed" if outcome.failed else "\nEverything came out right.")


def _table(title: str, counts: Counter[str]) -> None:
    print(f"\n{title}")
    for name, times in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"  {times:9}  {name}")


def replay(seed: int) -> int:
    journey = walk(seed, keeps_story=True)
    for at, what in journey.world.story:
        print(f"{at:%m-%d %H:%M:%S}  {what}")
    for what in journey.wrong:
        print(f"WRONG  {what}")
    return int(bool(journey.wrong))


if __name__ == "__main__":
    sys.exit(main())
