"""The shape of answers, whole and in pieces, and JSON text of what we write.

Types are strict only where a wrong one would leave nothing to read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...data import CallerError

UNREADABLE = (ValueError, RecursionError)
"""What reading hostile JSON can raise: wrong syntax or types, wrong UTF-8 or base64, and nesting without end."""

MOST = 2**53
"""The largest count that JSON numbers hold exactly; a larger one is a fault, and is cut to this."""


class WireFunction(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class WireCall(msgspec.Struct, gc=False):
    id: str | None = None
    function: WireFunction | None = None


class WireTokens(msgspec.Struct, gc=False):
    """Counts are floats in the API's own schema."""

    input_tokens: float | None = None
    output_tokens: float | None = None


class WireUsage(msgspec.Struct, gc=False):
    """`tokens` is what went through the model, `billed_units` what is paid for: without Cohere's own preamble."""

    tokens: WireTokens | None = None
    billed_units: dict[str, Any] | None = None
    cached_tokens: float | None = None


class WireMessage(msgspec.Struct, gc=False):
    content: list[dict[str, Any]] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[WireCall] | None = None
    citations: Any = None


class WireAnswer(msgspec.Struct, gc=False):
    """A whole answer; with an error in it, `message` is a string."""

    id: str | None = None
    finish_reason: str | None = None
    message: WireMessage | str | None = None
    usage: WireUsage | None = None
    logprobs: list[Any] | None = None
    error: Any = None


class PieceContent(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None


class PieceMessage(msgspec.Struct, gc=False):
    """More of a message. The lists are those of `message-start`, which are empty, and of servers that always list."""

    content: PieceContent | list[Any] | None = None
    tool_plan: str | None = None
    tool_calls: WireCall | list[WireCall] | None = None
    citations: Any = None


class Piece(msgspec.Struct, gc=False):
    message: PieceMessage | None = None
    finish_reason: str | None = None
    usage: WireUsage | None = None
    error: Any = None


class Event(msgspec.Struct, gc=False):
    """Any event of a stream; `message` and `error` are those of an error that stands where an event should."""

    type: str = ""
    index: int | None = None
    delta: Piece | None = None
    id: str | None = None
    logprobs: Any = None
    message: Any = None
    error: Any = None


read_answer = msgspec.json.Decoder(WireAnswer).decode
read_event = msgspec.json.Decoder(Event).decode
_encode = msgspec.json.encode


def json_of(value: object) -> bytes:
    """JSON text; raises `CallerError` for what JSON cannot carry, such as half of a surrogate pair."""
    try:
        return _encode(value)
    except (TypeError, *UNREADABLE) as error:
        raise CallerError(f"what is to go over Cohere's wire is no JSON: {error}") from error


def count(number: float | None) -> int:
    """A count of tokens, whatever a provider wrote there."""
    return 0 if number is None else int(min(max(number, 0), MOST))
