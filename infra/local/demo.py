"""``make demo``: walks a case from door to door against the local hall, as people and vendors would, and shows the log.

Everything goes over HTTP: the hall's API, Stripe's pay page, the couriers' handheld, the phone's messages.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from chalicelib.adapters.es256 import verifier
from chalicelib.domain.seal import open_seal

T = TypeVar("T")
Json = dict[str, Any]

BEIJING = timezone(timedelta(hours=8))
PATIENCE = 60.0  # seconds for anything that the hall does by itself
NUDGE = 0.05  # seconds between two looks
ONE_TIME_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")

APPLICANT = {"name": "张三", "phone": "13800000000", "id_type": "resident_id", "id_number": "110101199003070732"}
ADDRESS = {"province": "上海市", "city": "上海市", "county": "徐汇区", "street": "样例路1号101室"}
ANSWERS: Mapping[str, Json] = {
    "business-licence-change": {
        "applicant": APPLICANT,
        "business": {
            "registration_number": "310104000000001",
            "name": "上海样例商贸有限公司",
            "type": "limited_company",
            "legal_representative": "张三",
            "registered_capital": 500000,
            "established": "2012-05-18",
            "premises": ADDRESS,
            "scope": "日用百货销售",
        },
        "changes": [],
        "pickup": {"address": ADDRESS},
    },
    "residence-certificate": {
        "applicant": APPLICANT,
        "residence": {"address": ADDRESS, "since": "2020-05-01", "basis": "tenant"},
        "purpose": "school",
        "delivery": {"address": ADDRESS},
    },
}
CARRIED = ("picked_up", "in_transit", "out_for_delivery", "delivered")


class NotInTime(Exception):
    """The hall did not get there in time."""


class Refused(Exception):
    """A call was not answered as it should be; the text has status and body."""


class Hall:
    """The addresses of a running local hall, and a client for its parts; ``patience`` in seconds for each answer."""

    def __init__(self, addresses: Mapping[str, Any], patience: float = PATIENCE) -> None:
        self.addresses = addresses
        self.patience = patience
        self._http = httpx2.Client(timeout=patience, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, url: str, *, expect: int, **options: Any) -> httpx2.Response:
        address = url if "://" in url else f"{self.addresses['hall']}{url}"
        answer = self._http.request(method, address, **options)
        if answer.status_code != expect:
            raise Refused(f"{method} {url}: {answer.status_code} {answer.text[:500]}")
        return answer

    def get(self, url: str, **options: Any) -> Any:
        return self.call("GET", url, expect=200, **options).json()

    def staff(self, group: str) -> dict[str, str]:
        """The headers of somebody at the desk who belongs to this group."""
        person = next(person for person in self.get("/_local/staff") if group in person["groups"])
        return {"Authorization": f"Bearer {person['token']}"}


class Walk:
    """One case, and the hands of everybody who has to do with it. ``answers`` may leave out the pickup's window."""

    def __init__(
        self,
        hall: Hall,
        service: str,
        say: Callable[[str], None] = lambda _: None,
        *,
        answers: Json | None = None,
        language: str = "zh-CN",
    ) -> None:
        self.hall = hall
        self.service = service
        self.say = say
        self.answers = _with_window(answers or ANSWERS[service])
        self.language = language
        self.uploads: dict[str, list[str]] = {}
        self.accepted: Json = {}
        self.definition: Json = hall.get(f"/v1/services/{service}", params={"lang": "en"})

    # --- the applicant ---

    def submit(self, key: str | None = None) -> Json:
        headers = {"Idempotency-Key": key or f"demo-{time.time_ns()}"}
        body = {"service": self.service, "language": self.language, "answers": self.answers, "uploads": self.uploads}
        self.accepted = self.hall.call("POST", "/v1/cases", expect=201, json=body, headers=headers).json()
        self.say(f"form sent: case {self.case}, fee {self.accepted['fee']['amount'] / 100:.2f} yuan")
        self.say(f"tracking: {self.accepted['tracking_url']}")
        return self.accepted

    def pay(self) -> None:
        if not self.accepted["payment_url"]:
            return
        self.hall.call("POST", self.accepted["payment_url"], expect=303, data={"outcome": "paid"})
        self.say("paid on Stripe's page")

    def session(self) -> dict[str, str]:
        """The headers of the applicant, by the code that the phone shows."""
        before = len(self.codes())
        self.hall.call("POST", f"/v1/track/{self.tracking}/codes", expect=202)
        code = self.until("the code on the phone", lambda: self.codes()[before:])[-1]
        opened = self.hall.call("POST", f"/v1/track/{self.tracking}/sessions", expect=201, json={"code": code})
        return {"Authorization": f"Bearer {opened.json()['token']}"}

    def codes(self) -> list[str]:
        """The one-time codes that the phone has got; the other messages have a link in them."""
        texts = (message["text"] for message in self.messages() if "://" not in message["text"])
        return [found[0] for text in texts if (found := ONE_TIME_CODE.search(text))]

    def rate(self) -> None:
        path = f"/v1/cases/{self.case}/ratings"
        departments = dict.fromkeys(task["department"] for task in self.definition["tasks"])
        headers = self.session()
        for department in departments:
            self.hall.call("POST", path, expect=201, json={"department": department, "stars": 5}, headers=headers)
            self.say(f"rated {department}: five stars")

    # --- the courier ---

    def carry(self, leg: str, states: tuple[str, ...] = CARRIED) -> None:
        """Take one of the case's parcels all the way on the courier's handheld."""
        waybill = self.until(f"a courier for the {leg}", lambda: self.waybill(leg))
        for state in states:
            address = f"{self.hall.addresses['courier']}/waybills/{waybill}/events"
            self.hall.call("POST", address, expect=201, json={"state": state})
        self.say(f"{leg}: {self._courier(leg)} carried {waybill}")

    def waybill(self, leg: str) -> str | None:
        """The newest waybill of a leg, once the case knows of it as well."""
        known = self.hall.get(f"{self.hall.addresses['courier']}/waybills")
        mine = [one for one in known if one["order"].startswith(f"{self.case}-{leg}-")]
        booked = any(one["leg"] == leg for one in self.track()["shipments"])
        return str(mine[0]["waybill"]) if mine and booked else None

    def _courier(self, leg: str) -> str:
        return next(str(one["courier"]) for one in self.track()["shipments"] if one["leg"] == leg)

    # --- the desk ---

    def receive_originals(self) -> None:
        items = [{"material": m["code"], "present": True} for m in self.definition["materials"] if m.get("original")]
        body = {"items": items, "envelope_sealed": True}
        path = f"/v1/desk/cases/{self.case}/originals"
        self.hall.call("POST", path, expect=200, json=body, headers=self.hall.staff("role:clerk"))
        self.say(f"the clerk received {len(items)} originals")

    def approve(self, task: str) -> None:
        terms = next(one for one in self.definition["tasks"] if one["code"] == task)
        headers = self.hall.staff(f"department:{terms['department']}")
        path = f"/v1/desk/cases/{self.case}/tasks/{task}/decision"
        self.until(f"task {task} to open", lambda: self.task_state(task) == "open")
        self.hall.call("POST", path, expect=200, json={"decision": "approve"}, headers=headers)
        self.say(f"{terms['department']} approved {task}")

    def task_state(self, task: str) -> str | None:
        return next((one["state"] for one in self.track()["tasks"] if one["task"] == task), None)

    def dispatch(self) -> None:
        self.until("the certificate", lambda: self.track()["certificates"])
        contents = ["certificate"] + (["originals"] if self._goes_back() else [])
        path = f"/v1/desk/cases/{self.case}/dispatch"
        self.hall.call("POST", path, expect=200, json={"contents": contents}, headers=self.hall.staff("role:clerk"))
        self.say(f"packed: {', '.join(contents)}")

    def _goes_back(self) -> bool:
        return any(m.get("original") and m.get("returned", True) for m in self.definition["materials"])

    def save_certificates(self, folder: Path) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        saved = []
        for certificate in self.track()["certificates"]:
            address = f"/v1/desk/cases/{self.case}/certificates/{certificate['code']}.pdf"
            there = self.hall.call("GET", address, expect=303, headers=self.hall.staff("role:clerk")).headers
            path = folder / f"{certificate['number']}.pdf"
            path.write_bytes(self.hall.call("GET", there["location"], expect=200).content)
            saved.append(path)
            self.say(f"certificate saved: {path}")
        return saved

    def audit(self) -> Json:
        report: Json = self.hall.get(f"/v1/desk/cases/{self.case}/audit", headers=self.hall.staff("role:auditor"))
        return report

    # --- looking ---

    @property
    def case(self) -> str:
        return str(self.accepted["case"])

    @property
    def tracking(self) -> str:
        return str(self.accepted["tracking"])

    def track(self) -> Json:
        found: Json = self.hall.get(f"/v1/track/{self.tracking}", params={"lang": "en"})
        return found

    def messages(self) -> list[Json]:
        """What the phone shows of this case."""
        sent = self.hall.get("/_local/messages", params={"to": f"+86{self.answers['applicant']['phone']}"})
        return [message for message in sent if self.case in message["text"]]

    def until_status(self, *wanted: str) -> str:
        return self.until(f"status {' or '.join(wanted)}", lambda: self._status_in(wanted))

    def _status_in(self, wanted: tuple[str, ...]) -> str | None:
        status = str(self.track()["status"])
        return status if status in wanted else None

    def until(self, what: str, look: Callable[[], T | None]) -> T:
        """Look again and again until there is something to see. NotInTime."""
        deadline = time.monotonic() + self.hall.patience
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise NotInTime(f"waited {self.hall.patience:.0f} s for {what}; the case is {self.track()['status']}")
            self.pause()
        return seen

    def pause(self) -> None:
        """Between two looks."""
        time.sleep(NUDGE)

    # --- the whole way ---

    def whole_way(self) -> None:
        """From the form to the end, whatever stages the service has."""
        self.submit()
        self.pay()
        self.pre_check()
        self.bring_originals()
        self.review()
        self.bring_result()
        self.until_status("closed")

    def pre_check(self) -> None:
        self._approve_all(lambda task: task.get("stage") == "pre_check")

    def review(self) -> None:
        self._approve_all(lambda task: task.get("stage") != "pre_check")

    def _approve_all(self, wanted: Callable[[Json], bool]) -> None:
        for task in filter(wanted, self.definition["tasks"]):
            self.approve(task["code"])

    def bring_originals(self) -> None:
        if self.definition["pickup"]:
            self.carry("pickup")
            self.until_status("awaiting_originals_check")
            self.receive_originals()

    def bring_result(self) -> None:
        if self.definition["delivery"]:
            self.dispatch()
            self.carry("delivery")


