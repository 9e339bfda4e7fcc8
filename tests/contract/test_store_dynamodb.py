"""What only the store on DynamoDB has: how many requests a thing costs, and what becomes of DynamoDB's failures."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session
from pynamodb.connection import Connection

from chalicelib.adapters.dynamodb import models, tables
from chalicelib.adapters.dynamodb.case_log import DynamoCaseLog
from chalicelib.adapters.dynamodb.lookups import DynamoLookups
from chalicelib.adapters.dynamodb.read_model import DynamoReadModel
from chalicelib.ports import Note, VendorRejected, VendorTemporary, VendorUnknown, VersionTaken
from infra.local.cloud import REGION
from tests.contract.stores import DynamoStore, table_definition
from tests.contract.test_store_case_log import CASE, NOW, a_chain, a_commit, a_submission
from tests.contract.test_store_read_model import POLICE, a_row
from tests.contract.test_store_records import a_certificate, a_message
from tests.support import count_requests, hooked

# --- keys


@pytest.mark.parametrize(
    ("model", "resource"),
    [
        (models.CaseItem, "Cases"),
        (models.ViewItem, "Views"),
        (models.InboxItem, "Inbox"),
        (models.CertificateItem, "Certificates"),
        (models.LookupItem, "Lookups"),
    ],
)
def test_models_and_template_have_the_same_keys_and_indexes(model: Any, resource: str, aws_credentials: None) -> None:
    bound = tables.bind(model, resource, tables.connect(region=REGION, host="http://127.0.0.1:9"))
    ours = bound._get_connection().get_meta_table().data
    theirs = table_definition(resource)
    assert _keys(ours["KeySchema"]) == _keys(theirs["KeySchema"])
    assert _types(ours["AttributeDefinitions"]) == _types(theirs["AttributeDefinitions"])
    assert _indexes(ours["GlobalSecondaryIndexes"]) == _indexes(theirs.get("GlobalSecondaryIndexes", []))


def _types(definitions: list[dict[str, str]]) -> dict[str, str]:
    return {each["AttributeName"]: each["AttributeType"] for each in definitions}


def _keys(schema: list[dict[str, str]]) -> dict[str, str]:
    return {each["KeyType"]: each["AttributeName"] for each in schema}


def _indexes(indexes: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    return {index["IndexName"]: _keys(index["KeySchema"]) for index in indexes}


# --- what it costs


@pytest.mark.parametrize("order", [(models.ViewItem, models.LedgerItem), (models.LedgerItem, models.ViewItem)])
def test_whichever_of_two_models_comes_first_to_their_table_its_indexes_are_known(
    order: tuple[Any, ...], aws_credentials: None
) -> None:
    connection = tables.connect(region=REGION, host="http://127.0.0.1:9")
    for model in order:
        tables.bind(model, "Shared", connection)
    assert all(
        connection.get_meta_table("Shared").has_index_name(index) for index in ("queue", "overview", "attention")
    )


def test_a_submission_is_one_transaction_and_no_read(dynamo: DynamoStore) -> None:
    log = dynamo.case_log()
    with count_requests(dynamo.connection) as counted:
        log.append(a_commit(), a_submission(name="张三"))
    assert counted == {"TransactWriteItems": 1}


def test_a_decision_is_one_query_and_one_put(dynamo: DynamoStore) -> None:
    log = dynamo.case_log()
    first, second = a_chain(2)
    log.append(first, a_submission(), Note(CASE, "digest", "salt", "text"))
    with count_requests(dynamo.connection) as counted:
        log.load(CASE)
        log.append(second)
    assert counted == {"Query": 1, "PutItem": 1}


def test_a_version_that_is_taken_costs_one_request(dynamo: DynamoStore) -> None:
    log = dynamo.case_log()
    log.append(a_commit())
    with count_requests(dynamo.connection) as counted:
        with pytest.raises(VersionTaken):
            log.append(a_commit(told="late"))
        with pytest.raises(VersionTaken):
            log.append(a_commit(told="late"), a_submission())
    assert counted == {"PutItem": 1, "TransactWriteItems": 1}


def test_handing_on_is_one_update(dynamo: DynamoStore) -> None:
    log = dynamo.case_log()
    log.append(a_commit())
    with count_requests(dynamo.connection) as counted:
        log.relayed(CASE, 1)
    assert counted == {"UpdateItem": 1}
    assert all("outbox" not in item for item in dynamo.items())


def test_a_large_case_is_read_page_by_page(dynamo: DynamoStore) -> None:
    log = dynamo.case_log()
    for commit in a_chain(8, told="证" * 60_000):  # 1.4 MB
        log.append(commit)
    with count_requests(dynamo.connection) as counted:
        record = log.load(CASE)
    assert record is not None
    assert len(record.commits) == 8
    assert counted == {"Query": 2}


def test_saving_costs_a_query_and_a_write_and_an_older_version_only_the_query(dynamo: DynamoStore) -> None:
    views = dynamo.read_model()
    rows = [a_row(row="task#a"), a_row(row="task#b")]

    def cost(version: int, *saved: Any) -> Counter[str]:
        with count_requests(dynamo.connection) as counted:
            views.save("A", version, saved, NOW)
        return counted

    assert cost(2, *rows) == {"Query": 1, "TransactWriteItems": 1}
    assert cost(3, *rows) == {"Query": 1, "PutItem": 1}
    assert cost(4, rows[0]) == {"Query": 1, "TransactWriteItems": 1}
    assert cost(3, *rows) == {"Query": 1}


def test_a_page_of_the_queue_costs_the_same_however_long_the_queue_is(dynamo: DynamoStore) -> None:
    views = dynamo.read_model()

    def fill(cases: range) -> None:
        for number in cases:
            rows = [a_row(f"case-{number}", f"task#{task}") for task in range(10)]
            views.save(f"case-{number}", 1, rows, None)

    def costs() -> list[Counter[str]]:
        found = []
        for room, state in ((POLICE, "open"), (POLICE, ""), (None, "open"), (None, "")):
            with count_requests(dynamo.connection) as counted:
                page = views.queue(room, state, limit=20, cursor="")
                views.queue(room, state, limit=20, cursor=page.cursor)
            found.append(counted)
        return found

    fill(range(4))
    short = costs()
    fill(range(4, 60))
    assert costs() == short == [{"Query": 2 * 4}, {"Query": 2 * 8}, {"Query": 2 * 2}, {"Query": 2 * 26}]


def test_attention_costs_a_query_for_each_shard_and_an_update_for_each_look(dynamo: DynamoStore) -> None:
    views = dynamo.read_model()
    for number in range(20):
        views.save(f"case-{number}", 1, [], NOW)
    with count_requests(dynamo.connection) as counted:
        assert len(list(views.needing_attention(NOW))) == 20
        views.look_again("case-0", 1, NOW + timedelta(hours=1))
    assert counted == {"Query": 4, "UpdateItem": 1}


def test_each_other_thing_is_one_request(dynamo: DynamoStore) -> None:
    inbox, register, lookups = dynamo.inbox(), dynamo.register(), dynamo.lookups()
    message, record = a_message(), a_certificate()
    things: list[Callable[[], object]] = [
        lambda: inbox.put(message),
        lambda: inbox.put(message),
        lambda: inbox.get(message.id),
        lambda: inbox.set_state(message.id, "failed", "KeyError"),
        lambda: register.put_once(record),
        lambda: register.put_once(record),
        lambda: register.get(record.number),
        lambda: register.stamp(record.number, delivered_at=NOW),
        lambda: lookups.put_once("key", {}, now=NOW),
        lambda: lookups.put_once("key", {}, now=NOW),
        lambda: lookups.get("key", now=NOW),
        lambda: lookups.count("counter", now=NOW, expires=NOW),
        lambda: lookups.delete("key"),
    ]
    for number, thing in enumerate(things):
        with count_requests(dynamo.connection) as counted:
            thing()
        assert counted.total() == 1, number


# --- what is stored


def test_a_commits_hash_can_be_computed_from_what_is_stored(dynamo: DynamoStore) -> None:
    commit = a_commit(told="张三 🏮")
    dynamo.case_log().append(commit)
    (item,) = dynamo.items()
    body = item["body"]["S"]
    assert f'"hash":"{commit.hash}"' in body
    unsigned = body.replace(f'"hash":"{commit.hash}"', '"hash":null')
    assert hashlib.sha256(unsigned.encode()).hexdigest() == commit.hash


def test_nothing_of_what_was_erased_is_left_in_the_table(dynamo: DynamoStore) -> None:
    log = dynamo.case_log()
    log.append(a_commit(), a_submission(1, "first-salt", name="张三"), Note(CASE, "digest", "second-salt", "a reason"))
    before = json.dumps(dynamo.items(), ensure_ascii=False)
    assert all(text in before for text in ("first-salt", "张三", "second-salt", "a reason"))
    log.erase(CASE)
    after = json.dumps(dynamo.items(), ensure_ascii=False)
    assert not any(text in after for text in ("first-salt", "张三", "second-salt", "a reason"))


def test_an_end_is_written_as_dynamodb_clears_it_away(dynamo: DynamoStore) -> None:
    lookups = dynamo.lookups()
    lookups.put("a", {}, expires=datetime(2026, 1, 5, 1, 2, 3, 1, tzinfo=UTC))
    lookups.count("b", now=NOW, expires=datetime(2026, 1, 5, 1, 2, 4, tzinfo=UTC))
    assert [item["expires"] for item in dynamo.items()] == [{"N": "1767574924"}] * 2


def test_what_is_larger_than_an_item_may_be_is_refused_in_words(dynamo: DynamoStore) -> None:
    log = dynamo.case_log()
    with pytest.raises(ValueError, match="400 KB"):
        log.append(a_commit(told="x" * 420_000))
    with pytest.raises(ValueError, match="400 KB"):
        log.append(a_commit(), a_submission(text="x" * 420_000))
    assert log.load(CASE) is None
    with pytest.raises(ValueError, match="400 KB"):
        dynamo.inbox().put(a_message(body=b"x" * 420_000))


# --- failures, answered in DynamoDB's place

CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
THROTTLED = {"Code": "ThrottlingError", "Message": "Throughput exceeds the current capacity"}
TAKEN = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
FINE = {"Code": "None"}


class _Raw:
    """A body, as urllib3 would give it to botocore."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self._body]


