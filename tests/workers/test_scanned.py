"""The scanned handler: what a scanner tells of an upload is taken down, once or often, in any order."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.usecases.uploads import ANY_TYPE, Looked, look, offer_form
from chalicelib.workers.scanned import KIND, NotScanned, scanned
from infra.local.scanner import Verdict, event
from tests.api import RESIDENCE
from tests.files import picture
from tests.halls import MemoryHall

MATERIAL = "proof-of-address"
CLEAN, INFECTED, UNSUPPORTED = "NO_THREATS_FOUND", "THREATS_FOUND", "UNSUPPORTED"


@pytest.fixture
def hall() -> MemoryHall:
    hall = MemoryHall()
    hall.scans_uploads = True
    return hall


def an_upload(hall: MemoryHall, content: bytes = b"") -> str:
    """One whose file has arrived."""
    offer = offer_form(hall, RESIDENCE, MATERIAL, "https://hall.example/back")
    hall.uploads.receive({**offer.fields, "Content-Type": ANY_TYPE}, content or picture())
    return offer.upload


def result_of(hall: MemoryHall, upload: str, result: str, **changes: Any) -> dict[str, Any]:
    """The event, of the content that is stored now."""
    stored = hall.uploads.read(f"offered/{upload}", most=0)
    assert stored
    detail = event(hall.uploads_bucket, f"offered/{upload}", stored.etag, Verdict(result))
    detail["s3ObjectDetails"] |= changes
    return {"id": "event-1", "source": "aws.guardduty", "detail-type": KIND, "detail": detail}


def tell(hall: MemoryHall, told: dict[str, Any]) -> None:
    with wiring.standing_in(hall):
        scanned(told, None)


def state(hall: MemoryHall, upload: str) -> tuple[str, str]:
    found: Looked = look(hall, upload)
    return found.state, found.code


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (CLEAN, ("clean", "")),
        (INFECTED, ("refused", "file_infected")),
        (UNSUPPORTED, ("refused", "file_protected")),
    ],
)
def test_a_result_says_how_the_upload_stands(hall: MemoryHall, result: str, expected: tuple[str, str]) -> None:
    upload = an_upload(hall)
    assert state(hall, upload) == ("checking", "")
    for _ in range(2):
        tell(hall, result_of(hall, upload, result))
        assert state(hall, upload) == expected


def test_a_result_may_come_before_anybody_has_looked(hall: MemoryHall) -> None:
    upload = an_upload(hall)
    tell(hall, result_of(hall, upload, CLEAN))
    assert state(hall, upload) == ("clean", "")


def test_a_late_result_of_a_file_that_was_replaced_does_not_count_for_the_new_one(hall: MemoryHall) -> None:
    upload = an_upload(hall)
    late = result_of(hall, upload, CLEAN)
    offered = {"key": f"offered/{upload}", "Content-Type": ANY_TYPE, "policy": "content-length-range,0,99999;1"}
    hall.uploads.receive(offered, picture(width=32))
    tell(hall, late)
    assert state(hall, upload) == ("checking", "")
    tell(hall, result_of(hall, upload, INFECTED))
    tell(hall, late)
    assert state(hall, upload) == ("refused", "file_infected")


def test_an_entity_tag_counts_with_or_without_its_quotes(hall: MemoryHall) -> None:
    upload = an_upload(hall)
    told = result_of(hall, upload, CLEAN)
    thing = told["detail"]["s3ObjectDetails"]
    thing["eTag"] = f'"{thing["eTag"]}"'
    tell(hall, told)
    assert state(hall, upload) == ("clean", "")


@pytest.mark.parametrize("result", ["ACCESS_DENIED", "FAILED", "SOMETHING_NEW"])
def test_a_scan_that_did_not_work_comes_again_and_clears_nobody(hall: MemoryHall, result: str) -> None:
    upload = an_upload(hall)
    with pytest.raises(NotScanned):
        tell(hall, result_of(hall, upload, result))
    assert state(hall, upload) == ("checking", "")


@pytest.mark.parametrize("changes", [{"bucketName": "somebody-elses"}, {"objectKey": "kept/case/one"}])
def test_what_is_not_about_an_upload_of_this_hall_changes_nothing(hall: MemoryHall, changes: dict[str, str]) -> None:
    upload = an_upload(hall)
    tell(hall, result_of(hall, upload, CLEAN, **changes))
    assert state(hall, upload) == ("checking", "")


@pytest.mark.parametrize("told", [{}, {"detail-type": KIND}, {"detail-type": KIND, "detail": None}, {"Records": []}])
def test_what_is_no_result_at_all_is_left_alone(hall: MemoryHall, told: dict[str, Any]) -> None:
    tell(hall, told)


def test_an_event_of_another_kind_clears_nobody(hall: MemoryHall) -> None:
    upload = an_upload(hall)
    told = result_of(hall, upload, CLEAN) | {"detail-type": "GuardDuty Malware Protection Post Scan Action Failed"}
    tell(hall, told)
    assert state(hall, upload) == ("checking", "")
