"""The local hall as a whole: opened, closed, opened again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from infra.local import cloud
from infra.local.layout import ROOT
from infra.local.ports import holder
from tests.e2e.halls import Hall, free_ports, open_hall, start

pytestmark = pytest.mark.hall


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hall")


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return free_ports()


@pytest.fixture(scope="module")
def hall(state: Path, ports: dict[str, str]) -> Iterator[Hall]:
    with open_hall(state, ports) as opened:
        yield opened


def aws(hall: Hall, service: str) -> Any:
    return cloud.client(hall.layout, service)


def get(hall: Hall, path: str, **query: str) -> httpx2.Response:
    return httpx2.get(hall.addresses["hall"] + path, params=query or None, timeout=60, trust_env=False)


def test_the_api_answers_at_the_door(hall: Hall) -> None:
    answer = get(hall, "/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_a_route_that_does_not_exist_is_not_found(hall: Hall) -> None:
    assert get(hall, "/no/such/route").status_code == 404


def test_the_counterparts_answer(hall: Hall) -> None:
    assert httpx2.get(hall.addresses["courier"] + "/waybills", trust_env=False).json() == []
    assert httpx2.get(hall.addresses["stripe"] + "/v1/refunds", trust_env=False).status_code == 401


def test_the_tokens_of_demo_staff_hold_against_what_the_functions_are_told(hall: Hall) -> None:
    functions = aws(hall, "lambda")
    told = functions.get_function_configuration(FunctionName=hall.addresses["stack"]["APIHandlerName"])["Environment"][
        "Variables"
    ]
    keys = jwt.PyJWKClient(told["DOORSTEP_OIDC_JWKS_URL"])
    for one in get(hall, "/_local/staff").json():
        claims = jwt.decode(
            one["token"],
            keys.get_signing_key_from_jwt(one["token"]),
            algorithms=["RS256"],
            issuer=told["DOORSTEP_OIDC_ISSUER"],
            audience=told["DOORSTEP_OIDC_AUDIENCE"],
        )
        assert set(claims["cognito:groups"]) == set(one["groups"])


def test_staff_of_every_role_work_here(hall: Hall) -> None:
    groups = {group for one in get(hall, "/_local/staff").json() for group in one["groups"]}
    assert {"role:reviewer", "role:clerk", "role:supervisor", "role:auditor"} <= groups


def test_the_functions_know_the_counterparts_keys(hall: Hall, state: Path) -> None:
    held = aws(hall, "secretsmanager").get_secret_value(SecretId=hall.addresses["stack"]["SecretsArn"])["SecretString"]
    assert all(json.loads(held).values()), "none is empty"
    assert (state / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_what_is_sent_by_sms_and_by_e_mail_can_be_read(hall: Hall) -> None:
    aws(hall, "sns").publish(PhoneNumber="+8613800000001", Message="验证码 123456")
    aws(hall, "sesv2").send_email(
        FromEmailAddress="hall@doorstep.example",
        Destination={"ToAddresses": ["zhangsan@example.com"]},
        Content={"Simple": {"Subject": {"Data": "办件"}, "Body": {"Text": {"Data": "已受理"}}}},
    )
    (sms,) = get(hall, "/_local/messages", to="+8613800000001").json()
    (email,) = get(hall, "/_local/messages", to="zhangsan@example.com").json()
    assert (sms["channel"], sms["text"]) == ("sms", "验证码 123456")
    assert (email["channel"], email["subject"], email["text"]) == ("email", "办件", "已受理")


def test_another_hall_with_the_same_ports_says_who_holds_them(
    hall: Hall, ports: dict[str, str], tmp_path: Path
) -> None:
    other = start(tmp_path / "other", ports, tmp_path / "output.txt")
    assert other.wait(60) == 1
    told = (tmp_path / "output.txt").read_text()
    for variable, port in ports.items():
        assert f"Port {port} is taken by pid" in told
        assert variable in told


def test_another_hall_with_the_same_state_is_refused(hall: Hall, state: Path, tmp_path: Path) -> None:
    other = start(state, free_ports(), tmp_path / "output.txt")
    assert other.wait(60) == 1
    assert "is open already" in (tmp_path / "output.txt").read_text()


def test_an_open_hall_is_not_forgotten(hall: Hall, state: Path) -> None:
    environment = os.environ | {"STATE": str(state)}
    reset = subprocess.run([sys.executable, "-m", "infra.local.forget"], cwd=ROOT, env=environment, check=False)
    assert reset.returncode == 1
    assert (state / "secrets.json").exists()


def test_a_hall_that_was_closed_opens_with_what_it_had(tmp_path: Path) -> None:
    ports = free_ports()
    with open_hall(tmp_path, ports) as first:
        bucket = first.addresses["stack"]["FilesBucket"]
        aws(first, "s3").put_object(Bucket=bucket, Key="kept", Body=b"\x00\xff")
        aws(first, "sns").publish(PhoneNumber="+8613800000002", Message="kept")
        assert first.close(signal.SIGINT) == 0
        assert not (tmp_path / "hall.json").exists()
    with open_hall(tmp_path, ports) as second:
        for kept in ("CasesTable", "DeskUserPoolId", "SecretsArn", "SealKeyId"):
            assert second.addresses["stack"][kept] == first.addresses["stack"][kept]
        assert aws(second, "s3").get_object(Bucket=bucket, Key="kept")["Body"].read() == b"\x00\xff"
        assert [one["text"] for one in get(second, "/_local/messages", to="13800000002").json()] == ["kept"]
        _a_part_that_dies_closes_the_hall_and_says_why(second, ports)


def test_a_hall_that_was_killed_opens_with_what_it_had(tmp_path: Path) -> None:
    ports = free_ports()
    with open_hall(tmp_path, ports) as killed:
        aws(killed, "sns").publish(PhoneNumber="+8613800000003", Message="kept")
        killed.process.kill()
        killed.process.wait()
        assert holder(int(ports["AWS_PORT"])), "its parts are left behind"
    with open_hall(tmp_path, ports) as again:
        assert [one["text"] for one in get(again, "/_local/messages", to="+8613800000003").json()] == ["kept"]


def _a_part_that_dies_closes_the_hall_and_says_why(hall: Hall, ports: dict[str, str]) -> None:
    counterpart = int(holder(int(ports["COURIER_PORT"])).removeprefix("pid ").split(":")[0])
    os.kill(counterpart, signal.SIGKILL)
    assert hall.process.wait(120) == 1
    assert "The courier counterpart ended" in hall.output.read_text()
    assert not holder(int(ports["AWS_PORT"]))