def failure(code: str, status: int = 400, **more: Any) -> AWSResponse:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **more}).encode()
    return AWSResponse("http://127.0.0.1", status, HTTPHeaders(), _Raw(body))


def cancelled(*reasons: Mapping[str, Any]) -> AWSResponse:
    return failure("TransactionCanceledException", CancellationReasons=list(reasons))


SUCCESS = AWSResponse("http://127.0.0.1", 200, HTTPHeaders(), _Raw(b"{}"))


class Answers:
    """Answers each request with the next of these, and with the last from then on."""

    def __init__(self, *answers: AWSResponse) -> None:
        self._answers = list(answers)
        self.given = 0

    def __call__(self, **_: Any) -> AWSResponse:
        self.given += 1
        return self._answers[min(self.given, len(self._answers)) - 1]


@pytest.fixture
def connection(aws_credentials: None) -> Connection:
    """Reaches nobody, and botocore does not try again: what is tested here is what we do."""
    return Connection(region=REGION, host="http://127.0.0.1:9", max_retry_attempts=0)


@pytest.fixture
def log(connection: Connection) -> DynamoCaseLog:
    return DynamoCaseLog("Cases", connection)


def test_a_transaction_that_meets_another_is_tried_again(log: DynamoCaseLog, connection: Connection) -> None:
    answers = Answers(cancelled(CONFLICT, FINE), cancelled(FINE, THROTTLED), SUCCESS)
    with hooked(connection, "before-send", answers):
        log.append(a_commit(), a_submission())
    assert answers.given == 3


