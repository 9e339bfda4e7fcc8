"""A thousand forged, altered, stale and replayed webhooks of each vendor: none is accepted, stored, or too much for us.

What a wire format can't tell from a genuine message is that message again: it is acknowledged, so that an honest vendor
stops repeating it, and changes nothing. That is each replay where no time is signed (EMS, SF, EasyPost, Kuaidi100), a
change of what no signature covers (EMS's envelope), and, for SF, which signs nothing, any message of somebody who knows
the secret address: there the address is the whole proof, and what comes to any other one is refused.
"""

from __future__ import annotations

import ast
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.adapters import couriers
from chalicelib.domain.secrecy import is_same
from chalicelib.ports import CourierWebhook
from tests.api import LICENCE, Api, api_over
from tests.conformance.couriers import WIRES
from tests.forgeries import (
    MINUTE,
    Forge,
    Sender,
    SenderAsCourier,
    Webhook,
    altered,
    at_another_address,
    by_lot,
    nonsense,
    stripe_event,
    with_other_proof,
)
from tests.halls import COURIER_TOKEN, MemoryHall, token_of

FORGERIES = 1000  # for each vendor
CODE = Path(__file__).parents[2] / "chalicelib"


class OneCourierHall(MemoryHall):
    """A hall whose one courier speaks its own wire format."""

    def __init__(self, code: str, room: Path) -> None:
        super().__init__(couriers=(code,))
        self.sender = Sender(code, room, token_of(code), self.clock)
        self.vendors[code] = SenderAsCourier(self.sender)

    def courier_webhook(self, code: str) -> CourierWebhook:
        if code != self.sender.code:
            raise KeyError(code)
        return self.sender.webhook


def knock(api: Api, webhook: Webhook) -> int:
    """The status that the hall answers with; not held to the contract, as a thousand times would take too long."""
    api.hall.clock.advance(webhook.later)
    return int(api.http.request("POST", webhook.path, headers=dict(webhook.headers), body=webhook.body).status_code)


def stored(api: Api) -> set[str]:
    return set(api.hall.inbox._messages)


def versions(api: Api, number: str) -> int:
    record = api.hall.log.load(number)
    assert record is not None
    return len(record.commits)


@pytest.fixture
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    hall = OneCourierHall(request.param, tmp_path)
    with api_over(hall) as api:
        yield api
    hall.sender.close()


def courier_forges(sender: Sender, number: str, genuine: Webhook) -> dict[str, Forge]:
    wire = WIRES[sender.code]
    forges: dict[str, Forge] = {
        "another address": lambda dice: at_another_address(genuine, dice),
        "nonsense": lambda dice: nonsense(genuine, dice),
        "replayed": lambda dice: replace(genuine, kind="replayed", later=dice.randrange(120) * MINUTE),
        "told again": lambda dice: replace(sender.again(number), kind="told again"),
    }
    if wire.signed:
        forges["altered"] = lambda dice: altered(genuine, dice)
        forges["of a stranger"] = lambda dice: replace(sender.of_a_stranger(number), kind="of a stranger")
    if any(name.lower() != "content-type" for name in genuine.headers):
        forges["another proof"] = lambda dice: with_other_proof(genuine, dice)
    if wire.timed:
        forges["stale"] = lambda dice: replace(
            sender.again(number, dice.choice((-1, 1)) * dice.randrange(6, 20000) * MINUTE), kind="stale"
        )
    return forges


@pytest.mark.parametrize(("api", "code"), [(code, code) for code in couriers.MODULES], indirect=["api"])
def test_a_thousand_forged_pushes_of_a_courier_change_nothing(api: Api, code: str) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation")
    sender, number = api.hall.sender, f"{case['case']}-pickup-1"  # type: ignore[attr-defined]
    genuine = sender.push(number, "in_transit")
    assert knock(api, genuine) == 200
    api.hall.drain()
    assert api.track(case)["shipments"][0]["state"] == "in_transit"
    before, known = versions(api, case["case"]), stored(api)
    told = sender.understood(genuine, api.hall.clock())
    count: Counter[tuple[str, int]] = Counter()
    for forgery in by_lot(code, FORGERIES, courier_forges(sender, number, genuine)):
        status = knock(api, forgery)
        count[forgery.kind, status] += 1
        if status != 401:  # no other answer but to what says the very same
            assert (status, forgery.path) == (200, genuine.path), forgery.kind
            assert sender.understood(forgery, api.hall.clock()) == told, forgery.kind
    print(code, dict(count))
    api.hall.drain()
    assert stored(api) == known
    assert versions(api, case["case"]) == before


