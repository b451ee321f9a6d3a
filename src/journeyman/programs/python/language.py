"""Python as models write it, checked and made ready for the sandbox."""

from __future__ import annotations

import re

from ..language import Compiled, Finished, Raised, Scope
from ..likeness import did_you_mean
from ..outcome import ProgramError, Reason
from .rewriting import OVER, PREPARATION, rewritten
from .stubs import Signature, checked_stubs, definitions, signatures

_REASONS: dict[str, Reason] = {
    "NameError": "unbound_var",
    "UnboundLocalError": "unbound_var",
    "TypeError": "type_error",
    "AttributeError": "type_error",
    "ValueError": "value_error",
    "KeyError": "value_error",
    "IndexError": "value_error",
    "LookupError": "value_error",
    "JSONDecodeError": "value_error",
    "StopIteration": "value_error",
    "UnicodeDecodeError": "value_error",
    "UnicodeEncodeError": "value_error",
    "ZeroDivisionError": "arithmetic_error",
    "OverflowError": "arithmetic_error",
    "ArithmeticError": "arithmetic_error",
    "SyntaxError": "parse_error",
    "ImportError": "not_allowed",
}
_ARITY = re.compile(r"positional argument|required argument|unexpected keyword|multiple values|two values for")


class Python:
    """The subset of Python that the sandbox interprets. Programs stand for themselves: what one binds, the next does not find."""

    name = "python"

    def compile(self, source: str, scope: Scope) -> Compiled:
        """Keep the value of the last expression, count the rounds of loops, and define the tools that are mentioned."""
        found = signatures(scope.tools)
        program = rewritten(source, [name for name, item in found.items() if item.is_bare])
        prelude = definitions(found, program.names)
        if program.loops:
            prelude += PREPARATION.format(message=OVER, steps=scope.limits.loop_steps)
        mentioned = {name: item for name, item in found.items() if name in program.names}
        # Without a tool there is no effect that a wrong name further down would come too late for.
        stubs = checked_stubs(mentioned) if mentioned else ""
        return Compiled(program.code, prelude, program.places, stubs=stubs)

    def finish(self, value: object, scope: Scope) -> Finished:
        """The value as it is."""
        return Finished(value, scope.memory)

    def fault(self, raised: Raised, scope: Scope) -> ProgramError:
        """An exception by its kind; a name that is not there with one that is like it."""
        line, column = raised.line, raised.column
        if raised.kind == "RuntimeError" and raised.message == OVER:
            limit = ProgramError.of_limit("loop_limit_exceeded", "steps of loops", "loop_steps", scope.limits)
            return limit.at(line, None)  # the counting stands in the line; its column means nothing
        message = f"{raised.kind}: {raised.message}" if raised.message else raised.kind
        reason = _REASONS.get(raised.kind, "runtime_error")
        if reason == "unbound_var" and (named := re.search(r"'([^']*)'", raised.message)):
            message += did_you_mean(named[1], [*signatures(scope.tools), "data", "tools", "async_tools", *BUILTINS])
        elif reason == "type_error" and _ARITY.search(raised.message):
            reason = "arity_error"
        return ProgramError(reason, message, line, column)

    def describe(self, scope: Scope) -> str:
        """What the subset leaves out, the tools as typed stubs, and what is in `data`."""
        found = signatures(scope.tools)
        parts = [_GUIDE.strip()]
        if found:
            parts.append("Tools:\n\n" + "\n\n".join(_shown(item) for item in found.values()))
        if scope.data:
            kinds = ", ".join(f"{name!r}: {_kind(value)}" for name, value in scope.data.items())
            parts.append(f"`data` holds: {kinds}")
        return "\n\n".join(parts)


BUILTINS = [
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "chr",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "getattr",
    "hasattr",
    "hash",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
]
"""Builtins of the subset, for hints and for completion; a test asks the sandbox for each of them."""

_GUIDE = """
Write one Python program. The value of its last expression is its result; print() shows text. It runs in a sandbox that
interprets a subset of Python: no inheritance, no yield, no del, no match on classes, no decorators in classes; generator
expressions are lists. Modules: asyncio, collections, csv, datetime, decimal, functools, itertools, json, math, random, re,
time and some more; no files, no network, no packages. Call tools by name: `search(query="x")`. Tools run side by side with
`await asyncio.gather(async_tools.search(query="x"), async_tools.search(query="y"))`; `await` may stand at the top level. A tool
that fails raises RuntimeError. Do not call tools from inside map, sorted, min or max: use a loop. `data` is a dict to read.
"""


def _shown(item: Signature) -> str:
    name = item.name if item.is_bare else f"tools.{item.name}"
    about = "\n".join(f"    {line}".rstrip() for line in item.description.strip().splitlines())
    quoted = f'\n    """{about.strip()}"""' if about else ""
    return f"def {name}({item.declared()}) -> Any:{quoted or ' ...'}"


def _kind(value: object) -> str:
    match value:
        case list() if value:
            first = value[0]  # pyright: ignore[reportUnknownVariableType]
            return f"list of {len(value)} ({_kind(first)})"  # pyright: ignore[reportUnknownArgumentType]
        case dict() if value:
            keys = [repr(key) for key in value]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
            return f"dict with {', '.join(keys[:12])}{', …' if len(keys) > 12 else ''}"  # noqa: PLR2004
        case _:
            return type(value).__name__
