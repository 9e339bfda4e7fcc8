"""The step that a case with uploads waits for: each is copied to where the desk reads, or another one asked for."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.commands import RecordFiles
from chalicelib.domain.errors import NotFound
from chalicelib.domain.events import KeptFile, RefusedFile
from chalicelib.ports import VendorTemporary
from chalicelib.usecases.execute import Loaded, execute
from chalicelib.usecases.hall import Hall
from chalicelib.usecases.uploads import MISSING, Looked, each, forget_content, kept_key, look, offered_key

PATIENCE = timedelta(hours=24)  # with the scanner; then a person has to see to it


def check_files(hall: Hall, loaded: Loaded, _subject: str) -> str:
    """Write down what became of every upload of the newest submission, once all of them have been scanned.

    Until then ``waiting``: each verdict sends this step again, and so does the sweep. VendorTemporary: the scanner has
    not spoken for a day, or a file was posted anew after it was looked into.
    """
    case, submissions = loaded.case, loaded.record.submissions
    uploads = submissions[-1].uploads if submissions else {}  # none: they are erased
    before = {file.upload: file for file in case.kept}
    looked = {upload: (material, _look(hall, upload)) for material, _, upload in each(uploads) if upload not in before}
    if any(found.state == "checking" for _, found in looked.values()):
        return _wait(hall, loaded)
    kept = [before[upload] for _, _, upload in each(uploads) if upload in before]
    kept += [_keep(hall, case.number, upload, found) for upload, (_, found) in looked.items() if found.state == "clean"]
    refused = [RefusedFile(material, upload, found.code) for upload, (material, found) in looked.items() if found.code]
    command = RecordFiles(
        at=hall.now(), by="hall", submission=case.submission, kept=tuple(kept), refused=tuple(refused)
    )
    execute(hall, case.number, lambda _: command, loaded=loaded)
    return "done"


def _look(hall: Hall, upload: str) -> Looked:
    """As it stands; a file that has gone since it was handed in is asked for anew."""
    try:
        found = look(hall, upload)
    except NotFound:
        return MISSING
    return MISSING if found.state == "awaited" else found


def _wait(hall: Hall, loaded: Loaded) -> str:
    sent_at = loaded.case.files_sent_at
    if sent_at and hall.now() - sent_at >= PATIENCE:
        raise VendorTemporary("scanner", "no_answer")
    return "waiting"


def _keep(hall: Hall, case: str, upload: str, found: Looked) -> KeptFile:
    """Copy just the content that was looked into and scanned. Doing it twice does no harm."""
    kept = hall.uploads.copy(
        offered_key(upload), kept_key(case, upload), etag=found.etag, content_type=found.content_type
    )
    if not kept:
        forget_content(hall, upload)
        raise VendorTemporary("uploads", "file_changed")
    return KeptFile(upload, found.content_type, found.size)
