"""Door to door through the API: both services, with every worker's part done by ``MemoryHall.drain``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.api import LICENCE, PAPERS, RESIDENCE, Api, api_over, certificate_number
from tests.files import picture
from tests.halls import MemoryHall


@pytest.fixture
def api() -> Iterator[Api]:
    with api_over(MemoryHall()) as api:
        yield api


def test_a_proof_of_residence_comes_to_the_door(api: Api) -> None:
    case = api.opened(RESIDENCE)
    assert case["fee"]["amount"] == 1000
    assert case["fee"]["currency"] == "cny"
    assert case["status"] == "awaiting_payment"
    assert case["tracking_url"] == f"https://hall.example/t/{case['tracking']}"
    assert api.track(case)["actions"] == ["pay", "withdraw"]

    api.pay(case)
    tracked = api.track(case)
    assert (tracked["status"], tracked["payment"]["state"]) == ("in_review", "paid")
    assert tracked["promise"]["due"] == "2026-11-26T23:59:59+08:00"  # paid on Monday: Tuesday to Thursday

    assert api.decide(case, "verify-residence", "public-security").status == 200
    tracked = api.track(case)
    assert tracked["status"] == "awaiting_dispatch"
    number = certificate_number(tracked)
    public = api.get(f"/v1/certificates/{number.lower()}").json
    assert (public["state"], public["holder"]) == ("in_delivery", "张*")

    printed = api.get(f"/v1/desk/cases/{case['case']}/certificates/residence-certificate.pdf", api.clerk)
    assert printed.status == 303
    assert printed.headers["Location"].startswith("https://files.invalid/certificates/")

    assert api.dispatch(case, "certificate").status == 200
    api.move(f"{case['case']}-delivery-1", "picked_up", "in_transit")
    assert api.track(case)["status"] == "delivery_under_way"
    assert api.track(case)["promise"]["state"] == "kept"
    api.move(f"{case['case']}-delivery-1", "out_for_delivery", "delivered")
    tracked = api.track(case)
    assert tracked["status"] == "closed"
    assert [stop["state"] for stop in tracked["timeline"]] == ["done"] * len(tracked["timeline"])
    assert tracked["certificates"][0]["state"] == "valid"
    assert api.get(f"/v1/certificates/{number}").json["state"] == "valid"

    token = api.session(case)
    rating = {"department": "public-security", "stars": 5, "comment": "很快"}
    assert api.post(f"/v1/cases/{case['case']}/ratings", rating, token).status == 201
    assert api.post(f"/v1/cases/{case['case']}/ratings", rating, token).code == "already_rated"


def test_a_business_licence_is_renewed_with_originals_collected_and_a_correction_on_the_way(api: Api) -> None:
    case = api.paid(LICENCE)
    assert api.track(case)["status"] == "in_review"

    asked = api.decide(
        case,
        "pre-check",
        "market-regulation",
        "correct",
        reason="名称与照片不符",
        pointers=["/business/name", "/uploads/old-licence"],
    )
    assert asked.status == 200
    assert api.track(case)["status"] == "awaiting_correction"
    assert api.track(case)["promise"]["state"] == "standing"

    token = api.session(case)
    shown = api.get(f"/v1/cases/{case['case']}", token).json
    assert shown["correction"]["reason"] == "名称与照片不符"
    upload = api.uploaded(LICENCE, "old-licence", picture())
    corrected = api.post(
        f"/v1/cases/{case['case']}/corrections",
        {"answers": {"/business/name": "上海样例贸易有限公司"}, "uploads": {"old-licence": [upload]}},
        token,
    )
    assert corrected.status == 200
    assert corrected.json["answers"]["business"]["name"] == "上海样例贸易有限公司"
    assert corrected.json["status"] == "in_review"
    assert (
        "old-licence"
        not in api.get(f"/v1/desk/cases/{case['case']}", api.reviewer("market-regulation")).json["uploads"]
    )
    refused = api.decide(case, "pre-check", "market-regulation")
    assert (refused.status, refused.code) == (409, "files_being_checked")
    seen = api.get(f"/v1/desk/cases/{case['case']}", api.reviewer("market-regulation")).json
    assert seen["answers"]["business"]["name"] == "上海样例贸易有限公司"
    assert seen["uploads"]["old-licence"][0]["upload"] == upload

    api.hall.drain()
    assert api.decide(case, "pre-check", "market-regulation").status == 200
    tracked = api.track(case)
    assert tracked["status"] == "awaiting_pickup"
    assert tracked["shipments"][0]["window"] == {
        "start": "2026-11-26T09:00:00+08:00",
        "end": "2026-11-26T11:00:00+08:00",
    }
    api.move(f"{case['case']}-pickup-1", "picked_up")
    assert api.track(case)["status"] == "pickup_under_way"
    api.move(f"{case['case']}-pickup-1", "in_transit", "delivered")
    assert api.track(case)["status"] == "awaiting_originals_check"

    assert api.receive(case, *PAPERS).status == 200
    assert api.decide(case, "review", "market-regulation").status == 200
    assert api.track(case)["status"] == "awaiting_dispatch"
    assert api.dispatch(case, "certificate").code == "wrong_contents"
    assert api.dispatch(case, "certificate", "originals").status == 200
    api.move(f"{case['case']}-delivery-1", "picked_up", "delivered")
    assert api.track(case)["status"] == "closed"

    audit = api.get(f"/v1/desk/cases/{case['case']}/audit", api.supervisor).json
    assert audit["intact"] is True
    assert [commit["version"] for commit in audit["commits"]] == list(range(1, len(audit["commits"]) + 1))


def test_a_rejected_application_tells_the_reason_and_sends_the_originals_back(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation")
    api.move(f"{case['case']}-pickup-1", "picked_up", "delivered")
    api.receive(case, *PAPERS)
    assert api.decide(case, "review", "market-regulation", "reject").code == "reason_missing"
    assert api.decide(case, "review", "market-regulation", "reject", reason="登记机关不同").status == 200
    shown = api.get(f"/v1/cases/{case['case']}", api.session(case)).json
    assert (shown["status"], shown["rejection"]["reason"]) == ("rejected", "登记机关不同")
    assert api.dispatch(case, "originals").status == 200
    api.move(f"{case['case']}-return-1", "picked_up", "delivered")
    assert api.track(case)["shipments"][-1]["state"] == "delivered"


def test_missing_originals_stop_the_clock_until_another_courier_brings_them(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation")
    api.move(f"{case['case']}-pickup-1", "picked_up", "delivered")
    assert api.receive(case, "old-licence").status == 200
    tracked = api.track(case)
    assert tracked["status"] == "awaiting_correction"
    assert "reschedule_pickup" in tracked["actions"]

    api.hall.clock.advance(timedelta(minutes=5))
    token = api.session(case)
    window = {"start": "2026-11-27T09:00:00+08:00", "end": "2026-11-27T11:00:00+08:00"}
    moved = api.post(f"/v1/cases/{case['case']}/pickup-window", {"window": window}, token)
    assert moved.status == 200
    api.hall.drain()
    api.move(f"{case['case']}-pickup-2", "picked_up", "delivered")
    assert api.receive(case, *PAPERS).status == 200
    assert api.track(case)["status"] == "in_review"


def test_a_withdrawn_case_gives_back_what_is_not_earned(api: Api) -> None:
    case = api.paid(RESIDENCE)
    withdrawn = api.post(f"/v1/cases/{case['case']}/withdrawal", {"reason": "不需要了"}, api.session(case))
    assert withdrawn.json["status"] == "withdrawn"
    api.hall.drain()
    assert api.track(case)["payment"] == {"state": "paid", "amount": 1000, "currency": "cny", "refunded": 1000}


def test_a_broken_promise_gives_its_fee_line_back(api: Api) -> None:
    case = api.paid(RESIDENCE)
    api.hall.clock.advance(timedelta(days=5))
    api.hall.sweep_and_drain()
    tracked = api.track(case)
    assert tracked["promise"]["state"] == "broken"
    assert tracked["promise"]["refunded"] is True
    assert tracked["promise"]["refund"] == {
        "code": "certificate",
        "title": "证明工本费",
        "amount": 200,
        "state": "done",
    }
    assert tracked["payment"]["refunded"] == 200
    told = [message.text for message in api.hall.notifier.messages if "-promise_broken-" in message.key]
    assert len(told) == 1
    assert "自动退还" in told[0]
    assert tracked["tasks"][0]["light"] == "red"


def test_an_unpaid_case_can_be_paid_later_on_a_new_page(api: Api) -> None:
    case = api.opened(RESIDENCE)
    token = api.session(case)
    assert api.post(f"/v1/cases/{case['case']}/checkout", token=token).json["payment_url"] == case["payment_url"]
    api.hall.clock.advance(timedelta(hours=24))
    token = api.session(case)
    again = api.post(f"/v1/cases/{case['case']}/checkout", token=token)
    assert again.status == 201
    assert again.json["payment_url"] != case["payment_url"]
    api.pay({**case, **again.json})
    assert api.track(case)["status"] == "in_review"
    assert api.post(f"/v1/cases/{case['case']}/checkout", token=token).code == "already_paid"


def test_an_erased_case_still_tells_where_it_stands_and_nothing_of_anyone(api: Api) -> None:
    case = api.paid(LICENCE)
    api.decide(case, "pre-check", "market-regulation", "correct", reason="名称不符", pointers=["/business/name"])
    token = api.session(case)
    api.hall.log.erase(case["case"])
    assert api.track(case)["status"] == "awaiting_correction"
    own = api.get(f"/v1/cases/{case['case']}", token).json
    assert (own["answers"], own["uploads"], own["correction"]["reason"]) == ({}, {}, "")
    assert api.get(f"/v1/desk/cases/{case['case']}", api.reviewer("market-regulation")).json["answers"] == {}
    assert api.post(f"/v1/track/{case['tracking']}/codes").code == "unknown_tracking"
    corrections = f"/v1/cases/{case['case']}/corrections"
    assert api.post(corrections, {"answers": {"/business/name": "x"}}, token).code == "unknown_case"
    assert api.get(f"/v1/desk/cases/{case['case']}/audit", api.supervisor).json["intact"] is True
