"""What a signature is made of: the types of fields."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, TypeAlias, assert_never, cast, get_args

import msgspec

ScalarName = Literal["string", "int", "float", "bool", "keyword", "datetime", "any", "map", "list"]
"""The types that are written as one word; `map` and `list` are those whose contents nobody looks at."""

SCALARS: Final[tuple[ScalarName, ...]] = get_args(ScalarName)
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""How a field may be called."""


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """`:int` and its like."""

    name: ScalarName


class ListOf(msgspec.Struct, frozen=True):
    """`[:int]`: a list whose items have one type."""

    of: FieldType


class Field(msgspec.Struct, frozen=True):
    """A name with its type, in a map or among the inputs."""

    name: str
    type: FieldType

    @property
    def hidden(self) -> bool:
        """Whether it is kept from prompts: programs and callers see it, other models do not."""
        return self.name.startswith("_")

    @property
    def required(self) -> bool:
        """Whether it has to be there."""
        return not isinstance(self.type, Maybe)


class Record(msgspec.Struct, frozen=True):
    """`{id :int, name :string}`: a map with these fields, and perhaps others."""

    fields: tuple[Field, ...]


class Maybe(msgspec.Struct, frozen=True):
    """`:int?`: the type, or nil, or a field that is left out."""

    of: Scalar | ListOf | Record


FieldType: TypeAlias = Scalar | ListOf | Record | Maybe

ANY: Final = Scalar("any")


def written(type_: FieldType) -> str:
    """A type as a signature writes it."""
    match type_:
        case Scalar():
            return f":{type_.name}"
        case ListOf():
            return f"[{written(type_.of)}]"
        case Record():
            return f"{{{written_fields(type_.fields)}}}"
        case Maybe():
            return f"{written(type_.of)}?"
        case _:  # pragma: no cover
            assert_never(type_)


def written_fields(fields: tuple[Field, ...]) -> str:
    """Fields as a signature writes them, without what is around them."""
    return ", ".join(f"{field.name} {written(field.type)}" for field in fields)


def without_hidden(type_: FieldType) -> FieldType:
    """The type as others see it: no hidden field, however deep."""
    match type_:
        case Scalar():
            return type_
        case ListOf():
            return ListOf(without_hidden(type_.of))
        case Record():
            return Record(visible(type_.fields))
        case Maybe():
            inner = without_hidden(type_.of)
            return inner if isinstance(inner, Maybe) else Maybe(inner)
        case _:  # pragma: no cover
            assert_never(type_)


def visible(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The fields that others see."""
    return tuple(Field(field.name, without_hidden(field.type)) for field in fields if not field.hidden)


def shown_of(value: Any, type_: FieldType) -> Any:
    """JSON data of the type as others are shown it: without the values of hidden fields."""
    match type_, value:
        case Maybe(inner), _:
            return shown_of(value, inner)
        case ListOf(inner), list():
            return [shown_of(item, inner) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case Record(fields), dict():
            types = {field.name: field.type for field in fields}
            entries = cast("dict[str, Any]", value).items()
            return {name: shown_of(item, types.get(name, ANY)) for name, item in entries if not name.startswith("_")}
        case _:
            return value


def alike(name: str) -> str:
    """A name in the spelling in which names are compared: Lisp writes `order-id` where JSON has `order_id`."""
    return name.replace("-", "_")
