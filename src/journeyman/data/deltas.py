"""What a stream decoder yields: glimpses of an answer that is still being written."""

from __future__ import annotations

import msgspec


class TextDelta(msgspec.Struct, frozen=True, tag="text"):
    """More visible words."""

    text: str


class ThinkingDelta(msgspec.Struct, frozen=True, tag="thinking"):
    """More reasoning."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call"):
    """A tool call that begins (`id` and `name` set) or more of its arguments; `index` counts calls of the answer."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


Delta = TextDelta | ThinkingDelta | ToolCallDelta
