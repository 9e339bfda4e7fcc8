"""The people: an applicant with moods, and a desk that does its duty, sooner or later. They do what pages let them do,
and do it again when the hall did not take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from chalicelib.domain.case import Case, Correction
from chalicelib.domain.errors import DomainError
from chalicelib.domain.service import Leg
from chalicelib.ports import QueueRow, Staff
from chalicelib.usecases import applicant, desk
from chalicelib.usecases.execute import load
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.payment import open_checkout
from chalicelib.usecases.submit import Application, submit
from tests.api import ADDRESS, LICENCE, LICENCE_ANSWERS, RESIDENCE_ANSWERS
from tests.chaos.bank import Bank
from tests.chaos.couriers import Job
from tests.chaos.dice import Fault
from tests.chaos.papers import DOOR, HALL, LOST, PACKED, Papers
from tests.chaos.world import Course, World

PASSING = frozenset({"killed", "unavailable", "case_is_busy", "precondition_failed"})  # a reason to do it once more
CLERK = Staff("clerk-1", frozenset({"clerk"}))
SUPERVISOR = Staff("supervisor-1", frozenset({"supervisor"}))
STREETS = ("样例路 1 号 101 室", "样例路 3 号 302 室", "样例街 5 号")


class Deed(StrEnum):
    """What people do that makes a way different."""

    PAID = "pays"
    PAID_SLOWLY = "pays by a means that takes days"
    PAID_TWICE = "pays twice"
    DECLINED = "is declined first"
    NEVER_PAID = "never pays"
    WITHDREW = "withdraws"
    RESCHEDULED = "chooses another window"
    CORRECTED = "corrects"
    MOVED = "changes the address"
    LEFT_OUT = "forgets an original"
    SENT_TWICE = "sends the form twice"
    WAITED = "does not react for days"
    APPROVED = "reviewer approves"
    REJECTED = "reviewer rejects"
    ASKED = "reviewer asks for a correction"
    DISPATCHED = "clerk dispatches"
    RECEIVED = "clerk takes in originals"
    SETTLED = "supervisor settles a refund"
    WROTE_OFF = "supervisor writes a parcel off"
    REPLAYED = "supervisor replays a message"


def window_after(world: World, calendar: Any, days: int) -> dict[str, str]:
    """Two to four hours of a working day, so many days from now at least."""
    day = world.clock.now.astimezone(calendar.zone) + timedelta(days=days)
    while not calendar.is_working_day(day.date()):
        day += timedelta(days=1)
    start = day.replace(hour=world.dice.choice((8, 9, 13, 15)), minute=0, second=0, microsecond=0)
    return {"start": start.isoformat(), "end": (start + timedelta(hours=world.dice.choice((2, 3, 4)))).isoformat()}


@dataclass
class Person:
    """The applicant of one case, at one door."""

    world: World
    seen: Hall
    bank: Bank
    service: str
    key: str
    act: Callable[[Deed], None]
    number: str = ""
    papers: Papers = field(default_factory=Papers)
    _awake: bool = False

    def __post_init__(self) -> None:
        dice = self.world.dice
        self.patience = dice.choice((0.5, 5, 30))  # hours until it is done, about
        self.withdraws_at = self._moment(0.25)
        self.reschedules_at = self._moment(0.2)
        self.never_pays = dice.chance(0.05)
        self.declined = dice.choice((0, 0, 0, 1, 2))
        self.pays_twice = dice.chance(0.15)
        self.pages: list[str] = []  # that the hall has shown
        self.payments = 0
        self.away = dice.chance(0.1)
        if self.away:
            self.act(Deed.WAITED)
        self.answers = self._answers()

    def _moment(self, probability: float) -> datetime | None:
        dice = self.world.dice
        return self.world.clock.now + dice.hours(0, 24 * 7) if dice.chance(probability) else None

    def _answers(self) -> Mapping[str, Any]:
        if self.service != LICENCE:
            return RESIDENCE_ANSWERS
        names = ["old-licence", "old-licence-duplicates", "organisation-code-certificate"]
        self.papers.put([*names, *(["premises-proof"] if self.world.dice.chance(0.5) else [])], DOOR)
        window = window_after(self.world, self.seen.calendar, self.world.dice.choice((1, 1, 2, 4)))
        return {**LICENCE_ANSWERS, "pickup": {**LICENCE_ANSWERS["pickup"], "window": window}}

    # --- the way ---

    def apply(self) -> Course:
        """Send the form until it is taken, and then see to it whenever there is something to do."""
        application = Application(self.key, self.service, "", self.world.dice.choice(("zh-CN", "en")), self.answers, {})

        def send() -> None:
            self.number = submit(self.seen, application).case.number

        while self.world.process("submit", send):
            yield self.world.dice.minutes(1, 20)
        if self.world.dice.chance(0.1):
            self.act(Deed.SENT_TWICE)
            yield self.world.dice.minutes(0, 90)
            self.world.process("submit", send)
        for moment in (self.withdraws_at, self.reschedules_at):
            if moment:
                self.world.at(max(moment, self.world.clock.now), partial(self.wake, timedelta()))
        self.wake(self._reaction())

    def wake(self, delay: timedelta) -> None:
        """Have a look at the case after that time."""
        if not self._awake:
            self._awake = True
            self.world.after(delay, self._look)

    def told(self) -> None:
        """A message came."""
        self.wake(self._reaction())

    def _reaction(self) -> timedelta:
        if self.away and not self.world.dice.healed:
            return self.world.dice.hours(24, 24 * 8)
        return self.world.dice.hours(0, 2 * self.patience)

    def _look(self) -> None:
        self._awake = False
        case = self._case()
        if case is None:
            return
        wanted = self._wants(case)
        if wanted is None:
            return
        outcome = self.world.process(*wanted)
        if outcome in PASSING:
            self.wake(self.world.dice.minutes(5, 90))
        else:
            self.wake(self._reaction() + timedelta(hours=1))

    def _case(self) -> Case | None:
        """As the tracking page shows it, when it does."""
        found: list[Case] = []
        self.world.process("track", lambda: found.append(load(self.seen, self.number).case))
        if not found:
            self.wake(self.world.dice.minutes(5, 60))
        return found[0] if found else None

    def _wants(self, case: Case) -> tuple[str, Callable[[], object]] | None:
        """The next thing to do, as a process of the hall."""
        now, healed = self.world.clock.now, self.world.dice.healed
        correction = case.open_correction
        if case.ending:
            return ("correct", partial(self._correct, case)) if correction else None  # where its originals are to go
        if self.withdraws_at and self.withdraws_at <= now and not healed and not case.decided:
            return "withdraw", self._withdraw
        if case.settled_at is None:
            return None if self.never_pays else ("pay", self._pay)
        if correction and correction.by_form:
            return "correct", partial(self._correct, case)
        if case.window_wanted or (correction and not correction.by_form and self._no_window_since(case, correction)):
            return "reschedule", self._reschedule
        if self.reschedules_at and self.reschedules_at <= now and not healed and not case.originals_complete:
            return "reschedule", self._reschedule
        return None

    def _no_window_since(self, case: Case, correction: Correction) -> bool:
        return case.window_chosen_at is not None and case.window_chosen_at < correction.asked_at

    # --- deeds ---

    def _pay(self) -> None:
        bank = self.bank
        page = open_checkout(self.seen, self.number).rsplit("/", 1)[-1]
        self.pages.append(page)
        if self.declined:
            self.declined -= 1
            self.act(Deed.DECLINED)
            bank.decline(page)
            return
        if self.world.dice.strikes(Fault.PAYMENT_SLOW):
            if bank.pay_slowly(page):
                self._paid(Deed.PAID_SLOWLY)
        elif bank.pay_now(page):
            self._paid(Deed.PAID)
        if self.pays_twice and any(bank.pay_now(other) for other in self.pages):  # also a page from yesterday
            self._paid(Deed.PAID)

    def _paid(self, deed: Deed) -> None:
        self.payments += 1
        self.act(deed if self.payments == 1 else Deed.PAID_TWICE)

    def _withdraw(self) -> None:
        self.withdraws_at = None
        applicant.withdraw(self.seen, self.number, "不需要了")
        self.act(Deed.WITHDREW)

    def _reschedule(self) -> None:
        window = window_after(self.world, self.seen.calendar, self.world.dice.choice((1, 2, 3)))
        applicant.reschedule(self.seen, self.number, window, "zh-CN")
        self.reschedules_at = None
        self.act(Deed.RESCHEDULED)

    def _correct(self, case: Case) -> None:
        correction = case.open_correction
        assert correction is not None
        values = {p: self._value(p) for p in correction.pointers}
        applicant.correct(self.seen, self.number, values, {}, "zh-CN")
        self.act(Deed.CORRECTED)

    def _value(self, pointer: str) -> Any:
        if pointer == "/business/name":
            return "上海样例贸易有限公司"
        if pointer == "/purpose":
            return "school"
        if pointer in ("/pickup/address", "/delivery/address"):
            self.act(Deed.MOVED)
            return {**ADDRESS, "street": self.world.dice.choice(STREETS)}
        raise AssertionError(f"asked for {pointer}")

    # --- the door ---

    def replace_lost(self) -> None:
        """What a courier has lost on its way to the hall is got anew."""
        for name in self.papers.at(LOST):
            if not name.startswith(("certificate", "lost ")):
                self.papers.put([f"lost {name}"], LOST)
                self.papers.put([name], DOOR)

    def hand_over(self, job: Job) -> bool:
        """Put into the envelope what is there; now and then something is forgotten."""
        here = list(self.papers.at(DOOR))
        originals = [name for name in here if not name.startswith("certificate")]
        if len(originals) > 1 and not self.world.dice.healed and self.world.dice.chance(0.1):
            self.act(Deed.LEFT_OUT)
            originals.pop()
        self.papers.put(originals, job.waybill)
        return bool(originals)


@dataclass
class Desk:
    """Clerks, reviewers and a supervisor. They look at their queue when something new is in it, hours later."""

    world: World
    seen: Hall
    people: dict[str, Person]  # by case
    jobs: Sequence[Job]
    act: Callable[[Deed], None]
    _awake: set[str] = field(default_factory=set)
    _replaying: bool = False

    def see(self, rows: Sequence[QueueRow]) -> None:
        """The queue shows these."""
        for row in rows:
            self._wake(row.room)

    def _wake(self, room: str) -> None:
        if room not in self._awake:
            self._awake.add(room)
            self.world.after(self.world.dice.hours(0.2, 20), partial(self._look, room))

    def _look(self, room: str) -> None:
        self._awake.discard(room)
        rows: list[QueueRow] = []
        staff = self._staff(room)
        outcome = self.world.process(
            "queue", lambda: rows.extend(desk.queue(self.seen, staff, room, "", limit=50, cursor="").rows)
        )
        again = bool(outcome)
        for row in rows:
            done = self._work(row, staff)
            again = again or (done is not None and self.world.process(f"desk {row.state}", done) in PASSING)
        if again:
            self._wake(room)

    def _staff(self, room: str) -> Staff:
        if room == "front":
            return CLERK
        if room == "supervision":
            return SUPERVISOR
        return Staff(f"reviewer-{room}", frozenset({"reviewer"}), frozenset({room}))

    def _work(self, row: QueueRow, staff: Staff) -> Callable[[], object] | None:
        match row.state:
            case "open":
                return partial(self._decide, row, staff)
            case "awaiting_dispatch" | "awaiting_return":
                return partial(self._dispatch, row.case)
            case "refund_failed":
                return partial(self._settle, row)
            case "parcel_lost" | "courier_trouble":
                return partial(self._resolve, row)
            case _:
                return None

    def _decide(self, row: QueueRow, staff: Staff) -> None:
        dice = self.world.dice
        case = load(self.seen, row.case).case
        terms = case.service.task(row.task)
        assert terms is not None
        decision = dice.choice(("approve",) * 8 + ("correct", "reject"))
        asked = sum(1 for correction in case.corrections if correction.task)
        if decision == "correct" and (asked >= case.service.correction_rounds or dice.healed):
            decision = "approve"
        pointer = "/business/name" if "/business" in terms.reads else "/purpose"
        made = desk.Decision(
            decision, "" if decision == "approve" else "与原件不符", (pointer,) * (decision == "correct")
        )
        desk.decide_task(self.seen, staff, row.case, row.task, made, case.version)
        self.act({"approve": Deed.APPROVED, "reject": Deed.REJECTED, "correct": Deed.ASKED}[decision])

    def _dispatch(self, number: str) -> None:
        """Everything of the case that lies in the hall and goes back goes into the envelope."""
        papers = self.people[number].papers
        case = load(self.seen, number).case
        kept = {material.code for material in case.service.materials if not material.returned}
        for certificate in case.certificates:
            papers.places.setdefault(f"certificate {certificate.number}", HALL)  # printed here and now
        inside = [
            name for name in (*papers.at(HALL), *papers.at(PACKED)) if name not in kept and not name.startswith("lost ")
        ]
        contents = [
            *(["certificate"] if any(name.startswith("certificate") for name in inside) else []),
            *(["originals"] if any(not name.startswith("certificate") for name in inside) else []),
        ]
        papers.put(inside, PACKED)  # whether or not an answer comes
        try:
            desk.dispatch(self.seen, CLERK, number, contents, case.version)
        except DomainError as refusal:
            if refusal.code != "already_dispatched":
                papers.put(inside, HALL)
            raise
        self.act(Deed.DISPATCHED)

    def _settle(self, row: QueueRow) -> None:
        refund = int(row.row.rpartition("#")[2])
        desk.settle_refund(self.seen, SUPERVISOR, row.case, refund, "转账退回", None)
        self.act(Deed.SETTLED)

    def _resolve(self, row: QueueRow) -> None:
        """Ring the courier up. Somebody there knows what has really become of it."""
        case = load(self.seen, row.case).case
        last = case.last_shipment(Leg(row.row.rpartition("#")[2]))
        assert last is not None
        job = next((job for job in self.jobs if job.order.number == last.order), None)
        resolution = "lost" if job and job.state == "lost" else ""
        if job and not last.left_at and job.state in ("ordered", "cancelled"):
            job.state, resolution = "cancelled", "not_collected"
        if resolution:
            desk.resolve_shipment(self.seen, CLERK, row.case, last.key, resolution, "已致电快递", case.version)
            self.act(Deed.WROTE_OFF)
        else:
            self.world.after(timedelta(days=1), partial(self._wake, row.room))

    def failed_message(self) -> None:
        """A webhook could not be applied: a supervisor tries again, some days in a row."""
        if not self._replaying:
            self._replaying = True
            self.world.follow(self._replay(), self.world.dice.hours(1, 24))

    def _replay(self) -> Course:
        for _ in range(4):
            ids: list[str] = []

            def read() -> None:
                ids.extend(each.id for each in desk.inbox_messages(self.seen, SUPERVISOR, "failed"))  # noqa: B023

            self.world.process("inbox", read)
            for message in ids:
                self.world.process("replay", partial(desk.replay, self.seen, SUPERVISOR, message))
                self.act(Deed.REPLAYED)
            yield timedelta(days=2 if self.world.dice.healed else 4)
        self._replaying = False

    # --- the mail room ---

    def hand_over(self, job: Job) -> bool:
        papers = self.people[job.case].papers
        packed = papers.at(PACKED)
        papers.put(packed, job.waybill)
        return bool(packed)

    def take_in(self, job: Job) -> Course:
        """The clerk opens an envelope, and writes down what is in it until that is taken."""
        person = self.people[job.case]
        inside = person.papers.at(job.waybill)
        person.papers.arrive(inside)
        listed = [m.code for m in load_service(self.seen, person).materials if m.original]
        items = [{"material": code, "present": bool({code, f"lost {code}"} & set(inside))} for code in listed]

        def write_down() -> None:
            desk.receive_originals(self.seen, CLERK, job.case, items, True, None)
            self.act(Deed.RECEIVED)

        yield self.world.dice.hours(0.2, 10)
        while self.world.process("desk receives", write_down) in PASSING | {"no_pickup_ordered"}:
            yield self.world.dice.hours(0.5, 6)


def load_service(hall: Hall, person: Person) -> Any:
    return hall.catalogue.service(person.service, None)
