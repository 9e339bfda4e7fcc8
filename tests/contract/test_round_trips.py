"""How often the hall asks DynamoDB, counted on the wire. One request more than is said here is a bug."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from chalice.test import Client

from app import app
from chalicelib.adapters.dynamodb.tables import shared_connection
from chalicelib.adapters.memory_payments import MemoryPayments
from chalicelib.domain.circuit import FAILURES
from chalicelib.ports import VendorTemporary
from chalicelib.usecases.vendors import FRESH, PAYMENTS
from tests.api import APPLICANT, LICENCE, RESIDENCE, RESIDENCE_ANSWERS, Api, Json, api_over
from tests.contract.stored import stored_hall
from tests.contract.stores import DynamoStore
from tests.files import picture
from tests.support import count_requests
from tests.web.browser import Browser, Page
from tests.workers.faults import Faulty, always


@pytest.fixture
def api(dynamo: DynamoStore) -> Iterator[Api]:
    """Of a process that has looked at the payment provider's health within the last seconds, as all do now and then."""
    with stored_hall(dynamo) as hall, api_over(hall) as api:
        hall.health.look(PAYMENTS)
        yield api


@pytest.fixture
def requests(api: Api) -> Iterator[Counter[str]]:
    """What was sent so far; ``clear`` it before what is to be counted."""
    with count_requests(shared_connection()) as counted:
        yield counted


def opened(api: Api, service: str = RESIDENCE) -> Json:
    return api.opened(service)


def test_a_form_is_one_transaction_and_its_checkout_one_put(api: Api, requests: Counter[str]) -> None:
    assert api.submit(RESIDENCE, RESIDENCE_ANSWERS).status == 201
    assert requests == {"TransactWriteItems": 1, "PutItem": 1}


def test_a_vendor_s_health_is_one_read_in_a_while_and_an_outage_is_written_down_once(
    api: Api, requests: Counter[str]
) -> None:
    api.hall.clock.advance(FRESH)
    for number in range(3):
        assert api.submit(RESIDENCE, RESIDENCE_ANSWERS, f"key-0000000{number}").json["payment_url"]
    assert requests == {"TransactWriteItems": 3, "PutItem": 3, "GetItem": 1}
    broken = Faulty(MemoryPayments(api.hall.clock), "open_checkout", always(VendorTemporary("v", "down")))
    api.hall.payments = api.hall.guarded(broken)
    requests.clear()
    for number in range(3, 3 + FAILURES):
        assert api.submit(RESIDENCE, RESIDENCE_ANSWERS, f"key-0000000{number}").json["payment_url"] is None
    assert requests == {"TransactWriteItems": FAILURES, "GetItem": FAILURES, "PutItem": FAILURES}
    requests.clear()
    assert api.submit(RESIDENCE, RESIDENCE_ANSWERS, "key-00000009").json["payment_url"] is None
    assert (broken.calls, requests) == (FAILURES, {"TransactWriteItems": 1})


def test_a_form_whose_checkout_can_not_be_opened_is_one_transaction(api: Api, requests: Counter[str]) -> None:
    down = always(VendorTemporary("v", "down"))
    api.hall.payments = Faulty(api.hall.payments, "open_checkout", down)  # type: ignore[assignment]
    assert api.submit(RESIDENCE, RESIDENCE_ANSWERS).json["payment_url"] is None
    assert requests == {"TransactWriteItems": 1}


def test_the_same_form_again_is_one_refused_transaction_and_one_query(api: Api, requests: Counter[str]) -> None:
    assert api.submit(RESIDENCE, RESIDENCE_ANSWERS).status == 201
    requests.clear()
    assert api.submit(RESIDENCE, RESIDENCE_ANSWERS).headers["Idempotent-Replayed"] == "true"
    assert requests == {"TransactWriteItems": 1, "Query": 1}


def test_an_upload_is_written_down_once_when_it_is_offered_and_once_when_it_is_opened(
    api: Api, requests: Counter[str]
) -> None:
    upload = api.uploaded(RESIDENCE, "proof-of-address", picture())
    assert requests == {"PutItem": 1}
    requests.clear()
    for state in ("clean", "clean"):
        assert api.get(f"/v1/uploads/{upload}").json["state"] == state
    assert requests == {"GetItem": 4, "PutItem": 1}


