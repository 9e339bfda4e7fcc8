"""Processes that die: a hall whose ports end the process at chosen calls, as a Lambda's end or a power cut would.

To die just before a call is to die just after the one before it. So dying once at every call is dying at every point:
before a vendor is asked, after it was asked and before it was written down, and between two commits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from chalicelib.usecases.hall import Hall

PORTS = frozenset(
    {
        "log", "read_model", "inbox", "register", "lookups", "steps", "files", "uploads", "payments", "notifier",
        "signer", "typesetter",
    }
)  # fmt: skip


class Killed(BaseException):
    """The process has ended. No handler of the product's may catch this."""


class Life:
    """Counts the calls of ports. ``dies_at`` says at which number the process ends; nothing works until ``begin``."""

    def __init__(self, dies_at: Callable[[int], bool] = lambda _: False) -> None:
        self._dies_at = dies_at
        self.calls = 0
        self.deaths = 0
        self._dead = False

    def begin(self) -> None:
        """Another process takes its place."""
        self._dead = False

    def spend(self) -> None:
        if not self._dead:
            self.calls += 1
            self._dead = self._dies_at(self.calls)
            self.deaths += self._dead
        if self._dead:
            raise Killed


class _Port:
    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self._life.spend()
            return value(*args, **kwargs)

        return call


class _MortalHall:
    def __init__(self, hall: Hall, life: Life) -> None:
        self._hall = hall
        self._life = life

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._hall, name)
        return _Port(value, self._life) if name in PORTS else value

    def courier(self, code: str) -> Any:
        return _Port(self._hall.courier(code), self._life)


def mortal(hall: Hall, life: Life) -> Hall:
    """The hall as a process sees it that may die at any call of a port."""
    return cast(Hall, _MortalHall(hall, life))
