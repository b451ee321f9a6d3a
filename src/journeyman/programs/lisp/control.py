"""Forms that decide what is evaluated: `if`, `do`, `and`, `or`, `case`; and `quote`."""

from __future__ import annotations

from .compiling import Compiler
from .forms import (
    Form,
    Keyword,
    ListForm,
    Literal,
    MapForm,
    Regex,
    SetForm,
    Symbol,
    VectorForm,
    argument,
    call,
    fault_at,
    identity,
    require,
)
from .writing import KEYWORD, NIL, SYMBOL, Frame, Out, Scope, Target, Value

_NOWHERE = Frame(None)
"""Where constants are compiled: nothing is bound."""


def condition(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(if test then else)` as an expression, where both branches are expressions."""
    _, test, then, otherwise = _if_parts(form)
    tested = compiler.truth(compiler.expression(test, scope, out))
    first, second = Out(), Out()
    left = compiler.expression(then, scope.inner(), first)
    right = compiler.expression(otherwise, scope.inner(), second)
    if not first.lines and not second.lines:
        return Value(f"({left.code} if {tested} else {right.code})", left.boolean and right.boolean)
    target = Target("assign", compiler.fresh())
    target.deliver(left, first, then)
    target.deliver(right, second, otherwise)
    out.block(f"if {tested}:", first, form)
    out.block("else:", second, form)
    return Value(target.name, steady=True)


def condition_statement(compiler: Compiler, form: ListForm, scope: Scope, out: Out, target: Target) -> None:
    """`(if test then else)` as a statement."""
    _, test, then, otherwise = _if_parts(form)
    tested = compiler.truth(compiler.expression(test, scope, out))
    first, second = Out(), Out()
    compiler.statement(then, scope.inner(), first, target)
    compiler.statement(otherwise, scope.inner(), second, target)
    out.block(f"if {tested}:", first, form)
    if second.lines:
        out.block("else:", second, form)


def _if_parts(form: ListForm) -> tuple[Form, Form, Form, Form]:
    require(form, 2, "if takes a test, a then and maybe an else", 3)
    head, test, then = form.items[:3]
    return head, test, then, argument(form, 3)


def do(compiler: Compiler, form: ListForm, scope: Scope, out: Out, target: Target) -> None:
    """`(do form …)`."""
    compiler.body(form.items[1:], scope, out, target, form)


def do_expression(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(do form …)` as an expression."""
    for item in form.items[1:-1]:
        compiler.statement(item, scope, out, Target("drop"))
    return compiler.expression(form.items[-1], scope, out) if len(form.items) > 1 else NIL


def conjunction(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(and form …)`: the first that is nil or false, else the last."""
    return _logic(compiler, form, 1, (scope, out), stops_at=False)


def disjunction(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(or form …)`: the first that is neither nil nor false, else the last."""
    return _logic(compiler, form, 1, (scope, out), stops_at=True)


def _logic(compiler: Compiler, form: ListForm, start: int, into: tuple[Scope, Out], *, stops_at: bool) -> Value:
    """The forms from `start` on, as one value."""
    if start >= len(form.items):
        return NIL if stops_at else Value("True", boolean=True, steady=True)
    scope, out = into
    value = compiler.expression(form.items[start], scope, out)
    if start == len(form.items) - 1:
        return value
    name = compiler.fresh()
    rest_out = Out()
    rest = _logic(compiler, form, start + 1, (scope, rest_out), stops_at=stops_at)
    if not rest_out.lines:
        if value.boolean:
            return Value(f"({value.code} {'or' if stops_at else 'and'} {rest.code})", rest.boolean)
        held = value.code if value.steady else name
        test = compiler.truth(Value(held, steady=True)) if value.steady else _held(name, value)
        chosen = f"({held} if {test} else {rest.code})" if stops_at else f"({rest.code} if {test} else {held})"
        return Value(chosen)
    out.add(f"{name} = ({value.code})", form)
    test = compiler.truth(Value(name, value.boolean, steady=True))
    rest_out.add(f"{name} = ({rest.code})", form)
    out.block(f"if not {test}:" if stops_at else f"if {test}:", rest_out, form)
    return Value(name, value.boolean and rest.boolean, steady=True)


def _held(name: str, value: Value) -> str:
    return f"(({name} := ({value.code})) is not None and {name} is not False)"


def case(compiler: Compiler, form: ListForm, scope: Scope, out: Out, target: Target) -> None:
    """`(case value constant result … default)`; a list of constants is any of them; without a default, nil."""
    require(form, 1, "case needs a value: (case value constant result …)")
    value = compiler.aside(compiler.expression(form.items[1], scope, out), form, out)
    clauses = form.items[2:]
    default: Form = clauses[-1] if len(clauses) % 2 else Literal(None, form.line, form.column)
    _refuse_doubles(clauses)
    head = "if"
    for constant, result in zip(clauses[::2], clauses[1::2], strict=False):
        tests = " or ".join(_test(compiler, value, item, out) for item in _constants(constant)) or "False"
        block = Out()
        compiler.statement(result, scope.inner(), block, target)
        out.block(f"{head} {tests}:", block, constant)
        head = "elif"
    block = Out()
    compiler.statement(default, scope.inner(), block, target)
    if head == "if":
        out.extend(block)
    elif block.lines:
        out.block("else:", block, form)


def _refuse_doubles(clauses: tuple[Form, ...]) -> None:
    seen: set[object] = set()
    for constant in clauses[: len(clauses) // 2 * 2 : 2]:
        for item in _constants(constant):
            known = identity(item)
            if known is not None and known in seen:
                raise fault_at(item, "parse_error", "this constant stands twice in the case")
            seen.add(known)


def _constants(form: Form) -> tuple[Form, ...]:
    return form.items if isinstance(form, ListForm) else (form,)


def _test(compiler: Compiler, value: Value, constant: Form, out: Out) -> str:
    match constant:
        case Literal(None):
            return f"{value.code} is None"
        case Literal(bool() as wanted):
            return f"{value.code} is {wanted}"
        case Keyword() | Literal(str()):
            return f"{value.code} == {compiler.expression(constant, Scope(_NOWHERE, {}), out).code}"
        case _:
            return f"{compiler.need('_eq')}({value.code}, {quoted(compiler, constant)})"


def quote(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`'form`: the form as data; a symbol in it is only its name."""
    del scope, out
    if len(form.items) != 2:  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "arity_error", "quote takes one form")
    return Value(quoted(compiler, form.items[1]))


def quoted(compiler: Compiler, form: Form) -> str:
    """The Python text of a form as data."""
    match form:
        case Symbol():
            return repr(SYMBOL + form.name)
        case Keyword():
            return repr(KEYWORD + form.name)
        case Literal() | Regex():
            return compiler.expression(form, Scope(_NOWHERE, {}), Out()).code
        case ListForm() | VectorForm():
            return f"[{', '.join(quoted(compiler, item) for item in form.items)}]"
        case SetForm():
            return f"{compiler.need('l_hash_set')}({', '.join(quoted(compiler, item) for item in form.items)})"
        case MapForm():
            return f"{compiler.need('l_hash_map')}({', '.join(quoted(compiler, item) for item in form.items)})"


def var(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`#'name`: the value of what is defined; there are no vars to hold."""
    require(form, 1, "var takes one name", 1)
    return compiler.expression(form.items[1], scope, out)


def if_not(form: ListForm) -> Form:
    """`(if-not test then else)`."""
    _, test, then, otherwise = _if_parts(form)
    return call("if", form, test, otherwise, then)
