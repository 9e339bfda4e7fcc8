"""Files at the real local hall: stored by presigned posts, looked into, scanned, and at the desk only when clean."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from infra.local import cloud
from infra.local.demo import Hall, Walk
from infra.local.scanner import TAG
from tests.api import RESIDENCE
from tests.e2e.backstage import Backstage, wait_until
from tests.files import EXECUTABLES, document, infected, picture

pytestmark = pytest.mark.hall

MATERIAL = "proof-of-address"
TASK = "verify-residence"
JPEG, PDF = "image/jpeg", "application/pdf"
TWENTY_MB = 20 * 1024 * 1024
Json = dict[str, Any]


# --- an applicant's program --------------------------------------------------------------------------------------


def offer(door: Hall, content_type: str, size: int, *, expect: int = 201) -> Json:
    """A place for a file, or the refusal of one."""
    about = {"filename": "photo.jpg", "content_type": content_type, "size": size}
    wanted = {"service": RESIDENCE, "material": MATERIAL, **about}
    found: Json = door.call("POST", "/v1/uploads", expect=expect, json=wanted).json()
    return found


def store(offered: Json, content: bytes, **changes: str) -> httpx2.Response:
    """What a browser does with an offer."""
    form = {**offered["post"]["fields"], **changes}
    files = {"file": ("photo.jpg", content)}
    return httpx2.post(offered["post"]["url"], data=form, files=files, timeout=60, trust_env=False)


def upload(door: Hall, content: bytes, content_type: str = JPEG) -> str:
    offered = offer(door, content_type, len(content))
    answer = store(offered, content)
    assert answer.status_code == 204, answer.text
    return str(offered["upload"])


def look(door: Hall, name: str, language: str = "en") -> Json:
    found: Json = door.get(f"/v1/uploads/{name}", params={"lang": language})
    return found


def settled(door: Hall, name: str) -> Json:
    """How an upload stands once the scanner has spoken of it."""
    wait_until(lambda: look(door, name)["state"] in ("clean", "refused"), "a verdict")
    return look(door, name)


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of S3's own refusal."""
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


# --- what becomes of a file --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "content_type"), [(picture(), JPEG), (document(), PDF), (document(owner_password="o"), PDF)]
)
def test_a_good_file_is_clean_once_the_scanner_has_said_so(door: Hall, content: bytes, content_type: str) -> None:
    found = settled(door, upload(door, content, content_type))
    assert (found["state"], found["content_type"], found["size"]) == ("clean", content_type, len(content))


@pytest.mark.parametrize(
    ("content", "content_type", "code", "english", "chinese"),
    [
        (infected(picture()), JPEG, "file_infected", "A virus was found in this file", "发现病毒"),
        (infected(document()), PDF, "file_infected", "A virus was found in this file", "发现病毒"),
        (EXECUTABLES["windows"], JPEG, "file_type_not_accepted", "not accepted here", "不支持此类文件"),
        (EXECUTABLES["script"], PDF, "file_type_not_accepted", "not accepted here", "不支持此类文件"),
        (document(password="secret"), PDF, "file_protected", "protected by a password", "设有密码"),
        (picture()[:300], JPEG, "file_unreadable", "cannot be opened", "无法打开"),
    ],
    ids=["EICAR in a photo", "EICAR in a PDF", "program", "script", "locked PDF", "half a photo"],
)
def test_a_bad_file_is_refused_in_its_own_words(
    door: Hall, content: bytes, content_type: str, code: str, english: str, chinese: str
) -> None:
    name = upload(door, content, content_type)
    found = settled(door, name)
    assert (found["state"], found["code"]) == ("refused", code)
    assert english in found["message"]
    assert chinese in look(door, name, "zh-CN")["message"]


@pytest.mark.parametrize(("size", "code"), [(0, "file_empty"), (TWENTY_MB, "file_too_large")])
def test_what_says_to_be_empty_or_20_mb_gets_no_place(door: Hall, size: int, code: str) -> None:
    assert offer(door, JPEG, size, expect=422)["code"] == code


def test_what_turns_out_to_be_empty_or_20_mb_is_refused_by_the_store(door: Hall) -> None:
    offered = offer(door, JPEG, 5_000_000)
    assert error_of(store(offered, b"")) == (400, "EntityTooSmall")
    assert error_of(store(offered, picture() + bytes(TWENTY_MB))) == (400, "EntityTooLarge")
    assert look(door, offered["upload"])["state"] == "awaited"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Content-Type": "text/html"}, "AccessDenied"),
        ({"key": "kept/somebody/else"}, "AccessDenied"),
        ({"tagging": f"<Tagging><TagSet><Tag><Key>{TAG}</Key></Tag></TagSet></Tagging>"}, "AccessDenied"),
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
    ],
    ids=["type", "place", "tag", "signature"],
)
def test_a_form_that_was_changed_stores_nothing(door: Hall, changes: Mapping[str, str], code: str) -> None:
    offered = offer(door, JPEG, 5_000_000)
    assert error_of(store(offered, picture(), **changes)) == (403, code)
    assert look(door, offered["upload"])["state"] == "awaited"


