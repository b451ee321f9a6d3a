"""PTC-Lisp as a language of the sandbox."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Mapping
from typing import Any, Final, cast

from ..language import Compiled, Finished, Raised, Scope
from ..outcome import ProgramError, ProgramFault
from .compiling import Compiler
from .contracts import Definition
from .describing import described
from .discovering import tables
from .faults import LOOP_STEPS, told
from .forms import Form, ListForm
from .functions import LOOP_STEPS as STEPS_NAME
from .functions import definitions_in, shadowed
from .library import part
from .naming import builtin, mangled
from .reader import read
from .special_forms import TABLES
from .surroundings import Surroundings
from .values import TAG, for_host, for_memory, from_memory, is_function
from .writing import Frame, Line, Local, Out, Target
from .writing import Scope as Names

_HISTORY: Final = ("*1", "*2", "*3")
_TOGETHER: Final = {"l_pmap", "l_pcalls"}
_KEPT_RESULT: Final = 16_384
"""Characters of JSON up to which a program's value is kept as `*1`; larger ones are for `def`."""


class Lisp:
    """PTC-Lisp: see the package's docstring."""

    @property
    def name(self) -> str:
        """How it is asked for."""
        return "lisp"

    def compile(self, source: str, scope: Scope) -> Compiled:
        """Turn Lisp into code of the subset; raises `ProgramFault` for what is no program."""
        try:
            return _compile(source, scope)
        except RecursionError as error:
            raise ProgramFault(ProgramError("depth_exceeded", "forms are nested too deep")) from error

    def finish(self, value: object, scope: Scope) -> Finished:
        """Read what a program came to."""
        try:
            return self._finished(value, scope)
        except RecursionError:
            message = "the value is nested too deep to cross to the host: flatten it, or give a part of it"
            return Finished(error=ProgramError("depth_exceeded", message))

    def _finished(self, value: object, scope: Scope) -> Finished:
        came: Mapping[str, Any] = cast("dict[str, Any]", value) if isinstance(value, dict) else {"value": value}
        result = for_host(came.get("value"))
        if came.get("end") == "fail":
            message = result if isinstance(result, str) else json.dumps(result, default=str, ensure_ascii=False)
            return Finished(result, error=ProgramError("failed", message))
        memory = dict(scope.memory)
        for name, kept in _entries(came, "defs"):
            memory[name] = for_memory(kept)
        for name, function in _entries(came, "functions"):
            memory[name] = _function_for_memory(function)
        ended = came.get("end") == "return"
        if not ended:
            # The specification's history is of values that expressions came to: `return` leaves it as it was.
            _remember_result(memory, came.get("value"))
        return Finished(result, memory, returned=ended)

    def fault(self, raised: Raised, scope: Scope) -> ProgramError:
        """Tell an exception in Lisp's words."""
        return told(raised, scope)

    def describe(self, scope: Scope) -> str:
        """What a model has to be told."""
        return described(scope)


def _entries(came: Mapping[str, Any], key: str) -> ItemsView[str, Any]:
    return cast("Mapping[str, Any]", came.get(key) or {}).items()


def _function_for_memory(function: object) -> dict[str, Any]:
    source, found = cast("tuple[str | None, dict[str, Any]]", function)
    if source is None or any(is_function(kept) for kept in found.values()):
        return {TAG: "lost"}
    return {TAG: "fn", "source": source, "locals": {name: for_memory(kept) for name, kept in found.items()}}


def _remember_result(memory: dict[str, Any], value: object) -> None:
    kept = for_memory(value)
    size = len(json.dumps(kept, default=str))
    if size > _KEPT_RESULT:
        kept = f"(a value of {size:,} characters, too large for *1: give it a name with def)"
    for newer, older in (("*2", "*3"), ("*1", "*2")):
        if newer in memory:
            memory[older] = memory[newer]
    memory["*1"] = kept


def _compile(source: str, scope: Scope) -> Compiled:
    forms = read(source)
    compiler = Compiler(TABLES, Surroundings(scope))
    compiler.definitions = definitions_in(forms)
    out, frame = Out(), Frame(None)
    early = shadowed(forms, compiler.definitions)
    compiler.definitions.update({name: Definition(None, 2) for name in early})
    compiler.body(forms, Names(frame, {}), out, Target("assign", "r_"), _origin())
    restored = _restored(compiler, scope)
    # A function that was kept may use what this program has yet to define anew.
    for name in compiler.definitions if restored.lines else early:
        piece = builtin(name)
        if piece is not None and not compiler.world.remembers(name):
            restored.lines.insert(0, f"d_{mangled(name)} = {compiler.need(piece)}")
    lines = _whole(compiler, out)
    steps = min(scope.limits.loop_steps, LOOP_STEPS) + 1
    prelude = "\n".join(
        [
            part(compiler.needs, compiler.plain),
            f"{STEPS_NAME} = {steps}",
            "__defs = {}",
            "__locals = {}",
            *tables(compiler),
            *restored.lines,
        ]
    )
    code, places = _written(lines)
    return Compiled(code, prelude, places, restored.inputs)


