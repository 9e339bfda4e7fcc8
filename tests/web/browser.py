"""A browser without a screen: opens pages of the application, fills in their forms as they stand, follows redirects.

It knows no names of fields but what the HTML says, keeps cookies by their path, and runs no script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from chalice.test import Client

MANY_REDIRECTS = 5
FORM = "application/x-www-form-urlencoded"
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


@dataclass
class Element:
    """A tag with what is in it."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name, "")

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    @property
    def text(self) -> str:
        """The words in it, with single spaces."""
        return " ".join("".join(c if isinstance(c, str) else f" {c.text} " for c in self.children).split())

    def all(self, *tags: str, **attributes: str) -> list[Element]:
        """Elements below, in order, but not what templates hold; ``_`` in a name stands for ``-``, a last one for
        nothing."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                fits = all(child[name] == value for name, value in wanted.items())
                found += [child] if fits and (not tags or child.tag in tags) else []
                found += child.all(*tags, **attributes) if child.tag != "template" else []
        return found

    def one(self, *tags: str, **attributes: str) -> Element:
        found = self.all(*tags, **attributes)
        assert len(found) == 1, f"{len(found)} of {tags} {attributes}"
        return found[0]

    @property
    def within(self) -> list[str]:
        """Tags around it."""
        return [self.parent.tag, *self.parent.within] if self.parent else []


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.at = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"<{self.at.tag}> closed by </{tag}>"
        assert self.at.parent
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def parsed(html: str) -> Element:
    """The document; AssertionError when a tag is closed by another."""
    tree = _Tree()
    tree.feed(html)
    tree.close()
    assert tree.at is tree.root, f"<{tree.at.tag}> stays open"
    return tree.root


class Page:
    """What the browser shows: its address, and the filled-in state of its forms."""

    def __init__(self, address: str, status: int, headers: Mapping[str, Any], html: str) -> None:
        self.address, self.status, self.html = address, status, html
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.document = parsed(html)
        self.typed: dict[str, list[str]] = {}

    @property
    def heading(self) -> str:
        return self.document.one("h1").text

    @property
    def text(self) -> str:
        return self.document.one("body").text

    @property
    def language(self) -> str:
        return self.document.one("html")["lang"]

    @property
    def errors(self) -> dict[str, str]:
        """Message by the id that the summary's link leads to."""
        summaries = [e for e in self.document.all("div") if "govuk-error-summary" in e["class"].split()]
        return {link["href"].removeprefix("#"): link.text for summary in summaries for link in summary.all("a")}

    def control(self, name: str) -> list[Element]:
        return self._controls.get(name, [])

    @cached_property
    def _controls(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for control in self.document.all("input", "textarea", "select"):
            found.setdefault(control["name"], []).append(control)
        return found

    @property
    def questions(self) -> list[str]:
        """Names of the fields that a person sees, each once."""
        seen = [c for c in self.document.all("input", "textarea", "select") if c["type"] != "hidden" and c["name"]]
        return list(dict.fromkeys(control["name"] for control in seen))

    def options(self, name: str) -> list[str]:
        """What there is to choose from."""
        (first, *_) = self.control(name)
        found = first.all("option") if first.tag == "select" else self.control(name)
        return [option["value"] for option in found]

    def value(self, name: str) -> list[str]:
        """What a field holds now."""
        return self.typed[name] if name in self.typed else _initial(self.control(name))

    def fill(self, values: Mapping[str, str | list[str]]) -> Page:
        """Type or choose. AssertionError for a field or a choice that the page does not have."""
        for name, value in values.items():
            controls, given = self.control(name), [value] if isinstance(value, str) else value
            assert controls, f"no field {name}"
            if controls[0]["type"] in ("radio", "checkbox") or controls[0].tag == "select":
                assert set(given) <= set(self.options(name)), f"{name} can't be {given}"
            self.typed[name] = given
        return self


def _initial(controls: list[Element]) -> list[str]:
    found: list[str] = []
    for control in controls:
        if control.tag == "select":
            options = control.all("option")
            chosen = [option for option in options if "selected" in option] or options[:1]
            found += [option["value"] for option in chosen]
        elif control.tag == "textarea":
            found.append("".join(c for c in control.children if isinstance(c, str)).removeprefix("\n"))
        elif control["type"] not in ("radio", "checkbox") or "checked" in control:
            found.append(control["value"])
    return found


class Browser:
    """One person's browser. ``headers`` go with every request."""

    def __init__(self, client: Client, language: str = "en") -> None:
        self._client = client
        self.headers = {"Accept-Language": language}
        self.cookies: dict[tuple[str, str], str] = {}
        self.visited: list[str] = []
        self.set_cookies: list[str] = []
        self.page = Page("", 0, {}, "")

    def open(self, address: str) -> Page:
        return self.send("GET", address, b"")

    def press(self, text: str | None = None, *, name: str = "", value: str | None = None, **extra: str) -> Page:
        """Press the button with this text, or this name and value; its form is sent as it is filled in."""
        buttons = [b for b in self.page.document.all("button") if b["type"] in ("", "submit")]
        fitting = [
            b
            for b in buttons
            if (text is None or b.text == text) and b["name"] == (name or b["name"]) and value in (None, b["value"])
        ]
        assert fitting, f"no button {text or name}"
        return self._submit(fitting[-1], extra)

    def _submit(self, button: Element, extra: Mapping[str, str]) -> Page:
        form = self._form(button)
        fields = [(name, value) for name in self._names(form) for value in self.page.value(name)]
        fields += [(button["name"], button["value"])] if button["name"] else []
        body = urlencode([*fields, *extra.items()])
        target = urljoin(self.page.address, button["formaction"] or form["action"])
        if form["method"] == "get":
            return self.open(f"{target}?{body}")
        return self.send("POST", target, body.encode())

    def _form(self, button: Element) -> Element:
        if button["form"]:
            return self.page.document.one("form", id=button["form"])
        around = button.parent
        while around and around.tag != "form":
            around = around.parent
        assert around, "a button without a form"
        return around

    def _names(self, form: Element) -> list[str]:
        return list(dict.fromkeys(c["name"] for c in form.all("input", "textarea", "select") if c["name"]))

    def send(self, method: str, address: str, body: bytes) -> Page:
        for _ in range(MANY_REDIRECTS):
            parts = urlsplit(address)
            if parts.netloc:
                self.page = Page(address, 0, {}, "<html lang=''><body><h1>another site</h1></body></html>")
                return self.page
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            self.visited.append(path)
            headers = {**self.headers, "Cookie": self._cookies_for(parts.path)}
            if method == "POST":
                headers = {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Sec-Fetch-Site": "same-origin",
                    **headers,
                }
            answer = self._client.http.request(method, path, headers=headers, body=body)
            self._keep(answer.headers)
            if answer.status_code != 303:
                self.page = Page(path, answer.status_code, answer.headers, answer.body.decode())
                return self.page
            method, body, address = "GET", b"", urljoin(path, answer.headers["Location"])
        raise AssertionError("redirected for ever")

    def _cookies_for(self, path: str) -> str:
        fitting = [(name, v) for (name, at), v in self.cookies.items() if at == "/" or f"{path}/".startswith(f"{at}/")]
        return "; ".join(f"{name}={value}" for name, value in fitting)

    def _keep(self, headers: Mapping[str, Any]) -> None:
        given = headers.get("Set-Cookie", [])
        for cookie in [given] if isinstance(given, str) else given:
            self.set_cookies.append(cookie)
            (name, value), *attributes = (part.strip().partition("=")[::2] for part in cookie.split(";"))
            told = {attribute.lower(): worth for attribute, worth in attributes}
            self.cookies.pop((name, told["path"]), None)
            if told["max-age"] != "0":
                self.cookies[name, told["path"]] = value
