"""Signatures and type hints, however they are written."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

import pytest
from pydantic import BaseModel

from journeyman.data import CallerError
from journeyman.schema import describe_function

if TYPE_CHECKING:
    from decimal import Decimal as OnlyWhenChecking

T = TypeVar("T")


class Context(Generic[T]):
    pass


class Narrower(Context[T]):
    pass


Alias = Context[int]


class Later(BaseModel):
    x: int


def bare(ctx: Context, city: str): ...
def generic(ctx: Context[int], city: str): ...
def unknown_dependency(ctx: Context[OnlyWhenChecking], city: str): ...
def quoted(ctx: "Context[int]", city: str): ...  # noqa: UP037  (quoted inside a string annotation is the case)
def aliased(ctx: Alias, city: str): ...
def annotated(ctx: Annotated[Context[int], "words"], city: str): ...
def narrower(ctx: Narrower[int], city: str): ...
def keyword_only(*, ctx: Context, city: str): ...
def positional_only(ctx: Context, /, city: str): ...


def dotted():
    """A function whose context is named through a module that cannot be imported."""

    def inner(ctx: nowhere.Context[int], city: str): ...  # noqa: F821  (that it is not defined is the case)

    return inner


@pytest.mark.parametrize(
    "function",
    [
        bare,
        generic,
        unknown_dependency,
        quoted,
        aliased,
        annotated,
        narrower,
        keyword_only,
        positional_only,
        dotted(),
    ],
)
def test_context_is_hidden(function):
    """The first parameter is the context's if it is annotated so, resolvable or not, and no model sees it."""
    schema = describe_function(function, context_type=Context)
    assert schema.context_parameter == "ctx"
    assert list(schema.parameters["properties"]) == ["city"]


def test_context_evaluated():
    """The context is found where annotations are types and not strings, too."""

    def evaluated(ctx, city): ...

    for hint in (Context, Context[int], Annotated[Context[int], "words"]):
        evaluated.__annotations__ = {"ctx": hint, "city": str}
        assert describe_function(evaluated, context_type=Context).context_parameter == "ctx"


def test_no_context():
    """Another class is no context, and without a context type there is none."""

    def tool(city: Later): ...

    def odd(city: 3): ...

    assert describe_function(tool, context_type=Context).context_parameter is None
    assert describe_function(odd, context_type=Context).context_parameter is None
    assert describe_function(tool).context_parameter is None
    assert describe_function(lambda: None, context_type=Context, name="nothing").context_parameter is None


def test_context_out_of_place():
    """A context that is not the first parameter is the caller's mistake."""

    def tool(city: str, ctx: Context[int]): ...

    with pytest.raises(CallerError, match="tool: parameter 'ctx' takes the Context, so it has to be the first"):
        describe_function(tool, context_type=Context).check("{}")


def test_types_defined_inside_a_function():
    """Types defined beside a nested function are found, in it and in the functions around it."""

    class Outer(BaseModel):
        a: int

    def make():
        class Inner(BaseModel):
            b: int

        def tool(outer: Outer, inner: Inner, both: list[Inner]): ...

        return describe_function(tool)

    checked = make().check('{"outer": {"a": 1}, "inner": {"b": 2}, "both": [{"b": 3}]}')
    assert checked["outer"] == Outer(a=1)
    assert [checked["inner"].b, checked["both"][0].b] == [2, 3]


def test_types_in_a_closure():
    """A type that the function also uses is found when the function around it has returned."""

    def make():
        class Inner(BaseModel):
            b: int

        def tool(inner: Inner):
            return Inner, Late  # never assigned, so its cell stays empty

        if make is None:
            Late = int  # noqa: N806  (makes the name a variable of this function)
        return tool

    assert describe_function(make()).check('{"inner": {"b": 2}}')["inner"].b == 2


def test_hints_may_name_what_comes_later():
    """Hints are read at the first use, so a tool may name a type that is defined below it."""

    def tool(x: DefinedBelow): ...

    schema = describe_function(tool)
    assert schema.check('{"x": {"y": 1}}')["x"].y == 1


class DefinedBelow(BaseModel):
    y: int


def test_unresolvable_hint():
    """A hint that cannot be resolved names the function, the parameter, the hint and the way out."""

    def tool(city: str, price: OnlyWhenChecking) -> OnlyWhenChecking: ...

    with pytest.raises(
        CallerError, match=r"tool: .*'price', OnlyWhenChecking, .*NameError.*at run time.*TYPE_CHECKING"
    ):
        _ = describe_function(tool).parameters


def test_unresolvable_return_type():
    """What a function returns need not be resolvable: no model sees it."""

    def tool(city: str) -> OnlyWhenChecking: ...

    assert describe_function(tool).check('{"city": "x"}') == {"city": "x"}


def no_hint(city): ...
def no_hint_for_rest(**rest): ...
def many(*cities: str): ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_hint, "no_hint: parameter 'city' has no type hint; add a type hint, e.g. city: str"),
        (no_hint_for_rest, "'rest' has no type hint; add a type hint, e.g. [*][*]rest: str"),
        (many, "many: [*]cities has no names .*take a list, e.g. cities: list"),
        (Later, "cannot be a tool; give a function"),
        (3, "3 cannot be a tool"),
        (max, "max has no signature to describe"),
        (lambda: None, "'<lambda>' cannot be the name of a tool: .*name="),
        (math.cos, "cos: parameter 'x' has no type hint"),
    ],
)
def test_refused_at_once(function, message):
    """What no model can be told about is refused when it is described, with the way to mend it."""
    with pytest.raises(CallerError, match=message):
        describe_function(function)


@pytest.mark.parametrize("name", ["a.b", "", "x" * 65, "größe", "two words"])
def test_names_that_providers_refuse(name):
    """A tool's name has to suit every provider."""
    with pytest.raises(CallerError, match="cannot be the name of a tool"):
        describe_function(bare, name=name or "!")


class Thing:
    """What a thing is."""

    def method(self, city: str):
        """Do it."""

    @classmethod
    def built(cls, city: str):
        """Build it."""

    def __call__(self, city: str): ...


class Documented:
    def __call__(self, city: str):
        """Call it."""


@functools.lru_cache
def cached(city: str):
    """Remember it."""


@pytest.mark.parametrize(
    ("function", "name", "description"),
    [
        (Thing().method, "method", "Do it."),
        (Thing.built, "built", "Build it."),
        (Thing(), "Thing", "What a thing is."),
        (Documented(), "Documented", "Call it."),
        (cached, "cached", "Remember it."),
        (functools.partial(cached), "cached", "Remember it."),
        (functools.partial(Thing(), city="x"), "Thing", "What a thing is."),
    ],
)
def test_callables(function, name, description):
    """Methods, objects with __call__, partials and wrapped functions go by their own names and docstrings."""
    schema = describe_function(function)
    assert (schema.name, schema.description) == (name, description)


def test_partials_hide_what_they_fill():
    """What a partial fills is not shown to a model: that is where keys are bound."""

    def tool(ctx: Context, url: str, city: str, key: str, days: int = 1): ...

    filled = functools.partial(functools.partial(tool, None, "https://…"), key="secret")
    schema = describe_function(filled, context_type=Context)
    assert schema.context_parameter is None
    assert "secret" not in str(schema.parameters)
    assert list(schema.parameters["properties"]) == ["city", "days"]
