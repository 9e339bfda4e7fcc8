"""The counterpart's wire: what Stripe's own client never shows, and the hosted page."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import urllib3

from infra.local.stripe_counterpart.objects import API_VERSION
from infra.local.stripe_counterpart.page import TEXTS
from tests.contract.payments_rig import CASE, RETURN_URL, Clock, Pages, counterpart

ITEM = "line_items[0][price_data]"
SESSION = {
    "mode": "payment",
    f"{ITEM}[currency]": "cny",
    f"{ITEM}[unit_amount]": "1200",
    f"{ITEM}[product_data][name]": "<b>工本费</b>",
    "line_items[0][quantity]": "1",
    "client_reference_id": CASE,
    "success_url": RETURN_URL + "?paid",
    "cancel_url": RETURN_URL,
    "locale": "zh",
}


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Pages]:
    """One counterpart for all, so each test looks only at what it has made."""
    with counterpart(tmp_path_factory.mktemp("stripe"), clock=clock.unix) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Pages]:
    """A counterpart that has seen nothing yet."""
    with counterpart(tmp_path) as found:
        yield found


@pytest.fixture
def key() -> str:
    return uuid4().hex


def create(pages: Pages, key: str = "", **changes: str) -> urllib3.BaseHTTPResponse:
    headers = {"Idempotency-Key": key} if key else {}
    wanted = {name: value for name, value in {**SESSION, **changes}.items() if value != "-"}
    return pages.post("/v1/checkout/sessions", urlencode(wanted), **headers)


def paid(pages: Pages) -> dict[str, Any]:
    session = create(pages).json()
    pages.use(session["id"], "paid")
    return dict(pages.get(f"/v1/checkout/sessions/{session['id']}").json())


def error(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    return dict(answer.json()["error"])


# --- the envelope


def test_each_answer_names_its_request_and_version(pages: Pages) -> None:
    first, second = create(pages), pages.get("/v1/checkout/sessions/none")
    assert first.headers["Request-Id"].startswith("req_")
    assert first.headers["Request-Id"] != second.headers["Request-Id"]
    assert first.headers["Stripe-Version"] == second.headers["Stripe-Version"] == API_VERSION
    assert first.headers["Content-Type"] == "application/json"


def test_a_key_is_asked_for(pages: Pages) -> None:
    answer = pages.http.request("GET", f"{pages.url}/v1/refunds")
    assert (answer.status, error(answer)["type"]) == (401, "invalid_request_error")


@pytest.mark.parametrize("key", ["sk_live_x", "pk_test_x", "nonsense"])
def test_a_key_of_another_kind_is_refused_and_not_repeated(pages: Pages, key: str) -> None:
    answer = pages.get("/v1/refunds", key=key)
    assert answer.status == 401
    assert key not in answer.data.decode()


def test_a_key_may_come_as_the_user_name_of_basic_authentication(pages: Pages) -> None:
    def ask(value: str) -> int:
        headers = {"Authorization": f"Basic {value}"}
        return int(pages.http.request("GET", f"{pages.url}/v1/refunds", headers=headers).status)

    assert ask(base64.b64encode(b"sk_test_x:").decode()) == 200
    assert ask("no base64") == 401


def test_another_version_is_refused_for_its_objects_would_be_wrong(pages: Pages) -> None:
    answer = pages.get("/v1/refunds", **{"Stripe-Version": "2020-08-27"})
    assert (answer.status, error(answer)["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/customers"), ("POST", "/v1/charges"), ("DELETE", "/v1/refunds")]
)
def test_what_the_counterpart_does_not_know_it_refuses(pages: Pages, method: str, path: str) -> None:
    answer = pages.http.request(method, pages.url + path, headers={"Authorization": "Bearer sk_test_x"})
    assert (answer.status, error(answer)["message"]) == (404, f"Unrecognized request URL ({method}: {path}).")


# --- idempotency


def test_a_repeated_key_replays_the_first_answer(pages: Pages, key: str) -> None:
    first, second = create(pages, key), create(pages, key)
    assert first.data == second.data
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Idempotency-Key"] == key
    assert second.headers["Original-Request"] == first.headers["Request-Id"] != second.headers["Request-Id"]


def test_a_replay_shows_the_session_as_it_was_then(pages: Pages, key: str) -> None:
    session = create(pages, key).json()
    pages.use(session["id"], "paid")
    assert create(pages, key).json()["status"] == "open"


@pytest.mark.parametrize("path", ["/v1/checkout/sessions", "/v1/refunds"])
def test_a_key_is_good_for_one_request(pages: Pages, key: str, path: str) -> None:
    create(pages, key)
    answer = pages.post(path, urlencode({**SESSION, "locale": "en"}), **{"Idempotency-Key": key})
    assert (answer.status, error(answer)["type"]) == (400, "idempotency_error")


def test_a_request_of_the_wrong_form_does_not_spend_its_key(pages: Pages, key: str) -> None:
    assert create(pages, key, locale="klingon").status == 400
    assert create(pages, key).status == 200


def test_what_was_refused_is_refused_again_under_its_key_though_it_would_be_done_by_now(pages: Pages, key: str) -> None:
    payment = paid(pages)["payment_intent"]
    dispute = pages.dispute(payment)
    form = f"payment_intent={payment}"
    refused = pages.post("/v1/refunds", form, **{"Idempotency-Key": key})
    assert (refused.status, error(refused)["code"]) == (400, "charge_disputed")
    pages.move_dispute(dispute, "won")
    again = pages.post("/v1/refunds", form, **{"Idempotency-Key": key})
    assert (again.status, again.data, again.headers["Idempotent-Replayed"]) == (400, refused.data, "true")
    assert pages.post("/v1/refunds", form, **{"Idempotency-Key": key + "-2"}).status == 200


def test_a_key_is_forgotten_after_a_day(pages: Pages, key: str, clock: Clock) -> None:
    first = create(pages, key).json()["id"]
    clock.forward(timedelta(hours=24, seconds=1))
    assert create(pages, key).json()["id"] != first


# --- parameters


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({f"{ITEM}[colour]": "red"}, f"{ITEM}[colour]", "parameter_unknown"),
        ({"mode": "-"}, "mode", "parameter_missing"),
        ({"success_url": "-"}, "success_url", "parameter_missing"),
        ({f"{ITEM}[currency]": "-"}, f"{ITEM}[currency]", "parameter_missing"),
        ({"line_items[0][quantity]": "-"}, "line_items[0][quantity]", "parameter_missing"),
        ({f"{ITEM}[unit_amount]": "twelve"}, f"{ITEM}[unit_amount]", "parameter_invalid_integer"),
        ({f"{ITEM}[unit_amount]": "-5"}, f"{ITEM}[unit_amount]", "parameter_invalid_integer"),
        ({f"{ITEM}[unit_amount]": "12.00"}, f"{ITEM}[unit_amount]", "parameter_invalid_integer"),
        ({f"{ITEM}[unit_amount]": "100000000"}, f"{ITEM}[unit_amount]", "parameter_invalid_integer"),
        ({f"{ITEM}[product_data][name]": ""}, f"{ITEM}[product_data][name]", "parameter_invalid_empty"),
        ({f"{ITEM}[currency]": "yuan"}, f"{ITEM}[currency]", None),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"success_url": "hall"}, "success_url", "url_invalid"),
        ({"cancel_url": "javascript:alert(1)"}, "cancel_url", "url_invalid"),
        ({"locale": "klingon"}, "locale", None),
        ({"mode": "subscription"}, "mode", None),
        ({"expires_at": "tomorrow"}, "expires_at", "parameter_invalid_integer"),
        ({"expires_at": "1000"}, "expires_at", None),
        ({"metadata[case]": "x" * 501}, "metadata[case]", None),
        ({f"metadata[{'k' * 41}]": "x"}, f"metadata[{'k' * 41}]", None),
        ({"metadata": "x"}, "metadata", None),
        ({"line_items": "x"}, "line_items", None),
        ({"adaptive_pricing[enabled]": "maybe"}, "adaptive_pricing[enabled]", None),
        ({"expand[0]": "customer"}, "expand", None),
        ({f"{ITEM}[unit_amount]": "0"}, None, "amount_too_small"),
        ({f"{ITEM}[unit_amount]": "49", f"{ITEM}[currency]": "usd"}, None, "amount_too_small"),
    ],
)
def test_what_stripe_would_not_take_is_refused_by_name(
    pages: Pages, changes: dict[str, str], param: str | None, code: str | None
) -> None:
    wanted = dict(changes)
    if "line_items" in wanted or "metadata" in wanted:
        wanted |= {name: "-" for name in SESSION if name.startswith("line_items[")} if "line_items" in wanted else {}
    answer = create(pages, **wanted)
    found = error(answer)
    assert (answer.status, found["type"]) == (400, "invalid_request_error")
    assert (found.get("param"), found.get("code")) == (param, code)
    assert found["message"]


def test_lines_in_two_currencies_are_refused(pages: Pages) -> None:
    second = {name.replace("[0]", "[1]", 1): value for name, value in SESSION.items() if name.startswith("line")}
    answer = create(pages, **second | {"line_items[1][price_data][currency]": "usd"})
    assert error(answer)["param"] == "line_items"


@pytest.mark.parametrize("kind", ["checkout/sessions", "payment_intents", "charges", "refunds", "disputes", "events"])
def test_what_there_is_not_is_a_404(pages: Pages, kind: str) -> None:
    answer = pages.get(f"/v1/{kind}/none")
    assert (answer.status, error(answer)["code"]) == (404, "resource_missing")


def test_a_refund_needs_something_to_refund(pages: Pages) -> None:
    session = create(pages).json()
    pages.use(session["id"], "declined")
    intent = pages.get(f"/v1/checkout/sessions/{session['id']}").json()["payment_intent"]
    assert pages.post("/v1/refunds").status == 400
    assert error(pages.post("/v1/refunds", "payment_intent=pi_none"))["param"] == "payment_intent"
    assert error(pages.post("/v1/refunds", "charge=ch_none"))["param"] == "charge"
    assert "successful charge" in error(pages.post("/v1/refunds", f"payment_intent={intent}"))["message"]


def test_a_refund_without_an_amount_gives_back_what_is_left(pages: Pages) -> None:
    intent = paid(pages)["payment_intent"]
    assert pages.post("/v1/refunds", f"payment_intent={intent}&amount=200").json()["amount"] == 200
    charge = pages.get(f"/v1/charges?payment_intent={intent}").json()["data"][0]
    assert (charge["amount_refunded"], charge["refunded"]) == (200, False)
    assert pages.post("/v1/refunds", f"charge={charge['id']}").json()["amount"] == 1000
    assert pages.get(f"/v1/charges/{charge['id']}").json()["refunded"] is True


# --- lists


def test_a_list_is_read_page_by_page_newest_first(fresh: Pages) -> None:
    made = [create(fresh).json()["id"] for _ in range(5)][::-1]
    first = fresh.get("/v1/checkout/sessions?limit=2").json()
    second = fresh.get(f"/v1/checkout/sessions?limit=3&starting_after={first['data'][-1]['id']}").json()
    assert [one["id"] for one in first["data"] + second["data"]] == made
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert (first["object"], first["url"]) == ("list", "/v1/checkout/sessions")


def test_a_list_is_read_backwards(fresh: Pages) -> None:
    made = [create(fresh).json()["id"] for _ in range(4)][::-1]
    page = fresh.get(f"/v1/checkout/sessions?limit=2&ending_before={made[3]}").json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (made[1:3], True)


def test_lists_are_filtered(fresh: Pages) -> None:
    create(fresh)
    session = paid(fresh)
    assert [one["id"] for one in fresh.get("/v1/checkout/sessions?status=complete").json()["data"]] == [session["id"]]
    events = fresh.get("/v1/events?type=checkout.session.completed").json()["data"]
    assert [one["data"]["object"]["id"] for one in events] == [session["id"]]
    items = fresh.get(f"/v1/checkout/sessions/{session['id']}/line_items").json()["data"]
    assert [one["amount_total"] for one in items] == [1200]


def test_lists_are_bounded_by_the_time_of_making(tmp_path: Path) -> None:
    clock = Clock()
    with counterpart(tmp_path, clock=clock.unix) as pages:
        first, made = int(clock.unix()), []
        for _ in range(4):
            made.append(create(pages).json()["id"])
            clock.forward(timedelta(seconds=1))

        def listed(query: str) -> list[str]:
            return [thing["id"] for thing in pages.get(f"/v1/checkout/sessions?{query}").json()["data"]]

        assert listed(f"created={first + 2}") == [made[2]]
        assert listed(f"created[gte]={first + 1}&created[lt]={first + 3}") == [made[2], made[1]]
        assert listed(f"created[gt]={first + 1}&created[lte]={first + 3}") == [made[3], made[2]]
        assert listed(f"created[gte]={first}&limit=2&starting_after={made[2]}") == [made[1], made[0]]
        assert listed(f"created[gte]={first + 9}") == []
        for wrong in ("created[gte]=x", "created[since]=1", "created=-1"):
            assert pages.get(f"/v1/checkout/sessions?{wrong}").status == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "starting_after=none", "colour=red"])
def test_a_list_asked_for_wrongly_is_refused(pages: Pages, query: str) -> None:
    assert pages.get(f"/v1/refunds?{query}").status == 400


# --- the hosted page


class Elements(HTMLParser):
    """Start tags and their attributes, and the text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_shows_lines_and_total_and_works_without_scripts(pages: Pages) -> None:
    session = create(pages).json()
    answer = pages.http.request("GET", session["url"])
    page = Elements(answer.data)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.all("html") == [{"lang": "zh-CN"}]
    assert page.all("script") == page.all("b") == []
    assert page.text.count("CNY 12.00") == 3
    assert "<b>工本费</b>" in page.text
    assert CASE in page.text
    assert [button["value"] for button in page.all("button")] == ["paid", "declined", "expired"]
    assert {attributes["href"] for attributes in page.all("a")} == {RETURN_URL}
    assert page.all("meta")[1]["content"] == "width=device-width, initial-scale=1"


