"""What a language has to give so that its programs can run in a sandbox.

The sandbox interprets one small subset of Python and nothing else. A language is a front end to it: it turns source text into
code of the subset before anything runs, and afterwards tells the interpreter's values and exceptions in its own words. So every
language has the same limits, the same snapshots and the same parallel tools, and none of them can grant what another may not.

What code in the subset finds there, besides the builtins:

- `__tool__("name", {"argument": value})` calls a tool and gives its value. A tool that fails raises `RuntimeError` there.
- `__later__("name", {"argument": value})` is the same call to be awaited: `await asyncio.gather(__later__(…), __later__(…))`
  runs tools at the same time. `await` stands at the top level or inside `async def`.
- `data`, a dict: the run's read-only context. It crosses into the sandbox when it is first named, and only then.
- the names in `Compiled.inputs`.
- `print(…)` is captured, and bounded.

Arguments of tools cross as JSON, so they are made of what JSON has, and so are the values that tools give. The program's
value is what it has bound to the global `__value__` when it ends; it crosses as it is (sets, tuples and dates too), once it
has been measured inside. Code that raises `KeyboardInterrupt("__return__")` has ended like that, too, and has returned. Every other unbound name raises `NameError`; a call of one does too. Names that begin with two
underscores are free for languages to use.

A call to a tool cannot wait while a builtin is in between: `map(f, xs)`, `sorted(xs, key=f)` and `re.sub(p, f, s)` with an `f`
that calls one raise `NotImplementedError` (monty 1.4.0). A loop or a comprehension of the subset can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from ..data import ToolSpec
from .limits import ProgramLimits
from .outcome import ProgramError


class Scope(msgspec.Struct, frozen=True):
    """What a program may name: known before it is compiled, so that a wrong name is told with its place and a likeness.

    `memory` is what the program before this one left behind (`Finished.memory`), as JSON would hold it; empty at first.
    `limits.loop_steps` is for the language to keep, in the code that it makes.
    """

    tools: tuple[ToolSpec, ...] = ()
    data: Mapping[str, object] = {}
    memory: Mapping[str, object] = {}
    limits: ProgramLimits = ProgramLimits()


class Compiled(msgspec.Struct, frozen=True):
    """A program in the subset.

    `code` is run, and what it has bound to `__value__` is handed to `Language.finish`. `prelude` is run before it, in the
    same globals: the part of the language's library that this program uses. (A function costs 30 microseconds whether it is
    run or loaded from a dump, measured with monty 1.4.0, so a library of hundreds is not loaded whole.) `places` says for each
    line of `code` to which line and column of the source it belongs (both counted from 1; column 0 says that the column is the
    same as in the code); a line beyond its end, or all where it is empty, stands for itself. `inputs` are bound as globals
    before the prelude runs. With `stubs`, declarations in Python, a type checker reads `code` before it runs, and finds wrong
    names and wrong calls of what is declared there.
    """

    code: str
    prelude: str = ""
    places: tuple[tuple[int, int], ...] = ()
    inputs: Mapping[str, object] = {}
    stubs: str = ""

    def place_of(self, line: int, column: int) -> tuple[int, int]:
        """Line and column in the source of a place in `code`."""
        if 0 < line <= len(self.places):
            there, at = self.places[line - 1]
            return there, at or column
        return line, column


class Raised(msgspec.Struct, frozen=True):
    """An exception that ended a program, as the interpreter tells it.

    `kind` is the exception's class, as in "KeyError"; `message` what it says. `line` and `column` are of the source (already
    mapped through `Compiled.places`) and of the innermost frame that lies in `Compiled.code`; None where there is none.
    `function` names the innermost frame's function, be it in the code or in the prelude.
    """

    kind: str
    message: str
    line: int | None = None
    column: int | None = None
    function: str | None = None


class Finished(msgspec.Struct, frozen=True):
    """What a program came to: a value in plain Python, and what the next program of the same memory will find.

    `error` is set where the program ended by its own will without success (as Lisp's `fail`); memory is then left as it was.
    `returned` says that it gave its value by `return`, and not only as that of its last expression.
    """

    value: object = None
    memory: Mapping[str, object] = {}
    error: ProgramError | None = None
    returned: bool = False


class Language(Protocol):
    """A front end to the subset."""

    @property
    def name(self) -> str:
        """How it is asked for: `python`, `lisp`."""
        ...

    def compile(self, source: str, scope: Scope) -> Compiled:
        """Turn source into code of the subset; raises `ProgramFault` for a program that cannot be one.

        The source comes from a model and may be hostile: whatever it is, this ends soon and raises nothing else.
        """
        ...

    def finish(self, value: object, scope: Scope) -> Finished:
        """Read what the code has bound to `__value__`; `scope` is the one that the program was compiled in.

        `value` is made of None, bool, int, float, str, bytes, list, tuple, set, frozenset, dict, and the types of `datetime`;
        whatever else the code gave has become the text of its repr.
        """
        ...

    def fault(self, raised: Raised, scope: Scope) -> ProgramError:
        """Tell an exception in the language's own words.

        Limits, unknown tools and failed tools are told by the sandbox itself and do not come here.
        """
        ...

    def describe(self, scope: Scope) -> str:
        """What a model has to be told of the language and of what is granted: text for a prompt."""
        ...
