"""Fixtures of the contract tests; each area keeps its own in a module."""

from tests.contract.stores import aws_credentials, dynamo, dynamodb_local, ministack, store

__all__ = ["aws_credentials", "dynamo", "dynamodb_local", "ministack", "store"]
