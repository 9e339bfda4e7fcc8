"""``python -m infra.web.build``: makes the pages' static files, in ``build/static/``, and the manifest of their names.

``styles/hall.scss`` becomes the one style sheet: GOV.UK Frontend from npm, without its fonts and its crown, which are
for gov.uk alone. Each ``scripts/*.js`` becomes one script with all that it imports. A file's name carries the hash of
its content; ``chalicelib/web/static_manifest.json`` tells the templates that name, and is packed with them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.web.node import LOCK, MODULES, ROOT, BuildFailed, alone, fetch, run
from infra.web.texts import TextsUnfit, compile_texts

STATIC = ROOT / "build/static"
MANIFEST = ROOT / "chalicelib/web/static_manifest.json"
HERE = Path(__file__).parent
STYLES = HERE / "styles"
SCRIPTS = HERE / "scripts"
BUNDLE = HERE / "bundle.mjs"
STYLE_SHEET = "hall.css"
NOTICES = "notices.txt"
TOOLS = frozenset({"esbuild", "sass"})  # they make the files, and are not in them
OLDEST = "es2018"  # of the browsers that know module scripts; others get the plain pages


def build(static: Path = STATIC, manifest: Path = MANIFEST) -> dict[str, str]:
    """Make what is missing; gives plain name → name with hash. Fast when nothing has changed. BuildFailed."""
    with alone():
        fetch()
        return _build(static, manifest)


def _build(static: Path, manifest: Path) -> dict[str, str]:
    done, state = static.with_name(f"{static.name}.built-from"), _state()
    if done.is_file() and done.read_text() == state and (names := _there(static, manifest)):
        return names
    made = _made()
    names = {name: _hashed(name, content) for name, content in made.items()}
    static.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        _write(static / names[name], content)
    _write(manifest, (json.dumps(names, indent=1, sort_keys=True) + "\n").encode())
    for old in static.iterdir():
        if old.name not in names.values():
            old.unlink(missing_ok=True)
    done.write_text(state)
    return names


def _state() -> str:
    """A hash of everything that the files are made from."""
    sources = [LOCK, Path(__file__), BUNDLE, *sorted(STYLES.rglob("*.scss")), *sorted(SCRIPTS.rglob("*.js"))]
    state = hashlib.sha256()
    for source in sources:
        state.update(f"{source.relative_to(ROOT)}\0".encode() + hashlib.sha256(source.read_bytes()).digest())
    return state.hexdigest()


def _there(static: Path, manifest: Path) -> dict[str, str]:
    """The names in the manifest if every file is there, else none."""
    names: dict[str, str] = json.loads(manifest.read_text("utf-8")) if manifest.is_file() else {}
    return names if all((static / name).is_file() for name in names.values()) else {}


def _made() -> Mapping[str, bytes]:
    """The files' content by their plain name."""
    with tempfile.TemporaryDirectory() as room:
        made = Path(room)
        (made / NOTICES).write_text(notices(), "utf-8")
        _style_sheet(made / STYLE_SHEET)
        _scripts(made, banner=f"/* Licences: {_hashed(NOTICES, (made / NOTICES).read_bytes())} */")
        return {path.name: path.read_bytes() for path in sorted(made.iterdir())}


def _style_sheet(to: Path) -> None:
    sass, source = MODULES / "sass/sass.js", STYLES / "hall.scss"
    run(sass, f"--load-path={MODULES}", "--style=compressed", "--no-source-map", "--no-charset", str(source), str(to))
    refuse_foreign(to.read_text("utf-8"))


def refuse_foreign(css: str) -> None:
    """BuildFailed: a style sheet asks for a file, or names a font that is not ours."""
    for foreign in ("GDS Transport", "url(", "@import", "@font-face"):
        if foreign in css:
            raise BuildFailed(f"the style sheet brings {foreign}: see infra/web/styles/_settings.scss")


def notices() -> str:
    """Whose work is in the files, and under which licence: what those ask for in return."""
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"].keys() - TOOLS
    return "\n\n".join(_notice(MODULES / name) for name in sorted(wanted)) + "\n"


def _notice(package: Path) -> str:
    about = json.loads((package / "package.json").read_text("utf-8"))
    author = about.get("author", "")
    by = author.get("name", "") if isinstance(author, dict) else author
    text = "".join(path.read_text("utf-8").strip() for path in sorted(package.glob("LICENSE*")))
    told = f"{about['name']} {about['version']}, licence {about['license']}" + (f", by {by}" if by else "")
    return f"{told}\n{text}".strip()


def _scripts(to: Path, banner: str) -> None:
    entries = [str(path) for path in sorted(SCRIPTS.glob("*.js"))]
    if entries:
        run(BUNDLE, str(to), OLDEST, banner, *entries)


def _hashed(name: str, content: bytes) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"


def _write(path: Path, content: bytes) -> None:
    """Never half a file, and no new time stamp for the same content."""
    if path.is_file() and path.read_bytes() == content:
        return
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(content)
    shutil.move(unfinished, path)


def weight(path: Path) -> int:
    """Bytes over the wire, compressed as CloudFront does it."""
    return len(gzip.compress(path.read_bytes(), 9, mtime=0))


def _lines(names: Mapping[str, str]) -> Iterator[str]:
    for name in names.values():
        yield f"  build/static/{name:<28}{weight(STATIC / name) / 1000:6.1f} KB gzipped"


def main() -> None:
    try:
        compile_texts()
        names = build()
    except (BuildFailed, TextsUnfit) as trouble:
        sys.exit(str(trouble))
    print("\n".join(_lines(names)))


if __name__ == "__main__":
    main()
