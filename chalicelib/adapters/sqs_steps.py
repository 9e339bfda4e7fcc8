"""Steps for the perform worker, by SQS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.due import Step
from chalicelib.ports import VendorTemporary

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, SendMessageBatchRequestEntryTypeDef

VENDOR = "sqs"
BATCH = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html


class SqsStepQueue:
    """Implements ports.StepQueue. A message is ``{"case": …, "kind": …, "subject": …}``."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, case: str, steps: Sequence[Step]) -> None:
        """Ten in a request; what was not taken is tried once more. VendorTemporary: some were not taken then either."""
        left = iter(steps)
        refused: list[str] = []
        while batch := list(islice(left, BATCH)):
            refused += self._send([_message(case, step, number) for number, step in enumerate(batch)])
        if refused:
            raise VendorTemporary(VENDOR, refused[0])

    def _send(self, messages: list[SendMessageBatchRequestEntryTypeDef]) -> list[str]:
        """Gives the codes of those that were refused twice."""
        refused = {failure["Id"] for failure in self._try(messages)}
        again = [message for message in messages if message["Id"] in refused]
        return [failure["Code"] for failure in self._try(again)] if again else []

    def _try(self, messages: list[SendMessageBatchRequestEntryTypeDef]) -> list[BatchResultErrorEntryTypeDef]:
        try:
            return self._client.send_message_batch(QueueUrl=self._queue_url, Entries=messages).get("Failed", [])
        except ClientError as error:
            raise VendorTemporary(VENDOR, error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise VendorTemporary(VENDOR, type(error).__name__) from error


def _message(case: str, step: Step, number: int) -> SendMessageBatchRequestEntryTypeDef:
    body = json.dumps({"case": case, "kind": step.kind, "subject": step.subject})
    return {"Id": str(number), "MessageBody": body}
