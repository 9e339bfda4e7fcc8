"""What SF Express tells of a shipment, pushed or asked for: opened, read, and acknowledged.

There are two kinds of push, routes (RoutePushService) and states of orders, each in JSON, or in XML in a form's field
``content``. Names of lists and fields are taken in any letter case, for they differ from push to push.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote_plus
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from chalicelib.adapters.couriers.http import json_object
from chalicelib.adapters.couriers.scans import Listed, readable
from chalicelib.adapters.couriers.sf_codes import (
    OP_CODES,
    ORDER_STATES,
    REASON_CODES,
    STATUSES,
    STILL_SCHEDULED,
    WITHOUT_NEWS,
    WORDS,
)
from chalicelib.adapters.couriers.times import BEIJING, from_beijing, plausible
from chalicelib.ports import Forged, News, Reply

STATE_ANSWER = '{"success":"true","code":"0","msg":""}'
"""What acknowledges states of orders in JSON (unconfirmed, hence the option ``state_answer``)."""

_ROUTES, _STATES = "waybillroute", "orderstate"
_ROUTES_ANSWER = '{"return_code":"0000","return_msg":"成功"}'
_ROUTES_ANSWER_XML = '<Response service="RoutePushService"><Head>OK</Head></Response>'
_STATES_ANSWER_XML = "<Response><success>true</success></Response>"
_REFUSAL = '{"return_code":"1000","return_msg":"失败"}'

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9]{1,16}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_EPOCH = re.compile(r"(\d{10})(\d{3})?", re.ASCII)

Fields = Mapping[str, str]
"""The fields of a route or state under lower-case names. Some hold personal data: none of those is kept."""


class SfWebhook:
    """What SF pushes (``ports.CourierWebhook``)."""

    code = "sf"

    def __init__(self, state_answer: str = STATE_ANSWER) -> None:
        self._state_answer = state_answer

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:  # noqa: ARG002
        """Nothing in it proves who sent it: that the secret address was known does. Forged: it is no push of SF's.

        The identity is that of the news in it, in any order. A batch that comes again in part is another message with
        news that is known.
        """
        try:
            push = _opened(body)
        except ValueError:
            raise Forged("sf: not a push") from None
        return sha256("\n".join(sorted({push.mark(each) for each in push.elements})).encode()).hexdigest()

    def acknowledge(self, body: bytes) -> Reply:
        """In the very form of the push: SF pushes a whole batch again until it reads this."""
        push = _opened(body)
        if push.in_xml:
            return Reply(200, "text/xml", _ROUTES_ANSWER_XML if push.about == _ROUTES else _STATES_ANSWER_XML)
        return Reply(200, "application/json", _ROUTES_ANSWER if push.about == _ROUTES else self._state_answer)

    def refuse(self) -> Reply:
        """The answer to what is no push of SF's."""
        return Reply(401, "application/json", _REFUSAL)

    def read(self, body: bytes) -> tuple[News, ...]:
        """The news of one push in order of time. ValueError: not one of its elements makes sense."""
        push = _opened(body)
        return told(push.elements, push.reader)


def told(elements: Iterable[Listed], reader: Callable[[Listed], News | None]) -> tuple[News, ...]:
    """The news of those elements that make sense, oldest first. ValueError: there are some, and not one does."""
    return tuple(sorted(filter(None, readable(elements, reader)), key=lambda each: each.at))


def fields(element: Any, **more: str) -> Fields:
    """The fields of one element, and more; what is no text or whole number counts as empty. ValueError: no element."""
    if not isinstance(element, dict):
        raise ValueError("not an element")  # noqa: TRY004 -- to the caller it is one kind of fault
    return {name.lower(): text_of(element, name) for name in element} | more


def text_of(document: Mapping[str, Any], name: str) -> str:
    """A field that SF gives as a text or as a number, "" when it is neither."""
    value = document.get(name)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def code_of(text: str) -> str:
    """A code, "" for what may be a sentence."""
    return text if _CODE.fullmatch(text) else ""


def number_of(text: str) -> str:
    """A number of an order or a waybill, "" for what can't be one."""
    return text if _WORD.fullmatch(text) else ""


# --- routes ---


def route_news(route: Fields) -> News | None:
    """The news of a route, None when it has none. ValueError: it makes no sense.

    A remark may name people. Six digits of its hash tell two routes of the same second apart, and are too few to find
    the remark by.
    """
    waybill = number_of(route.get("mailno", ""))
    code = code_of(route.get("opcode", "")) or code_of(route.get("secondarystatuscode", ""))
    if not waybill or not code:
        raise ValueError("no mailno or no opCode")
    at = _time(route.get("accepttime", ""))
    remark = sha256(route.get("remark", "").encode()).hexdigest()[:6]
    if (meaning := _route_meaning(code, route)) is None:
        return None
    state, reason = meaning
    return News(
        identity=f"{waybill}-{code}-{at:%Y%m%d%H%M%S}-{remark}",
        waybill=waybill,
        order=number_of(route.get("orderid", "")),
        state=state,
        at=at,
        code=code,
        reason=reason or _reason_in_words(state, route),
    )


