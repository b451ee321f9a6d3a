"""How JSON that came differs from what we would write, and what of it an origin keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ...data import JsonObject, Opaque
from ..shapes import UNREADABLE
from .names import ABSENT, MARKS, NAME

_NOTHING: JsonObject = {}
_object = msgspec.json.Decoder(dict[str, Any]).decode


def is_object(text: str) -> bool:
    """Whether the text is a JSON object."""
    if text == "{}":
        return True
    try:
        _object(text)
    except UNREADABLE:
        return False
    return True


def difference(written: JsonObject, came: Mapping[str, Any]) -> JsonObject:
    """What to keep of a JSON object that came, so that `respelled` makes it of the one that we would write."""
    if written == came:
        return {}
    kept = {
        key: value for key, value in came.items() if (key not in written or written[key] != value) and key not in MARKS
    }
    if absent := [key for key in written if key not in came]:
        kept[ABSENT] = absent
    return kept


def respelled(written: JsonObject, kept: JsonObject) -> JsonObject:
    """The JSON object as it came."""
    if not kept:
        return written
    out = {**written, **kept}
    for key in out.pop(ABSENT, ()):
        out.pop(key, None)
    return out


def own(origin: Opaque | None) -> JsonObject:
    """What this dialect left in an origin; not to be changed."""
    if origin is None or origin.dialect != NAME:
        return _NOTHING
    data: object = origin.data
    return cast("JsonObject", data) if isinstance(data, dict) else _NOTHING


def tagged(kept: JsonObject) -> Opaque | None:
    """An origin that keeps it, if there is anything to keep."""
    return Opaque(NAME, kept) if kept else None


def is_own(origin: Opaque | None) -> bool:
    """Whether it came over this wire."""
    return origin is not None and origin.dialect == NAME


def blocks_of(value: object) -> list[JsonObject] | None:
    """The JSON objects in a list of nothing else, or None."""
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    return cast("list[JsonObject]", items) if all(isinstance(item, dict) for item in items) else None
