"""Kuaidi100's wire format: signs, appointments, statuses, tracks. The vectors are computed from the stated formulas."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.couriers import kuaidi100
from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.adapters.couriers.kuaidi100 import (
    ORDERS,
    STATUSES,
    TRACK,
    TRACKS,
    Account,
    Kuaidi100Courier,
    Kuaidi100Webhook,
    order_sign,
    push_sign,
    query_sign,
    third_order,
    track_news,
)
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.adapters.couriers.times import BEIJING
from chalicelib.adapters.memory import MemoryLookups
from chalicelib.ports import (
    COURIER_REASONS,
    COURIER_STATES,
    WHEN_TOLD,
    CourierOrder,
    Forged,
    News,
    Party,
    Shipment,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
    Window,
)

NOW = datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)  # 09:02:03 in Beijing
NUMBER = "D7K3-M9QF-2XHVA-pickup-1"
WAYBILL = "1000000000001"
NUMBERS = {"taskId": "F1F0BCB0BB0BF3D9388A6CA239835A82", "orderId": "12301004"}
SALT = "SALT"
CALLBACK = "https://hall.example/webhooks/couriers/kuaidi100/a-secret-part-of-the-path"
ACCOUNT = Account("KEY", "SECRET", "CUSTOMER", SALT, phone="0000")
APPLICANT = Party("张三", "13800000000", "上海市", "上海市", "徐汇区", "样例路 1 号", "200030")
HALL = Party("政务服务中心", "021-00000000", "江苏省", "苏州市", "姑苏区", "样例路 2 号", "215000")
PARAM = '{"kuaidicom":"ems"}'


class Script(Http):
    """Answers each method (``track`` for query.do) as the script says, the last answer again and again."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("kuaidi100")
        self.answers = {name: answer if isinstance(answer, list) else [answer] for name, answer in answers.items()}
        self.calls: list[str] = []
        self.forms: dict[str, dict[str, str]] = {}

    def send(self, method: str, url: str, **request: Any) -> Answer:
        form = dict(parse_qsl(request["body"].decode(), strict_parsing=True))
        assert url == f"https://kuaidi100.example{ORDERS if 'method' in form else TRACKS}"
        call = form.get("method", "track")
        self.calls.append(call)
        self.forms[call] = form
        answers = self.answers[call]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        return self._checked(
            Answer(status, json.dumps(document).encode()), changes=request["changes"], accepts=frozenset()
        )

    def document(self, call: str) -> Any:
        return json.loads(self.forms[call]["param"])


def ok(**data: Any) -> dict[str, Any]:
    return {"result": True, "returnCode": "200", "message": "提交成功", "data": data}


def refused(code: str) -> dict[str, Any]:
    return {"result": False, "returnCode": code, "message": "张三 13800000000 该区域暂时不开放"}


BOOKED = ok(**NUMBERS, kuaidinum=WAYBILL)
NO_TRACK = {"result": False, "returnCode": "500", "message": "查询无结果，请隔段时间再查"}


def desk(http: Http, memory: MemoryLookups | None = None, *, clock: datetime = NOW, **changes: Any) -> Kuaidi100Courier:
    account = replace(ACCOUNT, **changes)
    lookups = memory or MemoryLookups()
    return Kuaidi100Courier("https://kuaidi100.example", account, CALLBACK, lookups, http=http, clock=lambda: clock)


def remembering() -> MemoryLookups:
    memory = MemoryLookups()
    memory.put(f"kuaidi100#{NUMBER}", NUMBERS)
    return memory


def an_order(window: Window | None = None, **changes: Any) -> CourierOrder:
    return replace(CourierOrder(NUMBER, APPLICANT, HALL, window), **changes)


def hours(day: int, start: int, end: int) -> Window:
    midnight = datetime(2026, 1, 5, tzinfo=BEIJING) + timedelta(days=day)
    return Window(midnight + timedelta(hours=start), midnight + timedelta(hours=end))


def a_scan(code: str, at: str = "2026-01-05 09:02:03", **changes: Any) -> dict[str, Any]:
    return {
        "time": at,
        "ftime": at,
        "context": "李四 13900000000 已签收",
        "status": "在途",
        "statusCode": code,
    } | changes


