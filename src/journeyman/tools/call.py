"""Carry out one tool call: whatever happens becomes an outcome that the model can act on."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, cast

import msgspec

from ..data import Audio, Bug, Conflict, Document, Image, Text, ToolCall, ToolResult, Video
from ..schema import ArgumentsError, result_text
from .context import ModelRetry, Pending, RunContext
from .threads import in_thread
from .tool import Tool

log = logging.getLogger(__name__)

_PARTS = (Text, Image, Audio, Video, Document)


class Done(msgspec.Struct, frozen=True):
    """The call came to a result, good or bad."""

    result: ToolResult
    asks_retry: bool = False


class Waits(msgspec.Struct, frozen=True):
    """The call waits for somebody outside."""

    info: Any = None


Outcome = Done | Waits


async def call_tool(tool: Tool[..., Any], call: ToolCall, context: Callable[[], RunContext[Any]]) -> Outcome:
    """The outcome of one call; only cancellation, `Conflict` and `Bug` come out as exceptions.

    `context` is called only for a tool that asks for it.
    """
    try:
        return _outcome(call, await _value(tool, call, context))
    except (Conflict, Bug):
        raise
    except asyncio.CancelledError:
        # A tool that raises this by itself, without having been cancelled, has failed like any other.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _failed(call, f"{tool.name} failed: it was cancelled from within")
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it is, the model hears of it)
        return _outcome_of_error(tool, call, error)


async def _value(tool: Tool[..., Any], call: ToolCall, context: Callable[[], RunContext[Any]]) -> Any:
    arguments = tool.schema.check(call.arguments)
    positional, keywords = tool.schema.bind(arguments, context() if tool.takes_context else None)
    bound = functools.partial(tool.function, *positional, **keywords)
    value = await bound() if tool.is_async else await in_thread(bound, f"tool {tool.name}")
    # An async function behind an ordinary decorator looks like a sync one until it is called.
    return await value if inspect.isawaitable(value) else value


def unknown_tool(call: ToolCall, known: Callable[[], list[str]]) -> Done:
    """The outcome of a call to a tool that is not there."""
    names = ", ".join(known()) or "none"
    return _failed(call, f"there is no tool {call.name!r}; the tools are: {names}")


def _outcome(call: ToolCall, value: Any) -> Outcome:
    match value:
        case Pending():
            return _waits(call, value)
        case Text() | Image() | Audio() | Video() | Document():
            return Done(ToolResult(call.id, (_part(value),)))
        case list() | tuple() if any(isinstance(item, _PARTS) for item in cast("list[object]", value)):
            return Done(ToolResult(call.id, tuple(_part(item) for item in cast("list[object]", value))))
        case _:
            return Done(ToolResult(call.id, result_text(value)))


def _part(item: object) -> Text | Image | Audio | Video | Document:
    match item:
        case Image() | Audio() | Video() | Document():
            return item
        case Text():
            return msgspec.structs.replace(item, text=result_text(item.text))
        case _:
            return Text(result_text(item))


def _outcome_of_error(tool: Tool[..., Any], call: ToolCall, error: BaseException) -> Outcome:
    match error:
        case ArgumentsError():
            return _failed(call, str(error))
        case ModelRetry():
            return Done(_error(call, str(error)), asks_retry=True)
        case Pending():
            return _waits(call, error)
        case _:
            log.warning("tool %s failed", tool.name, exc_info=error)
            return _failed(call, f"{tool.name} failed: {type(error).__name__}: {error}")


def _waits(call: ToolCall, pending: Pending) -> Outcome:
    # Found out here, for the journal cannot hold it and a run whose journal cannot be written ends.
    try:
        msgspec.json.encode(pending.info)
    except (TypeError, ValueError, RecursionError) as error:
        return _failed(call, f"{call.name} waits for something that cannot be written as JSON: {error}")
    return Waits(pending.info)


def _failed(call: ToolCall, message: str) -> Done:
    return Done(_error(call, message))


def _error(call: ToolCall, message: str) -> ToolResult:
    # Messages may quote what no wire can carry; `result_text` makes it sendable.
    return ToolResult(call.id, result_text(message), is_error=True)
