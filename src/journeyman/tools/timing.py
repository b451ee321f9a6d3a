"""A call that may take so long and no longer."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ..data import ToolCall
from .call import Done, Outcome, call_tool, outcome_of, refused
from .context import RunContext
from .threads import in_thread
from .tool import Tool

log = logging.getLogger(__name__)

GRACE = 0.5
"""Seconds that a tool has to clean up after it was cut off, before it is abandoned."""


async def call_in_time(tool: Tool[..., Any], call: ToolCall, context: Callable[[], RunContext[Any]]) -> Outcome:
    """The outcome of a call, or what the tool has for when its `timeout` is over.

    Its token is set first, and an async tool cancelled; one that ignores that is abandoned, and the outcome says so.
    """
    made = functools.cache(context)
    task = asyncio.ensure_future(call_tool(tool, call, made))
    try:
        await asyncio.wait({task}, timeout=tool.timeout)
        if task.done():
            return task.result()
        # Only a tool that asks for a context can hear of its token.
        made().cancelled.set()
        if tool.is_async:
            task.cancel()
        await asyncio.wait({task}, timeout=GRACE)
        abandoned = not task.done()
        if abandoned:
            log.warning("tool %s ignored that its %g s are over and was abandoned", tool.name, tool.timeout)
        return await _partial(tool, call, made, abandoned=abandoned)
    except asyncio.CancelledError:
        # The run itself is cut off: the tool has its time to clean up, as it has without a timeout.
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE)
        if not task.done():
            log.warning("tool %s ignored that its run was cut off and was abandoned", tool.name)
        raise
    finally:
        if not task.done():
            task.cancel()
        elif not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain of an error that nobody wanted


async def _partial(
    tool: Tool[..., Any], call: ToolCall, context: Callable[[], RunContext[Any]], *, abandoned: bool
) -> Outcome:
    given = tool.on_timeout
    late = f"{tool.name} was cut off after {tool.timeout:g} s; what it did until then may have had its effect"
    if given is None:
        return replace(refused(call, late), abandoned=abandoned)
    if isinstance(given, str):
        return replace(refused(call, given), abandoned=abandoned)
    bound = functools.partial(given, context())
    try:
        value = await bound() if inspect.iscoroutinefunction(given) else await in_thread(bound, f"after {tool.name}")
        outcome = outcome_of(call, value)
    except Exception:
        log.exception("on_timeout of tool %s failed", tool.name)
        outcome = refused(call, late)
    return replace(outcome, abandoned=abandoned) if isinstance(outcome, Done) else outcome
