"""What every queue of steps does, and how SQS's refusals are met."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from chalicelib.adapters.memory import MemoryStepQueue
from chalicelib.adapters.sqs_steps import SqsStepQueue
from chalicelib.domain.due import Kind, Step
from chalicelib.ports import StepQueue, VendorTemporary
from infra.local.cloud import REGION
from tests.support import count_requests, hooked

CASE = "D7K3-M9QF-2XHVA"
NOW = datetime(2026, 1, 5, tzinfo=UTC)
Sent = list[tuple[str, str, str]]
_numbers = itertools.count(1)


def steps(count: int) -> list[Step]:
    return [Step(Kind.REFUND, str(number), NOW) for number in range(1, count + 1)]


@pytest.fixture
def sqs(ministack: str) -> Any:
    return boto3.client("sqs", endpoint_url=ministack, region_name=REGION)


@pytest.fixture
def queue_url(sqs: Any) -> str:
    url: str = sqs.create_queue(QueueName=f"steps-{next(_numbers)}")["QueueUrl"]
    return url


@pytest.fixture(params=["memory", "sqs"])
def queue(request: pytest.FixtureRequest) -> tuple[StepQueue, Callable[[], Sent]]:
    """A queue, and how to take what was sent."""
    if request.param == "memory":
        memory = MemoryStepQueue()
        return memory, memory.take
    sqs, url = request.getfixturevalue("sqs"), request.getfixturevalue("queue_url")
    return SqsStepQueue(sqs, url), lambda: _taken(sqs, url)


def _taken(sqs: Any, url: str) -> Sent:
    taken: Sent = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            body = json.loads(message["Body"])
            taken.append((body["case"], body["kind"], body["subject"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return taken


@pytest.mark.parametrize("count", [0, 1, 10, 23])
def test_every_step_arrives_once(queue: tuple[StepQueue, Callable[[], Sent]], count: int) -> None:
    steps_queue, take = queue
    steps_queue.send(CASE, steps(count))
    assert sorted(take()) == sorted((CASE, "refund", str(number)) for number in range(1, count + 1))
    assert take() == []


def test_a_message_is_what_the_perform_worker_reads(sqs: Any, queue_url: str) -> None:
    SqsStepQueue(sqs, queue_url).send(CASE, [Step(Kind.NOTIFY, "decided", NOW)])
    (message,) = sqs.receive_message(QueueUrl=queue_url)["Messages"]
    assert json.loads(message["Body"]) == {"case": CASE, "kind": "notify", "subject": "decided"}


def test_ten_go_in_a_request(sqs: Any, queue_url: str) -> None:
    with count_requests(sqs) as counted:
        SqsStepQueue(sqs, queue_url).send(CASE, steps(23))
    assert counted == {"SendMessageBatch": 3}


class Refusing:
    """Has SQS refuse these messages of a batch, so many times."""

    def __init__(self, ids: set[str], times: int) -> None:
        self._ids, self._times = ids, times
        self.batches: list[list[str]] = []

    def before(self, params: dict[str, Any], **_: Any) -> None:
        self.batches.append([entry["Id"] for entry in params["Entries"]])

    def after(self, parsed: dict[str, Any], **_: Any) -> None:
        if len(self.batches) <= self._times:
            refused = [name for name in self.batches[-1] if name in self._ids]
            parsed["Failed"] = [{"Id": name, "Code": "InternalError", "SenderFault": False} for name in refused]


def test_what_sqs_refuses_is_tried_once_more(sqs: Any, queue_url: str) -> None:
    refusing = Refusing({"3", "7"}, times=1)
    with hooked(sqs, "before-parameter-build", refusing.before), hooked(sqs, "after-call", refusing.after):
        SqsStepQueue(sqs, queue_url).send(CASE, steps(10))
    assert refusing.batches == [[str(number) for number in range(10)], ["3", "7"]]


def test_what_sqs_refuses_twice_is_raised_after_all_others_were_sent(sqs: Any, queue_url: str) -> None:
    refusing = Refusing({"3"}, times=2)
    with (
        hooked(sqs, "before-parameter-build", refusing.before),
        hooked(sqs, "after-call", refusing.after),
        pytest.raises(VendorTemporary, match="InternalError"),
    ):
        SqsStepQueue(sqs, queue_url).send(CASE, steps(12))
    assert [len(batch) for batch in refusing.batches] == [10, 1, 2]


def test_a_queue_that_is_not_there_is_temporary(sqs: Any) -> None:
    with pytest.raises(VendorTemporary):
        SqsStepQueue(sqs, f"{sqs.meta.endpoint_url}/000000000000/nowhere").send(CASE, steps(1))
