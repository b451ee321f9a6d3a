"""The table of special forms."""

from __future__ import annotations

from typing import Final

from . import bindings, control, expanding, functions, looping
from .compiling import Compiler
from .contracts import Expansion, Handler, Statement, Tables
from .discovering import asking
from .forms import ListForm
from .surroundings import where
from .writing import Out, Scope, Value

_EXPRESSIONS: Final[dict[str, Handler]] = {
    "if": control.condition,
    "do": control.do_expression,
    "and": control.conjunction,
    "or": control.disjunction,
    "quote": control.quote,
    "var": control.var,
    "fn": functions.function,
    "fn*": functions.function,
    "def": functions.define,
    "defonce": functions.define_once,
    "for": looping.comprehension,
    "doseq": looping.doseq,
    "where": where,
    "doc": asking,
    "dir": asking,
    "source": asking,
    "export-meta": asking,
}
_STATEMENTS: Final[dict[str, Statement]] = {
    "if": control.condition_statement,
    "do": control.do,
    "let": bindings.let,
    "let*": bindings.let,
    "letfn": functions.letfn,
    "loop": looping.loop,
    "recur": looping.recur,
    "case": control.case,
}
_EXPANSIONS: Final[dict[str, Expansion]] = {
    "defn": functions.defn,
    "defn-": functions.defn,
    "if-not": control.if_not,
    "when": expanding.when,
    "when-not": expanding.when_not,
    "cond": expanding.cond,
    "condp": expanding.condp,
    "if-let": expanding.if_let,
    "if-some": expanding.if_some,
    "when-let": expanding.when_let,
    "when-some": expanding.when_some,
    "when-first": expanding.when_first,
    "->": expanding.thread_first,
    "->>": expanding.thread_last,
    "as->": expanding.as_thread,
    "some->": expanding.some_first,
    "some->>": expanding.some_last,
    "cond->": expanding.cond_first,
    "cond->>": expanding.cond_last,
    "doto": expanding.doto,
    "dotimes": looping.dotimes,
    "comment": expanding.comment,
    "require": expanding.comment,
    "use": expanding.comment,
    "import": expanding.comment,
    "declare": expanding.comment,
    "time": expanding.itself,
}


def _take(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    special = looping.take(compiler, form, scope, out)
    return compiler.call(form, scope, out) if special is None else special


TABLES: Final = Tables(
    {**_EXPRESSIONS, "take": _take},
    _STATEMENTS,
    _EXPANSIONS,
    frozenset({"if", "do", "def", "recur", "quote", "var", "let*", "fn*"}),
)
