"""Granted tools as Python: names, signatures, and the definitions that a program finds."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from ...data import CallerError, ToolSpec

RESERVED = frozenset({"data", "tools", "async_tools", "print"})
_PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "array": "list[Any]",
    "object": "dict[str, Any]",
}
_DEEPEST = 6  # beyond it a type says Any: no model reads further, and schemas may refer to themselves
_WIDEST = 12


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """One argument of a tool."""

    name: str
    type: str
    required: bool


class Signature(msgspec.Struct, frozen=True, gc=False):
    """A tool as a Python function. `open` says that it takes other arguments too."""

    tool: str
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    open: bool

    @property
    def is_bare(self) -> bool:
        """Whether it can be called by its name alone; where not, it is found in `tools`."""
        return self.name not in RESERVED and not self.name.startswith("__")

    def declared(self, *, receiver: bool = False) -> str:
        """What stands between the parentheses of its definition."""
        parts = ["self"] if receiver else []
        # Required ones first, as Python wants it; models name most arguments anyway.
        ordered = sorted(self.parameters, key=lambda item: not item.required)
        parts += [f"{item.name}: {item.type}{'' if item.required else ' = ...'}" for item in ordered]
        if self.open:
            parts.append("**others: Any")
        return ", ".join(parts)

    @property
    def order(self) -> tuple[str, ...]:
        """The names of its parameters in that order."""
        return tuple([item.name for item in sorted(self.parameters, key=lambda item: not item.required)])


def python_name(name: str) -> str:
    """A tool's name as Python can write it."""
    written = re.sub(r"\W", "_", name, flags=re.ASCII) or "_"
    return f"_{written}" if written[0].isdigit() or keyword.iskeyword(written) else written


def signatures(tools: Iterable[ToolSpec]) -> dict[str, Signature]:
    """Signatures under their Python names; raises `CallerError` where two tools come to one name."""
    found: dict[str, Signature] = {}
    for tool in tools:
        name = python_name(tool.name)
        if name in found:
            raise CallerError(f"tools {found[name].tool!r} and {tool.name!r} are both {name!r} in Python; rename one")
        found[name] = _signature(tool, name)
    return found


def _signature(tool: ToolSpec, name: str) -> Signature:
    schema = tool.parameters
    properties = _mapping(schema.get("properties"))
    required = schema.get("required")
    wanted = set(cast("list[str]", required)) if isinstance(required, list) else set[str]()
    written = {key for key in properties if key.isidentifier() and not keyword.iskeyword(key)}
    parameters = tuple(
        Parameter(key, type_of(value, schema), key in wanted) for key, value in properties.items() if key in written
    )
    # What Python cannot write as a parameter is given as search(**{"from": …}).
    is_open = len(written) < len(properties) or bool(schema.get("additionalProperties", not properties))
    return Signature(tool.name, name, tool.description, parameters, is_open)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def type_of(schema: object, root: Mapping[str, Any], depth: int = 0) -> str:
    """A JSON Schema as a Python type; `Any` where Python has no word for it."""
    described = _mapping(schema)
    if depth > _DEEPEST or not described:
        return "Any"
    reference = described.get("$ref")
    if isinstance(reference, str):
        return type_of(_referred(reference, root), root, depth + 1)
    choices = described.get("anyOf") or described.get("oneOf")
    if isinstance(choices, list):
        return _union([type_of(choice, root, depth + 1) for choice in cast("list[object]", choices)])
    values: object = [described["const"]] if "const" in described else described.get("enum")
    return _literal(cast("list[object]", values)) if isinstance(values, list) else _of_kind(described, root, depth)


