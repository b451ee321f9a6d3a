"""Values as JSON holds them, so that what a program returned is the same today and when a journal is read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any, Final, cast

from ..faults import Path, prefix
from .mismatch import MAX_FAULTS, kind_of

MAX_DEPTH: Final = 200
"""Values within values; each costs a few frames of Python's stack, of which there are 1,000."""
_INT_BITS: Final = 64
"""What lies beyond comes back from JSON as a float in most readers, ours too."""


class Faults:
    """What is wrong with a value, each with its path."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = False

    def add(self, path: Path, message: str) -> None:
        """Note one; the number is bounded."""
        if len(self._lines) < MAX_FAULTS:
            self._lines.append(f"{prefix(path)}{message}")
        else:
            self._more = True

    def unfit(self, path: Path, wanted: str, value: Any) -> None:
        """Note that a value is of another type; of hidden fields the value is not told."""
        secret = any(isinstance(step, str) and step.startswith("_") for step in path)
        self.add(path, f"expected {wanted}, got {kind_of(value, secret=secret)}")

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them, one line each."""
        return (*self._lines, "and more of the kind") if self._more else tuple(self._lines)


def plain(value: Any, path: Path, faults: Faults) -> Any:  # noqa: C901, PLR0911  (a line for each kind)
    """A value as JSON has it; where there is no such form, a fault and None.

    Sets become lists in an order that does not change from run to run; dates become ISO 8601; tuples lists. Values that only
    pydantic can write (models, decimals, UUIDs) are written by it.
    """
    if len(path) > MAX_DEPTH:
        faults.add(path[:3], f"values are nested deeper than {MAX_DEPTH}")
        return None
    match value:
        case None | bool():
            return value
        case str():
            return _text(value, path, faults)
        case int():
            return _whole(value, path, faults)
        case float():
            return _number(value, path, faults)
        case list() | tuple():
            items = cast("Iterable[Any]", value)
            return [plain(item, (*path, at), faults) for at, item in enumerate(items)]
        case set() | frozenset():
            return plain(in_order(cast("Iterable[Any]", value)), path, faults)
        case Mapping():
            entries = plain_keys(value, path, faults)  # pyright: ignore[reportUnknownArgumentType]
            return {name: plain(item, (*path, name), faults) for name, item in entries.items()}
        case date() | time():
            return value.isoformat()
        case _:
            return plain(_by_pydantic(value, path, faults), path, faults)


def plain_keys(value: Mapping[Any, Any], path: Path, faults: Faults) -> dict[str, Any]:
    """A mapping with text for keys, as JSON has it: numbers become their text."""
    entries: dict[str, Any] = {}
    for key, item in value.items():
        match key:
            case str():
                name = str(_text(key, path, faults))
            case bool():
                name = "true" if key else "false"
            case int() | float():
                name = str(plain(key, path, faults))
            case date():
                name = key.isoformat()
            case _:
                faults.add(path, f"a key of the map is a {type(key).__name__}: JSON has only strings for keys")
                continue
        if name in entries:
            faults.add(path, f"the map has two keys that are written {name[:60]!r}")
        entries[name] = item
    return entries


def in_order(items: Iterable[Any]) -> list[Any]:
    """The items of a set in an order that is the same in every process."""
    return sorted(items, key=_rank)


def _rank(item: Any) -> tuple[str, Any, str]:
    match item:
        case bool() | None:
            return "", 0, repr(item)
        case int() | float():
            return "number", item if item == item else math.inf, ""  # noqa: PLR0124  (NaN is no order)
        case str():
            return "string", 0, item
        case _:
            return "value", 0, json.dumps(item, default=_text_of_set, sort_keys=True)


def _text_of_set(item: Any) -> Any:
    return in_order(cast("Iterable[Any]", item)) if isinstance(item, set | frozenset) else str(item)


def _text(value: str, path: Path, faults: Faults) -> str | None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            faults.add(path, "half of a character stands in the string: no UTF-8 has it")
            return None
    return value


def _whole(value: int, path: Path, faults: Faults) -> int | None:
    if not -(2 ** (_INT_BITS - 1)) <= value < 2**_INT_BITS:
        faults.add(path, f"an int of {value.bit_length():,} bits: JSON keeps {_INT_BITS}; give it as a string")
        return None
    return value


def _number(value: float, path: Path, faults: Faults) -> float | None:
    if not math.isfinite(value):
        faults.add(path, f"a float that is {value}: JSON has no form for it")
        return None
    return value


def _by_pydantic(value: Any, path: Path, faults: Faults) -> Any:
    if not isinstance(value, bytes | bytearray):
        from pydantic_core import PydanticSerializationError, to_jsonable_python  # noqa: PLC0415  (seldom wanted)

        try:
            return to_jsonable_python(value)
        except (PydanticSerializationError, ValueError, RecursionError):
            pass
    faults.add(path, f"a {type(value).__name__} has no form in JSON")
    return None
