"""Types of signatures as JSON Schema, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, assert_never, cast

from ...data import JsonObject
from .shapes import ANY, NAME, Field, FieldType, ListOf, Maybe, Record, Scalar, ScalarName

_MAX_DEPTH: Final = 12
"""Recursive models have no end; what lies further in is taken as anything."""
_SCHEMAS: Final[dict[ScalarName, JsonObject]] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "keyword": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
    "any": {},
    "map": {"type": "object"},
    "list": {"type": "array"},
}
_NAMES: Final[dict[str, ScalarName]] = {
    "string": "string",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "map",
}


def json_schema(type_: FieldType) -> JsonObject:
    """The JSON Schema of a type.

    Objects take no other fields: that is what a model has to be told. A check lets them pass.
    """
    match type_:
        case Scalar():
            return dict(_SCHEMAS[type_.name])
        case ListOf():
            return {"type": "array", "items": json_schema(type_.of)}
        case Record():
            return record_schema(type_.fields)
        case Maybe():
            inner = json_schema(type_.of)
            return {"anyOf": [inner, {"type": "null"}]} if inner else inner
        case _:  # pragma: no cover
            assert_never(type_)


def record_schema(fields: tuple[Field, ...]) -> JsonObject:
    """The JSON Schema of an object with these fields."""
    return {
        "type": "object",
        "properties": {field.name: json_schema(field.type) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def read_schema(schema: JsonObject) -> FieldType:
    """What a JSON Schema comes to in the types of signatures; `:any` where they cannot say it."""
    return _Reader(schema).type(schema, 0)


class _Reader:
    def __init__(self, root: JsonObject) -> None:
        self._definitions: JsonObject = root.get("$defs", {})

    def type(self, schema: Any, depth: int) -> FieldType:
        if not isinstance(schema, dict) or depth > _MAX_DEPTH:
            return ANY
        place = cast("JsonObject", schema)
        if reference := place.get("$ref"):
            return self.type(self._definitions.get(str(reference).removeprefix("#/$defs/")), depth + 1)
        if branches := place.get("anyOf") or place.get("oneOf"):
            return self._union(branches, depth)
        values = cast("Sequence[Any]", [place["const"]] if "const" in place else place.get("enum") or [])
        if values:
            return Scalar("string") if all(isinstance(value, str) for value in values) else ANY
        return self._plain(place, depth)

    def _union(self, branches: Any, depth: int) -> FieldType:
        inner = [branch for branch in branches if branch != {"type": "null"}]
        if len(inner) != 1:
            return ANY
        found = self.type(inner[0], depth + 1)
        return found if len(branches) == 1 or found == ANY else _maybe(found)

    def _plain(self, place: JsonObject, depth: int) -> FieldType:
        kind = place.get("type")
        if kind == "string" and place.get("format") in ("date-time", "date"):
            return Scalar("datetime")
        if kind == "array" and isinstance(place.get("items"), dict):
            return ListOf(self.type(place["items"], depth + 1))
        if kind == "object" and isinstance(place.get("properties"), dict):
            return self._record(place, depth)
        return Scalar(_NAMES.get(str(kind), "any"))

    def _record(self, place: JsonObject, depth: int) -> FieldType:
        properties: JsonObject = place["properties"]
        if not all(NAME.fullmatch(name) for name in properties):
            return Scalar("map")  # such names cannot be written in a signature
        required = place.get("required", ())
        fields: list[Field] = []
        for name, inner in properties.items():
            found = self.type(inner, depth + 1)
            fields.append(Field(name, found if name in required else _maybe(found)))
        return Record(tuple(fields))


def _maybe(type_: FieldType) -> Maybe:
    return type_ if isinstance(type_, Maybe) else Maybe(type_)
