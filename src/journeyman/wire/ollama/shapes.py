"""The shape of answers, whole and line by line, and JSON text of what we write.

Types are strict only where a wrong one would leave nothing to read. Names are those of `api/types.go` in Ollama's source.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...data import CallerError

UNREADABLE = (ValueError, RecursionError)
"""What reading hostile JSON can raise: wrong syntax or types, wrong UTF-8 or base64, and nesting without end."""

_MOST = 2**53
_NO_ARGUMENTS = msgspec.Raw(b"{}")


class WireFunction(msgspec.Struct, gc=False):
    """Arguments are an object, of which we keep the very text; some servers put that into a string."""

    name: str = ""
    arguments: msgspec.Raw = _NO_ARGUMENTS


class WireCall(msgspec.Struct, gc=False):
    function: WireFunction
    id: str | None = None


class WireMessage(msgspec.Struct, gc=False):
    """A whole message, or more of it."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[WireCall] | None = None
    images: list[str] | None = None


class WireLine(msgspec.Struct, gc=False):
    """A whole answer, or a line of a streamed one."""

    model: str | None = None
    created_at: str | None = None
    message: WireMessage | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: float | None = None
    prompt_eval_cached_count: float | None = None
    eval_count: float | None = None
    logprobs: list[Any] | None = None
    error: Any = None


read_line = msgspec.json.Decoder(WireLine).decode
_encode = msgspec.json.encode


def json_of(value: object) -> bytes:
    """JSON text; raises `CallerError` for what JSON cannot carry, such as half of a surrogate pair."""
    try:
        return _encode(value)
    except (TypeError, *UNREADABLE) as error:
        raise CallerError(f"what is to go over Ollama's wire is no JSON: {error}") from error


def count(number: float | None) -> int:
    """A count of tokens, whatever a server wrote there; JSON numbers hold no larger one exactly."""
    return 0 if number is None else int(min(max(number, 0), _MOST))
