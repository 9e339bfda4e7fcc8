"""The couriers the hall can order, by code. A courier's module is imported when it is first asked for.

To add one, write a module with ``courier(settings, secrets)`` and ``webhook(settings, secrets)`` and name it in
``_MODULES``: see ``docs/adding-a-courier.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from chalicelib.ports import Courier, CourierWebhook
    from chalicelib.settings import Settings

_MODULES = {
    "ems": "chalicelib.adapters.couriers.ems",
    "open": "chalicelib.adapters.couriers.open_http",
}


class _Module(Protocol):
    def courier(self, settings: Settings, secrets: Mapping[str, str]) -> Courier: ...

    def webhook(self, settings: Settings, secrets: Mapping[str, str]) -> CourierWebhook: ...


def courier(code: str, settings: Settings, secrets: Mapping[str, str]) -> Courier:
    """The courier of this code, ready to be ordered. KeyError: no such courier, or one of its secrets is missing."""
    return _module(code).courier(settings, secrets)


def webhook(code: str, settings: Settings, secrets: Mapping[str, str]) -> CourierWebhook:
    """How the courier of this code reports. KeyError: no such courier, or one of its secrets is missing."""
    return _module(code).webhook(settings, secrets)


def _module(code: str) -> _Module:
    return cast(_Module, import_module(_MODULES[code]))