def _origin() -> Form:
    return ListForm(())


def _whole(compiler: Compiler, out: Out) -> list[Line]:
    """The program's lines with what stands before and after them."""
    all_lines = Out()
    for pattern, (name, form) in compiler.regexes.items():
        all_lines.add(f"{name} = _compile({pattern!r})", form)
    if compiler.defined_within and _TOGETHER & (compiler.needs | compiler.plain):
        compiler.need("__held")
        all_lines.lines += _holding(sorted(compiler.defined_within))
    kept = bool(compiler.definitions)
    if kept:
        compiler.need("_kept")
    end = f"_kept(r_, {compiler.sources!r})" if kept else '{"value": r_}'
    body = Out()
    body.extend(out)
    body.add(f"__value__ = {end}", _origin())
    if not compiler.needs & {"l_return", "l_fail"}:
        all_lines.extend(body)
        return all_lines.lines
    caught = Out()
    caught.add("if not __end: raise", _origin())
    caught.add("r_ = __end[-1][1]", _origin())
    caught.add(f"__value__ = {end}", _origin())
    caught.add('__value__["end"] = __end[-1][0]', _origin())
    all_lines.block("try:", body, _origin())
    all_lines.block("except StopIteration:", caught, _origin())
    return all_lines.lines


def _holding(names: list[str]) -> list[Line]:
    """What takes the values of names that functions define, and puts them back: a branch of pmap keeps its definitions to itself.

    The interpreter cannot unbind a name: one that had no value is nil after a branch that gave it one.
    """
    text = f"""\
def __hold():
 values = []
 for value in [{", ".join(f"lambda: {name}" for name in names)}]:
  try:
   values.append(value())
  except NameError:
   values.append(None)
 return [dict(__defs), dict(__locals), *values]
def __unhold(held):
 global __defs, __locals, {", ".join(names)}
 __defs, __locals, {", ".join(names)} = held
__held.append(__hold)
__held.append(__unhold)"""
    return [Line(len(line) - len(line.lstrip()), line.lstrip(), 0, 0) for line in text.split("\n")]


def _written(lines: list[Line]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text of lines, and the place of each; calls within an expression have lines of their own."""
    text: list[str] = []
    places: list[tuple[int, int]] = []
    for line in lines:
        indent = " " * line.depth
        first, *calls = line.text.split("\n\0")
        text.append(indent + first)
        places.append((line.line, line.column))
        for item in calls:
            place, _, code = item.partition("\0")
            at, _, column = place.partition(":")
            text.append(f"{indent} {code}")
            places.append((int(at), int(column)))
    return "\n".join(text), tuple(places)


class _Restored:
    """What earlier programs left behind and this one names: values as inputs, functions as lines of the prelude."""

    def __init__(self) -> None:
        self.inputs: dict[str, object] = {}
        self.lines: list[str] = []


def _restored(compiler: Compiler, scope: Scope) -> _Restored:
    restored = _Restored()
    seen: set[str] = set()
    while todo := sorted(compiler.remembered - seen):
        for name in todo:
            _restore(compiler, scope.memory, name, restored, seen)
    return restored


def _restore(compiler: Compiler, memory: Mapping[str, object], name: str, restored: _Restored, seen: set[str]) -> None:
    if name in seen:
        return
    seen.add(name)
    kept: Any = memory.get(name)
    python = f"h_{name[1:]}" if name in _HISTORY else f"d_{mangled(name)}"
    entry = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    if entry.get(TAG) not in ("fn", "lost"):
        restored.inputs[python] = from_memory(cast("object", kept))
        return
    if entry[TAG] == "lost":
        message = f"{name} was a function made by other functions, which is not kept: define it again"
        raise ProgramFault(ProgramError("unbound_var", message))
    before = set(compiler.remembered)
    compiler.remembered.clear()
    out, frame = Out(), Frame(None)
    names = Names(frame, {})
    for lisp, value in entry["locals"].items():
        local = compiler.fresh(lisp)
        restored.inputs[local] = from_memory(value)
        names.names[lisp] = Local(local, frame)
    (form,) = read(entry["source"])
    compiler.statement(form, names, out, Target("drop"))
    needed, compiler.remembered = compiler.remembered, before | compiler.remembered
    for other in sorted(needed):
        _restore(compiler, memory, other, restored, seen)
    restored.lines.append(_written(out.lines)[0])
