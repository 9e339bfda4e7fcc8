"""One journey: a world from one seed, from the first form to the day on which nothing is owed any more."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.numbers import case_number
from chalicelib.forms.catalogue import Catalogue
from chalicelib.ports import CourierWebhook
from tests.api import LICENCE, RESIDENCE
from tests.chaos.bank import Bank
from tests.chaos.cloud import Cloud
from tests.chaos.couriers import Depot, Job, Pushes
from tests.chaos.dice import Dice, Fault
from tests.chaos.papers import DOOR, HALL, LOST
from tests.chaos.people import Deed, Desk, Person
from tests.chaos.ports import Outages, seen_through_troubles
from tests.chaos.world import Course, World
from tests.halls import MONDAY, Clock, MemoryHall, Message, RecordingNotifier

CATALOGUE = Catalogue()  # it only reads: one for all journeys
END = timedelta(days=200)
COURIERS = ("swift", "sure")
NUMBER = len("D7K3-M9QF-2XHVA")


class ChaosHall(MemoryHall):
    """A hall whose stores tell the cloud what is new, and whose vendors are the world's."""

    bank: Bank

    def __init__(self, world: World, cloud: Cloud) -> None:
        super().__init__(world.clock.now, catalogue=CATALOGUE, couriers=())
        self.clock = world.clock
        cloud.wire(self)
        self.courier_codes = COURIERS

    def courier_webhook(self, code: str) -> CourierWebhook:
        return Pushes(code)


class Gateway(RecordingNotifier):
    """Keeps the messages' keys, and so sends each once, however often it is asked to."""

    def __init__(self, on_message: Callable[[Message], None], on_other_text: Callable[[str], None]) -> None:
        super().__init__()
        self._on_message = on_message
        self._on_other_text = on_other_text
        self._texts: dict[str, str] = {}

    def _send(self, message: Message) -> None:
        before = self._texts.setdefault(message.key, message.text)
        if before != message.text:
            self._on_other_text(message.key)
        super()._send(message)
        self._on_message(message)


@dataclass
class Journey:
    """``run`` it; then ``tests.chaos.invariants`` tells what is wrong with it."""

    seed: int
    keeps_story: bool = False
    deeds: Counter[Deed] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  # found while it went on
    checks: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        random.seed(self.seed)  # the hall's own jitter
        dice = self.dice = Dice(self.seed)
        start = MONDAY + dice.hours(0, 24 * 7)
        world = self.world = World(dice, Clock(start), self.keeps_story)
        self.healed_at = start + timedelta(days=dice.choice((2, 5, 9, 14)))
        self.cloud = Cloud(world)
        self.jobs: list[Job] = []
        self.outages = {code: self._outages(start, Fault.COURIER_DOWN) for code in COURIERS}
        self.outages["payments"] = self._outages(start, Fault.PROVIDER_DOWN)
        self.hall = hall = ChaosHall(world, self.cloud)
        hall.vendors = {code: Depot(code, world, self, self.jobs, self._skew()) for code in COURIERS}
        hall.bank = Bank(world, self._skew())
        hall.notifier = Gateway(self._told, lambda key: self.wrong.append(f"{key}: another text under the same key"))
        self.seen = seen_through_troubles(self.hall, world, lambda name: self.outages.get(name, Outages([])))
        self.people: dict[str, Person] = {}
        self.persons: list[Person] = []
        self.desk = Desk(world, self.seen, self.people, self.jobs, self._act)
        self._open()

    def _outages(self, start: datetime, fault: Fault) -> Outages:
        dice, spans = self.dice, []
        for _ in range(3):
            if dice.chance(dice.rates[fault]):
                begin = start + dice.hours(0, 24 * 7)
                spans.append((begin, begin + dice.hours(1, 30)))
        return Outages(spans)

    def _skew(self) -> timedelta:
        """Most clocks that are off are off by less than webhooks bear."""
        dice = self.dice
        if not dice.strikes(Fault.CLOCK_SKEW):
            return timedelta()
        return dice.choice((-1, 1)) * dice.seconds(*dice.choice(((1, 60), (1, 60), (60, 290), (60, 290), (310, 900))))

    def _open(self) -> None:
        hall, world = self.hall, self.world
        self.cloud.seen = hall.bank.seen = self.seen
        self.cloud.on_rows = self.desk.see
        hall.bank.on_moved = self.cloud.reconcile_later
        self.cloud.on_failed_message = self.desk.failed_message
        for depot in hall.vendors.values():
            depot.seen = self.seen
            depot.on_booked = self._check_live
        services = self.dice.choice((*[(LICENCE,)] * 5, *[(RESIDENCE,)] * 2, (LICENCE, RESIDENCE)))
        for place, service in enumerate(services):
            person = Person(world, self.seen, hall.bank, service, f"journey-{self.seed}-{place}", self._act)
            self.persons.append(person)
            world.follow(self._apply(person))
        world.at(self.healed_at, self._heal)

    def _apply(self, person: Person) -> Course:
        person.number = case_number(self.hall.mac_key, person.key)
        self.people[person.number] = person
        yield from person.apply()

    def _act(self, deed: Deed) -> None:
        self.deeds[deed] += 1
        self.world.tell(f"» {deed}")

    def _heal(self) -> None:
        self.dice.heal()
        self.world.tell("The world heals.")
        for person in self.persons:
            person.wake(self.dice.hours(0, 5))

    def _told(self, message: Message) -> None:
        person = self.people.get(message.key[:NUMBER])
        if person is None:
            return
        if "-lost-pickup" in message.key:
            person.replace_lost()
        person.told()

    def run(self) -> None:
        self.world.run(self.world.clock.now + END)

    # --- doors: where couriers ring ---

    def hand_over(self, job: Job) -> bool:
        if job.leg == "pickup":
            return self.people[job.case].hand_over(job)
        given = self.desk.hand_over(job)
        if not given:
            self.wrong.append(f"{job.order.number}: a courier came to the hall for nothing")
        return given

    def take_in(self, job: Job) -> None:
        if job.leg == "pickup":
            self.world.follow(self.desk.take_in(job))
        else:
            papers = self.people[job.case].papers
            papers.put(papers.at(job.waybill), DOOR)

    def take_back(self, job: Job) -> None:
        """Undelivered, and back where it came from."""
        papers = self.people[job.case].papers
        papers.put(papers.at(job.waybill), DOOR if job.leg == "pickup" else HALL)

    def lose(self, job: Job) -> None:
        papers = self.people[job.case].papers
        job.inside = papers.at(job.waybill)
        papers.put(job.inside, LOST)

    def find(self, job: Job) -> None:
        papers = self.people[job.case].papers
        lost = papers.at(LOST)
        papers.put([name for each in job.inside for name in (each, f"lost {each}") if name in lost], job.waybill)

    def _check_live(self, booked: Job) -> None:
        self.checks["one live order per leg"] += 1
        live = [job for job in self.jobs if (job.case, job.leg) == (booked.case, booked.leg) and job.live]
        if len(live) > 1:
            self.wrong.append(f"live at once: {', '.join(job.order.number for job in live)}")
