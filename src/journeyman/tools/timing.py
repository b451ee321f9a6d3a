"""A call in a task of its own: it may take so long and no longer, and is given up where it ignores that it is cut off."""

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

PATIENCE = 20 * GRACE
"""Seconds for a call that gives up calls of its own first: a run below, a program."""

PARTIAL = 10.0
"""Seconds that an `on_timeout` has to say what there is: it should only look at what was put aside."""


def _grace() -> float:
    return GRACE


async def call_in_time(
    tool: Tool[..., Any],
    call: ToolCall,
    context: Callable[[], RunContext[Any]],
    *,
    abandon: Callable[[], None] | None = None,
    grace: Callable[[], float] = _grace,
) -> Outcome:
    """The outcome of a call, or what the tool has for when its `timeout` is over.

    Its token is set first, and an async tool cancelled; one that ignores that is abandoned, and the outcome says so. If it
    is the caller that is cut off, the tool is so, too: it has `grace()` seconds to clean up, and `abandon` is called if it
    takes longer; the caller goes on.
    """
    made = functools.cache(context)
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    task = loop.create_task(_carried(tool, call, made, ended), name=tool.name)
    try:
        # Awaiting the task itself would hand a cancellation on to it, and wait on.
        if tool.timeout is None:
            await ended
        else:
            await asyncio.wait({ended}, timeout=tool.timeout)
        if task.done():
            return task.result()
        await _cut_off(tool, task, made, GRACE)
        abandoned = not task.done()
        if abandoned:
            log.warning("tool %s ignored that its %g s are over and was abandoned", tool.name, tool.timeout)
        return await _partial(tool, call, made, abandoned=abandoned)
    except asyncio.CancelledError:
        await _give_up(tool, task, made, grace(), abandon)
        raise
    finally:
        if not task.done():
            task.cancel()
        elif not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain of an error that nobody wanted


async def _carried(
    tool: Tool[..., Any], call: ToolCall, context: Callable[[], RunContext[Any]], ended: asyncio.Future[None]
) -> Outcome:
    try:
        return await call_tool(tool, call, context)
    finally:
        # From within, which is a turn of the loop sooner than a callback of the task.
        if not ended.done():
            ended.set_result(None)


async def _cut_off(
    tool: Tool[..., Any], task: asyncio.Task[Any], context: Callable[[], RunContext[Any]], grace: float
) -> None:
    if task.done():
        return
    # Only a tool that asks for a context can hear of its token.
    if tool.takes_context:
        context().cancelled.set()
    if tool.is_async:
        task.cancel()
    elif not tool.takes_context:
        return
    await asyncio.wait({task}, timeout=grace)


async def _give_up(
    tool: Tool[..., Any],
    task: asyncio.Task[Any],
    context: Callable[[], RunContext[Any]],
    grace: float,
    abandon: Callable[[], None] | None,
) -> None:
    try:
        await _cut_off(tool, task, context, grace)
    finally:
        # Also where the caller is cut off a second time and even the grace is over.
        if not task.done():
            log.warning("tool %s ignored that its run was cut off and was abandoned", tool.name)
            if abandon is not None:
                abandon()


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
        async with asyncio.timeout(PARTIAL):
            value = (
                await bound() if inspect.iscoroutinefunction(given) else await in_thread(bound, f"after {tool.name}")
            )
        outcome = outcome_of(call, value)
    except Exception:
        log.exception("on_timeout of tool %s failed", tool.name)
        outcome = refused(call, late)
    return replace(outcome, abandoned=abandoned) if isinstance(outcome, Done) else outcome
