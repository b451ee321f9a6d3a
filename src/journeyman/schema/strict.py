"""Making a schema fit for a provider's strict mode."""

from __future__ import annotations

from typing import Any, cast

from ..data import JsonObject
from .adapting import mapped

# OpenAI, "Structured Outputs: supported schemas" (its limits as of February 2026): these are the keywords it takes ...
_TAKEN = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "multipleOf",
        "format",
        "pattern",
        "properties",
        "required",
        "type",
    }
)
# ... these it refuses, but they say only which values are better than others of the same shape, or nothing at all. What
# they say is still checked when the answer comes.
_DROPPED = frozenset(
    {
        "$comment",
        "$id",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "default",
        "deprecated",
        "discriminator",
        "example",
        "examples",
        "maxLength",
        "maxProperties",
        "minLength",
        "minProperties",
        "readOnly",
        "title",
        "uniqueItems",
        "writeOnly",
    }
)
# Everything else (allOf, prefixItems, patternProperties, not, if, ...) gives the value its shape, so there is no strict
# form without it.
_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"})
_LOOKAROUND = ("(?=", "(?!", "(?<=", "(?<!")

MAX_PLACES = 50_000
"""Ours, against schemas whose definitions double as they are unfolded."""

MAX_PROPERTIES = 5_000
MAX_DEPTH = 10
MAX_ENUM_VALUES = 1_000
MAX_NAME_CHARACTERS = 120_000


class _Loose(Exception):
    """There is no strict form; it never leaves this file."""


def strict_schema(schema: JsonObject) -> JsonObject | None:
    """The schema in the form that OpenAI's strict mode demands, or None where there is none.

    Every object is closed and requires all its properties; a property that was optional takes null instead, which the
    checks of this room read as missing. None for free-form objects and values, for what is not an object at the root, and
    for schemas beyond the provider's limits. Whatever fits the result, with those nulls taken out, has the shape that the
    original schema asks for.
    """
    if schema.get("type") != "object":
        return None
    try:
        result = _Strict(schema).closed(schema)
        _refuse_large(result)
    except (_Loose, AttributeError, KeyError, RecursionError, TypeError):
        # The schema of a tool of somebody else's may be anything; what is no schema has no strict form either.
        return None
    return result


class _Strict:
    def __init__(self, root: JsonObject) -> None:
        self._definitions: JsonObject = root.get("$defs", {})
        self._open: list[str] = []
        self._visited = 0

    def closed(self, place: Any) -> JsonObject:
        self._visited += 1
        if not isinstance(place, dict) or self._visited > MAX_PLACES:
            raise _Loose
        place = cast("JsonObject", place)
        if "$ref" in place and len(place) > 1 and "$defs" not in place:
            return self._expanded(place)
        kept = _kept(place)
        if "object" in _kinds(kept):
            self._close(kept)
        elif not kept.keys() & {"$ref", "anyOf", "const", "enum", "type"}:
            raise _Loose
        if "array" in _kinds(kept) and "items" not in kept:
            raise _Loose
        return mapped(kept, lambda below: below if below is False else self.closed(below))

    def _expanded(self, place: JsonObject) -> JsonObject:
        # "$ref cannot have keywords", says OpenAI: what stands beside a reference is merged into what it refers to.
        reference: str = place["$ref"]
        beside = {key: value for key, value in place.items() if key != "$ref"}
        if reference in self._open or not _kept(beside):
            return {"$ref": reference}
        self._open.append(reference)
        result = self.closed({**self._definition(reference), **beside})
        self._open.pop()
        return result

    def _close(self, kept: JsonObject) -> None:
        if kept.get("additionalProperties", "properties" not in kept) is not False:
            raise _Loose
        properties: JsonObject = kept.get("properties", {})
        required = kept.get("required", ())
        kept["properties"] = {
            name: below if name in required else self._nullable(below) for name, below in properties.items()
        }
        kept["required"] = list(properties)
        kept["additionalProperties"] = False

    def _nullable(self, place: JsonObject) -> JsonObject:
        branches = [place, *place.get("anyOf", ()), *place.get("oneOf", ())]
        if "$ref" in place:
            branches.append(self._definition(place["$ref"]))
        if any("null" in _kinds(branch) or branch.get("const", "") is None for branch in branches):
            return place
        inside = {key: value for key, value in place.items() if key != "description"}
        outside = {key: value for key, value in place.items() if key == "description"}
        return {"anyOf": [inside, {"type": "null"}], **outside}

    def _definition(self, reference: str) -> JsonObject:
        return cast("JsonObject", self._definitions[reference.removeprefix("#/$defs/")])


def _kinds(place: JsonObject) -> list[str]:
    kinds = place.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _kept(place: JsonObject) -> JsonObject:
    kept: JsonObject = {}
    for key, value in place.items():
        if key == "oneOf":
            kept["anyOf"] = value  # the branches of a tagged union exclude each other by their tags
        elif _says_only_more(key, value):
            continue
        elif key in _TAKEN:
            kept[key] = value
        else:
            raise _Loose
    return kept


def _says_only_more(key: str, value: Any) -> bool:
    match key:
        case "format":
            return value not in _FORMATS
        case "pattern":
            return any(mark in value for mark in _LOOKAROUND)
        case _:
            return key in _DROPPED


def _refuse_large(schema: JsonObject) -> None:
    definitions: JsonObject = schema.get("$defs", {})
    names: list[str] = list(definitions)
    properties: list[str] = []
    values: list[Any] = []

    def look(place: Any) -> Any:
        if isinstance(place, dict):
            place = cast("JsonObject", place)
            properties.extend(place.get("properties", ()))
            values.extend(place.get("enum", ()))
            names.extend(place[key] for key in ("const",) if isinstance(place.get(key), str))
            mapped(place, look)
        return place

    look(schema)
    characters = sum(len(text) for text in [*names, *properties, *values] if isinstance(text, str))
    if len(properties) > MAX_PROPERTIES or len(values) > MAX_ENUM_VALUES or characters > MAX_NAME_CHARACTERS:
        raise _Loose
    if _Depth(definitions).of(schema) > MAX_DEPTH:
        raise _Loose


class _Depth:
    """How deep objects are nested; a definition inside itself counts once."""

    def __init__(self, definitions: JsonObject) -> None:
        self._definitions = definitions
        self._known: dict[str, int] = {}

    def of(self, place: Any) -> int:
        if not isinstance(place, dict):
            return 0
        place = cast("JsonObject", place)
        below = [0]

        def look(child: Any) -> Any:
            below.append(self.of(child))
            return child

        mapped({key: value for key, value in place.items() if key != "$defs"}, look)
        if "$ref" in place:
            below.append(self._of_definition(place["$ref"].removeprefix("#/$defs/")))
        return max(below) + ("object" in _kinds(place))

    def _of_definition(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = 0
            self._known[name] = self.of(self._definitions[name])
        return self._known[name]
