"""Ask a tool how far a call is whose outcome comes later."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any

from ..data import Bug, Conflict, ToolCall
from .call import Outcome, Waits, outcome_of, refused
from .context import ModelRetry
from .threads import in_thread
from .tool import Tool

log = logging.getLogger(__name__)


async def poll_tool(tool: Tool[..., Any], call: ToolCall, info: Any) -> Outcome:
    """What the tool's `poll` says of a call; where it fails, nobody knows more than before and the call waits on."""
    poll = tool.poll
    if poll is None:
        return Waits(info)
    bound = functools.partial(poll, info)
    try:
        value = await bound() if inspect.iscoroutinefunction(poll) else await in_thread(bound, f"poll {tool.name}")
        return outcome_of(call, await value if inspect.isawaitable(value) else value)
    except (Conflict, Bug):
        raise
    except ModelRetry as error:
        return refused(call, str(error))
    except Exception as error:
        log.warning("tool %s could not be asked how far call %s is: %s", tool.name, call.id, error, exc_info=error)
        return Waits(info)
