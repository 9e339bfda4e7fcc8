"""What has to be true of a case in the end, whatever went wrong on its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chalicelib.texts import text
from infra.local.demo import CARRIED, Hall, Walk
from tests.e2e.backstage import Backstage

# What DESIGN.md's way from door to door leaves in the log: once each, but for the couriers' news, the messages and the
# tasks, which a service has as many of as it has.
EVENTS = {
    "business-licence-change": Counter(
        Submitted=1, CheckoutOpened=1, FeePaid=1, TaskStarted=2, TaskDecided=2, CourierRequested=2, CourierOrdered=2,
        ShipmentMoved=2 * len(CARRIED), OriginalsReceived=1, CertificateIssued=1, Packed=1, Closed=1,
    ),
    "residence-certificate": Counter(
        Submitted=1, CheckoutOpened=1, FeePaid=1, TaskStarted=1, TaskDecided=1, CourierRequested=1, CourierOrdered=1,
        ShipmentMoved=len(CARRIED), CertificateIssued=1, Packed=1, Closed=1,
    ),
}  # fmt: skip
HAPPENINGS = {
    "business-licence-change": ["submitted", "paid", "picked_up", "approved", "dispatched", "delivered"],
    "residence-certificate": ["submitted", "paid", "approved", "dispatched", "delivered"],
}


def check_log(walk: Walk, beside: Counter[str] | None = None, *, unsaid: int = 0) -> None:
    """The chain holds, and its events are those of the way; ``beside`` are further ones, and ``unsaid`` messages fewer.

    Messages are waited for: the last of them are sent after the case has closed.
    """
    messages = len(HAPPENINGS[walk.service]) - unsaid
    wanted = EVENTS[walk.service] + Counter(MessageSent=messages) + (beside or Counter())
    walk.until("everything to be in the log", lambda: logged(walk).total() >= wanted.total())
    assert logged(walk) == wanted
    report = walk.audit()
    assert report["intact"] is True
    assert report["first_broken"] is None
    assert report["altered"] == []


def logged(walk: Walk) -> Counter[str]:
    return Counter(event for commit in walk.audit()["commits"] for event in commit["events"])


def check_messages(walk: Walk, happenings: Sequence[str] | None = None) -> None:
    """The phone shows one message for each happening, no more, in the applicant's language, with a link that works."""
    wanted = sorted(_words(walk, code) for code in happenings or HAPPENINGS[walk.service])
    walk.until("all messages", lambda: len(_told(walk)) >= len(wanted))
    assert sorted(_told(walk)) == wanted
    link = walk.accepted["tracking_url"]
    assert all(link in message for message in wanted)
    assert walk.case in walk.hall.call("GET", link, expect=200).text


def _told(walk: Walk) -> list[str]:
    return [message["text"] for message in walk.messages() if "://" in message["text"]]


def _words(walk: Walk, code: str) -> str:
    title = walk.hall.get(f"/v1/services/{walk.service}", params={"lang": walk.language})["title"]
    link = walk.accepted["tracking_url"]
    return text(f"message.{code}", walk.language, service=title, case=walk.case, link=link)


def check_one_of_each(walk: Walk, backstage: Backstage) -> None:
    """One courier order per leg, one checkout, one charge, one certificate; nothing was refunded or failed."""
    orders = [one["order"] for one in walk.hall.get(f"{walk.hall.addresses['courier']}/waybills")]
    mine = sorted(order for order in orders if order.startswith(walk.case))
    assert mine == sorted(f"{walk.case}-{leg}-1" for leg in ("pickup", "delivery") if walk.definition[leg])
    assert len(of_stripe(walk.hall, "checkout/sessions", walk.case)) == 1
    (charge,) = of_stripe(walk.hall, "charges", walk.case)
    assert (charge["paid"], charge["amount"]) == (True, walk.accepted["fee"]["amount"])
    assert of_stripe(walk.hall, "refunds", walk.case) == []
    certificates = [one for one in backstage.items("CertificatesTable") if one["case"]["S"] == walk.case]
    assert len(certificates) == len(walk.track()["certificates"]) == 1
    failed = walk.hall.get("/v1/desk/inbox", params={"state": "failed"}, headers=walk.hall.staff("role:supervisor"))
    assert failed["messages"] == []


def of_stripe(hall: Hall, kind: str, case: str) -> list[dict[str, Any]]:
    """All that Stripe's counterpart has of this kind for a case."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"has_more": True}
    while page["has_more"]:
        more = {"limit": "100"} | ({"starting_after": found[-1]["id"]} if found else {})
        headers = {"Authorization": "Bearer sk_test_acceptance"}
        page = hall.get(f"{hall.addresses['stripe']}/v1/{kind}", params=more, headers=headers)
        found += page["data"]
    return [one for one in found if one["metadata"].get("case") == case]
