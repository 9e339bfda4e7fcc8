"""What holds for every form and common part, beyond being a JSON Schema: closed objects, bounded answers, titles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.forms.drafts import Finding
from chalicelib.forms.formats import FORMATS
from chalicelib.forms.pointers import join
from chalicelib.forms.schemas import subschemas
from chalicelib.forms.validation import compiled

_FOREIGN = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "unevaluatedProperties", "unevaluatedItems", "enum")
_CONDITIONS = ("if", "then", "else", "not", "contains", "allOf", "anyOf", "dependentSchemas")
_OPEN = ("additionalProperties", "patternProperties")
_TELLING = frozenset({"$ref", "enum", "const", "oneOf", "anyOf", "allOf", "x-part"})
_INFERRED = frozenset({
    "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "items", "prefixItems",
    "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf",
})  # fmt: skip
_KNOWN = _TELLING | _INFERRED | {
    "type", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "if", "then",
    "else", "not", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems", "minProperties",
    "maxProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
}  # fmt: skip
_BESIDE_REF = ("$ref", "title", "description", "required")


def form_rules(file: str, form: Mapping[str, Any]) -> Iterator[Finding]:
    for path, schema in subschemas(form):
        declares = not path or path[-2:-1] == ("properties",) or path[-1] == "items"
        for message in _faults_of_schema(schema):
            yield Finding(file, join(path), message)
        if declares and not _is_condition(path):
            for message in _faults_of_declaration(schema, is_item=path[-1:] == ("items",)):
                yield Finding(file, join(path), message)


def form_warnings(file: str, form: Mapping[str, Any]) -> Iterator[Finding]:
    """What the page can only ask for as plain text (JSON), and keywords that it knows nothing of."""
    for path, schema in subschemas(form):
        for keyword in schema:
            if keyword not in _KNOWN and not keyword.startswith(("x-", "$")):
                yield Finding(
                    file, join(path), f"{keyword} is no keyword that the page knows: it changes nothing there"
                )
        declares = path[-2:-1] == ("properties",) or path[-1:] == ("items",)
        if declares and not _is_condition(path) and _is_plain(schema):
            yield Finding(file, join(path), "no control suits this: it is asked for in a plain field, as JSON")


def _is_plain(schema: Mapping[str, Any]) -> bool:
    if not _TELLING.isdisjoint(schema):
        return False
    match schema.get("type"):
        case "object":
            return not any(isinstance(schema.get(keyword), Mapping) for keyword in ("properties", *_OPEN))
        case "array":
            return not isinstance(schema.get("items"), Mapping) and "prefixItems" not in schema
        case None:
            return _INFERRED.isdisjoint(schema)
    return False


def _is_condition(path: Sequence[str | int]) -> bool:
    """Whether a schema only adds conditions to what is declared elsewhere: it stands below if, then, else …"""
    keywords = [path[depth] for depth in range(len(path)) if depth == 0 or path[depth - 1] != "properties"]
    return any(keyword in _CONDITIONS for keyword in keywords)


def _faults_of_declaration(schema: Mapping[str, Any], *, is_item: bool) -> Iterator[str]:
    if "$ref" in schema:
        return
    if "title" not in schema and not is_item:
        yield "has no title"
    if not isinstance(schema.get("type"), str):
        yield "has no single type"


def _faults_of_schema(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword in schema:
        if keyword in _FOREIGN:
            yield f"{keyword} can't be used in forms" + (": list choices by oneOf" if keyword == "enum" else "")
        if "$ref" in schema and keyword not in _BESIDE_REF and not keyword.startswith("x-"):
            yield f"{keyword} can't stand beside a $ref"
    if "format" in schema and schema["format"] not in FORMATS:
        yield f"format {schema['format']} is not checked; there are {', '.join(FORMATS)}"
    if any("const" in option and "title" not in option for option in schema.get("oneOf", ())):
        yield "a choice needs a title"
    if "pattern" in schema:
        yield from _faults_of_pattern(schema["pattern"])
    by_type = _BY_TYPE.get(str(schema.get("type")))
    yield from by_type(schema) if by_type else ()


def _faults_of_pattern(pattern: str) -> Iterator[str]:
    try:
        compiled(pattern)
    except re.error as error:
        yield f"no valid pattern: {error}"
    if not (pattern.startswith("^") and pattern.endswith("$")):
        yield "a pattern says the whole answer: begin with ^ and end with $"
    if re.search(r"\\[dwbDWB]", pattern):
        yield "write [0-9] or [A-Za-z]: shorthands mean other characters in a browser than here"


def _faults_of_object(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield "an object needs additionalProperties: false"


def _faults_of_string(schema: Mapping[str, Any]) -> Iterator[str]:
    if _is_choice(schema):
        return
    if "maxLength" not in schema:
        yield "a string needs maxLength"
    if not schema.get("x-multiline") and not {"pattern", "format"} & schema.keys():
        yield "a string in one line needs a pattern or a format (or x-multiline)"


def _is_choice(schema: Mapping[str, Any]) -> bool:
    options = schema.get("oneOf", ())
    return "const" in schema or (bool(options) and all("const" in option for option in options))


def _faults_of_array(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword in ("items", "maxItems"):
        if keyword not in schema:
            yield f"an array needs {keyword}"


def _faults_of_number(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword in ("minimum", "maximum"):
        if keyword not in schema and not _is_choice(schema):
            yield f"a number needs a {keyword}"


_BY_TYPE: Mapping[str, Callable[[Mapping[str, Any]], Iterable[str]]] = {
    "object": _faults_of_object,
    "string": _faults_of_string,
    "array": _faults_of_array,
    "integer": _faults_of_number,
    "number": _faults_of_number,
}
