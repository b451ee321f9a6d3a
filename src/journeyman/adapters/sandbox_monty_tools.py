"""Python functions and tools as a grant for programs that run outside an agent."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from ..data import CallerError
from ..programs import Answer, Answered, Failed, Grant, Waits
from ..schema import ArgumentsError
from ..tools import ModelRetry, Pending, Tool, by_name
from ..tools.threads import in_thread

log = logging.getLogger(__name__)


def granted(tools: Grant | Sequence[Tool[..., Any] | Callable[..., Any]]) -> Grant:
    """A grant as it is, or one of functions and tools; raises `CallerError` for what cannot be one.

    A tool that asks for a `RunContext` has none here: it is given to programs by an agent, which has.
    """
    if isinstance(tools, Grant):
        return tools
    if not tools:
        return Grant()
    named = by_name(tools)
    for tool in named.values():
        if tool.takes_context:
            raise CallerError(f"{tool.name} asks for a RunContext, which only an agent's run has; give it to an agent")
    return Grant([tool.spec for tool in named.values()], _FunctionCall(named))


class _FunctionCall:
    def __init__(self, tools: Mapping[str, Tool[..., Any]]) -> None:
        self._tools = tools

    async def __call__(self, name: str, arguments: dict[str, Any], call_id: int) -> Answer:  # noqa: ARG002  (a Call)
        tool = self._tools[name]
        try:
            checked = tool.schema.check(msgspec.json.encode(arguments).decode())
            positional, keywords = tool.schema.bind(checked)
            bound = functools.partial(tool.function, *positional, **keywords)
            value = await bound() if tool.is_async else await in_thread(bound, f"tool {name}")
            value = await value if inspect.isawaitable(value) else value
        except Pending as pending:
            return Waits(pending.info)
        except (ArgumentsError, ModelRetry) as error:
            return Failed(f"{name}: {error}")
        except Exception as error:
            # The program hears what failed, as a model would; the traceback is for whoever wrote the tool.
            log.warning("tool %s failed", name, exc_info=error)
            return Failed(f"{name} failed: {type(error).__name__}: {error}")
        if isinstance(value, Pending):
            return Waits(value.info)
        try:
            return Answered(_without_models(value))
        except (TypeError, ValueError, RecursionError) as error:
            return Failed(f"{name} gave what cannot cross into a program: {error}")


def _without_models(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | dict() if not value:
            return cast("object", value)
        case _:
            from pydantic_core import to_jsonable_python  # noqa: PLC0415  (only for tools that give structures)

            return to_jsonable_python(value, fallback=_struct)


def _struct(value: Any) -> Any:
    return msgspec.to_builtins(value)
