"""Loops: `loop` and `recur`, `for`, `doseq`, `dotimes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from .bindings import bind_pattern, pairs_of
from .compiling import Compiler
from .forms import Form, Keyword, ListForm, Literal, Symbol, VectorForm, call, fault_at, require
from .functions import counted
from .writing import DROP, NIL, Local, Loop, Out, Scope, Target, Value

_Body: TypeAlias = Callable[[Scope, Out], None]


def loop(compiler: Compiler, form: ListForm, scope: Scope, out: Out, target: Target) -> None:
    """`(loop [pattern value …] body …)`."""
    require(form, 1, "loop needs its bindings in a vector: (loop [name value] …)")
    inner = scope.inner()
    inner.frame.loops += 1
    names: list[str] = []
    patterns: list[tuple[Form, Symbol]] = []
    for index, (pattern, value) in enumerate(pairs_of(form.items[1], "loop")):
        symbol = pattern if isinstance(pattern, Symbol) else Symbol(f" l{index}", pattern.line, pattern.column)
        bind_pattern(compiler, symbol, value, inner, out)
        names.append(inner.names[symbol.name].name)
        if symbol is not pattern:
            # Later values may name what this pattern binds.
            bind_pattern(compiler, pattern, symbol, inner, out)
            patterns.append((pattern, symbol))
    body = Out()
    for pattern, symbol in patterns:
        bind_pattern(compiler, pattern, symbol, inner, body)
    returns = target.kind == "return"
    result = Target("return") if returns else Target("assign", compiler.fresh("result"), leaves=True)
    compiler.body(form.items[2:], inner, body, result._replace(loop=Loop(names, "loop")), form)
    counted(compiler, body, out, form)
    inner.frame.loops -= 1
    if not returns:
        target.deliver(Value(result.name, steady=True), out, form)


def recur(compiler: Compiler, form: ListForm, scope: Scope, out: Out, target: Target) -> None:
    """`(recur value …)`: the next round, with these values."""
    goal = target.loop
    if goal is None:
        raise fault_at(
            form, "parse_error", "recur must be the last thing that a loop or a fn does: nothing may wait for it"
        )
    given = len(form.items) - 1
    if given != len(goal.names):
        raise fault_at(form, "arity_error", f"this recur gives {given} values to a {goal.what} of {len(goal.names)}")
    values = compiler.arguments(form.items[1:], scope, out)
    if values:
        out.add(f"{', '.join(goal.names)} = {', '.join(f'({value.code})' for value in values)}", form)
    out.add("continue", form)


def comprehension(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(for [pattern values :when … :let … :while …] body)`: a vector, not a lazy sequence."""
    result = compiler.fresh("for")
    out.add(f"{result} = []", form)

    def collect(inner: Scope, block: Out) -> None:
        value = compiler.fresh()
        compiler.body(form.items[2:], inner, block, Target("assign", value), form)
        block.add(f"{result}.append({value})", form)

    _rounds(compiler, form, scope, out, collect)
    return Value(result, steady=True)


def doseq(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(doseq [pattern values …] body …)`: for what the body does; nil."""
    _rounds(compiler, form, scope, out, lambda inner, block: compiler.body(form.items[2:], inner, block, DROP, form))
    return NIL


def dotimes(form: ListForm) -> Form:
    """`(dotimes [i n] body …)`."""
    require(form, 1, "dotimes needs a name and a number: (dotimes [i n] …)")
    pairs = pairs_of(form.items[1], "dotimes")
    if len(pairs) != 1:
        raise fault_at(form, "parse_error", "dotimes takes one name and a number: (dotimes [i n] …)")
    (name, count), *_ = pairs
    return call("doseq", form, VectorForm((name, call("range", form, count)), form.line, form.column), *form.items[2:])


def _rounds(compiler: Compiler, form: ListForm, scope: Scope, out: Out, inmost: _Body) -> None:
    what = form.items[0].name if isinstance(form.items[0], Symbol) else "for"
    require(form, 1, f"{what} needs its bindings in a vector: ({what} [name values] …)")
    pairs = pairs_of(form.items[1], what)
    if not pairs or isinstance(pairs[0][0], Keyword):
        raise fault_at(form, "parse_error", f"{what} needs a name and values first: ({what} [name values] …)")
    inner = scope.inner()
    inner.frame.loops += 1
    _round(compiler, pairs, inner, out, inmost)
    inner.frame.loops -= 1


def _round(compiler: Compiler, pairs: Sequence[tuple[Form, Form]], scope: Scope, out: Out, inmost: _Body) -> None:
    """One level of the loops; what stands after a level's values belongs to its body."""
    if not pairs:
        inmost(scope, out)
        return
    (left, right), rest = pairs[0], pairs[1:]
    if isinstance(left, Keyword):
        _modifier(compiler, left, right, scope, out)
        _round(compiler, rest, scope, out, inmost)
        return
    values = compiler.expression(call("_seq", right, right), scope, out)
    name = compiler.fresh("each")
    body = Out()
    symbol = Symbol(f" {name}", left.line, left.column)
    scope.names[symbol.name] = Local(name, scope.frame, looped=True)
    bind_pattern(compiler, left, symbol, scope, body)
    _round(compiler, rest, scope, body, inmost)
    out.block(f"for {name} in ({values.code}):", body, left)


def _modifier(compiler: Compiler, kind: Keyword, form: Form, scope: Scope, out: Out) -> None:
    match kind.name:
        case "let":
            for pattern, value in pairs_of(form, ":let"):
                bind_pattern(compiler, pattern, value, scope, out)
        case "when" | "while":
            test = compiler.expression(form, scope, out)
            leave = Out()
            leave.add("continue" if kind.name == "when" else "break", kind)
            out.block(f"if not {compiler.truth(test)}:", leave, kind)
        case _:
            raise fault_at(kind, "parse_error", f":{kind.name} means nothing here: know :when, :while and :let")


def take(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value | None:
    """`(take n (range start end step))` with a step that may be 0: the one endless sequence that the specification has."""
    if len(form.items) != 3 or not isinstance(form.items[2], ListForm) or len(form.items[2].items) != 4:  # noqa: PLR2004  (forms are counted)
        return None
    inner = form.items[2]
    if not isinstance(inner.items[0], Symbol) or inner.items[0].name != "range":
        return None
    if not isinstance(inner.items[3], Literal) or inner.items[3].value != 0:
        return None
    return compiler.expression(call("_take_same", form, form.items[1], *inner.items[1:]), scope, out)
