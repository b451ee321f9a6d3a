"""Sugar: forms that are rewritten into others before they are compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .forms import Form, Keyword, ListForm, Literal, Symbol, VectorForm, argument, call, fault_at, require

_CHUNK = 20
"""Steps of a pipeline that are nested into one expression; longer ones are cut, since each step is a level."""


def _nil(at: Form) -> Literal:
    return Literal(None, at.line, at.column)


def _held(at: Form) -> Symbol:
    """A name that no program can write, for a value that is used twice."""
    return Symbol(" held", at.line, at.column)


def _let(at: Form, name: Form, value: Form, *body: Form) -> ListForm:
    return call("let", at, VectorForm((name, value), at.line, at.column), *body)


def _insert(step: Form, value: Form, *, last: bool) -> Form:
    """Put a value into a step of a pipeline, as the first argument or as the last."""
    if isinstance(step, ListForm) and step.items:
        head, rest = step.items[0], step.items[1:]
        items = (head, *rest, value) if last else (head, value, *rest)
        return ListForm(items, step.line, step.column)
    return ListForm((step, value), step.line, step.column)


def _thread(form: ListForm, *, last: bool) -> Form:
    require(form, 1, "a pipeline needs a value to begin with: (-> value step …)")
    value: Form = form.items[1]
    steps = form.items[2:]
    for step in steps[:_CHUNK]:
        value = _insert(step, value, last=last)
    if len(steps) <= _CHUNK:
        return value
    held = _held(form)
    return _let(form, held, value, ListForm((form.items[0], held, *steps[_CHUNK:]), form.line, form.column))


def thread_first(form: ListForm) -> Form:
    """`(-> value step …)`."""
    return _thread(form, last=False)


def thread_last(form: ListForm) -> Form:
    """`(->> value step …)`."""
    return _thread(form, last=True)


def _some_thread(form: ListForm, *, last: bool) -> Form:
    require(form, 1, "a pipeline needs a value to begin with: (some-> value step …)")
    held, steps = _held(form), form.items[2:]
    if not steps:
        return form.items[1]
    rest = ListForm((form.items[0], _insert(steps[0], held, last=last), *steps[1:]), form.line, form.column)
    return _let(form, held, form.items[1], call("if", form, call("nil?", form, held), _nil(form), rest))


def some_first(form: ListForm) -> Form:
    """`(some-> value step …)`: ends with nil at the first nil."""
    return _some_thread(form, last=False)


def some_last(form: ListForm) -> Form:
    """`(some->> value step …)`: ends with nil at the first nil."""
    return _some_thread(form, last=True)


def _cond_thread(form: ListForm, *, last: bool) -> Form:
    require(form, 1, "a pipeline needs a value to begin with: (cond-> value test step …)")
    held = _held(form)
    pairs: list[Form] = [held, form.items[1]]
    for test, step in zip(form.items[2::2], form.items[3::2], strict=False):
        pairs += [held, call("if", step, test, _insert(step, held, last=last), held)]
    return call("let", form, VectorForm(tuple(pairs), form.line, form.column), held)


def cond_first(form: ListForm) -> Form:
    """`(cond-> value test step …)`: the steps whose tests hold."""
    return _cond_thread(form, last=False)


def cond_last(form: ListForm) -> Form:
    """`(cond->> value test step …)`: the steps whose tests hold."""
    return _cond_thread(form, last=True)


def as_thread(form: ListForm) -> Form:
    """`(as-> value name step …)`: each step names the value of the one before it."""
    if len(form.items) < 3 or not isinstance(form.items[2], Symbol):  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "arity_error", "as-> needs a value and a name: (as-> value name step …)")
    name, *steps = form.items[2:]
    pairs: list[Form] = [name, form.items[1]]
    for step in steps:
        pairs += [name, step]
    return call("let", form, VectorForm(tuple(pairs), form.line, form.column), name)


def doto(form: ListForm) -> Form:
    """`(doto value step …)`: the steps for what they do, then the value."""
    require(form, 1, "doto needs a value: (doto value step …)")
    held = _held(form)
    return _let(form, held, form.items[1], *(_insert(step, held, last=False) for step in form.items[2:]), held)


def when(form: ListForm) -> Form:
    """`(when test body …)`."""
    require(form, 1, "when needs a test: (when test body …)")
    return call("if", form, form.items[1], call("do", form, *form.items[2:]))


def when_not(form: ListForm) -> Form:
    """`(when-not test body …)`."""
    require(form, 1, "when-not needs a test: (when-not test body …)")
    return call("if", form, form.items[1], _nil(form), call("do", form, *form.items[2:]))


def cond(form: ListForm) -> Form:
    """`(cond test value …)`."""
    clauses = form.items[1:]
    if len(clauses) % 2:
        raise fault_at(form, "parse_error", "cond needs tests and values in pairs; :else is a test that always holds")
    if not clauses:
        return _nil(form)
    test, value, rest = clauses[0], clauses[1], clauses[2:]
    if isinstance(test, Keyword):
        return value
    return call("if", form, test, value, call("cond", form, *rest) if rest else _nil(form))


def condp(form: ListForm) -> Form:
    """`(condp f x test value … default)`: the first test for which `(f test x)` holds; without a default, nil."""
    require(form, 2, "condp needs a function and a value: (condp = x test value …)")
    function, value = Symbol(" condp", form.line, form.column), Symbol(" value", form.line, form.column)
    bindings = VectorForm((function, form.items[1], value, form.items[2]), form.line, form.column)
    return call("let", form, bindings, _condp_clauses(form, form.items[3:], function, value))


def _condp_clauses(form: Form, clauses: Sequence[Form], function: Symbol, value: Symbol) -> Form:
    if not clauses:
        return _nil(form)
    if len(clauses) == 1:
        return clauses[0]
    test = ListForm((function, clauses[0], value), form.line, form.column)
    if isinstance(clauses[1], Keyword) and clauses[1].name == ">>" and len(clauses) > 2:  # noqa: PLR2004  (forms are counted)
        held = _held(form)
        then: Form = ListForm((clauses[2], held), form.line, form.column)
        return _let(form, held, test, call("if", form, held, then, _condp_clauses(form, clauses[3:], function, value)))
    return call("if", form, test, clauses[1], _condp_clauses(form, clauses[2:], function, value))


def _bound_if(form: ListForm, what: str, holds: Callable[[Symbol], Form], then: Form, otherwise: Form) -> Form:
    """Bind a value if it holds; the pattern is bound only where it does."""
    bindings = form.items[1] if len(form.items) > 1 else form
    if not isinstance(bindings, VectorForm) or len(bindings.items) < 2:  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "parse_error", f"{what} needs a name and a value: ({what} [name value] …)")
    # Clojure reads the first pair and no more.
    pattern, value = bindings.items[:2]
    held = _held(form)
    return _let(form, held, value, call("if", form, holds(held), _let(form, pattern, held, then), otherwise))


def _itself(value: Symbol) -> Form:
    return value


def _not_nil(value: Symbol) -> Form:
    return call("some?", value, value)


def _branches(form: ListForm, what: str) -> tuple[Form, Form]:
    require(form, 2, f"{what} takes a binding, a then and maybe an else", 3)
    return form.items[2], argument(form, 3)


def if_let(form: ListForm) -> Form:
    """`(if-let [name value] then else)`."""
    return _bound_if(form, "if-let", _itself, *_branches(form, "if-let"))


def if_some(form: ListForm) -> Form:
    """`(if-some [name value] then else)`."""
    return _bound_if(form, "if-some", _not_nil, *_branches(form, "if-some"))


def when_let(form: ListForm) -> Form:
    """`(when-let [name value] body …)`."""
    return _bound_if(form, "when-let", _itself, call("do", form, *form.items[2:]), _nil(form))


def when_some(form: ListForm) -> Form:
    """`(when-some [name value] body …)`."""
    return _bound_if(form, "when-some", _not_nil, call("do", form, *form.items[2:]), _nil(form))


def when_first(form: ListForm) -> Form:
    """`(when-first [name values] body …)`: with the first of them, if there is one."""
    if len(form.items) < 2 or not isinstance(form.items[1], VectorForm) or len(form.items[1].items) < 2:  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "parse_error", "when-first needs a name and values: (when-first [name values] …)")
    pattern, values = form.items[1].items[:2]
    held = _held(form)
    inner = call("let", form, VectorForm((pattern, call("first", form, held)), form.line, form.column), *form.items[2:])
    return _let(form, held, call("seq", form, values), call("if", form, held, inner))


def comment(form: ListForm) -> Form:
    """`(comment …)`, and what a file of Clojure needs and this does not: `(require …)`, `(import …)`, `(declare …)`."""
    return _nil(form)


def itself(form: ListForm) -> Form:
    """`(time form)`: the form; what it took is the host's business."""
    return call("do", form, *form.items[1:])