def a_track(*newest_first: Any, **changes: Any) -> dict[str, Any]:
    return {"message": "ok", "nu": WAYBILL, "com": "ems", "state": "0", "data": list(newest_first)} | changes


def a_push(message: Any, salt: str = SALT, **form: str) -> bytes:
    param = json.dumps(message, ensure_ascii=False)
    return urlencode({"sign": push_sign(param, salt), "param": param} | form).encode()


def a_callback(status: Any, **changes: Any) -> bytes:
    data = {"orderId": NUMBERS["orderId"], "status": status, "courierName": "李四", "courierMobile": "13900000000"}
    message = {"kuaidicom": "ems", "kuaidinum": WAYBILL, "status": "200", "message": "成功", "data": data}
    return a_push(message | changes, taskId=NUMBERS["taskId"])


def a_track_push(track: Any) -> bytes:
    return a_push({"status": "polling", "billstatus": "got", "message": "", "lastResult": track})


# --- signs ---


def test_the_signs_are_the_known_vectors() -> None:
    assert order_sign(PARAM, "1700000000000", "KEY", "SECRET") == "B7ACD48FE89B11E6DD7841C6C2FE2FE0"
    assert query_sign(PARAM, "KEY", "CUSTOMER") == "8F671F943E357BE246FB1316D4340BA1"
    assert push_sign(PARAM, "SALT").upper() == "1E5E798DE1614562732B24BA752BAE74"


def test_a_request_is_signed_as_it_is_sent() -> None:
    http = Script(bOrder=BOOKED)
    desk(http).order(an_order())
    form = http.forms["bOrder"]
    assert form["t"] == "1767574923000"
    assert form["sign"] == order_sign(form["param"], form["t"], "KEY", "SECRET")


# --- ordering ---


def test_an_order_names_both_ends_and_where_to_report() -> None:
    http = Script(bOrder=BOOKED)
    assert desk(http).order(an_order()) == Shipment(NUMBER, WAYBILL)
    document = http.document("bOrder")
    assert document["sendManPrintAddr"] == "上海市徐汇区样例路 1 号"
    assert document["recManPrintAddr"] == "江苏省苏州市姑苏区样例路 2 号"
    assert (document["sendManName"], document["sendManMobile"]) == ("张三", "13800000000")
    assert document["callBackUrl"] == document["pollCallBackUrl"] == CALLBACK
    assert (document["op"], document["salt"], document["thirdOrderId"]) == ("1", SALT, NUMBER)
    assert (document["kuaidicom"], document["cargo"], document["payment"]) == ("ems", "文件", "SHIPPER")
    assert "dayType" not in document
    assert "serviceType" not in document


@pytest.mark.parametrize(
    ("window", "day", "start", "end"),
    [
        (hours(0, 14, 16), "今天", "14:00", "16:00"),
        (hours(1, 9, 11), "明天", "09:00", "11:00"),
        (hours(2, 0, 1), "后天", "00:00", "01:00"),
    ],
)
def test_a_window_is_told_as_a_day_and_hours_of_beijing(window: Window, day: str, start: str, end: str) -> None:
    http = Script(bOrder=BOOKED)
    in_utc = Window(window.start.astimezone(UTC), window.end.astimezone(UTC))
    desk(http, service="标准快递").order(an_order(in_utc))
    document = http.document("bOrder")
    assert (document["dayType"], document["pickupStartTime"], document["pickupEndTime"]) == (day, start, end)
    assert document["serviceType"] == "标准快递"


@pytest.mark.parametrize("window", [hours(-1, 9, 11), hours(3, 9, 11), hours(1, 23, 25)])
def test_a_window_that_can_not_be_told_is_refused_before_anything_is_sent(window: Window) -> None:
    http = Script()
    with pytest.raises(VendorRejected) as refusal:
        desk(http).order(an_order(window))
    assert refusal.value.code == "window_out_of_reach"
    assert http.calls == []


def test_an_address_that_is_too_long_is_refused_and_not_cut() -> None:
    http = Script()
    with pytest.raises(VendorRejected) as refusal:
        desk(http).order(an_order(receiver=replace(HALL, street="路" * 100)))
    assert str(refusal.value) == "kuaidi100: address_too_long"
    assert http.calls == []


