"""What a program can name: for completion, `doc`, `apropos` and `dir`."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, cast

from ...data import ToolSpec
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
SPECIAL: Final = {
    "let": "(let [name value …] body …)",
    "fn": "(fn [x y & rest] body …), or #(… % …)",
    "def": "(def name value): there for the next program, too",
    "defn": "(defn name [x y & rest] body …)",
    "defonce": "(defonce name value): unless it is there already",
    "letfn": "(letfn [(name [x] body …) …] body …)",
    "if": "(if test then else)",
    "do": "(do form …)",
    "when": "(when test body …)",
    "cond": "(cond test value … :else value)",
    "condp": "(condp = x value result … default)",
    "case": "(case x constant result … default)",
    "and": "(and form …)",
    "or": "(or form …)",
    "for": "(for [x xs :when test :let [y …]] value)",
    "doseq": "(doseq [x xs] body …)",
    "dotimes": "(dotimes [n 10] body …)",
    "loop": "(loop [name value …] … (recur value …))",
    "recur": "(recur value …): the next round of loop or fn",
    "->": "(-> x (f y) g): x becomes the first argument of each",
    "->>": "(->> xs (map f) g): xs becomes the last argument of each",
    "as->": "(as-> x name form …)",
    "some->": "(some-> x f g): ends with the first nil",
    "some->>": "(some->> xs f g): ends with the first nil",
    "cond->": "(cond-> x test (f y) …)",
    "cond->>": "(cond->> xs test (f y) …)",
    "if-let": "(if-let [name value] then else)",
    "if-some": "(if-some [name value] then else)",
    "if-not": "(if-not test then else)",
    "when-let": "(when-let [name value] body …)",
    "when-some": "(when-some [name value] body …)",
    "when-not": "(when-not test body …)",
    "where": "(where :field operator value): a predicate; operators are = not= > < >= <= in includes",
    "quote": "'form",
}
"""Lisp's special forms, which no function of the library stands for."""


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
        self._given |= {f"data/{name}": f"data/{name}: {_shape(value)}" for name, value in data.items()}
        self._memory = memory

    def words(self) -> Sequence[str]:
        from ...programs.lisp.naming import builtin_names  # noqa: PLC0415  (the language is imported when it is used)

        return sorted({*builtin_names(), *SPECIAL, *self._given, *self._memory()})

    def doc(self, name: str) -> str | None:
        memory = self._memory()
        if name in memory:
            kept: object = memory[name]
            source = cast("dict[str, object]", kept).get("source") if isinstance(kept, dict) else None
            return source if isinstance(source, str) else f"{name}: {_shape(memory[name])}, stored by a program"
        return self._given.get(name) or SPECIAL.get(name) or _lisp_function(name)


class PythonNames:
    """Builtins and modules of the subset, tools and data."""

    def __init__(self, tools: Sequence[ToolSpec], data: Mapping[str, Any]) -> None:
        self._given = {tool.name: _python_tool(tool) for tool in tools}
        inside = "".join([f"\n  data[{name!r}]: {_shape(value)}" for name, value in data.items()])
        self._given["data"] = f"data: what was given to read{inside or '; nothing was'}"

    def words(self) -> Sequence[str]:
        return sorted({*BUILTINS, *MODULES, *self._given})

    def doc(self, name: str) -> str | None:
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


def _lisp_function(name: str) -> str | None:
    from ...programs.lisp.library import library  # noqa: PLC0415  (the language is imported when it is used)
    from ...programs.lisp.naming import CONSTANTS, HINTS, builtin  # noqa: PLC0415

    piece = builtin(name)
    if piece is None:
        constant, hint = CONSTANTS.get(name), HINTS.get(name)
        return f"{name}: {constant}" if constant else f"{name} is not there: {hint}" if hint else None
    node = library()[piece].node
    if not isinstance(node, ast.FunctionDef):
        return f"{name}: a function, or a value"
    params = [arg.arg for arg in node.args.args]
    least = len(params) - len(node.args.defaults)
    shown = [*params[:least], *(f"[{param}]" for param in params[least:])]
    rest = [f"& {node.args.vararg.arg}"] if node.args.vararg else []
    return f"({' '.join([name, *shown, *rest])})"


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


def _shape(value: object) -> str:
    match value:
        case dict():
            return f"a map of {len(cast('dict[str, object]', value))}"
        case list():
            return f"a vector of {len(cast('list[object]', value))}"
        case str():
            return f"a string of {len(value)}"
        case None:
            return "nil"
        case bool():
            return "a boolean"
        case _:
            return "a number"
