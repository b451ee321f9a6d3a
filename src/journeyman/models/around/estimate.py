"""About how many tokens a request will take, before anybody has counted them."""

from __future__ import annotations

from typing import assert_never

import msgspec

from ...data import Media, Message, ModelRequest, Opaque, Part, Text, Thinking, ToolCall, ToolResult, ToolSpec

BYTES_A_TOKEN = 4
"""English prose has about four letters a token (OpenAI's page "What are tokens"); of other scripts, bytes come closer than
letters."""

MEDIA_TOKENS = 1500
"""About what a picture of a megapixel takes (Anthropic's page "Vision": width times height by 750); files vary much more."""

ANSWER_TOKENS = 1000
"""What is reserved for an answer whose length nobody bounded."""

_KEPT = "estimated tokens"


def estimated_tokens(request: ModelRequest) -> int:
    """An estimate of input and output together; what it worked out of a message is kept on the message."""
    given = sum([_of(message) for message in request.messages])
    given += sum([_of(tool) for tool in request.tools if isinstance(tool, ToolSpec)])
    return given + (request.settings.max_tokens or ANSWER_TOKENS)


def _of(item: Message | ToolSpec) -> int:
    count: int | None = item.__dict__.get(_KEPT)
    if count is None:
        count = sum(map(_part, item.parts)) if isinstance(item, Message) else _data(item)
        vars(item)[_KEPT] = count
    return count


def _part(part: Part) -> int:
    match part:
        case Text(text) | Thinking(text):
            return _words(text)
        case ToolCall():
            return _words(part.name) + _words(part.arguments)
        case ToolResult(content=str() as text):
            return _words(text)
        case ToolResult():
            return sum(_part(item) for item in part.content if not isinstance(item, str))
        case Media():
            return MEDIA_TOKENS
        case Opaque():
            return _data(part.data)
        case _:
            assert_never(part)


def _words(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) // BYTES_A_TOKEN + 1


def _data(value: object) -> int:
    try:
        return len(msgspec.json.encode(value)) // BYTES_A_TOKEN + 1
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        # The wire will say what is wrong with it.
        return 0
