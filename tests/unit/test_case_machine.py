"""Random commands in any order: no crash, no illegal state, nothing owed for ever, the fold of the log is the case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.adapters.desk_queue import states_of
from chalicelib.domain import commands as c
from chalicelib.domain import events as e
from chalicelib.domain.case import Case
from chalicelib.domain.commit import commit_to_json, first_broken
from chalicelib.domain.due import Kind, Step, attention_at, due, next_courier, pickup_window
from chalicelib.domain.errors import DomainError
from chalicelib.domain.events import RefusedFile
from chalicelib.domain.evolve import evolve
from chalicelib.domain.service import Leg
from chalicelib.domain.status import actions, status, timeline
from chalicelib.domain.whereabouts import Place, originals, parcels
from chalicelib.domain.worklist import worklist
from chalicelib.ports import COURIER_REASONS, COURIER_STATES, DISPUTE_STATES
from tests.cases import Book, service, simple_service

STATUSES = {
    "awaiting_payment",
    "awaiting_pickup",
    "pickup_under_way",
    "awaiting_originals_check",
    "in_review",
    "awaiting_correction",
    "awaiting_dispatch",
    "delivery_under_way",
    "delivered",
    "closed",
    "rejected",
    "withdrawn",
    "lapsed",
}
NEWS = st.sampled_from(COURIER_STATES[1:])
REASONS = st.sampled_from(("", *COURIER_REASONS))
COURIERS = ("ems", "sf")
STRIDES = ["", "pay", "to_pickup", "to_review", "to_approved", "to_dispatched", "to_delivered"]
SERVICES = {
    "whole": service,
    "simple": simple_service,
    "delivery only": lambda: service(
        materials=[],
        legs={"delivery": {}},
        tasks=[
            {"code": "first", "department": "d1", "reads": ["/shop"], "working_days": 1, "certificate": {"code": "x"}}
        ],
    ),
}


class CaseMachine(RuleBasedStateMachine):
    """People, vendors and the hall's own workers, all at once and without any manners."""

    @initialize(name=st.sampled_from(sorted(SERVICES)), how_far=st.sampled_from(STRIDES), files=st.booleans())
    def open(self, name: str, how_far: str, files: bool) -> None:
        """Random walks seldom get far by themselves: each begins somewhere on the way as it should be gone."""
        self.book = Book.open(SERVICES[name](), materials=("photo",) if files else ())
        if how_far:
            self.book.check_files()
        if how_far and self.book.case.service.pickup:
            getattr(self.book, how_far)()

    def attempt(self, command: type[c.Command], **values: Any) -> None:
        try:
            self.book.do(command, **values)
        except DomainError as refusal:
            assert refusal.code  # noqa: PT017 - any coded refusal is right; anything else fails the test

    # --- people ---

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        self.book.pass_time(hours=hours)

    @rule(really=st.integers(0, 9))
    def withdraw(self, really: int) -> None:
        if really == 9:
            self.attempt(c.Withdraw, by="applicant")

    @rule(days=st.integers(-1, 4))
    def reschedule(self, days: int) -> None:
        self.attempt(c.Reschedule, by="applicant", window=self.book.window(days))

    @rule(
        pointer=st.sampled_from(
            ["/shop/area", "/shop", "/applicant/name", "/delivery/address", "/pickup/address", "/else"]
        ),
        photo=st.booleans(),
    )
    def correct(self, pointer: str, photo: bool) -> None:
        materials = ("photo",) if photo else ()
        self.attempt(c.Correct, by="applicant", digest="d", pointers=(pointer,), materials=materials)

    @rule(department=st.sampled_from(["d1", "d2", "", "d9"]), stars=st.integers(0, 6))
    def rate(self, department: str, stars: int) -> None:
        self.attempt(c.Rate, by="applicant", department=department, stars=stars)

    @rule(
        present=st.sets(st.sampled_from(["licence", "deed", "photo"])), by=st.sampled_from(["staff:clerk", "staff:r"])
    )
    def receive(self, present: set[str], by: str) -> None:
        self.attempt(c.ReceiveOriginals, by=by, present=tuple(sorted(present)), missing=())

    @rule(
        task=st.sampled_from(["pre", "first", "second", "answer"]),
        decision=st.sampled_from(["approve", "approve", "approve", "reject", "correct"]),
        department=st.sampled_from(["d1", "d2"]),
        pointer=st.sampled_from(["/shop", "/applicant/name", "/uploads/photo"]),
    )
    def decide(self, task: str, decision: str, department: str, pointer: str) -> None:
        pointers = (pointer,) if decision == "correct" else ()
        values = {"task": task, "decision": decision, "departments": frozenset({department}), "pointers": pointers}
        self.attempt(c.DecideTask, by="staff:r", note="n", **values)

    @rule(contents=st.sampled_from([("certificate",), ("originals",), ("certificate", "originals")]))
    def dispatch(self, contents: tuple[str, ...]) -> None:
        self.attempt(c.Dispatch, by="staff:clerk", contents=contents)

    @rule(leg=st.sampled_from(list(Leg)), attempt=st.integers(1, 3), lost=st.booleans())
    def resolve_shipment(self, leg: Leg, attempt: int, lost: bool) -> None:
        values = {"leg": leg, "attempt": attempt, "resolution": "lost" if lost else "not_collected"}
        self.attempt(c.ResolveShipment, by="staff:clerk", note="n", **values)

    # --- vendors ---

    @rule(n=st.integers(1, 3), state=st.sampled_from(["open", "paid", "expired"]), short=st.booleans())
    def checkout(self, n: int, state: str, short: bool) -> None:
        amount = self.book.case.fee - 1 if short and self.book.case.fee else self.book.case.fee
        payment = f"pi_{n}" if state == "paid" else ""
        self.attempt(c.RecordCheckout, by="payments", **self.book.checkout(f"cs_{n}", state, amount), payment=payment)

    @rule(
        leg=st.sampled_from(list(Leg)), attempt=st.integers(1, 2), state=NEWS, hours=st.integers(-30, 0), reason=REASONS
    )
    def news(self, leg: Leg, attempt: int, state: str, hours: int, reason: str) -> None:
        shipment = self.book.case.shipment(leg, attempt)
        if shipment is None:
            return  # no courier reports an order that it never got
        happened_at = self.book.now + timedelta(hours=hours)
        told = reason if state in ("exception", "delivery_failed") else ""
        self.book.news(leg, state, attempt, happened_at=happened_at, reason=told, courier=shipment.courier)

    @rule(leg=st.sampled_from(list(Leg)), attempt=st.integers(1, 4))
    def refuse_order(self, leg: Leg, attempt: int) -> None:
        self.attempt(c.RecordCourierRefusal, leg=leg, attempt=attempt, code="no")

    @rule(leg=st.sampled_from(list(Leg)), attempt=st.integers(1, 4))
    def courier_knows_no_more(self, leg: Leg, attempt: int) -> None:
        self.attempt(c.RecordSilence, leg=leg, attempt=attempt)

    @rule(leg=st.sampled_from(list(Leg)), attempt=st.integers(1, 5))
    def no_courier_is_left(self, leg: Leg, attempt: int) -> None:
        self.attempt(c.RecordNoCourier, leg=leg, attempt=attempt)

    @rule(leg=st.sampled_from(list(Leg)), attempt=st.integers(1, 4))
    def too_late_to_call_off(self, leg: Leg, attempt: int) -> None:
        self.attempt(c.RecordCancellation, leg=leg, attempt=attempt, done=False)

    @rule(
        refund=st.integers(1, 3),
        state=st.sampled_from(["none", "pending", "succeeded", "failed", "canceled"]),
        made=st.booleans(),
    )
    def refund_news(self, refund: int, state: str, made: bool) -> None:
        self.attempt(c.RecordRefund, by="payments", refund=refund, vendor="re" if made else "", state=state)

    @rule(refund=st.integers(1, 3))
    def settle_refund(self, refund: int) -> None:
        self.attempt(c.SettleRefund, by="staff:s", refund=refund, note="n")

    @rule(
        n=st.integers(1, 3),
        dispute=st.sampled_from(["du_1", "du_2"]),
        state=st.sampled_from(DISPUTE_STATES),
        amount=st.integers(1, 5000),
    )
    def dispute(self, n: int, dispute: str, state: str, amount: int) -> None:
        what = {"dispute": f"{dispute}-{n}", "payment": f"pi_{n}", "amount": amount, "currency": "cny"}
        self.attempt(c.RecordDispute, by="payments", **what, state=state, code="general", respond_by=None)

    # --- the hall's workers ---

    @rule(first=st.booleans())
    def do_a_step(self, first: bool) -> None:
        steps = due(self.book.case, self.book.now)
        if steps:
            self.perform(steps[0] if first else steps[-1])

    def perform(self, step: Step) -> None:
        """What the perform worker would write down after a vendor that answers well."""
        for command, values in _outcome(self.book, step):
            self.book.do(command, **values)

    @rule(refused=st.booleans(), older=st.booleans())
    def files_are_scanned(self, refused: bool, older: bool) -> None:
        files = (RefusedFile("photo", "upload-2", "file_infected"),) if refused else ()
        submission = self.book.case.submission - older
        self.attempt(c.RecordFiles, submission=submission, kept=(), refused=files)

    # --- what must always hold ---

    @invariant()
    def the_case_makes_sense(self) -> None:
        case = self.book.case
        assert status(case) in STATUSES
        assert len(timeline(case)) >= 2
        assert len(set(actions(case))) == len(actions(case))
        assert len({item.row for item in worklist(case, self.book.now)}) == len(worklist(case, self.book.now))
        assert all(states_of(item.room, item.state) for item in worklist(case, self.book.now))
        for leg in Leg:
            assert sum(shipment.live for shipment in case.attempts(leg)) <= 2  # one, and one that is being called off
        for payment in case.payments:
            assert case.refunded(payment.id) <= payment.amount
            refunds = [refund for refund in case.refunds if refund.payment == payment.id]
            gone = case.taken_back(payment.id) + sum(refund.amount for refund in refunds if not refund.waiting)
            assert sum(refund.amount for refund in refunds if refund.waiting) <= max(0, payment.amount - gone)
            assert all(sum(line.amount for line in r.lines) == r.amount for r in refunds if r.lines)
        assert sum(not payment.surplus for payment in case.payments) <= 1
        if case.certificates:
            assert case.all_approved
        self.nothing_is_out_of_account()
        deciders = {task.by for task in case.tasks if task.decision}
        assert "staff:clerk" not in deciders

    def nothing_is_out_of_account(self) -> None:
        case = self.book.case
        assert set(parcels(case)) == {shipment.key for shipment in case.shipments}
        assert set(originals(case)) == {m.code for m in case.service.materials if m.original}
        for code, where in originals(case).items():
            if where.place is Place.COURIER:
                assert where in parcels(case).values()
            if where.place is Place.LOST:
                assert code in {lost for shipment in case.shipments for lost in shipment.lost}
        valid = [item.task for item in case.certificates if not item.lost_at]
        assert len(set(valid)) == len(valid), "two that are good for the same"
        assert all(item.revoked for item in case.certificates if item.lost_at)

    def teardown(self) -> None:
        """The log says what the case says, and nothing is owed for ever: the hall comes to rest when vendors answer."""
        if not hasattr(self, "book"):
            return
        event(f"reached {status(self.book.case)}")
        self.come_to_rest()
        assert self.book.refold() == self.book.case
        self.nothing_went_on_with_unchecked_files()
        assert first_broken(map(commit_to_json, self.book.commits)) is None

    def nothing_went_on_with_unchecked_files(self) -> None:
        case = Case(self.book.case.number, self.book.case.service, self.book.case.calendar)
        for happened in (each for commit in self.book.commits for each in commit.events):
            if isinstance(happened, e.TaskStarted | e.TaskDecided):
                assert case.files_in_order, happened
            if isinstance(happened, e.CourierRequested) and happened.leg == Leg.PICKUP:
                assert case.files_in_order, happened
            case = evolve(case, happened)

    def come_to_rest(self) -> None:
        for _ in range(300):
            steps = due(self.book.case, self.book.now)
            if steps:
                before = self.book.case
                self.perform(steps[0])
                assert self.book.case != before, f"{steps[0]} changes nothing"
                continue
            later = attention_at(self.book.case, self.book.now)
            if later is None:
                return
            self.book.now = max(later, self.book.now)
        raise AssertionError(f"still owed: {due(self.book.case, self.book.now)}")


