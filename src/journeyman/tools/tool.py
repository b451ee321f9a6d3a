"""A tool: a function, what the model is told of it, and how it may be treated."""

from __future__ import annotations

import copy
import dis
import functools
import inspect
import math
import types
from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload

from ..data import CallerError, ToolSpec
from ..schema import FunctionSchema, describe_function
from .context import RunContext

P = ParamSpec("P")
R = TypeVar("R")


class ToolOptions(TypedDict, total=False):
    """How a function is treated as a tool.

    `idempotent`: running it twice with the same `RunContext.idempotency_key` does no harm; only then is a call whose
    outcome was lost in a crash run again by itself. `pending`: the function only begins something, and the outcome comes
    later, from outside; what it returns is the `info` of the wait. `poll`: called with that info, sync or async, whenever
    the run is taken up and `poll_every` seconds (60) have gone by; it gives the outcome, or `Pending` if there is none yet.

    `timeout`: after so many seconds the call is cut off and the model gets an error, or what `on_timeout` is or gives (a
    function is called with the `RunContext`, in whose `so_far` the tool may have left something). `retries`: how often a
    call that raised is run again by itself, each time as a further attempt on the journal; for a tool that may have had
    its effect before it raised, that is a decision. `requires_approval`: a call waits until somebody approves it, always
    or where a function of its arguments (a dict) says so. `formerly`: the names that it had before; calls by them that are
    still open in some run go to it, and stay as they are on the journal.
    """

    name: str | None
    description: str | None
    idempotent: bool
    pending: bool
    poll: Callable[[Any], Any] | None
    poll_every: float
    timeout: float | None
    on_timeout: str | Callable[[RunContext[Any]], Any] | None
    retries: int
    requires_approval: bool | Callable[[dict[str, Any]], bool]
    formerly: str | Iterable[str]


_EVERY = 60.0
"""Seconds between two polls where nothing is said: often enough for a person who waits, seldom enough for a meter."""


class Tool(Generic[P, R]):
    """A function that a model may call; it can still be called like the function that it was made of.

    The options are those of `ToolOptions`. Raises `CallerError` for a function that cannot be described and for options
    that contradict each other.
    """

    def __init__(self, function: Callable[P, R], **options: Unpack[ToolOptions]) -> None:
        unknown = set(options) - set(ToolOptions.__annotations__)
        if unknown:
            raise CallerError(f"a tool has no option {', '.join(sorted(unknown))}; it has {', '.join(_OPTIONS)}")
        self.function = function
        self.idempotent = options.get("idempotent", False)
        self.pending = options.get("pending", False)
        self.poll = options.get("poll")
        self.poll_every = options.get("poll_every", _EVERY) if self.poll is not None else None
        self.timeout = options.get("timeout")
        self.on_timeout = options.get("on_timeout")
        self.retries = options.get("retries", 0)
        self.requires_approval = options.get("requires_approval", False)
        former = options.get("formerly", ())
        self.formerly = (former,) if isinstance(former, str) else tuple(former)
        self.schema: FunctionSchema = describe_function(
            function, context_type=RunContext, name=options.get("name"), description=options.get("description")
        )
        self.name = self.schema.name
        self.is_async = _is_async(function)
        self._check(options)
        functools.update_wrapper(cast("Any", self), function, updated=())

    @functools.cached_property
    def spec(self) -> ToolSpec:
        """What a model sees of it."""
        return ToolSpec(self.name, self.schema.description, self.schema.parameters)

    @property
    def takes_context(self) -> bool:
        """Whether its first parameter asks for the `RunContext`."""
        return self.schema.context_parameter is not None

    @functools.cached_property
    def can_be_cut_off(self) -> bool:
        """Whether a call of it can be ended early, and so needs a task of its own, which costs some eight microseconds.

        An async tool that waits for nothing is over at once, and a blocking one without a context cannot hear of its end.
        """
        return self.timeout is not None or (_may_wait(self.function) if self.is_async else self.takes_context)

    def under(self, name: str) -> Tool[P, R]:
        """The same tool by another name, as calls have it that were made when that was its name."""
        named = copy.copy(self)
        vars(named).pop("spec", None)
        named.name = name
        return named

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"

    def _check(self, options: ToolOptions) -> None:
        for option in ("timeout", "poll_every"):
            seconds = options.get(option)
            if seconds is not None and not _is_time(seconds):
                raise CallerError(f"tool {self.name}: {option}={seconds!r} is no number of seconds more than 0")
        if self.on_timeout is not None and self.timeout is None:
            raise CallerError(f"tool {self.name}: on_timeout= is for a tool with a timeout=")
        if "poll_every" in options and self.poll is None:
            raise CallerError(f"tool {self.name}: poll_every= is for a tool with a poll=")
        if isinstance(self.retries, bool) or self.retries < 0:
            raise CallerError(f"tool {self.name}: retries={self.retries!r} is no number from 0 up")
        if self.name in self.formerly:
            raise CallerError(
                f"tool {self.name}: formerly= has the name that it has now; give those that it had before"
            )


_OPTIONS = sorted(ToolOptions.__annotations__)


def _is_time(seconds: object) -> bool:
    return isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    called = getattr(type(function), "__call__", None)  # noqa: B004  (its kind is asked for, not whether it is there)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _may_wait(function: Callable[..., Any]) -> bool:
    """Whether there is an `await` in an async function: each is compiled to a SEND, as `async for` and `async with` are."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType) or not code.co_flags & inspect.CO_COROUTINE:
        return True
    return any(step.opname == "SEND" for step in dis.get_instructions(code))


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(**options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    function: Callable[P, R] | None = None, /, **options: Unpack[ToolOptions]
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a function a tool: `@tool`, or `@tool(idempotent=True)`, with the options of `ToolOptions`.

    The schema comes from the type hints, the description is the whole docstring. Async functions are awaited, others run
    in a thread of their own. Raises `CallerError` where a parameter has no type hint.
    """

    def made(function: Callable[P, R]) -> Tool[P, R]:
        return Tool(function, **options)

    return made if function is None else made(function)