def test_a_thousand_forged_events_of_stripe_change_nothing() -> None:
    with api_over(MemoryHall()) as api:
        case = api.opened(LICENCE)
        session = case["payment_url"].rsplit("/", 1)[1]
        api.hall.payments.pay(session)
        start = api.hall.clock()
        genuine = stripe_event("evt_1", session, start)
        assert knock(api, genuine) == 200
        api.hall.drain()
        before, known = versions(api, case["case"]), stored(api)
        forges: dict[str, Forge] = {
            "altered": lambda dice: altered(genuine, dice),
            "another proof": lambda dice: with_other_proof(genuine, dice),
            "nonsense": lambda dice: nonsense(genuine, dice),
            "of a stranger": lambda dice: replace(
                stripe_event(f"evt_{dice.random()}", session, api.hall.clock(), secret="whsec_guessed"),
                kind="of a stranger",
            ),
            "stale": lambda dice: replace(
                stripe_event(
                    f"evt_{dice.random()}",
                    session,
                    api.hall.clock() + dice.choice((-1, 1)) * dice.randrange(6, 20000) * MINUTE,
                ),
                kind="stale",
            ),
            "replayed": lambda dice: replace(genuine, kind="replayed", later=dice.random() * MINUTE),
        }
        count: Counter[tuple[str, int]] = Counter()
        for forgery in by_lot("stripe", FORGERIES, forges):
            status = knock(api, forgery)
            count[forgery.kind, status] += 1
            fresh = api.hall.clock() - start <= timedelta(minutes=5)
            assert status == 400 or (status == 200 and forgery.kind == "replayed" and fresh), forgery.kind
        print("stripe", dict(count))
        api.hall.drain()
        assert stored(api) == known
        assert versions(api, case["case"]) == before


@pytest.mark.parametrize(("api", "code"), [(code, code) for code in couriers.MODULES], indirect=["api"])
def test_news_of_a_parcel_that_is_none_of_ours_is_acknowledged_and_changes_nothing(api: Api, code: str) -> None:
    case = api.paid(LICENCE)
    before = versions(api, case["case"])
    sender = api.hall.sender  # type: ignore[attr-defined]
    assert knock(api, sender.push("D7K3-M9QF-2XHVA-pickup-1", "delivered")) == 200
    api.hall.drain()
    api.hall.clock.advance(timedelta(days=1))  # where only the waybill is told, its order may just be on its way
    api.hall.drain()
    assert versions(api, case["case"]) == before
    assert [message.source for message in api.hall.inbox.failed()] == [f"courier:{code}"]


