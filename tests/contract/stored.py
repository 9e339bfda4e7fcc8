"""A hall whose store is a DynamoDB engine, by the very adapters that ``wiring`` chooses; its vendors are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from chalicelib.adapters.dynamodb.tables import shared_connection
from chalicelib.forms.catalogue import Catalogue
from chalicelib.settings import Settings
from chalicelib.wiring import AwsHall
from tests.contract.stores import DynamoStore
from tests.halls import MemoryHall

STORE = ("log", "ledger", "read_model", "inbox", "register", "lookups")
TABLES: dict[str, Callable[[DynamoStore], object]] = {
    "CASES": DynamoStore.case_log,
    "VIEWS": DynamoStore.read_model,
    "INBOX": DynamoStore.inbox,
    "CERTIFICATES": DynamoStore.register,
    "LOOKUPS": DynamoStore.lookups,
}
_NOT_ASKED = (
    "STEPS_QUEUE_URL", "FILES_BUCKET", "UPLOADS_BUCKET", "SEAL_KEY_ID", "SECRETS_ARN", "OIDC_ISSUER", "OIDC_AUDIENCE",
)  # fmt: skip
CATALOGUE = Catalogue()


@contextmanager
def stored_hall(store: DynamoStore) -> Iterator[MemoryHall]:
    """With new, empty tables. Its requests go by ``shared_connection()``, as those of a Lambda do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", store.host)
        shared_connection.cache_clear()
        try:
            yield _hall(AwsHall(_settings(store)))
        finally:
            shared_connection.cache_clear()


def _settings(store: DynamoStore) -> Settings:
    environment = {"STAGE": "test", "HALL_URL": MemoryHall.url} | dict.fromkeys(_NOT_ASKED, "nowhere")
    for name, make in TABLES.items():
        make(store)
        environment[f"{name}_TABLE"] = store.table
    return Settings.from_env({f"DOORSTEP_{name}": value for name, value in environment.items()})


def _hall(aws: AwsHall) -> MemoryHall:
    hall = MemoryHall(catalogue=CATALOGUE)
    for port in STORE:
        setattr(hall, port, getattr(aws, port))
    return hall


def queue_rows(hall: MemoryHall) -> list[Any]:
    return list(cast(Any, hall.read_model).queue(None, "", limit=500, cursor="").rows)