def test_a_number_of_ours_is_told_as_it_is_and_a_longer_one_by_its_digest() -> None:
    assert third_order("D7K3-M9QF-2XHVA-delivery-9999999") == "D7K3-M9QF-2XHVA-delivery-9999999"
    longer = {third_order("D7K3-M9QF-2XHVA-delivery-99999999"), third_order("D7K3-M9QF-2XHVA-delivery-99999998")}
    assert {len(number) for number in longer} == {32}
    assert len(longer) == 2


def test_the_waybill_may_be_assigned_later() -> None:
    http = Script(bOrder=ok(**NUMBERS), detail=[ok(status="0"), ok(status="1", kuaidiNum=WAYBILL)], track=NO_TRACK)
    courier = desk(http)
    assert courier.order(an_order()) == Shipment(NUMBER, "")
    assert courier.query(NUMBER, "") == Shipment(NUMBER, "")
    found = courier.query(NUMBER, "")
    assert found is not None
    assert (found.waybill, [news.state for news in found.news]) == (WAYBILL, ["pickup_scheduled"])


def test_what_was_answered_once_is_never_booked_again() -> None:
    http = Script(bOrder=BOOKED, detail=ok(status="1", kuaidiNum=WAYBILL))
    courier = desk(http)
    first = courier.order(an_order())
    assert courier.order(an_order()) == first
    assert http.calls == ["bOrder", "detail"]


@pytest.mark.parametrize("status", ["9", "99", 610])
def test_what_was_called_off_is_not_ordered_under_the_same_number_again(status: Any) -> None:
    http = Script(detail=ok(status=status))
    with pytest.raises(VendorRejected) as refusal:
        desk(http, remembering()).order(an_order())
    assert refusal.value.code == "called_off"


@pytest.mark.parametrize("code", ["500", "503", "601"])
def test_an_order_that_stands_is_not_refused_because_it_can_not_be_asked_after(code: str) -> None:
    with pytest.raises(VendorUnknown) as doubt:
        desk(Script(detail=refused(code)), remembering()).order(an_order())
    assert str(doubt.value) == f"kuaidi100: {code}"


@pytest.mark.parametrize("code", ["400", "500", "503", "600", "601", "700"])
def test_a_refusal_carries_its_code_and_not_the_text_of_kuaidi100(code: str) -> None:
    with pytest.raises(VendorRejected) as refusal:
        desk(Script(bOrder=refused(code))).order(an_order())
    assert str(refusal.value) == f"kuaidi100: {code}"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (408, {}),
        (200, []),
        (200, {}),
        {"result": False, "returnCode": "200"},
        refused("501"),
        ok(),
        ok(taskId="张三", orderId="1"),
        ok(**NUMBERS, kuaidinum="张 三"),
    ],
)
def test_an_answer_that_tells_nothing_leaves_the_order_in_doubt(answer: Any) -> None:
    memory = MemoryLookups()
    with pytest.raises(VendorUnknown) as doubt:
        desk(Script(bOrder=answer), memory).order(an_order())
    assert "张" not in str(doubt.value)
    assert memory.get(f"kuaidi100#{NUMBER}", now=NOW) == {"asked": NOW.isoformat()}


def test_too_many_requests_are_for_later() -> None:
    with pytest.raises(VendorTemporary):
        desk(Script(bOrder=(429, {}))).order(an_order())


def in_doubt() -> MemoryLookups:
    memory = MemoryLookups()
    with pytest.raises(VendorUnknown):
        desk(Script(bOrder=(500, {})), memory).order(an_order(hours(1, 9, 11)))
    return memory


def test_an_order_in_doubt_is_sent_again_and_answered_with_what_was_booked() -> None:
    memory = in_doubt()
    later = NOW + timedelta(hours=20)
    assert desk(Script(bOrder=BOOKED), memory, clock=later).order(an_order(hours(1, 9, 11))).waybill == WAYBILL


def test_an_order_in_doubt_stays_so_when_its_window_has_no_words_any_more() -> None:
    http = Script()
    with pytest.raises(VendorUnknown) as doubt:
        desk(http, in_doubt(), clock=NOW + timedelta(hours=40)).order(an_order(hours(1, 9, 11)))
    assert doubt.value.code == "window_out_of_reach"
    assert http.calls == []