def test_paying_leads_back_to_the_hall(pages: Pages) -> None:
    answer = pages.use(create(pages).json()["id"], "paid")
    assert (answer.status, answer.headers["Location"]) == (303, RETURN_URL + "?paid")


@pytest.mark.parametrize(("locale", "language"), [("zh", "zh"), ("zh-HK", "zh"), ("en", "en"), ("fr", "en")])
def test_the_page_says_that_the_card_was_declined_in_the_sessions_language(
    pages: Pages, locale: str, language: str
) -> None:
    answer = pages.use(create(pages, locale=locale).json()["id"], "declined")
    page = Elements(answer.data)
    assert answer.status == 200
    assert TEXTS[language]["declined"] in page.text
    assert {"class": "message", "role": "alert"} in page.all("p")
    assert page.all("form")


def test_a_session_without_a_language_follows_the_browser(pages: Pages) -> None:
    url = create(pages, locale="auto").json()["url"]
    page = pages.http.request("GET", url, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert TEXTS["zh"]["title"] in page.data.decode()


def test_who_comes_to_pay_again_learns_that_it_is_paid(fresh: Pages) -> None:
    session = create(fresh).json()
    fresh.use(session["id"], "paid")
    for answer in (fresh.use(session["id"], "paid"), fresh.http.request("GET", session["url"])):
        page = Elements(answer.data)
        assert TEXTS["zh"]["paid"] in page.text
        assert page.all("form") == []
    assert fresh.count("/v1/charges") == 1


def test_an_expired_page_takes_no_money(pages: Pages, clock: Clock) -> None:
    session = create(pages, expires_at=str(int(clock.unix()) + 3600)).json()
    clock.forward(timedelta(hours=1))
    page = Elements(pages.use(session["id"], "paid").data)
    assert TEXTS["zh"]["expired"] in page.text
    assert page.all("form") == []
    assert pages.get(f"/v1/checkout/sessions/{session['id']}").json()["payment_intent"] is None


def test_a_page_that_there_is_not_says_so(pages: Pages) -> None:
    assert pages.use("none", "paid").status == pages.http.request("GET", f"{pages.url}/pay/none").status == 404


def test_an_outcome_that_there_is_not_changes_nothing(pages: Pages) -> None:
    session = create(pages).json()
    assert pages.use(session["id"], "stolen").status == 400
    assert pages.get(f"/v1/checkout/sessions/{session['id']}").json()["status"] == "open"


@pytest.mark.parametrize(("currency", "shown"), [("jpy", "JPY 1200"), ("usd", "USD 12.00")])
def test_amounts_have_their_currencys_decimals(pages: Pages, currency: str, shown: str) -> None:
    url = create(pages, **{f"{ITEM}[currency]": currency}).json()["url"]
    assert shown in pages.http.request("GET", url).data.decode()


# --- control, and the program


@pytest.mark.parametrize(
    "wanted", [{"colour": 1}, {"hold": "false"}, {"fail_next": {"colour": 1}}, {"fail_next": {}, "hold": 1}, [], "x"]
)
def test_a_switch_that_there_is_not_is_refused(pages: Pages, wanted: object) -> None:
    answer = pages.http.request("PUT", f"{pages.url}/_control", body=json.dumps(wanted))
    assert (answer.status, "error" in answer.json()) == (400, True)


@pytest.mark.parametrize("wanted", [{"status": "lost"}, {}, [], "x"])
def test_a_refund_settles_one_way_or_the_other(pages: Pages, wanted: object) -> None:
    answer = pages.http.request("PUT", f"{pages.url}/_control/refunds/re_1", body=json.dumps(wanted))
    assert answer.status == 400


def test_a_refund_that_there_is_not_cannot_be_settled(pages: Pages) -> None:
    assert pages.http.request("PUT", f"{pages.url}/_control/refunds/re_1", json={"status": "failed"}).status == 404


def opening(pages: Pages, wanted: object) -> urllib3.BaseHTTPResponse:
    return pages.http.request("POST", f"{pages.url}/_control/disputes", body=json.dumps(wanted))


@pytest.mark.parametrize(
    "change", [{"payment": "pi_none"}, {"amount": 1201}, {"amount": "1200"}, {"amount": True}, {"reason": "whim"}]
)
def test_a_dispute_that_no_bank_could_open_is_refused(pages: Pages, change: dict[str, object]) -> None:
    wanted = {"payment": paid(pages)["payment_intent"], **change}
    assert opening(pages, wanted).status in (400, 404)


@pytest.mark.parametrize("wanted", [[], "x", {}, {"amount": 1}])
def test_a_dispute_of_nothing_is_refused(pages: Pages, wanted: object) -> None:
    assert opening(pages, wanted).status == 400


def test_a_dispute_takes_the_money_and_shows_on_its_charge(pages: Pages) -> None:
    payment = paid(pages)["payment_intent"]
    dispute = opening(pages, {"payment": payment, "amount": 500, "reason": "duplicate"}).json()
    found = pages.get(f"/v1/disputes?payment_intent={payment}").json()["data"]
    assert [(one["id"], one["amount"], one["reason"]) for one in found] == [(dispute["id"], 500, "duplicate")]
    assert pages.get(f"/v1/charges/{dispute['charge']}").json()["disputed"] is True
    assert error(pages.post("/v1/refunds", f"payment_intent={payment}"))["code"] == "charge_disputed"
    assert opening(pages, {"payment": payment}).status == 400


@pytest.mark.parametrize("body", ["", "[]", '"x"', "{}", '{"status": "nonsense"}'])
def test_a_dispute_goes_only_ways_that_there_are(pages: Pages, body: str) -> None:
    dispute = opening(pages, {"payment": paid(pages)["payment_intent"]}).json()["id"]
    assert pages.http.request("PUT", f"{pages.url}/_control/disputes/{dispute}", body=body).status == 400


def test_a_dispute_that_there_is_not_goes_nowhere(pages: Pages) -> None:
    assert pages.http.request("PUT", f"{pages.url}/_control/disputes/du_1", json={"status": "won"}).status == 404


def test_the_program_explains_itself() -> None:
    program = [sys.executable, "-m", "infra.local.stripe_counterpart", "--help"]
    assert "--webhook-url" in subprocess.run(program, capture_output=True, text=True, check=True).stdout