def test_a_put_that_meets_a_transaction_is_tried_again(log: DynamoCaseLog, connection: Connection) -> None:
    answers = Answers(failure("TransactionConflictException"), SUCCESS)
    with hooked(connection, "before-send", answers):
        log.append(a_commit())
    assert answers.given == 2


@pytest.mark.parametrize("reason", [CONFLICT, THROTTLED])
def test_a_transaction_that_never_gets_through_did_not_happen(
    log: DynamoCaseLog, connection: Connection, reason: dict[str, str]
) -> None:
    answers = Answers(cancelled(reason, FINE))
    with hooked(connection, "before-send", answers), pytest.raises(VendorTemporary) as raised:
        log.append(a_commit(), a_submission())
    assert raised.value.code == reason["Code"]
    assert answers.given == 1 + len(tables.CONFLICT_WAITS)


@pytest.mark.parametrize("reasons", [(TAKEN, FINE), (TAKEN, CONFLICT), (FINE, TAKEN)])
def test_a_transaction_that_is_cancelled_by_its_condition_is_not_tried_again(
    log: DynamoCaseLog, connection: Connection, reasons: tuple[dict[str, str], ...]
) -> None:
    answers = Answers(cancelled(*reasons))
    with hooked(connection, "before-send", answers), pytest.raises(VersionTaken):
        log.append(a_commit(), a_submission())
    assert answers.given == 1