def test_an_order_in_doubt_is_not_sent_again_once_kuaidi100_would_book_it_anew() -> None:
    http, memory = Script(bOrder=(500, {})), MemoryLookups()
    for hour in (0, 30):
        with pytest.raises(VendorUnknown):
            desk(http, memory, clock=NOW + timedelta(hours=hour)).order(an_order())
    with pytest.raises(VendorUnknown) as doubt:
        desk(http, memory, clock=NOW + timedelta(hours=49)).order(an_order())
    assert doubt.value.code == "asked_too_long_ago"
    assert http.calls == ["bOrder", "bOrder"]


@pytest.mark.parametrize("answer", [refused("500"), (429, {})])
def test_an_order_that_booked_nothing_is_forgotten(answer: Any) -> None:
    memory = MemoryLookups()
    with pytest.raises((VendorRejected, VendorTemporary)):
        desk(Script(bOrder=answer), memory).order(an_order())
    with pytest.raises(VendorRejected):
        desk(Script(), memory, clock=NOW + timedelta(days=3)).order(an_order(hours(1, 9, 11)))


def test_that_kuaidi100_is_busy_settles_no_doubt() -> None:
    memory = in_doubt()
    with pytest.raises(VendorTemporary):
        desk(Script(bOrder=(429, {})), memory).order(an_order(hours(1, 9, 11)))
    with pytest.raises(VendorUnknown):
        desk(Script(), memory, clock=NOW + timedelta(days=3)).order(an_order(hours(1, 9, 11)))


# --- calling off ---


def test_calling_off_names_both_of_its_numbers() -> None:
    http = Script(cancel=ok())
    desk(http, remembering()).cancel(NUMBER, WAYBILL)
    document = http.document("cancel")
    assert {name: document[name] for name in NUMBERS} == NUMBERS
    assert 0 < len(document["cancelMsg"]) <= 30


@pytest.mark.parametrize("status", ["9", "99", "610", 9])
def test_a_refused_cancellation_of_what_is_called_off_already_is_fine(status: Any) -> None:
    http = Script(cancel=refused("500"), detail=ok(status=status))
    desk(http, remembering()).cancel(NUMBER, WAYBILL)
    assert http.calls == ["cancel", "detail"]


@pytest.mark.parametrize("status", ["1", "10", "101", "13", None])
def test_a_refused_cancellation_stays_refused(status: Any) -> None:
    with pytest.raises(VendorRejected) as refusal:
        desk(Script(cancel=refused("500"), detail=ok(status=status)), remembering()).cancel(NUMBER, WAYBILL)
    assert refusal.value.code == "500"


def test_an_order_that_was_never_answered_can_not_be_called_off() -> None:
    http = Script()
    with pytest.raises(VendorRejected):
        desk(http).cancel(NUMBER, "")
    assert http.calls == []


# --- asking ---


def test_the_track_is_asked_for_with_its_own_sign() -> None:
    http = Script(track=a_track(a_scan("301", "2026-01-06 10:00:00"), a_scan("103")))
    found = desk(http, remembering()).query(NUMBER, WAYBILL)
    assert found is not None
    assert [news.state for news in found.news] == ["picked_up", "delivered"]
    form = http.forms["track"]
    assert form["customer"] == "CUSTOMER"
    assert form["sign"] == query_sign(form["param"], "KEY", "CUSTOMER")
    assert http.document("track") == {"com": "ems", "num": WAYBILL, "resultv2": "6", "order": "desc", "phone": "0000"}


def test_while_there_is_no_track_the_status_of_the_order_counts_from_now() -> None:
    http = Script(track=NO_TRACK, detail=ok(status="11", kuaidiNum=WAYBILL))
    found = desk(http, remembering()).query(NUMBER, WAYBILL)
    assert found is not None
    (news,) = found.news
    assert (news.state, news.reason, news.at) == ("exception", "not_collectable", NOW)
    (called_back,) = Kuaidi100Webhook(SALT).read(a_callback("11"))
    assert news.identity == called_back.identity


def test_without_its_numbers_the_track_alone_is_asked_for() -> None:
    http = Script(track=NO_TRACK)
    assert desk(http).query(NUMBER, WAYBILL) == Shipment(NUMBER, WAYBILL)
    assert http.calls == ["track"]


