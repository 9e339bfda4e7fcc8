"""The pages' static files: built from what the lock file names, without anything that is for gov.uk alone."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from infra.web import build as pages
from infra.web.build import build
from infra.web.node import BuildFailed

WEIGHTS = {
    "hall.css": 12_000,
    "form.js": 15_500,
    "tracking.js": 8_000,
    "verify.js": 6_000,
}  # bytes over the wire; a page with all its files has 45,000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    room = tmp_path_factory.mktemp("built")
    return room / "static", build(room / "static", room / "manifest.json")


def test_a_files_name_carries_the_hash_of_its_content(built: tuple[Path, dict[str, str]]) -> None:
    static, names = built
    assert json.loads(static.with_name("manifest.json").read_text()) == names
    for name in names.values():
        digest = hashlib.sha256((static / name).read_bytes()).hexdigest()
        assert re.fullmatch(rf"[a-z]+-{digest[:12]}\.[a-z]+", name)


def test_the_style_sheet_asks_for_no_file_and_names_no_font_or_crown_of_others(
    built: tuple[Path, dict[str, str]],
) -> None:
    static, names = built
    css = (static / names["hall.css"]).read_text("utf-8")
    for foreign in ("url(", "GDS Transport", "@font-face", "Calvert", "crest.", "@import"):
        assert foreign not in css, foreign
    assert ".govuk-button{" in css
    assert "--hall-fonts:" in css


def test_whose_work_is_in_the_files_is_told_beside_them(built: tuple[Path, dict[str, str]]) -> None:
    static, names = built
    told = (static / names["notices.txt"]).read_text("utf-8")
    for package in ("govuk-frontend", "@cfworker/json-schema", "idiomorph", "jsqr"):
        assert re.search(rf"^{package} [0-9.]+, licence \S+", told, re.MULTILINE), package
    for name in (name for name in names.values() if name.endswith(".js")):
        assert names["notices.txt"] in (static / name).read_text("utf-8")[:100]


def test_every_component_that_a_template_uses_is_styled(built: tuple[Path, dict[str, str]]) -> None:
    static, names = built
    css = (static / names["hall.css"]).read_text("utf-8")
    for template in (pages.ROOT / "chalicelib/web/templates").glob("*.html"):
        html = template.read_text("utf-8")
        used = {f"govuk-{name}" for name in re.findall(r"govuk_frontend_jinja/components/([a-z-]+)/", html)}
        used |= set(re.findall(r"govuk-(?:[a-z!]+-)*[a-z]+", html))
        missing = {name for name in used if f".{name}".replace("!", "\\!") not in css}
        assert not missing, f"{template.name}: add these to infra/web/styles/_govuk.scss"


def test_a_script_is_one_small_file_with_all_that_it_imports(built: tuple[Path, dict[str, str]]) -> None:
    static, names = built
    for entry in pages.SCRIPTS.glob("*.js"):
        script = (static / names[entry.name]).read_text("utf-8")
        # But for what is fetched by an address of the page's, when it is wanted.
        assert not re.search(r"\bimport\b(?!\(\w+\))|\beval\(|new Function", script), entry.name


def test_what_the_pages_fetch_is_light(built: tuple[Path, dict[str, str]]) -> None:
    static, names = built
    for name, most in WEIGHTS.items():
        assert pages.weight(static / names[name]) <= most, name


def test_building_again_changes_nothing_and_clears_away_what_is_old(
    built: tuple[Path, dict[str, str]],
) -> None:
    static, names = built
    before = (static / names["hall.css"]).stat().st_mtime_ns
    (static / "hall-0123456789ab.css").write_text("old")
    static.with_name("static.built-from").unlink()
    assert build(static, static.with_name("manifest.json")) == names
    assert {path.name for path in static.iterdir()} == set(names.values())
    assert (static / names["hall.css"]).stat().st_mtime_ns == before


def test_a_file_that_was_lost_is_made_again(built: tuple[Path, dict[str, str]]) -> None:
    static, names = built
    (static / names["form.js"]).unlink()
    assert build(static, static.with_name("manifest.json")) == names
    assert (static / names["form.js"]).is_file()


@pytest.mark.parametrize("css", ["a{background:url(/x.png)}", "body{font-family:GDS Transport}", "@font-face{}"])
def test_a_style_sheet_that_brings_files_or_fonts_of_others_is_not_built(css: str) -> None:
    with pytest.raises(BuildFailed):
        pages.refuse_foreign(css)


def test_the_macros_and_the_style_sheet_are_of_one_release() -> None:
    from importlib.metadata import version

    lock = json.loads((pages.ROOT / "package-lock.json").read_text())
    package = lock["packages"]["node_modules/govuk-frontend"]
    assert (version("govuk-frontend-jinja"), package["version"]) == ("4.1.0", "6.3.0")
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package
