"""What guards every page, by the table of routes: no page is left out, however new."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from chalice.test import Client, HTTPResponse

from app import app
from chalicelib.web import edge
from chalicelib.web.edge import Visit
from tests.api import RESIDENCE
from tests.halls import MemoryHall
from tests.web.browser import FORM, Browser
from tests.web.filling import applied

KNOWN = {"service": RESIDENCE}  # what a route's places are filled with; the others lead nowhere
FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour's host": {"Sec-Fetch-Site": "same-site"},
    "an old browser on another site": {"Origin": "https://elsewhere.example"},
    "an old browser on the same host without TLS": {"Origin": "http://hall.example"},
    "a page without an origin": {"Origin": "null"},
}


def pages(method: str) -> list[str]:
    """Addresses of the pages that take a method, one for each route."""
    return [
        re.sub(r"{(\w+)\+?}", lambda place: KNOWN.get(place[1], "X"), path)
        for path, methods in sorted(app.routes.items())
        if method in methods
        and methods[method].view_function.__module__.startswith("chalicelib.web.")
        and "+" not in path  # test_unknown.py
    ]


@pytest.fixture
def ask(hall: MemoryHall) -> Iterator[Callable[..., HTTPResponse]]:
    with Client(app) as client:

        def ask(method: str, address: str, **headers: str) -> HTTPResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            body = b"_send=1" if method == "POST" else b""
            return client.http.request(method, address, headers={"Content-Type": FORM, **named}, body=body)

        yield ask


def hold_to_the_guards(answer: HTTPResponse) -> None:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert {name: headers[name] for name in headers.keys() & {name.lower() for name in edge.HEADERS}} == {
        name.lower(): value for name, value in edge.HEADERS.items()
    }
    if answer.status_code == 303:
        return
    policy = policy_of(headers["content-security-policy"])
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert "*" not in str(policy)


def policy_of(header: str) -> dict[str, str]:
    return {name: sources for name, _, sources in (part.strip().partition(" ") for part in header.split(";"))}


def test_there_are_pages_to_guard() -> None:
    assert len(pages("GET")) >= 8
    assert len(pages("POST")) >= 8


@pytest.mark.parametrize("address", pages("GET"))
def test_every_page_is_sent_with_the_guards(ask: Callable[..., HTTPResponse], address: str) -> None:
    answer = ask("GET", address)
    assert answer.status_code < 500
    hold_to_the_guards(answer)


@pytest.mark.parametrize("address", pages("POST"))
def test_every_answer_to_a_form_is_sent_with_the_guards(ask: Callable[..., HTTPResponse], address: str) -> None:
    answer = ask("POST", address, Sec_Fetch_Site="same-origin")
    assert answer.status_code not in (403, 500)
    hold_to_the_guards(answer)


@pytest.mark.parametrize("address", pages("POST"))
@pytest.mark.parametrize("sender", FOREIGN)
def test_no_form_of_another_site_is_taken(ask: Callable[..., HTTPResponse], address: str, sender: str) -> None:
    answer = ask("POST", address, **FOREIGN[sender])
    assert answer.status_code == 403
    hold_to_the_guards(answer)


def test_a_page_may_be_let_go_to_further_origins_and_no_further(hall: MemoryHall) -> None:
    visit = Visit(call=None)  # type: ignore[arg-type]  # the policy asks nothing of the call
    visit.allow("connect-src", "https://uploads.example/offered?x=1", "https://uploads.example/other")
    assert visit.policy["connect-src"] == "'self' https://uploads.example"
    assert edge.POLICY["connect-src"] == "'self'"
    with pytest.raises(KeyError):
        visit.allow("no-such-src", "https://uploads.example")


def robots_kept_out(browser: Browser) -> set[str]:
    return {meta["name"] for meta in browser.page.document.all("meta", content="noindex")}


def test_search_engines_may_list_what_is_for_everyone_and_no_one_s_own_pages(
    browser: Browser, hall: MemoryHall
) -> None:
    for address in ("/", f"/services/{RESIDENCE}", "/verify"):
        browser.open(address)
        assert robots_kept_out(browser) == set()
    tracking = applied(browser, hall)
    for address in (f"/t/{tracking}", f"/t/{tracking}/case", f"/services/{RESIDENCE}/apply"):
        browser.open(address)
        assert robots_kept_out(browser) == set(edge.ROBOTS)


def test_the_language_link_leads_to_the_same_page(browser: Browser, hall: MemoryHall) -> None:
    browser.open("/?q=residence&lang=en")
    (link,) = browser.page.document.all("a", hreflang="zh-CN")
    assert link["href"] == "?q=residence&lang=zh-CN"
    page = browser.open(f"/{link['href']}")
    assert (page.language, page.value("q")) == ("zh-CN", ["residence"])


def test_the_language_link_of_a_refused_form_leads_back_to_the_form(ask: Callable[..., HTTPResponse]) -> None:
    sent_from = "https://hall.example/t/X/case"
    answer = ask("POST", "/t/X/case/ratings", Sec_Fetch_Site="same-origin", Referer=sent_from)
    assert 'href="/t/X/case?lang=en"' in answer.body.decode()
    assert 'href="/t/X/case?lang=zh-CN"' not in answer.body.decode()


def test_a_page_that_takes_files_may_send_them_to_the_store(browser: Browser, hall: MemoryHall) -> None:
    page = browser.open(f"/services/{RESIDENCE}/apply")
    assert policy_of(page.headers["content-security-policy"])["connect-src"] == f"'self' {hall.uploads.origin}"
