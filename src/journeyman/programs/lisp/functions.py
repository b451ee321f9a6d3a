"""Functions and definitions: `fn`, `defn`, `def`, `letfn`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from .bindings import bind_pattern
from .compiling import Compiler
from .contracts import Definition
from .forms import Form, ListForm, Literal, MapForm, SetForm, Symbol, VectorForm, call, fault_at, shown
from .library import Arity
from .naming import builtin, mangled, unbindable
from .writing import RETURN, VAR, Frame, Local, Loop, Out, Scope, Target, Value

LOOP_STEPS: Final = "L_"
"""The Python name of the limit on steps; `language` assigns it."""


class Signature(NamedTuple):
    """The parameters of a function: those before the &, and the one after it."""

    fixed: tuple[Form, ...]
    rest: Form | None

    @property
    def arity(self) -> Arity:
        """How many arguments it takes."""
        return Arity(len(self.fixed), None if self.rest is not None else len(self.fixed))


class Parts(NamedTuple):
    """A function as it is written."""

    name: Symbol | None
    signature: Signature
    body: tuple[Form, ...]


def parts_of(form: ListForm, what: str) -> Parts:
    """Read `(fn name? [params] body …)`, and what may stand between them in `defn`."""
    items = list(form.items[1:])
    name: Symbol | None = None
    if items and isinstance(items[0], Symbol):
        name = items[0]
        items = items[1:]
    if what != "fn" and name is None:
        raise fault_at(form, "parse_error", f"{what} needs a name: ({what} name [parameters] …)")
    while items and (
        isinstance(items[0], MapForm) or (isinstance(items[0], Literal) and isinstance(items[0].value, str))
    ):
        items.pop(0)  # a docstring or a map of attributes, which mean nothing here
    if items and isinstance(items[0], ListForm):
        raise fault_at(
            items[0], "unsupported", "a function has one list of parameters here: use & rest, or two functions"
        )
    if not items or not isinstance(items[0], VectorForm):
        raise fault_at(
            form, "parse_error", f"{what} needs its parameters in a vector: ({what} {name.name if name else ''}[x] …)"
        )
    body = tuple(items[1:])
    if len(body) > 1 and isinstance(body[0], MapForm):
        body = body[1:]  # pre- and postconditions are not enforced
    return Parts(name, signature_of(items[0]), body)


def signature_of(params: VectorForm) -> Signature:
    """Read a vector of parameters."""
    names = [item.name if isinstance(item, Symbol) else "" for item in params.items]
    if "&" not in names:
        return Signature(params.items, None)
    at = names.index("&")
    if at != len(names) - 2:
        raise fault_at(params, "parse_error", "one name follows the & of a function's parameters, for all that is left")
    return Signature(params.items[:at], params.items[-1])


def function(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(fn name? [params] body …)`."""
    return make(compiler, form, parts_of(form, "fn"), scope, out)


def make(compiler: Compiler, form: ListForm, parts: Parts, scope: Scope, out: Out) -> Value:
    """Compile a function; what it refers to keeps the value that it has now, also in a loop."""
    frame = Frame(scope.frame)
    inner = scope.inner(frame)
    name = compiler.fresh(parts.name.name if parts.name else "fn")
    if parts.name is not None:
        inner.names[parts.name.name] = Local(name, frame, arity=parts.signature.arity)
    params, body = _compiled_body(compiler, parts, inner, form)
    lines = Out()
    only = body.lines[0].text if len(body.lines) == 1 else ""
    if parts.name is None and only.startswith("return (") and not frame.defined:
        value = Value(
            f"(lambda {params}: {only.removeprefix('return ')})"
            if params
            else f"(lambda: {only.removeprefix('return ')})"
        )
    else:
        if frame.defined:
            body.lines.insert(0, body.lines[0]._replace(depth=0, text=f"global {', '.join(sorted(frame.defined))}"))
        lines.block(f"def {name}({params}):", body, form)
        value = Value(name, steady=True)
    kept = [local.name for local in frame.free.values() if local.looped and local.frame is scope.frame]
    if not kept:
        out.extend(lines)
        return value
    return _in_factory(compiler, kept, lines, value, form, out)


def _in_factory(compiler: Compiler, kept: Sequence[str], lines: Out, value: Value, form: Form, out: Out) -> Value:
    """Make the function in another one, whose parameters keep what a loop is going to change."""
    factory = compiler.fresh("make")
    lines.add(f"return ({value.code})", form)
    out.block(f"def {factory}({', '.join(kept)}):", lines, form)
    return Value(f"{factory}({', '.join(kept)})")


