"""What every inspector finds in a file, whatever its name says; and that no file can hurt who looks into it."""

from __future__ import annotations

import time
import zlib

import pytest

from chalicelib.adapters.isolated_inspector import IsolatedInspector
from chalicelib.forms.inspection import JPEG, PDF, PNG, WEBP
from chalicelib.ports import Finding, Inspector
from tests.files import EICAR, EXECUTABLES, blank, bomb, document, infected, picture
from tests.halls import PlainInspector

USUAL = (PDF, JPEG, PNG)

GOOD = {
    "a photo": (picture(), JPEG),
    "a photo of two pictures, as some phones take them": (picture("MPO"), JPEG),
    "a screenshot": (picture("PNG"), PNG),
    "a document": (document(3), PDF),
    "a document that forbids printing": (document(owner_password="x"), PDF),
    "a document after a byte order mark": (b"\xef\xbb\xbf" + document(), PDF),
    "a photo with something behind it": (infected(picture()), JPEG),  # as motion photos have it; the scanner's business
    "a document with something behind it": (infected(document()), PDF),
}
BAD = {
    **{f"a program of {system}": (program, "", "file_type_not_accepted") for system, program in EXECUTABLES.items()},
    "a program that has a document in it": (EXECUTABLES["windows"] + document(), "", "file_type_not_accepted"),
    "the test virus": (EICAR, "", "file_type_not_accepted"),
    "a text": ("身份证".encode(), "", "file_type_not_accepted"),
    "a page": (b"<html><script>alert(1)</script></html>", "", "file_type_not_accepted"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "", "file_type_not_accepted"),
    "a picture of a kind that nobody asked for": (picture("WEBP"), WEBP, "file_type_not_accepted"),
    "a moving picture": (picture("GIF"), "", "file_type_not_accepted"),
    "half a photo": (picture()[: len(picture()) // 2], JPEG, "file_unreadable"),
    "half a screenshot": (picture("PNG")[: len(picture("PNG")) // 2], PNG, "file_unreadable"),
    "half a document": (document()[: len(document()) // 2], PDF, "file_unreadable"),
    "the first bytes of a photo": (picture()[:4], JPEG, "file_unreadable"),
    "the first bytes of a screenshot": (picture("PNG")[:8], PNG, "file_unreadable"),
    "the first bytes of a document": (b"%PDF-1.7\n", PDF, "file_unreadable"),
    "a photo whose middle is lost": (
        picture("PNG")[:60] + bytes(40) + picture("PNG")[100:], PNG, "file_unreadable",
    ),
    "a program that begins like a photo": (b"\xff\xd8\xff" + EXECUTABLES["linux"], JPEG, "file_unreadable"),
    "a program that begins like a document": (b"%PDF-1.7\n" + EXECUTABLES["linux"], PDF, "file_unreadable"),
    "a document without pages": (document(0), PDF, "file_unreadable"),
    "a document with a password": (document(password="secret"), PDF, "file_protected"),
    "a picture of billions of pixels": (bomb(), PNG, "file_too_large"),
    "a picture of a hundred million pixels": (bomb(10_000, 10_000), PNG, "file_too_large"),
}  # fmt: skip


@pytest.fixture(params=["plain", "isolated"])
def inspector(request: pytest.FixtureRequest) -> Inspector:
    return PlainInspector() if request.param == "plain" else IsolatedInspector()


@pytest.mark.parametrize(("content", "content_type"), GOOD.values(), ids=GOOD)
def test_a_good_file_is_told_for_what_it_is(inspector: Inspector, content: bytes, content_type: str) -> None:
    assert inspector.inspect(content, USUAL) == Finding(content_type)


@pytest.mark.parametrize(("content", "content_type", "fault"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_file_is_told(inspector: Inspector, content: bytes, content_type: str, fault: str) -> None:
    assert inspector.inspect(content, USUAL) == Finding(content_type, fault)


def test_a_kind_of_file_is_taken_only_where_it_is_accepted(inspector: Inspector) -> None:
    assert inspector.inspect(picture("WEBP"), (WEBP,)) == Finding(WEBP)
    assert inspector.inspect(picture(), (PDF,)) == Finding(JPEG, "file_type_not_accepted")


# --- a process of its own ---


def packed_loop() -> bytes:
    """A document whose tree of pages bites its own tail."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 1/Kids[2 0 R]>>endobj\n"
        b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n"
    )


def inflating_document(size: int = 2**30) -> bytes:
    """A few kilobytes whose table of contents unpacks to a gigabyte."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()
    head = b"%PDF-1.5\n"
    table = b"1 0 obj<</Type/XRef/Size 9/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    return head + table + packed + b"\nendstream endobj\nstartxref\n%d\n%%%%EOF\n" % len(head)


@pytest.mark.parametrize("content", [packed_loop(), inflating_document()], ids=["loop", "gigabyte"])
def test_a_file_made_to_use_up_a_machine_is_unreadable_before_it_has(content: bytes) -> None:
    started = time.monotonic()
    assert IsolatedInspector(seconds=2).inspect(content, USUAL) == Finding(PDF, "file_unreadable")
    assert time.monotonic() - started < 30


def test_who_needs_more_memory_than_there_is_takes_nobody_down() -> None:
    """As many pixels as are taken, in 353 MB: with and without the room for them."""
    large = blank(9_400, 9_400)
    assert IsolatedInspector(memory=200 * 2**20).inspect(large, USUAL) == Finding(PNG, "file_unreadable")
    assert IsolatedInspector().inspect(large, USUAL) == Finding(PNG)


def test_the_process_is_given_none_of_the_hall_s_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is given is its search path alone; the credentials of a Lambda are in its environment."""
    monkeypatch.setenv("PYTHONSTARTUP", "/dev/null")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # a process that was given this would not even start
    assert IsolatedInspector().inspect(picture(), USUAL) == Finding(JPEG)
