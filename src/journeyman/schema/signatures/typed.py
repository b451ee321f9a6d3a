"""Outputs that a Python type describes: checked where the answers of agents are."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ...data import JsonObject
from ..faults import OutputError
from ..outputs import OutputSchema, output_schema
from .checking import check
from .mismatch import OutputMismatch
from .schemas import read_schema
from .shapes import ANY, FieldType, Record, Scalar, alike

_WRAP = "result"


class Typed(msgspec.Struct, frozen=True):
    """A Python type as an output: `asked` is what a model has to give, `given` what comes of it, with defaults filled in."""

    schema: OutputSchema
    asked: FieldType
    given: FieldType

    def data(self, checked: Any) -> Any:
        """A checked value as JSON data of its own shape: what is no object stands in one in `OutputSchema.dump`."""
        dumped: Any = self.schema.dump(checked)
        names: JsonObject = (self.schema.schema or {}).get("properties", {})
        if isinstance(self.asked, Record) or list(names) != [_WRAP] or not isinstance(dumped, dict):
            return dumped
        inner: Any = cast("JsonObject", dumped)[_WRAP]
        # What could be taken for the object around it keeps that.
        return dumped if isinstance(inner, dict) and _WRAP in inner else inner  # pyright: ignore[reportUnknownVariableType]


def typed(output_type: Any) -> Typed:
    """What a Python type comes to; raises `CallerError` for one that JSON cannot carry."""
    output = output_schema(output_type)
    if output_type is str:
        return Typed(output, Scalar("string"), Scalar("string"))
    # Here, because these import pydantic, which an agent that answers in words need not wait for.
    from ..adapting import adapt  # noqa: PLC0415
    from .defaults import given_schema  # noqa: PLC0415

    adapter, schema = adapt(output_type, f"the output type {output.name}")
    asked = read_schema(schema)
    try:
        given = read_schema(given_schema(adapter))
    except Exception:  # noqa: BLE001  (the hooks of a user's type may raise anything, and what was asked for is close)
        given = asked
    return Typed(output, asked, given)


def check_typed(output: OutputSchema, value: Any) -> Any:
    """A program's value as the Python type; raises `OutputMismatch`."""
    plain, faults = check(value, ANY, coerce=False)
    if faults:
        raise OutputMismatch(faults)
    try:
        return output.load(plain)
    except OutputError as error:
        first = error
    # Lisp's habit of writing :order-id for what the type calls order_id.
    respelt = _respelt(plain)
    if respelt == plain:
        raise OutputMismatch(_lines(first, plain))
    try:
        return output.load(respelt)
    except OutputError as again:
        raise OutputMismatch(_lines(again, respelt)) from None


def _respelt(value: Any) -> Any:
    match value:
        case dict():
            entries = cast("dict[str, Any]", value)
            return {alike(name): _respelt(item) for name, item in entries.items()}
        case list():
            return [_respelt(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def _lines(error: OutputError, value: Any) -> tuple[str, ...]:
    """The lines of an `OutputError`, which are those of its message, with paths that begin at the value."""
    _, several, rest = str(error).partition(" cannot be used:\n- ")
    lines = rest.split("\n- ") if several else [str(error).removeprefix("the answer: ")]
    wrapped = not (isinstance(value, dict) and _WRAP in value)
    return tuple([_inner(line) for line in lines] if wrapped else lines)


def _inner(line: str) -> str:
    # What is no object stands in one for the check, as `result`; the model has not written that.
    for mark in (f"{_WRAP}: ", f"{_WRAP}."):
        if line.startswith(mark):
            return line.removeprefix(mark)
    return line.removeprefix(_WRAP) if line.startswith(f"{_WRAP}[") else line
