"""A signature: what a program or an agent is given, and what it has to give."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, assert_never

import msgspec

from ...data import CallerError, JsonObject
from .checking import check
from .fitting import misfits, whole_taker
from .mismatch import InputMismatch, OutputMismatch
from .parsing import parse
from .schemas import json_schema, record_schema
from .shapes import Field, FieldType, Record, shown_of, visible, without_hidden, written, written_fields
from .telling import in_lisp, in_python
from .typed import Typed, check_typed, typed


class Signature(msgspec.Struct, frozen=True):
    """What is given and what has to come back, as in `(user {id :int}, limit :int?) -> [{order_id :int}]`.

    Types: `:string :int :float :bool :keyword :datetime :any :map :list`, `[type]`, `{name type, …}`; a `?` after a type says
    that the value may be nil or left out. Fields whose name begins with `_` are hidden: programs and callers see them, other
    models do not (`public`). Values are plain JSON data: a keyword is a string, a datetime ISO 8601.

    `typed` is set where the output is a Python type: it is then checked by `OutputSchema`, and `output` is what the type comes
    to in a signature's words.
    """

    parameters: tuple[Field, ...]
    output: FieldType
    typed: Typed | None = None

    @classmethod
    def parse(cls, text: str) -> Signature:
        """The signature that a text says; raises `CallerError` with the place where it says none.

        The output alone is a signature without inputs.
        """
        return cls(*parse(text))

    @property
    def inputs(self) -> Mapping[str, FieldType]:
        """The types of the inputs by name."""
        return MappingProxyType({field.name: field.type for field in self.parameters})

    def __str__(self) -> str:
        output = written(self.output)
        return f"({written_fields(self.parameters)}) -> {output}" if self.parameters else output

    def check_inputs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as plain JSON data of their types; raises `InputMismatch`.

        Models quote numbers, so `"42"` is taken for an int, `"3.14"` for a float and `"true"` for a bool; an int is a float. A
        name may be spelt with `-` for `_`. What the signature does not name is kept.
        """
        found, faults = check(values, Record(self.parameters), coerce=True)
        if faults:
            raise InputMismatch(faults)
        checked: dict[str, Any] = found
        return checked

    def check_output(self, value: Any) -> Any:
        """The value as plain JSON data of the output's type, or of the Python type; raises `OutputMismatch`.

        Nothing is read into strings here, and `42.0` is no int; but an int is a float, sets and tuples are lists (a set's items
        sorted), and dates are ISO 8601. A name may be spelt with `-` for `_`. What the signature does not name is kept.
        """
        if self.typed is not None:
            return check_typed(self.typed.schema, value)
        found, faults = check(value, self.output, coerce=False)
        if faults:
            raise OutputMismatch(faults)
        return found

    def dump(self, checked: Any) -> Any:
        """What `check_output` gave as JSON data, of the output's own shape (without the object that `OutputSchema` puts around)."""
        return checked if self.typed is None else self.typed.data(checked)

    def load(self, dumped: Any) -> Any:
        """What `dump` was given; raises `OutputError` if the Python type has changed since and takes it no more."""
        return dumped if self.typed is None else self.typed.schema.load(dumped)

    def input_schema(self) -> JsonObject:
        """The JSON Schema of the inputs, an object."""
        return record_schema(self.parameters)

    def output_schema(self) -> JsonObject:
        """The JSON Schema of the output; for a Python type what its model is asked for (see `OutputSchema.schema`)."""
        return (self.typed.schema.schema if self.typed else None) or json_schema(self.output)

    def describe(self, language: Literal["lisp", "python"]) -> str:
        """What is given and what has to be returned, in the words of a language, for a prompt."""
        match language:
            case "lisp":
                return in_lisp(self.parameters, self.output)
            case "python":
                return in_python(self.parameters, self.output)
            case _:
                assert_never(language)

    @property
    def public(self) -> Signature:
        """The signature as others are told of it, such as the model of an agent that has this one as a tool.

        Whoever writes the program has to know the hidden fields too: it is told by `describe` of the signature itself.
        """
        return Signature(visible(self.parameters), without_hidden(self.output))

    def visible(self, checked: Any) -> Any:
        """What others are shown of a checked output, as JSON data: no value of a hidden field."""
        return shown_of(self.dump(checked), self.output)

    def fits(self, following: Signature) -> list[str]:
        """What of the inputs of `following` this output cannot satisfy; empty where it fits, as far as types can say.

        A map gives its fields by name, and inputs that are optional may be absent from it. What is no map goes, whole, to the
        only required input, or to the only input. `:any` and `:map` may hold anything, so nothing is said against them.
        """
        return misfits(self.typed.given if self.typed else self.output, following.parameters)

    def inputs_from(self, value: Any) -> dict[str, Any]:
        """The checked inputs for what the step before gave, by the rule of `fits`; raises `InputMismatch`."""
        if isinstance(value, Mapping) or not self.parameters:
            return self.check_inputs(value if isinstance(value, Mapping) else {})  # pyright: ignore[reportUnknownArgumentType]
        found, faults = check(value, Record(self.parameters), coerce=True)
        if not faults:
            return dict(found)  # a model or a dataclass: a map too
        taker = whole_taker(self.parameters)
        if taker is None:
            names = ", ".join(field.name for field in self.parameters)
            raise InputMismatch((f"expected a map with {names}; a {type(value).__name__} names none of them",))
        return self.check_inputs({taker.name: value})


def signature_of(source: Any) -> Signature:
    """The signature that a text, a Python type or a signature stands for.

    A Python type (a model, dataclass, TypedDict, `list[...]`, as for an agent's `output_type`) is that of the output, without
    inputs. Raises `CallerError` for a text that is no signature and a type that JSON cannot carry.
    """
    match source:
        case Signature():
            return source
        case str():
            return Signature.parse(source)
        case None:
            raise CallerError("a signature is a text such as '(id :int) -> {name :string}' or a type, not None")
        case _:
            found = typed(source)
            return Signature((), found.asked, found)
