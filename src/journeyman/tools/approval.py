"""Whether somebody has to approve a call before it is made, and what the model hears of it."""

from __future__ import annotations

import logging
from typing import Any

from msgspec.structs import replace

from ..data import Opaque, Text, ToolCall, ToolResult
from ..journal import OURS, CallState
from ..schema import ArgumentsError
from .tool import Tool

log = logging.getLogger(__name__)


def needs_approval(tool: Tool[..., Any], call: ToolCall) -> bool:
    """What the tool's `requires_approval` says of a call; a function of the user's that fails has it approved.

    A call whose arguments do not fit is not made, so that there is nothing to approve.
    """
    asks = tool.requires_approval
    if isinstance(asks, bool):
        return asks and _fits(tool, call) is not None
    arguments = _fits(tool, call)
    if arguments is None:
        return False
    try:
        return bool(asks(arguments))
    except Exception:
        log.exception("requires_approval of tool %s failed; the call waits for approval", tool.name)
        return True


def told_of_edit(call: CallState, result: ToolResult) -> ToolResult:
    """The result of a call that was approved with other arguments, saying so.

    A model that is not told takes what came of them for what came of its own. A program gets the value alone.
    """
    if not call.edited or call.parent:
        return result
    words = f"\n(It was approved with other arguments: {call.arguments or ''})"
    note = Text(words, origin=Opaque(OURS, {"label": "approval"}))
    content = (Text(result.content),) if isinstance(result.content, str) else result.content
    return replace(result, content=(*content, note))


def _fits(tool: Tool[..., Any], call: ToolCall) -> dict[str, Any] | None:
    try:
        return tool.schema.check(call.arguments)
    except ArgumentsError:
        return None
