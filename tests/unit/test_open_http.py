"""The open contract's signature and messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from standardwebhooks import Webhook

from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.adapters.couriers.open_http import TOLERANCE, OpenCourier, OpenWebhook, signed, verified
from chalicelib.ports import CourierOrder, Forged, Party, Shipment, VendorTemporary, VendorUnknown

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SOMEBODY = Party("张三", "13800000000", "上海市", "上海市", "徐汇区", "样例路 1 号")
AT = datetime.fromtimestamp(1767323045, UTC)
BODY = b'{"type":"delivery.updated","timestamp":"2026-01-02T03:04:05Z","data":{"id":"d_1"}}'
HEADERS = {
    "webhook-id": "msg_1",
    "webhook-timestamp": "1767323045",
    "webhook-signature": "v1,iH54B/J0tckhFdF+xSGrnxevIyuJ1sxMiEbYmierZpE=",
}


def test_signing_gives_the_known_vector() -> None:
    assert signed(Webhook(SECRET), "msg_1", AT, BODY.decode()) == HEADERS


def test_signing_takes_a_time_of_any_zone_for_what_it_is() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=8)))
    assert signed(Webhook(SECRET), "msg_1", elsewhere, BODY.decode()) == HEADERS


def test_the_known_vector_is_authentic_when_it_was_sent() -> None:
    assert OpenWebhook(SECRET).authenticate(HEADERS, BODY, AT) == "msg_1"


@pytest.mark.parametrize("away", [timedelta(0), TOLERANCE, -TOLERANCE])
def test_a_message_is_good_for_five_minutes_either_way(away: timedelta) -> None:
    assert verified(Webhook(SECRET), HEADERS, BODY, AT + away) == "msg_1"


@pytest.mark.parametrize("away", [TOLERANCE + timedelta(seconds=1), -TOLERANCE - timedelta(seconds=1)])
def test_a_message_is_not_good_for_longer(away: timedelta) -> None:
    with pytest.raises(Forged, match="too far"):
        verified(Webhook(SECRET), HEADERS, BODY, AT + away)


def test_one_of_several_signatures_is_enough() -> None:
    several = "v1a,AAAA v1,AAAA " + HEADERS["webhook-signature"]
    assert verified(Webhook(SECRET), HEADERS | {"webhook-signature": several}, BODY, AT)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": ""},
        {"webhook-id": "msg_2"},
        {"webhook-id": "msg.1"},
        {"webhook-id": "张三"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "1767323046"},
        {"webhook-timestamp": "9" * 30},
        {"webhook-timestamp": "nan"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,!!!"},
        {"webhook-signature": "签名"},
        {"webhook-signature": "v1a,iH54B/J0tckhFdF+xSGrnxevIyuJ1sxMiEbYmierZpE="},
    ],
)
def test_headers_that_do_not_hold_are_forged(changed: dict[str, str]) -> None:
    with pytest.raises(Forged):
        verified(Webhook(SECRET), HEADERS | changed, BODY, AT)


@pytest.mark.parametrize("missing", list(HEADERS))
def test_a_missing_header_is_forged(missing: str) -> None:
    with pytest.raises(Forged):
        verified(Webhook(SECRET), {name: value for name, value in HEADERS.items() if name != missing}, BODY, AT)


def test_another_secret_is_forged() -> None:
    with pytest.raises(Forged):
        verified(Webhook("whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="), HEADERS, BODY, AT)


def test_an_order_number_can_not_be_a_part_of_another_message() -> None:
    shifted = HEADERS | {"webhook-id": "msg_1.1767323045", "webhook-timestamp": "1767323045"}
    with pytest.raises(Forged, match="webhook-id"):
        verified(Webhook(SECRET), shifted, BODY, AT)


def a_message(**changed: Any) -> bytes:
    data = {
        "order": "D7K3-M9QF-2XHVA-delivery-1",
        "waybill": "OP000000000001",
        "state": "delivered",
        "at": "2026-01-05T09:02:03+08:00",
    }
    return json.dumps({"type": "shipment.moved", "timestamp": "2026-01-05T01:02:04Z", "data": data | changed}).encode()


def test_a_message_is_read() -> None:
    (news,) = OpenWebhook(SECRET).read(a_message(code="80", undoes="delivery_failed"))
    assert news.order == "D7K3-M9QF-2XHVA-delivery-1"
    assert news.waybill == "OP000000000001"
    assert (news.state, news.undoes, news.code) == ("delivered", "delivery_failed", "80")
    assert news.at == datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)


def test_the_same_moment_written_in_another_zone_is_the_same_news() -> None:
    webhook = OpenWebhook(SECRET)
    (here,) = webhook.read(a_message())
    (there,) = webhook.read(a_message(at="2026-01-05T01:02:03Z"))
    assert here.identity == there.identity


@pytest.mark.parametrize(
    "changed",
    [{"state": "returned"}, {"at": "2026-01-05T09:02:03.5+08:00"}, {"undoes": "delivered"}, {"order": "X-pickup-1"}],
)
def test_other_news_has_another_identity(changed: dict[str, str]) -> None:
    webhook = OpenWebhook(SECRET)
    (one,) = webhook.read(a_message())
    (other,) = webhook.read(a_message(**changed))
    assert one.identity != other.identity


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "eaten"},
        {"state": None},
        {"state": ["delivered"]},
        {"order": ""},
        {"order": 7},
        {"order": "a b"},
        {"waybill": "a/b"},
        {"waybill": 7},
        {"at": "2026-01-05T09:02:03"},
        {"at": "0001-01-01T00:00:00+08:00"},
        {"at": "yesterday"},
        {"at": 1767323045},
        {"at": None},
        {"undoes": "sleep"},
        {"code": "张三"},
        {"code": 80},
    ],
)
def test_a_message_that_makes_no_sense_is_not_read(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"missing or malformed|no state|no time|isoformat"):
        OpenWebhook(SECRET).read(a_message(**changed))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type":"shipment.moved"}', b'{"type":"shipment.moved","data":[]}'])
def test_what_is_no_message_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|JSON|no data"):
        OpenWebhook(SECRET).read(body)


def test_a_message_of_a_type_to_come_is_without_news() -> None:
    assert OpenWebhook(SECRET).read(b'{"type":"shipment.weighed","data":{}}') == ()


class Answering(Http):
    """Gives one answer to everything."""

    def __init__(self, body: bytes) -> None:
        super().__init__("open")
        self.body = body

    def send(self, method: str, url: str, **request: Any) -> Answer:
        return Answer(200, self.body)


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"waybill":7}', b'{"events":[7]}', b'{"events":7}', b'{"events":[{"state":"eaten"}]}']
)
def test_an_unreadable_shipment_leaves_an_order_in_doubt_and_a_query_for_later(body: bytes) -> None:
    courier = OpenCourier("https://courier.example", SECRET, http=Answering(body))
    with pytest.raises(VendorUnknown):
        courier.order(CourierOrder("D7K3-M9QF-2XHVA-pickup-1", SOMEBODY, SOMEBODY, None))
    with pytest.raises(VendorTemporary):
        courier.query("D7K3-M9QF-2XHVA-pickup-1", "")


def test_an_order_may_have_no_waybill_yet() -> None:
    courier = OpenCourier("https://courier.example", SECRET, http=Answering(b'{"order":"D7K3-M9QF-2XHVA-pickup-1"}'))
    assert courier.query("D7K3-M9QF-2XHVA-pickup-1", "") == Shipment("D7K3-M9QF-2XHVA-pickup-1", "")
