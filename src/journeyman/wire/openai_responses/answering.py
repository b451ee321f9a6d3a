"""Answers of the Responses API, whole: to a response of ours, or to the error that they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...data import Finish, JsonObject, Message, ModelResponse, Opaque, ProviderError, ToolCall, Usage, nanodollars
from ..failures import error_of, message_of
from ..http import HttpReply
from ..shapes import UNREADABLE, object_of, string_of
from ..whole import ERROR_STATUS, unreadable
from .names import EFFORT, ERROR_KINDS, NAME, REASON, REASONS, STATED
from .reading import Source, answer_parts

_MOST_DOLLARS = 1e9
_LAST_STATUS = 599


class _Read(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Written(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Token counts; `input_tokens` and `output_tokens` are all of them. `cost` is OpenRouter's, in dollars."""

    input_tokens: int | None = None
    input_tokens_details: _Read | None = None
    output_tokens: int | None = None
    output_tokens_details: _Written | None = None
    cost: Any = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class Answer(msgspec.Struct):
    """An answer: a whole reply, and what a stream ends with."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[JsonObject] | None = None
    usage: WireUsage | None = None
    reasoning: _Reasoning | None = None
    incomplete_details: _Incomplete | None = None
    store: bool | None = None
    error: Any = None


_answer = msgspec.json.Decoder(Answer).decode


def decode_reply(reply: HttpReply) -> ModelResponse:
    """The answer in a reply; raises `ProviderError` for an error and for what cannot be read."""
    if reply.status >= ERROR_STATUS:
        raise error_of(reply)
    try:
        answer = _answer(reply.body)
        check(answer, reply.body)
        if answer.output is not None:
            return response_of(answer, answer.output)
    except UNREADABLE as error:
        raise unreadable(reply, str(error)) from error
    raise unreadable(reply, "it has no `output`")


def check(answer: Answer, body: bytes) -> None:
    """Raise the `ProviderError` that an answer with status 200 may be."""
    if answer.status == "failed" or (answer.error and answer.output is None):
        raise error_in(answer.error, body)


def response_of(answer: Answer, items: Sequence[JsonObject]) -> ModelResponse:
    """A response from an answer and the items of its output."""
    effort = None if answer.reasoning is None else answer.reasoning.effort
    secretive = any(item.get("type") == "reasoning" and item.get("encrypted_content") for item in items)
    source = Source(answer.id, answer.model, effort is not None or secretive, answer.store is not False)
    parts = answer_parts(items, source)
    called = any(isinstance(part, ToolCall) for part in parts)
    finish, kept = _finish(answer, called=called)
    if effort is not None:
        kept[EFFORT] = effort
    message = Message("assistant", parts, Opaque(NAME, kept) if kept else None)
    usage, cost = counted(answer.usage)
    return ModelResponse(message, usage, finish, answer.model or "", answer.id or None, cost)


def _finish(answer: Answer, *, called: bool) -> tuple[Finish | None, JsonObject]:
    """Why the answer ended, and what of that `finish` cannot say."""
    match answer.status:
        case "completed" | None:
            return "tool_calls" if called else "stop", {}
        case "incomplete":
            reason = None if answer.incomplete_details is None else answer.incomplete_details.reason
            finish = REASONS.get(reason or "", "other")
            return finish, {} if finish != "other" else {STATED: answer.status, REASON: reason}
        case "cancelled":
            return "other", {STATED: answer.status}
        case status:
            # `queued` and `in_progress` are what a response in the background begins with: it has not ended.
            return None, {STATED: status}


def counted(counts: WireUsage | None) -> tuple[Usage, int | None]:
    """Tokens in disjoint buckets, and what was charged; counts that contradict each other are cut, never negative."""
    if counts is None:
        return Usage(), None
    asked, answered = max(counts.input_tokens or 0, 0), max(counts.output_tokens or 0, 0)
    read = written = thought = 0
    if (details := counts.input_tokens_details) is not None:
        read = min(max(details.cached_tokens or 0, 0), asked)
        written = min(max(details.cache_write_tokens or 0, 0), asked - read)
    if counts.output_tokens_details is not None:
        thought = min(max(counts.output_tokens_details.reasoning_tokens or 0, 0), answered)
    return Usage(asked - read - written, read, written, answered - thought, thought), _cost(counts.cost)


def _cost(cost: object) -> int | None:
    if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost <= _MOST_DOLLARS:
        return nanodollars(cost)
    return None


def error_in(error: object, body: bytes) -> ProviderError:
    """The error that stands in an answer whose status was 200."""
    shown = body.decode("utf-8", "replace")
    told = object_of(error)
    message = message_of(error) or f"the provider broke off: {shown[:300]}"
    code: object = told.get("code")
    if isinstance(code, int) and ERROR_STATUS <= code <= _LAST_STATUS:
        # OpenRouter passes the status of whoever failed behind it.
        return ProviderError(message, status=code, body=shown)
    kind = ERROR_KINDS.get(string_of(code)) or ERROR_KINDS.get(string_of(told.get("type")))
    if kind is None:
        kind = "invalid_request" if "image" in string_of(code) else "server"
    return ProviderError(message, kind=kind, body=shown)
