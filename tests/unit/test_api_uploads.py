"""Uploads through the API: offered, posted, looked into, scanned, handed in, checked, and seen at the desk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import pytest

from chalicelib.ports import VendorTemporary
from chalicelib.texts import catalogue
from chalicelib.usecases import uploads
from chalicelib.usecases.check_files import PATIENCE
from chalicelib.usecases.perform import perform
from chalicelib.usecases.uploads import CLEAN, INFECTED, LOCKED
from tests.api import LICENCE, LICENCE_ANSWERS, RESIDENCE, RESIDENCE_ANSWERS, Answer, Api, Json, api_over
from tests.files import EICAR, EXECUTABLES, document, infected, picture
from tests.halls import MemoryHall

PROOF = "proof-of-address"
REVIEWED_BY = "public-security"
PDF, JPEG = "application/pdf", "image/jpeg"


@pytest.fixture
def api() -> Iterator[Api]:
    """A hall whose uploads are scanned."""
    hall = MemoryHall()
    hall.scans_uploads = True
    with api_over(hall) as api:
        yield api


def scan(api: Api, upload: str, verdict: str = CLEAN) -> None:
    """The scanner has looked at what lies there now."""
    stored = api.hall.uploads.read(uploads.offered_key(upload), most=0)
    assert stored is not None
    uploads.record_scan(api.hall, upload, verdict, stored.etag)


def look(api: Api, upload: str, language: str = "en") -> Json:
    answer = api.get(f"/v1/uploads/{upload}?lang={language}")
    assert answer.status == 200
    found: Json = answer.json
    return found


def proof(api: Api, content: bytes = b"", content_type: str = JPEG) -> str:
    return api.uploaded(RESIDENCE, PROOF, content or picture(), content_type)


def hand_in(api: Api, *ids: str, key: str = "key-00000001") -> Answer:
    answer = api.submit(RESIDENCE, RESIDENCE_ANSWERS, key, uploads={PROOF: list(ids)})
    api.hall.drain()
    return answer


def seen(api: Api, case: Json) -> Sequence[Json]:
    shown = api.get(f"/v1/desk/cases/{case['case']}", api.reviewer(REVIEWED_BY))
    files: Sequence[Json] = shown.json["uploads"].get(PROOF, ())
    return files


# --- how an upload stands ---


def test_an_upload_is_awaited_then_checked_then_clean(api: Api) -> None:
    wanted = {"service": RESIDENCE, "material": PROOF, "filename": "a.jpg", "content_type": JPEG, "size": 5000}
    offer = api.post("/v1/uploads", wanted).json
    nothing = {"upload": offer["upload"], "state": "awaited", "code": "", "message": "", "content_type": "", "size": 0}
    assert look(api, offer["upload"]) == nothing
    api.hall.uploads.receive(offer["post"]["fields"], picture())
    there = {"content_type": JPEG, "size": len(picture())}
    assert look(api, offer["upload"]) == {**nothing, **there, "state": "checking"}
    scan(api, offer["upload"])
    assert look(api, offer["upload"]) == {**nothing, **there, "state": "clean"}


def test_a_hall_without_a_scanner_waits_for_none(api: Api) -> None:
    api.hall.scans_uploads = False
    assert look(api, proof(api))["state"] == "clean"


@pytest.mark.parametrize("fact", ["content", "case"])
def test_no_fact_of_an_upload_is_an_upload(api: Api, fact: str) -> None:
    upload = proof(api)
    assert hand_in(api, upload).status == 201
    assert api.get(f"/v1/uploads/{upload}%23{fact}").code == "unknown_upload"
    again = hand_in(api, f"{upload}#{fact}", key="key-00000002")
    assert again.faults == {f"/uploads/{PROOF}/0": "unknown_upload"}


@pytest.mark.parametrize("upload", ["made-up", "x" * 24, "x" * 3000, "%23", "a%2Fb", "..", "张三"])
def test_an_upload_that_was_never_offered_is_not_there(api: Api, upload: str) -> None:
    answer = api.get(f"/v1/uploads/{upload}")
    assert (answer.status, answer.code) == (404, "unknown_upload")


def test_a_file_is_opened_once_and_read_no_further_than_its_material_allows(api: Api) -> None:
    upload = proof(api)
    assert look(api, upload)["state"] == "checking"
    api.hall.uploads.delete(uploads.offered_key(upload))
    assert look(api, upload)["state"] == "checking"


REFUSED: Mapping[str, tuple[bytes, str]] = {
    "file_empty": (b"", PDF),
    "file_too_large": (b"\xff\xd8\xff" + bytes(20 * 2**20), JPEG),
    "file_type_not_accepted": (EXECUTABLES["windows"], JPEG),
    "file_unreadable": (picture()[:200], JPEG),
    "file_protected": (document(password="secret"), PDF),
    "file_infected": (infected(document()), PDF),
}


@pytest.mark.parametrize("code", REFUSED)
def test_each_thing_that_can_be_wrong_has_its_own_sentence_that_says_what_to_do(api: Api, code: str) -> None:
    content, _ = REFUSED[code]
    offer = uploads.offer_form(api.hall, RESIDENCE, PROOF, "https://hall.example/arrived")
    api.hall.uploads.receive(offer.fields, content)
    scan(api, offer.upload, INFECTED if EICAR in content else CLEAN)
    for language in ("en", "zh-CN"):
        told = look(api, offer.upload, language)
        assert (told["state"], told["code"], told["size"]) == ("refused", code, len(content))
        others = {text for name, text in catalogue(language).items() if name != f"error.{code}"}
        assert told["message"] not in others
    refused = hand_in(api, offer.upload)
    assert refused.faults == {f"/uploads/{PROOF}/0": code}


def test_what_the_plain_form_posts_is_told_for_what_it_is(api: Api) -> None:
    offer = uploads.offer_form(api.hall, RESIDENCE, PROOF, "https://hall.example/arrived")
    assert offer.fields["Content-Type"] == "application/octet-stream"
    assert offer.fields["success_action_redirect"] == "https://hall.example/arrived"
    api.hall.uploads.receive(offer.fields, document())
    assert look(api, offer.upload)["content_type"] == PDF


def test_a_file_counts_for_what_it_is_whatever_it_calls_itself(api: Api) -> None:
    assert look(api, proof(api, picture("PNG"), JPEG))["content_type"] == "image/png"


def test_a_document_that_the_scanner_can_not_open_is_locked(api: Api) -> None:
    upload = proof(api, document(owner_password="x"), PDF)
    scan(api, upload, LOCKED)
    assert look(api, upload)["code"] == "file_protected"


def test_a_verdict_is_about_the_content_that_was_scanned(api: Api) -> None:
    offer = uploads.offer_form(api.hall, RESIDENCE, PROOF, "https://hall.example/arrived")
    api.hall.uploads.receive(offer.fields, picture())
    scan(api, offer.upload)
    api.hall.uploads.receive(offer.fields, document())
    assert look(api, offer.upload)["state"] == "checking"


# --- handing in ---


def test_a_file_that_never_arrived_is_refused(api: Api) -> None:
    wanted = {"service": RESIDENCE, "material": PROOF, "filename": "a.jpg", "content_type": JPEG, "size": 5000}
    upload = api.post("/v1/uploads", wanted).json["upload"]
    assert hand_in(api, upload).faults == {f"/uploads/{PROOF}/0": "file_missing"}


def test_the_same_file_twice_is_refused(api: Api) -> None:
    upload = proof(api)
    assert hand_in(api, upload, upload).faults == {f"/uploads/{PROOF}/1": "upload_listed_twice"}


def test_a_file_belongs_to_the_first_case_that_was_given_it(api: Api) -> None:
    upload, other = proof(api), proof(api)
    assert hand_in(api, upload).status == 201
    again = hand_in(api, other, upload, key="key-00000002")
    assert again.faults == {f"/uploads/{PROOF}/1": "upload_taken"}
    assert hand_in(api, other, key="key-00000002").status == 201


def test_the_same_request_again_is_the_same_case_whatever_became_of_its_files(api: Api) -> None:
    upload = proof(api)
    case = hand_in(api, upload).json
    for change in (None, INFECTED):
        if change:
            scan(api, upload, change)
        again = hand_in(api, upload)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json["case"] == case["case"]


def test_an_upload_of_another_service_is_refused(api: Api) -> None:
    upload = api.uploaded(LICENCE, "old-licence", picture())
    assert hand_in(api, upload).faults == {f"/uploads/{PROOF}/0": "unknown_upload"}


# --- what becomes of them ---


def test_a_case_goes_on_when_its_files_are_clean_and_the_desk_sees_them(api: Api) -> None:
    first, second = proof(api), proof(api, document(), PDF)
    case = hand_in(api, first, second).json
    api.pay(case)
    scan(api, first)
    api.hall.drain()
    assert (api.track(case)["tasks"][0]["state"], seen(api, case)) == ("ahead", ())
    scan(api, second)
    api.hall.drain()  # the verdict itself has sent the step again
    assert api.track(case)["tasks"][0]["state"] == "open"
    files = seen(api, case)
    assert [(file["upload"], file["content_type"], file["size"]) for file in files] == [
        (first, JPEG, len(picture())),
        (second, PDF, len(document())),
    ]
    for file, name in zip(files, (f"{PROOF}-1.jpg", f"{PROOF}-2.pdf"), strict=True):
        assert f"/kept/{case['case']}/{file['upload']}?" in file["url"]
        assert file["url"].endswith(f"filename={name}")
        assert "expires_in=300" in file["url"]
    kept = api.hall.uploads.stored[f"kept/{case['case']}/{second}"]
    assert (kept.content, kept.content_type) == (document(), PDF)


def test_files_are_nobody_s_business_but_the_reviewing_department_s(api: Api) -> None:
    case = hand_in(api, upload := proof(api)).json
    scan(api, upload)
    api.pay(case)
    for token in (api.clerk, api.supervisor, api.staff("auditor-1", "role:auditor")):
        shown = api.get(f"/v1/desk/cases/{case['case']}", token).json
        assert shown["uploads"] == {}
        assert upload not in str(shown)


def test_an_infected_file_is_asked_for_anew_and_the_case_goes_on_with_the_next_one(api: Api) -> None:
    good, bad = proof(api), proof(api, infected(document()), PDF)
    case = hand_in(api, good, bad).json
    api.pay(case)
    scan(api, good)
    scan(api, bad, INFECTED)
    api.hall.drain()

    tracked = api.track(case)
    assert (tracked["status"], tracked["actions"][0]) == ("awaiting_correction", "correct")
    assert tracked["promise"]["state"] == "standing"
    assert "重新上传" in api.hall.notifier.messages[-1].text
    token = api.session(case)
    asked = api.get(f"/v1/cases/{case['case']}?lang=zh-CN", token).json["correction"]
    assert (asked["task"], asked["pointers"], asked["materials"]) == ("", [], [PROOF])
    assert re.fullmatch("[^：]*证明[^：]*：在此文件中发现病毒.*", asked["reason"])
    assert [(fault["pointer"], fault["code"]) for fault in asked["refused"]] == [
        (f"/uploads/{PROOF}/1", "file_infected")
    ]
    assert bad not in str(api.get(f"/v1/desk/cases/{case['case']}", api.reviewer(REVIEWED_BY)).json)
    assert f"kept/{case['case']}/{bad}" not in api.hall.uploads.stored

    path = f"/v1/cases/{case['case']}/corrections"
    for body, code in (
        ({"answers": {"/purpose": "visa"}}, "field_not_asked"),
        ({"uploads": {PROOF: [good, bad]}}, "invalid_answers"),
        ({"uploads": {}}, "file_missing"),
    ):
        assert api.post(path, body, token).code == code
    another = proof(api, document(2), PDF)
    assert api.post(path, {"uploads": {PROOF: [good, another]}}, token).status == 200
    api.hall.drain()
    assert api.track(case)["tasks"][0]["state"] == "ahead"
    scan(api, another)
    api.hall.drain()
    assert api.track(case)["tasks"][0]["state"] == "open"
    assert [file["upload"] for file in seen(api, case)] == [good, another]
    assert api.decide(case, "verify-residence", REVIEWED_BY).status == 200


def test_a_material_that_is_not_needed_can_be_left_out_when_its_file_was_refused(api: Api) -> None:
    case = hand_in(api, upload := proof(api)).json
    scan(api, upload, INFECTED)
    api.pay(case)
    token = api.session(case)
    assert api.post(f"/v1/cases/{case['case']}/corrections", {"uploads": {PROOF: []}}, token).status == 200
    api.hall.drain()
    assert (api.track(case)["tasks"][0]["state"], seen(api, case)) == ("open", ())


def test_a_material_that_is_needed_can_not_be_left_out_when_its_file_was_refused(api: Api) -> None:
    upload = api.uploaded(LICENCE, "old-licence", picture())
    case = api.opened(LICENCE, uploads={"old-licence": [upload]})
    scan(api, upload, INFECTED)
    api.hall.drain()
    path = f"/v1/cases/{case['case']}/corrections"
    refused = api.post(path, {"uploads": {"old-licence": []}}, api.session(case))
    assert refused.faults == {"/uploads/old-licence": "file_missing"}


def test_a_file_that_vanished_after_it_was_handed_in_is_asked_for_anew(api: Api) -> None:
    case = hand_in(api, upload := proof(api)).json
    api.hall.uploads.delete(uploads.offered_key(upload))
    uploads.forget_content(api.hall, upload)
    api.hall.drain()
    perform(api.hall, case["case"], "check_files", "1")
    api.hall.drain()
    refused = api.get(f"/v1/cases/{case['case']}", api.session(case)).json["correction"]["refused"]
    assert [fault["code"] for fault in refused] == ["file_missing"]


def test_a_file_that_was_exchanged_after_its_scan_is_looked_into_and_scanned_again(api: Api) -> None:
    offer = uploads.offer_form(api.hall, RESIDENCE, PROOF, "https://hall.example/arrived")
    api.hall.uploads.receive(offer.fields, picture())
    case = hand_in(api, offer.upload).json
    etag = uploads.look(api.hall, offer.upload).etag
    api.hall.uploads.receive(offer.fields, infected(picture()))
    uploads.record_scan(api.hall, offer.upload, CLEAN, etag)
    with pytest.raises(VendorTemporary, match="file_changed"):
        perform(api.hall, case["case"], "check_files", "1")
    assert not [key for key in api.hall.uploads.stored if key.startswith("kept/")]
    assert perform(api.hall, case["case"], "check_files", "1") == "waiting"
    scan(api, offer.upload, INFECTED)
    api.pay(case)
    assert api.track(case)["status"] == "awaiting_correction"


def test_a_scanner_that_does_not_speak_for_a_day_becomes_a_person_s_business(api: Api) -> None:
    case = hand_in(api, proof(api)).json
    assert perform(api.hall, case["case"], "check_files", "1") == "waiting"
    api.hall.clock.advance(PATIENCE - timedelta(minutes=1))
    assert perform(api.hall, case["case"], "check_files", "1") == "waiting"
    api.hall.clock.advance(timedelta(minutes=2))
    with pytest.raises(VendorTemporary, match="no_answer"):
        perform(api.hall, case["case"], "check_files", "1")


def test_a_verdict_on_a_file_that_nobody_has_handed_in_yet_wakes_nobody(api: Api) -> None:
    upload = proof(api)
    scan(api, upload)
    assert api.hall.steps.take() == []
    assert hand_in(api, upload).status == 201
    assert uploads.look(api.hall, upload).state == "clean"


def test_the_log_names_files_by_their_ids_alone(api: Api) -> None:
    case = hand_in(api, upload := proof(api)).json
    scan(api, upload)
    api.hall.drain()
    shown = api.get(f"/v1/desk/cases/{case['case']}", api.supervisor).json
    checked = next(event for commit in shown["log"] for event in commit["events"] if event["type"] == "FilesChecked")
    assert checked == {"type": "FilesChecked", "submission": 1, "refused": []}


def test_a_person_who_is_erased_keeps_no_case_waiting(api: Api) -> None:
    case = api.submit(
        LICENCE, LICENCE_ANSWERS, uploads={"old-licence": [api.uploaded(LICENCE, "old-licence", picture())]}
    )
    api.hall.log.erase(case.json["case"])
    assert perform(api.hall, case.json["case"], "check_files", "1") == "done"