def _compiled_body(compiler: Compiler, parts: Parts, scope: Scope, form: ListForm) -> tuple[str, Out]:
    """The parameters as Python writes them, and the body."""
    recurs = has_recur(parts.body)
    scope.frame.loops = 1 if recurs else 0
    names: list[str] = []
    patterns: list[tuple[Form, Symbol]] = []
    head, signature = Out(), parts.signature
    for index, param in enumerate((*signature.fixed, *(() if signature.rest is None else (signature.rest,)))):
        symbol = param if isinstance(param, Symbol) else Symbol(f" p{index}", param.line, param.column)
        names.append(compiler.declare(symbol, scope))
        if symbol is not param:
            patterns.append((param, symbol))
    if signature.rest is not None:
        head.add(f"{names[-1]} = list({names[-1]}) or None", form)
    starred = [*names[:-1], f"*{names[-1]}"] if signature.rest is not None else names
    body, loop = Out(), Loop(names, "fn") if recurs else None
    for index, (param, symbol) in enumerate(patterns):
        is_rest = param is signature.rest and isinstance(param, MapForm)
        value: Form = call("_kwargs", param, symbol) if is_rest and index == len(patterns) - 1 else symbol
        bind_pattern(compiler, param, value, scope, body)
    compiler.body(parts.body, scope, body, RETURN._replace(loop=loop), form)
    if recurs:
        inside, body = body, Out()
        counted(compiler, inside, body, form)
    head.extend(body)
    return ", ".join(starred), head


def counted(compiler: Compiler, inside: Out, out: Out, form: Form) -> None:
    """Write a loop that ends by `return` or `break`, or with an error after too many rounds."""
    compiler.fresh()
    out.block(f"for n_{compiler.counter} in range({LOOP_STEPS}):", inside, form)
    over = Out()
    over.add('raise RuntimeError("loop_limit_exceeded: ")', form)
    out.block("else:", over, form)


def has_recur(forms: Sequence[Form]) -> bool:
    """Whether there is a `recur` that means these forms; what it means is decided later, this is only a hint."""
    todo = list(forms)
    while todo:
        form = todo.pop()
        if isinstance(form, ListForm) and form.items:
            head = form.items[0]
            if isinstance(head, Symbol) and head.name == "recur":
                return True
            if isinstance(head, Symbol) and head.name in ("fn", "quote"):
                continue
        if isinstance(form, ListForm | VectorForm | MapForm):
            todo.extend(form.items)
    return False


def defn(form: ListForm) -> Form:
    """`(defn name [params] body …)` is `(def name (fn …))`."""
    parts = parts_of(form, "defn")
    assert parts.name is not None  # noqa: S101  (for the type checker: `parts_of` refuses a defn without a name)
    signature = parts.signature
    rest = () if signature.rest is None else (Symbol("&", form.line, form.column), signature.rest)
    params = VectorForm((*signature.fixed, *rest), form.line, form.column)
    return call("def", form, parts.name, call("fn", form, params, *parts.body))


