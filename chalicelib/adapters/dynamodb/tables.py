"""One connection for all tables, conditional writes, and DynamoDB's failures in our words.

botocore repeats a request that timed out or was throttled. So a conditional put may meet itself: the first try got
through, its answer did not, and the second finds the condition broken. DynamoDB sends back the item that stands there,
and its ``writer`` tells whether it is ours.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from pynamodb.connection import Connection
from pynamodb.constants import ATTRIBUTES, PUT_ITEM, UPDATE_ITEM
from pynamodb.exceptions import GetError, PynamoDBException, QueryError, ScanError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import MetaModel, Model
from pynamodb.transactions import TransactWrite

from chalicelib.ports import VendorError, VendorRejected, VendorTemporary, VendorUnknown

VENDOR = "dynamodb"

CONNECT_TIMEOUT_S = 1
READ_TIMEOUT_S = 3
RETRIES = 2  # of one request, by botocore: throttled, timed out, 5xx
POOL = 16

# Seconds, at most, before each further try at a write that met another transaction. botocore does not repeat these.
CONFLICT_WAITS = (0.05, 0.1, 0.2, 0.4)

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html, "Errors"
_CANCELLED_FOR_NOW = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
)
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_FOR_NOW = frozenset(
    {
        "TransactionConflictException",
        "TransactionInProgressException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "ReplicatedWriteConflictException",
    }
)
_TOO_LARGE = "Item size"  # "Item size has exceeded the maximum allowed size", "Item size to update has exceeded …"

_FAILURES = (PynamoDBException, BotoCoreError, ClientError)

T = TypeVar("T")
M = TypeVar("M", bound=Model)
Raw = Mapping[str, Mapping[str, Any]]  # an item as DynamoDB writes it: {"case": {"S": "…"}}


class ConditionFailed(Exception):
    """The condition did not hold. ``stored`` is the item that stood there, as far as DynamoDB tells."""

    def __init__(self, stored: Raw) -> None:
        super().__init__("the condition did not hold")
        self.stored = stored

    def written_by(self, writer: str) -> bool:
        """Whether an earlier try of the same put stands there."""
        return self.stored.get("writer") == {"S": writer}


def connect(region: str | None = None, host: str | None = None) -> Connection:
    """A connection for all tables. Region and address come from botocore's environment, unless given."""
    connection = Connection(
        region=region,
        host=host,
        connect_timeout_seconds=CONNECT_TIMEOUT_S,
        read_timeout_seconds=READ_TIMEOUT_S,
        max_retry_attempts=RETRIES,
        max_pool_connections=POOL,
    )
    _ = connection.client  # made here, by one thread, for all
    return connection


@cache
def shared_connection() -> Connection:
    """The process's own connection. A second one would cost a Lambda another client when it starts."""
    return connect()


def bind(model: type[M], table: str, connection: Connection) -> type[M]:
    """The model on the table of this name, by this connection instead of one of its own."""
    namespace = {"__module__": model.__module__, "Meta": type("Meta", (), {"table_name": table})}
    bound = cast("type[M]", MetaModel(model.__name__, (model,), namespace))
    own = bound._get_connection()
    own.connection = _knowing(connection, own.get_meta_table())
    return bound


def _knowing(connection: Connection, meta_table: Any) -> Connection:
    """Several models may lie in one table: the connection goes by the one that knows its indexes, whoever was first."""
    known = connection._tables.get(meta_table.table_name)
    if known is None or len(_indexes(meta_table)) > len(_indexes(known)):
        connection._tables[meta_table.table_name] = meta_table
    return connection


def _indexes(meta_table: Any) -> Sequence[Any]:
    return meta_table.data.get("GlobalSecondaryIndexes") or ()


def new_writer() -> str:
    """A name for one attempt at writing."""
    return uuid4().hex


def put(item: Model, condition: Condition | None = None) -> None:
    """Put in one request. ConditionFailed: nothing was written, and it holds what is there."""
    on_failure = "ALL_OLD" if condition is not None else None
    request = item.get_save_kwargs_from_instance(condition, return_values_on_condition_failure=on_failure)
    connection = type(item)._get_connection().connection
    call(lambda: connection.dispatch(PUT_ITEM, request))


def update(item: Model, actions: Sequence[Action], condition: Condition, *, return_values: str | None = None) -> Raw:
    """Change an item of this key in one request; gives what ``return_values`` asks for. Raises ConditionFailed."""
    request = item.get_update_kwargs_from_instance(list(actions), condition)
    connection = type(item)._get_connection().connection
    if return_values:
        request |= connection.get_return_values_map(return_values)
    answer: Mapping[str, Any] = call(lambda: connection.dispatch(UPDATE_ITEM, request))
    found: Raw = answer.get(ATTRIBUTES, {})
    return found


