"""What a program reads and binds at its top level, and the parts of its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import msgspec

from ..outcome import ProgramError, ProgramFault

_QUIET = frozenset(
    {
        "bool",
        "bytes",
        "date",
        "datetime",
        "Decimal",
        "dict",
        "field",
        "float",
        "frozenset",
        "int",
        "list",
        "range",
        "set",
    }
    | {"str", "timedelta", "timezone", "tuple"}
)
"""What a definition may call besides its decorators: calls without an effect, since it is made again for each later program."""
UNKEPT = frozenset({"data", "tools", "async_tools", "fail", "_"})
"""Names that each program finds as they were given; `_` is for what nobody wants."""
_NOTABLE = (
    *(ast.Attribute, ast.While, ast.For, ast.AsyncFor, ast.Return, ast.AugAssign, ast.Global, ast.NamedExpr),
    *(ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.Await),
)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Definition(msgspec.Struct, frozen=True, gc=False):
    """A statement of the top level that makes what JSON has no form for: the name that it binds, and the text that makes it again.

    It ends at the offset `end`; `mark` is what parts it from a statement that is put behind it there.
    """

    name: str
    source: str
    end: int
    mark: str


class Text:
    """A program's text by the places that its syntax tree counts: lines from 1, columns in bytes from 0."""

    def __init__(self, source: str) -> None:
        self.bytes = source.encode("utf-8", "replace")
        self._starts = [0]
        for line in self.bytes.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def at(self, line: int, column: int) -> int:
        """The offset of a place."""
        return self._starts[line - 1] + column

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Where a node begins."""
        return self.at(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Where it ends."""
        return self.at(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def column(self, at: int) -> int:
        """How many characters stand before a place in its line."""
        line = self.bytes[self.bytes.rfind(b"\n", 0, at) + 1 : at]
        return len(line.decode("utf-8", "replace"))

    def part(self, start: int, end: int) -> str:
        """What stands between two offsets."""
        return self.bytes[start:end].decode("utf-8", "replace")


class Reading:
    """A program's syntax tree, and what is found in one walk over it; raises `ProgramFault` for what is no Python."""

    def __init__(self, source: str) -> None:
        source = re.sub(r"\r\n?", "\n", source)
        self.tree = parsed(source)
        self.text = Text(source)
        self.notable: list[tuple[ast.AST, bool, bool]] = []
        """Statements and awaits for which its text may have to be changed, as `placed` gives them."""
        self.names: set[str] = set()
        """All names, and those of attributes: what may be a tool."""
        self.reads: set[str] = set()
        """Names whose values it may read."""
        self.changed: dict[str, None] = {}
        """Names that it assigns to in a place where its statements do not show it: in functions, with `:=`."""
        self.loops = self.returns = False
        for item in placed(self.tree):
            node = item[0]
            # Each node of each program comes by here, and most of them are names or nothing of note.
            if isinstance(node, ast.Name):
                self.names.add(node.id)
                if isinstance(node.ctx, ast.Load):
                    self.reads.add(node.id)
            elif isinstance(node, _NOTABLE):
                self.notable.append(item)
                self._note(node, at_top=item[2])

    def _note(self, node: ast.AST, *, at_top: bool) -> None:
        match node:
            case ast.Attribute(attr=name):
                self.names.add(name)
            case ast.While() | ast.For() | ast.AsyncFor():
                self.loops = True
            case ast.Return() if at_top:
                self.returns = True
            case ast.AugAssign(target=ast.Name(id=name)):
                self.reads.add(name)
            case ast.Global(names=names):
                self.changed.update(dict.fromkeys(names))
            case ast.ImportFrom(module="tools" | "async_tools", names=names):
                self.names.update(item.name for item in names)
            case ast.NamedExpr(target=target) if at_top:
                self.changed[target.id] = None
            case _:
                pass

    def bound(self) -> dict[str, None]:
        """The names that it binds and that may be kept, in their order; those of loops are only for the loop."""
        names: dict[str, None] = {}
        for statement in top_level(self.tree.body):
            names.update(dict.fromkeys(bound_by(statement)))
        return names | self.changed

    def definitions(self) -> Iterator[Definition]:
        """The functions, classes, lambdas and imports of the top level that can be made again."""
        for statement in top_level(self.tree.body):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                yield from _imported(statement, self.text)
            elif (name := defined(statement)) is not None and _is_quiet(statement):
                yield _definition(statement, name, self.text)

    def bound_first(self) -> set[str]:
        """The names that it binds before anything could read them: what they were before does not matter to it."""
        first: set[str] = set()
        read: set[str] = set()
        for statement in self.tree.body:
            read.update(reads_of([statement]))
            if not isinstance(statement, ast.AugAssign):
                first.update(name for name in bound_by(statement) if name not in read)
        return first


def may_be_kept(name: str) -> bool:
    """Whether a name is a program's own: those with two underscores are ours."""
    return name not in UNKEPT and not name.startswith("__")


def parsed(source: str) -> ast.Module:
    """The syntax tree; raises `ProgramFault` for what is no Python.

    CPython's parser bounds its own depth: it answers a hostile source with one of these errors.
    """
    import warnings  # noqa: PLC0415  (only here)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes and the like, to which the model can do nothing
            return ast.parse(source)
    except SyntaxError as error:
        message = error.msg.split(" (<", 1)[0]
        raise ProgramFault(ProgramError("parse_error", message, error.lineno or 1, error.offset or 1)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        message = str(error) or "it is nested too deeply"
        raise ProgramFault(ProgramError("parse_error", message, 1, 1)) from None


def placed(tree: ast.AST) -> Iterator[tuple[ast.AST, bool, bool]]:
    """All nodes, each with whether its place is known (in f-strings Python 3.11 counts wrongly) and whether it is in no function."""
    waiting: list[tuple[ast.AST, bool, bool]] = [(tree, True, True)]
    while waiting:
        node, placed, at_top = waiting.pop()
        yield node, placed, at_top
        inside = placed and not isinstance(node, ast.JoinedStr)
        above = at_top and not isinstance(node, (*_SCOPES, ast.Lambda))
        waiting.extend((child, inside, above) for child in ast.iter_child_nodes(node))


def top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that stand in no function, also those within others, in their order."""
    waiting = [*body][::-1]
    while waiting:
        statement = waiting.pop()
        yield statement
        if not isinstance(statement, _SCOPES):
            waiting.extend([*_inside(statement)][::-1])


def _inside(statement: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from child.body


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that one statement binds: by an assignment, a definition or an import."""
    match statement:
        case ast.Assign(targets=targets):
            yield from (name for target in targets for name in _stored(target))
        case ast.AnnAssign(target=target, value=ast.expr()) | ast.AugAssign(target=target):
            yield from _stored(target)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (_bound_as(statement, item) for item in names)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case _:
            pass


def _stored(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def reads_of(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are read anywhere in them."""
    found: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def defined(statement: ast.stmt) -> str | None:
    """The name of what a statement makes that has to be made by a statement: a function, a lambda, a class without bases."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name, bases=[]):
            return name
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
            return name
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Lambda()):
            return name
        case _:
            return None


def made_at_once(statement: ast.stmt) -> list[ast.expr]:
    """What a definition computes when it is made: defaults, decorators, the values of a class."""
    match statement:
        case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
            return [*statement.decorator_list, *_defaults(args)]
        case ast.Assign(value=ast.Lambda(args=args)) | ast.AnnAssign(value=ast.Lambda(args=args)):
            return _defaults(args)
        case ast.ClassDef(body=body):
            inside = [made for inner in body for made in made_at_once(inner)]
            values = [inner.value for inner in body if isinstance(inner, ast.Assign | ast.AnnAssign) and inner.value]
            return [*statement.decorator_list, *inside, *values]
        case _:
            return []


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(item for item in args.kw_defaults if item is not None)]


def _is_quiet(statement: ast.stmt) -> bool:
    """Whether it can be made again and again: its defaults call nothing that could have an effect, such as a tool."""
    decorators = set[ast.AST](getattr(statement, "decorator_list", []))
    for node in (inner for part in made_at_once(statement) for inner in ast.walk(part)):
        if isinstance(node, ast.Await):
            return False
        if isinstance(node, ast.Call) and node not in decorators and _called(node.func) not in _QUIET:
            return False
    return True


def _called(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _definition(statement: ast.stmt, name: str, text: Text) -> Definition:
    end = text.end(statement)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return Definition(name, text.part(text.start(statement), end), end, "; ")
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    line = min([statement.lineno, *[item.lineno for item in decorators]])
    source = text.part(text.at(line, 0), end)
    indent = " " * statement.col_offset if not source[0].isspace() else source[: len(source) - len(source.lstrip())]
    # What stood further to the right goes on doing so: strings of several lines would not bear to be moved.
    return Definition(name, f"if 1:\n{source}" if indent else source, end, f"\n{indent}")


def _bound_as(statement: ast.Import | ast.ImportFrom, item: ast.alias) -> str:
    if item.asname or isinstance(statement, ast.ImportFrom):
        return item.asname or item.name
    return item.name.partition(".")[0]


def _imported(statement: ast.Import | ast.ImportFrom, text: Text) -> Iterator[Definition]:
    if isinstance(statement, ast.ImportFrom) and (statement.level or statement.module == "__future__"):
        return
    came_from = f"from {statement.module} " if isinstance(statement, ast.ImportFrom) else ""
    for item in statement.names:
        if item.name != "*":
            called = f" as {item.asname}" if item.asname else ""
            name = _bound_as(statement, item)
            yield Definition(name, f"{came_from}import {item.name}{called}", text.end(statement), "; ")
