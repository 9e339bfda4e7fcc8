"""Helpers that several rooms of tests share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

from botocore.client import BaseClient
from pynamodb.connection import Connection


@contextmanager
def count_requests(*sources: Connection | BaseClient) -> Iterator[Counter[str]]:
    """How often each operation is sent to AWS by these connections and clients: ``{"Query": 1, "PutItem": 2}``.

    Counts what goes over the wire, so a request that botocore repeats counts again. The store's own connection is
    ``chalicelib.adapters.dynamodb.tables.shared_connection()``.
    """
    counted: Counter[str] = Counter()
    lock = Lock()

    def count(event_name: str, **_: Any) -> None:
        with lock:
            counted[event_name.rsplit(".", 1)[1]] += 1

    with ExitStack() as stack:
        for source in sources:
            stack.enter_context(hooked(source, "before-send", count))
        yield counted


@contextmanager
def hooked(source: Connection | BaseClient, event: str, handler: Any) -> Iterator[None]:
    """A botocore event handler, for as long as the context lasts. One of ``before-send`` may answer in AWS's place."""
    client: Any = source.client if isinstance(source, Connection) else source
    client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)
