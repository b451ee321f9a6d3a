"""Answers of the Converse API, whole: to a response of ours, or to the error that they are."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from ...data import Finish, JsonObject, Message, ModelResponse, Opaque, Part, ProviderError, ToolCall, Usage
from ..http import HttpReply
from ..whole import ERROR_STATUS, retry_after, unreadable
from .names import ERROR_TYPE, FAULTS, FINISHES, NAME, REQUEST_ID
from .reading import UNREADABLE, Block, answer_part


class WireUsage(msgspec.Struct, rename="camel"):
    """Token counts; `input_tokens` leaves out what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_details: Any = None
    server_tool_usage: Any = None


class Ending(msgspec.Struct, rename="camel"):
    """How an answer ended: keys of a whole answer; those of a stream are in its last two events."""

    stop_reason: str | None = None
    usage: WireUsage | None = None
    additional_model_response_fields: Any = None
    trace: Any = None
    performance_config: Any = None
    service_tier: Any = None


class _Message(msgspec.Struct):
    content: list[Block]


class _Output(msgspec.Struct):
    message: _Message


class _Answer(Ending, rename="camel"):
    output: _Output | None = None


class WireError(msgspec.Struct):
    """What an error says; services differ in how they write its key."""

    message: str | None = None
    Message: str | None = None
    type: str | None = msgspec.field(name="__type", default=None)
    original_message: str | None = msgspec.field(name="originalMessage", default=None)

    @property
    def words(self) -> str:
        """The provider's own words, or nothing."""
        return self.message or self.Message or self.original_message or ""


_answer = msgspec.json.Decoder(_Answer).decode
_error = msgspec.json.Decoder(WireError).decode

_ORDINARY = frozenset({None, "end_turn", "tool_use", "max_tokens", "content_filtered"})
_KEPT = ("additional_model_response_fields", "trace", "performance_config", "service_tier")


def decode_reply(reply: HttpReply) -> ModelResponse:
    """The answer in a reply; raises `ProviderError` for an error and for what cannot be read."""
    if reply.status >= ERROR_STATUS:
        raise _refusal(reply)
    try:
        answer = _answer(reply.body)
        if answer.output is not None:
            parts = tuple(map(answer_part, answer.output.message.content))
            return response_of(parts, answer, reply.headers)
    except UNREADABLE as error:
        raise unreadable(reply, str(error)) from error
    if ERROR_TYPE in reply.headers:
        raise _refusal(reply)
    raise unreadable(reply, "it has no `output`")


def response_of(parts: tuple[Part, ...], ending: Ending, headers: Mapping[str, str]) -> ModelResponse:
    """A response from what was read of it."""
    finish: Finish | None = None
    if ending.stop_reason is not None:
        finish = FINISHES.get(ending.stop_reason, "other")
        if finish == "stop" and any(isinstance(part, ToolCall) for part in parts):
            finish = "tool_calls"
    message = Message("assistant", parts, _origin(ending))
    return ModelResponse(message, usage_of(ending.usage), finish, _model(ending.trace), headers.get(REQUEST_ID))


def _origin(ending: Ending) -> Opaque | None:
    # The journal grows with every answer, so only what `finish` and `usage` cannot say is kept, by the wire's own names.
    data: JsonObject = {}
    if ending.stop_reason not in _ORDINARY:
        data["stopReason"] = ending.stop_reason
    names = ending.__struct_encode_fields__
    for key, name in zip(ending.__struct_fields__, names, strict=True):
        if key in _KEPT and (value := getattr(ending, key)) is not None:
            data[name] = value
    if ending.usage is not None:
        counts = {"cacheDetails": ending.usage.cache_details, "serverToolUsage": ending.usage.server_tool_usage}
        if told := {name: value for name, value in counts.items() if value}:
            data["usage"] = told
    return Opaque(NAME, data) if data else None


def _model(trace: Any) -> str:
    # Answers do not say who gave them, unless a router chose.
    match trace:
        case {"promptRouter": {"invokedModelId": str(model)}}:
            return model
        case _:
            return ""


def usage_of(counts: WireUsage | None) -> Usage:
    """Token counts in disjoint buckets, none of them negative; the wire does not tell thoughts from words."""
    if counts is None:
        return Usage()
    return Usage(
        max(counts.input_tokens or 0, 0),
        max(counts.cache_read_input_tokens or 0, 0),
        max(counts.cache_write_input_tokens or 0, 0),
        max(counts.output_tokens or 0, 0),
    )


def _refusal(reply: HttpReply) -> ProviderError:
    """The error that a reply with an error status is."""
    body = reply.body.decode("utf-8", "replace")
    message, name = "", reply.headers.get(ERROR_TYPE, "")
    with contextlib.suppress(*UNREADABLE):
        error = _error(reply.body)
        message, name = error.words, name or error.type or ""
    if not message:
        message = f"the provider answered with status {reply.status}: {body[:300] or name or 'nothing'}"
    fault = FAULTS.get(_plain(name))
    return ProviderError(
        message,
        status=reply.status,
        kind=None if fault is None else fault.kind,
        retry_after=retry_after(reply.headers),
        body=body,
    )


def _plain(name: str) -> str:
    # "com.amazon.coral.service#ThrottlingException", or "ThrottlingException:http://internal.amazon.com/...".
    return name.rpartition("#")[2].partition(":")[0].strip().lower()


def stream_error(name: str, words: str, payload: bytes) -> ProviderError:
    """The error that came inside a stream, with the status that it has outside of one."""
    with contextlib.suppress(*UNREADABLE):
        words = _error(payload).words or words
    fault = FAULTS.get(_plain(name))
    message = words or f"the provider broke off with {name or 'an error without a name'}"
    return ProviderError(
        message,
        status=None if fault is None else fault.status,
        kind="server" if fault is None else fault.kind,
        body=payload.decode("utf-8", "replace"),
    )
