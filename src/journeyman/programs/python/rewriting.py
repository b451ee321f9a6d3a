"""The few changes that a model's Python needs before it runs: its value kept, its loops counted, its parallel calls marked."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

import msgspec

from .reading import Definition, Reading, Text, placed

TICK = "(__next__(__ticks__, None) is not None or __over__())"
OVER = "the limit on steps of loops was reached"
PREPARATION = """\
__next__ = next
def __over__():
    raise RuntimeError({message!r})
__ticks__ = iter(range({steps}))
"""
RETURNING = """\
def __return__(value=None, found=None):
    global __value__
    __value__ = value
    raise KeyboardInterrupt("__return__")
"""
KEEPING_RETURNING = RETURNING.replace("= value\n", "= __keep__(value, found)\n")
"""The same where something of the program is kept."""
_GATHERING = frozenset({"gather", "create_task", "ensure_future", "wait_for", "as_completed"})


class Edit(msgspec.Struct, frozen=True, gc=False, order=True):
    """Bytes `start` to `end` of the source are replaced by `text`."""

    start: int
    end: int
    text: str


class Rewritten(msgspec.Struct, frozen=True):
    """The code, its places in the source, and the names that it mentions."""

    code: str
    places: tuple[tuple[int, int], ...]
    names: frozenset[str]


def rewritten(
    program: Reading, tools: Collection[str], *, keeps: bool = False, marked: Sequence[Definition] = ()
) -> Rewritten:
    """A program as it is run. Columns stay what they are wherever a line can be broken instead.

    With `keeps` its last act is to hand over what its names hold; of what the `marked` definitions made a note is taken then.
    """
    text, names = program.text, set(program.names)
    found = ", __locals__()" if keeps else ""
    last = program.tree.body[-1] if program.tree.body else None
    edits = [*_edits(program, tools, found), *_kept(last, found, text)]
    edits += [Edit(item.end, item.end, f"{item.mark}__made__[{n}] = {item.name}") for n, item in enumerate(marked)]
    if any("tools." in edit.text for edit in edits):
        names.update(("tools", "async_tools"))
    code, places = _edited(text, sorted(set(edits)))
    if keeps and not isinstance(last, ast.Expr):
        code, places = f"{code}\n__value__ = __keep__(None, __locals__())", (*places, places[-1])
    return Rewritten(code, places, frozenset(names))


def _edits(program: Reading, tools: Collection[str], found: str) -> Iterator[Edit]:
    text = program.text
    ends = program.returns or "fail" in program.names
    for node, is_placed, at_top in program.notable:
        match node:
            case ast.While() | ast.For() | ast.AsyncFor():
                yield from _counted(node, text)
            case ast.Return() if at_top:
                yield from _returned(node, found, text)
            case ast.ExceptHandler() if ends:
                yield from _passed_on(node, text)
            case ast.Await() if is_placed:
                yield from _awaited(node.value, tools, text)
            case ast.Import() | ast.ImportFrom():
                yield from _imported(node, text)
            case _:
                pass


def _edited(text: Text, edits: list[Edit]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The new text, and for each of its lines the line of the source that it comes from."""
    pieces: list[bytes] = []
    places: list[tuple[int, int]] = [(1, 0)]
    line, at = 1, 0
    for edit in edits:
        kept = text.bytes[at : edit.start]
        for _ in range(kept.count(b"\n")):
            line += 1
            places.append((line, 0))
        pieces.extend((kept, edit.text.encode()))
        places.extend([(line, 0)] * edit.text.count("\n"))
        line += text.bytes[edit.start : edit.end].count(b"\n")
        at = edit.end
    rest = text.bytes[at:]
    places.extend((line + 1 + extra, 0) for extra in range(rest.count(b"\n")))
    return b"".join([*pieces, rest]).decode("utf-8", "replace"), tuple(places)


def _in_parentheses(node: ast.expr | ast.stmt, before: str, text: Text, after: str = ")") -> list[Edit]:
    # On lines of its own, and as far to the right as it was, so that an error in it is told with its own column.
    end = max(text.column(text.end(node)) - 1, 0)
    return [
        Edit(text.start(node), text.start(node), f"{before}(\n{' ' * text.column(text.start(node))}"),
        Edit(text.end(node), text.end(node), f"\n{' ' * end}{after}"),
    ]


def _kept(last: ast.stmt | None, found: str, text: Text) -> list[Edit]:
    if not isinstance(last, ast.Expr):
        return []
    if not found:
        return _in_parentheses(last, "__value__ = ", text)
    return _in_parentheses(last, "__value__ = __keep__(", text, f"){found})")


def _returned(node: ast.Return, found: str, text: Text) -> list[Edit]:
    """`return` outside of a function gives the program's value and ends it."""
    start, end = text.start(node), text.end(node)
    if node.value is None:
        return [Edit(start, end, f"__return__(None{found})")]
    # The word goes and the value stays where it is, so that an error in it is told with its own column.
    word = start + len("return")
    return [Edit(start, word, f"__return__((\n{' ' * text.column(word)}"), Edit(end, end, f"\n){found})")]


def _passed_on(node: ast.ExceptHandler, text: Text) -> Iterator[Edit]:
    """What ends a program at once is an exception to the interpreter, and none to whoever wrote `except:`."""
    if node.type is None:
        word = text.at(node.lineno, node.col_offset) + len("except")
        yield Edit(word, word, " Exception")
        return
    for kind in ast.walk(node.type):
        if isinstance(kind, ast.Name) and kind.id == "BaseException":
            yield Edit(text.start(kind), text.end(kind), "Exception")


def _counted(node: ast.While | ast.For | ast.AsyncFor, text: Text) -> list[Edit]:
    if isinstance(node, ast.While):
        return _in_parentheses(node.test, f"{TICK} and ", text)
    return [_counted_for(node, text)]


def _counted_for(node: ast.For | ast.AsyncFor, text: Text) -> Edit:
    first = node.body[0]
    line = min([first.lineno, *[item.lineno for item in getattr(first, "decorator_list", [])]])
    at = text.at(line, 0)
    indent = text.bytes[at : at + first.col_offset]
    if indent.strip() or text.bytes[at - 2 : at] == b"\\\n":  # the body stands behind the colon
        at = text.start(first)
        return Edit(at, at, f"{TICK}; ")
    return Edit(at, at, f"{indent.decode()}{TICK}\n")


def _awaited(node: ast.expr, tools: Collection[str], text: Text) -> Iterator[Edit]:
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
        for inner, is_placed, _ in placed(argument):
            if is_placed and isinstance(inner, ast.Call):
                yield inner


def _imported(node: ast.Import | ast.ImportFrom, text: Text) -> Iterator[Edit]:
    """`import tools` and `from tools import search` are what they look like, though there is no such module."""
    start, end = text.start(node), text.end(node)
    match node:
        case ast.Import(names=names) if all(item.name in ("tools", "async_tools") for item in names):
            bound = [f"{item.asname} = {item.name}" for item in names if item.asname]
            yield Edit(start, end, "; ".join(bound) or "pass")
        case ast.ImportFrom(module="__future__"):
            # It has to stand first, and here other lines do; the subset has what it asks for.
            yield Edit(start, end, "pass")
        case ast.ImportFrom(module="tools" | "async_tools" as module, names=names, level=0):
            bound = [f"{item.asname or item.name} = {module}.{item.name}" for item in names if item.name != "*"]
            yield Edit(start, end, "; ".join(bound) or "pass")
        case _:
            pass
