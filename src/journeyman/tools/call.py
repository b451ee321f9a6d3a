"""Carry out one tool call: whatever happens becomes an outcome that the model can act on."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, cast

import msgspec

from ..data import Audio, Bug, Conflict, Document, Image, ReplayMismatch, Text, ToolCall, ToolResult, Video
from ..journal import ProgramSuspended
from ..schema import ArgumentsError, result_text
from .context import ChildPending, ModelRetry, Pending, RunContext
from .threads import in_thread
from .tool import Tool

log = logging.getLogger(__name__)

_PARTS = (Text, Image, Audio, Video, Document)


class Done(msgspec.Struct, frozen=True):
    """The call came to a result, good or bad.

    `failed` says that the tool raised what nobody foresaw, so that its `retries` may mend it; `abandoned` that its time
    was up and that it may still be at work; `structured` that the result is the JSON of a value and not words.
    """

    result: ToolResult
    asks_retry: bool = False
    failed: bool = False
    abandoned: bool = False
    structured: bool = False


class Waits(msgspec.Struct, frozen=True):
    """The call waits for somebody outside, for so many `seconds` or `until` a time in microseconds since 1970.

    `program` is where the program that it runs stands.
    """

    info: Any = None
    response: str = ""
    seconds: float | None = None
    until: int | None = None
    child: bool = False
    program: ProgramSuspended | None = None


Outcome = Done | Waits


async def call_tool(tool: Tool[..., Any], call: ToolCall, context: Callable[[], RunContext[Any]]) -> Outcome:
    """The outcome of one call; only cancellation, `Conflict`, `ReplayMismatch` and `Bug` come out as exceptions.

    `context` is called only for a tool that asks for it.
    """
    try:
        value = await _value(tool, call, context)
        if tool.pending and not isinstance(value, Pending):
            value = Pending(value)
        return outcome_of(call, value)
    except (Conflict, ReplayMismatch, Bug):
        raise
    except asyncio.CancelledError:
        # A tool that raises this by itself, without having been cancelled, has failed like any other.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _broken(call, f"{tool.name} failed: it was cancelled from within")
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
    return refused(call, f"there is no tool {call.name!r}; the tools are: {names}")


def outcome_of(call: ToolCall, value: Any) -> Outcome:
    """What a call comes to whose tool gave this value."""
    match value:
        case Pending():
            return _waits(call, value)
        case Done() | Waits():
            return value
        case Text() | Image() | Audio() | Video() | Document():
            return Done(ToolResult(call.id, (_part(value),)))
        case list() | tuple() if any(isinstance(item, _PARTS) for item in cast("list[object]", value)):
            return Done(ToolResult(call.id, tuple(_part(item) for item in cast("list[object]", value))))
        case _:
            return Done(ToolResult(call.id, result_text(value)), structured=not isinstance(value, str))


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
            return refused(call, str(error))
        case ModelRetry():
            return Done(_error(call, str(error)), asks_retry=True)
        case Pending():
            return _waits(call, error)
        case _:
            log.warning("tool %s failed", tool.name, exc_info=error)
            return _broken(call, f"{tool.name} failed: {type(error).__name__}: {error}")


def _waits(call: ToolCall, pending: Pending) -> Outcome:
    # Found out here, for the journal cannot hold it and a run whose journal cannot be written ends.
    try:
        msgspec.json.encode(pending.info)
    except (TypeError, ValueError, RecursionError) as error:
        return refused(call, f"{call.name} waits for something that cannot be written as JSON: {error}")
    return Waits(
        pending.info, pending.response, pending.seconds, pending.until, child=isinstance(pending, ChildPending)
    )


def refused(call: ToolCall, message: str) -> Done:
    """The outcome of a call that was refused or went wrong; the message is for the model."""
    return Done(_error(call, message))


def _broken(call: ToolCall, message: str) -> Done:
    return Done(_error(call, message), failed=True)


def _error(call: ToolCall, message: str) -> ToolResult:
    # Messages may quote what no wire can carry; `result_text` makes it sendable.
    return ToolResult(call.id, result_text(message), is_error=True)