def transact(connection: Connection, *puts: tuple[Model, Condition | None], deletes: Sequence[Model] = ()) -> None:
    """Write all or nothing, on one condition at most.

    PynamoDB sends deletes before puts, and the reasons of a cancellation follow that order. With a single condition
    there is no question whose reason it was.
    """

    def write() -> None:
        with TransactWrite(connection=connection) as transaction:
            for item in deletes:
                transaction.delete(item)
            for item, condition in puts:
                transaction.save(item, condition, return_values="ALL_OLD" if condition is not None else None)

    call(write)


def put_all(model: type[M], items: Sequence[M]) -> None:
    """Put, 25 in a request. Where it fails some may be there."""

    def write() -> None:
        with model.batch_write() as batch:
            for item in items:
                batch.save(item)

    call(write)


def delete_all(model: type[M], items: Sequence[M]) -> None:
    """Delete, 25 in a request. Where it fails some may be gone."""

    def delete() -> None:
        with model.batch_write() as batch:
            for item in items:
                batch.delete(item)

    call(delete)


def find(model: type[M], key: str) -> M | None:
    """The item of this key as it is now, in one consistent read."""

    def get() -> M | None:
        try:
            return model.get(key, consistent_read=True)
        except model.DoesNotExist:
            return None

    return call(get)


def read(items: Iterator[T]) -> Iterator[T]:
    """A query's items, page by page as they are asked for."""
    try:
        yield from items
    except _FAILURES as error:
        raise translated(error) from error


def call(request: Callable[[], T]) -> T:
    """Do a request, and again while it meets other transactions. Raises ConditionFailed, ValueError or VendorError."""
    for wait in CONFLICT_WAITS:
        try:
            return request()
        except _FAILURES as error:
            if not _met_another(error):
                raise translated(error) from error
        time.sleep(random.uniform(0, wait))  # noqa: S311 - no secret
    try:
        return request()
    except _FAILURES as error:
        raise translated(error) from error


def translated(error: Exception) -> Exception:
    """What a failure means: ConditionFailed, ValueError (too large for DynamoDB), or a kind of VendorError."""
    cause = _cause(error)
    if isinstance(cause, ClientError):
        return _refusal(cause, reads=_reads(error))
    code = type(cause).__name__
    sent = isinstance(cause, HTTPClientError)  # unlike botocore's ConnectionError: nothing was sent
    return VendorUnknown(VENDOR, code) if sent and not _reads(error) else VendorTemporary(VENDOR, code)


def _reads(error: Exception) -> bool:
    return isinstance(error, (GetError, QueryError, ScanError))


def _cause(error: Exception) -> Exception:
    cause = error.cause if isinstance(error, PynamoDBException) and error.cause else error
    # PynamoDB's copy of a ClientError leaves out the item that a broken condition met.
    original = cause.__cause__
    return original if isinstance(original, ClientError) else cause


def _refusal(error: ClientError, *, reads: bool) -> Exception:
    response: Mapping[str, Any] = error.response
    code = response["Error"]["Code"]
    message = response["Error"].get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(response.get("Item", {}))
    if code == "TransactionCanceledException":
        return _cancellation(response.get("CancellationReasons", ()))
    if code == "ValidationException" and _TOO_LARGE in message:
        return ValueError("larger than an item of DynamoDB may be (400 KB)")
    if code in _FOR_NOW or (reads and status >= 500):
        return VendorTemporary(VENDOR, code)
    return VendorUnknown(VENDOR, code) if status >= 500 else VendorRejected(VENDOR, code)


def _cancellation(reasons: Sequence[Mapping[str, Any]]) -> Exception:
    codes = [reason["Code"] for reason in reasons]
    for reason in reasons:
        if reason["Code"] == "ConditionalCheckFailed":
            return ConditionFailed(reason.get("Item", {}))
    if any(_TOO_LARGE in (reason.get("Message") or "") for reason in reasons):
        return ValueError("larger than an item of DynamoDB may be (400 KB)")
    code = next((code for code in codes if code != "None"), "TransactionCanceledException")
    kind: type[VendorError] = VendorTemporary if _CANCELLED_FOR_NOW.intersection(codes) else VendorRejected
    return kind(VENDOR, code)


def _met_another(error: Exception) -> bool:
    """Refused because of somebody else's transaction at this moment, or because a transaction was throttled."""
    cause = _cause(error)
    if not isinstance(cause, ClientError):
        return False
    if cause.response["Error"]["Code"] == "TransactionConflictException":
        return True
    codes = {reason["Code"] for reason in cause.response.get("CancellationReasons", ())}
    return bool(codes & _CANCELLED_FOR_NOW) and "ConditionalCheckFailed" not in codes
