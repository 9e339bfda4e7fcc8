"""What a record of one of our streams is about, from its ``dynamodb.Keys``. The rest of it is read from the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.dynamodb import keys


def commit_of(record_keys: Mapping[str, Mapping[str, Any]]) -> tuple[str, int] | None:
    """Case and version of the commit in a record of the Cases stream; None for a submission or a note."""
    sk = record_keys["sk"]["S"]
    return (record_keys["case"]["S"], keys.commit_version(sk)) if sk.startswith(keys.COMMIT) else None


def message_of(record_keys: Mapping[str, Mapping[str, Any]]) -> str:
    """The id of the message in a record of the Inbox stream."""
    return str(record_keys["id"]["S"])
