"""Glimpses: what a stream decoder yields of an unfinished answer, and what a tool tells while it works."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from .messages import Message
from .parts import Text, Thinking, ToolCall


class TextDelta(msgspec.Struct, frozen=True, gc=False, tag="text"):
    """More visible words."""

    text: str


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False, tag="thinking"):
    """More reasoning."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False, tag="tool_call"):
    """A tool call that begins (`id` and `name` set) or more of its arguments; `index` counts calls of the answer."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Progress(msgspec.Struct, frozen=True, gc=False, tag="progress"):
    """How far a tool has come; `fraction` is between 0 and 1 where it is known."""

    call_id: str
    message: str
    fraction: float | None = None


Delta = TextDelta | ThinkingDelta | ToolCallDelta

Glimpse = Delta | Progress
"""What is published and never stored."""


def deltas_of(message: Message) -> Iterator[Delta]:
    """A finished message as the glimpses that a stream of it might have given; words come one by one."""
    calls = 0
    for part in message.parts:
        match part:
            case Text(text):
                yield from map(TextDelta, _words(text))
            case Thinking(text):
                yield from map(ThinkingDelta, _words(text))
            case ToolCall():
                yield ToolCallDelta(calls, part.id, part.name)
                yield ToolCallDelta(calls, arguments=part.arguments)
                calls += 1
            case _:
                # Media and opaque blocks come whole, with the fact.
                continue


def _words(text: str) -> Iterator[str]:
    return (match.group() for match in re.finditer(r"\s*\S+|\s+$", text))
