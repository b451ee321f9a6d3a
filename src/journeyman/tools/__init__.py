"""Declare, describe, check and call tools."""

from .call import Done, Outcome, Waits, call_tool, unknown_tool
from .context import ModelRetry, Pending, RunContext
from .tool import Tool, by_name, tool

__all__ = [
    "Done",
    "ModelRetry",
    "Outcome",
    "Pending",
    "RunContext",
    "Tool",
    "Waits",
    "by_name",
    "call_tool",
    "tool",
    "unknown_tool",
]