def test_nothing_is_known_without_numbers_and_waybill() -> None:
    assert desk(Script()).query(NUMBER, "") is None


@pytest.mark.parametrize("code", ["501", "502"])
def test_a_busy_track_is_for_later(code: str) -> None:
    with pytest.raises(VendorTemporary):
        desk(Script(track=refused(code))).query(NUMBER, WAYBILL)


def test_a_refused_track_is_refused() -> None:
    with pytest.raises(VendorRejected) as refusal:
        desk(Script(track=refused("601"))).query(NUMBER, WAYBILL)
    assert str(refusal.value) == "kuaidi100: 601"


@pytest.mark.parametrize(
    "track",
    [
        a_track(1),
        a_track(a_scan("1"), nu="张三"),
        a_track(a_scan("1", "yesterday")),
        a_track(a_scan("1", "0001-01-01 00:00:00")),
        a_track(data=7),
        a_track(data={"a": 1}),
    ],
)
def test_an_unreadable_track_is_for_later(track: Any) -> None:
    with pytest.raises(VendorTemporary):
        desk(Script(track=track)).query(NUMBER, WAYBILL)


# --- tracks ---


@pytest.mark.parametrize("code", TRACK)
def test_every_code_of_a_track_has_a_canonical_state(code: str) -> None:
    state, reason = TRACK[code]
    assert state in COURIER_STATES
    assert reason in {"", *COURIER_REASONS}
    told = [(news.state, news.reason) for news in track_news(a_track(a_scan(code)))]
    assert told == ([] if state == "ordered" else [(state, reason)])


@pytest.mark.parametrize(
    ("scan", "track", "expected"),
    [
        (a_scan("1009"), {}, "in_transit"),  # a detail that is new to us counts as its main state
        (a_scan("599"), {}, "out_for_delivery"),
        (a_scan("", status="派件"), {}, "out_for_delivery"),
        (a_scan("", status="神秘"), {"state": "3"}, "delivered"),
        (a_scan("", status="神秘"), {"state": "77"}, None),
    ],
)
def test_codes_that_are_new_or_missing(scan: dict[str, Any], track: dict[str, Any], expected: str | None) -> None:
    told = track_news(a_track(scan, **track))
    assert [news.state for news in told] == ([expected] if expected else [])


def test_the_state_of_the_track_says_nothing_of_an_older_scan() -> None:
    told = track_news(a_track(a_scan("301", "2026-01-06 10:00:00"), a_scan("", status="神秘"), state="3"))
    assert [news.state for news in told] == ["delivered"]


def test_a_track_is_read_in_beijing_time_without_personal_data() -> None:
    (news,) = track_news(a_track(a_scan("103")))
    assert news == News(
        identity=f"{WAYBILL}-103-20260105090203",
        waybill=WAYBILL,
        order="",
        state="picked_up",
        at=datetime(2026, 1, 5, 9, 2, 3, tzinfo=BEIJING),
        code="103",
    )


@pytest.mark.parametrize("odd", [1, a_scan("3", "yesterday"), a_scan("3", "0001-01-01 00:00:00")])
def test_a_scan_that_makes_no_sense_does_not_hide_the_others(odd: Any) -> None:
    for track in (a_track(odd, a_scan("103"), state="3"), a_track(a_scan("103"), odd)):
        assert [news.state for news in track_news(track)] == ["picked_up"]


def test_scans_of_one_second_keep_their_order() -> None:
    told = track_news(a_track(a_scan("5"), a_scan("1002"), a_scan("103")))
    assert [news.state for news in told] == ["picked_up", "in_transit", "out_for_delivery"]


# --- callbacks and pushes ---


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_canonical_state(status: str) -> None:
    state, reason = STATUSES[status]
    assert state in COURIER_STATES
    assert reason in {"", *COURIER_REASONS}
    for told in (Kuaidi100Webhook(SALT).read(a_callback(each)) for each in (status, int(status))):
        assert [(news.state, news.reason) for news in told] == ([] if state == "ordered" else [(state, reason)])


@pytest.mark.parametrize("status", ["15", "155", "166", "200", "201", "400", "777", None, {}])
def test_fees_labels_and_what_is_new_give_no_news(status: Any) -> None:
    assert Kuaidi100Webhook(SALT).read(a_callback(status)) == ()


