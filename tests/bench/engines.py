"""The DynamoDB engines that a measurement can run on, started and stopped by it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract import emulators
from tests.contract.stores import CREDENTIALS, DynamoStore

_STARTERS = {"DynamoDB Local": emulators.dynamodb_local, "MiniStack": emulators.ministack}
NAMES = tuple(_STARTERS)


@contextmanager
def engine(name: str) -> Iterator[DynamoStore | str]:
    """Its store, or in plain words why there is none."""
    os.environ.update(CREDENTIALS)
    with tempfile.TemporaryDirectory() as scratch:
        starting = _STARTERS[name](Path(scratch))
        try:
            address = starting.__enter__()
        except pytest.skip.Exception as reason:
            yield str(reason)
            return
        try:
            yield DynamoStore(address)
        finally:
            starting.__exit__(None, None, None)
