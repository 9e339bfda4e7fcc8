"""The hall as a process sees it: its ports fail, lose answers, and are where a process dies or is overtaken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from chalicelib.ports import VendorTemporary, VendorUnknown, VersionTaken
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.vendors import GuardedCourier, GuardedPayments, Health
from tests.chaos.dice import Fault
from tests.chaos.world import World

STORE = frozenset({"log", "read_model", "inbox", "register", "lookups"})
WRITES = frozenset(
    {"append", "relayed", "save", "look_again", "put", "put_once", "replace", "set_state", "stamp", "count", "delete"}
)
BURSTS = (1, 1, 2, 9)  # puts in a row that meet another's: more than the hall tries make it ``Busy``


@dataclass(frozen=True, slots=True)
class Troubles:
    """How a vendor fails. ``lost`` faults leave it open whether something was done, and befall ``changes`` only."""

    code: str
    busy: Fault
    lost_request: Fault | None = None
    lost_answer: Fault | None = None
    down: Fault | None = None
    changes: frozenset[str] = frozenset()


STORE_TROUBLES = Troubles("dynamodb", Fault.THROTTLED, lost_answer=Fault.STORE_LOST_ANSWER, changes=WRITES)
PORTS: Mapping[str, Troubles] = {
    **dict.fromkeys(sorted(STORE), STORE_TROUBLES),
    "steps": Troubles("sqs", Fault.QUEUE_FAILED, changes=frozenset({"send"})),
    "files": Troubles("s3", Fault.FILES_FAILED),
    "uploads": Troubles("s3", Fault.FILES_FAILED),
    "signer": Troubles("kms", Fault.FILES_FAILED),
    "notifier": Troubles(
        "gateway",
        Fault.GATEWAY_FAILED,
        lost_answer=Fault.GATEWAY_LOST_ANSWER,
        changes=frozenset({"sms", "email"}),
    ),
}
PAYMENTS = Troubles(
    "stripe",
    Fault.PROVIDER_BUSY,
    Fault.PROVIDER_LOST_REQUEST,
    Fault.PROVIDER_LOST_ANSWER,
    Fault.PROVIDER_DOWN,
    frozenset({"open_checkout", "expire_checkout", "refund"}),
)
COURIER = Troubles(
    "courier",
    Fault.COURIER_BUSY,
    Fault.COURIER_LOST_REQUEST,
    Fault.COURIER_LOST_ANSWER,
    Fault.COURIER_DOWN,
    frozenset({"order", "cancel"}),
)


@dataclass
class Outages:
    """When a vendor is down, as decided at the beginning."""

    spans: list[tuple[datetime, datetime]]

    def cover(self, now: datetime) -> bool:
        return any(start <= now < end for start, end in self.spans)


class Port:
    """A port whose calls go through the world's troubles."""

    def __init__(self, port: Any, troubles: Troubles, outages: Outages, world: World) -> None:
        self._port = port
        self._troubles = troubles
        self._outages = outages
        self._world = world
        self._taken = 0  # further puts that meet another's

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if not callable(value):
            return value
        call = self._append(value) if name == "append" else self._call(name, value)
        setattr(self, name, call)
        return call

    def _call(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        changes = name in self._troubles.changes

        def call(*args: Any, **kwargs: Any) -> Any:
            self._before(changes)
            result = method(*args, **kwargs)
            self._after(changes)
            return result

        return call

    def _append(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Of the log: only here do two writers meet."""

        def call(commit: Any, *beside: Any) -> None:
            self._before(True)
            if commit.version > 1 and self._meets_another():
                raise VersionTaken(f"{commit.case} {commit.version}")
            if beside and self._world.dice.strikes(Fault.TRANSACTION_CONFLICT):
                raise VendorTemporary(self._troubles.code, "TransactionConflict")
            method(commit, *beside)
            self._after(True)

        return call

    def _meets_another(self) -> bool:
        dice = self._world.dice
        if not self._taken and dice.strikes(Fault.CONFLICT):
            self._taken = dice.choice(BURSTS)
        self._taken -= bool(self._taken)
        return bool(self._taken)

    def _before(self, changes: bool) -> None:
        self._world.between_calls()
        troubles, dice = self._troubles, self._world.dice
        if dice.healed:
            return
        if troubles.down and self._outages.cover(self._world.clock.now):
            dice.count(troubles.down)
            raise VendorTemporary(troubles.code, "no_connection")
        if dice.strikes(troubles.busy):
            raise VendorTemporary(troubles.code, "busy")
        if changes and troubles.lost_request and dice.strikes(troubles.lost_request):
            self._world.tell(f"— {troubles.code}: no answer, and nothing done")
            raise VendorUnknown(troubles.code, "no_answer")

    def _after(self, changes: bool) -> None:
        troubles = self._troubles
        if changes and troubles.lost_answer and self._world.dice.strikes(troubles.lost_answer):
            self._world.tell(f"— {troubles.code}: no answer, but done")
            raise VendorUnknown(troubles.code, "no_answer")


class Seen:
    """A hall through its ports' troubles. Its vendors stand behind the very guards that they have in ``wiring.py``."""

    def __init__(self, hall: Any, world: World, outages: Callable[[str], Outages]) -> None:
        self._hall = hall
        self._world = world
        self._outages = outages
        self._couriers: dict[str, GuardedCourier] = {}
        self.health = Health(cast(Hall, self), world.dice.random.random)
        self.payments = GuardedPayments(Port(hall.bank, PAYMENTS, outages("payments"), world), self.health)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._hall, name)
        troubles = PORTS.get(name)
        seen = Port(value, troubles, self._outages(name), self._world) if troubles else value
        setattr(self, name, seen)
        return seen

    def courier(self, code: str) -> GuardedCourier:
        if code not in self._couriers:
            port = Port(self._hall.vendors[code], COURIER, self._outages(code), self._world)
            self._couriers[code] = GuardedCourier(port, self.health)
        return self._couriers[code]


def seen_through_troubles(hall: Any, world: World, outages: Callable[[str], Outages]) -> Hall:
    """What processes are given of a hall. ``outages`` of a port or a courier by its name."""
    return cast(Hall, Seen(hall, world, outages))