def test_an_upload_costs_a_form_two_reads_and_one_put(api: Api, requests: Counter[str]) -> None:
    upload = api.uploaded(RESIDENCE, "proof-of-address", picture())
    api.get(f"/v1/uploads/{upload}")
    requests.clear()
    assert api.submit(RESIDENCE, RESIDENCE_ANSWERS, uploads={"proof-of-address": [upload]}).status == 201
    assert requests == {"GetItem": 2, "PutItem": 1 + 1, "TransactWriteItems": 1}


def test_tracking_is_one_query_and_a_forged_code_none(api: Api, requests: Counter[str]) -> None:
    case = opened(api)
    api.hall.clock.advance(FRESH)  # how vendors are is not known any more, and not asked: it waits for none
    requests.clear()
    assert api.get(f"/v1/track/{case['tracking']}").status == 200
    assert requests == {"Query": 1}
    requests.clear()
    assert api.get(f"/v1/track/{case['tracking'][:-1]}U").status == 404
    assert requests == {}


def test_the_tracking_page_is_one_query(api: Api, requests: Counter[str]) -> None:
    case = opened(api)
    api.hall.clock.advance(FRESH)
    requests.clear()
    assert api.get(f"/t/{case['tracking']}").status == 200
    assert requests == {"Query": 1}


def test_the_qr_code_is_one_query(api: Api, requests: Counter[str]) -> None:
    case = opened(api)
    requests.clear()
    assert api.get(f"/v1/track/{case['tracking']}/qr.svg").status == 200
    assert requests == {"Query": 1}


@pytest.mark.parametrize("repeated", [False, True])
def test_a_webhook_is_one_put(api: Api, requests: Counter[str], repeated: bool) -> None:
    opened(api)
    if repeated:
        api.stripe_event("cs_1", "evt_1")
    requests.clear()
    assert api.stripe_event("cs_1", "evt_1").status == 200
    assert requests == {"PutItem": 1}


def test_a_forged_webhook_is_nothing(api: Api, requests: Counter[str]) -> None:
    assert api.stripe(b"{}", secret="another").status == 400
    assert requests == {}


def test_a_decision_is_one_query_and_one_put(api: Api, requests: Counter[str]) -> None:
    case = api.paid(RESIDENCE)
    requests.clear()
    path = f"/v1/desk/cases/{case['case']}/tasks/verify-residence/decision"
    assert api.post(path, {"decision": "approve"}, api.reviewer("public-security")).status == 200
    assert requests == {"Query": 1, "PutItem": 1}


def test_a_decision_with_a_reason_is_one_query_and_one_transaction(api: Api, requests: Counter[str]) -> None:
    case = api.paid(RESIDENCE)
    requests.clear()
    path = f"/v1/desk/cases/{case['case']}/tasks/verify-residence/decision"
    rejected = {"decision": "reject", "reason": "查无此人"}
    assert api.post(path, rejected, api.reviewer("public-security")).status == 200
    assert requests == {"Query": 1, "TransactWriteItems": 1}


def test_the_desk_reads_a_case_by_one_query(api: Api, requests: Counter[str]) -> None:
    case = api.paid(RESIDENCE)
    requests.clear()
    assert api.get(f"/v1/desk/cases/{case['case']}", api.reviewer("public-security")).status == 200
    assert requests == {"Query": 1}


def test_a_draft_costs_a_put_and_where_it_is_known_a_get(api: Api, requests: Counter[str]) -> None:
    form = f"/services/{RESIDENCE}/apply"
    with Client(app) as client:
        phone, computer = Browser(client), Browser(client)
        phone.open(form)
        computer.open(form)
        assert requests == {}
        phone.page.fill({"/applicant/phone": APPLICANT["phone"]})
        page = saved(phone, requests, {"PutItem": 1, "GetItem": 1})  # the one to save it, the other to show the page
        saved(phone, requests, {"GetItem": 2, "PutItem": 1}, form)
        address = next(word for word in page.text.split() if "/d/" in word).removeprefix(api.hall.url)
        at_door(computer, requests, "GET", address, {"GetItem": 1})
        # Counted for the draft and for the phone, in ten minutes and in a day.
        at_door(computer, requests, "POST", f"{address}/code", {"GetItem": 2, "UpdateItem": 4, "PutItem": 1})
        code = f"code={api.code_sent()}"
        opened = {"GetItem": 3, "UpdateItem": 1, "DeleteItem": 1}  # draft, code, tries, code, and the form
        assert at_door(computer, requests, "POST", f"{address}/session", opened, code).address == form
        for never in ("/d/x", f"/d/{'0' * 27}"):
            at_door(computer, requests, "GET", never, {})
        at_door(computer, requests, "GET", f"/d/{'0' * 26}", {"GetItem": 1})


