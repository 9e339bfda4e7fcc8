"""``python -m infra.web.texts``: compiles the pages' texts, ``locales/<language>/<area>.po`` → ``<language>/pages.mo``.

The texts are monolingual gettext: ``msgid`` is our key, ``msgstr`` the text. What the language's dates, numbers and
money look like is added from CLDR, unless an area says otherwise. The pages read the compiled files by the standard
library's gettext, so that no Lambda parses anything.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from chalicelib.web.words import COMPILED
from infra.web.cldr import FormUnknown, forms

ROOM = Path(__file__).resolve().parents[2] / "chalicelib/web/locales"
_KEYS = re.compile(rb'^msgid "(.*)"', re.MULTILINE)
HALL = "hall"  # the area of the hall's own texts, for a language that the API does not speak; others have precedence
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # equal texts give equal bytes


class TextsUnfit(Exception):
    """A file of texts can't be compiled; the text says which one, and why."""


def compile_texts(room: Path = ROOM) -> list[Path]:
    """Compile every language whose texts have changed; gives the compiled files. TextsUnfit."""
    return [_compile(folder) for folder in sorted(room.iterdir()) if folder.is_dir()]


def read_area(path: Path) -> Catalog:
    """One file of texts, whose language is its folder's. TextsUnfit."""
    try:
        content = path.read_bytes()
        area = read_po(BytesIO(content), abort_invalid=True)
    except (PoFileError, ValueError) as trouble:
        raise TextsUnfit(f"{path}: {trouble}") from trouble
    told = [name.decode() for name in _KEYS.findall(content)]
    if len(told) > len(set(told)):
        raise TextsUnfit(f"{path}: twice in it: {', '.join(sorted({name for name in told if told.count(name) > 1}))}")
    if area.locale_identifier != identifier(path.parent.name):
        raise TextsUnfit(f"{path}: the header does not say Language: {path.parent.name}")
    return area


def identifier(language: str) -> str:
    """zh-Hant → zh_Hant, as Babel writes it."""
    return language.replace("-", "_")


def entries(catalog: Catalog) -> dict[str, Message]:
    """Key → entry, those without a text too."""
    return {key(message): message for message in catalog if message.id}


def key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _compile(folder: Path) -> Path:
    """All areas of a language, and its forms, in one file."""
    together = Catalog(creation_date=NO_TIME, revision_date=NO_TIME)
    for name, form in _forms(folder).items():
        together.add(name, form)
    home: dict[str, Path] = {}
    for path in sorted(folder.glob("*.po"), key=lambda path: (path.stem != HALL, path.stem)):
        area = read_area(path)
        together.mime_headers = [("Language", folder.name), ("Plural-Forms", area.plural_forms)]
        for name, message in entries(area).items():
            if name in home and home[name].stem != HALL:
                raise TextsUnfit(f"{path}: {name} is in {home[name].name} as well")
            home[name] = path
            together.delete(name)
            together[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, together)
    return _written(folder / COMPILED, compiled.getvalue())


def _forms(folder: Path) -> dict[str, str]:
    try:
        return forms(folder.name)
    except FormUnknown as trouble:
        raise TextsUnfit(f"{folder}: {trouble}") from trouble


def _written(path: Path, content: bytes) -> Path:
    """Never half a file, and no new time stamp for the same content."""
    if not (path.is_file() and path.read_bytes() == content):
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as unfinished:
            unfinished.write(content)
        Path(unfinished.name).chmod(0o644)
        os.replace(unfinished.name, path)  # noqa: PTH105
    return path


def main() -> None:
    try:
        compile_texts()
    except TextsUnfit as trouble:
        sys.exit(str(trouble))


if __name__ == "__main__":
    main()
