"""Answers of the Messages API, whole: to a response of ours, or to the error that they are."""

from __future__ import annotations

from typing import Any

import msgspec

from ...data import Finish, JsonObject, Message, ModelResponse, Opaque, Part, ProviderError, ToolCall, Usage
from ..http import HttpReply
from ..whole import ERROR_STATUS, retry_after, unreadable
from .names import ERROR_KINDS, FINISHES, NAME
from .reading import UNREADABLE, Block, answer_part


class OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Token counts; `input_tokens` leaves out what was read from or written to the cache."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class Ending(msgspec.Struct):
    """How an answer ended: keys of a whole answer, and of a stream's `message_delta`."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Any = None
    container: Any = None


class WireError(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Failure(msgspec.Struct):
    error: WireError


class _Answer(Ending):
    type: str = "message"
    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    usage: WireUsage | None = None
    error: WireError | None = None


_answer = msgspec.json.Decoder(_Answer).decode
_failure = msgspec.json.Decoder(_Failure).decode


def decode_reply(reply: HttpReply) -> ModelResponse:
    """The answer in a reply; raises `ProviderError` for an error and for what cannot be read."""
    if reply.status >= ERROR_STATUS:
        raise error_of(reply)
    try:
        answer = _answer(reply.body)
        if answer.content is not None:
            parts = tuple(map(answer_part, answer.content))
            return response_of(parts, answer, usage_of(answer.usage), answer.model, answer.id)
    except UNREADABLE as error:
        raise unreadable(reply, str(error)) from error
    if answer.error is not None:
        raise stream_error(answer.error, reply.body)
    raise unreadable(reply, "it has no `content`")


def response_of(
    parts: tuple[Part, ...], ending: Ending, usage: Usage, model: str | None, raw_id: str | None
) -> ModelResponse:
    """A response from what was read of it."""
    finish: Finish | None = None
    if ending.stop_reason is not None:
        finish = FINISHES.get(ending.stop_reason, "other")
        if finish == "stop" and any(isinstance(part, ToolCall) for part in parts):
            finish = "tool_calls"
    return ModelResponse(Message("assistant", parts, _origin(ending)), usage, finish, model or "", raw_id)


def _origin(ending: Ending) -> Opaque | None:
    # The journal grows with every answer, so only what `finish` cannot say is kept.
    if (
        ending.stop_reason in _ORDINARY
        and ending.stop_sequence is None
        and ending.stop_details is None
        and ending.container is None
    ):
        return None
    data: JsonObject = {}
    if ending.stop_reason not in _ORDINARY:
        data["stop_reason"] = ending.stop_reason
    for key in ("stop_sequence", "stop_details", "container"):
        if (value := getattr(ending, key)) is not None:
            data[key] = value
    return Opaque(NAME, data)


_ORDINARY = frozenset({None, "end_turn", "tool_use", "max_tokens", "refusal"})


def usage_of(counts: WireUsage | None) -> Usage:
    """Token counts in disjoint buckets; counts that contradict each other are cut, never negative."""
    if counts is None:
        return Usage()
    output = max(counts.output_tokens or 0, 0)
    details = counts.output_tokens_details
    thinking = details.thinking_tokens or 0 if details is not None else 0
    reasoning = min(max(thinking, 0), output)
    return Usage(
        max(counts.input_tokens or 0, 0),
        max(counts.cache_read_input_tokens or 0, 0),
        max(counts.cache_creation_input_tokens or 0, 0),
        output - reasoning,
        reasoning,
    )


def error_of(reply: HttpReply) -> ProviderError:
    """The error that a reply with an error status is."""
    body = reply.body.decode("utf-8", "replace")
    kind = None
    message = ""
    try:
        error = _failure(reply.body).error
        message, kind = error.message, ERROR_KINDS.get(error.type)
    except UNREADABLE:
        pass
    if not message:
        message = f"the provider answered with status {reply.status}: {body[:300] or 'nothing'}"
    after = retry_after(reply.headers)
    return ProviderError(message, status=reply.status, kind=kind, retry_after=after, body=body)


def stream_error(error: WireError, body: bytes) -> ProviderError:
    """The error that came in an answer with status 200."""
    message = error.message or f"the provider broke off with {error.type or 'an error without a name'}"
    kind = ERROR_KINDS.get(error.type, "server")
    return ProviderError(message, kind=kind, body=body.decode("utf-8", "replace"))