def saved(browser: Browser, requests: Counter[str], expected: dict[str, int], first: str = "") -> Page:
    """Pressed to save, what the browser then shows."""
    if first:
        browser.open(first)
    requests.clear()
    page = browser.press(name="_save")
    assert (page.status, requests) == (200, expected)
    return page


def at_door(
    browser: Browser, requests: Counter[str], method: str, address: str, expected: dict[str, int], body: str = ""
) -> Page:
    requests.clear()
    page = browser.send(method, address, body.encode())
    assert requests == expected, address
    return page


def test_the_desk_reads_a_case_with_uploads_by_one_query(api: Api, requests: Counter[str]) -> None:
    upload = api.uploaded(RESIDENCE, "proof-of-address", picture())
    case = api.opened(RESIDENCE, uploads={"proof-of-address": [upload]})
    requests.clear()
    shown = api.get(f"/v1/desk/cases/{case['case']}", api.reviewer("public-security"))
    assert [file["upload"] for file in shown.json["uploads"]["proof-of-address"]] == [upload]
    assert requests == {"Query": 1}


def test_services_certificates_and_health_ask_for_no_case(api: Api, requests: Counter[str]) -> None:
    assert api.get("/v1/services").status == 200
    assert api.get(f"/v1/services/{LICENCE}").status == 200
    assert api.get("/healthz").status == 200
    assert requests == {}
    assert api.get("/v1/certificates/D7K3-M9QF-2XHV5").status == 404
    assert requests in ({"GetItem": 1}, {})


def test_to_relay_a_commit_is_to_read_the_case_and_its_lines_and_to_write_what_changed(
    api: Api, requests: Counter[str]
) -> None:
    from tests.workers.lambdas import call_relay, commit_record

    case = api.paid(RESIDENCE)
    requests.clear()
    version = len(api.get(f"/v1/desk/cases/{case['case']}/audit", api.supervisor).json["commits"])
    requests.clear()
    assert call_relay(api.hall, [commit_record(case["case"], version)]) == []
    assert requests == {"Query": 2, "PutItem": 1, "UpdateItem": 1}


def test_to_relay_a_commit_with_money_is_one_request_more_for_the_books(api: Api, requests: Counter[str]) -> None:
    from tests.workers.lambdas import call_relay, commit_record

    case = api.paid(RESIDENCE)
    commits = api.get(f"/v1/desk/cases/{case['case']}/audit", api.supervisor).json["commits"]
    paid = next(commit["version"] for commit in commits if "FeePaid" in str(commit))
    requests.clear()
    assert call_relay(api.hall, [commit_record(case["case"], paid)]) == []
    assert requests["BatchWriteItem"] == 1
    assert sum(requests.values()) == 5


def test_the_books_are_read_by_one_query_for_each_day(api: Api, requests: Counter[str]) -> None:
    api.paid(RESIDENCE)
    token = api.supervisor
    requests.clear()
    assert api.get("/v1/desk/reports/ledger.csv?from=2026-11-22&to=2026-11-24", token).status == 200
    assert requests == {"Query": 3}


def test_a_step_takes_a_lease_reads_the_case_writes_it_and_gives_the_lease_back(
    api: Api, requests: Counter[str]
) -> None:
    from tests.workers.lambdas import call_perform, message

    case = api.submit(RESIDENCE, RESIDENCE_ANSWERS).json
    requests.clear()
    assert call_perform(api.hall, [message(case["case"], "notify", "submitted")]) == []
    assert requests == {"PutItem": 2, "Query": 1, "DeleteItem": 1}


def test_a_page_of_the_queue_takes_the_same_requests_however_long_the_queue(api: Api, requests: Counter[str]) -> None:
    seen = []
    for key in ("key-00000001", "key-00000002", "key-00000003"):
        api.paid(RESIDENCE, key)
        requests.clear()
        page = api.get("/v1/desk/queue", api.reviewer("public-security"))
        assert page.status == 200
        seen.append(dict(requests))
    assert seen == [{"Query": 8}] * 3
