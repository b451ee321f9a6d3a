"""The few changes that a model's Python needs before it runs: its value kept, its loops counted, its parallel calls marked."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

import msgspec

from ..outcome import ProgramError, ProgramFault

TICK = "(__next__(__ticks__, None) is not None or __over__())"
OVER = "the limit on steps of loops was reached"
PREPARATION = """\
__next__ = next
def __over__():
    raise RuntimeError({message!r})
__ticks__ = iter(range({steps}))
"""
_GATHERING = frozenset({"gather", "create_task", "ensure_future", "wait_for", "as_completed"})


class Edit(msgspec.Struct, frozen=True, gc=False, order=True):
    """Bytes `start` to `end` of the source are replaced by `text`."""

    start: int
    end: int
    text: str


class Rewritten(msgspec.Struct, frozen=True):
    """The code, its places in the source, the names that it mentions, and whether it has loops."""

    code: str
    places: tuple[tuple[int, int], ...]
    names: frozenset[str]
    loops: bool


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


def rewritten(source: str, tools: Collection[str]) -> Rewritten:
    """A program as it is run. Columns stay what they are wherever a line can be broken instead."""
    source = re.sub(r"\r\n?", "\n", source)
    tree = parsed(source)
    text = _Text(source)
    edits = list(_imports(tree, text))
    names: set[str] = set()
    loops = False
    for node, placed in _walk(tree):
        match node:
            case ast.Name():
                names.add(node.id)
            case ast.Attribute():
                names.add(node.attr)
            case ast.While():
                loops = True
                edits.extend(_counted_while(node, text))
            case ast.For() | ast.AsyncFor():
                loops = True
                edits.append(_counted_for(node, text))
            case ast.Await() if placed:
                edits.extend(_awaited(node.value, tools, text))
            case _:
                pass
    edits.extend(_kept(tree, text))
    if any("tools." in edit.text for edit in edits):
        names |= {"tools", "async_tools"}
    code, places = text.edited(sorted(set(edits)))
    return Rewritten(code, places, frozenset(names), loops)


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes, each with whether its place is known: inside f-strings Python 3.11 counts from elsewhere."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, placed = waiting.pop()
        yield node, placed
        inside = placed and not isinstance(node, ast.JoinedStr)
        waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


class _Text:
    def __init__(self, source: str) -> None:
        self.bytes = source.encode("utf-8", "replace")
        self._starts = [0]
        for line in self.bytes.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def at(self, line: int, column: int) -> int:
        """The offset of a place as the syntax tree counts it: lines from 1, columns in bytes from 0."""
        return self._starts[line - 1] + column

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.at(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        return self.at(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def column(self, at: int) -> int:
        """How many characters stand before a place in its line."""
        line = self.bytes[self.bytes.rfind(b"\n", 0, at) + 1 : at]
        return len(line.decode("utf-8", "replace"))

    def edited(self, edits: list[Edit]) -> tuple[str, tuple[tuple[int, int], ...]]:
        """The new text, and for each of its lines the line of the source that it comes from."""
        pieces: list[bytes] = []
        places: list[tuple[int, int]] = [(1, 0)]
        line, at = 1, 0
        for edit in edits:
            kept = self.bytes[at : edit.start]
            for _ in range(kept.count(b"\n")):
                line += 1
                places.append((line, 0))
            pieces.extend((kept, edit.text.encode()))
            places.extend([(line, 0)] * edit.text.count("\n"))
            line += self.bytes[edit.start : edit.end].count(b"\n")
            at = edit.end
        rest = self.bytes[at:]
        places.extend((line + 1 + extra, 0) for extra in range(rest.count(b"\n")))
        return b"".join([*pieces, rest]).decode("utf-8", "replace"), tuple(places)


def _in_parentheses(node: ast.expr | ast.stmt, before: str, text: _Text) -> list[Edit]:
    # On lines of its own, and as far to the right as it was, so that an error in it is told with its own column.
    end = max(text.column(text.end(node)) - 1, 0)
    return [
        Edit(text.start(node), text.start(node), f"{before}(\n{' ' * text.column(text.start(node))}"),
        Edit(text.end(node), text.end(node), f"\n{' ' * end})"),
    ]


def _kept(tree: ast.Module, text: _Text) -> list[Edit]:
    last = tree.body[-1] if tree.body else None
    return _in_parentheses(last, "__value__ = ", text) if isinstance(last, ast.Expr) else []


def _counted_while(node: ast.While, text: _Text) -> list[Edit]:
    return _in_parentheses(node.test, f"{TICK} and ", text)


def _counted_for(node: ast.For | ast.AsyncFor, text: _Text) -> Edit:
    first = node.body[0]
    line = min([first.lineno, *[item.lineno for item in getattr(first, "decorator_list", [])]])
    at = text.at(line, 0)
    indent = text.bytes[at : at + first.col_offset]
    if indent.strip() or text.bytes[at - 2 : at] == b"\\\n":  # the body stands behind the colon
        at = text.start(first)
        return Edit(at, at, f"{TICK}; ")
    return Edit(at, at, f"{indent.decode()}{TICK}\n")


def _awaited(node: ast.expr, tools: Collection[str], text: _Text) -> Iterator[Edit]:
    """Calls of tools that are awaited are those that may run side by side, whatever they are called as."""
    if not isinstance(node, ast.Call):
        return
    function = node.func
    if isinstance(function, ast.Name) and function.id in tools:
        yield Edit(text.start(function), text.start(function), "async_tools.")
    elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        if function.value.id == "tools":
            yield Edit(text.start(function.value), text.end(function.value), "async_tools")
        elif function.attr in _GATHERING:
            for inner in _calls(node):
                yield from _awaited(inner, tools, text)


def _calls(node: ast.Call) -> Iterator[ast.Call]:
    for argument in node.args:
        for inner, placed in _walk(argument):
            if placed and isinstance(inner, ast.Call):
                yield inner


def _imports(tree: ast.Module, text: _Text) -> Iterator[Edit]:
    """`import tools` and `from tools import search` are what they look like, though there is no such module."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if all(item.name in ("tools", "async_tools") for item in names):
                bound = [f"{item.asname} = {item.name}" for item in names if item.asname]
                yield Edit(text.start(node), text.end(node), "; ".join(bound) or "pass")
            case ast.ImportFrom(module="__future__"):
                # It has to stand first, and here other lines do; the subset has what it asks for.
                yield Edit(text.start(node), text.end(node), "pass")
            case ast.ImportFrom(module="tools" | "async_tools" as module, names=names, level=0):
                bound = [f"{item.asname or item.name} = {module}.{item.name}" for item in names if item.name != "*"]
                yield Edit(text.start(node), text.end(node), "; ".join(bound) or "pass")
            case _:
                pass
