"""What a program finds around it: the run's data, tools, what was stored before, and Clojure's namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from ..language import Scope as Granted
from ..likeness import did_you_mean
from .compiling import Compiler
from .contracts import World
from .describing import about_tool
from .forms import Form, Keyword, ListForm, Literal, MapForm, Symbol, call, fault_at
from .functions import parts_of
from .library import Arity
from .naming import builtin_names
from .reader import read
from .values import TAG
from .writing import Out, Scope, Value, place

_HISTORY: Final = ("*1", "*2", "*3")
_COMPARISONS: Final = {"l_lt": "<", "l_gt": ">", "l_le": "<=", "l_ge": ">="}
_BINARY: Final = {"l_add": "_add", "l_sub": "_sub", "l_mul": "_mul", "l_div": "_div"}
_TESTS: Final = {
    "l_nil_p": "({} is None)",
    "l_some_p": "({} is not None)",
    "l_true_p": "({} is True)",
    "l_false_p": "({} is False)",
}


class Surroundings(World):
    """What is granted to one program, as the compiler asks for it."""

    def __init__(self, granted: Granted) -> None:
        self.granted = granted
        self.tools = {tool.name: tool for tool in granted.tools}

    def remembers(self, name: str) -> bool:
        return name in self.granted.memory and name not in _HISTORY

    def arity(self, name: str) -> Arity | None:
        kept = self.granted.memory.get(name)
        if not isinstance(kept, Mapping) or cast("Mapping[str, Any]", kept).get(TAG) != "fn":
            return None
        (form,) = read(cast("Mapping[str, Any]", kept)["source"])
        match form:
            case ListForm((_, _, ListForm((Symbol("fn"), *_) as items) as function)) if items:
                return parts_of(function, "fn").signature.arity
            case _:
                return None

    def taken(self, function: ListForm) -> Arity:
        return parts_of(function, "fn").signature.arity

    def documented(self, name: str) -> str | None:
        tool = self.tools.get(name.removeprefix("tool/"))
        return about_tool(tool) if tool is not None else None

    def names(self) -> Sequence[str]:
        data = [f"data/{name}" for name in self.granted.data]
        return [*self.granted.memory, *data, *(f"tool/{name}" for name in self.tools)]

    def symbol(self, compiler: Compiler, form: Symbol, scope: Scope) -> Value:
        name = form.name
        if name in _HISTORY:
            compiler.remembered.add(name)
            return Value(f"h_{name[1:]}", steady=True)
        namespace, _, short = name.partition("/")
        if namespace == "data" and short:
            return self._datum(form, short)
        if namespace == "memory" and short and self.remembers(short):
            return Value(compiler.stored(short) or "None")
        if namespace == "tool" and short:
            tool = self._tool(form, short)
            code = f"(lambda *a: {compiler.need('_tool')}({tool!r}, {compiler.need('_arguments')}(*a)))"
            return Value(code)
        raise self._unknown(compiler, form, scope)

    def call(self, compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
        head = form.items[0]
        assert isinstance(head, Symbol)  # noqa: S101  (for the type checker: that is what `call` is for)
        namespace, _, short = head.name.partition("/")
        if namespace == "tool" and short:
            return self._tool_call(compiler, form, head, short, (scope, out))
        if namespace in ("data", "memory") and short:
            function, *values = compiler.arguments(form.items, scope, out)
            return compiler.dynamic(function, [value.code for value in values], form)
        raise self._unknown(compiler, head, scope)

    def _unknown(self, compiler: Compiler, form: Symbol, scope: Scope) -> Exception:
        namespace, slash, short = form.name.rpartition("/")
        if slash and namespace and short:
            same = [name for name in builtin_names() if name.startswith(f"{namespace}/")]
            listed = f"; of {namespace} there are {', '.join(same[:12])}" if same else ""
            hint = did_you_mean(short, builtin_names()) or listed
            return fault_at(form, "unbound_var", f"{form.name} is not there{hint}")
        return compiler.unbound(form, scope)

    def _datum(self, form: Symbol, short: str) -> Value:
        data = self.granted.data
        for key in (short, short.replace("-", "_")):
            if key in data:
                return Value(f"{place(form)}data[{key!r}]")
        known = [f"data/{name}" for name in data]
        listed = f"; there are {', '.join(known[:20])}" if known else "; no data was given"
        raise fault_at(form, "unbound_var", f"there is no {form.name}{did_you_mean(form.name, known) or listed}")

    def _tool(self, form: Symbol, short: str) -> str:
        for name in (short, short.replace("-", "_")):
            if name in self.tools:
                return name
        known = [f"tool/{name}" for name in self.tools]
        listed = f"; there are {', '.join(known[:20])}" if known else "; no tools were granted"
        raise fault_at(form, "unknown_tool", f"there is no {form.name}{did_you_mean(form.name, known) or listed}")

    def _tool_call(
        self, compiler: Compiler, form: ListForm, head: Symbol, short: str, into: tuple[Scope, Out]
    ) -> Value:
        tool, rest = self._tool(head, short), form.items[1:]
        parameters = self._parameters(tool)
        if len(rest) == 1 and len(parameters) == 1 and isinstance(rest[0], Literal) and rest[0].value is not None:
            # (tool/search "x"), where there is nothing else that "x" could be.
            rest = (MapForm((Literal(parameters[0]), rest[0]), form.line, form.column),)
        values = compiler.arguments(rest, *into)
        codes = [value.code for value in values]
        if not codes:
            given = "{}"
        elif len(rest) == 1 and isinstance(rest[0], MapForm):
            given = codes[0]
        else:
            given = f"{compiler.need('_arguments')}({', '.join(codes)})"
        # Lisp writes max-results where a schema has max_results.
        table = {name.replace("_", "-"): name for name in parameters if "_" in name}
        if table:
            return compiler.application(compiler.need("_tool_as"), [repr(table), repr(tool), given], form)
        return compiler.application(compiler.need("_tool"), [repr(tool), given], form)

    def _parameters(self, tool: str) -> list[str]:
        properties = self.tools[tool].parameters.get("properties")
        return list(cast("Mapping[str, Any]", properties)) if isinstance(properties, Mapping) else []

    def inline(self, compiler: Compiler, piece: str, values: Sequence[Value], form: ListForm) -> Value | None:
        codes = [value.code for value in values]
        if piece in _TESTS:
            return Value(_TESTS[piece].format(codes[0]), boolean=True)
        if piece == "l_not":
            return Value(f"(not {compiler.truth(values[0])})", boolean=True)
        if piece in ("l_inc", "l_dec"):
            return Value(f"{place(form)}({codes[0]} {'+' if piece == 'l_inc' else '-'} 1)")
        if len(values) == 2:  # noqa: PLR2004  (forms are counted)
            return self._of_two(compiler, piece, values, form)
        if piece in _BINARY and len(values) > 2:  # noqa: PLR2004  (forms are counted)
            code = codes[0]
            for other in codes[1:]:
                code = f"{place(form)}{compiler.need(_BINARY[piece])}({code}, {other})"
            return Value(code)
        return self._printed(compiler, piece, values, form)

    def _printed(self, compiler: Compiler, piece: str, values: Sequence[Value], form: ListForm) -> Value | None:
        """Text that needs no printer, which would be most of what such a program loads."""
        texts = [value.shown for value in values]
        if piece not in ("l_str", "l_println") or not all(texts):
            return None
        if piece == "l_str":
            code = " + ".join(texts) or '""'
            return Value(f"({code})", shown=f"({code})")
        line = " + ' ' + ".join(texts) or '""'
        return compiler.application(compiler.need("_print"), [f"{line} + '\\n'"], form)

    def _of_two(self, compiler: Compiler, piece: str, values: Sequence[Value], form: ListForm) -> Value | None:
        codes = left, right = values[0].code, values[1].code
        number = any(_is_number(item) for item in form.items[1:])
        if piece in _BINARY:
            # Beside a number Python refuses what Lisp refuses; without one, + would join strings and vectors.
            if number and piece in ("l_add", "l_sub"):
                return Value(f"{place(form)}({left} {'+' if piece == 'l_add' else '-'} {right})")
            return compiler.application(compiler.need(_BINARY[piece]), codes, form)
        if piece in _COMPARISONS:
            if number:
                return Value(f"{place(form)}({left} {_COMPARISONS[piece]} {right})", boolean=True)
            return compiler.application(compiler.need(f"_{piece[2:]}"), codes, form)._replace(boolean=True)
        if piece in ("l_eq", "l_not_eq"):
            return self._equality(compiler, piece, codes, form)
        return self._printed(compiler, piece, values, form)

    def _equality(self, compiler: Compiler, piece: str, codes: Sequence[str], form: ListForm) -> Value:
        left, right = codes
        if any(_is_distinct(item) for item in form.items[1:]):
            return Value(f"({left} {'==' if piece == 'l_eq' else '!='} {right})", boolean=True)
        value = compiler.application(compiler.need("_eq"), codes, form)._replace(boolean=True)
        return value if piece == "l_eq" else Value(f"(not {value.code})", boolean=True)


def _is_number(form: Form) -> bool:
    return isinstance(form, Literal) and type(form.value) in (int, float)


def _is_distinct(form: Form) -> bool:
    """Whether Python's == means the same as Lisp's beside this constant: true is 1 to Python, and no other string is a keyword."""
    if isinstance(form, Literal):
        return isinstance(form.value, str) or (_is_number(form) and form.value not in (0, 1))
    return isinstance(form, Keyword)


def where(compiler: Compiler, form: ListForm, scope: Scope, out: Out) -> Value:
    """`(where field operator value)`: the operator is a name and is not evaluated."""
    items = list(form.items)
    if len(items) == 3:  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "arity_error", "where needs an operator: write (where :field = value)")
    if len(items) > 2:  # noqa: PLR2004  (forms are counted)
        operator = items[2]
        known = ("=", "not=", ">", "<", ">=", "<=", "in", "includes")
        if not isinstance(operator, Symbol) or operator.name not in known:
            raise fault_at(operator, "parse_error", f"where knows the operators {' '.join(known)}")
        items[2] = Literal(operator.name, operator.line, operator.column)
    if not 2 <= len(items) <= 4:  # noqa: PLR2004  (forms are counted)
        raise fault_at(form, "arity_error", "where takes a field, an operator and a value: (where :field = value)")
    return compiler.expression(call("_where", form, *items[1:]), scope, out)
