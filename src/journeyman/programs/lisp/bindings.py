"""Binding: `let`, and taking values apart by patterns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from .compiling import Compiler
from .forms import Form, Keyword, ListForm, Literal, MapForm, Symbol, VectorForm, call, fault_at, require
from .writing import Out, Scope, Target

Pair: TypeAlias = tuple[Symbol, Form]

_KEY_KINDS: Final = {"keys": "keyword", "strs": "string", "syms": "symbol"}


def pairs_of(form: Form, what: str) -> list[tuple[Form, Form]]:
    """The pattern and value pairs of a binding vector."""
    if not isinstance(form, VectorForm):
        raise fault_at(form, "parse_error", f"{what} needs its bindings in a vector: ({what} [name value] …)")
    if len(form.items) % 2:
        raise fault_at(
            form, "parse_error", f"{what} needs a value for each name: {len(form.items)} forms are not pairs"
        )
    return list(zip(form.items[::2], form.items[1::2], strict=True))


def let(compiler: Compiler, form: ListForm, scope: Scope, out: Out, target: Target) -> None:
    """`(let [pattern value …] body …)`."""
    require(form, 1, "let needs its bindings in a vector: (let [name value] …)")
    inner = scope.inner()
    for pattern, value in pairs_of(form.items[1], "let"):
        bind_pattern(compiler, pattern, value, inner, out)
    compiler.body(form.items[2:], inner, out, target, form)


def bind_pattern(compiler: Compiler, pattern: Form, value: Form, scope: Scope, out: Out) -> None:
    """Bind what a pattern names; each name is there for those after it."""
    for symbol, part in taken_apart(pattern, value):
        _bind(compiler, symbol, part, scope, out)


def _bind(compiler: Compiler, symbol: Symbol, value: Form, scope: Scope, out: Out) -> None:
    # The symbol is entered after its value has been compiled: the value still sees what it meant before.
    name = compiler.fresh(symbol.name)
    compiler.statement(value, scope, out, Target("assign", name))
    compiler.enter(symbol, name, scope)


def taken_apart(pattern: Form, value: Form, depth: int = 0) -> Iterator[Pair]:
    """The simple bindings that a pattern stands for, in order."""
    match pattern:
        case Symbol():
            yield pattern, value
        case VectorForm():
            yield from _vector(pattern, value, depth)
        case MapForm():
            yield from _map(pattern, value, depth)
        case _:
            raise fault_at(pattern, "parse_error", "only a name, a vector or a map of names can be bound to a value")


def _hidden(depth: int, at: Form) -> Symbol:
    """A name that no program can write. One for each depth is enough: patterns are taken apart one after the other."""
    return Symbol(f" {depth}", at.line, at.column)


def _vector(pattern: VectorForm, value: Form, depth: int) -> Iterator[Pair]:
    whole, items = _hidden(depth, pattern), list(pattern.items)
    if len(items) >= 2 and isinstance(items[-2], Keyword) and items[-2].name == "as":  # noqa: PLR2004  (forms are counted)
        alias = items[-1]
        yield _only_symbol(alias), value
        value, items = alias, items[:-2]
    yield whole, call("_seq", pattern, value)
    for index, item in enumerate(items):
        if isinstance(item, Symbol) and item.name == "&":
            if index != len(items) - 2:
                raise fault_at(item, "parse_error", "one name follows the & in a pattern, for all that is left")
            rest = items[index + 1]
            tail = call("_tail", item, whole, Literal(index))
            yield from taken_apart(rest, call("_kwargs", rest, tail) if isinstance(rest, MapForm) else tail, depth + 1)
            return
        if isinstance(item, Symbol) and item.name == "_":
            continue
        yield from taken_apart(item, call("_at", item, whole, Literal(index)), depth + 1)


def _only_symbol(form: Form) -> Symbol:
    if not isinstance(form, Symbol):
        raise fault_at(form, "parse_error", "a name follows :as")
    return form


def _map(pattern: MapForm, value: Form, depth: int) -> Iterator[Pair]:
    whole = _hidden(depth, pattern)
    yield whole, value
    defaults = _defaults(pattern)
    for left, right in zip(pattern.items[::2], pattern.items[1::2], strict=True):
        match left:
            case Keyword("as"):
                yield _only_symbol(right), whole
            case Keyword("or"):
                continue
            case Keyword(kind) if kind in _KEY_KINDS:
                yield from _key_names(kind, right, whole, defaults)
            case Keyword():
                raise fault_at(
                    left, "parse_error", f":{left.name} means nothing in a pattern: know :keys, :strs, :as and :or"
                )
            case _:
                default = defaults.get(left.name) if isinstance(left, Symbol) else None
                yield from taken_apart(left, _lookup(whole, right, default), depth + 1)


def _defaults(pattern: MapForm) -> dict[str, Form]:
    for left, right in zip(pattern.items[::2], pattern.items[1::2], strict=True):
        if isinstance(left, Keyword) and left.name == "or":
            if not isinstance(right, MapForm):
                raise fault_at(right, "parse_error", "a map of names and defaults follows :or")
            pairs = zip(right.items[::2], right.items[1::2], strict=True)
            return {name.name: default for name, default in pairs if isinstance(name, Symbol)}
    return {}


def _key_names(kind: str, names: Form, whole: Symbol, defaults: dict[str, Form]) -> Iterator[Pair]:
    if not isinstance(names, VectorForm):
        raise fault_at(names, "parse_error", f"a vector of names follows :{kind}")
    for name in names.items:
        if not isinstance(name, Symbol | Keyword):
            raise fault_at(name, "parse_error", f":{kind} takes names")
        if "/" in name.name:
            raise fault_at(name, "parse_error", f"{name.name}: keywords have no namespaces in this language")
        symbol = Symbol(name.name, name.line, name.column)
        key: Form
        if kind == "keys":
            key = Keyword(name.name, name.line, name.column)
        elif kind == "strs":
            key = Literal(name.name, name.line, name.column)
        else:
            key = call("quote", name, symbol)
        yield symbol, _lookup(whole, key, defaults.get(name.name))


def _lookup(whole: Symbol, key: Form, default: Form | None) -> Form:
    found = call("_look", key, whole, key)
    # A default counts for a missing key, not for one whose value is nil; it is evaluated only then.
    return found if default is None else call("if", key, call("_has", key, whole, key), found, default)
