"""Signatures in a prompt."""

from __future__ import annotations

import keyword
from typing import Final, assert_never

from .shapes import Field, FieldType, ListOf, Maybe, Record, Scalar, ScalarName, written

_PYTHON: Final[dict[ScalarName, str]] = {
    "string": "str",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "keyword": "str",
    "datetime": "str",
    "any": "Any",
    "map": "dict[str, Any]",
    "list": "list[Any]",
}


def in_lisp(inputs: tuple[Field, ...], output: FieldType) -> str:
    """Inputs as the program names them, and the type of what it has to return."""
    given = [f"- data/{field.name} {written(field.type)}" for field in inputs]
    lines = ["Inputs:", *given] if given else []
    returned = f"Return: {written(output)}"
    if "?" in returned or any(not field.required for field in inputs):
        returned += "\n(a type with ? may be nil, and such a key may be left out)"
    return "\n".join([*lines, returned])


def in_python(inputs: tuple[Field, ...], output: FieldType) -> str:
    """The inputs in `data` and the type of the result, as typed dictionaries."""
    stubs = _Stubs()
    lines: list[str] = []
    if inputs:
        lines.append(f"data: {stubs.of(Record(inputs), 'Data')}")
    lines.append(f"result: {stubs.of(output, 'Result')}")
    return "\n\n".join([*stubs.classes, "\n".join(lines)])


class _Stubs:
    """The classes that annotations name, inner ones first."""

    def __init__(self) -> None:
        self.classes: list[str] = []
        self._names: set[str] = set()

    def of(self, type_: FieldType, name: str) -> str:
        """The annotation of a type; a map of fields gets a class, named for where it stands."""
        match type_:
            case Scalar():
                return _PYTHON[type_.name]
            case ListOf():
                return f"list[{self.of(type_.of, f'{name}Item')}]"
            case Record():
                return self._class(type_.fields, name) if type_.fields else "dict[str, Any]"
            case Maybe():
                return f"{self.of(type_.of, name)} | None"
            case _:  # pragma: no cover
                assert_never(type_)

    def _class(self, fields: tuple[Field, ...], wanted: str) -> str:
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}{number}"
        self._names.add(name)
        entries = [(field.name, self._entry(field, name)) for field in fields]
        if all(key.isidentifier() and not keyword.iskeyword(key) for key, _ in entries):
            body = "\n".join(f"    {key}: {hint}" for key, hint in entries)
            self.classes.append(f"class {name}(TypedDict):\n{body}")
        else:
            body = ", ".join(f'"{key}": {hint}' for key, hint in entries)
            self.classes.append(f'{name} = TypedDict("{name}", {{{body}}})')
        return name

    def _entry(self, field: Field, name: str) -> str:
        part = "".join(word.capitalize() for word in field.name.replace("-", "_").split("_"))
        hint = self.of(field.type, f"{name}{part}")
        return hint if field.required else f"NotRequired[{hint}]"
