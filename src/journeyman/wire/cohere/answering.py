"""Answers of the Chat API, whole: to a response of ours, or to the error that they are."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import msgspec

from ...data import (
    Finish,
    JsonObject,
    Message,
    ModelResponse,
    Part,
    ProviderError,
    ProviderErrorKind,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ..http import HttpReply
from ..whole import ERROR_STATUS, retry_after, unreadable
from .names import BILLED, CACHED, ERROR_KINDS, FAILED, FINISH_REASON, FINISHES, KEYS, LOGPROBS, origin_of
from .reading import part_of
from .shapes import UNREADABLE, WireCall, WireMessage, WireUsage, count, json_of, read_answer

_NO_KIND: ProviderErrorKind = "server"


class Answer(msgspec.Struct):
    """What was read of an answer, whole or piece by piece."""

    raw_id: str | None = None
    finish_reason: str | None = None
    tool_plan: str = ""
    citations: Any = None
    usage: WireUsage | None = None
    logprobs: list[Any] | None = None

    def response(self, parts: list[Part], calls: list[ToolCall]) -> ModelResponse:
        """The response; raises the `ProviderError` of an answer that failed on its way."""
        if self.finish_reason == FAILED:
            raise ProviderError("the provider could not complete its answer (finish_reason ERROR)", kind=_NO_KIND)
        message = Message("assistant", (*filter(_says, parts), *calls), origin_of(self._origin()))
        return ModelResponse(message, usage_of(self.usage), self._finish(calls), "", self.raw_id)

    def _finish(self, calls: list[ToolCall]) -> Finish | None:
        if not self.finish_reason:
            return None
        finish = FINISHES.get(self.finish_reason, "other")
        return "tool_calls" if finish == "stop" and calls else finish

    def _origin(self) -> JsonObject:
        # The journal grows with every answer, so only what the response cannot say is kept.
        data: JsonObject = {}
        if self.finish_reason and self.finish_reason not in _ORDINARY:
            data[FINISH_REASON] = self.finish_reason
        keys: JsonObject = {}
        if self.tool_plan:
            keys["tool_plan"] = self.tool_plan
        if self.citations:
            keys["citations"] = self.citations
        if keys:
            data[KEYS] = keys
        if self.usage is not None:
            data |= _billing(self.usage)
        if self.logprobs:
            data[LOGPROBS] = self.logprobs
        return data


_ORDINARY = frozenset({"COMPLETE", "MAX_TOKENS", "TOOL_CALL", "ERROR_TOXIC"})


def decode_reply(reply: HttpReply) -> ModelResponse:
    """The answer in a reply; raises `ProviderError` for an error and for what cannot be read."""
    if reply.status >= ERROR_STATUS:
        raise error_of(reply)
    try:
        wire = read_answer(reply.body)
        if isinstance(wire.message, WireMessage):
            return _response(wire.message, Answer(wire.id, wire.finish_reason, "", None, wire.usage, wire.logprobs))
    except UNREADABLE as error:
        raise unreadable(reply, str(error)) from error
    if message := words_of(wire.message) or words_of(wire.error):
        raise ProviderError(message, kind=_NO_KIND, body=reply.body.decode("utf-8", "replace"))
    raise unreadable(reply, "it has no `message`")


def _response(message: WireMessage, answer: Answer) -> ModelResponse:
    content = message.content or []
    parts: list[Part] = [Text(content)] if isinstance(content, str) else list(map(part_of, content))
    answer.tool_plan = message.tool_plan or ""
    answer.citations = message.citations
    calls = [call_of(call, index, answer.raw_id) for index, call in enumerate(message.tool_calls or ())]
    return answer.response(parts, calls)


def call_of(wire: WireCall, index: int, raw_id: str | None) -> ToolCall:
    """A call, with an id of our making where the server gave none: always the same one for the same answer."""
    function = wire.function
    name, arguments = "", None
    if function is not None:
        name, arguments = function.name or "", function.arguments
    text = json_of(arguments).decode() if isinstance(arguments, dict) else arguments
    return ToolCall(wire.id or _made_id(f"{raw_id} {index} {name}"), name, text or "{}")


def usage_of(usage: WireUsage | None) -> Usage:
    """Token counts in disjoint buckets.

    `cached_tokens` is no bucket of its own: it says how much of the input was in the server's cache, and neither the
    price nor `billed_units` depends on it. The counts that are billed stand in where there are no others.
    """
    if usage is None:
        return Usage()
    tokens = usage.tokens
    if tokens is not None and (tokens.input_tokens is not None or tokens.output_tokens is not None):
        return Usage(count(tokens.input_tokens), output=count(tokens.output_tokens))
    return Usage(_billed(usage, "input_tokens"), output=_billed(usage, "output_tokens"))


def error_of(reply: HttpReply) -> ProviderError:
    """The error that a reply with an error status is."""
    try:
        value: object = msgspec.json.decode(reply.body)
    except UNREADABLE:
        value = None
    body = reply.body.decode("utf-8", "replace")
    message = words_of(value) or f"the provider answered with status {reply.status}: {body[:300] or 'nothing'}"
    after = retry_after(reply.headers)
    kind = ERROR_KINDS.get(reply.status)
    return ProviderError(message, status=reply.status, kind=kind, retry_after=after, body=body)


def stream_error(error: object, payload: bytes) -> ProviderError:
    """The error that came in an answer with status 200."""
    body = payload.decode("utf-8", "replace")
    return ProviderError(words_of(error) or f"the provider broke off: {body[:300]}", kind=_NO_KIND, body=body)


def words_of(value: object, depth: int = 3) -> str:
    """The provider's own words, in `message` or wherever a gateway before it put them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and depth:
        return words_of(cast("list[object]", value)[0], depth - 1)
    if not isinstance(value, dict) or not depth:
        return ""
    told = cast("JsonObject", value)
    found = (words_of(told.get(key), depth - 1) for key in ("message", "error", "detail", "msg"))
    return next(filter(None, found), "")


def _says(part: Part) -> bool:
    # An empty block says nothing, and the wire refuses to take it back.
    return not (isinstance(part, Text | Thinking) and not part.text and (part.origin is None or not part.origin.data))


def _billing(usage: WireUsage) -> JsonObject:
    data: JsonObject = {}
    counted = usage_of(usage)
    billed = {key: value for key, value in (usage.billed_units or {}).items() if value}
    if billed and billed != _plain_bill(counted):
        data[BILLED] = usage.billed_units
    if usage.cached_tokens:
        data[CACHED] = count(usage.cached_tokens)
    return data


def _plain_bill(usage: Usage) -> JsonObject:
    tokens = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    return {key: value for key, value in tokens.items() if value}


def _billed(usage: WireUsage, key: str) -> int:
    value = (usage.billed_units or {}).get(key)
    return count(value) if isinstance(value, int | float) else 0


def _made_id(about: str) -> str:
    return "call_" + hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:12]
