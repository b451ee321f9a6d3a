"""The shape of answers: what is read of a whole one and of an event of a streamed one.

Types are strict only where a wrong one would leave nothing to read; everything else is looked at when it is there.
"""

from __future__ import annotations

from typing import Any

import msgspec


class WireFunction(msgspec.Struct, gc=False):
    """A function's arguments, or the free text for a custom tool."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    input: str | None = None


class WireCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None
    custom: WireFunction | None = None
    extra_content: Any = None


class WireMessage(msgspec.Struct, gc=False):
    """A whole message, or more of it."""

    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[WireCall] | None = None
    refusal: str | None = None
    function_call: WireFunction | None = None
    reasoning_details: Any = None
    extra_content: Any = None
    images: Any = None
    audio: Any = None


class WireChoice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: WireMessage | None = None
    message: WireMessage | None = None
    finish_reason: Any = None
    error: Any = None
    usage: Any = None


class Chunk(msgspec.Struct, gc=False):
    """A whole answer, or one event of a streamed one."""

    id: Any = None
    model: Any = None
    created: Any = None
    choices: list[WireChoice] | None = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None
    # Of an error that stands where an answer should.
    message: Any = None


read_chunk = msgspec.json.Decoder(Chunk).decode
