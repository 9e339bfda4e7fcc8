"""EasyPost's wire format: signature, trackers, orders that stopped halfway. The vector is computed from the formula."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.couriers import easypost
from chalicelib.adapters.couriers.easypost import (
    DETAILS,
    SIGNATURE,
    STATUSES,
    EasyPostCourier,
    EasyPostWebhook,
    Product,
    signature,
    tracker_news,
)
from chalicelib.adapters.couriers.http import Answer, Http
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.ports import (
    COURIER_REASONS,
    COURIER_STATES,
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

NOW = datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)
NUMBER = "D7K3-M9QF-2XHVA-pickup-1"
WINDOW = Window(NOW, NOW + timedelta(hours=2))
SECRET = "sécret"
THERE = Party("张三", "+1 555 0100", "CA", "Sampletown", "", "1 Sample Street", "90001", "US")
HALL = Party("Service hall", "+1 555 0101", "CA", "Sampletown", "Unit 2", "2 Sample Street", "90001", "US")
RATES = [
    {"id": "rate_1", "carrier": "UPS", "service": "Ground", "rate": "9.10"},
    {"id": "rate_2", "carrier": "USPS", "service": "Priority", "rate": "10.00"},
    {"id": "rate_3", "carrier": "USPS", "service": "Express", "rate": "31.00"},
]
PICKUP_RATES = [
    {"carrier": "USPS", "service": "NextDay", "rate": "0.00"},
    {"carrier": "UPS", "service": "Future-day Pickup", "rate": "6.50"},
]
SHIPMENT, PICKUP, TRACKER = f"GET /shipments/{NUMBER}", f"GET /pickups/{NUMBER}", "GET /trackers/trk_1"
MAKE, BUY, REFUND = "POST /shipments", "POST /shipments/shp_1/buy", "POST /shipments/shp_1/refund"
MAKE_PICKUP, BUY_PICKUP, CANCEL_PICKUP = (
    "POST /pickups",
    "POST /pickups/pickup_1/buy",
    "POST /pickups/pickup_1/cancel",
)
NOTHING: tuple[int, Any] = (404, {"error": {"code": "NOT_FOUND"}})


class Script(Http):
    """Answers each call as the script says (the last answer again and again); any other call is a fault of the test."""

    def __init__(self, **_: Any) -> None:
        super().__init__("easypost")
        self.answers: dict[str, list[Any]] = {}
        self.calls: list[str] = []
        self.sent: dict[str, Any] = {}

    def send(self, method: str, url: str, **request: Any) -> Answer:
        call = f"{method} {url.removeprefix('https://easypost.example/v2')}"
        self.calls.append(call)
        if request.get("body"):
            self.sent[call] = json.loads(request["body"])
        self.headers = request["headers"]
        answers = self.answers[call]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        accepts = request.get("accepts", frozenset())
        return self._checked(Answer(status, json.dumps(document).encode()), changes=request["changes"], accepts=accepts)

    def changes(self) -> list[str]:
        return [call for call in self.calls if call.startswith("POST")]


def script(answers: dict[str, Any]) -> Script:
    http = Script()
    http.answers = {call: answer if isinstance(answer, list) else [answer] for call, answer in answers.items()}
    return http


def desk(http: Http, product: Product | None = None) -> EasyPostCourier:
    return EasyPostCourier("https://easypost.example/v2", "EZTKsample", product, http=http)


def an_order(window: Window | None = WINDOW, **changes: Any) -> CourierOrder:
    return replace(CourierOrder(NUMBER, THERE, HALL, window), **changes)


def a_label(*, bought: bool = True, window: bool = True, **changes: Any) -> dict[str, Any]:
    label = {
        "id": "shp_1",
        "reference": NUMBER,
        "rates": RATES,
        "options": {"pickup_min_datetime": "2026-01-05T01:02:03+00:00"} if window else {},
        "tracking_code": "9400100000000000000001" if bought else None,
        "tracker": {"id": "trk_1"} if bought else None,
        "selected_rate": {"carrier": "USPS"} if bought else None,
        "refund_status": None,
    }
    return label | changes


def a_pickup(status: str = "unknown", **changes: Any) -> dict[str, Any]:
    return {"id": "pickup_1", "reference": NUMBER, "status": status, "pickup_rates": PICKUP_RATES} | changes


def a_scan(status: str, detail: str = "status_update", at: str = "2026-01-05T09:02:03Z") -> dict[str, Any]:
    return {"status": status, "status_detail": detail, "datetime": at, "message": "Signed by 李四"}


def a_tracker(*scans: dict[str, Any], **changes: Any) -> dict[str, Any]:
    tracker = {
        "id": "trk_1",
        "tracking_code": "9400100000000000000001",
        "status": scans[-1]["status"] if scans else "unknown",
        "updated_at": "2026-01-05T10:00:00Z",
        "tracking_details": list(scans),
    }
    return tracker | changes


def an_event(result: Any, **changes: Any) -> bytes:
    event = {"id": "evt_1", "object": "Event", "mode": "production", "description": "tracker.updated", "result": result}
    return json.dumps(event | changes).encode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {SIGNATURE: signature(secret, body)}


def states(news: tuple[News, ...]) -> list[str]:
    return [each.state for each in news]


# --- ordering ---


def test_an_order_is_a_label_and_a_pickup_of_the_same_carrier() -> None:
    http = script(
        {
            SHIPMENT: [NOTHING, a_label(bought=False)],
            MAKE: a_label(bought=False),
            BUY: a_label(),
            PICKUP: NOTHING,
            MAKE_PICKUP: a_pickup(),
            BUY_PICKUP: a_pickup("scheduled"),
        }
    )
    shipment = desk(http, Product(carrier="USPS")).order(an_order())
    assert shipment == Shipment(NUMBER, "9400100000000000000001")
    assert http.changes() == [MAKE, BUY, MAKE_PICKUP, BUY_PICKUP]
    assert http.sent[BUY] == {"rate": {"id": "rate_2"}}
    assert http.sent[BUY_PICKUP] == {"carrier": "USPS", "service": "NextDay"}
    made, pickup = http.sent[MAKE]["shipment"], http.sent[MAKE_PICKUP]["pickup"]
    assert made["reference"] == pickup["reference"] == NUMBER
    assert pickup["shipment"] == {"id": "shp_1"}
    assert pickup["address"] == made["from_address"]
    assert (pickup["min_datetime"], pickup["max_datetime"]) == (
        "2026-01-05T01:02:03+00:00",
        "2026-01-05T03:02:03+00:00",
    )


def test_an_order_without_a_window_is_a_label_alone() -> None:
    http = script(
        {SHIPMENT: [NOTHING, a_label(bought=False, window=False)], MAKE: a_label(bought=False), BUY: a_label()}
    )
    desk(http).order(an_order(window=None))
    assert http.changes() == [MAKE, BUY]
    assert http.sent[MAKE]["shipment"]["options"] == {}


def test_the_key_is_the_user_of_basic_authentication() -> None:
    http = script({SHIPMENT: NOTHING})
    desk(http).query(NUMBER, "")
    assert b64decode(http.headers["authorization"].removeprefix("Basic ")) == b"EZTKsample:"


@pytest.mark.parametrize(
    ("product", "rate"),
    [
        (Product(), "rate_1"),
        (Product(carrier="USPS"), "rate_2"),
        (Product(carrier="USPS", service="Express"), "rate_3"),
        (Product(service="Express"), "rate_3"),
    ],
)
def test_the_cheapest_rate_that_fits_is_bought(product: Product, rate: str) -> None:
    http = script({SHIPMENT: a_label(bought=False, window=False), BUY: a_label(window=False)})
    desk(http, product).order(an_order(window=None))
    assert http.sent[BUY] == {"rate": {"id": rate}}


@pytest.mark.parametrize(("product", "rates"), [(Product(carrier="DHLExpress"), RATES), (Product(), [])])
def test_no_rate_that_fits_is_a_refusal(product: Product, rates: list[Any]) -> None:
    http = script({SHIPMENT: a_label(bought=False, rates=rates)})
    with pytest.raises(VendorRejected) as refusal:
        desk(http, product).order(an_order())
    assert refusal.value.code == "no_rate"
    assert http.changes() == []


def test_a_parcel_to_another_country_declares_papers() -> None:
    http = script({SHIPMENT: [NOTHING, a_label(bought=False)], MAKE: a_label(bought=False), BUY: a_label()})
    abroad = replace(THERE, country="CA", province="ON")
    desk(http, Product(package="Letter", weight_oz=2.5)).order(an_order(window=None, receiver=abroad))
    made = http.sent[MAKE]["shipment"]
    assert made["to_address"]["country"] == "CA"
    assert made["parcel"] == {"weight": 2.5, "predefined_package": "Letter"}
    assert made["customs_info"]["contents_type"] == "documents"
    assert made["customs_info"]["customs_items"][0]["origin_country"] == "US"


def test_a_parcel_within_a_country_declares_nothing() -> None:
    http = script({SHIPMENT: [NOTHING, a_label(bought=False)], MAKE: a_label(bought=False), BUY: a_label()})
    desk(http).order(an_order(window=None))
    assert "customs_info" not in http.sent[MAKE]["shipment"]


# --- orders that stopped halfway ---


def test_a_shipment_that_was_made_but_not_bought_is_bought() -> None:
    http = script({SHIPMENT: a_label(bought=False), BUY: a_label(), PICKUP: a_pickup("scheduled")})
    desk(http).order(an_order())
    assert http.changes() == [BUY]


def test_a_label_without_a_pickup_gets_one() -> None:
    http = script({SHIPMENT: a_label(), PICKUP: NOTHING, MAKE_PICKUP: a_pickup(), BUY_PICKUP: a_pickup("scheduled")})
    desk(http).order(an_order())
    assert http.changes() == [MAKE_PICKUP, BUY_PICKUP]


def test_a_pickup_that_was_made_but_not_bought_is_bought() -> None:
    http = script({SHIPMENT: a_label(), PICKUP: a_pickup(), BUY_PICKUP: a_pickup("scheduled")})
    desk(http).order(an_order())
    assert http.changes() == [BUY_PICKUP]


@pytest.mark.parametrize("status", ["scheduled", "canceled"])
def test_what_is_bought_is_not_bought_again(status: str) -> None:
    http = script({SHIPMENT: a_label(), PICKUP: a_pickup(status)})
    assert desk(http).order(an_order()).waybill == "9400100000000000000001"
    assert http.changes() == []


def test_a_shipment_of_another_reference_is_not_ours() -> None:
    http = script({SHIPMENT: a_label(reference="D7K3-M9QF-2XHVA-pickup-11")})
    assert desk(http).query(NUMBER, "") is None


def test_two_at_the_same_time_buy_the_shipment_that_goes_by_the_number() -> None:
    other = a_label(bought=False, id="shp_2")
    http = script(
        {SHIPMENT: [NOTHING, other], MAKE: a_label(bought=False), "POST /shipments/shp_2/buy": a_label(id="shp_2")}
    )
    desk(http).order(an_order(window=None))
    assert http.changes() == [MAKE, "POST /shipments/shp_2/buy"]


def test_a_label_that_somebody_else_has_just_bought_is_ours() -> None:
    exists = (422, {"error": {"code": "SHIPMENT.POSTAGE.EXISTS"}})
    http = script({SHIPMENT: a_label(bought=False), BUY: exists, "GET /shipments/shp_1": a_label()})
    assert desk(http).order(an_order(window=None)).waybill == "9400100000000000000001"


def test_a_pickup_that_somebody_else_has_just_bought_is_ours() -> None:
    refused = (422, {"error": {"code": "PICKUP.BOUGHT"}})
    http = script({SHIPMENT: a_label(), PICKUP: [a_pickup(), a_pickup("scheduled")], BUY_PICKUP: refused})
    desk(http).order(an_order())
    assert http.changes() == [BUY_PICKUP]


def test_where_nobody_comes_the_label_is_given_back() -> None:
    http = script(
        {
            SHIPMENT: a_label(),
            PICKUP: NOTHING,
            MAKE_PICKUP: a_pickup(pickup_rates=[]),
            REFUND: a_label(refund_status="submitted"),
        }
    )
    with pytest.raises(VendorRejected) as refusal:
        desk(http).order(an_order())
    assert refusal.value.code == "no_pickup_rate"
    assert http.changes() == [MAKE_PICKUP, REFUND]


def test_a_label_that_may_not_have_been_given_back_leaves_the_order_in_doubt() -> None:
    refused = (422, {"error": {"code": "PICKUP.INVALID"}})
    http = script({SHIPMENT: a_label(), PICKUP: NOTHING, MAKE_PICKUP: refused, REFUND: (503, {})})
    with pytest.raises(VendorUnknown):
        desk(http).order(an_order())


def test_a_label_that_is_not_taken_back_leaves_the_order_in_doubt() -> None:
    none_comes = [NOTHING, a_pickup(pickup_rates=[])]
    rejected = a_label(refund_status="rejected")
    http = script({SHIPMENT: a_label(), PICKUP: none_comes, MAKE_PICKUP: a_pickup(pickup_rates=[]), REFUND: rejected})
    with pytest.raises(VendorUnknown) as doubt:
        desk(http).order(an_order())
    assert doubt.value.code == "label_not_given_back"
    http.answers[REFUND] = [a_label(refund_status="submitted")]
    with pytest.raises(VendorRejected):  # ordered again: now nothing is left of it
        desk(http).order(an_order())


def test_what_was_given_back_is_not_ordered_under_the_same_number_again() -> None:
    http = script({SHIPMENT: a_label(refund_status="refunded")})
    with pytest.raises(VendorRejected) as refusal:
        desk(http).order(an_order())
    assert refusal.value.code == "called_off"


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        *((at, (status, {})) for at in (MAKE, BUY, MAKE_PICKUP, BUY_PICKUP) for status in (408, 500, 503)),
        *((at, document) for at in (MAKE, BUY, MAKE_PICKUP) for document in ([], {"id": 1})),
        (BUY_PICKUP, []),
    ],
)
def test_an_answer_that_tells_nothing_leaves_the_order_in_doubt(at: str, answer: Any) -> None:
    answers: dict[str, Any] = {
        SHIPMENT: [NOTHING, a_label(bought=False)],
        MAKE: a_label(bought=False),
        BUY: a_label(),
        PICKUP: NOTHING,
        MAKE_PICKUP: a_pickup(),
        BUY_PICKUP: a_pickup("scheduled"),
    }
    with pytest.raises(VendorUnknown):
        desk(script(answers | {at: [answer]})).order(an_order())


@pytest.mark.parametrize("status", [400, 402, 403, 422])
def test_a_refusal_carries_the_code_and_not_the_text_of_easypost(status: int) -> None:
    error = {"error": {"code": "ADDRESS.VERIFY.FAILURE", "message": "张三 not found", "errors": []}}
    with pytest.raises(VendorRejected) as refusal:
        desk(script({SHIPMENT: NOTHING, MAKE: (status, error)})).order(an_order())
    assert str(refusal.value) == f"easypost: {'http_403' if status == 403 else 'ADDRESS.VERIFY.FAILURE'}"


@pytest.mark.parametrize("error", ["text", {"error": "张三"}, {"error": {"code": "张三"}}, {"error": {"code": 7}}, []])
def test_an_error_of_another_form_is_told_by_its_status(error: Any) -> None:
    with pytest.raises(VendorRejected) as refusal:
        desk(script({SHIPMENT: NOTHING, MAKE: (422, error)})).order(an_order())
    assert refusal.value.code == "http_422"


def test_too_many_requests_are_for_later() -> None:
    with pytest.raises(VendorTemporary):
        desk(script({SHIPMENT: NOTHING, MAKE: (429, {})})).order(an_order())


# --- calling off ---


def test_calling_off_cancels_the_pickup_before_it_gives_the_label_back() -> None:
    http = script(
        {
            SHIPMENT: a_label(),
            TRACKER: a_tracker(a_scan("pre_transit")),
            PICKUP: a_pickup("scheduled"),
            CANCEL_PICKUP: a_pickup("canceled"),
            REFUND: a_label(refund_status="submitted"),
        }
    )
    desk(http).cancel(NUMBER, "9400100000000000000001")
    assert http.changes() == [CANCEL_PICKUP, REFUND]


def test_calling_off_goes_on_where_it_stopped() -> None:
    http = script(
        {
            SHIPMENT: a_label(),
            TRACKER: a_tracker(),
            PICKUP: a_pickup("canceled"),
            REFUND: a_label(refund_status="not_applicable"),
        }
    )
    desk(http).cancel(NUMBER, "")
    assert http.changes() == [REFUND]


@pytest.mark.parametrize("status", ["submitted", "refunded", "not_applicable"])
def test_what_is_called_off_already_is_left_alone(status: str) -> None:
    http = script({SHIPMENT: a_label(refund_status=status)})
    desk(http).cancel(NUMBER, "")
    assert http.changes() == []


def test_of_a_shipment_that_was_only_made_there_is_nothing_to_call_off() -> None:
    http = script({SHIPMENT: a_label(bought=False), PICKUP: NOTHING})
    desk(http).cancel(NUMBER, "")
    assert http.changes() == []


@pytest.mark.parametrize("status", ["in_transit", "out_for_delivery", "delivered", "failure", "return_to_sender"])
def test_it_is_too_late_once_the_parcel_is_on_its_way(status: str) -> None:
    http = script({SHIPMENT: a_label(), TRACKER: a_tracker(a_scan(status))})
    with pytest.raises(VendorRejected) as refusal:
        desk(http).cancel(NUMBER, "")
    assert refusal.value.code == "too_late"
    assert http.changes() == []


def test_an_unknown_order_can_not_be_called_off() -> None:
    with pytest.raises(VendorRejected):
        desk(script({SHIPMENT: NOTHING})).cancel(NUMBER, "")


def test_a_refund_that_is_rejected_is_asked_for_again_later() -> None:
    rejected = a_label(refund_status="rejected")
    http = script({SHIPMENT: rejected, TRACKER: a_tracker(), PICKUP: NOTHING, REFUND: rejected})
    with pytest.raises(VendorTemporary):
        desk(http).cancel(NUMBER, "")


# --- asking ---


def test_an_order_is_known_with_the_news_of_its_tracker() -> None:
    http = script({SHIPMENT: a_label(), TRACKER: a_tracker(a_scan("in_transit"))})
    found = desk(http).query(NUMBER, "")
    assert found is not None
    assert (found.order, found.waybill) == (NUMBER, "9400100000000000000001")
    assert states(found.news) == ["picked_up", "in_transit"]
    assert http.calls == [SHIPMENT, TRACKER]


@pytest.mark.parametrize(
    ("shipment", "pickup", "known"),
    [
        (NOTHING, NOTHING, False),
        (a_label(bought=False), NOTHING, False),
        (a_label(), NOTHING, False),
        (a_label(), a_pickup("unknown"), False),
        (a_label(), a_pickup("scheduled"), True),
        (a_label(), a_pickup("canceled"), True),
        (a_label(window=False), NOTHING, True),
    ],
)
def test_an_order_of_which_only_a_part_is_bought_is_not_known_yet(shipment: Any, pickup: Any, known: bool) -> None:
    http = script({SHIPMENT: shipment, PICKUP: pickup, TRACKER: a_tracker()})
    assert (desk(http).query(NUMBER, "") is not None) == known


@pytest.mark.parametrize(
    "broken",
    [
        {"id": 7},
        {"tracking_code": "9400 1"},
        {"tracker": "trk_1"},
        {"rates": [1]},
        {"rates": [{"carrier": "USPS", "service": "Priority", "rate": "8.10"}]},
        {"rates": 1},
        {"options": 3},
        {"selected_rate": "x"},
    ],
)
def test_a_shipment_that_makes_no_sense_is_for_later(broken: dict[str, Any]) -> None:
    with pytest.raises(VendorTemporary):
        desk(script({SHIPMENT: a_label(**broken), TRACKER: a_tracker(), PICKUP: NOTHING})).query(NUMBER, "")


@pytest.mark.parametrize("broken", [{}, {"tracking_details": [1]}, {"tracking_details": 1}, {"id": None}])
def test_a_tracker_that_makes_no_sense_is_for_later(broken: dict[str, Any]) -> None:
    tracker = a_tracker(**broken) if broken else {"id": "trk_1"}
    with pytest.raises(VendorTemporary):
        desk(script({SHIPMENT: a_label(), TRACKER: tracker})).query(NUMBER, "")


# --- trackers ---


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_canonical_state(status: str) -> None:
    (*_, last) = tracker_news(a_tracker(a_scan(status))) or [News("", "", "", "ordered", NOW, "")]
    assert last.state == STATUSES[status][0]
    assert last.state in COURIER_STATES
    assert last.reason in {"", *COURIER_REASONS}


@pytest.mark.parametrize(("status", "detail"), DETAILS)
def test_every_detail_of_the_table_has_a_canonical_state(status: str, detail: str) -> None:
    last = tracker_news(a_tracker(a_scan(status, detail)))[-1]
    assert (last.state, last.reason) == DETAILS[status, detail]
    assert last.state in COURIER_STATES
    assert last.reason in {"", *COURIER_REASONS}
    assert last.code == f"{status}.{detail}"


@pytest.mark.parametrize("status", ["unknown", "pre_transit", "something_new"])
def test_what_says_nothing_is_no_news(status: str) -> None:
    assert tracker_news(a_tracker(a_scan(status))) == ()


def test_news_are_told_in_utc_without_personal_data() -> None:
    (news,) = tracker_news(a_tracker(a_scan("cancelled", at="2026-01-05T09:02:03+08:00")))
    assert news == News(
        identity="trk_1-cancelled.status_update-20260105T010203",
        waybill="9400100000000000000001",
        order="",
        state="cancelled",
        at=datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC),
        code="cancelled.status_update",
    )


def test_a_time_without_an_offset_is_utc() -> None:
    (news,) = tracker_news(a_tracker(a_scan("cancelled", at="2026-01-05T09:02:03")))
    assert news.at == datetime(2026, 1, 5, 9, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        (["pre_transit", "in_transit"], ["picked_up", "in_transit"]),
        (["in_transit", "in_transit", "delivered"], ["picked_up", "in_transit", "in_transit", "delivered"]),
        (["out_for_delivery"], ["picked_up", "out_for_delivery"]),
        (["delivered"], ["picked_up", "delivered"]),
        (["cancelled"], ["cancelled"]),
        (["error", "in_transit"], ["exception", "picked_up", "in_transit"]),
    ],
)
def test_the_first_scan_on_the_way_tells_that_it_was_picked_up(scans: list[str], expected: list[str]) -> None:
    told = tracker_news(
        a_tracker(*(a_scan(status, at=f"2026-01-0{day}T09:00:00Z") for day, status in enumerate(scans, 1)))
    )
    assert states(told) == expected
    assert len({news.identity for news in told}) == len(told)
    assert all(earlier.at < later.at for earlier, later in pairwise(told))


def test_the_acceptance_scan_tells_the_same_by_itself() -> None:
    scans = (
        a_scan("in_transit", "received_at_origin_facility"),
        a_scan("in_transit", "departed_facility", "2026-01-05T12:00:00Z"),
    )
    assert states(tracker_news(a_tracker(*scans))) == ["picked_up", "in_transit"]


def test_the_pickup_is_told_once_though_an_earlier_scan_comes_in_late() -> None:
    late, known = a_scan("in_transit", at="2026-01-04T08:00:00Z"), a_scan("in_transit")
    first, second = tracker_news(a_tracker(known)), tracker_news(a_tracker(late, known))
    assert first[0].identity == second[0].identity == "trk_1-picked_up"
    assert {news.identity for news in first} < {news.identity for news in second}


def test_scans_out_of_order_are_told_oldest_first() -> None:
    scans = a_scan("delivered", at="2026-01-06T09:00:00Z"), a_scan("in_transit")
    assert states(tracker_news(a_tracker(*scans, status="delivered"))) == ["picked_up", "in_transit", "delivered"]


def test_a_status_that_no_scan_tells_counts_once() -> None:
    first = tracker_news(a_tracker(a_scan("pre_transit"), status="cancelled"))
    again = tracker_news(a_tracker(a_scan("pre_transit"), status="cancelled", updated_at="2026-01-09T00:00:00Z"))
    assert states(first) == ["cancelled"]
    assert [news.identity for news in first] == [news.identity for news in again]


# --- events ---


def test_the_signature_is_the_known_vector() -> None:
    expected = "hmac-sha256-hex=35e2265acce5e647f35f28306f4dcbedbd1e36e1a305c5c7f50888fc9aad8b0a"
    assert signature(SECRET, b'{"a":1}') == expected
    assert signature("se\u0301cret", b'{"a":1}') == expected


def test_an_event_is_known_by_its_own_id() -> None:
    body = an_event(a_tracker(a_scan("in_transit")))
    assert EasyPostWebhook(SECRET).authenticate(signed(body), body, NOW) == "evt_1"
    assert states(EasyPostWebhook(SECRET).read(body)) == ["picked_up", "in_transit"]


@pytest.mark.parametrize("header", ["", "hmac-sha256-hex=", "hmac-sha256-hex=00", "hmac-sha256-hex=é", "\ud800"])
def test_an_event_without_its_signature_is_forged(header: str) -> None:
    body = an_event(a_tracker())
    with pytest.raises(Forged):
        EasyPostWebhook(SECRET).authenticate({SIGNATURE: header}, body, NOW)
    with pytest.raises(Forged):
        EasyPostWebhook(SECRET).authenticate({}, body, NOW)


def test_an_event_signed_by_another_secret_or_changed_is_forged() -> None:
    body = an_event(a_tracker())
    with pytest.raises(Forged):
        EasyPostWebhook(SECRET).authenticate(signed(body, "another"), body, NOW)
    with pytest.raises(Forged):
        EasyPostWebhook(SECRET).authenticate(signed(body), body + b" ", NOW)


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        EasyPostWebhook("")


@pytest.mark.parametrize(("ours", "theirs"), [("production", "test"), ("test", "production"), ("production", None)])
def test_an_event_of_another_mode_is_refused(ours: str, theirs: str | None) -> None:
    body = an_event(a_tracker(), mode=theirs)
    with pytest.raises(Forged):
        EasyPostWebhook(SECRET, ours).authenticate(signed(body), body, NOW)


@pytest.mark.parametrize(
    "body", [b"", b"text", b"[]", b"\xff\xfe", b"[" * 9999, an_event({}, id=7), an_event({}, id="a b")]
)
def test_a_signed_event_without_an_id_is_known_by_its_content(body: bytes) -> None:
    webhook = EasyPostWebhook(SECRET)
    assert webhook.authenticate(signed(body), body, NOW) == webhook.authenticate(signed(body), body, NOW + timedelta(9))


@pytest.mark.parametrize("odd", [1, {}, a_scan("delivered", at="soon"), {"status": "delivered", "datetime": None}])
def test_a_scan_that_makes_no_sense_does_not_hide_the_others(odd: Any) -> None:
    tracker = a_tracker(a_scan("in_transit", "received_at_origin_facility"), status="in_transit")
    tracker["tracking_details"].append(odd)
    assert [news.state for news in tracker_news(tracker)] == ["picked_up"]


@pytest.mark.parametrize("detail", [7, "arrived at 张三", ["refused"], {}])
def test_a_detail_that_is_no_word_counts_as_none(detail: Any) -> None:
    told = tracker_news(a_tracker({**a_scan("delivered"), "status_detail": detail}))
    assert [(news.state, news.code) for news in told] == [("picked_up", "delivered"), ("delivered", "delivered")]


@pytest.mark.parametrize("description", ["batch.created", "payment.completed", "insurance.purchased", None])
def test_events_about_something_else_give_no_news(description: str | None) -> None:
    assert EasyPostWebhook(SECRET).read(an_event({"id": "x"}, description=description)) == ()


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "trk_1",
        {},
        a_tracker(tracking_details=[1]),
        a_tracker(tracking_details=7),
        a_tracker({"status": []}),
        a_tracker({"status": "delivered", "datetime": None}),
        a_tracker(id="a b"),
    ],
)
def test_an_event_that_makes_no_sense_is_kept_but_not_read(result: Any) -> None:
    with pytest.raises(ValueError, match=r"tracker|missing|sense"):
        EasyPostWebhook(SECRET).read(an_event(result))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.sampled_from(["2026-01-05T09:02:03Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001", ""])


@given(
    scan=st.fixed_dictionaries({"status": JSON | st.sampled_from([*STATUSES]), "datetime": TIMES | JSON}),
    tracker=st.dictionaries(
        st.sampled_from(["id", "status", "updated_at", "tracking_details"]), TIMES | JSON, max_size=2
    ),
)
def test_whatever_is_signed_is_read_or_a_value_error(scan: dict[str, Any], tracker: dict[str, Any]) -> None:
    body = an_event(a_tracker(scan, status="error") | tracker)
    webhook = EasyPostWebhook(SECRET)
    assert webhook.authenticate(signed(body), body, NOW) == "evt_1"
    try:
        news = webhook.read(body)
    except ValueError:
        return
    assert all(each.state in COURIER_STATES for each in news)


@given(st.binary(max_size=60))
def test_whatever_is_sent_without_the_secret_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        EasyPostWebhook(SECRET).authenticate(signed(body, "guess"), body, NOW)


# --- terms ---


def test_the_courier_and_its_webhook_are_made_of_their_terms() -> None:
    terms = Terms({"carrier": "USPS", "weight_oz": "2", "mode": "test"}, {"key": "EZTK", "webhook_secret": SECRET})
    assert easypost.courier(terms).code == easypost.webhook(terms).code == "easypost"
    body = an_event(a_tracker(), mode="test")
    assert easypost.webhook(terms).authenticate(signed(body), body, NOW) == "evt_1"


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(KeyError, match="key"):
        easypost.courier(Terms({}, {"webhook_secret": SECRET}))
    with pytest.raises(KeyError, match="webhook_secret"):
        easypost.webhook(Terms({}, {"key": "EZTK"}))
