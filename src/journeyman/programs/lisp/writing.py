"""What the compiler writes with: values, lines, the functions that are being made, and where a value goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from .forms import Form
from .library import Arity

KEYWORD: Final = "\ufdd0"
VAR: Final = "\ufdd1"
SYMBOL: Final = "\ufdd2"


class Value(NamedTuple):
    """The text of an expression.

    `boolean`: it can only give True or False. `steady`: evaluating it later, or twice, or not at all makes no difference.
    `shown`: the expression of its text, where that needs no printer: of a string, or of a whole number.
    """

    code: str
    boolean: bool = False
    steady: bool = False
    shown: str = ""


NIL: Final = Value("None", steady=True)


class Line(NamedTuple):
    """A line of Python, how deep it is indented, and the place in the source that it came from."""

    depth: int
    text: str
    line: int
    column: int


class Out:
    """Statements that are being written."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, text: str, at: Form) -> None:
        """Write a line."""
        self.lines.append(Line(0, text, at.line, at.column))

    def extend(self, other: Out, depth: int = 0) -> None:
        """Write the lines of another, deeper."""
        self.lines += [Line(line.depth + depth, line.text, line.line, line.column) for line in other.lines]

    def block(self, head: str, body: Out, at: Form) -> None:
        """Write a compound statement."""
        self.add(head, at)
        if body.lines:
            self.extend(body, 1)
        else:
            self.lines.append(Line(1, "pass", at.line, at.column))


class Frame:
    """A Python function that is being made, or the module."""

    def __init__(self, parent: Frame | None) -> None:
        self.parent = parent
        self.loops = 0
        self.free: dict[str, Local] = {}
        self.defined: set[str] = set()


class Local(NamedTuple):
    """A binding of the program.

    `looped`: it takes another value in the next round of a loop. `arity`: what it is known to take, where it is bound to a
    function and nothing else.
    """

    name: str
    frame: Frame
    looped: bool = False
    arity: Arity | None = None


class Loop:
    """Where `recur` goes: the variables that it sets."""

    def __init__(self, names: Sequence[str], what: str) -> None:
        self.names = list(names)
        self.what = what


class Target(NamedTuple):
    """Where a form's value goes. `leaves`: a `break` follows it. `loop`: the form is in tail position of that loop."""

    kind: str
    name: str = ""
    leaves: bool = False
    loop: Loop | None = None

    def deliver(self, value: Value, out: Out, at: Form) -> None:
        """Write the statement that hands the value over."""
        if self.kind == "return":
            out.add(f"return ({value.code})", at)
        elif self.kind == "assign":
            if value.code != self.name:
                out.add(f"{self.name} = ({value.code})", at)
        elif not value.steady:
            out.add(f"({value.code})", at)
        if self.leaves:
            out.add("break", at)


RETURN: Final = Target("return")
DROP: Final = Target("drop")


class Scope(NamedTuple):
    """What names mean at a place of the program."""

    frame: Frame
    names: dict[str, Local]

    def inner(self, frame: Frame | None = None) -> Scope:
        """A scope of its own, in which names can be bound; a copy, so that what is outside does not see them."""
        return Scope(frame or self.frame, dict(self.names))


def place(at: Form) -> str:
    """A line break within an expression, which says where in the source the next line comes from."""
    return f"\n\0{at.line}:{at.column}\0"
