"""Papers and money in trouble, on the local hall: each has its way on, and the applicant does nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from infra.local.demo import BEIJING, Hall, Walk
from tests.e2e.backstage import Backstage
from tests.e2e.outcome import logged, of_stripe

pytestmark = pytest.mark.hall

RESIDENCE = "residence-certificate"


def tell(way: Walk, leg: str, state: str, reason: str = "", *, attempt: int = 1) -> None:
    """On the courier's handheld."""
    waybill = way.until(f"courier {attempt} for the {leg}", lambda: waybills(way, leg)[attempt - 1 :])[0]
    address = f"{way.hall.addresses['courier']}/waybills/{waybill}/events"
    way.hall.call("POST", address, expect=201, json={"state": state, "reason": reason} if reason else {"state": state})


def waybills(way: Walk, leg: str) -> list[str]:
    """Of a leg's parcels that couriers have taken on, the first one first."""
    return [one["waybill"] for one in way.track()["shipments"] if one["leg"] == leg and one["waybill"]]


def certificate(way: Walk) -> str | None:
    """The number of the one that is not revoked."""
    return next((one["number"] for one in way.track()["certificates"] if one["state"] != "revoked"), None)


def public_state(door: Hall, number: str) -> str:
    return str(door.get(f"/v1/certificates/{number}")["state"])


def test_a_lost_certificate_is_issued_anew_without_applying_again(walk: Callable[..., Walk], door: Hall) -> None:
    way = walk(RESIDENCE)
    way.submit()
    way.pay()
    way.review()
    way.dispatch()
    lost = way.until("the certificate", lambda: certificate(way))
    tell(way, "delivery", "picked_up")
    tell(way, "delivery", "exception", "lost")
    way.until("the trouble to be told", lambda: (way.track().get("trouble") or {}).get("code") == "parcel_missing")
    path = f"/v1/desk/cases/{way.case}/shipments/delivery/1/resolution"
    wish = {"resolution": "lost", "reason": "快递公司确认遗失"}
    door.call("POST", path, expect=200, json=wish, headers=door.staff("role:supervisor"))
    another = way.until("another certificate", lambda: certificate(way))
    assert another != lost
    assert public_state(door, lost) == "revoked"
    way.dispatch()
    tell(way, "delivery", "picked_up", attempt=2)
    tell(way, "delivery", "delivered", attempt=2)
    way.until_status("closed")
    assert public_state(door, another) == "valid"
    assert way.audit()["intact"] is True
    assert [one["amount"] for one in of_stripe(door, "charges", way.case)] == [way.accepted["fee"]["amount"]]


def test_a_refund_that_the_bank_sends_back_is_settled_by_a_person(walk: Callable[..., Walk], door: Hall) -> None:
    way = walk(RESIDENCE)
    way.submit()
    way.pay()
    way.until_status("in_review")
    door.call("POST", f"/v1/cases/{way.case}/withdrawal", expect=200, json={}, headers=way.session())
    way.until("the refund", lambda: logged(way)["RefundDone"])
    (refund,) = of_stripe(door, "refunds", way.case)
    settle = f"{door.addresses['stripe']}/_control/refunds/{refund['id']}"
    door.call("PUT", settle, expect=200, json={"status": "failed", "reason": "declined"})
    way.until("the failure to be noticed", lambda: logged(way)["RefundFailed"])
    supervisor = door.staff("role:supervisor")
    path = f"/v1/desk/cases/{way.case}/refunds/1/settlement"
    for _ in range(2):
        door.call("POST", path, expect=200, json={"reason": "银行转账退回"}, headers=supervisor)
    assert logged(way)["RefundSettled"] == 1
    assert len(of_stripe(door, "refunds", way.case)) == 1


def test_the_books_of_the_day_agree_with_the_payment_provider(
    walk: Callable[..., Walk], door: Hall, backstage: Backstage
) -> None:
    way = walk(RESIDENCE)
    way.whole_way()
    day = datetime.fromisoformat(way.track()["submitted_at"]).astimezone(BEIJING).date().isoformat()
    way.until("the books", lambda: way.case in books(door, day))
    backstage.invoke("ReconcileName", {"date": day})
    path = "/v1/desk/reports/reconciliation"
    report = door.get(path, params={"date": day}, headers=door.staff("role:auditor"))
    assert report["compared"]["payments"] >= 1
    assert [one for one in report["differences"] if way.case in (one["case"], one["other_case"])] == []


def books(door: Hall, day: str) -> str:
    """The books of a day, as CSV."""
    span = {"from": day, "to": day}
    answer = door.call(
        "GET", "/v1/desk/reports/ledger.csv", expect=200, params=span, headers=door.staff("role:auditor")
    )
    assert answer.headers["content-type"].startswith("text/csv")
    return answer.text