def _with_window(answers: Json) -> Json:
    if "pickup" not in answers or "window" in answers["pickup"]:
        return dict(answers)
    return {**answers, "pickup": {**answers["pickup"], "window": _window()}}


def _window() -> Json:
    day = (datetime.now(BEIJING) + timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)
    return {"start": day.isoformat(), "end": (day + timedelta(hours=2)).isoformat()}


def check_seal(hall: Hall, seal_url: str) -> Json:
    """The claims of a certificate's seal, verified against the hall's published keys."""
    published = hall.get("/.well-known/jwks.json")
    return open_seal(seal_url.partition("#")[2], verifier(published["keys"]))


def _show_log(walk: Walk) -> None:
    report = walk.audit()
    print("\n  the log")
    for commit in report["commits"]:
        events = ", ".join(commit["events"])
        print(f"    {commit['version']:>3}  {commit['at'][:19]}  {commit['actor']:<24.24} {events}")
    print(f"    chain intact: {report['intact']}")


def _demo(hall: Hall, service: str, folder: Path) -> None:
    start = time.monotonic()
    print(f"\n{service}")
    walk = Walk(hall, service, say=lambda line: print(f"  {time.monotonic() - start:5.1f} s  {line}", flush=True))
    walk.whole_way()
    walk.rate()
    walk.save_certificates(folder)
    for certificate in walk.track()["certificates"]:
        public = hall.get(f"/v1/certificates/{certificate['number']}")
        walk.say(f"certificate {public['number']}: {public['state']}, held by {public['holder']}")
    _show_log(walk)
    print(f"  {service}: closed after {time.monotonic() - start:.1f} s")


def main() -> int:
    """Exit status 0 when every case got to its end."""
    parser = argparse.ArgumentParser(description="Walk a case from door to door against the running local hall.")
    state = Path(os.environ.get("STATE", ".local"))
    parser.add_argument("--hall", type=Path, default=state / "hall.json", help="the addresses of the running hall")
    parser.add_argument("--to", type=Path, default=Path("test-output/demo"), help="where the certificates go")
    parser.add_argument("services", nargs="*", default=list(ANSWERS))
    arguments = parser.parse_args()
    if not arguments.hall.exists():
        print(f'No hall is open here ({arguments.hall} is missing). Open one with "make run" first.', file=sys.stderr)
        return 1
    hall = Hall(json.loads(arguments.hall.read_text()))
    try:
        for service in arguments.services:
            _demo(hall, service, arguments.to)
    except (NotInTime, Refused, httpx2.HTTPError) as error:
        print(f"\nThe demo did not get to its end: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