def test_only_the_hall_s_own_pages_may_ask_the_store_by_a_script(door: Hall) -> None:
    offered = offer(door, JPEG, 5_000_000)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answers = {}
    for origin in (door.addresses["hall"], "http://elsewhere.example"):
        headers = {**asked, "Origin": origin}
        answer = httpx2.request("OPTIONS", offered["post"]["url"], headers=headers, trust_env=False)
        answers[origin] = answer.status_code, answer.headers.get("access-control-allow-origin")
    assert list(answers.values()) == [(200, door.addresses["hall"]), (403, None)]


def test_nobody_reads_the_store_without_a_signature(door: Hall) -> None:
    offered = offer(door, JPEG, 5_000_000)
    store(offered, picture())
    address = f"{offered['post']['url']}/{offered['post']['fields']['key']}"
    assert error_of(httpx2.get(address, trust_env=False)) == (403, "AccessDenied")


# --- what becomes of a case --------------------------------------------------------------------------------------


@contextmanager
def resting_scanner(backstage: Backstage) -> Iterator[None]:
    """The scanner does nothing meanwhile."""
    running = json.loads(backstage.layout.running.read_text())
    (pid,) = (one["pid"] for one in running if "infra.local.scanner" in one["command"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kept(backstage: Backstage, case: str) -> list[str]:
    """The uploads that the desk could read."""
    listed = cloud.client(backstage.layout, "s3").list_objects_v2(
        Bucket=backstage.stack["UploadsBucket"], Prefix=f"kept/{case}/"
    )
    return [item["Key"].rpartition("/")[2] for item in listed.get("Contents", ())]


def at_the_desk(walk: Walk) -> Sequence[Json]:
    """The uploads as the reviewer sees them."""
    department = next(task["department"] for task in walk.definition["tasks"] if task["code"] == TASK)
    case = walk.hall.get(f"/v1/desk/cases/{walk.case}", headers=walk.hall.staff(f"department:{department}"))
    found: Sequence[Json] = case["uploads"].get(MATERIAL, ())
    return found


def own(walk: Walk, headers: Mapping[str, str]) -> Json:
    found: Json = walk.hall.get(f"/v1/cases/{walk.case}", params={"lang": "en"}, headers=headers)
    return found


def test_what_is_refused_already_can_t_be_handed_in(door: Hall, walk: Callable[..., Walk]) -> None:
    name = upload(door, infected(picture()))
    assert settled(door, name)["code"] == "file_infected"
    going = walk(RESIDENCE)
    body = {"service": RESIDENCE, "language": "en", "answers": going.answers, "uploads": {MATERIAL: [name]}}
    answer = door.call("POST", "/v1/cases", expect=422, json=body, headers={"Idempotency-Key": f"key-of-{name}"})
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (f"/uploads/{MATERIAL}/0", "file_infected")


def test_a_clean_file_reaches_the_desk_byte_for_byte(
    door: Hall, backstage: Backstage, walk: Callable[..., Walk]
) -> None:
    content = document(pages=3)
    going = walk(RESIDENCE)
    going.uploads = {MATERIAL: [upload(door, content, PDF)]}
    going.submit()
    going.pay()
    going.until("the review", lambda: going.task_state(TASK) == "open")
    (shown,) = at_the_desk(going)
    assert (shown["content_type"], shown["size"]) == (PDF, len(content))
    fetched = httpx2.get(shown["url"], trust_env=False)
    assert fetched.content == content
    assert fetched.headers["content-disposition"].startswith("attachment")
    forged = httpx2.get(shown["url"].replace("Signature=", "Signature=0"), trust_env=False)
    assert error_of(forged) == (403, "SignatureDoesNotMatch")
    assert kept(backstage, going.case) == going.uploads[MATERIAL]


def test_an_infected_file_stops_its_case_until_a_good_one_takes_its_place(
    door: Hall, backstage: Backstage, walk: Callable[..., Walk]
) -> None:
    going = walk(RESIDENCE)
    with resting_scanner(backstage):
        bad = upload(door, infected(picture()))
        going.uploads = {MATERIAL: [bad]}
        going.submit()
        going.pay()
        going.until("the payment", lambda: going.track()["payment"]["state"] == "paid")
        assert going.task_state(TASK) != "open"
        assert kept(backstage, going.case) == []
    going.until_status("awaiting_correction")
    assert kept(backstage, going.case) == []
    assert at_the_desk(going) == ()

    applicant = going.session()
    asked = own(going, applicant)["correction"]
    assert asked["materials"] == [MATERIAL]
    assert [fault["code"] for fault in asked["refused"]] == ["file_infected"]
    good = upload(door, picture())
    correction = {"answers": {}, "uploads": {MATERIAL: [good]}}
    door.call("POST", f"/v1/cases/{going.case}/corrections", expect=200, json=correction, headers=applicant)

    going.until("the review", lambda: going.task_state(TASK) == "open")
    assert [one["upload"] for one in at_the_desk(going)] == kept(backstage, going.case) == [good]
    going.review()
    going.bring_result()
    going.until_status("closed")


def test_a_verdict_that_comes_late_is_waited_for(door: Hall, backstage: Backstage) -> None:
    with resting_scanner(backstage):
        names = [upload(door, picture()), upload(door, infected(picture()))]
        assert [look(door, name)["state"] for name in names] == ["checking", "checking"]
    assert [settled(door, name)["state"] for name in names] == ["clean", "refused"]
