"""The stream, the queue and the schedule. Each record and message may get lost, come twice, or come late; what fails
comes again, as ``infra/aws/resources.yaml`` has it, and then no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from chalicelib.adapters import memory
from chalicelib.domain.commit import Commit
from chalicelib.domain.due import Step
from chalicelib.ports import InboxMessage, Note, QueueRow, Submission
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.reconcile import days_due, reconcile
from chalicelib.usecases.sweep import GRACE
from tests.chaos.dice import Fault
from tests.chaos.world import World
from tests.workers.lambdas import BATCH, call_perform, call_relay, call_sweep, commit_record, inbox_record, message

RECORD_TRIES = 9  # MaximumRetryAttempts 8
MESSAGE_TRIES = 5  # maxReceiveCount
UNSEEN = timedelta(seconds=720)  # VisibilityTimeout
SCHEDULE = timedelta(minutes=5)
RECONCILE_TRIES = 3  # an invocation by a schedule, and its two retries
LONGEST_LOOK_BACK = 35  # days
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
Sent = tuple[str, str, str]


class Cloud:
    """Calls the background Lambdas of ``seen``. ``wire`` puts stores into a hall that tell it what is new."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: Hall
        self.on_rows: Callable[[Sequence[QueueRow]], None] = lambda rows: None
        self.on_failed_message: Callable[[], None] = lambda: None
        self._ticks: set[datetime] = set()
        self._days: set[date] = set()  # that are reconciled
        self._moved: set[date] = set()  # of these, the ones of which something has moved since

    # --- the stream ---

    def stream(self, record: dict[str, Any]) -> None:
        dice = self.world.dice
        if dice.strikes(Fault.RECORD_LOST):
            return
        for _ in range(1 + dice.strikes(Fault.RECORD_DOUBLED)):
            late = dice.strikes(Fault.RECORD_LATE)
            self.world.after(dice.hours(0.1, 30) if late else dice.seconds(0.1, 2), partial(self._relay, record, 1))

    def _relay(self, record: dict[str, Any], tries: int) -> None:
        failed: list[str] = []
        outcome = self.world.process("relay", lambda: failed.extend(call_relay(self.seen, [record])))
        if (outcome or failed) and tries < RECORD_TRIES:
            self.world.after(timedelta(seconds=2**tries), partial(self._relay, record, tries + 1))

    # --- the queue ---

    def queue(self, steps: Sequence[Sent]) -> None:
        dice = self.world.dice
        at_once: list[Sent] = []
        for step in steps:
            if dice.strikes(Fault.STEP_LOST):
                continue
            for _ in range(1 + dice.strikes(Fault.STEP_DOUBLED)):
                if dice.strikes(Fault.STEP_LATE):
                    self.world.after(dice.hours(0.1, 30), partial(self._perform, [step], 1))
                else:
                    at_once.append(step)
        for start in range(0, len(at_once), BATCH):
            self.world.after(dice.seconds(0.1, 3), partial(self._perform, at_once[start : start + BATCH], 1))

    def _perform(self, steps: Sequence[Sent], tries: int) -> None:
        records = [message(*step) for step in steps]
        sent = {record["messageId"]: step for record, step in zip(records, steps, strict=True)}
        failed: list[str] = []
        outcome = self.world.process("perform", lambda: failed.extend(call_perform(self.seen, records)))
        again = list(sent.values()) if outcome else [sent[name] for name in failed]
        if again and tries < MESSAGE_TRIES:
            self.world.after(UNSEEN, partial(self._perform, again, tries + 1))

    # --- the schedule ---

    def look_from(self, when: datetime) -> None:
        """Something may be there for the sweep from this time on. At all other times it would find nothing."""
        tick = _EPOCH + SCHEDULE * -((_EPOCH - max(when, self.world.clock.now)) // SCHEDULE)
        if tick not in self._ticks:
            self._ticks.add(tick)
            self.world.at(tick, partial(self._sweep, tick))

    def _sweep(self, tick: datetime) -> None:
        self._ticks.discard(tick)
        if not self._finds_something():
            return
        if not self.world.dice.strikes(Fault.SWEEP_MISSED):
            self.world.process("sweep", lambda: call_sweep(self.seen))
        if self._finds_something():
            self.look_from(self.world.clock.now + timedelta(seconds=1))

    def _finds_something(self) -> bool:
        now, hall = self.world.clock.now, self.stores
        return (
            any(hall.log.unrelayed(now - GRACE))
            or any(hall.inbox.new_before(now - GRACE))
            or any(hall.read_model.needing_attention(now))
        )

    # --- the nights ---

    def reconcile_later(self, moved_at: datetime) -> None:
        """Money has moved on a day: the nights that look back upon it find something."""
        zone = self._stores.calendar.zone
        today = moved_at.astimezone(zone).date()
        self._moved.add(today)
        if today in self._days:
            return
        self._days.add(today)
        for after in range(1, LONGEST_LOOK_BACK + 1):
            if today in days_due(today + timedelta(days=after)):
                at = datetime.combine(today + timedelta(days=after), time(4), zone).astimezone(UTC)
                self.world.at(at, partial(self._reconcile, today, 1))

    def _reconcile(self, day: date, tries: int) -> None:
        if day not in self._moved:
            return
        outcome = self.world.process("reconcile", lambda: self._compare(day))
        if not outcome:
            self._moved.discard(day)
        elif tries < RECONCILE_TRIES:
            self.world.after(timedelta(minutes=tries), partial(self._reconcile, day, tries + 1))

    def _compare(self, day: date) -> None:
        report = reconcile(self.seen, day)
        self.world.tell("reconciled", day, [each.kind for each in report.differences])

    @property
    def stores(self) -> Any:
        return self._stores

    def wire(self, hall: Any) -> None:
        self._stores = hall
        hall.log = _Log(self)
        hall.inbox = _Inbox(self)
        hall.read_model = _ReadModel(self)
        hall.steps = _Queue(self)


class _Log(memory.MemoryCaseLog):
    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud

    def append(self, commit: Commit, *beside: Submission | Note) -> None:
        super().append(commit, *beside)
        cloud = self._cloud
        cloud.stream(commit_record(commit.case, commit.version))
        cloud.look_from(commit.at + GRACE + timedelta(seconds=1))
        for event in commit.events:
            cloud.world.tell(f"{commit.case[:4]} v{commit.version}:", event)


class _Inbox(memory.MemoryInbox):
    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud

    def put(self, message: InboxMessage) -> bool:
        new = super().put(message)
        if new:
            self._cloud.stream(inbox_record(message.id))
            self._cloud.look_from(message.received_at + GRACE + timedelta(seconds=1))
        return new

    def set_state(self, id: str, state: str, error: str = "") -> None:
        super().set_state(id, state, error)
        if state == "failed":
            self._cloud.on_failed_message()


class _ReadModel(memory.MemoryReadModel):
    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud

    def save(self, case: str, version: int, rows: Sequence[QueueRow], attention_at: datetime | None) -> None:
        super().save(case, version, rows, attention_at)
        self._cloud.on_rows(rows)
        if attention_at is not None:
            self._cloud.look_from(attention_at)

    def look_again(self, case: str, version: int, at: datetime) -> None:
        super().look_again(case, version, at)
        self._cloud.look_from(at)

    def put_off(self, case: str, version: int, at: datetime) -> None:
        super().put_off(case, version, at)
        self._cloud.look_from(at)


class _Queue(memory.MemoryStepQueue):
    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud

    def send(self, case: str, steps: Sequence[Step]) -> None:
        self._cloud.queue([(case, str(step.kind), step.subject) for step in steps])
