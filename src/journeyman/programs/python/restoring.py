"""What earlier programs left behind, made again for a program that names it.

Only what it names is restored, and what that names in turn. Values cross as inputs. What a statement made is made by its text
again, which is read and rewritten each time as a program is: nothing in memory is taken for checked.
"""

from __future__ import annotations

import ast
import builtins
import functools
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from ..language import Scope
from ..limits import ProgramLimits
from ..outcome import ProgramError, ProgramFault
from . import values
from .reading import UNKEPT, Reading, bound_by, defined, made_at_once, may_be_kept, reads_of
from .rewriting import rewritten


class Made(msgspec.Struct, frozen=True, gc=False):
    """A kept statement, ready to be run again; `at_once` are the names that it needs while it runs."""

    code: str
    names: frozenset[str]
    reads: frozenset[str]
    at_once: frozenset[str]
    changed: frozenset[str]
    loops: bool
    size: int


class Restored(msgspec.Struct, frozen=True):
    """What a program finds of earlier ones: `values` under their names, and statements in an order in which they can run."""

    values: Mapping[str, values.Restored] = {}
    made: Mapping[str, Made] = {}

    @property
    def names(self) -> Iterable[str]:
        """All names that are bound again."""
        return [*self.values, *self.made]

    @property
    def mentioned(self) -> frozenset[str]:
        """The names that its statements mention: what may be tools."""
        return frozenset[str]().union(*(item.names for item in self.made.values()))

    @property
    def loops(self) -> bool:
        """Whether there are loops in it."""
        return any(item.loops for item in self.made.values())

    @property
    def changeable(self) -> list[str]:
        """Names whose values may be others after the program, without an assignment that shows it."""
        changed = frozenset[str]().union(*(item.changed for item in self.made.values()))
        held = self.values.items()
        return [
            *(name for name, item in held if isinstance(item.value, list | dict | set | tuple)),
            *sorted(name for name in changed if may_be_kept(name)),
        ]

    @property
    def noted(self) -> list[str]:
        """Names of which it is enough to keep what has changed: of these, how they are written says all."""
        return [name for name, item in self.values.items() if item.is_plain and isinstance(item.value, list | dict)]

    @property
    def inputs(self) -> dict[str, object]:
        """What crosses into the sandbox, under a name that shadows no builtin before it is wanted."""
        return {"__memory__": {name: item.value for name, item in self.values.items()}} if self.values else {}

    @property
    def prelude(self) -> str:
        """The code that binds them."""
        # What is made with a class of a module needs builtins, which other values may stand before.
        forms = sorted(self.values.items(), key=lambda item: item[1].expression == "{}")
        modules = {item.expression.partition(".")[0] for _, item in forms if item.expression != "{}"}
        lines = [f"import {module.strip('_')} as {module}" for module in sorted(modules)]
        lines += [f"{name} = {item.expression.format(f'__memory__[{name!r}]')}" for name, item in forms]
        lines += [item.code for item in self.made.values()]
        return "".join(f"{line}\n" for line in lines)


NOTHING = Restored()


def restore(program: Reading, scope: Scope, bare: Collection[str], tools: Collection[str]) -> Restored:
    """What a program finds of what it names, and of what that names; of `tools` the `bare` ones are called by their names."""
    wanted = program.reads.union(program.changed)
    if wanted.isdisjoint(scope.memory):
        return NOTHING
    wanted -= program.bound_first()
    found: dict[str, values.Restored] = {}
    made: dict[str, Made] = {}
    left = scope.limits.source_bytes
    todo = [name for name in scope.memory if name in wanted]
    seen = set(todo)
    while todo:
        name = todo.pop()
        if not name.isidentifier() or not may_be_kept(name) or name in tools:
            continue
        if (value := values.restored(scope.memory[name])) is not None:
            found[name] = value
        elif (item := _made(name, scope.memory[name], frozenset(bare), scope.limits, left)) is not None:
            made[name] = item
            left -= item.size
            following = [other for other in item.reads | item.changed if other in scope.memory and other not in seen]
            seen.update(following)
            todo += sorted(following)
    return Restored(found, _in_order(made, {*found, *tools, *UNKEPT}))


def _made(name: str, entry: object, tools: frozenset[str], limits: ProgramLimits, left: int) -> Made | None:
    held = values.tagged(entry)
    source: object = held.get("source")
    if held.get(values.TAG) != "made" or not isinstance(source, str):
        return None
    if len(source) > left:
        what = "the size of all definitions of earlier programs that one program names"
        raise ProgramFault(ProgramError.of_limit("size_exceeded", what, "source_bytes", limits))
    return _checked(name, source, tools)


@functools.lru_cache(maxsize=128)
def _checked(name: str, source: str, tools: frozenset[str]) -> Made | None:
    """A kept statement, if it is one that makes this name and nothing else."""
    try:
        program = Reading(source)
    except ProgramFault:
        return None
    statement = _only(program.tree)
    if statement is None or [*bound_by(statement)] != [name]:
        return None
    if defined(statement) != name and not isinstance(statement, ast.Import | ast.ImportFrom):
        return None
    code = rewritten(program, tools)
    at_once = reads_of(made_at_once(statement))
    if isinstance(statement, ast.ImportFrom) and statement.module in ("tools", "async_tools"):
        at_once.add(statement.names[0].name)
    return Made(
        code.code,
        code.names,
        frozenset(program.reads),
        frozenset(at_once),
        frozenset(program.changed),
        program.loops,
        len(source),
    )


def _only(tree: ast.Module) -> ast.stmt | None:
    match tree.body:
        case [ast.If(test=ast.Constant(value=1), body=[statement], orelse=[])] | [statement]:
            return statement
        case _:
            return None


def _in_order(made: Mapping[str, Made], known: set[str]) -> dict[str, Made]:
    """Those that can be made, each behind what it needs at once."""
    if not any(item.at_once for item in made.values()):
        return dict(reversed([*made.items()]))  # as they were found, what is wanted last
    import graphlib  # noqa: PLC0415  (few definitions compute anything when they are made)

    try:
        order = [
            *graphlib.TopologicalSorter(
                {name: sorted(made[name].at_once & made.keys()) for name in made}
            ).static_order()
        ]
    except graphlib.CycleError:
        order = list(made)
    ready: dict[str, Made] = {}
    for name in order:
        if all(other in ready or other in known or hasattr(builtins, other) for other in made[name].at_once):
            ready[name] = made[name]
    return ready


def missing(memory: Mapping[str, object], name: str) -> str:
    """Why a name of memory is not bound, in words for whoever names it."""
    held = values.tagged(memory.get(name))
    match held.get(values.TAG):
        case "lost":
            return f"an earlier program bound it to something of type {held.get('kind')}, {_reason(held)}"
        case _:
            return "an earlier program defined it with what is not there any more: define it again"


def _reason(held: Mapping[str, Any]) -> str:
    why, kind = held.get("why"), held.get("kind")
    match why:
        case "too large" | "too deep":
            return f"which was {why} to be kept: bind the part that is needed, or make it again here"
        case _ if why == kind == "function":
            return (
                "which is not kept: functions are where def or lambda at the top level makes them, "
                "without calls in their defaults"
            )
        case _ if why == kind:
            return "which is not kept: bind plain data (lists, dicts, numbers, text) or make it again here"
        case _:
            return f"which holds something of type {why} and is not kept: bind plain data, or make it again here"
