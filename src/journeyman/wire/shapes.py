"""What untyped JSON turned out to be, and JSON text of what we write."""

from __future__ import annotations

from typing import cast

import msgspec

from ..data import CallerError, JsonObject

UNREADABLE = (ValueError, RecursionError)
"""What msgspec raises for bytes that are no JSON, not of the expected shape or nested too deep."""

_encode = msgspec.json.encode


def object_of(value: object) -> JsonObject:
    """The JSON object that it is, or an empty one."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def list_of(value: object) -> list[object]:
    """The JSON array that it is, or an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def objects_of(value: object) -> list[JsonObject]:
    """The objects of the JSON array that it is."""
    return [cast("JsonObject", item) for item in list_of(value) if isinstance(item, dict)]


def string_of(value: object) -> str:
    """The string that it is, or an empty one."""
    return value if isinstance(value, str) else ""


def without(value: JsonObject, *keys: str) -> JsonObject:
    """The other keys of an object."""
    return {key: item for key, item in value.items() if key not in keys}


def json_of(value: object) -> bytes:
    """JSON text; raises `CallerError` for what JSON cannot carry, such as half of a surrogate pair."""
    try:
        return _encode(value)
    except (TypeError, *UNREADABLE) as error:
        raise CallerError(f"a request cannot be written as JSON: {error}") from error