def _outcome(book: Book, step: Step) -> list[tuple[type[c.Command], dict[str, Any]]]:  # noqa: C901 - a table
    subject, case = step.subject, book.case
    match step.kind:
        case Kind.ASK_CHECKOUT | Kind.EXPIRE_CHECKOUT:
            return [(c.RecordCheckout, {"by": "payments", **book.checkout(subject, "expired", case.fee)})]
        case Kind.LAPSE:
            return [(c.Lapse, {})]
        case Kind.CHECK_FILES:
            return [(c.RecordFiles, {"submission": int(subject), "kept": (), "refused": ()})]
        case Kind.REFUND:
            return [(c.RecordRefund, {"refund": int(subject), "vendor": "re", "state": "pending"})]
        case Kind.ASK_REFUND:
            return [(c.RecordRefund, {"refund": int(subject), "vendor": "re", "state": "succeeded"})]
        case Kind.ASK_DISPUTE:
            known = case.dispute(subject)
            assert known
            told = {"dispute": subject, "payment": known.payment, "amount": known.amount, "currency": "cny"}
            return [(c.RecordDispute, {**told, "state": "won", "code": known.code, "respond_by": None})]
        case Kind.ISSUE:
            number = f"{subject}-{len(case.certificates)}"
            return [(c.RecordCertificate, {"task": subject, "number": number, "digest": "", "valid_until": None})]
        case Kind.NOTIFY:
            return [(c.RecordMessage, {"happening": subject})]
        case Kind.TURN_LIGHT:
            return [(c.TurnLight, {"task": subject})]
        case Kind.BREAK_PROMISE:
            return [(c.BreakPromise, {})]
        case Kind.CLOSE:
            return [(c.Close, {})]
    leg, attempt = Leg(subject.rsplit("-", 1)[0]), int(subject.rsplit("-", 1)[1])
    which = {"leg": leg, "attempt": attempt}
    match step.kind:
        case Kind.ORDER_COURIER:
            courier = next_courier(case, leg, COURIERS)
            if courier is None and case.shipment(leg, attempt) is None:
                return [(c.RecordNoCourier, which)]
            window = pickup_window(case, book.now) if leg is Leg.PICKUP else None
            return [
                (c.RequestCourier, {**which, "courier": courier or "", "window": window}),
                (c.RecordCourierOrder, {**which, "waybill": f"W-{subject}"}),
            ]
        case Kind.CANCEL_COURIER:
            return [(c.RecordCancellation, {**which, "done": True})]
        case Kind.ASK_COURIER:
            state = "delivered" if (shipment := case.shipment(leg, attempt)) and shipment.left_at else "picked_up"
            news = {"waybill": "W", "state": state, "code": state, "happened_at": book.now}
            return [(c.RecordNews, {**which, **news, "identity": f"{subject}-{state}-{book.now}"})]
    raise AssertionError(step)


TestCaseMachine = CaseMachine.TestCase
TestCaseMachine.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
