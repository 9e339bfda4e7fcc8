"""Templates to HTML. Jinja2 is imported by the first page, so that no other call pays for it.

``python -m chalicelib.web.render`` compiles all templates to Python, as packaging does: a Lambda's first page would
spend most of its time on that otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.texts import closest
from chalicelib.web import statics, words

if TYPE_CHECKING:
    from jinja2 import Environment


FORMS = ("money", "percent", "size", "day", "moment", "window")


def render(template: str, language: str, values: dict[str, Any]) -> str:
    """A template of ``templates/`` as HTML. Everything that is not a template's own is escaped.

    Templates have ``t(key, **values)``, and the FORMS of ``words`` in the language of the page. What services say may
    be in another, the hall's closest: ``{{ foreign }}`` in a tag marks it where it is, ``said(text)`` within a line,
    and ``speak(language)`` is the ``t`` of another language, for what stands in the midst of such contents.
    """
    tools = {name: partial(_last, getattr(words, name), language) for name in FORMS}
    given = {
        "t": _speaker(language),
        "language": language,
        "foreign": _attribute(closest(language)) if closest(language) != language else "",
        "said": lambda text: words.said(text, language),
        "speak": _speaker,
        "languages": words.languages(),
        "knows": words.knows,
        "static": statics.address,
    }
    return _environment().get_template(template).render(tools | given | values)


def _speaker(language: str) -> Callable[..., str]:
    return lambda key, **filled: words.say(key, language, **filled)


def _attribute(language: str) -> str:
    from markupsafe import Markup

    return Markup(' lang="{}"').format(language)


def _last(tool: Any, language: str, *values: Any) -> str:
    return str(tool(*values, language))


def compile_all() -> None:
    """Write every template, ours and those of the macros, as a Python module below ``compiled``."""
    _environment().compile_templates(_compiled(), zip=None, ignore_errors=False)


def _compiled() -> Path:
    return Path(str(files("chalicelib.web").joinpath("compiled")))


@cache
def _environment() -> Environment:
    from jinja2 import BaseLoader, ChoiceLoader, Environment, ModuleLoader, PackageLoader, PrefixLoader

    macros = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    loaders: list[BaseLoader] = [macros, PackageLoader("chalicelib.web")]
    if _compiled().is_dir():
        loaders.insert(0, ModuleLoader(_compiled()))
    return Environment(
        loader=ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )


if __name__ == "__main__":
    compile_all()