def _route_meaning(code: str, route: Fields) -> tuple[str, str] | None:
    first = route.get("firststatuscode", "") or route.get("secondarystatuscode", "")[:-2]
    if meaning := REASON_CODES.get((code, route.get("reasoncode", ""))) or STATUSES.get(first):
        return meaning
    return None if code in WITHOUT_NEWS else OP_CODES.get(code, ("in_transit", ""))


def _reason_in_words(state: str, route: Fields) -> str:
    words = " ".join(route.get(name, "") for name in ("reasonname", "reasonremark", "remark"))
    return next((reason for word, reason in WORDS.get(state, ()) if word in words), "")


# --- states of orders ---


def state_news(element: Fields) -> News | None:
    """The news of an order's state, None when it has none. ValueError: it makes no sense."""
    order, code = number_of(element.get("orderno", "")), number_of(element.get("orderstatecode", ""))
    if not order or not code:
        raise ValueError("no orderNo or no orderStateCode")
    at = _came_about(element)
    if (meaning := _order_meaning(code)) is None:
        return None
    state, reason = meaning
    moment = re.sub(r"[^0-9]", "", element.get("createtm") or element.get("lasttime", ""))[:14]
    return News(
        identity=f"{order}-{code}-{moment}",
        waybill=number_of(element.get("waybillno", "")),
        order=order,
        state=state,
        at=at,
        code=code,
        reason=reason,
    )


def _order_meaning(code: str) -> tuple[str, str] | None:
    group, *parts = code.split("-")
    for part in reversed(parts):
        if meaning := ORDER_STATES.get(f"{group}-{part}"):
            return meaning
    return STILL_SCHEDULED if group == "04" and parts else ORDER_STATES.get(group)


def _came_about(element: Fields) -> datetime:
    """``createTm``, which we take for the time of the state (unconfirmed), else the time of the push."""
    if created := element.get("createtm"):
        return _time(created)
    pushed = _EPOCH.fullmatch(element.get("pushed", ""))
    if pushed is None:
        raise ValueError("no time")
    return plausible(datetime.fromtimestamp(int(pushed[1]), BEIJING))


def _time(text: str) -> datetime:
    found = _STAMP.match(text)
    if found is None:
        raise ValueError("no time")
    return from_beijing(found[0])


# --- pushes ---

_READERS: Mapping[str, Callable[[Fields], News | None]] = {_ROUTES: route_news, _STATES: state_news}


@dataclass(frozen=True, slots=True)
class _Push:
    """A push, opened: what it is about, in which form it came, and its elements, with ``pushed`` for its time."""

    about: str
    in_xml: bool
    elements: tuple[Fields, ...]

    @property
    def reader(self) -> Callable[[Fields], News | None]:
        return _READERS[self.about]

    def mark(self, element: Fields) -> str:
        """What tells an element from others, however often it comes; ``id`` is another one each time."""
        try:
            news = self.reader(element)
        except ValueError:
            news = None
        lasting = {name: text for name, text in element.items() if name not in ("id", "pushed")}
        return f"{news.identity} {news.waybill}" if news else json.dumps(lasting, sort_keys=True)


def _opened(body: bytes) -> _Push:
    """ValueError: not a push."""
    text = body.decode("utf-8-sig").strip()
    if not text.startswith(("{", "<")):
        text = _content_of_form(text)
    return _opened_xml(text) if text.startswith("<") else _opened_json(text)


def _content_of_form(text: str) -> str:
    (content,) = parse_qs(text, strict_parsing=True, max_num_fields=16).get("content", [""])
    return (unquote_plus(content) if content.startswith("%") else content).strip()  # seen encoded once and twice


def _opened_json(text: str) -> _Push:
    document = {name.lower(): value for name, value in json_object(text).items()}
    body = document.get("body")
    for place in (document, body if isinstance(body, dict) else {}):
        for name, value in place.items():
            if (about := name.lower()) in _READERS:
                elements = value if isinstance(value, list) else [value]
                pushed = text_of(document, "timestamp")
                return _Push(about, False, tuple(fields(each, pushed=pushed) for each in elements))
    raise ValueError("neither routes nor states")


def _opened_xml(text: str) -> _Push:
    """An element's fields are its attributes (routes) or its children (states)."""
    nodes = list(_tree(text).iter())
    pushed = next((node.text or "" for node in nodes if node.tag.lower() == "timestamp"), "")
    found = [node for node in nodes if node.tag.lower() in _READERS]
    if len(abouts := {node.tag.lower() for node in found}) != 1:
        raise ValueError("neither routes nor states")
    elements = [{**node.attrib, **{child.tag: child.text or "" for child in node}} for node in found]
    return _Push(abouts.pop(), True, tuple(fields(each, pushed=pushed) for each in elements))


def _tree(text: str) -> Element:
    """The root of an XML text that has no document type: so nothing in it is to be expanded or fetched."""
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        raise ValueError("not XML") from None
    return builder.close()


def _refuse_document_type(*_: Any) -> None:
    raise ValueError("a document type")
