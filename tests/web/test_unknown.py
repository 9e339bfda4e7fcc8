"""Addresses that lead nowhere, as API Gateway hands them on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app import app
from chalicelib.web import words
from tests.halls import MemoryHall
from tests.web.browser import parsed

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def ask(accept: str, language: str = "en") -> dict[str, Any]:
    event = {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/{proxy+}", "requestId": "r"},
        "headers": {"accept": accept, "accept-language": language},
        "pathParameters": {"proxy": "no/such/page"},
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = app(event, None)
    return answer


@pytest.mark.parametrize("language", words.languages())
def test_people_are_told_on_a_page_of_the_hall_in_their_language(hall: MemoryHall, language: str) -> None:
    answer = ask(BROWSER, language)
    page = parsed(answer["body"])
    assert answer["statusCode"] == 404
    assert page.one("html")["lang"] == language
    assert page.one("h1").text == words.say("refusal.not_found", language)
    assert page.all("a", href="/")


@pytest.mark.parametrize("accept", ["application/json", "*/*", ""])
def test_programs_are_told_by_a_problem_document(hall: MemoryHall, accept: str) -> None:
    answer = ask(accept)
    assert answer["statusCode"] == 404
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answer["body"])["code"] == "not_found"
