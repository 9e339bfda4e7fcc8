"""SF Express and its counterpart: who may call, what is refused, and which acknowledgement ends which push."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from chalicelib.adapters import couriers
from chalicelib.adapters.couriers.sf import Account, Platform, SfCourier, Token
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.ports import Courier, CourierOrder, Reply, Shipment, VendorRejected
from infra.local.courier_counterpart.sf_side import PATH, TOKEN_PATH
from tests.conformance.listener import Received, catching_hall
from tests.contract.courier_rig import HttpRig, acknowledging, an_order, counterpart, courier_at, terms_of

ROUTE_ANSWER = Reply(200, "application/json", '{"return_code":"0000","return_msg":"成功"}')
STATE_ANSWER = Reply(200, "application/json", '{"success":"true","code":"0","msg":""}')


class Sf(HttpRig):
    """SF, with one hall for all tests here: ``wrong`` is what it answers before it answers rightly."""

    wrong: list[Reply]
    orders = 0

    def an_order(self) -> CourierOrder:
        """One that no test has placed before."""
        self.orders += 1
        return an_order(f"D7K3-M9QF-2XHVA-pickup-{self.orders}")

    def booked(self, order: CourierOrder) -> bool:
        return order.number in {parcel["order"] for parcel in self.call("GET", "/waybills").json()}

    def push(self, shipment: Shipment) -> Received:
        """The next one about this shipment."""
        return self.hall.next(match=lambda push: shipment.waybill.encode() in push.body)


@pytest.fixture(scope="module")
def sf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sf]:
    wrong: list[Reply] = []
    with (
        catching_hall(lambda received: wrong.pop() if wrong else acknowledging(received)) as hall,
        counterpart(hall.url, tmp_path_factory.mktemp("sf")) as url,
    ):
        sf = Sf("sf", url, hall)
        sf.wrong = wrong
        yield sf


@pytest.fixture
def rig(sf: Sf) -> Sf:
    sf.fault()
    return sf


def terms(rig: Sf, **options: str) -> Terms:
    agreed = terms_of("sf", rig.url)
    return replace(agreed, options={**agreed.options, **options})


def courier(rig: Sf, **options: str) -> Courier:
    return couriers.courier("sf", terms(rig, **options))


def post(rig: Sf, path: str, form: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = urllib3.request("POST", rig.url + path, body=urlencode(form), retries=False).json()
    return answer


def an_envelope(rig: Sf, **changed: str) -> dict[str, str]:
    agreed = terms_of("sf")
    asked = {"partnerID": agreed.options["partner"], "secret": agreed.secrets["checkword"], "grantType": "password"}
    form = {
        "partnerID": agreed.options["partner"],
        "requestID": "1",
        "serviceCode": "EXP_RECE_SEARCH_ORDER_RESP",
        "timestamp": "1700000000000",
        "accessToken": post(rig, TOKEN_PATH, asked)["accessToken"],
        "msgData": '{"orderId":"unknown"}',
    } | changed
    return {name: value for name, value in form.items() if value}


def test_a_digest_does_as_well_as_a_token(rig: Sf) -> None:
    by_digest = courier(rig, signs="digest").order(rig.an_order())
    assert rig.courier.query(by_digest.order, "") == by_digest


@pytest.mark.parametrize("signs", ["oauth2", "digest"])
@pytest.mark.parametrize("changes", [{"partner": "STRANGER"}, {"checkword": "guessed"}])
def test_a_stranger_can_not_order(rig: Sf, signs: str, changes: dict[str, str]) -> None:
    strange, order = terms_of("sf", rig.url, **changes), rig.an_order()
    with pytest.raises(VendorRejected):
        couriers.courier("sf", replace(strange, options={**strange.options, "signs": signs})).order(order)
    assert not rig.booked(order)


def test_another_reckoning_of_the_digest_is_refused(rig: Sf) -> None:
    with pytest.raises(VendorRejected, match="A1006"):
        courier(rig, signs="plain_digest").order(rig.an_order())


def test_a_token_that_sf_has_forgotten_is_renewed(rig: Sf) -> None:
    agreed = terms(rig)
    token = Token("forgotten", datetime.now(UTC) + timedelta(hours=1))
    urls = (rig.url + PATH, rig.url + TOKEN_PATH)
    platform = Platform(*urls, agreed.options["partner"], agreed.secrets["checkword"], token=token)
    assert SfCourier(platform, Account(monthly_card=agreed.options["monthly_card"])).order(rig.an_order()).waybill
    assert token.text != "forgotten"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"requestID": ""}, "A1001"),
        ({"msgDigest": "both"}, "A1006"),
        ({"accessToken": ""}, "A1006"),
        ({"accessToken": "another"}, "A1011"),
        ({"partnerID": "STRANGER"}, "A1004"),
        ({"serviceCode": "EXP_RECE_OTHER"}, "A1004"),
        ({}, "A1000"),
    ],
)
def test_an_envelope_is_checked_before_any_service_sees_it(rig: Sf, changed: dict[str, str], code: str) -> None:
    assert post(rig, PATH, an_envelope(rig, **changed))["apiResultCode"] == code


@pytest.mark.parametrize(
    ("service", "message", "code"),
    [
        ("EXP_RECE_SEARCH_ORDER_RESP", "{", "S0001"),
        ("EXP_RECE_SEARCH_ORDER_RESP", "[]", "S0001"),
        ("EXP_RECE_SEARCH_ORDER_RESP", "{}", "6150"),
        ("EXP_RECE_CREATE_ORDER", "{}", "S0002"),
        ("EXP_RECE_UPDATE_ORDER", '{"orderId":"unknown","dealType":2}', "8018"),
        ("EXP_RECE_SEARCH_ROUTES", "{}", "6133"),
    ],
)
def test_a_service_refuses_inside_of_an_envelope_that_is_well(rig: Sf, service: str, message: str, code: str) -> None:
    envelope = post(rig, PATH, an_envelope(rig, serviceCode=service, msgData=message))
    assert envelope["apiResultCode"] == "A1000"
    result = json.loads(envelope["apiResultData"])
    assert (result["success"], result["errorCode"]) == (False, code)


@pytest.mark.parametrize(
    ("options", "code"), [({"monthly_card": ""}, "8256"), ({"monthly_card": "7550000000"}, "8114")]
)
def test_an_order_on_no_account_or_on_anothers_is_refused(rig: Sf, options: dict[str, str], code: str) -> None:
    order = rig.an_order()
    with pytest.raises(VendorRejected, match=code):
        courier(rig, **options).order(order)
    assert not rig.booked(order)


def test_an_order_that_the_receiver_pays_needs_no_account(rig: Sf) -> None:
    assert courier(rig, monthly_card="", pay_pickup="2").order(rig.an_order()).waybill


def test_what_sf_does_not_serve_is_refused_with_where_it_does_not_go(rig: Sf) -> None:
    order = rig.an_order()
    rig.fault(refuse=1)
    with pytest.raises(VendorRejected, match="not_served_1"):
        rig.courier.order(order)
    assert rig.courier.query(order.number, "") is None


def test_asking_tells_of_the_parcels_way_and_not_of_the_couriers_visit(rig: Sf) -> None:
    shipment = rig.courier.order(rig.an_order())
    for state in ("pickup_scheduled", "picked_up"):
        rig.tell(shipment.waybill, state)
        assert rig.read(rig.push(shipment)).state == state
    found = rig.courier.query(shipment.order, shipment.waybill)
    assert found is not None
    assert [news.state for news in found.news] == ["picked_up"]


def test_a_parcel_of_another_courier_is_none_of_sfs(rig: Sf) -> None:
    waybill = courier_at(rig.url, "open").order(rig.an_order()).waybill
    found = rig.courier.query("", waybill)
    assert found is not None
    assert found.news == ()


@pytest.mark.parametrize(
    ("state", "wrong"),
    [
        ("pickup_scheduled", ROUTE_ANSWER),
        ("picked_up", STATE_ANSWER),
        ("picked_up", Reply(200, "application/json", '{"return_code":"1000"}')),
        ("picked_up", Reply(200, "application/json", "[]")),
        ("picked_up", Reply(200, "text/html", "<html>")),
        ("picked_up", Reply(500, "application/json", ROUTE_ANSWER.body)),
    ],
)
def test_each_kind_of_push_wants_its_own_acknowledgement(rig: Sf, state: str, wrong: Reply) -> None:
    rig.wrong.append(wrong)
    shipment = rig.courier.order(rig.an_order())
    rig.tell(shipment.waybill, state)
    pushes = [rig.push(shipment) for _ in range(2)]
    assert len({rig.webhook.authenticate(push.headers, push.body, datetime.now(UTC)) for push in pushes}) == 1
    assert rig.read(pushes[0]) == rig.read(pushes[1])
