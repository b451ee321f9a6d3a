"""Lisp's values on this side: as the host sees them, and as memory keeps them.

The prelude says how they look inside (`prelude/basics.monty`): keywords, vars and symbols are marked strings, keys that Python
cannot hash are tagged tuples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, cast

from ...data import CallerError
from .writing import KEYWORD, SYMBOL, VAR

TAG: Final = "~"
"""The key that tells what JSON has no form for; a map that has it itself is written as one of those."""

_FUNCTION: Final = re.compile(r"<function '[^']*' at 0x[0-9a-f]+>")
"""How the interpreter writes a function that crosses to the host."""


def for_host(value: object) -> object:
    """A value as the host sees it: keywords and symbols are their names, a vector in a set or as a key is a tuple."""
    match value:
        case str():
            return _name(value)
        case list() | tuple():
            return [for_host(item) for item in cast("list[object]", value)]
        case dict():
            items = cast("dict[object, object]", value).items()
            return {_hashable(key): for_host(item) for key, item in items}
        case set() | frozenset():
            return {_hashable(item) for item in cast("set[object]", value)}
        case _:
            return value


def is_function(value: object) -> bool:
    """Whether this is what a function has become on its way to the host."""
    return isinstance(value, str) and _FUNCTION.fullmatch(value) is not None


def _name(text: str) -> str:
    mark = text[:1]
    if mark == "<" and _FUNCTION.fullmatch(text):
        return "#fn"
    if mark in (KEYWORD, SYMBOL):
        return text[1:]
    return f"#'{text[1:]}" if mark == VAR else text


def _hashable(key: object) -> object:
    if isinstance(key, str):
        return _name(key)
    if not isinstance(key, tuple):
        return key
    tag, *rest = cast("Sequence[Any]", key)
    match tag:
        case "b":
            return rest[0]
        case "v":
            return tuple(_hashable(item) for item in rest)
        case "m":
            return frozenset((_hashable(name), _hashable(item)) for name, item in rest[0])
        case _:
            return frozenset(_hashable(item) for item in rest[0])


def for_memory(value: object) -> Any:  # noqa: PLR0911  (a line for each kind)
    """A value as JSON can hold it."""
    match value:
        case float() if not math.isfinite(value):
            return {TAG: "float", "value": repr(value)}
        case list():
            return [for_memory(item) for item in cast("list[object]", value)]
        case dict():
            return _map_for_memory(cast("dict[object, object]", value))
        case set() | frozenset() | tuple():
            kind = "key" if isinstance(value, tuple) else "frozen" if isinstance(value, frozenset) else "set"
            return {TAG: kind, "value": [for_memory(item) for item in cast("set[object]", value)]}
        case datetime():
            return {TAG: "time", "value": value.isoformat()}
        case date():
            return {TAG: "date", "value": value.isoformat()}
        case timedelta():
            return {TAG: "duration", "value": [value.days, value.seconds, value.microseconds]}
        case _:
            return value


def _map_for_memory(value: Mapping[object, object]) -> dict[str, Any]:
    if TAG not in value and all(isinstance(key, str) for key in value):
        return {cast("str", key): for_memory(item) for key, item in value.items()}
    return {TAG: "map", "value": [[for_memory(key), for_memory(item)] for key, item in value.items()]}


def from_memory(value: object) -> Any:
    """The value that `for_memory` was given; raises `CallerError` for what it never gives."""
    if isinstance(value, list):
        return [from_memory(item) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    entries = cast("dict[str, Any]", value)
    if TAG not in entries:
        return {key: from_memory(item) for key, item in entries.items()}
    return _untagged(entries[TAG], entries.get("value"))


def _untagged(tag: object, value: Any) -> object:  # noqa: C901, PLR0911  (a line for each kind)
    match tag:
        case "float":
            return float(value)
        case "key":
            return tuple(from_memory(item) for item in value)
        case "frozen":
            return frozenset(from_memory(item) for item in value)
        case "set":
            return {from_memory(item) for item in value}
        case "map":
            return {from_memory(key): from_memory(item) for key, item in value}
        case "time":
            return datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
        case "duration":
            return timedelta(*value)
        case _:
            raise CallerError(f"memory has a value of an unknown kind, {tag!r}; give what Outcome.memory was")
