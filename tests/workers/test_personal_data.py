"""Who somebody is stands in what they sent, on what is done for them, and nowhere else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

import pytest

from chalicelib.domain.commit import commit_to_json
from chalicelib.domain.due import Step
from chalicelib.logs import JsonFormatter, logger
from chalicelib.usecases import drafts
from chalicelib.usecases.drafts import Draft
from chalicelib.usecases.execute import load
from tests.api import APPLICANT, LICENCE, LICENCE_ANSWERS, PAPERS, RESIDENCE, RESIDENCE_ANSWERS, Api, Json, api_over
from tests.halls import COURIER, MemoryHall
from tests.workers.faults import Faulty
from tests.workers.journeys import new_hall

EMAIL = "zhangsan@mail.example"
REASON, COMMENT, CHANGE = "照片里的名称不清楚", "快递员很客气", "上海样例贸易有限公司"
PERSONAL = (
    APPLICANT["name"], APPLICANT["phone"], APPLICANT["id_number"], "样例路 1 号", EMAIL, "李四", "上海样例商贸有限公司",
    "310104000000001", REASON, COMMENT, CHANGE,
)  # fmt: skip


@dataclass
class Witness:
    """A hall, everything that is logged in it, and everything that vendors and the queue are given."""

    api: Api
    log: StringIO
    given: list[Any]

    @property
    def hall(self) -> MemoryHall:
        return self.api.hall

    def case(self, number: str) -> str:
        return json.dumps([commit_to_json(c) for c in load(self.hall, number).record.commits], ensure_ascii=False)


@pytest.fixture
def witness() -> Iterator[Witness]:
    hall, lines, given = new_hall(), StringIO(), []

    def seen(*args: Any, **kwargs: Any) -> None:
        given.append(([repr(arg) for arg in args], {name: repr(value) for name, value in kwargs.items()}))

    hall.payments = Faulty(Faulty(hall.payments, "open_checkout", seen), "refund", seen)  # type: ignore[assignment]
    hall.steps = Faulty(hall.steps, "send", seen)  # type: ignore[assignment]
    hall.read_model = Faulty(hall.read_model, "save", seen)  # type: ignore[assignment]
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    root = logger("test").parent
    assert root is not None
    root.addHandler(handler)
    try:
        with api_over(hall) as api:
            yield Witness(api, lines, given)
    finally:
        root.removeHandler(handler)


def applied(api: Api, service: str) -> Json:
    answers = RESIDENCE_ANSWERS if service == RESIDENCE else LICENCE_ANSWERS
    with_email = {**answers, "applicant": {**APPLICANT, "email": EMAIL}}
    assert api.submit(service, {**with_email, "applicant": {**APPLICANT, "email": "no address"}}).status == 422
    accepted = api.submit(service, with_email)
    assert accepted.status == 201, accepted.body
    api.hall.drain()
    case: Json = accepted.json
    api.pay(case)
    return case


def the_whole_way(api: Api) -> Json:
    case = applied(api, LICENCE)
    api.decide(case, "pre-check", "market-regulation", "correct", reason=REASON, pointers=["/business/name"])
    token = api.session(case)
    path = f"/v1/cases/{case['case']}"
    assert api.post(f"{path}/corrections", {"answers": {"/business/name": CHANGE}}, token).status == 200
    api.hall.drain()
    api.decide(case, "pre-check", "market-regulation")
    api.move(f"{case['case']}-pickup-1", "picked_up", "delivered")
    api.receive(case, *PAPERS)
    api.decide(case, "review", "market-regulation")
    api.dispatch(case, "certificate", "originals")
    api.move(f"{case['case']}-delivery-1", "picked_up", "delivered")
    assert api.get(path, token := api.session(case)).status == 200
    assert api.post(f"{path}/ratings", {"stars": 2, "comment": COMMENT}, token).status == 201
    api.hall.drain()
    assert api.track(case)["status"] == "closed"
    return case


def the_way_back(api: Api) -> Json:
    case = applied(api, RESIDENCE)
    assert api.post(f"/v1/cases/{case['case']}/withdrawal", {"reason": REASON}, api.session(case)).status == 200
    api.hall.drain()
    assert api.track(case)["payment"]["refunded"] == 1000
    return case


def found_in(text: str) -> list[str]:
    return [value for value in PERSONAL if value in text or json.dumps(value)[1:-1] in text]


@pytest.mark.parametrize("way", [the_whole_way, the_way_back])
def test_the_log_of_commits_says_nothing_of_who_somebody_is(witness: Witness, way: Any) -> None:
    case = way(witness.api)
    commits = witness.case(case["case"])
    assert commits.count('"type"') > 10
    assert found_in(commits) == []


@pytest.mark.parametrize("way", [the_whole_way, the_way_back])
def test_neither_do_lines_of_the_desk_steps_payments_and_the_inbox(witness: Witness, way: Any) -> None:
    case = way(witness.api)
    rows = witness.hall.read_model.queue(None, "", limit=100, cursor="").rows
    assert found_in(repr([asdict(row) for row in rows])) == []
    given = repr(witness.given)
    assert f"https://hall.example/t/{case['tracking']}" in given
    assert Step.__name__ in given
    assert found_in(given) == []


@pytest.mark.parametrize("way", [the_whole_way, the_way_back])
def test_neither_do_small_records_though_a_draft_is_among_them(witness: Witness, way: Any) -> None:
    hall = witness.hall
    fields = {f"/{number}": [value] for number, value in enumerate(PERSONAL)}
    draft = Draft(drafts.new_id(), LICENCE, "1", "zh-CN", fields, "key-00000001", {}, hall.now(), "+8613800000000")
    drafts.send_code(hall, drafts.save(hall, draft), "zh-CN")
    way(witness.api)
    records = "\n".join(f"{key} {record.value.decode()}" for key, record in hall.lookups._records.items())
    assert "sealed" in records
    assert found_in(records) == []
    assert found_in(witness.log.getvalue()) == []
    kept = drafts.load(hall, draft.id)
    assert kept is not None
    assert kept.fields == fields


@pytest.mark.parametrize("way", [the_whole_way, the_way_back])
def test_neither_do_logs(witness: Witness, way: Any) -> None:
    way(witness.api)
    lines = [json.loads(line) for line in witness.log.getvalue().splitlines()]
    assert {"doorstep.api"} <= {line["logger"] for line in lines}
    assert found_in(witness.log.getvalue()) == []


def test_an_error_that_quotes_somebody_is_logged_without_its_words(witness: Witness) -> None:
    case = applied(witness.api, RESIDENCE)

    def quote(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"no such person: {APPLICANT['name']} {APPLICANT['phone']}")

    witness.hall.log = Faulty(witness.hall.log, "load", quote)  # type: ignore[assignment]
    assert witness.api.get(f"/v1/track/{case['tracking']}").status == 500
    assert "RuntimeError" in witness.log.getvalue()
    assert found_in(witness.log.getvalue()) == []


@pytest.mark.parametrize("way", [the_whole_way, the_way_back])
def test_messages_name_the_case_and_its_tracking_page_only(witness: Witness, way: Any) -> None:
    case = way(witness.api)
    messages = witness.hall.notifier.messages
    assert {message.channel for message in messages} == {"sms", "email"}
    assert {message.to for message in messages} == {f"+86{APPLICANT['phone']}", EMAIL}
    assert found_in(repr([(message.key, message.text) for message in messages])) == []
    assert all(case["case"] in message.text for message in messages)


def test_the_courier_is_told_the_door_and_the_certificate_its_holder(witness: Witness) -> None:
    """The other side of it: where the data is needed it has to be, or the tests above would pass for nothing."""
    case = the_whole_way(witness.api)
    orders = repr(witness.hall.courier(COURIER).orders)
    assert APPLICANT["name"] in orders
    assert APPLICANT["phone"] in orders
    assert "样例路 1 号" in orders
    record = load(witness.hall, case["case"]).record
    assert set(found_in(repr((record.submissions, record.notes)))) == set(PERSONAL)
