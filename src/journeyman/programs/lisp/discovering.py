"""What can be asked of the language: `doc`, `apropos` and `dir`, in a program and at the prompt."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from .forms import Form, ListForm, Literal, Symbol
from .library import library
from .naming import CONSTANTS, HINTS, MEMBERS, builtin, builtin_names
from .writing import Out, Scope, Value

if TYPE_CHECKING:
    from .compiling import Compiler

SPECIAL: Final = {
    "let": "(let [name value …] body …)",
    "fn": "(fn [x y & rest] body …), or #(… % …)",
    "def": "(def name value): there for the next program, too",
    "defn": "(defn name [x y & rest] body …)",
    "defonce": "(defonce name value): unless it is there already",
    "letfn": "(letfn [(name [x] body …) …] body …)",
    "if": "(if test then else)",
    "do": "(do form …)",
    "when": "(when test body …)",
    "cond": "(cond test value … :else value)",
    "condp": "(condp = x value result … default)",
    "case": "(case x constant result … default)",
    "and": "(and form …)",
    "or": "(or form …)",
    "for": "(for [x xs :when test :let [y …]] value)",
    "doseq": "(doseq [x xs] body …)",
    "dotimes": "(dotimes [n 10] body …)",
    "loop": "(loop [name value …] … (recur value …))",
    "recur": "(recur value …): the next round of loop or fn",
    "->": "(-> x (f y) g): x becomes the first argument of each",
    "->>": "(->> xs (map f) g): xs becomes the last argument of each",
    "as->": "(as-> x name form …)",
    "some->": "(some-> x f g): ends with the first nil",
    "some->>": "(some->> xs f g): ends with the first nil",
    "cond->": "(cond-> x test (f y) …)",
    "cond->>": "(cond->> xs test (f y) …)",
    "if-let": "(if-let [name value] then else)",
    "if-some": "(if-some [name value] then else)",
    "if-not": "(if-not test then else)",
    "when-let": "(when-let [name value] body …)",
    "when-some": "(when-some [name value] body …)",
    "when-not": "(when-not test body …)",
    "where": "(where :field operator value): a predicate; operators are = not= > < >= <= in includes",
    "quote": "'form",
}
"""Lisp's special forms, which no function of the library stands for."""


def documented(name: str) -> str | None:
    """How a form or a function is called, or what to use in its place; None for what nothing is known of."""
    piece = builtin(name)
    if name in SPECIAL:
        return SPECIAL[name]
    if piece is None:
        constant, hint = CONSTANTS.get(name), HINTS.get(name)
        return f"{name}: {constant}" if constant else f"{name} is not there: {hint}" if hint else None
    node = library()[piece].node
    if not isinstance(node, ast.FunctionDef):
        return f"{name}: a function, or a value"
    params = [arg.arg for arg in node.args.args]
    least = len(params) - len(node.args.defaults)
    shown = [*params[:least], *(f"[{param}]" for param in params[least:])]
    rest = [f"& {node.args.vararg.arg}"] if node.args.vararg else []
    return f"({' '.join([name, *shown, *rest])})"


def names() -> list[str]:
    """All names that have documentation, sorted; what is known by a namespace's name stands there with it, too."""
    within = {f"{space}/{name}" for space, members in MEMBERS.items() for name in members}
    return sorted({*builtin_names(), *SPECIAL, *(name for name in within if builtin(name) is not None)})


def tables(compiler: Compiler) -> list[str]:
    """What the library's `doc` and `apropos` look into, as lines; only where a program may ask for any name."""
    lines: list[str] = []
    if "l_doc" in compiler.needs:
        lines.append(f"__docs = { {name: documented(name) for name in (*names(), *HINTS)}!r}")
    if "l_apropos" in compiler.needs:
        lines.append(f"__names = {names()!r}")
    return lines


def asking(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(doc name)` and its like: a name that is bound to nothing here means itself, as with Clojure's macros of these names."""
    head, *given = form.items
    assert isinstance(head, Symbol)  # noqa: S101  (for the type checker: a table of names led here)
    asked = _name(given[0], scope) if len(given) == 1 else None
    if asked is None:
        return compiler.call(form, scope, out)
    if head.name == "doc":
        text = documented(asked) or compiler.world.documented(asked)
        return compiler.application(compiler.need("_told"), [repr(text), repr(asked), "'documentation'"], form)
    return compiler.call(ListForm((head, Literal(asked)), form.line, form.column), scope, out)


def _name(form: Form, scope: Scope) -> str | None:
    match form:
        case Symbol(name) if name not in scope.names:
            return name
        case ListForm((Symbol("quote"), Symbol(name))):
            return name
        case Literal(str() as name):
            return name
        case _:
            return None
