"""A tool: a function, what the model is told of it, and how it may be treated."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from ..data import CallerError, ToolSpec
from ..schema import FunctionSchema, describe_function
from .context import RunContext

P = ParamSpec("P")
R = TypeVar("R")


class Tool(Generic[P, R]):
    """A function that a model may call; it can still be called like the function that it was made of.

    `idempotent` says that running it twice with the same `RunContext.idempotency_key` does no harm: only then is a call
    whose outcome was lost in a crash run again by itself. Raises `CallerError` for a function that cannot be described.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        idempotent: bool = False,
    ) -> None:
        self.function = function
        self.idempotent = idempotent
        self.schema: FunctionSchema = describe_function(
            function, context_type=RunContext, name=name, description=description
        )
        self.name = self.schema.name
        self.is_async = _is_async(function)
        functools.update_wrapper(cast("Any", self), function, updated=())

    @functools.cached_property
    def spec(self) -> ToolSpec:
        """What a model sees of it."""
        return ToolSpec(self.name, self.schema.description, self.schema.parameters)

    @property
    def takes_context(self) -> bool:
        """Whether its first parameter asks for the `RunContext`."""
        return self.schema.context_parameter is not None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    called = getattr(type(function), "__call__", None)  # noqa: B004  (its kind is asked for, not whether it is there)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, idempotent: bool = False
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    idempotent: bool = False,
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a function a tool: `@tool`, or `@tool(idempotent=True)`.

    The schema comes from the type hints, the description is the whole docstring. Async functions are awaited, others run
    in a thread of their own. Raises `CallerError` where a parameter has no type hint.
    """

    def made(function: Callable[P, R]) -> Tool[P, R]:
        return Tool(function, name=name, description=description, idempotent=idempotent)

    return made if function is None else made(function)


def by_name(tools: Iterable[Tool[..., Any] | Callable[..., Any]]) -> Mapping[str, Tool[..., Any]]:
    """The tools under their names; plain functions become tools; two of one name raise `CallerError`."""
    named: dict[str, Tool[..., Any]] = {}
    for item in tools:
        made = cast("Tool[..., Any]", item) if isinstance(item, Tool) else Tool(item)
        if made.name in named:
            raise CallerError(f"two tools are named {made.name!r}; give one of them another with @tool(name=…)")
        named[made.name] = made
    return named
