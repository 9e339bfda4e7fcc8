"""The couriers the hall can order, by code. A courier's module is imported when it is first asked for.

To add one, write a module with ``courier(terms)`` and ``webhook(terms)`` and name it in ``MODULES``: see
``docs/adding-a-courier.md``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from chalicelib.adapters.couriers.terms import Terms
    from chalicelib.ports import Courier, CourierWebhook

MODULES = {
    "ems": "chalicelib.adapters.couriers.ems",
    "easypost": "chalicelib.adapters.couriers.easypost",
    "kuaidi100": "chalicelib.adapters.couriers.kuaidi100",
    "open": "chalicelib.adapters.couriers.open_http",
    "sf": "chalicelib.adapters.couriers.sf",
}


class _Module(Protocol):
    def courier(self, terms: Terms) -> Courier: ...

    def webhook(self, terms: Terms) -> CourierWebhook: ...


def courier(code: str, terms: Terms) -> Courier:
    """The courier of this code, ready to be ordered. KeyError: no such courier, or one of its terms is missing."""
    return _module(code).courier(terms)


def webhook(code: str, terms: Terms) -> CourierWebhook:
    """How the courier of this code reports. KeyError: no such courier, or one of its terms is missing."""
    return _module(code).webhook(terms)


def _module(code: str) -> _Module:
    return cast(_Module, import_module(MODULES[code]))
