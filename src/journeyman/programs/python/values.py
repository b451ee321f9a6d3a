"""Values of earlier programs as memory holds them: JSON, with tags for what JSON has no form for.

A value without any tag is in memory as it is. Others are `{"~": "value", "value": …}` with tags inside, and what a statement
makes is that statement's text. `tagging.monty` writes them. Memory is data from a model: whatever is in it, reading it ends
soon, and comes to a value of these kinds, or to none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from ..crossing import kind_of
from ..feedback import MAX_NAMES, size_of

TAG: Final = "~"
"""The key of a tag; a dict of the program's own that has this key is written as pairs."""
DEEPEST: Final = 160
"""How deep values may be nested: a journal that holds them is written and read with less room on the stack."""
_FACTORIES: Final = frozenset({"list", "int", "dict", "set", "float", "str"})
_FAULTS: Final = (TypeError, ValueError, ArithmeticError, KeyError, AttributeError, RecursionError)
_ALIKE: Final = 1_000
_LONGEST: Final = 100


class Restored(msgspec.Struct, frozen=True, gc=False):
    """A value as it crosses into the sandbox, and the expression that makes of it, there, what it was; `is_plain` has no tags."""

    value: object
    expression: str = "{}"
    is_plain: bool = False


def tagged(entry: object) -> dict[str, Any]:
    """An entry with a tag, or a tagged value in one; empty for what has none."""
    held = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    return held if TAG in held else {}


def restored(entry: object) -> Restored | None:
    """What an entry of memory holds; None where it is no value."""
    if not (held := tagged(entry)):
        return Restored(entry, is_plain=True)
    if held[TAG] != "value":
        return None
    try:
        return _whole(held["value"])
    except _FAULTS:
        return None


def is_tagged(value: object) -> bool:
    """Whether tags say what can be restored."""
    return restored({TAG: "value", "value": value}) is not None


def is_shallow(value: object, text: str) -> bool:
    """Whether a value, with this text in JSON, is not nested too deep."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return True
    level, depth = [value], 0
    while level := [child for item in level for child in _children(item)]:
        depth += 1
        if depth > DEEPEST:
            return False
    return True


def _children(item: object) -> Iterable[object]:
    if isinstance(item, dict):
        return cast("dict[str, object]", item).values()
    return cast("list[object]", item) if isinstance(item, list) else ()


def _whole(value: object) -> Restored | None:
    """What has a form only as all that a name holds, since it has to be made inside."""
    held = tagged(value)
    match held.get(TAG):
        case "Counter":
            return Restored(_dict(held["value"]), "__collections__.Counter({})")
        case "defaultdict" if held["of"] in _FACTORIES:
            return Restored(_dict(held["value"]), f"__collections__.defaultdict({held['of']}, {{}})")
        case "deque" if held["of"] is None or type(held["of"]) is int:
            return Restored(_each(held["value"]), f"__collections__.deque({{}}, {held['of']})")
        case "pattern" if type(held["of"]) is int:
            return Restored(_plain(held["value"]), f"__re__.compile({{}}, {held['of']})")
        case _:
            return Restored(_plain(value))


def _plain(value: object) -> object:
    if isinstance(value, list):
        return _each(cast("list[object]", value))
    if not isinstance(value, dict):
        return value
    entries = cast("dict[str, Any]", value)
    if TAG not in entries:
        return {key: _plain(item) for key, item in entries.items()}
    return _KINDS[entries[TAG]](entries["value"])


def _each(values: list[Any]) -> list[object]:
    return [_plain(item) for item in values]


def _dict(pairs: list[Any]) -> dict[object, object]:
    items = [(_plain(key), _plain(item)) for key, item in pairs]
    _refuse_alike([key for key, _ in items])
    return dict(items)


def _members(values: list[Any]) -> list[object]:
    items = _each(values)
    _refuse_alike(items)
    return items


def _refuse_alike(members: list[object]) -> None:
    # Members with one hash are compared each with each: a set of fifty thousand such numbers would take this process minutes.
    if len(members) > _ALIKE:
        hashes = sorted([hash(item) for item in members])
        if sum(one == other for one, other in itertools.pairwise(hashes)) > _ALIKE:
            raise ValueError("too many members have the same hash")


_KINDS: Final[Mapping[str, Callable[[Any], object]]] = {
    "float": float,
    "int": lambda text: int(text, 16),  # of any size; decimal digits would take quadratic time
    "bytes": bytes.fromhex,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "Decimal": Decimal,
    "dict": _dict,
    "tuple": lambda values: tuple(_each(values)),
    "set": lambda values: set(_members(values)),
    "frozenset": lambda values: frozenset(_members(values)),
}


def about(name: str, entry: object) -> str:
    """An entry of memory in a line for a model: its kind and size, not what it says; of functions, how they are called."""
    held = tagged(entry)
    if held.get(TAG) == "made":
        return _head(str(held.get("source")))
    return f"{name[:_LONGEST]}: {size_of(held) if held else kind_of(entry)}"


def listed(memory: Mapping[str, object]) -> list[str]:
    """The names of memory in a list for a model, the latest where there are many."""
    shown = [f"- {about(name, entry)}" for name, entry in itertools.islice(reversed([*memory.items()]), MAX_NAMES)]
    more = [f"- and {len(memory) - MAX_NAMES:,} more"] if len(memory) > MAX_NAMES else []
    return [*reversed(shown), *more]


def described(name: str, entry: object) -> str:
    """The same for a person who asks for one name: functions and classes with all their text."""
    held = tagged(entry)
    if held.get(TAG) == "made":
        return str(held.get("source")).removeprefix("if 1:\n")
    return f"{about(name, entry)}, of an earlier program"


def _head(source: str) -> str:
    lines = [line.strip() for line in source.removeprefix("if 1:").splitlines()]
    line = next((line for line in lines if line and line[0] not in "@#"), "")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