def test_a_callback_names_no_time_so_it_counts_from_when_it_was_told() -> None:
    (news,) = Kuaidi100Webhook(SALT).read(a_callback("10"))
    assert news == News(f"12301004-10-{WAYBILL}", WAYBILL, "", "picked_up", WHEN_TOLD, "10")
    assert news.heard(NOW) == replace(news, at=NOW)
    assert "李四" not in repr(news)


@pytest.mark.parametrize(("status", "state"), [("610", "exception"), ("99", "cancelled"), ("11", "exception")])
def test_a_callback_before_there_is_a_waybill_is_known_by_kuaidi100s_own_number(status: str, state: str) -> None:
    memory = MemoryLookups()
    desk(Script(bOrder=ok(**NUMBERS)), memory).order(an_order())
    (news,) = Kuaidi100Webhook(SALT, memory).read(a_callback(status, kuaidinum=""))
    assert (news.order, news.waybill, news.state) == (NUMBER, "", state)


def test_a_callback_of_an_order_that_nobody_remembers_names_none() -> None:
    (news,) = Kuaidi100Webhook(SALT, MemoryLookups()).read(a_callback("99", kuaidinum=""))
    assert (news.order, news.waybill) == ("", "")


def test_the_webhook_remembers_what_the_courier_has_kept() -> None:
    memory = MemoryLookups()
    memory.put(f"kuaidi100-order#{NUMBERS['orderId']}", {"order": NUMBER})
    (news,) = kuaidi100.webhook(terms(memory=memory)).read(a_callback("99", kuaidinum=""))
    assert news.order == NUMBER


def test_a_push_tells_the_whole_track() -> None:
    told = Kuaidi100Webhook(SALT).read(a_track_push(a_track(a_scan("5", "2026-01-06 10:00:00"), a_scan("103"))))
    assert [news.state for news in told] == ["picked_up", "out_for_delivery"]


@pytest.mark.parametrize("track", [a_track(), a_track(data=None), {"data": []}])
def test_a_track_that_has_ended_without_scans_gives_no_news(track: Any) -> None:
    assert Kuaidi100Webhook(SALT).read(a_track_push(track)) == ()


def test_a_repeated_callback_has_one_identity_whatever_task_it_names() -> None:
    webhook = Kuaidi100Webhook(SALT)
    first, second = a_callback("10"), a_callback("10", message="again").replace(b"F1F0", b"0000")
    assert webhook.authenticate({}, first, NOW) == webhook.authenticate({}, second, NOW + timedelta(days=9))
    assert webhook.authenticate({}, a_callback("13"), NOW) != webhook.authenticate({}, first, NOW)


def test_each_push_of_a_track_is_another_message() -> None:
    webhook = Kuaidi100Webhook(SALT)
    first, second = a_track_push(a_track(a_scan("103"))), a_track_push(a_track(a_scan("5"), a_scan("103")))
    assert webhook.authenticate({}, first, NOW) == webhook.authenticate({}, first, NOW)
    assert webhook.authenticate({}, first, NOW) != webhook.authenticate({}, second, NOW)


def test_the_sign_may_be_written_in_either_case() -> None:
    body = a_push({"a": 1}).decode()
    sign = dict(parse_qsl(body))["sign"]
    assert Kuaidi100Webhook(SALT).authenticate({}, body.replace(sign, sign.upper()).encode(), NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"sign=&param=",
        b"param=%7B%7D",
        b"sign=d751713988987e9331980363e24189ce&param=[]",  # the sign without a salt
        b"\xff\xfe",
        b"sign=%FF&param=%FF",
        b"&".join([b"a=1"] * 50),
        a_push({"a": 1}, salt="another"),
        a_callback("10").replace(b"ems", b"sf1"),
        a_push({"a": 1}) + b"0",
    ],
)
def test_what_is_not_signed_with_the_salt_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        Kuaidi100Webhook(SALT).authenticate({}, body, NOW)


