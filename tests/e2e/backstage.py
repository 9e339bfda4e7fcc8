"""What stands behind the hall's door: functions, streams, queues and tables, for tests that interfere with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from chalicelib.adapters.dynamodb.case_log import DynamoCaseLog
from chalicelib.adapters.dynamodb.tables import connect
from infra.local import cloud
from infra.local.demo import NUDGE, Walk
from infra.local.deployment import WORKERS
from tests.e2e.halls import PATIENCE_S, Hall

Item = dict[str, Any]


def wait_until(holds: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    """AssertionError when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(NUDGE)


class Backstage:
    """Of the hall that is open now: after a restart, ask for another."""

    def __init__(self, hall: Hall) -> None:
        self.layout = hall.layout
        self.stack: Mapping[str, str] = hall.addresses["stack"]
        self._functions = cloud.client(hall.layout, "lambda")
        self._queues = cloud.client(hall.layout, "sqs")
        self._tables = cloud.client(hall.layout, "dynamodb")

    # --- functions ---

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """What a function gives back; AssertionError when it failed."""
        answer = self._functions.invoke(FunctionName=self.stack[name], Payload=json.dumps(event))
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def sweep(self) -> Mapping[str, int]:
        """Have the sweep look at what was written just now, too."""
        found: Mapping[str, int] = self.invoke("SweepName", {"grace_s": 0})
        return found

    def settings(self, name: str) -> dict[str, str]:
        """The environment of a function, with what leads to the emulated AWS."""
        return {**self._variables(name), **cloud.environment(self.layout)}

    def _variables(self, name: str) -> dict[str, str]:
        found = self._functions.get_function_configuration(FunctionName=self.stack[name])
        return dict(found["Environment"]["Variables"])

    @contextmanager
    def set_up(self, name: str, **settings: str) -> Iterator[None]:
        """Other settings for a function, as an operator would change them."""
        variables = self._variables(name)
        self._configure(name, variables | settings)
        try:
            yield
        finally:
            self._configure(name, variables)

    def _configure(self, name: str, variables: Mapping[str, str]) -> None:
        """While nothing comes to the function: the emulator ends a worker in the middle of its work, and leaves one
        that is just starting the settings of before."""
        function = self.stack[name]
        with self.cut_off(name), ThreadPoolExecutor(WORKERS) as calls:
            list(calls.map(lambda _: self.invoke(name, {"Records": []}), range(WORKERS)))
            self._functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
            self._functions.get_waiter("function_updated_v2").wait(FunctionName=function)

    @contextmanager
    def cut_off(self, name: str) -> Iterator[None]:
        """Nothing comes to this function by itself: neither from streams nor from a queue."""
        self.connect(name, enabled=False)
        try:
            yield
        finally:
            self.connect(name, enabled=True)

    def connect(self, name: str, *, enabled: bool) -> None:
        """Let streams and queues call a function, or not."""
        state = "Enabled" if enabled else "Disabled"
        for mapping in self._mappings(name):
            self._functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        wait_until(lambda: all(one["State"] == state for one in self._mappings(name)), f"{name} to be {state}")

    def _mappings(self, name: str) -> Sequence[Item]:
        found: Sequence[Item] = self._functions.list_event_source_mappings(FunctionName=self.stack[name])[
            "EventSourceMappings"
        ]
        assert found, f"nothing calls {name}"
        return found

    # --- queues ---

    def receive(self, queue: str = "StepsQueueUrl", *, hidden_s: int = 60) -> list[Item]:
        """Up to ten messages, which nobody else gets for a while."""
        answer = self._queues.receive_message(
            QueueUrl=self.stack[queue], MaxNumberOfMessages=10, VisibilityTimeout=hidden_s
        )
        return list(answer.get("Messages", ()))

    def done(self, message: Item, queue: str = "StepsQueueUrl") -> None:
        self._queues.delete_message(QueueUrl=self.stack[queue], ReceiptHandle=message["ReceiptHandle"])

    def work(self, *, twice: bool = False) -> list[str]:
        """Do the worker's part by hand, once through the queue; gives the messages.

        ``twice``: two workers at the same time get every message twice, in reverse order.
        """
        messages = self.receive()
        if messages:
            records = [record_of(message) for message in messages]
            events = [{"Records": records[::-1] * 2}] * 2 if twice else [{"Records": records}]
            with ThreadPoolExecutor(len(events)) as workers:
                answers = list(workers.map(lambda event: self.invoke("PerformName", event), events))
            failed = {one["itemIdentifier"] for answer in answers for one in answer["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] in failed:
                    self.put_back(message)
                else:
                    self.done(message)
        return [message["Body"] for message in messages]

    def put_back(self, message: Item) -> None:
        """For whoever comes next, at once."""
        self._queues.change_message_visibility(
            QueueUrl=self.stack["StepsQueueUrl"], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )

    # --- tables ---

    def items(self, table: str) -> list[Item]:
        """Everything in a table, as DynamoDB writes it."""
        pages = self._tables.get_paginator("scan").paginate(TableName=self.stack[table], ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def expire_lease(self, case: str, kind: str, subject: str) -> None:
        """As if its two minutes were over."""
        self._tables.update_item(
            TableName=self.stack["LookupsTable"],
            Key={"key": {"S": f"lease#{case}-{kind}-{subject}"}},
            UpdateExpression="SET expires = :over",
            ConditionExpression="attribute_exists(expires)",
            ExpressionAttributeValues={":over": {"N": "1"}},
        )

    def erase(self, case: str) -> None:
        """Forget the person: their answers and every free text. The environment has to lead to the emulated AWS."""
        DynamoCaseLog(self.stack["CasesTable"], connect(cloud.REGION, self.layout.cloud_url)).erase(case)


def record_of(message: Item) -> Item:
    """A message of the queue as Lambda hands it to a function."""
    return {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"]}


class HandWorked(Walk):
    """A walk on which, whenever it waits, somebody does the background work that the test took from the hall."""

    work: Callable[[], object]

    def pause(self) -> None:
        self.work()
        super().pause()
