"""What makes a tool."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest

from journeyman.data import CallerError
from journeyman.tools import RunContext, Tool, by_name, tool


@tool
def weather(city: str, days: int = 1) -> str:
    """Tell the weather.

    It is measured on the roof.

    Args:
        city: Where.
        days: How far ahead.
    """
    return f"{city}: sun for {days}"


def test_a_tool_is_still_a_function():
    """It is called as before and keeps its name and documentation."""
    assert weather("Bern", days=2) == "Bern: sun for 2"
    assert weather.__name__ == "weather"
    assert weather.__wrapped__.__name__ == "weather"
    assert repr(weather) == "Tool('weather')"


def test_a_model_sees_the_whole_docstring_types_and_defaults():
    """No line of the documentation is cut off, and every parameter has its type and its description."""
    assert "measured on the roof" in weather.spec.description
    assert weather.spec.name == "weather"
    properties = weather.spec.parameters["properties"]
    assert properties["city"]["type"] == "string"
    assert properties["city"]["description"] == "Where."
    assert properties["days"]["type"] == "integer"
    assert properties["days"]["default"] == 1
    assert weather.spec.parameters["required"] == ["city"]


def test_what_a_model_sees_is_made_once():
    """The same value each time, so that what a dialect has cached on it stays."""
    assert weather.spec is weather.spec


def test_a_tool_may_have_another_name_and_description():
    """The decorator takes options."""

    @tool(name="sky", description="Look up.", idempotent=True)
    def looked() -> str:
        """Not this."""
        return "blue"

    assert (looked.name, looked.spec.description, looked.idempotent) == ("sky", "Look up.", True)
    assert looked() == "blue"
    assert not weather.idempotent


class Shop:
    def price(self, item: str) -> int:
        """Tell a price."""
        return len(item)

    async def order(self, item: str) -> str:
        """Order it."""
        return item

    def __call__(self, item: str) -> str:
        """Shop."""
        return item


class Later:
    async def __call__(self, item: str) -> str:
        """Shop later."""
        return item


def test_bound_methods_and_callable_objects_are_tools():
    """What is bound already is no parameter."""
    price = tool(Shop().price)
    assert price.name == "price"
    assert list(price.spec.parameters["properties"]) == ["item"]
    assert price("tea") == 3
    assert list(tool(name="shop")(Shop()).spec.parameters["properties"]) == ["item"]


async def partial_of(a: int, b: int) -> int:
    """Add."""
    return a + b


@pytest.mark.parametrize(
    ("function", "is_async"),
    [
        (Shop().price, False),
        (Shop().order, True),
        (Shop(), False),
        (Later(), True),
        (functools.partial(partial_of, b=1), True),
        (functools.partial(functools.partial(partial_of), b=1), True),
    ],
)
def test_async_functions_are_told_from_sync_ones(function: Callable[..., Any], is_async: bool):  # noqa: FBT001  (a table)
    """Behind methods, objects and partials, too."""
    assert Tool(function, name="f").is_async is is_async


def test_a_context_is_asked_for_by_the_first_parameter():
    """As a generic, bare or as text; the model does not see it."""

    @tool
    def generic(ctx: RunContext[int], x: int) -> int:
        """Use it."""
        return x

    def bare(anything: RunContext, x: int) -> int:
        """Use it."""
        return x

    @tool
    def quoted(ctx: RunContext[Unknown], x: int) -> int:  # noqa: F821  (as if it were imported for type checking only)
        """Use it."""
        return x

    for item in (generic, tool(bare), quoted):
        assert item.takes_context
        assert list(item.spec.parameters["properties"]) == ["x"]
    assert not weather.takes_context


def test_a_parameter_without_a_hint_is_refused():
    """The error names the tool and the parameter."""
    with pytest.raises(CallerError, match=r"(?s)guess.*'x'.*type hint"):

        @tool
        def guess(x):
            """Guess."""


def test_a_method_that_is_not_bound_yet_is_refused():
    """`@tool` in the body of a class has no object to call it on."""
    with pytest.raises(CallerError, match="self"):
        tool(Shop.price)


def test_tools_are_found_by_name():
    """Plain functions become tools, and the order stays."""

    def plain(x: int) -> int:
        """Give it back."""
        return x

    named = by_name([weather, plain])
    assert list(named) == ["weather", "plain"]
    assert named["weather"] is weather
    assert isinstance(named["plain"], Tool)


def test_two_tools_of_one_name_are_refused():
    """The error says how to mend it."""
    with pytest.raises(CallerError, match=r"two tools are named 'weather'.*@tool\(name=…\)"):
        by_name([weather, tool(name="weather")(Shop().price)])


async def computes() -> int:
    return 1


async def waits() -> int:
    return await computes()


async def numbers():
    yield 1


async def iterates() -> int:
    async for _ in numbers():
        pass
    return 1


async def enters() -> int:
    async with contextlib.AsyncExitStack():
        return 1


def blocks() -> int:
    return 1


def heeds(context: RunContext[None]) -> int:
    return 1


class Called:
    async def __call__(self) -> int:
        return await computes()


@pytest.mark.parametrize("function", [waits, iterates, enters, heeds, functools.partial(waits), Called()])
def test_a_call_that_can_be_cut_off_gets_a_task_of_its_own(function):
    """One that waits for something, or that blocks and can look at its token."""
    assert Tool(function, name="t").can_be_cut_off


@pytest.mark.parametrize("function", [computes, blocks, functools.partial(computes)])
def test_one_that_cannot_does_without_unless_it_has_a_timeout(function):
    """An async function without an await is over at once, a blocking one without a context would not hear of its end."""
    assert not Tool(function, name="t").can_be_cut_off
    assert Tool(function, name="t", timeout=1).can_be_cut_off