@pytest.mark.parametrize(
    "body",
    [
        a_push([]),
        a_push("text"),
        a_track_push(None),
        a_track_push([1]),
        a_track_push(a_track(1)),
        a_track_push(a_track(a_scan("5", "yesterday"))),
        a_track_push(a_track(a_scan("5"), nu="")),
        a_callback("10", kuaidinum="张三"),
        a_callback("10", data={"status": "10"}),
    ],
)
def test_a_push_that_makes_no_sense_is_kept_but_not_read(body: bytes) -> None:
    webhook = Kuaidi100Webhook(SALT)
    assert webhook.authenticate({}, body, NOW)
    with pytest.raises(ValueError, match=r"JSON|missing|malformed|sense|neither"):
        webhook.read(body)


def test_kuaidi100_reads_that_its_push_was_taken_or_not() -> None:
    webhook = Kuaidi100Webhook(SALT)
    taken, refusal = webhook.acknowledge(a_callback("10")), webhook.refuse()
    assert (taken.status, json.loads(taken.body)) == (
        200,
        {"result": True, "returnCode": "200", "message": "提交成功"},
    )
    assert refusal.status == 401
    assert json.loads(refusal.body)["result"] is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.sampled_from(["2026-01-05 09:02:03", "0001-01-01 00:00:00", "9999-12-31 23:59:59", ""])


@given(
    scan=st.fixed_dictionaries({"statusCode": JSON | st.sampled_from([*TRACK]), "time": TIMES | JSON}),
    changes=st.dictionaries(st.sampled_from(["nu", "state", "data"]), JSON, max_size=1),
    data=st.fixed_dictionaries({"orderId": JSON, "status": JSON | st.sampled_from([*STATUSES])}),
)
def test_whatever_is_signed_is_read_or_a_value_error(scan: Any, changes: Any, data: Any) -> None:
    webhook = Kuaidi100Webhook(SALT)
    for body in (a_track_push(a_track(scan) | changes), a_callback("1", data=data), a_push(data), a_push(scan)):
        assert webhook.authenticate({}, body, NOW)
        try:
            news = webhook.read(body)
        except ValueError:
            continue
        assert all(each.state in COURIER_STATES for each in news)


@given(st.binary(max_size=60))
def test_whatever_is_sent_without_the_salt_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        Kuaidi100Webhook(SALT).authenticate({}, b"sign=00&param=" + body, NOW)


# --- terms ---


def terms(**changes: Any) -> Terms:
    secrets = {"key": "KEY", "secret": "SECRET", "customer": "CUSTOMER", "salt": SALT}
    return replace(Terms({"kuaidicom": "jd"}, secrets, CALLBACK, memory=MemoryLookups()), **changes)


def test_the_courier_and_its_webhook_are_made_of_their_terms() -> None:
    assert kuaidi100.courier(terms()).code == kuaidi100.webhook(terms()).code == "kuaidi100"
    assert kuaidi100.webhook(terms()).authenticate({}, a_callback("10"), NOW)


def test_an_account_shows_no_secrets() -> None:
    assert "SECRET" not in repr(ACCOUNT)
    assert SALT not in repr(ACCOUNT)


@pytest.mark.parametrize("name", ["key", "secret", "customer", "salt"])
def test_a_missing_secret_is_named(name: str) -> None:
    secrets = {other: value for other, value in terms().secrets.items() if other != name}
    with pytest.raises(KeyError, match=name):
        kuaidi100.courier(terms(secrets=secrets))


def test_a_missing_memory_is_named() -> None:
    with pytest.raises(KeyError, match="memory"):
        kuaidi100.courier(terms(memory=None))


@pytest.mark.parametrize("salt", ["", "盐" * 34])
def test_a_salt_that_signs_nothing_or_does_not_fit_is_refused(salt: str) -> None:
    secrets = {**terms().secrets, "salt": salt}
    with pytest.raises(ValueError, match="salt"):
        kuaidi100.courier(terms(secrets=secrets))
    with pytest.raises(ValueError, match="salt"):
        kuaidi100.webhook(terms(secrets=secrets))


def test_a_callback_address_that_does_not_fit_is_refused_and_not_shown() -> None:
    assert kuaidi100.courier(terms(callback=CALLBACK.ljust(200, "x")))
    with pytest.raises(ValueError, match="200 bytes") as refusal:
        kuaidi100.courier(terms(callback=CALLBACK.ljust(201, "x")))
    assert "secret-part" not in str(refusal.value)
