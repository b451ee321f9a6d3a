"""Views of a journal: stream, events, steps, callbacks, logging."""

from .callbacks import Callbacks, CallbackTap
from .events import (
    Event,
    EventView,
    Failed,
    Hedging,
    LlmChunk,
    Output,
    OutputOf,
    PartialResult,
    Retrying,
    Switched,
    ThinkingChunk,
    ToolEnd,
    ToolProgress,
    ToolStart,
    ToolWaiting,
    plain_output,
)
from .feed import Batch, Feed, Item, Reader
from .logs import HideSecrets, JsonFormatter, configure_logging
from .steps import AgentStep, StepView, steps_of

__all__ = [
    "AgentStep",
    "Batch",
    "CallbackTap",
    "Callbacks",
    "Event",
    "EventView",
    "Failed",
    "Feed",
    "Hedging",
    "HideSecrets",
    "Item",
    "JsonFormatter",
    "LlmChunk",
    "Output",
    "OutputOf",
    "PartialResult",
    "Reader",
    "Retrying",
    "StepView",
    "Switched",
    "ThinkingChunk",
    "ToolEnd",
    "ToolProgress",
    "ToolStart",
    "ToolWaiting",
    "configure_logging",
    "plain_output",
    "steps_of",
]
