"""Ask a tool how far a call is whose outcome comes later."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

from ..data import Bug, Conflict, ReplayMismatch, ToolCall
from .call import Outcome, Waits, outcome_of, refused
from .context import ModelRetry, Pending
from .threads import in_thread
from .tool import Tool

log = logging.getLogger(__name__)


POLL = 30.0
"""Seconds that a `poll` has to say how far a call is; until then the run, and the answers that came for it, stand still."""


async def poll_tool(tool: Tool[..., Any], call: ToolCall, info: Any, *, seconds: float = POLL) -> Outcome:
    """What the tool's `poll` says of a call; where it fails, nobody knows more than before and the call waits on.

    So it is with one that says nothing for `seconds`.
    """
    if tool.poll is None:
        return Waits(info)
    task = asyncio.ensure_future(_asked(tool, tool.poll, info))
    # An error that comes too late is looked at, so that asyncio does not complain of it.
    task.add_done_callback(lambda late: late.cancelled() or late.exception())
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done() and not task.cancelled():
            return outcome_of(call, task.result())
        log.warning(
            "poll of tool %s said nothing about call %s for %g s; it is left alone", tool.name, call.id, seconds
        )
    except (Conflict, ReplayMismatch, Bug):
        raise
    except ModelRetry as error:
        return refused(call, str(error))
    except Exception as error:
        log.warning("tool %s could not be asked how far call %s is: %s", tool.name, call.id, error, exc_info=error)
    finally:
        task.cancel()
    return Waits(info)


async def _asked(tool: Tool[..., Any], poll: Callable[[Any], Any], info: Any) -> Any:
    bound = functools.partial(poll, info)
    try:
        value = await bound() if inspect.iscoroutinefunction(poll) else await in_thread(bound, f"poll {tool.name}")
        return await value if inspect.isawaitable(value) else value
    except Pending as pending:
        # Raised or returned, it says the same.
        return pending