def _of_kind(described: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    kind = described.get("type")
    if isinstance(kind, list):
        several = cast("list[object]", kind)
        return _union([type_of({**described, "type": item}, root, depth + 1) for item in several])
    if kind == "array" and "items" in described:
        return f"list[{type_of(described['items'], root, depth + 1)}]"
    if kind == "object" and _mapping(described.get("additionalProperties")):
        return f"dict[str, {type_of(described['additionalProperties'], root, depth + 1)}]"
    return _PLAIN.get(kind, "Any") if isinstance(kind, str) else "Any"


def _referred(reference: str, root: Mapping[str, Any]) -> object:
    found: object = root
    for step in reference.removeprefix("#/").split("/"):
        found = _mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
    return found


def _union(types: list[str]) -> str:
    different = list(dict.fromkeys(types))
    if "Any" in different or not 0 < len(different) <= _WIDEST:
        return "Any"
    return " | ".join(different)


def _literal(values: list[object]) -> str:
    if not 0 < len(values) <= _WIDEST or not all(isinstance(item, str | int | bool | None) for item in values):
        return "Any"
    return f"Literal[{', '.join(repr(item) for item in values)}]"


def checked_stubs(found: Mapping[str, Signature], restored: Iterable[str] = ()) -> str:
    """Declarations for the type checker: of tools, of our own names, and of those that earlier programs have bound."""
    lines = [
        "import asyncio",
        "from typing import Any, Literal",
        "data: dict[str, Any] = {}",
        "__value__: Any = None",
        "__ticks__: Any = None",
        "__next__: Any = None",
        "def __over__() -> bool: raise NotImplementedError",
        "__return__: Any = None",
        "__keep__: Any = None",
        "__made__: Any = None",
        "__locals__: Any = None",
        *(() if "fail" in found else ("def fail(reason: Any) -> None: raise NotImplementedError",)),
        "class __Tools__:",
        "    __none__: Any = None",
        *[
            f"    def {name}({item.declared(receiver=True)}) -> Any: raise NotImplementedError"
            for name, item in found.items()
        ],
        "class __AsyncTools__:",
        "    __none__: Any = None",
        *[
            f"    async def {name}({item.declared(receiver=True)}) -> Any: raise NotImplementedError"
            for name, item in found.items()
        ],
        "tools = __Tools__()",
        "async_tools = __AsyncTools__()",
        *[
            f"def {name}({item.declared()}) -> Any: raise NotImplementedError"
            for name, item in found.items()
            if item.is_bare
        ],
        *[f"{name}: Any = None" for name in restored],
    ]
    return "\n".join(lines) + "\n"


_NAMED = """\
def __named__(make, size, fault, text):
    def named(tool, order, given, named):
        if size(given) > size(order):
            raise fault(tool + "() takes at most " + text(size(order)) + " positional arguments, " + text(size(given)) + " given")
        i = 0
        for value in given:
            if order[i] in named:
                raise fault(tool + "() got two values for " + order[i])
            named[order[i]] = value
            i += 1
        return named
    return named
__named__ = __named__(dict, len, TypeError, str)
"""


def definitions(found: Mapping[str, Signature], mentioned: frozenset[str]) -> str:
    """What a program that mentions these names finds under them, in the subset."""
    used = {name: item for name, item in found.items() if name in mentioned}
    if not used:
        return "".join(
            f"class __Tools__:\n    pass\n{name} = __Tools__()\n"
            for name in ("tools", "async_tools")
            if name in mentioned
        )
    text = [_NAMED]
    for name, item in used.items():
        given = f"__named__({name!r}, {item.order!r}, given, named)"
        if item.is_bare:
            text.append(f"def {name}(*given, **named):\n    return __tool__({item.tool!r}, {given})\n")
    for holder, kind, call in (("tools", "def", "__tool__"), ("async_tools", "async def", "await __later__")):
        if holder in mentioned:
            text.append(f"class __{holder}__:\n")
            for name, item in used.items():
                given = f"__named__({name!r}, {item.order!r}, given, named)"
                text.append(
                    f"    {kind} {name}(self, *given, **named):\n        return {call}({item.tool!r}, {given})\n"
                )
            text.append(f"{holder} = __{holder}__()\n")
    return "".join(text)
