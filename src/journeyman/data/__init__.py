"""The nouns: messages, parts, tool calls, usage, limits, errors."""

from .deltas import Delta, TextDelta, ThinkingDelta, ToolCallDelta
from .errors import (
    Bug,
    CallerError,
    Conflict,
    CorruptJournal,
    Failure,
    InDoubt,
    JourneymanError,
    LimitExceeded,
    ModelError,
    ProviderError,
    ProviderErrorKind,
    ReplayMismatch,
    failure_of,
)
from .json import JsonObject
from .limits import Limits
from .messages import Finish, JsonOutput, Message, ModelRequest, ModelResponse, Role, Settings, ToolChoice, ToolSpec
from .parts import Audio, Document, Image, Media, Opaque, Part, Text, Thinking, ToolCall, ToolResult, Video
from .usage import NANO, Usage, dollars, nanodollars

__all__ = [
    "NANO",
    "Audio",
    "Bug",
    "CallerError",
    "Conflict",
    "CorruptJournal",
    "Delta",
    "Document",
    "Failure",
    "Finish",
    "Image",
    "InDoubt",
    "JourneymanError",
    "JsonObject",
    "JsonOutput",
    "LimitExceeded",
    "Limits",
    "Media",
    "Message",
    "ModelError",
    "ModelRequest",
    "ModelResponse",
    "Opaque",
    "Part",
    "ProviderError",
    "ProviderErrorKind",
    "ReplayMismatch",
    "Role",
    "Settings",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "Video",
    "dollars",
    "failure_of",
    "nanodollars",
]