def test_a_commit_that_is_too_large_is_a_value_error_in_a_transaction_too(
    log: DynamoCaseLog, connection: Connection
) -> None:
    too_large = {"Code": "ValidationError", "Message": "Item size has exceeded the maximum allowed size"}
    with hooked(connection, "before-send", Answers(cancelled(FINE, too_large))), pytest.raises(ValueError, match="400"):
        log.append(a_commit(), a_submission())


@pytest.mark.parametrize(
    ("answer", "reading", "writing"),
    [
        (failure("ProvisionedThroughputExceededException"), VendorTemporary, VendorTemporary),
        (failure("ThrottlingException"), VendorTemporary, VendorTemporary),
        (failure("InternalServerError", 500), VendorTemporary, VendorUnknown),
        (failure("ServiceUnavailable", 503), VendorTemporary, VendorUnknown),
        (failure("AccessDeniedException"), VendorRejected, VendorRejected),
        (failure("ResourceNotFoundException"), VendorRejected, VendorRejected),
        (failure("ValidationException"), VendorRejected, VendorRejected),
    ],
)
def test_failures_come_in_the_three_kinds(
    log: DynamoCaseLog,
    connection: Connection,
    answer: AWSResponse,
    reading: type[Exception],
    writing: type[Exception],
) -> None:
    lookups, views = DynamoLookups("Lookups", connection), DynamoReadModel("Views", connection)
    with hooked(connection, "before-send", Answers(answer)):
        for read in (
            lambda: log.load(CASE),
            lambda: list(log.unrelayed(NOW)),
            lambda: lookups.get("key", now=NOW),
            lambda: views.queue(POLICE, "", limit=10, cursor=""),
            lambda: list(views.needing_attention(NOW)),
        ):
            with pytest.raises(reading):
                read()
        for write in (
            lambda: log.append(a_commit()),
            lambda: log.append(a_commit(), a_submission()),
            lambda: log.relayed(CASE, 1),
            lambda: lookups.put("key", {}),
            lambda: lookups.count("key", now=NOW, expires=NOW),
            lambda: lookups.delete("key"),
        ):
            with pytest.raises(writing):
                write()


def test_where_nobody_listens_nothing_has_happened(log: DynamoCaseLog) -> None:
    with pytest.raises(VendorTemporary):
        log.append(a_commit())
    with pytest.raises(VendorTemporary):
        log.load(CASE)


def test_a_failure_tells_nothing_of_what_was_written(log: DynamoCaseLog, connection: Connection) -> None:
    with (
        hooked(connection, "before-send", Answers(failure("ValidationException", Message="张三 is no such thing"))),
        pytest.raises(VendorRejected) as raised,
    ):
        log.append(a_commit(), a_submission(name="张三"))
    assert "张三" not in str(raised.value)


class LostAnswer:
    """Lets the first request through, and loses its answer."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        self.seen += 1
        if self.seen > 1:
            return None
        assert URLLib3Session().send(request).status_code == 200
        return failure("InternalServerError", 500)


@pytest.mark.parametrize("beside", [False, True])
def test_a_commit_whose_answer_was_lost_is_written_once_and_is_ours(dynamo: DynamoStore, beside: bool) -> None:
    log = dynamo.case_log()
    extra = [a_submission(name="张三")] if beside else []
    lost = LostAnswer()
    with hooked(dynamo.connection, "before-send", lost):
        log.append(a_commit(), *extra)
    assert lost.seen == 2
    record = log.load(CASE)
    assert record is not None
    assert record.commits == (a_commit(),)
    assert len(record.submissions) == len(extra)
    with pytest.raises(VersionTaken):
        log.append(a_commit(), *extra)


def test_a_lease_whose_answer_was_lost_is_ours(dynamo: DynamoStore) -> None:
    lookups = dynamo.lookups()
    with hooked(dynamo.connection, "before-send", LostAnswer()):
        assert lookups.put_once("lease", {}, now=NOW, expires=NOW + timedelta(minutes=2))
    assert not lookups.put_once("lease", {}, now=NOW, expires=NOW + timedelta(minutes=2))
