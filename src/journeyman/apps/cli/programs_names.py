"""What a program can name: for completion, `doc`, `apropos` and `dir`."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, cast

from ...data import ToolSpec
from ...programs.feedback import size_of
from ...programs.likeness import did_you_mean
from ...programs.python.language import BUILTINS

MODULES: Final = [
    "asyncio",
    "collections",
    "csv",
    "datetime",
    "decimal",
    "functools",
    "itertools",
    "json",
    "math",
    "random",
    "re",
]


class Names(Protocol):
    """The names of one language."""

    def words(self) -> Sequence[str]:
        """All of them, sorted."""
        ...

    def doc(self, name: str) -> str | None:
        """What a name is, in a line or some; None where nothing has it."""
        ...


class Memory(Protocol):
    """What programs have stored so far; it changes from one to the next."""

    def __call__(self) -> Mapping[str, Any]: ...


class LispNames:
    """Functions of the library, special forms, tools, data and what has been defined."""

    def __init__(self, tools: Sequence[ToolSpec], data: Mapping[str, Any], memory: Memory) -> None:
        self._given = {f"tool/{tool.name}": _lisp_tool(tool) for tool in tools}
        self._given |= {f"data/{name}": f"data/{name}: {size_of(value)}" for name, value in data.items()}
        self._memory = memory

    def words(self) -> Sequence[str]:
        from ...programs.lisp.discovering import names  # noqa: PLC0415  (the language is imported when it is used)

        return sorted({*names(), *self._given, *self._memory()})

    def doc(self, name: str) -> str | None:
        from ...programs.lisp.discovering import documented  # noqa: PLC0415

        memory = self._memory()
        if name in memory:
            kept: object = memory[name]
            source = cast("dict[str, object]", kept).get("source") if isinstance(kept, dict) else None
            return source if isinstance(source, str) else f"{name}: {size_of(memory[name])}, stored by a program"
        return self._given.get(name) or documented(name)


class PythonNames:
    """Builtins and modules of the subset, tools, data and what programs have left behind."""

    def __init__(self, tools: Sequence[ToolSpec], data: Mapping[str, Any], memory: Memory) -> None:
        self._memory = memory
        self._given = {tool.name: _python_tool(tool) for tool in tools}
        inside = "".join([f"\n  data[{name!r}]: {size_of(value)}" for name, value in data.items()])
        self._given["data"] = f"data: what was given to read{inside or '; nothing was'}"

    def words(self) -> Sequence[str]:
        return sorted({*BUILTINS, *MODULES, *self._given, *self._memory()})

    def doc(self, name: str) -> str | None:
        from ...programs.python.values import described  # noqa: PLC0415  (the language is imported when it is used)

        memory = self._memory()
        if name in memory and name not in self._given:
            return described(name, memory[name])
        if name in self._given:
            return self._given[name]
        if name in BUILTINS:
            return f"{name}: {(inspect.getdoc(getattr(builtins, name)) or '').partition(chr(10) * 2)[0]}"
        return f"import {name}: as in Python, a part of it" if name in MODULES else None


def doc(names: Names, name: str) -> str:
    """What a name is, or what it might have been meant to be."""
    return names.doc(name) or f"there is nothing called {name}{did_you_mean(name, names.words())}"


def apropos(names: Names, part: str) -> str:
    """All names that have this in them."""
    found = [word for word in names.words() if part.lower() in word.lower()]
    return " ".join(found) or f"no name has {part!r} in it"


def listed(names: Names, namespace: str) -> str:
    """The names of a namespace, such as str, tool or data; without one, all."""
    begins = f"{namespace}/" if namespace else ""
    found = [word for word in names.words() if word.startswith(begins)]
    if found:
        return " ".join(found)
    known = sorted({word.partition("/")[0] for word in names.words() if "/" in word[1:]})
    return f"there is no namespace {namespace}; there are: {', '.join(known) or 'none'}"


def _parameters(tool: ToolSpec) -> tuple[list[str], set[str]]:
    properties, required = tool.parameters.get("properties"), tool.parameters.get("required")
    names = list(cast("Mapping[str, Any]", properties)) if isinstance(properties, Mapping) else []
    return names, set(cast("Sequence[str]", required)) if isinstance(required, list) else set()


def _lisp_tool(tool: ToolSpec) -> str:
    names, needed = _parameters(tool)
    shown = ", ".join([f":{name} {name if name in needed else f'[{name}]'}" for name in names])
    return f"(tool/{tool.name} {{{shown}}})\n  {tool.description}".rstrip()


def _python_tool(tool: ToolSpec) -> str:
    names, needed = _parameters(tool)
    shown = ", ".join([name if name in needed else f"{name}=…" for name in names])
    return f"{tool.name}({shown})\n  {tool.description}".rstrip()
