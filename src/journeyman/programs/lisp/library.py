"""The library, and the part of it that a program needs.

It is written in the sandbox's subset of Python, in `prelude/*.monty`, and read as text. Measured with monty 1.4.0, a function costs
6 to 25 microseconds to load, whether as source or from a dump; all of them would cost each program several milliseconds. So a
program brings what it names and what that names in turn: a dozen functions, mostly.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final

import msgspec

FILES: Final = (
    "basics",
    "numbers",
    "mathematics",
    "sequences",
    "building",
    "ordering",
    "maps",
    "sets",
    "functions",
    "predicates",
    "printing",
    "strings",
    "formatting",
    "java",
    "dates",
    "tools",
    "discovering",
)


_INDENT: Final = re.compile(r"^ +", re.MULTILINE)


class Arity(msgspec.Struct, frozen=True, gc=False):
    """How many arguments a function takes: from `least` to `most`, without end where that is None."""

    least: int
    most: int | None

    def takes(self, count: int) -> bool:
        """Whether that many arguments are right."""
        return self.least <= count and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        if self.most == self.least:
            return f"{self.least} argument{'' if self.least == 1 else 's'}"
        return f"at least {self.least} arguments" if self.most is None else f"{self.least} to {self.most} arguments"


class Piece:
    """A definition of the library: a function, a value or an import.

    Functions that take functions begin with `f = _fn(f)`, since a keyword, a map or a set may stand for one. Where a program
    calls such a function by its name, the compiler sees to that itself, mostly by seeing that there is nothing to do; then
    the `plain` piece is enough, and all that `_fn` would bring stays away.
    """

    def __init__(self, name: str, node: ast.stmt, order: int) -> None:
        self.name = name
        self.node = node
        # Imports come first, then values, then functions, which may name one another in any order.
        rank = (
            2
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            else isinstance(node, ast.Assign)
        )
        self.order = (rank, order)

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """What it refers to."""
        inside = list(ast.walk(self.node))
        brought = {alias.name for inner in inside if isinstance(inner, ast.Import) for alias in inner.names}
        return frozenset(inner.id for inner in inside if isinstance(inner, ast.Name)) - brought

    @functools.cached_property
    def source(self) -> str:
        """The definition without comments, indented as little as can be: a program that waits is stored with its source."""
        return _INDENT.sub(lambda match: " " * (len(match.group()) // 4), ast.unparse(self.node))

    @functools.cached_property
    def arity(self) -> Arity | None:
        """What a function takes; None for what is no function."""
        if not isinstance(self.node, ast.FunctionDef):
            return None
        given = self.node.args
        least = len(given.args) - len(given.defaults)
        return Arity(least, None if given.vararg else len(given.args))

    @functools.cached_property
    def callables(self) -> Mapping[int, str]:
        """Which of its parameters are functions that it makes callable itself, and by which piece."""
        if not isinstance(self.node, ast.FunctionDef):
            return {}
        params = [arg.arg for arg in self.node.args.args]
        found = [_made_callable(line) for line in self.node.body]
        return {params.index(name): maker for name, maker in found if name in params}

    @functools.cached_property
    def plain(self) -> Piece:
        """The same for functions that are callable already."""
        if not self.callables or not isinstance(self.node, ast.FunctionDef):
            return self
        body = [line for line in self.node.body if not _made_callable(line)[0]]
        node = ast.FunctionDef(self.node.name, self.node.args, body, [], lineno=1, col_offset=0)
        return Piece(self.name, node, self.order[1])


def _made_callable(line: ast.stmt) -> tuple[str, str]:
    """The name in a line `name = _fn(name)` and what stands for `_fn`, or nothing."""
    match line:
        case ast.Assign([ast.Name(name)], ast.Call(ast.Name(maker), [ast.Name(given)])) if name == given:
            return (name, maker) if maker in ("_fn", "_field") else ("", "")
        case _:
            return "", ""


@functools.cache
def library() -> Mapping[str, Piece]:
    """All pieces by name; read once, when the first program is compiled."""
    pieces: dict[str, Piece] = {}
    for file in FILES:
        text = (
            files(__package__ or __name__.rpartition(".")[0])
            .joinpath("prelude", f"{file}.monty")
            .read_text(encoding="utf-8")
        )
        for node in ast.parse(text).body:
            for name in _names_of(node):
                pieces[name] = Piece(name, node, len(pieces))
    return pieces


def _names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.Import():
            return [alias.name for alias in node.names]
        case _:
            return []


def part(names: Iterable[str], plain: Iterable[str] = ()) -> str:
    """The source of these pieces and of all that they need; of `plain` ones the plain source, where nothing needs the whole."""
    pieces = library()
    found = {name: pieces[name].plain for name in plain}
    todo = [*names, *(inner for piece in found.values() for inner in piece.names)]
    whole: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in whole and name in pieces:
            whole.add(name)
            found[name] = pieces[name]
            todo.extend(pieces[name].names)
    return "\n".join(piece.source for piece in sorted(found.values(), key=lambda piece: piece.order))
