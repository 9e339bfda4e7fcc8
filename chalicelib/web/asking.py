"""Makes a page's parts of a form's schema: what is asked now, and what other answers may bring up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.forms.pointers import join
from chalicelib.forms.sanity import MAX_DEPTH
from chalicelib.forms.schemas import PART
from chalicelib.web import alternatives, controls
from chalicelib.web.alternatives import Alternatives, Option
from chalicelib.web.levels import Level, Levels, Schema, Schemas
from chalicelib.web.questions import BRANCH, MORE, Branches, Choice, Group, Opening, Part, Question, Repeat
from chalicelib.web.sent import MOST_ITEMS, NOTHING, Sent

ADDRESS = "common/1/address"
DEEPEST = MAX_DEPTH - 3  # what is deeper is asked for as JSON


def parts_of(form: Schema, answers: Any = None, sent: Sent = NOTHING, *, infer: bool = False) -> tuple[Part, ...]:
    """What a form asks. ``answers`` decide its conditions; ``sent`` says how many items its lists have, which
    alternatives are chosen and what is opened. With ``infer`` the alternatives are chosen that the answers fit.
    """
    return tuple(Asking(Levels(form), infer).members(Spot((form,), (form,), answer=answers, sent=sent)))


@dataclass(frozen=True)
class Spot:
    """A place in the form: the schemas that speak of it now, those that might, and what is there.

    ``above`` are the references followed on the way; ``nested`` counts alternatives within alternatives at this place.
    """

    schemas: Schemas
    possible: Schemas
    pointer: str = ""
    title: str = ""
    say: str = ""
    required: bool = True
    asked: bool = True
    null: bool = False
    answer: Any = None
    sent: Sent = NOTHING
    above: frozenset[str] = frozenset()
    nested: int = 0

    def below(self, token: str, schemas: Schemas, possible: Schemas, answer: Any, **changes: Any) -> Spot:
        """A place in this one; ``token`` is escaped as in a pointer."""
        return Spot(
            schemas,
            possible,
            f"{self.pointer}/{token}",
            answer=answer,
            sent=self.sent.at(token),
            above=self.above,
            **changes,
        )


@dataclass(frozen=True)
class Asking:
    """Of one form."""

    levels: Levels
    infer: bool

    def part(self, spot: Spot) -> Part | None:
        """What is shown at a place; None where the form rules every answer out."""
        level = self.levels.of(spot.schemas, spot.answer)
        if level.ruled_out:
            return None
        found = alternatives.of(self.levels, level)
        recursive = bool(level.refs & spot.above)
        spot = replace(
            spot,
            title=_text(level.words, "title") or spot.title,
            null=spot.null or found.null,
            above=spot.above | level.refs,
        )
        if found.single is not None:
            return self.part(self._narrowed(spot, level, found.single))
        kind = self._kind(spot, level, found)
        if recursive and kind in ("group", "branches"):
            return self._opening(spot, level)
        match kind:
            case "branches":
                return self._branches(spot, level, found.options)
            case "group":
                bare = level.words.get(PART) == ADDRESS
                return Group(**_place(spot, level), parts=tuple(self.members(spot)), bare=bare)
            case "map":
                return self._map(spot, level, _values_of_names(level))
            case "list":
                return self._list(spot, level, recursive=recursive)
        return self._question(spot, level)

    def members(self, spot: Spot, only: frozenset[str] | None = None) -> Iterator[Part]:
        """The parts of an object; ``only`` these properties."""
        level, whole = self.levels.of(spot.schemas, spot.answer), self.levels.possible(spot.possible)
        found = alternatives.of(self.levels, level)
        if found.single is not None:
            yield from self.members(self._narrowed(spot, level, found.single), only)
            return
        spot = replace(spot, above=spot.above | level.refs)
        apart = frozenset(name for option in found.options for name in option.level.properties)
        for name, possible in whole.properties.items():
            if possible and name not in apart and (only is None or name in only):
                yield from self._property(spot, level, whole, name, possible)
        if found.options:
            yield self._branches(spot, level, found.options, apart)
        values = _values_of_names(level) if only is None else None
        if values is not None:
            rest = {name: value for name, value in _mapping(spot.answer).items() if name not in whole.properties}
            below = spot.below(MORE, (), (), rest or None, say="form.more_names", required=False)
            yield self._map(below, Level(), values)

    # --- kinds ---

    def _kind(self, spot: Spot, level: Level, found: Alternatives) -> str:
        types = controls.types_of(level.keywords)
        if level.words.get(PART) == controls.WINDOW or "const" in level.words or controls.choices_of(level.words):
            return "question"
        if spot.pointer.count("/") > DEEPEST:
            return "question"
        if types == ("object",) and any(self.levels.possible(spot.possible).properties.values()):
            return "group"
        if found.options:
            return "group" if alternatives.all_objects(level, found.options) else "branches"
        if types == ("object",) and _values_of_names(level) is not None:
            return "map"
        return "list" if types == ("array",) and self._has_items(level) else "question"

    def _has_items(self, level: Level) -> bool:
        if self._item_choices(level):
            return False
        return bool(_sequence(level.words.get("prefixItems"))) or any(isinstance(one, Mapping) for one in level.items)

    def _item_choices(self, level: Level) -> tuple[Choice, ...]:
        if "prefixItems" in level.words or not level.items:
            return ()
        return controls.choices_of(self.levels.of(level.items, None).words)

    def _narrowed(self, spot: Spot, level: Level, option: Any) -> Spot:
        """As if the one alternative that is left stood in the schema itself."""
        whole = self.levels.possible(spot.possible)
        return replace(spot, schemas=(level.schema, option), possible=(whole.schema, option))

    def _property(self, spot: Spot, level: Level, whole: Level, name: str, possible: Schemas) -> Iterator[Part]:
        now, token = level.properties.get(name, ()), join((name,))[1:]
        answer = _mapping(spot.answer).get(name)
        required = name in level.required
        part = self.part(spot.below(token, now, possible, answer, title=name, required=required)) if now else None
        if part is None:
            unasked = {"title": name, "required": name in whole.required, "asked": False}
            part = self.part(spot.below(token, possible, possible, None, **unasked))
        if part is not None:
            yield part

    def _question(self, spot: Spot, level: Level) -> Question:
        words: dict[str, Any] = {**level.keywords}
        if words.get("type") == "null":
            words["const"] = None
        several = self._item_choices(level) if controls.types_of(words) == ("array",) else ()
        control = "checkboxes" if several else controls.control_of(words)
        if control == "fixed" and not spot.required:
            control = "agree"
        return Question(
            **_place(spot, level),
            control=control,
            reads=controls.reads(control, words),
            choices=several or controls.choices_of(words) or controls.given(control, words),
            answer=words.get("const"),
            attributes=controls.attributes(control, words),
            width=controls.width(words),
        )

    def _opening(self, spot: Spot, level: Level) -> Opening:
        """What may go on without end is opened one by one."""
        parts: tuple[Part | None, ...] = ()
        if spot.sent.present or spot.answer is not None:
            parts = (self.part(replace(spot, above=frozenset(), required=True, asked=True)),)
        return Opening(**_place(spot, level), parts=tuple(part for part in parts if part))

    # --- alternatives ---

    def _branches(
        self, spot: Spot, level: Level, options: Sequence[Option], apart: frozenset[str] | None = None
    ) -> Branches:
        """A choice of what the answer is; with ``apart``, of which of these properties the object has."""
        token = BRANCH + (str(spot.nested + 1) if spot.nested else "")
        told = spot.sent.at(token).text
        chosen = next((option.value for option in options if told == option.value), "")
        if not chosen and self.infer and spot.answer is not None:
            chosen = alternatives.closest(self.levels, options, spot.answer).value
        place = _place(spot, level) | {"pointer": f"{spot.pointer}/{token}"}
        if apart is not None:
            place |= {"title": "", "say": "form.which", "hint": "", "required": True, "asked": True, "null": False}
        return Branches(
            **place,
            owner=spot.pointer,
            apart=apart is not None,
            chosen=chosen,
            choices=tuple(Choice(option.value, option.title, None, option.say) for option in options),
            alternatives={o.value: self._alternative(spot, level, o, o.value == chosen, apart) for o in options},
        )

    def _alternative(
        self, spot: Spot, level: Level, option: Option, chosen: bool, apart: frozenset[str] | None
    ) -> tuple[Part, ...]:
        inner = replace(
            self._narrowed(spot, level, option.schema),
            required=True,
            asked=True,
            null=False,
            answer=spot.answer if chosen else None,
            sent=spot.sent if chosen else NOTHING,
            nested=spot.nested + 1,
        )
        if apart is not None:
            return tuple(self.members(inner, apart))
        part = self.part(inner)
        return (part,) if part else ()

    # --- lists ---

    def _list(self, spot: Spot, level: Level, *, recursive: bool) -> Repeat:
        first, rest = _sequence(level.words.get("prefixItems")), level.items
        given = spot.answer if isinstance(spot.answer, list) else []
        least = 0 if recursive or not spot.required else _number(level, "minItems", 0)
        count = min(MOST_ITEMS, max(len(given), spot.sent.count, len(first), least))
        possible = self.levels.possible(spot.possible).items
        items = []
        for position in range(count):
            own = (first[position],) if position < len(first) else rest
            title = f"{spot.title} {position + 1}".strip()
            answer = given[position] if position < len(given) else None
            whole = own if position < len(first) else possible
            items.append(self.part(spot.below(str(position), own or (True,), whole or (True,), answer, title=title)))
        may_add = bool(rest) and False not in rest and count < _number(level, "maxItems", MOST_ITEMS)
        parts = tuple(item for item in items if item)
        return Repeat(**_place(spot, level), parts=parts, may_add=may_add, fixed=len(first))

    def _map(self, spot: Spot, level: Level, values: Any) -> Repeat:
        """An object of any names, as a list of names with values."""
        given = list(_mapping(spot.answer).items())
        least = _number(level, "minProperties", 0) if spot.required else 0
        count = min(MOST_ITEMS, max(len(given), spot.sent.count, least))
        rows = []
        for position in range(count):
            row = spot.below(str(position), (), (), None, title=f"{spot.title} {position + 1}".strip())
            name = row.below("name", ({"type": "string"},), ({"type": "string"},), None, say="form.name")
            value = given[position][1] if position < len(given) else None
            content = row.below("value", (values,), (values,), value, say="form.value")
            parts = (self.part(name), self.part(content))
            rows.append(Group(**_place(row, Level()), parts=tuple(part for part in parts if part)))
        may_add = count < _number(level, "maxProperties", MOST_ITEMS)
        return Repeat(**_place(spot, level), kind="map", parts=tuple(rows), may_add=may_add)


def _place(spot: Spot, level: Level) -> dict[str, Any]:
    title = _text(level.words, "title") or spot.title
    return {
        "pointer": spot.pointer,
        "title": title,
        "say": "" if title else spot.say,
        "hint": _text(level.words, "description"),
        "required": spot.required,
        "asked": spot.asked,
        "null": spot.null,
    }


def _values_of_names(level: Level) -> Any:
    """The schema of what an object holds under names that the form does not know; None where it holds none."""
    found = [*_mapping(level.words.get("patternProperties")).values(), level.words.get("additionalProperties")]
    return next((schema for schema in found if isinstance(schema, Mapping)), None)


def _text(words: Mapping[str, Any], keyword: str) -> str:
    return str(words.get(keyword, ""))


def _number(level: Level, keyword: str, default: int) -> int:
    value = level.words.get(keyword, default)
    return int(value) if isinstance(value, int | float) else default


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
