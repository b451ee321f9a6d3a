"""Whether somebody has to approve a call before it is made."""

from __future__ import annotations

import logging
from typing import Any

from ..data import ToolCall
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


def _fits(tool: Tool[..., Any], call: ToolCall) -> dict[str, Any] | None:
    try:
        return tool.schema.check(call.arguments)
    except ArgumentsError:
        return None
