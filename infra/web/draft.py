"""``python -m infra.web.draft LANGUAGE``: begins a language of the pages, or adds to it what came up since.

Each text that the language lacks is written to the end of its area's file with the text to translate above it; what is
there stays as it is. With ``--opencc s2twp`` Chinese is converted on the way and marked fuzzy: such a text is not used
until somebody has read it and taken the mark away. A language that the API does not speak has one area more, ``hall``,
for the hall's own texts that pages show.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.plurals import get_plural
from babel.messages.pofile import write_po

from chalicelib import texts
from infra.web.texts import HALL, ROOM, TextsUnfit, entries, identifier, read_area

SHOWN = ("status.", "timeline.", "notice.", "trouble.", "why.", "error.")  # the hall's texts that pages show

Convert = Callable[[str], str]


def draft(language: str, room: Path = ROOM, convert: Convert | None = None) -> dict[Path, int]:
    """Write what is missing; gives how many texts each file lacked. TextsUnfit."""
    near = texts.fallbacks(language)[1]
    folder = room / language
    folder.mkdir(exist_ok=True)
    return {
        folder / f"{area}.po": _append(folder / f"{area}.po", wanted, near, convert)
        for area, wanted in _areas(language, near, room)
    }


def _areas(language: str, near: str, room: Path) -> Iterator[tuple[str, Mapping[str, Message]]]:
    """Each area with its entries in the language to translate from."""
    pages: set[str] = set()
    for path in sorted((room / near).glob("*.po")):
        wanted = entries(read_area(path))
        pages |= wanted.keys()
        yield path.stem, wanted
    if language not in texts.languages():
        told = texts.catalogue(near)
        own = {key: Message(key, text) for key, text in told.items() if key.startswith(SHOWN) and key not in pages}
        yield HALL, own


def _append(path: Path, wanted: Mapping[str, Message], near: str, convert: Convert | None) -> int:
    language = path.parent.name
    if not path.is_file():
        path.write_text(_header(language), "utf-8")
    there = entries(read_area(path))
    missing = Catalog(locale=identifier(language))
    for key, message in wanted.items():
        if key not in there:
            _add(missing, message, near, convert)
    if len(missing):
        written = BytesIO()
        write_po(written, missing, width=0, omit_header=True)
        with path.open("ab") as file:
            file.write(b"\n" + written.getvalue().rstrip(b"\n") + b"\n")
    return len(missing)


def _add(missing: Catalog, message: Message, near: str, convert: Convert | None) -> None:
    """The entry with its forms empty, or converted; the text to translate stands above it."""
    text = source(message)
    drafted = convert(text) if convert else ""
    plural = not isinstance(message.id, str)
    missing.add(
        message.id,
        (drafted,) * missing.num_plurals if plural else drafted,
        flags=["fuzzy"] if convert else [],
        auto_comments=[_told(near, text)],
    )


def source(message: Message) -> str:
    """What is translated: the text, or the last of its plural forms, whose words do for every form."""
    return message.string if isinstance(message.string, str) else (message.string or ("",))[-1]


def _told(near: str, text: str) -> str:
    return f"{near}: {text}"


def outdated(language: str, room: Path = ROOM) -> list[str]:
    """Keys whose text to translate is no longer what stands above the translation."""
    near = texts.fallbacks(language)[1]
    found = []
    for area, wanted in _areas(language, near, room):
        path = room / language / f"{area}.po"
        for key, message in entries(read_area(path)).items() if path.is_file() else ():
            told = " ".join(message.auto_comments)  # long ones are wrapped
            if told and (key not in wanted or told.split() != _told(near, source(wanted[key])).split()):
                found.append(key)
    return found


def _header(language: str) -> str:
    plural = get_plural(identifier(language))
    return (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        f'"Content-Transfer-Encoding: 8bit\\n"\n"Plural-Forms: {plural.plural_forms}\\n"\n'
    )


def opencc(configuration: str) -> Convert:
    """OpenCC's conversion, such as s2twp: to the characters and words of Taiwan."""
    from opencc import OpenCC

    converter = OpenCC(configuration)
    return lambda text: str(converter.convert(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("language", help="a BCP 47 code, such as zh-Hant")
    parser.add_argument("--opencc", metavar="CONFIGURATION", help="draft Chinese by OpenCC, such as s2twp")
    wanted = parser.parse_args()
    try:
        lacked = draft(wanted.language, convert=opencc(wanted.opencc) if wanted.opencc else None)
    except TextsUnfit as trouble:
        sys.exit(str(trouble))
    for path, number in lacked.items():
        print(f"  {path.relative_to(ROOM)}: {number} added")
    for key in outdated(wanted.language):
        print(f"  {key}: read again, it translates a text that has changed")


if __name__ == "__main__":
    main()
