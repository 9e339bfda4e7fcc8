"""Whole ways of a case, told as deeds of people and vendors. A deed that meets a dying process is done again.

So does an applicant who presses the button once more with the same key, and a vendor who repeats its webhook until it
is answered. What the workers did not finish is left to the sweep.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from standardwebhooks import Webhook

from chalicelib.adapters.couriers.open_http import signed
from chalicelib.domain.case import Case
from chalicelib.domain.errors import Conflict
from chalicelib.domain.events import Event
from chalicelib.forms.catalogue import Catalogue
from chalicelib.ports import CaseRecord, Staff
from chalicelib.usecases import applicant, desk, inbox, uploads
from chalicelib.usecases.execute import load
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.submit import Application, submit
from tests.api import LICENCE, LICENCE_ANSWERS, PAPERS, RESIDENCE, RESIDENCE_ANSWERS
from tests.files import EICAR, document, infected, picture
from tests.halls import COURIER, COURIER_SECRET, ROUNDS, STRIPE_SECRET, MemoryHall
from tests.workers.lambdas import Backstage, as_they_come
from tests.workers.mortality import Killed, Life, mortal

CATALOGUE = Catalogue()
CLERK = Staff("clerk-1", frozenset({"clerk"}))
A_SWEEP_LATER = timedelta(minutes=6)  # longer than a lease, than the patience with a sent step, and than two sweeps
MAX = 2**20  # bytes, more than any file of these ways has
Deliver = Callable[[Sequence[Any]], Sequence[Any]]
Files = Mapping[str, Sequence[bytes]]  # by material
NO_FILES: Files = {}


def new_hall() -> MemoryHall:
    """With a catalogue that all halls of these tests share: it only reads. Its uploads are scanned."""
    hall = MemoryHall(catalogue=CATALOGUE)
    hall.scans_uploads = True
    return hall


@dataclass
class Way:
    """One case under way. ``hall`` is the world, ``seen`` what processes are given of it."""

    hall: MemoryHall
    life: Life = field(default_factory=Life)
    deliver: Deliver = as_they_come
    streams: bool = True
    asleep: bool = False  # True: the workers do nothing
    number: str = ""

    def __post_init__(self) -> None:
        self.seen: Hall = mortal(self.hall, self.life)
        self.backstage = Backstage(self.hall, self.seen, self.deliver, self.streams)

    @property
    def case(self) -> Case:
        return load(self.hall, self.number).case

    @property
    def record(self) -> CaseRecord:
        return load(self.hall, self.number).record

    @property
    def events(self) -> list[Event]:
        return [event for commit in self.record.commits for event in commit.events]

    # --- until it is done, whoever dies ---

    def do(self, deed: Callable[[], object]) -> None:
        """A deed of somebody outside, repeated while the process that serves it dies; then the workers' part."""
        for _ in range(ROUNDS):
            try:
                deed()
            except Killed:
                self.life.begin()
            except Conflict:
                assert self.life.deaths, "refused although nothing had gone wrong"
                break
            else:
                break
        self.work()

    def work(self) -> None:
        """What the workers do by themselves."""
        if self.asleep:
            return
        self._until_survived(self.backstage.carry)

    def pass_time(self, span: timedelta) -> None:
        """Time goes by, and the sweep comes round."""
        self.hall.clock.advance(span)
        self._until_survived(self.backstage.sweep)

    def apply_inbox(self) -> None:
        """Only what vendors told; nothing of what follows from it."""
        for message in list(self.hall.inbox.new_before(self.hall.clock() + timedelta(seconds=1))):
            assert inbox.try_apply(self.seen, message)

    def _until_survived(self, work: Callable[[], None]) -> None:
        for _ in range(ROUNDS):
            if self._survives(work):
                return
            self.hall.clock.advance(A_SWEEP_LATER)
            work = self.backstage.sweep
        raise AssertionError("nobody survived a sweep")

    def _survives(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except Killed:
            self.life.begin()
            return False
        return True

    # --- the applicant ---

    def apply_for(self, service: str, answers: Mapping[str, Any], files: Files = NO_FILES) -> None:
        application = Application("a key of 8 or more", service, "", "zh-CN", answers, self.post_files(service, files))

        def deed() -> None:
            self.number = submit(self.seen, application).case.number

        self.do(deed)

    def post_files(self, service: str, files: Files) -> dict[str, list[str]]:
        """Files by material, posted to where the hall offers a place for them; their uploads."""
        return {
            material: [self._post(service, material, content) for content in some] for material, some in files.items()
        }

    def _post(self, service: str, material: str, content: bytes) -> str:
        posted: list[str] = []

        def deed() -> None:
            offer = uploads.offer_form(self.seen, service, material, "https://hall.example/arrived")
            self.hall.uploads.receive(offer.fields, content)
            posted.append(offer.upload)
            uploads.look(self.seen, offer.upload)

        self.do(deed)
        return posted[-1]

    def scan(self) -> None:
        """The scanner looks at all that lies there, and tells what it has found until somebody has heard it."""
        for key in sorted(key for key in self.hall.uploads.stored if key.startswith("offered/")):
            stored = self.hall.uploads.read(key, most=MAX)
            assert stored is not None
            verdict = uploads.INFECTED if EICAR in (stored.content or b"") else uploads.CLEAN
            upload, etag = key.removeprefix("offered/"), stored.etag
            self.do(lambda: self._tell(upload, verdict, etag))  # noqa: B023 - done before the next
        for _ in range(ROUNDS):
            if self.asleep or not self.case.files_unchecked:
                return
            self.pass_time(A_SWEEP_LATER)  # it was heard, but who heard it has died
        raise AssertionError("nobody has looked at the verdicts")

    def _tell(self, upload: str, verdict: str, etag: str) -> None:
        for _ in self.deliver((1,)):
            uploads.record_scan(self.seen, upload, verdict, etag)

    def pay(self) -> None:
        checkout = self.case.checkouts[-1].id
        self.hall.payments.pay(checkout)
        self.do(lambda: self._payment_event(checkout))

    def _payment_event(self, checkout: str) -> None:
        event = {"id": f"evt_{checkout}", "object": "event", "type": "checkout.session.completed"}
        body = json.dumps({**event, "data": {"object": {"id": checkout}}}).encode()
        at = str(int(self.hall.clock().timestamp()))
        signature = hmac.new(STRIPE_SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"stripe-signature": f"t={at},v1={signature}"}
        for _ in self.deliver((1,)):
            inbox.accept_payment_event(self.seen, headers, body)

    def correct(self, values: Mapping[str, Any], files: Files = NO_FILES) -> None:
        posted = self.post_files(self.case.service.id, files)
        self.do(lambda: applicant.correct(self.seen, self.number, values, posted, "zh-CN"))

    def withdraw(self) -> None:
        self.do(lambda: applicant.withdraw(self.seen, self.number, "不需要了"))

    def rate(self, department: str) -> None:
        self.do(lambda: applicant.rate(self.seen, self.number, department, 5, "很快"))

    # --- the desk ---

    def decide(self, task: str, decision: str = "approve", *pointers: str) -> None:
        terms = self.case.service.task(task)
        assert terms is not None
        reviewer = Staff("reviewer-1", frozenset({"reviewer"}), frozenset({terms.department}))
        made = desk.Decision(decision, "" if decision == "approve" else "与原件不符", pointers)
        self.do(lambda: desk.decide_task(self.seen, reviewer, self.number, task, made, None))

    def receive(self, *present: str) -> None:
        items = [{"material": material, "present": material in present} for material in PAPERS]
        self.do(lambda: desk.receive_originals(self.seen, CLERK, self.number, items, True, None))

    def dispatch(self, *contents: str) -> None:
        self.do(lambda: desk.dispatch(self.seen, CLERK, self.number, contents, None))

    # --- the courier ---

    def move(self, leg: str, *states: str) -> None:
        order = f"{self.number}-{leg}-1"
        for state in states:
            self.hall.clock.advance(timedelta(minutes=10))
            shipment = self.hall.courier(COURIER).query(order, "")
            assert shipment is not None, f"{order} was never ordered"
            news = self.hall.courier(COURIER).move(shipment.waybill, state, self.hall.clock())
            data = {"order": order, "waybill": shipment.waybill, "state": state, "at": news.at.isoformat(), "code": "x"}
            body = json.dumps({"type": "shipment.moved", "data": data})
            self.do(lambda body=body, state=state: self._push(body, f"{order}-{state}"))  # type: ignore[misc]

    def _push(self, body: str, id: str) -> None:
        headers = signed(Webhook(COURIER_SECRET), id, self.hall.clock(), body)
        lower = {name.lower(): value for name, value in headers.items()}
        for _ in self.deliver((1,)):
            inbox.accept_courier_push(self.seen, COURIER, lower, body.encode())


# --- the ways ---


def residence(way: Way) -> None:
    """A fee, one department, a certificate by courier, a rating."""
    way.apply_for(RESIDENCE, RESIDENCE_ANSWERS)
    way.pay()
    way.decide("verify-residence")
    way.dispatch("certificate")
    way.move("delivery", "picked_up", "in_transit", "out_for_delivery", "delivered")
    way.rate("public-security")


def licence(way: Way) -> None:
    """A pre-check, a correction, originals by courier, a review, and everything back to the door."""
    way.apply_for(LICENCE, LICENCE_ANSWERS)
    way.pay()
    way.decide("pre-check", "correct", "/business/name")
    way.correct({"/business/name": "上海样例贸易有限公司"})
    way.decide("pre-check")
    way.move("pickup", "picked_up", "delivered")
    way.receive(*PAPERS)
    way.decide("review")
    way.dispatch("certificate", "originals")
    way.move("delivery", "picked_up", "delivered")


def uploaded(way: Way) -> None:
    """Files from the start; one is infected and replaced, and a reviewer asks for one more. Withdrawn after that."""
    way.apply_for(LICENCE, LICENCE_ANSWERS, {"old-licence": [picture(), infected(document())]})
    way.pay()
    way.scan()
    way.correct({}, {"old-licence": [picture("PNG")]})
    way.scan()
    way.decide("pre-check", "correct", "/uploads/representative-identity-card")
    way.correct({}, {"representative-identity-card": [picture()]})
    way.scan()
    way.decide("pre-check")
    way.withdraw()
    way.pass_time(timedelta(minutes=10))


def withdrawn(way: Way) -> None:
    """Withdrawn before the courier came: the courier is called off, the fee goes back."""
    way.apply_for(LICENCE, LICENCE_ANSWERS)
    way.pay()
    way.decide("pre-check")
    way.withdraw()
    way.pass_time(timedelta(minutes=10))


def rejected(way: Way) -> None:
    """Rejected with the originals at the hall: they go back, and so does what was not earned."""
    way.apply_for(LICENCE, LICENCE_ANSWERS)
    way.pay()
    way.decide("pre-check")
    way.move("pickup", "picked_up", "delivered")
    way.receive(*PAPERS)
    way.decide("review", "reject")
    way.dispatch("originals")
    way.move("return", "picked_up", "delivered")


@dataclass(frozen=True)
class Ending:
    """What has to be so in the end, whatever went wrong on the way."""

    way: Callable[[Way], None]
    ending: str
    legs: tuple[str, ...]
    fee: int
    refunded: int
    certificates: int
    files: tuple[str, ...] = ()  # the types of what the desk can read at last


ENDINGS = {
    "residence": Ending(residence, "closed", ("delivery",), 1000, 0, 1),
    "licence": Ending(licence, "closed", ("pickup", "delivery"), 2400, 0, 1),
    "uploaded": Ending(uploaded, "withdrawn", ("pickup",), 2400, 2400, 0, ("image/png", "image/jpeg")),
    "withdrawn": Ending(withdrawn, "withdrawn", ("pickup",), 2400, 2400, 0),
    "rejected": Ending(rejected, "rejected", ("pickup", "return"), 2400, 0, 0),
}
