"""EMS's wire format: sealing, times, operation codes. The vector is computed from the stated formula."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from chalicelib.adapters.couriers.ems import (
    OP_CODES,
    REVERSALS,
    EmsCourier,
    EmsWebhook,
    seal,
    unseal,
)
from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.adapters.couriers.times import BEIJING
from chalicelib.ports import (
    COURIER_STATES,
    CourierOrder,
    Forged,
    News,
    Party,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
    Window,
)

KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
OTHER_KEY = "ZmVkY2JhOTg3NjU0MzIxMA=="
SENDER = "1100000000000"
NOW = datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)
TEXT = '{"waybillNo":"9876543210000","direction":"0"}'
SEALED = (
    "|$4|Ox3IT1paIHnnqDeh722mH2Bmlm2LBdgzFLsoWAr76mDBEAzgMwF29by1oQ0/LbI3/vkPai/Ngto8XCYTZqKy1DJdUB/WoUhfa6ykyLZ7yWA="
)
APPLICANT = Party("张三", "13800000000", "上海市", "上海市", "徐汇区", "样例路 1 号", "200030")
HALL = Party("政务服务中心", "021-00000000", "上海市", "上海市", "徐汇区", "样例路 2 号", "200030")


class Recorder(Http):
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        super().__init__("ems")
        self.answers = list(answers)
        self.forms: list[dict[str, str]] = []

    def send(self, method: str, url: str, **request: Any) -> Answer:
        self.forms.append(dict(parse_qsl(request["body"].decode(), strict_parsing=True)))
        return Answer(200, json.dumps(self.answers.pop(0)).encode())

    def document(self, index: int = -1) -> Any:
        return json.loads(unseal(self.forms[index]["logitcsInterface"], KEY))


def ok(body: Any) -> dict[str, Any]:
    return {"retCode": "00000", "retBody": body, "success": True}


def refused(code: str) -> dict[str, Any]:
    return {"retCode": code, "retMsg": "张三 13800000000", "retBody": None, "success": False}


def ems(http: Http) -> EmsCourier:
    return EmsCourier("https://ems.example/open", SENDER, "sample", KEY, http=http, clock=lambda: NOW)


def an_order(window: Window | None = None, contents: str = "documents") -> CourierOrder:
    return CourierOrder("D7K3-M9QF-2XHVA-pickup-1", APPLICANT, HALL, window, contents)


def an_operation(**changed: str) -> dict[str, str]:
    operation = {
        "waybillNo": "1000000000001",
        "orderNo": "D7K3-M9QF-2XHVA-pickup-1",
        "opTime": "2026-01-05 09:02:03",
        "opCode": "203",
        "opName": "收寄计费信息",
        "operatorName": "李四",
    }
    return operation | changed


def a_push(content: Any, key: str = KEY, **changed: Any) -> bytes:
    envelope = {
        "logitcsInterface": seal(json.dumps(content), key),
        "method": "040002",
        "msgType": "0",
        "senderNo": SENDER,
        "serialNo": "SERIAL-1",
        "timeStamp": "2026-01-05 09:02:04",
        "version": "v1.0.0",
    }
    return json.dumps(envelope | changed).encode()


def without_key(content: Any) -> str:
    """Sealed as EMS is seen to push: without the key at the end of the text."""
    plain = json.dumps(content).encode()
    pad = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.SM4(b64decode(KEY)), modes.ECB()).encryptor()
    return "|$4|" + b64encode(encryptor.update(plain + bytes([pad]) * pad)).decode()


def test_the_cipher_is_sm4_of_gb_t_32907() -> None:
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    encryptor = Cipher(algorithms.SM4(block), modes.ECB()).encryptor()
    assert encryptor.update(block).hex() == "681edf34d206965e86b3e94f536e4246"


def test_sealing_gives_the_known_vector() -> None:
    assert seal(TEXT, KEY) == SEALED


def test_unsealing_gives_the_text_without_the_key() -> None:
    assert unseal(SEALED, KEY) == TEXT


def test_unsealing_does_not_need_the_key_in_the_text() -> None:
    assert json.loads(unseal(without_key({"a": 1}), KEY)) == {"a": 1}


@pytest.mark.parametrize("sealed", ["", "plain", "|$4|", "|$4|***", "|$4|AAAA", SEALED[:-4], SEALED[4:]])
def test_what_is_not_sealed_by_the_key_is_refused(sealed: str) -> None:
    with pytest.raises(ValueError, match="sealed"):
        unseal(sealed, KEY)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(ValueError, match="another key"):
        unseal(SEALED, OTHER_KEY)


def test_a_key_of_a_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="key size"):
        seal(TEXT, "c2hvcnQ=")


def test_an_order_with_a_window_is_fetched_at_the_door_in_beijing_time() -> None:
    http = Recorder(ok('{"waybillNo":"1000000000001"}'))
    window = Window(NOW, NOW + timedelta(hours=2))
    assert ems(http).order(an_order(window)).waybill == "1000000000001"
    (document,) = http.document()
    assert document["pickupType"] == "1"
    assert (document["pickupPreBeginTime"], document["pickupPreEndTime"]) == (
        "2026-01-05 09:02:03",
        "2026-01-05 11:02:03",
    )
    assert document["createdTime"] == http.forms[0]["timeStamp"] == "2026-01-05 09:02:03"
    assert document["contentsAttribute"] == "1"
    assert document["logisticsOrderNo"] == "D7K3-M9QF-2XHVA-pickup-1"


def test_an_order_without_a_window_is_handed_over() -> None:
    http = Recorder(ok([{"waybillNo": "1000000000001"}]))
    ems(http).order(an_order())
    (document,) = http.document()
    assert document["pickupType"] == "0"
    assert "pickupPreBeginTime" not in document


def test_what_is_not_documents_goes_as_goods() -> None:
    http = Recorder(ok({"waybillNo": "1000000000001"}))
    ems(http).order(an_order(contents="tokens"))
    assert http.document()[0]["contentsAttribute"] == "3"


def test_a_mobile_number_and_a_fixed_line_have_their_own_fields() -> None:
    http = Recorder(ok({"waybillNo": "1000000000001"}))
    ems(http).order(an_order())
    (document,) = http.document()
    assert document["sender"]["mobile"] == "13800000000"
    assert document["receiver"]["phone"] == "021-00000000"
    assert "mobile" not in document["receiver"]


def test_the_envelope_has_the_names_of_the_wire() -> None:
    http = Recorder(ok("[]"))
    ems(http).query("", "1000000000001")
    form = http.forms[0]
    assert form["apiCode"] == "040001"
    assert form["senderNo"] == SENDER
    assert form["authorization"] == "sample"
    assert form["logitcsInterface"].startswith("|$4|")


@pytest.mark.parametrize("body", [None, "", "{}", '"text"', {"waybillNo": ""}, "not json"])
def test_an_order_without_a_waybill_in_its_answer_is_in_doubt(body: Any) -> None:
    with pytest.raises(VendorUnknown):
        ems(Recorder(ok(body))).order(an_order())


def test_a_refusal_carries_its_code_and_not_the_text_of_ems() -> None:
    with pytest.raises(VendorRejected) as refusal:
        ems(Recorder(refused("B00042"))).order(an_order())
    assert str(refusal.value) == "ems: B00042"


def test_a_fault_of_the_platform_leaves_an_order_in_doubt_and_a_query_for_later() -> None:
    with pytest.raises(VendorUnknown):
        ems(Recorder(refused("S00001"))).order(an_order())
    with pytest.raises(VendorTemporary):
        ems(Recorder(refused("S00001"))).query("", "1000000000001")


def test_a_refused_cancellation_of_what_is_called_off_already_is_fine() -> None:
    http = Recorder(refused("B00008"), ok({"responseItems": [an_operation(opCode="801")]}))
    ems(http).cancel("D7K3-M9QF-2XHVA-pickup-1", "1000000000001")
    assert [form["apiCode"] for form in http.forms] == ["020006", "040001"]


@pytest.mark.parametrize("then", [ok({"responseItems": [an_operation()]}), ok(None), refused("S00001")])
def test_a_refused_cancellation_stays_refused(then: dict[str, Any]) -> None:
    with pytest.raises(VendorRejected) as refusal:
        ems(Recorder(refused("B00009"), then)).cancel("D7K3-M9QF-2XHVA-pickup-1", "1000000000001")
    assert refusal.value.code == "B00009"


def test_ems_is_not_asked_without_a_waybill() -> None:
    http = Recorder()
    assert ems(http).query("D7K3-M9QF-2XHVA-pickup-1", "") is None
    assert http.forms == []


@pytest.mark.parametrize("items", ["text", [1], [{}], [an_operation(opTime="yesterday")]])
def test_an_unreadable_track_is_for_later(items: Any) -> None:
    with pytest.raises(VendorTemporary):
        ems(Recorder(ok({"responseItems": items}))).query("", "1000000000001")


@pytest.mark.parametrize("odd", [1, {}, an_operation(opTime="yesterday")])
def test_an_operation_that_makes_no_sense_does_not_hide_the_others(odd: Any) -> None:
    shipment = ems(Recorder(ok({"responseItems": [odd, an_operation()]}))).query("", "1000000000001")
    assert shipment is not None
    assert [news.state for news in shipment.news] == ["picked_up"]


def test_a_track_is_told_oldest_first() -> None:
    items = [an_operation(opCode="704", opTime="2026-01-06 10:00:00"), an_operation()]
    shipment = ems(Recorder(ok({"responseItems": items}))).query("", "1000000000001")
    assert shipment is not None
    assert [news.state for news in shipment.news] == ["picked_up", "delivered"]


def test_a_push_is_read_in_beijing_time_without_personal_data() -> None:
    webhook = EmsWebhook(KEY, SENDER)
    (news,) = webhook.read(a_push(an_operation()))
    assert news == News(
        identity="1000000000001-203-20260105090203",
        waybill="1000000000001",
        order="D7K3-M9QF-2XHVA-pickup-1",
        state="picked_up",
        at=datetime(2026, 1, 5, 9, 2, 3, tzinfo=BEIJING),
        code="203",
    )
    assert "李四" not in repr(news)


def test_the_identity_of_a_push_is_that_of_its_news_whatever_its_serial_number() -> None:
    webhook = EmsWebhook(KEY, SENDER)
    first, second = a_push(an_operation()), a_push(an_operation(), serialNo="SERIAL-2", timeStamp="later")
    (news,) = webhook.read(first)
    assert webhook.authenticate({}, first, NOW) == webhook.authenticate({}, second, NOW) == news.identity


def test_a_push_of_another_customer_or_key_is_forged() -> None:
    webhook = EmsWebhook(KEY, SENDER)
    for body in (a_push(an_operation(), senderNo="1100000000001"), a_push(an_operation(), key=OTHER_KEY)):
        with pytest.raises(Forged):
            webhook.authenticate({}, body, NOW)


def test_the_customer_is_not_checked_where_none_is_set() -> None:
    assert EmsWebhook(KEY).authenticate({}, a_push(an_operation(), senderNo=""), NOW)


def test_a_push_that_tells_of_something_else_is_authentic_and_without_news() -> None:
    webhook = EmsWebhook(KEY, SENDER)
    body = a_push({"fee": "12.00"}, method="050009")
    assert webhook.authenticate({}, body, NOW) == webhook.authenticate({}, body, NOW)
    assert webhook.read(body) == ()


def test_what_nobody_has_signed_does_not_change_the_news() -> None:
    operation = an_operation()
    assert EmsWebhook(KEY).read(a_push(operation, method="0A0002")) == EmsWebhook(KEY).read(a_push(operation))


@pytest.mark.parametrize(
    "changed",
    [
        {"opTime": "2026-13-05 09:02:03"},
        {"opTime": "0001-01-01 00:00:00"},
        {"opTime": ""},
        {"waybillNo": ""},
        {"opCode": "2 03"},
    ],
)
def test_a_push_that_makes_no_sense_is_kept_but_not_read(changed: dict[str, str]) -> None:
    webhook = EmsWebhook(KEY, SENDER)
    body = a_push(an_operation(**changed))
    assert webhook.authenticate({}, body, NOW)
    with pytest.raises(ValueError, match=r"time|no waybillNo|no opCode"):
        webhook.read(body)


def test_the_acknowledgement_gives_the_serial_number_back() -> None:
    reply = EmsWebhook(KEY, SENDER).acknowledge(a_push(an_operation()))
    assert (reply.status, reply.content_type) == (200, "application/json")
    answer = json.loads(reply.body)
    assert (answer["serialNo"], answer["code"], answer["senderNo"]) == ("SERIAL-1", "00000", SENDER)


def state_of(code: str) -> tuple[str, str] | None:
    news = EmsWebhook(KEY).read(a_push(an_operation(opCode=code)))
    return (news[0].state, news[0].undoes) if news else None


@pytest.mark.parametrize("code", [*OP_CODES, *REVERSALS])
def test_every_code_has_a_canonical_state(code: str) -> None:
    state, undoes = state_of(code) or ("", "")
    assert state in COURIER_STATES
    assert undoes in {"", *COURIER_STATES}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("704", ("delivered", "")),
        ("748", ("delivered", "")),
        ("747", ("out_for_delivery", "")),
        ("711", ("returned", "")),
        ("708", ("delivery_failed", "")),
        ("801", ("cancelled", "")),
        ("742", ("in_transit", "out_for_delivery")),
        ("743", ("out_for_delivery", "delivered")),
        ("744", ("out_for_delivery", "delivery_failed")),
        ("756", None),
        ("802", None),
        ("803", None),
        ("399", ("in_transit", "")),  # not in the table: handling
        ("799", ("in_transit", "")),  # not in the table: at the delivery office
        ("899", None),  # not in the table: something about the order
        ("X_1", None),
    ],
)
def test_codes_mean_what_they_mean(code: str, expected: tuple[str, str] | None) -> None:
    assert state_of(code) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"opCode": "747"}, ("out_for_delivery", "awaiting_collection")),
        ({"opCode": "O_012"}, ("delivery_failed", "refused")),
        ({"opCode": "987"}, ("exception", "lost")),
        ({"opCode": "705"}, ("delivery_failed", "")),
        ({"opCode": "705", "attemptDeliveryCode": "7"}, ("delivery_failed", "refused")),
        ({"opCode": "705", "attemptDeliveryCode": "8"}, ("out_for_delivery", "awaiting_collection")),
        ({"opCode": "705", "attemptDeliveryCode": "13"}, ("exception", "lost")),
        ({"opCode": "705", "attemptDeliveryCode": "16"}, ("delivery_failed", "")),
        ({"opCode": "704", "attemptDeliveryCode": "7"}, ("delivered", "")),
        ({"opCode": "744", "attemptDeliveryCode": "7"}, ("out_for_delivery", "")),
    ],
)
def test_codes_say_why_as_far_as_they_can(changed: dict[str, str], expected: tuple[str, str]) -> None:
    (news,) = EmsWebhook(KEY).read(a_push(an_operation(**changed)))
    assert (news.state, news.reason) == expected
