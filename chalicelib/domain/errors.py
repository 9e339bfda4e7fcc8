"""Refusals of the rule book.

    DomainError
    ├── NotAllowed      the caller may not do this, now or ever
    ├── Conflict        the case has moved on; what was asked for no longer fits its state
    ├── Invalid         what was asked for is incomplete or names something that is not there
    └── NotFound        no such thing in this case

``code`` is stable and machine-readable (the API's error table gives it a status and a text in each language);
``pointers`` name the places in the request that are at fault. No error carries personal data.
"""

from __future__ import annotations


class DomainError(Exception):
    """A command that the rule book refuses. Nothing has changed."""

    def __init__(self, code: str, *pointers: str) -> None:
        super().__init__(code)
        self.code = code
        self.pointers = pointers


class NotAllowed(DomainError):
    """The caller may not do this."""


class Conflict(DomainError):
    """The case is not in a state in which this can be done."""


class Invalid(DomainError):
    """The command is incomplete or names something that does not exist."""


class NotFound(DomainError):
    """The case has no such thing."""
