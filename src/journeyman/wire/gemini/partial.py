"""Calls whose arguments come in pieces (`streamFunctionCallArguments`, which Vertex AI has)."""

from __future__ import annotations

import re
from typing import cast

import msgspec

from ...data import JsonObject
from ..shapes import json_of
from .shapes import Block, block_of, take

_MOST_STEPS = 100
"""How deep arguments may be nested; deeper ones are an attack, as each piece names its whole path."""

_step = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]").match


class _Piece(msgspec.Struct):
    """A value, or more of one, and the JSONPath at which it stands (the reference of PartialArg)."""

    path: str = msgspec.field(default="$", name="jsonPath")
    string: str | None = msgspec.field(default=None, name="stringValue")
    number: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw, name="numberValue")
    boolean: bool | None = msgspec.field(default=None, name="boolValue")


_pieces = msgspec.json.Decoder(list[_Piece] | None).decode


def is_partial(block: Block, call: PartialCall | None) -> bool:
    """Whether a part is a piece of a call: one that begins, goes on with `call`, or ends it (an empty one)."""
    raw = block.get("functionCall")
    if raw is None:
        return False
    if call is None and len(raw) <= len(b"{ }"):
        return True
    fields = block_of(raw)
    return "partialArgs" in fields or "willContinue" in fields or (call is not None and "name" not in fields)


class PartialCall:
    """One call that grows."""

    def __init__(self) -> None:
        self._fields: Block = {}
        self._rest: Block = {}
        self._args: JsonObject = {}
        self._strings: dict[str, list[str]] = {}

    def grow(self, block: Block) -> bool:
        """Add a piece; true when it was the last one."""
        fields = block_of(block["functionCall"])
        self._rest.update({key: value for key, value in block.items() if key != "functionCall"})
        raw = take(fields, "partialArgs", [])
        more = bytes(fields.pop("willContinue", b"false")) == b"true"
        self._fields.update(fields)
        for piece in (_pieces(raw) if raw is not None else None) or ():
            if piece.string is not None:
                self._strings.setdefault(piece.path, []).append(piece.string)
            else:
                self._strings.pop(piece.path, None)
            # A string holds its place until it is whole, so that keys keep the order in which they came.
            _set(self._args, piece.path, _value(piece))
        return not more

    def whole(self) -> Block | None:
        """The part as it would have come whole; nothing where no call was named."""
        if "name" not in self._fields:
            return None
        for path, pieces in self._strings.items():
            _set(self._args, path, "".join(pieces))
        call = {"args": msgspec.Raw(json_of(self._args)), **self._fields}
        return {"functionCall": msgspec.Raw(json_of(call)), **self._rest}


def _value(piece: _Piece) -> object:
    if piece.string is not None:
        return ""
    if piece.number:
        return piece.number
    return piece.boolean


def _set(args: JsonObject, path: str, value: object) -> None:
    steps = _steps(path)
    here: object = args
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        place: object = value if following is None else ([] if isinstance(following, int) else {})
        here = _placed(here, step, place, last=following is None)


def _placed(here: object, step: str | int, place: object, *, last: bool) -> object:
    if isinstance(here, dict) and isinstance(step, str):
        fields = cast("JsonObject", here)
        if last:
            fields[step] = place
        return fields.setdefault(step, place)
    if isinstance(here, list) and isinstance(step, int) and step <= len(items := cast("list[object]", here)):
        if last or step == len(items):
            items[step : step + 1] = [place]
        return items[step]
    raise msgspec.ValidationError(f"a piece of arguments has no place at its step {str(step)[:100]!r}")


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        found = _step(path, at)
        if found is None or len(steps) == _MOST_STEPS:
            raise msgspec.ValidationError(f"arguments in pieces have the strange path {path[:100]!r}")
        name, index, single, double = found.groups()
        steps.append(
            int(index) if index is not None else next(item for item in (name, single, double) if item is not None)
        )
        at = found.end()
    if not steps:
        raise msgspec.ValidationError("a piece of arguments has no path")
    return steps
