"""The archives: whole, compiled, lean, and able to run where there is nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.aws.package import AWS_SERVICES, package
from tests.files import document, picture
from tests.packaging.conftest import Packed

HANDLERS = {
    "APIHandler": "app.app",
    "Relay": "chalicelib.workers.relay.relay",
    "Perform": "chalicelib.workers.perform.perform",
    "Sweep": "chalicelib.workers.sweep.sweep",
    "Scanned": "chalicelib.workers.scanned.scanned",
    "Reconcile": "chalicelib.workers.reconcile.reconcile",
}
HEAVY = (
    "PIL",
    "boto3",
    "cryptography",
    "holidays",
    "jsonschema",
    "jwt",
    "pynamodb",
    "pypdfium2",
    "qrcode",
    "referencing",
    "stripe",
    "typst",
)
NEEDED = (
    "boto3", "cryptography.hazmat.primitives.asymmetric.ec", "govuk_frontend_jinja.templates", "holidays", "jinja2",
    "jsonschema", "jwt", "PIL.Image", "pynamodb.models", "pypdfium2", "qrcode.image.svg", "standardwebhooks", "stripe",
    "urllib3",
)  # fmt: skip
UNCHECKED_HASH = 1  # PEP 552: the flags of byte code that is trusted without a look at its source
MEGABYTE = 1_000_000


def run(*paths: Path, code: str) -> str:
    """Run code where there is nothing but the standard library and these directories; gives what it prints."""
    prelude = f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", prelude + code],
        capture_output=True, text=True, check=False, env={"AWS_DEFAULT_REGION": "cn-north-1", "PATH": os.defpath},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what is in them ---------------------------------------------------------------------------------------------


def test_the_services_are_in_the_package_as_files(packed: Packed, unpacked: Path) -> None:
    published = [
        path for path in (packed.project / "forms_schemas").rglob("*") if path.is_file() and path.suffix != ".pyc"
    ]
    missing = [path for path in published if not (unpacked / path.relative_to(packed.project)).is_file()]
    assert published
    assert missing == []


def test_every_module_is_compiled_and_trusted_without_a_look_at_its_source(unpacked: Path) -> None:
    sources = [*unpacked.rglob("*.py")]
    headers = {}
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source)))
        headers[source] = compiled.read_bytes()[:8] if compiled.is_file() else b""
    wanted = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little")
    assert len(sources) > 1000
    assert [str(source) for source, header in headers.items() if header != wanted] == []


def test_the_byte_code_names_no_path_of_the_machine_that_packed_it(unpacked: Path, layer: Path) -> None:
    compiled = [*unpacked.rglob("*.pyc"), *layer.rglob("*.pyc")]
    assert [str(path) for path in compiled if b"/doorstep-pack" in path.read_bytes()] == []


def test_the_typesetter_and_its_font_are_in_the_layer_alone(unpacked: Path, layer: Path) -> None:
    assert not [*unpacked.rglob("*typst*.so"), *unpacked.rglob("*.otf")]
    assert [path.name for path in layer.rglob("*.so")] == ["_typst.abi3.so"]
    assert [path.name for path in layer.rglob("*.otf")] == ["NotoSansCJKtc-Regular.otf"]


def test_what_only_packs_is_not_packed(unpacked: Path) -> None:
    present = {path.name for path in unpacked.iterdir()}
    assert not present & {"pip", "setuptools", "wheel", "click", "inquirer", "yaml", "tests", "bin", "cffi"}
    assert {path.name for path in (unpacked / "chalice").glob("*.py")} == {"__init__.py", "app.py"}


def test_the_package_is_small_enough_to_start_quickly(packed: Packed) -> None:
    with zipfile.ZipFile(packed.directory / "deployment.zip") as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    assert (packed.directory / "deployment.zip").stat().st_size < 40 * MEGABYTE
    assert unpacked < 100 * MEGABYTE


def test_package_and_layer_together_fit_into_a_lambda(packed: Packed) -> None:
    """AWS: 250 MB (262,144,000 bytes) unzipped, with all layers."""
    sizes = []
    for name in ("deployment.zip", "certificates.zip"):
        with zipfile.ZipFile(packed.directory / name) as archive:
            sizes += [entry.file_size for entry in archive.infolist()]
    assert sum(sizes) < 262_144_000


def test_no_file_is_in_an_archive_twice(packed: Packed) -> None:
    for name in ("deployment.zip", "certificates.zip"):
        with zipfile.ZipFile(packed.directory / name) as archive:
            names = archive.namelist()
        assert len(names) == len(set(names))


# --- whether they run --------------------------------------------------------------------------------------------


def test_the_template_names_the_handlers_that_chalice_found(packed: Packed) -> None:
    assert {name: function["Handler"] for name, function in packed.functions().items()} == HANDLERS


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_a_handler_is_found_with_nothing_but_the_package(unpacked: Path, handler: str) -> None:
    module, _ = handler.rsplit(".", 1)
    run(unpacked, code=f"import {module}; assert callable({handler})")


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_importing_a_handler_imports_nothing_heavy(unpacked: Path, handler: str) -> None:
    module = handler.rsplit(".", 1)[0]
    loaded = json.loads(run(unpacked, code=f"import {module}, json; print(json.dumps(sorted(sys.modules)))"))
    assert sorted(set(HEAVY) & set(loaded)) == []


def test_every_library_that_the_functions_need_is_there(unpacked: Path) -> None:
    run(unpacked, code="\n".join(f"import {module}" for module in NEEDED))


def test_the_package_brings_the_api_of_every_aws_service_that_it_uses(unpacked: Path) -> None:
    run(unpacked, code=f"import boto3\nfor name in {sorted(AWS_SERVICES)!r}: boto3.client(name)")


def test_the_code_uses_no_other_aws_service(packed: Packed) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (packed.project / "chalicelib").rglob("*.py")]
    called = {
        name for source in sources for name in re.findall(r"""(?:client|resource)\(\s*["']([a-z0-9-]+)["']""", source)
    }
    assert called <= AWS_SERVICES


def test_the_texts_of_the_pages_go_compiled_and_speak_every_language_without_babel(unpacked: Path) -> None:
    assert not [*unpacked.rglob("*.po"), *unpacked.glob("babel*")]
    code = """
from chalicelib.web import words
for code in words.languages():
    print(words.say("form.continue", code), words.day("2026-11-23", code), sep=", ")
"""
    assert run(unpacked, code=code).splitlines() == [
        "继续, 2026年11月23日星期一",
        "Continue, Monday, 23 November 2026",
        "繼續, 2026年11月23日 星期一",
    ]


def test_uploads_are_looked_into_with_nothing_but_the_package(unpacked: Path) -> None:
    code = f"""
from chalicelib.adapters.isolated_inspector import IsolatedInspector
accepts = ("application/pdf", "image/jpeg", "image/png", "image/webp")
for content in {[picture(), picture("PNG"), picture("WEBP"), document(), document(password="x")]!r}:
    found = IsolatedInspector().inspect(content, accepts)
    print(found.content_type, found.fault)
"""
    assert run(unpacked, code=code).splitlines() == [
        "image/jpeg ", "image/png ", "image/webp ", "application/pdf ", "application/pdf file_protected",
    ]  # fmt: skip


def test_the_services_are_readable_as_package_data(unpacked: Path) -> None:
    code = "from importlib.resources import files; print(files('forms_schemas').joinpath('__init__.py').is_file())"
    assert run(unpacked, code=code).strip() == "True"


def test_perform_sets_a_rare_name_with_the_layer_s_font(unpacked: Path, layer: Path) -> None:
    code = """
import pathlib, cvttf_NotoSansCJK_Regular, typst
fonts = str(pathlib.Path(cvttf_NotoSansCJK_Regular.__file__).parent)
source = b'#set text(font: "Noto Sans CJK TC", fallback: false)\\n\\xe9\\xbe\\x98 \\xe3\\x90\\x82'
pdf = typst.compile(source, font_paths=[fonts], ignore_system_fonts=True)
print(pdf[:5] == b"%PDF-", b"NotoSansCJK" in pdf)  # without the font Typst would draw boxes, and say nothing
"""
    assert run(layer / "python", unpacked, code=code).split() == ["True", "True"]


# --- packing again -----------------------------------------------------------------------------------------------


def test_nothing_is_packed_again_while_nothing_changes(packed: Packed) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in packed.directory.iterdir()}
    package("prod", packed.architecture, packed.build, packed.project)
    assert {path.name: path.stat().st_mtime_ns for path in packed.directory.iterdir()} == before


def test_the_same_sources_make_the_same_bytes(packed: Packed) -> None:
    archive = packed.directory / "deployment.zip"
    before = archive.read_bytes()
    (packed.directory / "fingerprint").unlink()
    package("prod", packed.architecture, packed.build, packed.project)
    assert archive.read_bytes() == before


def test_a_changed_source_is_packed(packed: Packed, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(packed.project, project, symlinks=True)
    shutil.copytree(packed.build, tmp_path / "build")
    with (project / "chalicelib/__init__.py").open("a") as source:
        source.write("PACKED_AGAIN = True\n")
    directory = package("prod", packed.architecture, tmp_path / "build", project)
    with zipfile.ZipFile(directory / "deployment.zip") as archive:
        assert archive.read("chalicelib/__init__.py").endswith(b"PACKED_AGAIN = True\n")