@pytest.mark.parametrize("api", ["sf"], indirect=True)
def test_who_knows_the_secret_address_of_sf_has_to_know_order_and_waybill_too(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation")
    sender, number = api.hall.sender, f"{case['case']}-pickup-1"  # type: ignore[attr-defined]
    before, genuine = versions(api, case["case"]), sender.push(number, "delivered")
    (news,) = sender.webhook.read(genuine.body)
    for told, other in ((news.waybill, "1000000000000"), (news.order, "D7K3-M9QF-2XHVA-pickup-1")):
        assert knock(api, replace(genuine, body=genuine.body.replace(told.encode(), other.encode()))) == 200
        api.hall.drain()
    assert versions(api, case["case"]) == before
    assert len(list(api.hall.inbox.failed())) == 2


@pytest.mark.parametrize(("api", "code"), [(code, code) for code in couriers.MODULES], indirect=["api"])
def test_no_courier_knows_the_address_of_another(api: Api, code: str) -> None:
    sender = api.hall.sender  # type: ignore[attr-defined]
    genuine = sender.push("D7K3-M9QF-2XHVA-pickup-1", "delivered")
    others = [token_of(other) for other in couriers.MODULES if other != code]
    for token in (*others, COURIER_TOKEN):
        assert knock(api, replace(genuine, path=f"/webhooks/couriers/{code}/{token}")) == 401
    assert stored(api) == set()


@pytest.mark.parametrize("api", ["sf"], indirect=True)
def test_states_that_name_no_waybill_are_not_believed_once_there_is_one(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation")
    sender, number = api.hall.sender, f"{case['case']}-pickup-1"  # type: ignore[attr-defined]
    before = versions(api, case["case"])
    genuine = sender.push(number, "pickup_scheduled")
    (news,) = sender.webhook.read(genuine.body)
    dice = random.Random("states")
    waybills, codes = ("", *(f"{dice.randrange(10**12):013}" for _ in range(9))), ("00", "04-40001", "04-40021", "05")
    for waybill in waybills:
        for code in codes:
            body = genuine.body.replace(news.waybill.encode(), waybill.encode()).replace(b"04-40001", code.encode())
            assert knock(api, replace(genuine, body=body)) == 200
    api.hall.drain()
    assert versions(api, case["case"]) == before
    assert len(list(api.hall.inbox.failed())) == len(waybills) * len(codes)
    assert knock(api, genuine) == 200
    api.hall.drain()
    assert versions(api, case["case"]) > before


# --- how a secret is compared ------------------------------------------------------------------------------------

SECRET = re.compile(r"secret|token|signature|sign$|digest|\bmac\b|salt|checkword|password|tracking_code", re.IGNORECASE)
ROOMS_WITHOUT_SECRETS = ("forms/", "web/")  # there, tokens are the parts of JSON Pointers
NOT_SECRET = {
    "adapters/couriers/sf.py text_of(envelope, 'apiResultCode') in _STALE_TOKEN": "codes of SF",
    "usecases/desk.py salted_digest(note.salt, note.text) != note.digest": "our own log against our own note",
}


def comparisons(path: Path) -> Iterator[str]:
    """Each ``==``, ``!=`` or ``in`` with a secret by name at one of its sides."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq | ast.In) for op in node.ops):
            sides = [node.left, *node.comparators]
            if any(SECRET.search(name) for side in sides for name in names(side)):
                yield ast.unparse(node)


def names(side: ast.expr) -> Iterator[str]:
    match side:
        case ast.Name(id):
            yield id
        case ast.Attribute(_, attr):
            yield attr
        case ast.Call(func):
            yield from names(func)
        case ast.Subscript(_, ast.Constant(str(key))):
            yield key


def test_no_secret_is_compared_but_in_the_one_place_that_takes_its_time() -> None:
    found = {
        f"{path.relative_to(CODE)} {text}"
        for path in CODE.rglob("*.py")
        if not str(path.relative_to(CODE)).startswith(ROOMS_WITHOUT_SECRETS)
        for text in comparisons(path)
    }
    assert found == set(NOT_SECRET)


def test_only_that_place_knows_how_secrets_are_compared() -> None:
    knowing = {
        str(path.relative_to(CODE)) for path in CODE.rglob("*.py") if "compare_digest" in path.read_text("utf-8")
    }
    assert knowing == {"domain/secrecy.py"}


NOTHING_TO_COMPARE = {"ems": "its messages are sealed, not signed", "sf": "it has the secret address alone"}
COMPARING = {
    code: f"{module.replace('.', '/')}.py"
    for code, module in couriers.MODULES.items()
    if code not in NOTHING_TO_COMPARE
} | {"stripe": "chalicelib/adapters/stripe_webhook.py", "the secret address": "chalicelib/api/webhooks.py"}


@pytest.mark.parametrize("module", COMPARING.values(), ids=COMPARING)
def test_what_proves_each_vendor_is_compared_there(module: str) -> None:
    assert "is_same(" in (CODE.parent / module).read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "same"),
    [("secret", True), (b"secret", True), ("", False), ("secre", False), ("secrets", False), ("Secret", False),
     ("\ud800", False), (b"\xff", False)],
)  # fmt: skip
def test_only_the_secret_itself_is_the_secret(given: str | bytes, same: bool) -> None:
    assert is_same(given, "secret") is same
