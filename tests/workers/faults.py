"""Ports that fail, do harm, or take their time, in a hall whose other ports are sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Faulty:
    """A port whose ``method`` meets ``before`` first, with the same arguments; it may raise, or do anything else."""

    def __init__(self, port: Any, method: str, before: Callable[..., object]) -> None:
        self._port = port
        self._method = method
        self._before = before
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if name != self._method:
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            self._before(*args, **kwargs)
            return value(*args, **kwargs)

        return call


def always(error: Exception) -> Callable[..., object]:
    """Fails with this error, whatever is asked."""

    def fail(*_: Any, **__: Any) -> object:
        raise error

    return fail


def of(case: str, error: Exception) -> Callable[..., object]:
    """Fails when this case is asked for."""

    def fail(first: Any, *_: Any, **__: Any) -> object:
        if first == case or getattr(first, "case", "") == case:
            raise error
        return None

    return fail
