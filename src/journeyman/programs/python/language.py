"""Python as models write it, checked and made ready for the sandbox."""

from __future__ import annotations

import re

from ..crossing import kind_of
from ..language import Compiled, Finished, Raised, Scope
from ..likeness import did_you_mean
from ..outcome import ProgramError, Reason
from .keeping import kept_by, kept_of
from .reading import Reading
from .restoring import NOTHING, missing, restore
from .rewriting import KEEPING_RETURNING, OVER, PREPARATION, RETURNING, rewritten
from .stubs import Signature, checked_stubs, definitions, signatures
from .values import TAG, listed, tagged

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
    """The subset of Python that the sandbox interprets. What a program binds at its top level, the next one finds."""

    name = "python"

    def compile(self, source: str, scope: Scope) -> Compiled:
        """Keep the value of the last expression, count the rounds of loops, define the tools and restore what is mentioned."""
        found = signatures(scope.tools)
        bare = [name for name, item in found.items() if item.is_bare]
        program = Reading(source)
        restored = restore(program, scope, bare, found) if scope.memory else NOTHING
        kept = kept_by(program, restored, found)
        code = rewritten(program, bare, keeps=bool(kept.names), marked=kept.made)
        mentioned = code.names | restored.mentioned
        prelude = [definitions(found, mentioned)]
        if "asyncio" in mentioned:
            # Which the guide speaks of, and models then forget to import.
            prelude.append("import asyncio\n")
        if program.loops or restored.loops:
            prelude.append(PREPARATION.format(message=OVER, steps=scope.limits.loop_steps))
        if program.returns:
            prelude.append(KEEPING_RETURNING if kept.names else RETURNING)
        if "fail" in mentioned and "fail" not in found:
            prelude.append(_FAILING)
        prelude.append(kept.prelude(restored, scope.limits))
        called = {name: item for name, item in found.items() if name in code.names}
        # Without a tool there is no effect that a wrong name further down would come too late for.
        stubs = checked_stubs(called, restored.names) if called else ""
        return Compiled(code.code, "".join(prelude), code.places, restored.inputs, stubs)

    def finish(self, value: object, scope: Scope) -> Finished:
        """The value as it is, and what its names hold."""
        value, memory = kept_of(value, scope.memory, scope.limits)
        return Finished(value, memory)

    def fault(self, raised: Raised, scope: Scope) -> ProgramError:
        """An exception by its kind; a name that is not there with one that is like it."""
        line, column = raised.line, raised.column
        if raised.kind == "RuntimeError" and raised.message == OVER:
            limit = ProgramError.of_limit("loop_limit_exceeded", "steps of loops", "loop_steps", scope.limits)
            return limit.at(line, None)  # the counting stands in the line; its column means nothing
        message = f"{raised.kind}: {raised.message}" if raised.message else raised.kind
        reason = _REASONS.get(raised.kind, "runtime_error")
        if raised.kind == "SystemExit":
            return ProgramError("failed", raised.message or "the program said no more", line, column)
        if reason == "unbound_var" and (named := re.search(r"'([^']*)'", raised.message)):
            message += _instead(named[1], scope)
        elif reason == "type_error" and _ARITY.search(raised.message):
            reason = "arity_error"
        if raised.function is not None and raised.function in scope.memory:
            # Its line is of a program that is gone; the place told is where this program called it.
            message += f" (in {raised.function})"
        return ProgramError(reason, message, line, column)

    def describe(self, scope: Scope) -> str:
        """What the subset leaves out, the tools as typed stubs, and what is in `data`."""
        found = signatures(scope.tools)
        parts = [_GUIDE.strip()]
        if found:
            parts.append("Tools:\n\n" + "\n\n".join(_shown(item) for item in found.values()))
        if scope.data:
            kinds = ", ".join(f"{name!r}: {kind_of(value)}" for name, value in scope.data.items())
            parts.append(f"`data` holds: {kinds}")
        if scope.memory:
            parts.append("\n".join(["Earlier programs left behind:", *listed(scope.memory)]))
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

_FAILING = """\
def fail(reason):
    raise SystemExit(f"{reason}")
"""

_GUIDE = """
Write one Python program. `return value` at the top level gives the final answer, fail("why") gives up; otherwise the value of its
last expression is its result. print() shows text. It runs in a sandbox that
interprets a subset of Python: no inheritance, no yield, no del, no match on classes, no decorators in classes; generator
expressions are lists. Modules: asyncio, collections, csv, datetime, decimal, functools, itertools, json, math, random, re,
time and some more; no files, no network, no packages. Call tools by name: `search(query="x")`. Tools run side by side with
`await asyncio.gather(async_tools.search(query="x"), async_tools.search(query="y"))`; `await` may stand at the top level. A tool
that fails raises RuntimeError. Do not call tools from inside map, sorted, min or max: use a loop. `data` is a dict to read.
What a program binds at its top level is there for the next one, unless it fails: plain data, functions, classes and imports.
"""


def _instead(name: str, scope: Scope) -> str:
    if name in scope.memory:
        return f": {missing(scope.memory, name)}"
    kept = [other for other, entry in scope.memory.items() if tagged(entry).get(TAG) != "lost"]
    return did_you_mean(name, [*kept, *signatures(scope.tools), "data", "tools", "async_tools", *BUILTINS])


def _shown(item: Signature) -> str:
    name = item.name if item.is_bare else f"tools.{item.name}"
    about = "\n".join(f"    {line}".rstrip() for line in item.description.strip().splitlines())
    quoted = f'\n    """{about.strip()}"""' if about else ""
    return f"def {name}({item.declared()}) -> Any:{quoted or ' ...'}"
