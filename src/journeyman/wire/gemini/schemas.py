"""The schemas of `parameters` and `responseSchema`, an OpenAPI subset, to JSON Schema and back."""

from __future__ import annotations

from typing import Any, cast

from ...data import JsonObject

_TYPES = {name.upper(): name for name in ("object", "array", "string", "number", "integer", "boolean", "null")}
_UPPER = {lower: upper for upper, lower in _TYPES.items()}


def json_schema_of(schema: JsonObject) -> JsonObject:
    """JSON Schema: types in lower case, and `null` among them where the subset says `nullable`."""
    out = _walked(schema, json_schema_of)
    kind: Any = schema.get("type")
    if isinstance(kind, str):
        out["type"] = _TYPES.get(kind, kind)
        if schema.get("nullable") is True:
            del out["nullable"]
            out["type"] = [out["type"], "null"]
    return out


def subset_of(schema: JsonObject) -> JsonObject:
    """The other way; a schema that did not come from the subset need not come out right."""
    out = _walked(schema, subset_of)
    kind: Any = schema.get("type")
    match kind:
        case [str(first), "null"]:
            out["type"] = _UPPER.get(first, first)
            out["nullable"] = True
        case str():
            out["type"] = _UPPER.get(kind, kind)
        case _:
            pass
    return out


def _walked(schema: JsonObject, change: Any) -> JsonObject:
    out = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            out[key] = change(schema[key])
    for key in ("properties", "defs", "$defs"):
        if isinstance(named := schema.get(key), dict):
            out[key] = {name: _changed(value, change) for name, value in cast("JsonObject", named).items()}
    for key in ("anyOf", "prefixItems"):
        if isinstance(several := schema.get(key), list):
            out[key] = [_changed(value, change) for value in cast("list[object]", several)]
    return out


def _changed(value: Any, change: Any) -> Any:
    return change(value) if isinstance(value, dict) else value
