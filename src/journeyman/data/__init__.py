"""The nouns: messages, parts, tool calls, usage, limits, errors.

They are trees of plain values and cannot form cycles, so `gc=False` keeps Python's cycle collector from walking every live
run again and again: with thousands of runs that is a large part of the work.
"""

from .deltas import Delta, Glimpse, Progress, TextDelta, ThinkingDelta, ToolCallDelta, deltas_of
from .embeddings import EmbeddingRequest, EmbeddingResponse, Purpose, Vectors
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
from .secrets import HIDDEN, Secret, scrub
from .usage import NANO, ModelUsage, Usage, dollars, nanodollars, usage_since, with_usage

__all__ = [
    "HIDDEN",
    "NANO",
    "Audio",
    "Bug",
    "CallerError",
    "Conflict",
    "CorruptJournal",
    "Delta",
    "Document",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "Failure",
    "Finish",
    "Glimpse",
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
    "ModelUsage",
    "Opaque",
    "Part",
    "Progress",
    "ProviderError",
    "ProviderErrorKind",
    "Purpose",
    "ReplayMismatch",
    "Role",
    "Secret",
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
    "Vectors",
    "Video",
    "deltas_of",
    "dollars",
    "failure_of",
    "nanodollars",
    "scrub",
    "usage_since",
    "with_usage",
]
