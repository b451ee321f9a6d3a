"""Declare, describe, check and call tools."""

from .approval import needs_approval, told_of_edit
from .call import Done, Outcome, Waits, call_tool, outcome_of, refused, unknown_tool
from .context import ChildPending, Deadline, ModelRetry, Pending, RunContext
from .naming import by_name, former_names
from .polling import poll_tool
from .registry import ToolRegistry
from .timing import GRACE, PATIENCE, call_in_time
from .tool import Tool, ToolOptions, tool

__all__ = [
    "GRACE",
    "PATIENCE",
    "ChildPending",
    "Deadline",
    "Done",
    "ModelRetry",
    "Outcome",
    "Pending",
    "RunContext",
    "Tool",
    "ToolOptions",
    "ToolRegistry",
    "Waits",
    "by_name",
    "call_in_time",
    "call_tool",
    "former_names",
    "needs_approval",
    "outcome_of",
    "poll_tool",
    "refused",
    "told_of_edit",
    "tool",
    "unknown_tool",
]
