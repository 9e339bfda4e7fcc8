"""Where personal data may not be: after a whole journey of somebody unmistakable, they are looked for everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from chalicelib.adapters.couriers.ems import unseal
from infra.local import cloud
from infra.local.demo import BEIJING, Hall
from tests.e2e.backstage import Backstage, HandWorked, Item
from tests.e2e.halls import PATIENCE_S, OneHall
from tests.e2e.outcome import of_stripe
from tests.files import document

pytestmark = pytest.mark.hall

SERVICE = "business-licence-change"
PERSON = {
    "name": "欧阳绝无仅有",
    "phone": "13987650123",
    "id_number": "310104198706050019",
    "email": "unmistakable.person@example.org",
    "street": "独一无二弄987号654室",
    "company": "绝世无双贸易有限公司",
    "registration_number": "310104987650001",
    "recipient": "司徒举世无双",
    "recipient_phone": "13876501234",
    "delivery_street": "天下第一街321号",
    "scope": "空前绝后之百货",
    "corrected_scope": "史无前例之百货",
    "reason": "此人之经营范围须改",
    "clerks_note": "信封角上破了一处",
    "comment": "办事极快无可挑剔",
}
ADDRESS = {"province": "上海市", "city": "上海市", "county": "徐汇区", "street": PERSON["street"]}
ANSWERS: dict[str, Any] = {
    "applicant": {name: PERSON[name] for name in ("name", "phone", "id_number", "email")} | {"id_type": "resident_id"},
    "business": {
        "registration_number": PERSON["registration_number"],
        "name": PERSON["company"],
        "type": "limited_company",
        "legal_representative": PERSON["name"],
        "registered_capital": 500000,
        "established": "2012-05-18",
        "premises": ADDRESS,
        "scope": PERSON["scope"],
    },
    "changes": [],
    "pickup": {"address": ADDRESS},
    "delivery": {
        "address": {**ADDRESS, "street": PERSON["delivery_street"]},
        "recipient": {"name": PERSON["recipient"], "phone": PERSON["recipient_phone"]},
    },
}
URL = re.compile(r"https?://[^\s\"'<>\\]+")
# The emulated SNS and SES stand for those who carry messages, and note each with its receiver.
SENT = re.compile(r"^.* INFO \[(?:sns|ses|sesv2|ses_v2)\] (?:SNS SMS to|SES|SESv2) .*$", re.MULTILINE)
ANSWERED_IN_TEXT = ("application/json", "application/problem+json", "text/", "image/svg+xml")


class Watched(Hall):
    """Writes down every address that is asked for, led to, or told of."""

    def __init__(self, addresses: Mapping[str, Any]) -> None:
        super().__init__(addresses, PATIENCE_S)
        self.urls: set[str] = set()

    def call(self, method: str, url: str, *, expect: int, **options: Any) -> httpx2.Response:
        answer = super().call(method, url, expect=expect, **options)
        if "/_local/" not in url:  # the phone of the local hall is asked for by its number
            told = answer.text if answer.headers.get("content-type", "").startswith(ANSWERED_IN_TEXT) else ""
            self.urls |= {str(answer.request.url), answer.headers.get("location", ""), *URL.findall(told)}
        return answer


class Unmistakable(HandWorked):
    """Everybody writes about the person as much as they can."""

    def upload(self) -> str:
        """A photograph whose file name tells who it is."""
        content = document()
        wanted: dict[str, Any] = {"service": SERVICE, "material": "old-licence", "filename": f"{PERSON['name']}.pdf"}
        wanted |= {"content_type": "application/pdf", "size": len(content)}
        offer = self.hall.call("POST", "/v1/uploads", expect=201, json=wanted).json()
        file = {"file": (wanted["filename"], content)}
        self.hall.call("POST", offer["post"]["url"], expect=204, data=offer["post"]["fields"], files=file)
        return str(offer["upload"])

    def pre_check(self) -> None:
        self.until("the pre-check to open", lambda: self.task_state("pre-check") == "open")
        reviewer = self.hall.staff("department:market-regulation")
        decision = f"/v1/desk/cases/{self.case}/tasks/pre-check/decision"
        wanted = {"decision": "correct", "reason": PERSON["reason"], "pointers": ["/business/scope"]}
        self.hall.call("POST", decision, expect=200, json=wanted, headers=reviewer)
        applicant = self.session()
        corrected = {"answers": {"/business/scope": PERSON["corrected_scope"]}, "uploads": {}}
        corrections = f"/v1/cases/{self.case}/corrections"
        self.hall.call("POST", corrections, expect=200, json=corrected, headers=applicant)
        super().pre_check()

    def receive_originals(self) -> None:
        items = [{"material": m["code"], "present": True} for m in self.definition["materials"] if m.get("original")]
        items[0]["note"] = PERSON["clerks_note"]
        path, clerk = f"/v1/desk/cases/{self.case}/originals", self.hall.staff("role:clerk")
        self.hall.call("POST", path, expect=200, json={"items": items}, headers=clerk)

    def rate(self) -> None:
        rating = {"stars": 4, "comment": PERSON["comment"]}
        path = f"/v1/cases/{self.case}/ratings"
        self.hall.call("POST", path, expect=201, json=rating, headers=self.session())
        self.hall.get(f"/v1/cases/{self.case}", headers=self.session())


def test_personal_data_are_where_they_can_be_erased_and_nowhere_else(
    one_hall: OneHall, backstage: Backstage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Watched(one_hall.open.addresses)) as watched:
        way = Unmistakable(watched, SERVICE, print, answers=ANSWERS)
        steps: list[str] = []
        way.work = lambda: steps.extend(backstage.work())
        with backstage.cut_off("PerformName"):
            way.uploads = {"old-licence": [way.upload()]}
            way.whole_way()
            way.rate()
            way.until("the queue to be empty", lambda: not backstage.work())
        backstage.sweep()
        backstage.invoke("ReconcileName", {"date": datetime.now(BEIJING).date().isoformat()})
        for certificate in way.track()["certificates"]:
            pdf = f"/v1/desk/cases/{way.case}/certificates/{certificate['code']}.pdf"
            watched.call("GET", pdf, expect=303, headers=watched.staff("role:clerk"))
            watched.get(f"/v1/certificates/{certificate['number']}")
            watched.call("GET", certificate["verify_url"], expect=200)
        watched.call("GET", way.accepted["tracking_url"], expect=200)

        places = {
            **_tables(one_hall, backstage, way.case),
            **_logs(one_hall, backstage),
            "steps": "\n".join(steps),
            "addresses": "\n".join(sorted(watched.urls)),
            "Stripe": json.dumps([of_stripe(watched, kind, way.case) for kind in ("checkout/sessions", "charges")]),
            "files": "\n".join(_files(backstage)),
        }
        for name, text in places.items():
            print(f"  looked through {name}: {len(text):,} characters")
        assert _found(places) == []
        assert all(places[name] for name in places if name not in ("DeadLetters", "StreamFailures")), "nothing to see"

        erasable = _dump(_of_case(backstage, way.case, commits=False))
        assert {name for name, value in PERSON.items() if value not in erasable} == set()
        for name, value in cloud.environment(backstage.layout).items():
            monkeypatch.setenv(name, value)
        backstage.erase(way.case)
        assert _found({"the case": _dump(backstage.items("CasesTable"))}) == []
        assert way.audit()["intact"] is True
        assert way.track()["status"] == "closed"
        assert watched.get(f"/v1/certificates/{certificate['number']}")["holder"] == f"{PERSON['name'][0]}*"


def _found(places: Mapping[str, str]) -> list[tuple[str, str]]:
    """(place, what) wherever something of the person stands, as it is or as URLs and JSON write it."""
    return [
        (place, name)
        for place, text in places.items()
        for name, value in PERSON.items()
        if any(spelt in text for spelt in {value, quote(value), json.dumps(value).strip('"')})
    ]


def _tables(one_hall: OneHall, backstage: Backstage, case: str) -> dict[str, str]:
    key = json.loads(one_hall.open.layout.secrets.read_text())["couriers"]["ems"]["key"]
    return {
        "commits": _dump(_of_case(backstage, case, commits=True)),
        "Views": _dump(backstage.items("ViewsTable")),
        "Inbox": _dump(backstage.items("InboxTable")) + "".join(_opened(backstage.items("InboxTable"), key)),
        "Lookups": _dump(backstage.items("LookupsTable")),
        "Certificates": _dump(backstage.items("CertificatesTable")),
        "DeadLetters": _dump(backstage.receive("StepsDeadLettersUrl")),
        "StreamFailures": _dump(backstage.receive("StreamFailuresUrl")),
    }


def _of_case(backstage: Backstage, case: str, *, commits: bool) -> list[Item]:
    items = [item for item in backstage.items("CasesTable") if item["case"]["S"] == case]
    return [item for item in items if item["sk"]["S"].startswith("c#") is commits]


def _opened(inbox: list[Item], key: str) -> Iterator[str]:
    """What EMS has sealed, in plain."""
    for item in inbox:
        if item["source"]["S"] == "courier:ems":
            yield unseal(json.loads(item["body"]["B"])["logitcsInterface"], key)


def _dump(items: list[Item]) -> str:
    return json.dumps(items, ensure_ascii=False, default=lambda value: bytes(value).decode())


def _logs(one_hall: OneHall, backstage: Backstage) -> dict[str, str]:
    """Log files of the hall, and what the functions wrote to CloudWatch."""
    files = sorted(one_hall.open.layout.logs.glob("*.log"))
    text = "".join(file.read_text(errors="replace") for file in (*files, one_hall.open.output))
    found = {"log files": SENT.sub("", text)}
    logs = cloud.client(backstage.layout, "logs")
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        found[group["logGroupName"]] = "\n".join(event["message"] for page in pages for event in page["events"])
    return found


def _files(backstage: Backstage) -> Iterator[str]:
    """Names and metadata of all files."""
    s3 = cloud.client(backstage.layout, "s3")
    for bucket in (backstage.stack["UploadsBucket"], backstage.stack["FilesBucket"]):
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            yield json.dumps(s3.head_object(Bucket=bucket, Key=item["Key"]), default=str) + item["Key"]
