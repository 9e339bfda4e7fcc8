"""What a schema says of one value: everything that applies to it (references, allOf, conditions) laid over one another.

Only what lies on the way of the value is looked at, so that a schema may refer to itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.forms.pointers import BadPointer, get

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Schema = Mapping[str, Any]
Schemas = tuple[Any, ...]  # all speak of the same value; each an object, or True or False

STRUCTURE = frozenset({"properties", "required", "items", "allOf", "if", "then", "else", "$ref", "$defs"})
DEPENDENT = ("dependentSchemas", "dependentRequired")


@dataclass
class Level:
    """What applies to one value. ``words`` are the keywords without structure, the later over the earlier.

    ``properties`` has the schemas that speak of each, () for one that is ruled out. ``refs`` are those followed.
    """

    words: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Schemas] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: Schemas = ()
    refs: set[str] = field(default_factory=set)
    ruled_out: bool = False

    @property
    def keywords(self) -> dict[str, Any]:
        """The words, with those of its structure that tell an answer's type."""
        structure = {"properties": self.properties, "required": self.required, "items": self.items}
        return self.words | {keyword: value for keyword, value in structure.items() if value}

    @property
    def branches(self) -> Sequence[Any]:
        """The alternatives of ``oneOf``, else of ``anyOf``."""
        return _list(self.words.get("oneOf")) or _list(self.words.get("anyOf"))

    @property
    def schema(self) -> dict[str, Any]:
        """One schema that says the same, its conditions decided, but for the alternatives."""
        used = "oneOf" if _list(self.words.get("oneOf")) else "anyOf"
        schema = {keyword: value for keyword, value in self.words.items() if keyword != used}
        structure = {
            "properties": {name: _all(schemas) for name, schemas in self.properties.items()},
            "required": sorted(self.required),
            "items": _all(self.items),
        }
        return schema | {keyword: value for keyword, value in structure.items() if value}

    def lay(self, schema: Any, answered: Mapping[str, Any] | None) -> None:
        """``answered``: the value where it is an object; None for whatever it may be."""
        if not isinstance(schema, Mapping):
            self.ruled_out |= schema is False
            return
        self.words |= {keyword: value for keyword, value in schema.items() if keyword not in STRUCTURE}
        self.required |= {name for name in _list(schema.get("required")) if isinstance(name, str)}
        for name, others in _object(schema.get("dependentRequired")).items():
            if answered is not None and name in answered:
                self.required |= {other for other in _list(others) if isinstance(other, str)}
        if "items" in schema:
            self.items += (schema["items"],)
        for name, below in _object(schema.get("properties")).items():
            self._declare(str(name), below, drop=answered is not None)

    def _declare(self, name: str, below: Any, *, drop: bool) -> None:
        before = self.properties.get(name)
        if below is False:
            self.properties[name] = () if drop or before is None else before
        elif before != () or not drop:
            self.properties[name] = (*(before or ()), below)


@dataclass(frozen=True)
class Levels:
    """Of one form."""

    root: Schema

    def of(self, schemas: Schemas, answer: Any) -> Level:
        """What applies to ``answer``; None or {} for nothing yet."""
        level = Level()
        for schema in self._applying(schemas, answer, level.refs):
            level.lay(schema, answer if isinstance(answer, Mapping) else {})
        return level

    def possible(self, schemas: Schemas) -> Level:
        """Everything that may apply, under whatever answers: all branches of its conditions united."""
        level = Level()
        for schema in self._applying(schemas, None, level.refs, every=True):
            level.lay(schema, None)
        return level

    def fits(self, schema: Any, answer: Any) -> bool:
        """Whether an answer, {} for none, is valid under a schema of this form."""
        answer = {} if answer is None else answer
        if _surely_unfit(schema, answer):
            return False
        return bool(self._validator.evolve(schema=schema).is_valid(answer))

    def target(self, reference: Any) -> Any:
        """What a local ``$ref`` leads to; True, which says nothing, where that is not in this form."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            return True
        try:
            return get(self.root, reference[1:])
        except (KeyError, BadPointer):
            return True

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self.root)

    def _applying(self, schemas: Schemas, answer: Any, seen: set[str], *, every: bool = False) -> Iterator[Any]:
        """The weaker first: what is referred to, what is part of it, itself, what its conditions add."""
        for schema in schemas:
            if not isinstance(schema, Mapping):
                yield schema
                continue
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                yield from self._applying((self.target(reference),), answer, seen, every=every)
            yield from self._applying(tuple(_list(schema.get("allOf"))), answer, seen, every=every)
            yield schema
            added = tuple(self._conditional(schema, answer, every))
            yield from self._applying(added, answer, seen, every=every)

    def _conditional(self, schema: Schema, answer: Any, every: bool) -> Iterator[Any]:
        if "if" in schema:
            holds = every or self.fits(schema["if"], answer)
            yield from ([schema["then"]] if holds and "then" in schema else [])
            yield from ([schema["else"]] if (every or not holds) and "else" in schema else [])
        for name, below in _object(schema.get("dependentSchemas")).items():
            if every or (isinstance(answer, Mapping) and name in answer):
                yield below


def _all(schemas: Schemas) -> Any:
    """One schema for several; none is for what is ruled out."""
    return {"allOf": list(schemas)} if len(schemas) > 1 else schemas[0] if schemas else False


def _surely_unfit(schema: Any, answer: Any) -> bool:
    """So that a form with little in it needs no validator."""
    if not isinstance(schema, Mapping):
        return False
    if isinstance(answer, Mapping):
        missing = any(name not in answer for name in _list(schema.get("required")))
        properties = _object(schema.get("properties"))
        return missing or any(_surely_unfit(properties[name], answer[name]) for name in properties if name in answer)
    return answer == [] and "contains" in schema and "minContains" not in schema


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