def define(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(def name doc? attributes? value)`: the value is there for all that comes after, also in the next program."""
    symbol = _defined_name(form)
    value = form.items[-1] if len(form.items) > 2 else Literal(None)  # noqa: PLR2004  (forms are counted)
    for extra in form.items[2:-1]:
        if not isinstance(extra, MapForm) and not (isinstance(extra, Literal) and isinstance(extra.value, str)):
            raise fault_at(extra, "parse_error", "def takes one value: (def name value); a function is made by defn")
    _assign(compiler, symbol, value, scope, out)
    return Value(repr(VAR + symbol.name), steady=True)


def define_once(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(defonce name value)`: nothing happens where the name has a value."""
    symbol = _defined_name(form)
    if len(form.items) < 3:  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "parse_error", "defonce needs a name and a value: (defonce name value)")
    if compiler.world.remembers(symbol.name):
        return Value(repr(VAR + symbol.name), steady=True)
    body = Out()
    _assign(compiler, symbol, form.items[-1], scope, body)
    out.block(f"if {symbol.name!r} not in __defs:", body, form)
    return Value(repr(VAR + symbol.name), steady=True)


def _assign(compiler: Compiler, symbol: Symbol, value: Form, scope: Scope, out: Out) -> None:
    name = f"d_{mangled(symbol.name)}"
    if scope.frame.parent is not None:
        scope.frame.defined.add(name)
        compiler.defined_within.add(name)
    result = compiler.fresh()
    with compiler.referring() as referred:
        compiler.statement(value, scope, out, Target("assign", result))
    out.add(f"{name} = {result}", symbol)
    out.add(f"__defs[{symbol.name!r}] = {result}", symbol)
    if calls_tools(value):
        return
    # A function outlives the program as its source; what it refers to goes with it.
    compiler.sources[symbol.name] = shown(call("def", symbol, symbol, value))
    outer = {lisp: local.name for lisp, local in referred.items() if scope.names.get(lisp) is local}
    if outer:
        kept = ", ".join(f"{lisp!r}: {python}" for lisp, python in outer.items())
        out.add(f"__locals[{symbol.name!r}] = {{{kept}}}", symbol)


def calls_tools(form: Form) -> bool:
    """Whether evaluating a form itself, and not a function within it, may call a tool: then it is not done a second time."""
    match form:
        case Symbol():
            return form.name.startswith("tool/")
        case ListForm():
            if form.items and isinstance(form.items[0], Symbol) and form.items[0].name == "fn":
                return False
            return any(calls_tools(item) for item in form.items)
        case VectorForm() | MapForm() | SetForm():
            return any(calls_tools(item) for item in form.items)
        case _:
            return False


def _defined_name(form: ListForm) -> Symbol:
    if not 2 <= len(form.items) <= 5 or not isinstance(form.items[1], Symbol):  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "parse_error", "def needs a name and a value: (def name value)")
    symbol = form.items[1]
    name = symbol.name
    if unbindable(name):
        raise fault_at(symbol, "parse_error", f"{name} is no name that can be defined")
    return symbol


def shadowed(forms: Sequence[Form], definitions: Mapping[str, Definition]) -> tuple[str, ...]:
    """Names of the library that a program defines anew, and may use before it does: until then they mean the library's.

    What is defined before anything names it needs no such beginning, and keeps what is known of its arity.
    """
    anew = {name for name in definitions if builtin(name) is not None}
    open_names, early = set(anew), set[str]()
    for form in forms if anew else ():
        defined = ""
        if isinstance(form, ListForm) and len(form.items) > 1 and isinstance(head := form.items[0], Symbol):
            named = form.items[1]
            defined = named.name if isinstance(named, Symbol) and head.name in ("def", "defn", "defn-") else ""
            if defined in open_names and (head.name != "def" or _is_function(form.items[-1])):
                open_names.discard(defined)
        inside = form.items[2:] if defined and isinstance(form, ListForm) else (form,)
        early |= open_names & _named(inside)
        open_names.discard(defined)
    return tuple(sorted(early))


def _is_function(form: Form) -> bool:
    return (
        isinstance(form, ListForm)
        and bool(form.items)
        and isinstance(form.items[0], Symbol)
        and form.items[0].name == "fn"
    )


def _named(forms: Sequence[Form]) -> set[str]:
    found: set[str] = set()
    todo = list(forms)
    while todo:
        form = todo.pop()
        if isinstance(form, Symbol):
            found.add(form.name)
        elif isinstance(form, ListForm | VectorForm | MapForm | SetForm):
            todo.extend(form.items)
    return found


def definitions_in(forms: Sequence[Form]) -> dict[str, Definition]:
    """What a program defines anywhere, with the arity of what is the same function each time.

    It is known before anything is compiled, since functions may name one another in any order.
    """
    found: dict[str, Definition] = {}
    todo: list[Form] = list(forms)
    while todo:
        form = todo.pop()
        if isinstance(form, ListForm) and form.items and isinstance(head := form.items[0], Symbol):
            if head.name == "quote":
                continue
            if (
                head.name in ("def", "defn", "defn-", "defonce")
                and len(form.items) > 1
                and isinstance(form.items[1], Symbol)
            ):
                name = form.items[1].name
                count = found[name].times + 1 if name in found else 1
                found[name] = Definition(_arity_of(form) if count == 1 and head.name == "defn" else None, count)
        if isinstance(form, ListForm | VectorForm | MapForm):
            todo.extend(form.items)
    return found


def _arity_of(form: ListForm) -> Arity | None:
    for item in form.items[2:]:
        if isinstance(item, VectorForm):
            names = [name.name if isinstance(name, Symbol) else "" for name in item.items]
            return Arity(names.index("&"), None) if "&" in names else Arity(len(names), len(names))
    return None


def letfn(compiler: Compiler, form: ListForm, scope: Scope, out: Out, target: Target) -> None:
    """`(letfn [(name [params] body …) …] body …)`: functions that may name one another."""
    if len(form.items) < 2 or not isinstance(form.items[1], VectorForm):  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "parse_error", "letfn needs its functions in a vector: (letfn [(name [x] …)] …)")
    inner = scope.inner()
    made: list[tuple[ListForm, Parts, str]] = []
    for item in form.items[1].items:
        if not isinstance(item, ListForm):
            raise fault_at(item, "parse_error", "letfn takes functions: (name [x] …)")
        parts = parts_of(call("fn", item, *item.items), "fn")
        if parts.name is None:
            raise fault_at(item, "parse_error", "a function of letfn needs a name")
        python = compiler.declare(parts.name, inner, parts.signature.arity)
        # Not kept for each round of a loop around them: they refer to one another before they are there.
        inner.names[parts.name.name] = inner.names[parts.name.name]._replace(looped=False)
        made.append((item, parts, python))
    for item, parts, name in made:
        value = make(compiler, item, parts._replace(name=None), inner, out)
        out.add(f"{name} = ({value.code})", item)
    compiler.body(form.items[2:], inner, out, target, form)
