"""The background Lambdas as AWS calls them: their events, made of what lies in a hall's outbox, inbox and queue."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from chalicelib import wiring
from chalicelib.usecases.hall import Hall
from chalicelib.workers import perform, relay, sweep
from tests.halls import ROUNDS, MemoryHall

Record = dict[str, Any]
Messages = Sequence[tuple[str, str, str]]  # of steps: (case, kind, subject)
BATCH = 5  # messages of the queue that a worker is given at once: StepsToPerform in infra/aws/resources.yaml
_numbers = itertools.count(1)
T = TypeVar("T")


def commit_record(case: str, version: int) -> Record:
    return _record({"case": {"S": case}, "sk": {"S": f"c#{version:08}"}})


def record_beside(case: str, sk: str) -> Record:
    """Of a submission (``s#0001``) or a note (``n#<digest>``)."""
    return _record({"case": {"S": case}, "sk": {"S": sk}})


def inbox_record(id: str) -> Record:
    return _record({"id": {"S": id}})


def _record(keys: dict[str, Any]) -> Record:
    number = str(next(_numbers))
    return {"eventName": "INSERT", "dynamodb": {"Keys": keys, "SequenceNumber": number}}


def sequence_number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def message(case: str, kind: str, subject: str) -> Record:
    return message_of(json.dumps({"case": case, "kind": kind, "subject": subject}))


def message_of(body: str) -> Record:
    return {"messageId": f"message-{next(_numbers)}", "body": body}


def call_relay(hall: Hall, records: Iterable[Record]) -> list[str]:
    """Where Lambda is to go on: the sequence number of the first failure, or nothing."""
    with wiring.standing_in(hall):
        return _failed(relay.relay({"Records": list(records)}, None))


def call_perform(hall: Hall, messages: Iterable[Record]) -> list[str]:
    """The ids of the messages that come again."""
    with wiring.standing_in(hall):
        return _failed(perform.perform({"Records": list(messages)}, None))


def call_sweep(hall: Hall, **event: Any) -> dict[str, int]:
    with wiring.standing_in(hall):
        found: dict[str, int] = sweep.sweep(event, None)
        return found


def _failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def as_they_come(items: Sequence[T]) -> Sequence[T]:
    return items


def twice_and_backwards(items: Sequence[T]) -> Sequence[T]:
    """Everything doubled, and the last first."""
    return [*items, *items][::-1]


@dataclass
class Backstage:
    """The stream, the queue and the schedule of a hall in memory. ``seen`` is the hall that the Lambdas are given.

    Nothing is repeated here that a Lambda did not finish: what is lost stays lost, until the sweep finds it.
    """

    hall: MemoryHall
    seen: Hall
    deliver: Callable[[Sequence[Any]], Sequence[Any]] = as_they_come
    streams: bool = True  # False: nobody ever calls the relay
    sent: list[tuple[str, str, str]] = field(default_factory=list)  # every step that was ever queued

    def carry(self) -> None:
        """Until nothing is left to do at this moment."""
        for _ in range(ROUNDS):
            if not self._relay() + self._perform():
                return
        raise AssertionError("the hall does not come to rest")

    def sweep(self, grace: timedelta = timedelta()) -> None:
        """The schedule's turn, and whatever it sends."""
        call_sweep(self.seen, grace_s=grace.total_seconds())
        self.carry()

    def _relay(self) -> int:
        self.hall.clock.advance(timedelta(seconds=1))
        now = self.hall.clock()
        commits = [commit_record(*commit) for commit in sorted(self.hall.log.unrelayed(now))]
        inbox = [inbox_record(each.id) for each in self.hall.inbox.new_before(now)]
        if not commits and not inbox:
            return 0
        if self.streams:
            for records in (inbox, commits):
                call_relay(self.seen, self.deliver(records))
        else:
            call_sweep(self.seen, grace_s=0)
        left = len(list(self.hall.inbox.new_before(now)))  # some may have to wait
        return len(commits) + max(0, len(inbox) - left)

    def _perform(self) -> int:
        taken = self.hall.steps.take()
        self.sent += taken
        left = self.deliver([message(*step) for step in taken])
        for start in range(0, len(left), BATCH):
            call_perform(self.seen, left[start : start + BATCH])
        return len(taken)
