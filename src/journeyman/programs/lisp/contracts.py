"""What the compiler is told from outside: the table of special forms, and what surrounds the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from .forms import Form, ListForm, Symbol
from .library import Arity
from .writing import Out, Scope, Target, Value

if TYPE_CHECKING:
    from .compiling import Compiler

Handler: TypeAlias = "Callable[[Compiler, ListForm, Scope, Out], Value]"
Statement: TypeAlias = "Callable[[Compiler, ListForm, Scope, Out, Target], None]"
Expansion: TypeAlias = Callable[[ListForm], Form]


class Definition(NamedTuple):
    """What a program defines under a name: with which arity, if it is a function each time."""

    arity: Arity | None
    times: int


class Tables(NamedTuple):
    """The special forms: by expression, by statement, and by rewriting into others."""

    expressions: Mapping[str, Handler]
    statements: Mapping[str, Statement]
    expansions: Mapping[str, Expansion]
    # What a local binding does not shadow, as in Clojure, where these are no macros.
    unshadowed: frozenset[str]


class World(Protocol):
    """What a program finds around it: its data and tools, what was stored, the namespaces of Clojure."""

    def remembers(self, name: str) -> bool:
        """Whether a program before this one has defined the name."""
        ...

    def arity(self, name: str) -> Arity | None:
        """What a remembered function takes; None for what is no function of the program's own."""
        ...

    def taken(self, function: ListForm) -> Arity:
        """What a function takes, as it is written."""
        ...

    def documented(self, name: str) -> str | None:
        """What is to be told of a tool; None for any other name."""
        ...

    def names(self) -> Sequence[str]:
        """Names that may be meant where an unknown one stands."""
        ...

    def symbol(self, compiler: Compiler, form: Symbol, scope: Scope) -> Value:
        """Compile a name that neither the program nor the library has."""
        ...

    def call(self, compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
        """Compile a call of such a name."""
        ...

    def inline(self, compiler: Compiler, piece: str, values: Sequence[Value], form: ListForm) -> Value | None:
        """Compile a call of the library without calling it, where that is possible."""
        ...
