"""What each Lambda has to import before it can answer: by name, for milliseconds differ from machine to machine.

Each piece of work is done in a process of its own, by a hall that is wired like the real one but for its store and its
vendors, which are in memory. Cases come from the test as they would from a store, so that opening one costs nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from chalicelib.domain.commit import commit_to_json
from chalicelib.domain.numbers import tracking_code
from infra.local.layout import ROOT
from tests.files import document, picture
from tests.halls import MemoryHall
from tests.workers.journeys import Way, new_hall, residence

HEAVY = frozenset(
    {
        "PIL", "boto3", "botocore", "cryptography", "govuk_frontend_jinja", "holidays", "jinja2", "jsonschema", "jwt",
        "pynamodb", "pypdfium2", "qrcode", "referencing", "standardwebhooks", "stripe", "typst", "urllib3",
    }
)  # fmt: skip

PATHS = [str(ROOT), str(ROOT / "vendor")]

# What runs in the process, after ``given`` was read from standard input.
HALL = """
import json, sys
from datetime import UTC, datetime
from chalicelib import wiring
from chalicelib.adapters import memory
from chalicelib.domain.commit import commit_from_json
from chalicelib.settings import Settings

class Nobody:
    def __getattr__(self, name):
        return lambda *args, **kwargs: None

wiring.utc_now = lambda: datetime(2027, 1, 4, tzinfo=UTC)
hall = wiring.AwsHall(Settings.from_env(given["environment"]))
hall.secrets = {"mac_key": given["mac_key"], "stripe_webhook_secret": "whsec", "courier_token": "t"}
hall.log, hall.read_model, hall.inbox = memory.MemoryCaseLog(), memory.MemoryReadModel(), memory.MemoryInbox()
hall.ledger = memory.MemoryLedger()
hall.register, hall.lookups = memory.MemoryCertificateRegister(), memory.MemoryLookups()
hall.steps, hall.notifier = memory.MemoryStepQueue(), Nobody()
for commit in given["commits"]:
    hall.log.append(commit_from_json(commit))
