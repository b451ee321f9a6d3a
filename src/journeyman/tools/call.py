"""Carry out one tool call: whatever happens becomes an outcome that the model can act on."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from ..data import Audio, Bug, Conflict, Document, Image, Text, ToolCall, ToolResult, Video
from ..schema import ArgumentsError, result_text
from .context import ModelRetry, Pending, RunContext
from .threads import in_thread
from .tool import Tool

log = logging.getLogger(__name__)


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
        arguments = tool.schema.check(call.arguments)
        args, kwargs = tool.schema.bind(arguments, context() if tool.takes_context else None)
        bound = functools.partial(tool.function, *args, **kwargs)
        value = await bound() if tool.is_async else await in_thread(bound, f"tool {tool.name}")
    except ArgumentsError as error:
        return _failed(call, str(error))
    except ModelRetry as error:
        return Done(ToolResult(call.id, str(error), is_error=True), asks_retry=True)
    except Pending as pending:
        return Waits(pending.info)
    except (Conflict, Bug):
        raise
    except asyncio.CancelledError:
        # A tool that raises this by itself, without having been cancelled, has failed like any other.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _failed(call, f"{tool.name} failed: it was cancelled from within")
    except Exception as error:
        log.warning("tool %s failed", tool.name, exc_info=True)
        return _failed(call, f"{tool.name} failed: {type(error).__name__}: {error}")
    return _outcome(call, value)


def unknown_tool(call: ToolCall, known: Callable[[], list[str]]) -> Done:
    """The outcome of a call to a tool that is not there."""
    names = ", ".join(known()) or "none"
    return _failed(call, f"there is no tool {call.name!r}; the tools are: {names}")


def _outcome(call: ToolCall, value: Any) -> Outcome:
    match value:
        case str():
            return Done(ToolResult(call.id, value))
        case Pending():
            return Waits(value.info)
        case Text() | Image() | Audio() | Video() | Document():
            return Done(ToolResult(call.id, (value,)))
        case [Image() | Audio() | Video() | Document() | Text(), *_]:
            parts = tuple(Text(part) if isinstance(part, str) else part for part in value)
            return Done(ToolResult(call.id, parts))
        case _:
            try:
                return Done(ToolResult(call.id, result_text(value)))
            except (TypeError, ValueError) as error:
                return _failed(call, f"{call.name} returned something that cannot be shown to a model: {error}")


def _failed(call: ToolCall, message: str) -> Done:
    return Done(ToolResult(call.id, message, is_error=True))
