"""Forms to Python.

Every form is compiled in one of two ways. As an *expression* (`expression`) it becomes the text of a Python expression, after
whatever statements it needs have been written to an `Out`. As a *statement* (`statement`) it becomes statements that deliver
its value to a `Target`: returned, assigned, or dropped. Forms of control have statements of their own; all others are
expressions that are then delivered. Arguments keep Lisp's order, from left to right: where a later one needs statements, the
values of those before it are put aside first.

Every binding of the program gets a Python name of its own, so scopes are this compiler's business alone. Each call stands on
a line of its own within its expression: the place of a line is then the place of the call that failed.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final, cast

from ..likeness import did_you_mean
from ..outcome import ProgramFault
from .contracts import Definition, Tables, World
from .forms import Form, Keyword, ListForm, Literal, MapForm, Regex, SetForm, Symbol, VectorForm, fault_at
from .library import Arity, library
from .naming import CONSTANTS, HINTS, builtin, builtin_names, mangled, unbindable
from .writing import DROP, KEYWORD, NIL, Frame, Local, Out, Scope, Target, Value, place

_MAX_NESTING: Final = 110
"""Forms within forms, after expansion. Each costs some six frames of Python's stack, which has 1,000 by default."""


class Compiler:
    """One program's compilation."""

    def __init__(self, tables: Tables, world: World) -> None:
        self.tables = tables
        self.world = world
        self.needs: set[str] = set()
        self.plain: set[str] = set()
        self.regexes: dict[str, tuple[str, Regex]] = {}
        self.definitions: dict[str, Definition] = {}
        self.defined_within: set[str] = set()
        self.remembered: set[str] = set()
        self.sources: dict[str, str] = {}
        self.referred: list[dict[str, Local]] = []
        self.counter = 0
        self.nesting = 0

    # names

    def fresh(self, name: str = "t") -> str:
        """A Python name that stands for nothing else."""
        self.counter += 1
        return f"v_{mangled(name)}_{self.counter}"

    def need(self, piece: str) -> str:
        """Note that the program uses a piece of the library."""
        self.needs.add(piece)
        return piece

    def local(self, name: str, scope: Scope) -> Local | None:
        """What a name is bound to here; functions in between are told that they refer to it."""
        found = scope.names.get(name)
        if found is not None:
            for names in self.referred:
                names[name] = found
            frame: Frame | None = scope.frame
            while frame is not None and frame is not found.frame:
                frame.free[found.name] = found
                frame = frame.parent
        return found

    @contextmanager
    def referring(self) -> Generator[dict[str, Local]]:
        """Note the bindings that are referred to meanwhile."""
        names: dict[str, Local] = {}
        self.referred.append(names)
        try:
            yield names
        finally:
            self.referred.pop()

    def enter(self, symbol: Symbol, name: str, scope: Scope, arity: Arity | None = None) -> None:
        """Let a symbol mean a Python name in a scope, an inner one that was made for it."""
        if unbindable(symbol.name):
            raise fault_at(symbol, "parse_error", f"{symbol.name} is no name that can be bound")
        scope.names[symbol.name] = Local(name, scope.frame, looped=scope.frame.loops > 0, arity=arity)

    def declare(self, symbol: Symbol, scope: Scope, arity: Arity | None = None) -> str:
        """Bind a symbol in a scope; gives the Python name that has yet to be assigned."""
        name = self.fresh(symbol.name)
        self.enter(symbol, name, scope, arity)
        return name

    # forms

    @contextmanager
    def _deeper(self, form: Form) -> Generator[None]:
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise fault_at(form, "depth_exceeded", "this is nested too deep: give parts of it names with let or defn")
        try:
            yield
        finally:
            self.nesting -= 1

    def expression(self, form: Form, scope: Scope, out: Out) -> Value:
        """Compile a form to an expression."""
        match form:
            case Literal():
                return self._literal(form)
            case Keyword():
                return Value(repr(KEYWORD + form.name), steady=True)
            case Symbol():
                return self.symbol(form, scope)
            case Regex():
                return self._regex(form)
            case _:
                with self._deeper(form):
                    return self._compound(form, scope, out)

    def _compound(self, form: ListForm | VectorForm | MapForm | SetForm, scope: Scope, out: Out) -> Value:
        match form:
            case VectorForm():
                items = self.arguments(form.items, scope, out)
                return Value(f"[{', '.join(item.code for item in items)}]")
            case MapForm():
                return self._map(form, scope, out)
            case SetForm():
                items = self.arguments(form.items, scope, out)
                return Value(f"{self.need('l_hash_set')}({', '.join(item.code for item in items)})")
            case ListForm():
                return self._list(form, scope, out)

    def _literal(self, form: Literal) -> Value:
        value = form.value
        if isinstance(value, float) and not math.isfinite(value):
            self.need("math")
            return Value("math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf", steady=True)
        text = repr(str(value)) if type(value) in (int, str) else ""
        return Value(repr(value), isinstance(value, bool), steady=True, shown=text)

    def _regex(self, form: Regex) -> Value:
        self.need("_compile")
        name, _ = self.regexes.setdefault(form.pattern, (f"x_{len(self.regexes)}", form))
        return Value(name, steady=True)

    def _map(self, form: MapForm, scope: Scope, out: Out) -> Value:
        values = self.arguments(form.items, scope, out)
        parts: list[str] = []
        for key, coded, value in zip(form.items[::2], values[::2], values[1::2], strict=True):
            plain = isinstance(key, Keyword) or (isinstance(key, Literal) and not isinstance(key.value, bool))
            code = coded.code if plain else f"{self.need('_in')}({coded.code})"
            parts.append(f"{code}: {value.code}")
        return Value("{" + ", ".join(parts) + "}")

    def _list(self, form: ListForm, scope: Scope, out: Out) -> Value:
        if not form.items:
            return Value("[]")
        head = form.items[0]
        if isinstance(head, Symbol):
            name = self.form_name(head, scope)
            if name in self.tables.expressions:
                return self.tables.expressions[name](self, form, scope, out)
            if name in self.tables.statements:
                result = self.fresh()
                self.tables.statements[name](self, form, scope, out, Target("assign", result))
                return Value(result, steady=True)
            if name in self.tables.expansions:
                return self.expression(self.tables.expansions[name](form), scope, out)
        return self.call(form, scope, out)

    def form_name(self, head: Symbol, scope: Scope) -> str:
        """The special form that a list's first symbol names here, or nothing where it is shadowed."""
        name = head.name.removeprefix("clojure.core/")
        if head.special or name in self.tables.unshadowed:
            return name
        return "" if name in scope.names or name in self.definitions else name

    def statement(self, form: Form, scope: Scope, out: Out, target: Target) -> None:
        """Compile a form to statements that deliver its value."""
        head = form.items[0] if isinstance(form, ListForm) and form.items else None
        if isinstance(form, ListForm) and isinstance(head, Symbol):
            name = self.form_name(head, scope)
            with self._deeper(form):
                if name in self.tables.statements:
                    self.tables.statements[name](self, form, scope, out, target)
                    return
                if name in self.tables.expansions:
                    self.statement(self.tables.expansions[name](form), scope, out, target)
                    return
        target.deliver(self.expression(form, scope, out), out, form)

    def body(self, forms: Sequence[Form], scope: Scope, out: Out, target: Target, at: Form) -> None:
        """Compile forms one after the other; the value of the last one is theirs."""
        for form in forms[:-1]:
            self.statement(form, scope, out, DROP)
        if forms:
            self.statement(forms[-1], scope, out, target)
        else:
            target.deliver(NIL, out, at)

    def arguments(self, forms: Sequence[Form], scope: Scope, out: Out) -> list[Value]:
        """Compile forms to expressions that may stand side by side."""
        values: list[Value] = []
        for form in forms:
            before = Out()
            value = self.expression(form, scope, before)
            if before.lines:
                values = [self.aside(done, form, out) for done in values]
                out.extend(before)
            values.append(value)
        return values

    def aside(self, value: Value, at: Form, out: Out) -> Value:
        """Put a value into a variable, so that what comes next cannot change it."""
        if value.steady:
            return value
        name = self.fresh()
        out.add(f"{name} = ({value.code})", at)
        return Value(name, value.boolean, steady=True)

    def truth(self, value: Value) -> str:
        """The Python condition for a value that is neither nil nor false."""
        if value.boolean:
            return f"({value.code})" if "\n" in value.code else value.code
        if value.steady:
            return f"({value.code} is not None and {value.code} is not False)"
        name = self.fresh()
        return f"(({name} := ({value.code})) is not None and {name} is not False)"

    # symbols

    def symbol(self, form: Symbol, scope: Scope) -> Value:
        """Compile a name that stands for its value."""
        name = form.name
        if not form.special:
            local = self.local(name, scope)
            if local is not None:
                return Value(local.name, steady=True)
            stored = self.stored(name)
            if stored is not None:
                return Value(stored)
        piece = name if form.special and name[0] == "_" else builtin(name)
        if piece is not None:
            return Value(self.need(piece), steady=True)
        if name in CONSTANTS:
            self.need("math")
            return Value(f"({CONSTANTS[name]})", steady=True)
        return self.world.symbol(self, form, scope)

    def stored(self, name: str) -> str | None:
        """The Python name of what the program, or one before it, has defined."""
        if self.world.remembers(name):
            self.remembered.add(name)
        elif name not in self.definitions:
            return None
        return f"d_{mangled(name)}"

    def unbound(self, form: Symbol, scope: Scope) -> ProgramFault:
        """Make the error for a name that means nothing."""
        name = form.name
        hint = HINTS.get(name.removeprefix("clojure.core/"))
        if hint is not None:
            return fault_at(form, "unbound_var", f"{name} means nothing here: {hint}")
        tables = self.tables
        forms = {*tables.expressions, *tables.statements, *tables.expansions}
        if name in forms:
            return fault_at(form, "unbound_var", f"{name} is a form and not a function: it cannot be passed on")
        known = [*scope.names, *self.definitions, *self.world.names(), *forms, *builtin_names()]
        return fault_at(form, "unbound_var", f"nothing is called {name} here{did_you_mean(name, known)}")

    # calls

    def call(self, form: ListForm, scope: Scope, out: Out) -> Value:
        """Compile a call."""
        head, rest = form.items[0], form.items[1:]
        match head:
            case Keyword():
                if not 1 <= len(rest) <= 2:  # noqa: PLR2004  (forms are counted)
                    raise fault_at(form, "arity_error", f":{head.name} as a function takes a map and maybe a default")
                values = self.arguments(rest, scope, out)
                function, key = self._finder(head.name)
                return self.application(function, [values[0].code, key, *(v.code for v in values[1:])], form)
            case Literal() | Regex():
                shown = "nil" if isinstance(head, Literal) and head.value is None else "this"
                raise fault_at(head, "type_error", f"{shown} is not a function, and stands where one is called")
            case Symbol():
                return self._named_call(head, form, scope, out)
            case ListForm((Symbol("fn"), *_)) if self.form_name(cast("Symbol", head.items[0]), scope) == "fn":
                called, *values = self.arguments(form.items, scope, out)
                self.check(self.world.taken(head), len(rest), "this function", form)
                return self.application(called.code, [value.code for value in values], form)
            case _:
                called, *values = self.arguments(form.items, scope, out)
                return self.dynamic(called, [value.code for value in values], form)

    def _named_call(self, head: Symbol, form: ListForm, scope: Scope, out: Out) -> Value:
        rest = form.items[1:]
        local = None if head.special else self.local(head.name, scope)
        if local is not None:
            values = self.arguments(rest, scope, out)
            codes = [value.code for value in values]
            if local.arity is None:
                return self.dynamic(Value(local.name, steady=True), codes, form)
            self.check(local.arity, len(rest), head.name, form)
            return self.application(local.name, codes, form)
        stored = None if head.special else self.stored(head.name)
        if stored is not None:
            values = self.arguments(rest, scope, out)
            codes = [value.code for value in values]
            arity = self._defined_arity(head.name)
            if arity is None:
                return self.dynamic(Value(stored), codes, form)
            self.check(arity, len(rest), head.name, form)
            return self.application(stored, codes, form)
        piece = head.name if head.special and head.name[0] == "_" else builtin(head.name)
        if piece is None:
            return self.world.call(self, form, scope, out)
        arity = library()[piece].arity
        if arity is not None:
            self.check(arity, len(rest), head.name, form)
        return self._builtin_call(piece, form, scope, out)

    def _builtin_call(self, piece: str, form: ListForm, scope: Scope, out: Out) -> Value:
        values = self.arguments(form.items[1:], scope, out)
        inline = self.world.inline(self, piece, values, form)
        if inline is not None:
            return inline
        callables = {index: maker for index, maker in library()[piece].callables.items() if index < len(values)}
        for index, maker in callables.items():
            values[index] = self._callable(form.items[index + 1], values[index], maker, scope)
        if callables:
            self.plain.add(piece)
        else:
            self.need(piece)
        value = self.application(piece, [value.code for value in values], form)
        shown = value.code if piece in TEXTS else f"str({value.code})" if piece == "l_count" else ""
        return value._replace(boolean=piece.endswith("_p") or piece in BOOLEAN, shown=shown)

    def _callable(self, form: Form, value: Value, maker: str, scope: Scope) -> Value:
        """A value that Python can call, for an argument that is to be called."""
        match form:
            case Keyword():
                function, key = self._finder(form.name)
                return Value(f"(lambda m, d=None: {function}(m, {key}, d))")
            case ListForm((Symbol("fn"), *_)):
                return value
            case Symbol() if self._is_function(form, scope):
                return value
            case _:
                return Value(f"{self.need(maker)}({value.code})")

    def _finder(self, name: str) -> tuple[str, str]:
        """What looks a keyword up, and how it is told which: one with a hyphen may be written with an underscore in JSON."""
        if "-" in name:
            return self.need("_look"), repr(KEYWORD + name)
        return self.need("_kw"), f"{KEYWORD + name!r}, {name!r}"

    def _is_function(self, form: Symbol, scope: Scope) -> bool:
        local = None if form.special else scope.names.get(form.name)
        if local is not None:
            return local.arity is not None
        if form.name in self.definitions or self.world.remembers(form.name):
            return self._defined_arity(form.name) is not None
        return builtin(form.name) is not None

    def _defined_arity(self, name: str) -> Arity | None:
        """What a defined name takes, where it is the same function each time; None for what is only known when it runs."""
        if name in self.definitions:
            return None if self.world.remembers(name) else self.definitions[name].arity
        return self.world.arity(name)

    def check(self, arity: Arity, count: int, name: str, form: ListForm) -> None:
        """Refuse a call with a wrong number of arguments."""
        if not arity.takes(count):
            raise fault_at(form, "arity_error", f"{name} takes {arity}, and is given {count}")

    def dynamic(self, function: Value, codes: Sequence[str], form: Form) -> Value:
        """A call of what may be a function, a keyword, a map, a set or a vector."""
        if not function.steady:
            return self.application(f"{self.need('_fn')}({function.code})", codes, form)
        self.need("F_")
        code = f"({function.code} if type({function.code}) is F_ else {self.need('_fn')}({function.code}))"
        return self.application(code, codes, form)

    def application(self, function: str, codes: Sequence[str], at: Form) -> Value:
        """The text of a call, on a line of its own."""
        return Value(f"{place(at)}{function}({', '.join(codes)})")


BOOLEAN: Final = frozenset({"_eq", "_lt", "_gt", "_le", "_ge", "_has", "l_eq", "l_not_eq", "l_num_eq", "l_lt", "l_gt", "l_le",
                            "l_ge", "l_not", "l_boolean"})  # fmt: skip
TEXTS: Final = frozenset(
    {"l_str", "l_join", "l_format", "l_pr_str", "l_name", "l_subs", "l_trim", "l_upper_case", "l_lower_case"}
)