wiring._current = hall
"""
REQUEST = """
import app
event = {
    "httpMethod": given["method"], "path": given["path"], "body": given["body"], "isBase64Encoded": False,
    "headers": {"content-type": "application/json", "idempotency-key": "key-00000001", "stripe-signature": "t=1,v1=0"},
    "multiValueHeaders": {}, "multiValueQueryStringParameters": None, "stageVariables": None,
    "pathParameters": given["parameters"],
    "requestContext": {"resourcePath": given["resource"], "httpMethod": given["method"], "identity": {}},
}
answer = app.app(event, None)
assert answer["statusCode"] == given["status"], answer
"""
LOADED = """
print(json.dumps(sorted(name for name in sys.modules)))
"""


def loaded_by(code: str, **given: Any) -> set[str]:
    """The heavy packages that a new process has imported once it has run this code."""
    return {name for name in modules_of(code, **given) if name in HEAVY}


def modules_of(code: str, **given: Any) -> set[str]:
    prelude = f"import json, sys\nsys.path[:0] = {PATHS!r}\ngiven = json.loads({json.dumps(given)!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", prelude + code + LOADED],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={"PATH": os.defpath, "AWS_DEFAULT_REGION": "cn-north-1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@cache
def a_case() -> dict[str, Any]:
    """A closed case with a certificate, as a store would give it."""
    way = Way(new_hall())
    residence(way)
    environment = {
        "STAGE": "test", "HALL_URL": MemoryHall.url, "CASES_TABLE": "Cases", "VIEWS_TABLE": "Views",
        "INBOX_TABLE": "Inbox", "CERTIFICATES_TABLE": "Certificates", "LOOKUPS_TABLE": "Lookups",
        "STEPS_QUEUE_URL": "https://queue.invalid/1/steps", "FILES_BUCKET": "files", "UPLOADS_BUCKET": "uploads",
        "SEAL_KEY_ID": "key", "SECRETS_ARN": "arn", "OIDC_ISSUER": "https://issuer.invalid", "OIDC_AUDIENCE": "desk",
    }  # fmt: skip
    return {
        "commits": [commit_to_json(commit) for commit in way.record.commits],
        "number": way.number,
        "tracking": tracking_code(MemoryHall.mac_key, way.number),
        "mac_key": MemoryHall.mac_key.decode(),
        "environment": {f"DOORSTEP_{name}": value for name, value in environment.items()},
    }


def requested(resource: str, status: int = 200, method: str = "GET", body: Any = None, **parameters: str) -> set[str]:
    """What answering this request has imported."""
    given = {
        **a_case(), "method": method, "resource": resource, "path": resource.format(**parameters), "status": status,
        "parameters": parameters, "body": None if body is None else json.dumps(body),
    }  # fmt: skip
    return loaded_by(HALL + REQUEST, **given)


@pytest.mark.parametrize(
    "module", ["app", *(f"chalicelib.workers.{name}" for name in ("relay", "perform", "sweep", "scanned", "reconcile"))]
)
def test_a_lambda_starts_with_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}\n") == set()


def test_each_area_of_the_api_starts_with_nothing_heavy() -> None:
    assert loaded_by("import chalicelib.api.areas, chalicelib.web.areas\n") == set()


def test_tracking_asks_for_the_calendar_alone() -> None:
    case = a_case()
    assert requested("/v1/track/{tracking}", tracking=case["tracking"]) <= {"holidays"}


def test_the_tracking_page_asks_for_the_calendar_and_its_templates_alone() -> None:
    case = a_case()
    assert requested("/t/{tracking}", tracking=case["tracking"]) <= {"holidays", "jinja2", "govuk_frontend_jinja"}


def test_a_forged_tracking_code_asks_for_nothing() -> None:
    assert requested("/v1/track/{tracking}", 404, tracking="D7K3M9QF2XHVA-0") == set()


def test_the_qr_code_asks_for_no_more_than_the_tracking_view_and_its_drawer() -> None:
    case = a_case()
    drawer = {"qrcode", "PIL"}  # which it imports by itself wherever it is there, for 26 ms
    assert requested("/v1/track/{tracking}/qr.svg", tracking=case["tracking"]) <= {"holidays", *drawer}


@pytest.mark.parametrize("resource", ["/healthz", "/v1/services"])
def test_the_door_asks_for_nothing(resource: str) -> None:
    assert requested(resource) == set()


def test_a_guide_asks_for_nothing_that_validates() -> None:
    assert requested("/v1/services/{service}", service="residence-certificate") == set()


def test_an_unknown_certificate_asks_for_nothing() -> None:
    assert requested("/v1/certificates/{number}", 404, number="D7K3-M9QF-2XHVA") == set()


def test_a_forged_webhook_does_not_ask_for_the_payment_client() -> None:
    assert requested("/webhooks/stripe", 400, "POST", {"id": "evt_1"}) == set()


def test_a_form_asks_for_its_validator_and_the_calendar_and_for_no_certificate() -> None:
    body = {"service": "residence-certificate", "answers": {}}
    assert requested("/v1/cases", 422, "POST", body) <= {"jsonschema", "referencing", "holidays"}


def test_looking_at_an_upload_asks_for_its_store_alone() -> None:
    """Files are opened in a process of their own, which has the libraries for that."""
    code = HALL + "from chalicelib.usecases.uploads import look, offer_form, offered_key\n"
    code += "hall.uploads = memory.MemoryFiles()\n"
    code += 'offer = offer_form(hall, "residence-certificate", "proof-of-address", "https://hall.example")\n'
    code += 'hall.uploads.put_once(offered_key(offer.upload), bytes(given["content"]), "image/jpeg")\n'
    code += 'assert look(hall, offer.upload).code == given["fault"], look(hall, offer.upload)\n'
    for content, fault in ((picture(), ""), (document(), ""), (document(password="x"), "file_protected")):
        assert loaded_by(code, **a_case(), content=list(content), fault=fault) == set()


def test_relaying_a_case_asks_for_the_calendar_alone() -> None:
    code = HALL + "from chalicelib.workers.relay import first_failure\n"
    code += 'keys = {"case": {"S": given["number"]}, "sk": {"S": "c#00000001"}}\n'
    code += 'assert first_failure(hall, [{"dynamodb": {"Keys": keys, "SequenceNumber": "1"}}]) is None\n'
    assert loaded_by(code, **a_case()) <= {"holidays"}


def test_sweeping_asks_for_the_calendar_alone() -> None:
    code = HALL + "from chalicelib.workers.sweep import sweep\n"
    code += 'assert sweep({"grace_s": 0}, None)["failed"] == 0\n'
    assert loaded_by(code, **a_case()) <= {"holidays"}


def test_a_message_to_an_applicant_asks_for_the_calendar_alone() -> None:
    given = {**a_case(), "commits": a_case()["commits"][:1]}
    code = HALL + "from chalicelib.workers.perform import perform\n"
    code += 'body = json.dumps({"case": given["number"], "kind": "notify", "subject": "submitted"})\n'
    code += 'failed = perform({"Records": [{"messageId": "1", "body": body}]}, None)\n'
    code += 'assert failed == {"batchItemFailures": []}\n'
    code += 'assert len(hall.log.load(given["number"]).commits) == 2\n'
    assert loaded_by(code, **given) <= {"holidays"}


def test_the_store_asks_for_pynamodb_and_not_for_boto3() -> None:
    code = HALL.split("hall.log,")[0]
    code += "hall.log, hall.read_model, hall.inbox, hall.register, hall.lookups\n"
    assert loaded_by(code, **a_case()) == {"pynamodb", "botocore", "urllib3"}
