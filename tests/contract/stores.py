"""Fixtures for the store: every port in memory, on MiniStack and on DynamoDB Local, each time new and empty.

Tables are made from the CloudFormation template's own definitions, so that keys can't drift.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any, Protocol

import boto3
import pytest
import yaml
from pynamodb.connection import Connection

from chalicelib import ports
from chalicelib.adapters import memory
from chalicelib.adapters.dynamodb.case_log import DynamoCaseLog
from chalicelib.adapters.dynamodb.inbox import DynamoInbox
from chalicelib.adapters.dynamodb.ledger import DynamoLedger
from chalicelib.adapters.dynamodb.lookups import DynamoLookups
from chalicelib.adapters.dynamodb.read_model import DynamoReadModel
from chalicelib.adapters.dynamodb.register import DynamoCertificateRegister
from chalicelib.adapters.dynamodb.tables import connect
from infra.local.cloud import REGION, SIGNING_KEY
from infra.local.layout import ROOT
from tests.contract import emulators

TEMPLATE = ROOT / "infra/aws/resources.yaml"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": SIGNING_KEY, "AWS_DEFAULT_REGION": REGION}
_numbers = itertools.count(1)


class Store(Protocol):
    """Makes new, empty adapters."""

    def case_log(self) -> ports.CaseLog: ...
    def ledger(self) -> ports.Ledger: ...
    def read_model(self) -> ports.ReadModel: ...
    def inbox(self) -> ports.Inbox: ...
    def register(self) -> ports.CertificateRegister: ...
    def lookups(self) -> ports.Lookups: ...


class MemoryStore:
    def case_log(self) -> ports.CaseLog:
        return memory.MemoryCaseLog()

    def ledger(self) -> ports.Ledger:
        return memory.MemoryLedger()

    def read_model(self) -> ports.ReadModel:
        return memory.MemoryReadModel()

    def inbox(self) -> ports.Inbox:
        return memory.MemoryInbox()

    def register(self) -> ports.CertificateRegister:
        return memory.MemoryCertificateRegister()

    def lookups(self) -> ports.Lookups:
        return memory.MemoryLookups()


class DynamoStore:
    """On the engine at ``host``. ``client`` looks at the tables past the adapters."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.connection: Connection = connect(region=REGION, host=host)
        self.client: Any = boto3.client("dynamodb", endpoint_url=host, region_name=REGION)
        self.table = ""  # the newest

    def case_log(self) -> DynamoCaseLog:
        return DynamoCaseLog(self._new_table("Cases"), self.connection)

    def ledger(self) -> DynamoLedger:
        return DynamoLedger(self._new_table("Views"), self.connection)

    def read_model(self) -> DynamoReadModel:
        return DynamoReadModel(self._new_table("Views"), self.connection)

    def inbox(self) -> DynamoInbox:
        return DynamoInbox(self._new_table("Inbox"), self.connection)

    def register(self) -> DynamoCertificateRegister:
        return DynamoCertificateRegister(self._new_table("Certificates"), self.connection)

    def lookups(self) -> DynamoLookups:
        return DynamoLookups(self._new_table("Lookups"), self.connection)

    def items(self) -> list[dict[str, Any]]:
        """Everything in the newest table, as DynamoDB writes it."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def _new_table(self, resource: str) -> str:
        self.table = f"{resource}-{next(_numbers)}"
        self.client.create_table(TableName=self.table, **table_definition(resource))
        return self.table


@cache
def table_definition(resource: str) -> dict[str, Any]:
    """The parameters of CreateTable that the template has for a table."""
    properties = yaml.load(TEMPLATE.read_text(), Loader=_TemplateLoader)["Resources"][resource]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return {name: properties[name] for name in wanted if name in properties}


class _TemplateLoader(yaml.SafeLoader):
    """Reads ``!Ref`` and its like as nothing: no table's keys depend on them."""


_TemplateLoader.add_multi_constructor("!", lambda *_: None)


@pytest.fixture(scope="session")
def aws_credentials() -> Iterator[None]:
    """Of nobody; and nothing of the user's own configuration."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
            patch.delenv(name, raising=False)
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory, aws_credentials: None) -> Iterator[str]:
    with emulators.ministack(tmp_path_factory.mktemp("ministack")) as address:
        yield address


@pytest.fixture(scope="session")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory, aws_credentials: None) -> Iterator[str]:
    with emulators.dynamodb_local(tmp_path_factory.mktemp("dynamodb-local")) as address:
        yield address


_stores: dict[str, DynamoStore] = {}


def _on(engine: str, request: pytest.FixtureRequest) -> DynamoStore:
    address: str = request.getfixturevalue(engine)
    if address not in _stores:
        _stores[address] = DynamoStore(address)
    return _stores[address]


@pytest.fixture(params=["memory", "ministack", "dynamodb_local"])
def store(request: pytest.FixtureRequest) -> Store:
    """The contract's fixture: what holds for one has to hold for all."""
    return MemoryStore() if request.param == "memory" else _on(request.param, request)


@pytest.fixture(params=["ministack", "dynamodb_local"])
def dynamo(request: pytest.FixtureRequest) -> DynamoStore:
    """For what only DynamoDB has: requests, sizes, failures."""
    return _on(request.param, request)
