"""Small services, a calendar and a hand for driving the rule book, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.domain import commands as c
from chalicelib.domain.case import Case
from chalicelib.domain.commit import Commit, make_commit
from chalicelib.domain.decide import decide
from chalicelib.domain.events import Event, KeptFile, Line, RefusedFile, Window
from chalicelib.domain.evolve import fold
from chalicelib.domain.service import Leg, Service, service_from_json

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")
CASE = "D7K3-M9QF-2XHV5"


@dataclass(frozen=True)
class WeekdayCalendar:
    """Monday to Friday, no holidays."""

    zone: ZoneInfo = SHANGHAI

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5


def service(**changes: Any) -> Service:
    """The whole way: pre-check, pickup, two reviews in a row by two departments, delivery; fee 50 in three lines."""
    document = {
        "id": "sample",
        "version": "1",
        "fee": {
            "currency": "cny",
            "lines": [
                {"code": "service", "amount": 1000, "refund_until": "review_started"},
                {"code": "pickup", "amount": 1200, "refund_until": "picked_up"},
                {"code": "delivery", "amount": 2800, "refund_until": "dispatched"},
            ],
        },
        "materials": [
            {"code": "photo", "upload": True},
            {"code": "licence", "original": True, "returned": False},
            {"code": "deed", "original": True, "returned": True},
        ],
        "tasks": [
            {"code": "pre", "department": "d1", "stage": "pre_check", "reads": ["/applicant/name"], "working_days": 1},
            {
                "code": "first",
                "department": "d1",
                "reads": ["/applicant/name", "/shop"],
                "working_days": 2,
                "certificate": {"code": "licence", "valid_days": 365},
            },
            {
                "code": "second",
                "department": "d2",
                "reads": ["/shop"],
                "after": ["first"],
                "working_days": 2,
                "certificate": {"code": "permit"},
            },
        ],
        "legs": {"pickup": {}, "delivery": {}},
        "promise": {"working_days": 5, "refund_line": "service"},
    }
    return service_from_json({**document, **changes})


def simple_service(**changes: Any) -> Service:
    """One task and nothing to pay, to fetch or to bring."""
    plain: dict[str, Any] = {
        "fee": {"currency": "cny", "lines": []},
        "materials": [],
        "tasks": [{"code": "answer", "department": "d1", "reads": ["/applicant/name"], "working_days": 2}],
        "legs": {},
        "promise": {"working_days": 3},
    }
    return service(**{**plain, **changes})


@dataclass
class Book:
    """A case being driven through the rule book: each ``do`` is one commit, ``pass_time`` moves its clock."""

    case: Case
    now: datetime = MONDAY
    commits: list[Commit] = field(default_factory=list)

    @staticmethod
    def open(terms: Service | None = None, **changes: Any) -> Book:
        terms = terms or service()
        book = Book(Case(CASE, terms, WeekdayCalendar()))
        submit: dict[str, Any] = {
            "language": "zh-CN",
            "idempotency": "i",
            "request": "r",
            "digest": "d",
            "lines": tuple(Line(line.code, line.amount) for line in terms.fee_lines),
            "tasks": tuple(task.code for task in terms.tasks),
            "window": book.window() if terms.pickup else None,
        }
        book.do(c.Submit, by="applicant", **{**submit, **changes})
        return book

    def window(self, days: int = 1) -> Window:
        start = self.now + timedelta(days=days)
        return Window(start, start + timedelta(hours=2))

    def do(self, command: type[c.Command], *, by: str = "hall", **values: Any) -> tuple[Event, ...]:
        self.now += timedelta(seconds=1)
        events = decide(self.case, command(at=self.now, by=by, **values))
        if events:
            commit = make_commit(self.case.number, self.case.version + 1, events, self.case.head)
            self.commits.append(commit)
            self.case = fold(self.case, [commit])
        return events

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)

    def refold(self) -> Case:
        return fold(Case(self.case.number, self.case.service, self.case.calendar), self.commits)

    # --- larger strides ---

    def check_files(self, *refused: str, code: str = "file_infected") -> tuple[Event, ...]:
        """All that was sent is clean, but for the photos of these materials."""
        kept = () if refused else (KeptFile("upload-1", "image/jpeg", 2048),)
        files = tuple(RefusedFile(material, f"upload-of-{material}", code) for material in refused)
        return self.do(c.RecordFiles, submission=self.case.submission, kept=kept, refused=files)

    def pay(self, checkout: str = "cs_1", payment: str = "pi_1", amount: int | None = None) -> tuple[Event, ...]:
        paid = self.case.fee if amount is None else amount
        return self.do(c.RecordCheckout, by="payments", **self.checkout(checkout, "paid", paid), payment=payment)

    def open_checkout(self, checkout: str = "cs_1", state: str = "open") -> tuple[Event, ...]:
        return self.do(c.RecordCheckout, by="payments", **self.checkout(checkout, state, self.case.fee))

    def checkout(self, id: str, state: str, amount: int) -> dict[str, Any]:
        return {
            "checkout": id,
            "url": f"https://pay.example/{id}",
            "state": state,
            "amount": amount,
            "currency": "cny",
            "expires_at": self.now + timedelta(hours=23),
        }

    def decide(
        self, task: str, decision: str = "approve", by: str = "staff:reviewer", **values: Any
    ) -> tuple[Event, ...]:
        terms = self.case.service.task(task)
        note = "" if decision == "approve" else "note"
        defaults = {"departments": frozenset({terms.department if terms else "d1"}), "note": note}
        return self.do(c.DecideTask, by=by, task=task, decision=decision, **{**defaults, **values})

    def order(self, leg: Leg, attempt: int = 1, waybill: str = "W1") -> None:
        window = self.case.window if leg is Leg.PICKUP else None
        self.do(c.RequestCourier, leg=leg, attempt=attempt, courier="ems", window=window)
        self.do(c.RecordCourierOrder, by="courier:ems", leg=leg, attempt=attempt, waybill=waybill)

    def news(self, leg: Leg, state: str, attempt: int = 1, courier: str = "ems", **values: Any) -> tuple[Event, ...]:
        at = values.pop("happened_at", self.now)
        defaults = {"waybill": "W1", "code": state, "identity": f"{leg}-{attempt}-{state}-{at}"}
        return self.do(
            c.RecordNews,
            by=f"courier:{courier}",
            leg=leg,
            attempt=attempt,
            state=state,
            happened_at=at,
            **{**defaults, **values},
        )

    def receive(self, *present: str, by: str = "staff:clerk") -> tuple[Event, ...]:
        return self.do(c.ReceiveOriginals, by=by, present=present or ("licence", "deed"), missing=())

    def to_pickup(self) -> Book:
        self.pay()
        if self.case.service.task("pre"):
            self.decide("pre")
        self.order(Leg.PICKUP)
        return self

    def to_review(self) -> Book:
        self.to_pickup()
        self.news(Leg.PICKUP, "picked_up")
        self.news(Leg.PICKUP, "delivered")
        self.receive()
        return self

    def to_approved(self) -> Book:
        self.to_review()
        self.decide("first")
        self.decide("second")
        return self

    def issue(self) -> Book:
        for task in self.case.terms:
            if task.certificate:
                number = f"N-{task.code}"
                self.do(c.RecordCertificate, task=task.code, number=number, digest="00", valid_until=None)
        return self

    def to_dispatched(self) -> Book:
        self.to_approved().issue()
        self.do(c.Dispatch, by="staff:clerk", contents=("certificate", "originals"))
        self.order(Leg.DELIVERY, waybill="W2")
        return self

    def to_delivered(self) -> Book:
        self.to_dispatched()
        self.news(Leg.DELIVERY, "picked_up", waybill="W2")
        self.news(Leg.DELIVERY, "delivered", waybill="W2")
        return self


def without_version(case: Case) -> Case:
    return replace(case, version=0, head="")
