"""Checking a model's JSON, with patience for the habits of models."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from pydantic_core import ValidationError, from_json, to_json

from ..data import JsonObject
from .faults import Detail, Path, fault_lines, objects_at, path_in

Validate = Callable[[str | bytes], Any]

_CONTAINERS = frozenset(
    {
        "arguments_type",
        "dataclass_type",
        "dict_type",
        "frozen_set_type",
        "iterable_type",
        "list_type",
        "mapping_type",
        "model_attributes_type",
        "model_type",
        "named_tuple_type",
        "set_type",
        "tuple_type",
    }
)

_ROUNDS = 3
"""A repair may uncover the next (JSON in a string in JSON in a string); nobody has been seen to go deeper."""

_MAX_REPAIRS = 1_000
"""What is wrong in more places than this is no habit but another shape, and trying again would only cost time."""

_NEAR = 24
_PLACE = re.compile(r"line (\d+) column (\d+)")


class Misfit(Exception):
    """A JSON text that does not fit; `lines` say why, `is_json` whether it is JSON at all.

    It never leaves the room: its callers make an `ArgumentsError` or an `OutputError` of it.
    """

    def __init__(self, lines: Sequence[str], *, is_json: bool = True) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines
        self.is_json = is_json

    def message(self, subject: str) -> str:
        """The whole message, beginning with what does not fit."""
        if not self.is_json:
            return f"{subject}: {self.lines[0]}"
        return "\n- ".join([f"{subject} cannot be used:", *self.lines])


def check_json(validate: Validate, text: str, schema: Callable[[], JsonObject]) -> Any:
    """The checked value of a JSON text; raises `Misfit`.

    What fits is not touched. Where it does not fit, two habits of models are forgiven: an object or a list written as
    JSON inside a string, and null for a field that has a default but takes no null (the field is then missing).
    """
    # pydantic reads NaN and Infinity, which are no JSON; the search costs nothing beside the parse.
    if "NaN" in text or "Infinity" in text:
        read_json(text)
    try:
        return validate(text)
    except ValidationError as error:
        return _mend(validate, read_json(text), error, schema())


def read_json(text: str) -> Any:
    """JSON as plain data, strictly; raises `Misfit` with the position of the fault."""
    try:
        return from_json(text, allow_inf_nan=False)
    except TypeError:
        # The reader says so of a str that UTF-8 cannot carry.
        raise Misfit(["not valid JSON: it holds half of a surrogate pair"], is_json=False) from None
    except ValueError as error:
        raise Misfit([f"not valid JSON: {error}{_near(text, str(error))}"], is_json=False) from None


def _mend(validate: Validate, data: Any, error: ValidationError, schema: JsonObject) -> Any:
    details = _details(error)
    for _ in range(_ROUNDS if len(details) <= _MAX_REPAIRS else 0):
        root = {"root": data}
        repairs = [_repair(root, ("root", *path_in(data, detail)), detail, schema) for detail in details]
        data = root["root"]
        if not any(repairs):
            break
        try:
            return validate(to_json(data))
        except ValidationError as again:
            details = _details(again)
    raise Misfit(fault_lines(details, data, schema))


def _details(error: ValidationError) -> list[Detail]:
    return cast("list[Detail]", error.errors(include_url=False))


def _repair(root: JsonObject, path: Path, detail: Detail, schema: JsonObject) -> bool:
    holder: Any = root
    for step in path[:-1]:
        holder = holder[step]
    key: Any = path[-1]
    kind: str = detail["type"]
    # The branches of a union fail at the same place, and another one may have mended it for all: hence the comparisons.
    match detail["input"]:
        case str() as text if kind in _CONTAINERS and holder[key] == text:
            decoded = _container(text)
            if decoded is None:
                return False
            holder[key] = decoded
            return True
        case None if (kind.endswith("_type") or kind in {"literal_error", "enum"}) and holder[key] is None:
            return _drop_null(holder, path[1:], schema)
        case _:
            return False


def _container(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return None


def _drop_null(holder: JsonObject, path: Path, schema: JsonObject) -> bool:
    # Only a declared field that is not required has a default to fall back on; a key of a free-form dict is data, and so
    # are an item of a list and the whole.
    name = path[-1] if path else None
    places = objects_at(schema, path[:-1]) if path else []
    if not any(name in place["properties"] and name not in place.get("required", ()) for place in places):
        return False
    del holder[str(name)]
    return True


def _near(text: str, message: str) -> str:
    place = _PLACE.search(message)
    row = text.split("\n")[int(place[1]) - 1].encode() if place else b""
    column = int(place[2]) if place else 0
    piece = row[max(0, column - _NEAR) : column + _NEAR].decode(errors="ignore").strip()
    return f", near `{piece}`" if piece else ""
