"""The API over a hall in memory: a client that speaks JSON, people with their tokens, and a hold on the contract."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from chalice.test import Client, HTTPResponse
from jsonschema import Draft202012Validator

from app import app
from chalicelib import wiring
from chalicelib.api.areas import AREAS
from chalicelib.api.openapi import document
from chalicelib.domain.seal import parse_certificate_number
from tests.halls import COURIER, COURIER_SECRET, STRIPE_SECRET, MemoryHall, token_of

CONTRACT = document(operation for area in AREAS for operation in area.operations)

APPLICANT = {"name": "张三", "phone": "13800000000", "id_type": "resident_id", "id_number": "110101199003070732"}
ADDRESS = {"province": "上海市", "city": "上海市", "county": "徐汇区", "street": "样例路 1 号 101 室"}
WINDOW = {"start": "2026-11-26T09:00:00+08:00", "end": "2026-11-26T11:00:00+08:00"}

RESIDENCE = "residence-certificate"
RESIDENCE_ANSWERS: Mapping[str, Any] = {
    "applicant": APPLICANT,
    "residence": {"address": ADDRESS, "since": "2020-05-01", "basis": "tenant"},
    "purpose": "school",
    "delivery": {"address": ADDRESS},
}

LICENCE = "business-licence-change"
LICENCE_ANSWERS: Mapping[str, Any] = {
    "applicant": APPLICANT,
    "business": {
        "registration_number": "310104000000001",
        "name": "上海样例商贸有限公司",
        "type": "limited_company",
        "legal_representative": "李四",
        "registered_capital": 500000,
        "established": "2012-05-18",
        "premises": ADDRESS,
        "scope": "日用百货销售",
    },
    "changes": [],
    "pickup": {"address": ADDRESS, "window": WINDOW},
}
PAPERS = ("old-licence", "old-licence-duplicates", "organisation-code-certificate", "premises-proof")

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])

    @property
    def pointers(self) -> list[str]:
        return [fault["pointer"] for fault in self.json["errors"]]

    @property
    def faults(self) -> dict[str, str]:
        return {fault["pointer"]: fault["code"] for fault in self.json["errors"]}


@dataclass
class Api:
    """Requests as a client sends them; every answer is held to the contract."""

    hall: MemoryHall
    http: Any = field(default_factory=lambda: Client(app).http)

    def get(self, path: str, token: str = "", **headers: str) -> Answer:
        return self.send("GET", path, b"", token=token, headers=headers)

    def post(self, path: str, body: Any = None, token: str = "", **headers: str) -> Answer:
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        return self.send("POST", path, content, token=token, headers={"Content-Type": "application/json", **headers})

    def send(self, method: str, path: str, body: bytes, *, token: str = "", headers: Mapping[str, str] = {}) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        response = cast(HTTPResponse, self.http.request(method, path, headers=sent, body=body))
        answer = Answer(response.status_code, response.headers, response.body)
        hold_to_contract(method, path, answer)
        return answer

    # --- people ---

    def staff(self, subject: str, *groups: str, **changes: Any) -> str:
        return self.hall.issuer.token(subject, *groups, **changes)

    @property
    def clerk(self) -> str:
        return self.staff("clerk-1", "role:clerk")

    @property
    def supervisor(self) -> str:
        return self.staff("supervisor-1", "role:supervisor")

    def reviewer(self, department: str) -> str:
        return self.staff(f"reviewer-{department}", "role:reviewer", f"department:{department}")

    # --- the way of a case ---

    def submit(self, service: str, answers: Mapping[str, Any], key: str = "key-00000001", **more: Any) -> Answer:
        body = {"service": service, "answers": answers, **more}
        return self.post("/v1/cases", body, Idempotency_Key=key)

    def opened(self, service: str = RESIDENCE, key: str = "key-00000001", **more: Any) -> Json:
        answers = RESIDENCE_ANSWERS if service == RESIDENCE else LICENCE_ANSWERS
        accepted = self.submit(service, answers, key, **more)
        assert accepted.status == 201, accepted.body
        self.hall.drain()
        return cast(Json, accepted.json)

    def uploaded(self, service: str, material: str, content: bytes, content_type: str = "image/jpeg") -> str:
        """The id of an upload whose file has arrived."""
        wanted = {"service": service, "material": material, "filename": "照片", "content_type": content_type}
        offer = self.post("/v1/uploads", {**wanted, "size": len(content)})
        assert offer.status == 201, offer.body
        self.hall.uploads.receive(offer.json["post"]["fields"], content)
        return str(offer.json["upload"])

    def paid(self, service: str = RESIDENCE, key: str = "key-00000001") -> Json:
        case = self.opened(service, key)
        self.pay(case)
        return case

    def pay(self, case: Json) -> None:
        checkout = case["payment_url"].rsplit("/", 1)[1]
        self.hall.payments.pay(checkout)
        assert self.stripe_event(checkout, f"evt_{checkout}").status == 200
        self.hall.drain()

    def stripe_event(self, checkout: str, id: str, type: str = "checkout.session.completed") -> Answer:
        event = {"id": id, "object": "event", "type": type, "data": {"object": {"id": checkout, "metadata": {}}}}
        return self.stripe(json.dumps(event).encode())

    def stripe(self, body: bytes, *, late: timedelta = timedelta(), secret: str = STRIPE_SECRET) -> Answer:
        at = str(int((self.hall.clock() - late).timestamp()))
        signature = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": f"t={at},v1={signature}"}
        return self.send("POST", "/webhooks/stripe", body, headers=headers)

    def move(self, order: str, *states: str) -> None:
        """The courier moves a parcel, and says so."""
        for state in states:
            self.hall.clock.advance(timedelta(minutes=10))
            waybill = self.waybill(order)
            news = self.hall.courier(COURIER).move(waybill, state, self.hall.clock())
            data = {"order": order, "waybill": waybill, "state": state, "at": news.at.isoformat(), "code": "x"}
            assert self.push({"type": "shipment.moved", "data": data}, f"{waybill}-{state}").status == 200
            self.hall.drain()

    def waybill(self, order: str) -> str:
        shipment = self.hall.courier(COURIER).query(order, "")
        assert shipment is not None, order
        return shipment.waybill

    def push(
        self, message: Any, id: str, *, late: timedelta = timedelta(), token: str = "", altered: bytes = b""
    ) -> Answer:
        from standardwebhooks import Webhook

        from chalicelib.adapters.couriers.open_http import signed

        body = json.dumps(message)
        headers = signed(Webhook(COURIER_SECRET), id, self.hall.clock() - late, body)
        path = f"/webhooks/couriers/{COURIER}/{token or token_of(COURIER)}"
        return self.send(
            "POST", path, altered or body.encode(), headers={"Content-Type": "application/json", **headers}
        )

    def session(self, case: Json) -> str:
        """A token by the code that the phone shows."""
        assert self.post(f"/v1/track/{case['tracking']}/codes").status == 202
        opened = self.post(f"/v1/track/{case['tracking']}/sessions", {"code": self.code_sent()})
        assert opened.status == 201, opened.body
        return str(opened.json["token"])

    def code_sent(self) -> str:
        texts = [message.text for message in self.hall.notifier.messages if "-code-" in message.key]
        return next(word for word in texts[-1].replace("，", " ").split() if word.isdigit() and len(word) == 6)

    def track(self, case: Json) -> Json:
        return cast(Json, self.get(f"/v1/track/{case['tracking']}").json)

    def decide(self, case: Json, task: str, department: str, decision: str = "approve", **more: Any) -> Answer:
        path = f"/v1/desk/cases/{case['case']}/tasks/{task}/decision"
        answer = self.post(path, {"decision": decision, **more}, self.reviewer(department))
        self.hall.drain()
        return answer

    def receive(self, case: Json, *present: str, token: str = "") -> Answer:
        items = [{"material": material, "present": material in present} for material in PAPERS]
        answer = self.post(f"/v1/desk/cases/{case['case']}/originals", {"items": items}, token or self.clerk)
        self.hall.drain()
        return answer

    def dispatch(self, case: Json, *contents: str) -> Answer:
        answer = self.post(f"/v1/desk/cases/{case['case']}/dispatch", {"contents": list(contents)}, self.clerk)
        self.hall.drain()
        return answer


@contextmanager
def api_over(hall: MemoryHall) -> Iterator[Api]:
    with wiring.standing_in(hall):
        yield Api(hall)


# --- the contract ---


def hold_to_contract(method: str, path: str, answer: Answer) -> None:
    """Whatever is answered, the contract has told of it: this status, this kind of content, this shape."""
    operation = _operation(method, urlsplit(path).path)
    if operation is None:
        return
    told = operation["responses"].get(str(answer.status))
    assert told is not None, (
        f"{method} {path} gave {answer.status}, of which openapi.json says nothing: {answer.body!r}"
    )
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    content = told.get("content", {})
    schema = content.get(media_type, content.get("*/*", {})).get("schema")
    assert schema is not None or not content, f"{method} {path} gave {media_type}"
    if schema and media_type.endswith("json"):
        whole = {**schema, "components": CONTRACT["components"]}
        faults = [
            f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(answer.json)
        ]
        assert not faults, (method, path, faults)


def _operation(method: str, path: str) -> Json | None:
    parts = path.split("/")
    for template, methods in sorted(CONTRACT["paths"].items()):
        pieces = template.split("/")
        fits = len(pieces) == len(parts) and all(
            p == part or p.startswith("{") for p, part in zip(pieces, parts, strict=True)
        )
        if fits:
            return cast("Json | None", methods.get(method.lower()))
    return None


def certificate_number(case: Json) -> str:
    number = case["certificates"][0]["number"]
    assert parse_certificate_number(number) == number
    return str(number)
