"""The pages' texts: each there that is asked for, none left over, the same places to fill in every language."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale
from babel.dates import format_date, format_datetime, format_interval
from babel.messages.catalog import Message
from babel.numbers import format_currency, format_percent
from jinja2 import Environment, nodes

from chalicelib import texts
from chalicelib.api.errors import STATUS
from chalicelib.api.shapes import STATUS as STATUSES
from chalicelib.domain.status import TROUBLES
from chalicelib.ports import COURIER_REASONS, COURIER_STATES
from chalicelib.usecases.outages import NOTICES
from chalicelib.usecases.tracking import PROMISE_REFUND_STATES
from chalicelib.web import words
from chalicelib.web.services import CATEGORIES
from infra.web.cldr import REGIONS
from infra.web.draft import draft, outdated, source
from infra.web.texts import HALL, ROOM, TextsUnfit, compile_texts, entries, read_area

WEB = Path(words.__file__).parent
CERTIFICATE_STATES = ("in_delivery", "valid", "revoked", "expired")

# What a language may say otherwise than CLDR.
OWN = {"currency.CNY", "language.name"}

# Keys that a page puts together: their beginning → every ending that may come.
PUT_TOGETHER: Mapping[str, tuple[str, ...]] = {
    "case.done.": ("window", "withdrawal", "correction"),
    "case.file.": ("awaited", "checking", "clean", "kept"),
    "category.": CATEGORIES,
    "certificate.state.": CERTIFICATE_STATES,
    "courier.": ("ems", "sf", "kuaidi100", "easypost", "open"),
    "currency.": ("CNY",),
    "error.": tuple(STATUS),
    "guide.before.": ("visits", "forms", "materials", "working_days"),
    "guide.before.basis.": ("published", "estimate"),
    "guide.refund_until.": (
        "paid", "picked_up", "review_started", "decided", "dispatched", "never_reached",
    ),
    "guide.step.": tuple(
        f"{step}{part}"
        for step in ("form", "pay", "pickup", "originals", "issue", "delivery", "rate")
        for part in ("", "_note")
    ),
    "leg.": ("pickup", "delivery", "return"),
    "month.": tuple(str(month) for month in range(1, 13)),
    "next.": tuple(STATUSES["enum"]),
    "notice.": NOTICES,
    "payment.": ("awaited", "arrived", "unreachable"),
    "promise.": ("not_started", "running", "standing", "kept", "broken", "ended"),
    "promise.refund.": PROMISE_REFUND_STATES,
    "script.upload.": ("checking", "clean"),
    "shipment.state.": (*COURIER_STATES, "requested", "refused", "lost"),
    "stars.": ("1", "2", "3", "4", "5"),
    "status.": tuple(STATUSES["enum"]),
    "stop.": ("now", "ahead"),
    "task.": ("ahead", "open", "approved", "rejected", "void"),
    "form.type.": ("string", "number", "integer", "boolean"),
    "form.": ("year", "month", "day"),
    "timeline.": tuple(key.removeprefix("timeline.") for key in texts.catalogue("en") if key.startswith("timeline.")),
    "trouble.": TROUBLES,
    "verify.state.": CERTIFICATE_STATES,
    "why.": (*COURIER_REASONS, "missed", "no_courier", "unknown"),
    "weekday.": tuple(str(day) for day in range(1, 8)),
}  # fmt: skip


def pages(language: str, room: Path = ROOM) -> dict[str, Message]:
    """Key → entry of every area."""
    return {
        key: one for path in sorted((room / language).glob("*.po")) for key, one in entries(read_area(path)).items()
    }


def forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


KEYS = pages("en").keys()


# --- what pages ask for -------------------------------------------------------------------------------------------


def asked() -> Iterator[tuple[str, str, bool]]:
    """File, key, and whether it is only a key's beginning: of each text that a template or a view asks for."""
    for path in sorted(WEB.glob("templates/*.html")):
        template = Environment(autoescape=True).parse(path.read_text("utf-8"))
        loops = {loop.target.name: _items(loop) for loop in template.find_all(nodes.For) if _items(loop)}
        for call in template.find_all(nodes.Call):
            if _speaks(call.node):
                yield from ((path.name, *found) for found in _in_template(call.args[0], loops, path))
    for path in sorted(WEB.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("say", "words.say"):
                yield from ((path.name, *found) for found in _in_view(node.args[0], path))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and words.knows(node.value):
                yield path.name, node.value, False  # handed on by a name
            elif isinstance(node, ast.JoinedStr) and _begins(first := node.values[0]):
                yield path.name, ast.literal_eval(first), True


def _begins(first: ast.expr) -> bool:
    """The first words of an f-string that makes a key."""
    beginning = str(first.value) if isinstance(first, ast.Constant) else ""
    return beginning.endswith(".") and any(key.startswith(beginning) for key in KEYS)


def _speaks(node: nodes.Node) -> bool:
    """``t(…)`` or ``speak(language)(…)``."""
    called = node.node if isinstance(node, nodes.Call) else node
    return isinstance(called, nodes.Name) and called.name == ("speak" if isinstance(node, nodes.Call) else "t")


def _items(loop: nodes.For) -> list[str]:
    """What a loop over words in the template itself goes through."""
    if not isinstance(loop.target, nodes.Name) or not isinstance(loop.iter, nodes.List | nodes.Tuple):
        return []
    return [str(item.value) for item in loop.iter.items if isinstance(item, nodes.Const)]


def _in_template(key: nodes.Node, loops: Mapping[str, list[str]], path: Path) -> Iterator[tuple[str, bool]]:
    match key:
        case nodes.Const():
            yield key.value, False
        case nodes.CondExpr():
            yield from _in_template(key.expr1, loops, path)
            yield from _in_template(key.expr2, loops, path) if key.expr2 else ()
        case nodes.Concat(nodes=[nodes.Const() as first, nodes.Name() as last]) if last.name in loops:
            yield from ((f"{first.value}{item}", False) for item in loops[last.name])
        case nodes.Concat(nodes=[nodes.Const() as first, *_]):
            yield first.value, True
        case _:
            pytest.fail(f"{path.name}:{key.lineno}: no key can be read here")


def _in_view(key: ast.expr, path: Path) -> Iterator[tuple[str, bool]]:
    match key:
        case ast.Constant():
            yield str(key.value), False
        case ast.IfExp():
            yield from _in_view(key.body, path)
            yield from _in_view(key.orelse, path)
        case ast.JoinedStr(values=[ast.Constant() as first, *_]):
            yield str(first.value), True
        case ast.Name() | ast.Attribute() | ast.Subscript():
            pass  # its value stands elsewhere in the file
        case _:
            pytest.fail(f"{path.name}:{key.lineno}: no key can be read here")


def test_every_text_that_a_page_asks_for_is_there() -> None:
    assert [f"{file}: {key}" for file, key, beginning in asked() if not beginning and not words.knows(key)] == []


def test_every_key_that_is_put_together_is_listed_and_there() -> None:
    beginnings = {key for _, key, beginning in asked() if beginning}
    assert beginnings == PUT_TOGETHER.keys()
    keys = [beginning + ending for beginning, endings in PUT_TOGETHER.items() for ending in endings]
    assert [key for key in keys if not words.knows(key)] == []


def test_no_text_is_left_over() -> None:
    whole = {key for _, key, beginning in asked() if not beginning}
    whole |= {beginning + ending for beginning, endings in PUT_TOGETHER.items() for ending in endings}
    assert sorted(pages("en").keys() - whole - OWN) == []


# --- languages against each other ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", texts.languages())
def test_a_language_of_the_hall_has_every_text_of_the_pages(language: str) -> None:
    found = pages(language)
    assert found.keys() - OWN == pages("en").keys() - OWN
    assert [key for key, message in found.items() if message.fuzzy or not all(forms(message))] == []


@pytest.mark.parametrize("language", words.languages())
def test_a_language_has_no_text_that_nobody_asks_for(language: str) -> None:
    assert sorted(key for key in pages(language) if not words.knows(key)) == []


@pytest.mark.parametrize("language", words.languages())
def test_a_text_has_the_same_places_to_fill_in_every_language(language: str) -> None:
    english = {key: source(message) for key, message in pages("en").items()} | texts.catalogue("en")
    for key, message in pages(language).items():
        said = forms(message)
        assert places(said[-1]) == places(english.get(key, "")), key
        assert all(places(form) <= places(said[-1]) for form in said), key


@pytest.mark.parametrize("language", words.languages())
def test_a_text_has_plural_forms_in_every_language_or_in_none(language: str) -> None:
    english = pages("en")
    plural = {key for key, message in english.items() if message.pluralizable}
    assert {key for key, one in pages(language).items() if one.pluralizable} == plural & pages(language).keys()


def test_the_hall_s_own_texts_have_the_same_places_to_fill() -> None:
    for language in texts.languages():
        found = {key: places(text) for key, text in texts.catalogue(language).items()}
        assert found == {key: places(text) for key, text in texts.catalogue("en").items()}


# --- how a text is found ------------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A room of texts for the test alone."""
    monkeypatch.setattr(words, "_room", lambda: tmp_path)
    _forget()
    yield tmp_path
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    words.languages.cache_clear()
    words._pages.cache_clear()


def write(room: Path, language: str, area: str = "common", plural: str = "(n != 1)", **said: str) -> None:
    """An area's file; ``key__one`` is the first form of the plural of ``key``."""
    lines = [f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Plural-Forms: nplurals=2; plural={plural};\\n"\n']
    for key, text in said.items():
        if f"{key}__one" in said:
            one = said[f"{key}__one"]
            lines.append(f'msgid "{key}"\nmsgid_plural "{key}"\nmsgstr[0] "{one}"\nmsgstr[1] "{text}"\n')
        elif not key.endswith("__one"):
            lines.append(f'msgid "{key}"\nmsgstr "{text}"\n')
    (room / language).mkdir(exist_ok=True)
    (room / language / f"{area}.po").write_text("\n".join(lines), "utf-8")


def test_a_text_that_a_language_lacks_is_said_in_the_closest_that_has_it(room: Path) -> None:
    write(room, "en", a="one", b="two", c="three")
    write(room, "zh-CN", a="一个", b="两个")
    write(room, "zh-Hant", a="一個")
    compile_texts(room)
    assert [words.say(key, "zh-Hant") for key in "abc"] == ["一個", "两个", "three"]
    assert [words.say(key, "zh-CN") for key in "abc"] == ["一个", "两个", "three"]
    with pytest.raises(KeyError):
        words.say("d", "zh-Hant")


def test_a_text_of_the_hall_may_have_words_of_its_own_on_pages(room: Path) -> None:
    write(room, "en", **{"error.forbidden": "Not from there"})
    write(room, "zh-CN")
    write(room, "zh-Hant", HALL, **{"error.not_found": "這裡沒有內容", "error.forbidden": "無權限"})
    write(room, "zh-Hant", **{"error.forbidden": "不能從那裡來"})
    compile_texts(room)
    assert words.say("error.forbidden", "en") == "Not from there"
    assert words.say("error.not_found", "zh-Hant") == "這裡沒有內容"
    assert words.say("error.forbidden", "zh-Hant") == "不能從那裡來"
    assert words.say("error.not_found", "zh-CN") == texts.text("error.not_found", "zh-CN")


def test_the_number_chooses_the_form_of_its_language(room: Path) -> None:
    write(room, "en", days__one="{n} day", days="{n} days", plain="{n} of them")
    write(room, "zh-CN")
    write(room, "fr", plural="(n > 1)", days__one="{n} jour", days="{n} jours")
    compile_texts(room)
    assert [words.say("days", "en", n=n) for n in (0, 1, 2)] == ["0 days", "1 day", "2 days"]
    assert [words.say("days", "fr", n=n) for n in (0, 1, 2)] == ["0 jour", "1 jour", "2 jours"]
    assert words.say("plain", "fr", n=1) == "1 of them"


def test_a_draft_that_nobody_has_read_is_not_said(room: Path) -> None:
    write(room, "en", one="one")
    write(room, "zh-CN", one="一个")
    assert sum(draft("zh-Hant", room, str.upper).values()) > 0
    compile_texts(room)
    assert words.say("one", "zh-Hant") == "一个"


def test_a_draft_adds_what_is_missing_and_touches_nothing_else(room: Path) -> None:
    write(room, "en", one="one", days__one="{n} day", days="{n} days")
    write(room, "zh-CN")
    write(room, "de", one="eins")
    assert draft("de", room)[room / "de/common.po"] == 1
    assert draft("de", room)[room / "de/common.po"] == 0
    found = pages("de", room)
    assert forms(found["one"]) == ("eins",)
    assert forms(found["days"]) == ("", "")
    assert found["days"].auto_comments == ["en: {n} days"]


def test_a_translation_whose_source_has_changed_is_named(room: Path) -> None:
    write(room, "en", one="one", two="two")
    write(room, "zh-CN")
    draft("de", room)
    assert outdated("de", room) == []
    write(room, "en", one="one", two="a pair")
    assert outdated("de", room) == ["two"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('"Language: zh-CN\\n"\n', "does not say Language: en"),
        ('"Language: en\\n"\n\nmsgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n', "twice in it: a"),
        ('"Language: en\\n"\n\nmsgid a\n', "common.po"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_not_compiled(room: Path, content: str, said: str) -> None:
    (room / "en").mkdir()
    (room / "en/common.po").write_text(f'msgid ""\nmsgstr ""\n{content}', "utf-8")
    with pytest.raises(TextsUnfit, match=said):
        compile_texts(room)


def test_a_key_in_two_areas_is_not_compiled(room: Path) -> None:
    write(room, "en", "case", one="one")
    write(room, "en", "form", one="uno")
    with pytest.raises(TextsUnfit, match=r"one is in case\.po as well"):
        compile_texts(room)


def test_compiling_again_gives_the_same_bytes_and_leaves_the_file_alone(room: Path) -> None:
    write(room, "en", one="one")
    (compiled,) = compile_texts(room)
    content, at = compiled.read_bytes(), compiled.stat().st_mtime_ns
    compile_texts(room)
    assert compiled.stat().st_mtime_ns == at
    compiled.unlink()
    compile_texts(room)
    assert compiled.read_bytes() == content


# --- dates, numbers, money ----------------------------------------------------------------------------------------

OTHERS = ("de", "fr", "ja", "ko", "ru", "vi")  # as if somebody had added them


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("languages")
    for language in {*words.languages(), *OTHERS}:
        write(room, language)
    compile_texts(room)
    return room


@pytest.fixture
def spoken(many: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(words, "_room", lambda: many)
    _forget()
    yield
    monkeypatch.undo()
    _forget()


ALL = pytest.mark.parametrize("language", [*words.languages(), *OTHERS])
DAYS = [date(2026, 11, 23) + timedelta(days=13 * step) for step in range(30)]


def cldr(language: str) -> Locale:
    return Locale.parse(REGIONS.get(language, language), sep="-")


@ALL
@pytest.mark.usefixtures("spoken")
def test_days_and_times_are_written_as_cldr_says(language: str) -> None:
    locale = cldr(language)
    for on in DAYS:
        assert words.day(on, language) == format_date(on, "full", locale)
        assert words.day(on.isoformat(), language) == words.day(on, language)
    at = datetime.fromisoformat("2026-11-23T08:05:00+08:00")
    clock = format_datetime(at.replace(tzinfo=None), locale.datetime_skeletons["Hm"].pattern, locale=locale)
    assert words.moment(at, language).replace(words.day(at.date(), language), "").strip(" ,،") == clock
    assert words.moment(at.isoformat(), language) == words.moment(at, language)


@ALL
@pytest.mark.usefixtures("spoken")
def test_a_window_is_a_day_and_its_hours(language: str) -> None:
    start, end = (datetime.fromisoformat(f"2026-11-23T{hour}:30:00+08:00") for hour in ("09", "12"))
    hours = format_interval(start.replace(tzinfo=None), end.replace(tzinfo=None), "Hm", locale=cldr(language))
    said = words.window(start, end.isoformat(), language)
    assert words.day(start.date(), language) in said
    assert hours in said
    late = words.window(start, end + timedelta(days=1), language)
    assert words.moment(start, language) in late
    assert words.moment(end + timedelta(days=1), language) in late


@ALL
@pytest.mark.usefixtures("spoken")
def test_money_and_shares_are_written_as_cldr_says(language: str) -> None:
    for amount in (0, 5, 1200, 99999, 123456789):
        for currency in {"CNY", "EUR", "USD"} & cldr(language).currency_symbols.keys():
            told = format_currency(amount / 100, currency, locale=cldr(language))
            if currency not in told:
                assert words.money(amount, currency.lower(), language) == told
    assert words.percent(0.8, language) == format_percent(0.8, locale=cldr(language))


@pytest.mark.parametrize("language", words.languages())
def test_the_hall_s_own_currency_has_its_plain_sign(language: str) -> None:
    assert words.money(1200, "cny", language) == "¥12.00"
    assert words.money(123456789, "cny", language) == "¥1,234,567.89"


def test_a_currency_without_a_sign_goes_by_its_code() -> None:
    assert words.money(1200, "xyz", "en") == "12.00\N{NO-BREAK SPACE}XYZ"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (0, "1 kB"), (300, "1 kB"), (1_536, "2 kB"), (999 * 1024, "999 kB"), (1000 * 1024, "1 MB"),
        (4_700_000, "4.5 MB"), (10_485_760, "10 MB"), (2_000_000_000, "1,907.3 MB"),
    ],
)  # fmt: skip
def test_the_size_of_a_file_is_told_as_phones_tell_it(content: int, said: str) -> None:
    assert words.size(content, "en") == said


def test_pages_read_their_texts_without_babel() -> None:
    code = (
        "import json, sys\nfrom chalicelib.web import words\n"
        "words.money(1200, 'cny', 'zh-Hant'); words.day('2026-11-23', 'en'); words.say('hall.name', 'zh-CN')\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [name for name in json.loads(loaded) if name.partition(".")[0] in ("babel", "jinja2")] == []
