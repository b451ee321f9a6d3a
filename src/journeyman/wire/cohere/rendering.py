"""Our answers as a server of the Chat API gives them, whole and in pieces."""

from __future__ import annotations

from typing import assert_never

from ...data import (
    Audio,
    CallerError,
    Delta,
    Document,
    Image,
    JsonObject,
    Message,
    ModelResponse,
    Opaque,
    Part,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Video,
)
from ..dialect import UNSTAMPED, Stamp
from ..http import HttpReply
from .names import BILLED, CACHED, FAILED, FINISH_REASON, FINISH_REASONS, FINISHES, KEYS, LOGPROBS, own
from .shapes import json_of
from .writing import block_of, call_json

DEFAULT_ID = "chat-0"
"""The id of an answer that nobody gave one: no clock and no chance are asked for a better one."""

_JSON = {"content-type": "application/json"}


def render_reply(response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
    """The reply with the whole answer; raises `CallerError` for a picture or sound in it."""
    parts = response.message.parts
    message: JsonObject = {"role": "assistant"}
    if content := [block for part in parts if (block := _block(part)) is not None]:
        message["content"] = content
    if calls := response.message.tool_calls:
        # As the model wrote them: whoever reads them has to see what it did wrong.
        message["tool_calls"] = [call_json(call, call.arguments) for call in calls]
    data = own(response.message.origin)
    message |= data.get(KEYS, {})
    body: JsonObject = {"id": response.raw_id or _id(stamp), "message": message, **_ending(response)}
    if LOGPROBS in data:
        body["logprobs"] = data[LOGPROBS]
    return HttpReply(200, _JSON, json_of(body))


def render_failure(status: int, message: str) -> HttpReply:
    """The reply that tells of an error."""
    return HttpReply(status, _JSON, json_of({"message": message}))


def _id(stamp: Stamp) -> str:
    return f"chat-{stamp.id}" if stamp.id else DEFAULT_ID


def _ending(response: ModelResponse) -> JsonObject:
    data = own(response.message.origin)
    finish = response.finish
    reason = None if finish is None else FINISH_REASONS[finish]
    if FINISH_REASON in data and FINISHES.get(data[FINISH_REASON], "other") == finish:
        reason = data[FINISH_REASON]
    counted = response.usage
    tokens = {"input_tokens": counted.input_tokens, "output_tokens": counted.output_tokens}
    usage: JsonObject = {"billed_units": data.get(BILLED, tokens), "tokens": tokens}
    if cached := data.get(CACHED, counted.cache_read):
        usage["cached_tokens"] = cached
    return {"finish_reason": reason, "usage": usage}


def _block(part: Part) -> JsonObject | None:
    match part:
        case Text() | Thinking() | Opaque():
            return block_of(part)
        case ToolCall() | ToolResult():
            return None
        case Image() | Audio() | Video() | Document():
            raise CallerError(f"Cohere's Chat API has no answers with {type(part).__name__.lower()} in them")
        case _:
            assert_never(part)


class CohereRenderer:
    """Writes one answer as a stream of events.

    Deltas say less than parts. What they leave out (tool plan, citations, blocks without a noun) comes with `finish`.
    Blocks of text and thoughts are numbered together, and tool calls apart, as Cohere does it.
    """

    def __init__(self, stamp: Stamp = UNSTAMPED) -> None:
        self._raw_id = _id(stamp)
        self._begun = False
        # What was told of, in order: text, thinking, call.
        self._kinds: list[str] = []
        self._contents = 0
        self._calls: dict[int, int] = {}
        # What is open, and the event that closes it.
        self._open = ""
        self._end = b""

    def feed(self, delta: Delta) -> bytes:
        """The events of one delta, and before the first of them the head of the message."""
        match delta:
            case TextDelta(text):
                return self._grow("text", text)
            case ThinkingDelta(text):
                return self._grow("thinking", text)
            case ToolCallDelta():
                return self._grow_call(delta)
            case _:
                assert_never(delta)

    def finish(self, response: ModelResponse) -> bytes:
        """All that is left to say; an answer that was never fed comes whole."""
        if not self._begun:
            self._raw_id = response.raw_id or self._raw_id
        data = own(response.message.origin)
        keys: JsonObject = data.get(KEYS, {})
        out = [self._head(), self._close()]
        if plan := keys.get("tool_plan"):
            out.append(_event("tool-plan-delta", delta={"message": {"tool_plan": plan}}))
        out += map(self._whole, self._untold(response.message))
        out.append(self._close())
        for index, citation in enumerate(keys.get("citations") or ()):
            out.append(_event("citation-start", index=index, delta={"message": {"citations": citation}}))
            out.append(_event("citation-end", index=index))
        # They come beside words; beside none they say the same.
        out += [_event("content-delta", index=0, logprobs=item) for item in data.get(LOGPROBS, ())]
        out.append(_event("message-end", delta=_ending(response)))
        return b"".join(out)

    def fail(self, status: int, message: str) -> bytes:  # noqa: ARG002  (this wire's errors in streams have no status)
        """The event that tells of an error after the answer has begun (`error` in Cohere's reference of `message-end`)."""
        return _event("message-end", delta={"error": message, "finish_reason": FAILED})

    def _head(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        empty: JsonObject = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        return _event("message-start", id=self._raw_id, delta={"message": empty})

    def _grow(self, kind: str, text: str) -> bytes:
        out = b"" if self._open == kind else self._begin_block(kind, {"type": kind, kind: ""})
        if not text:
            return out
        # This is the hot path of every stream that we serve: one formatting, and JSON only for the words.
        return out + _GROWN % (self._contents - 1, kind.encode(), json_of(text))

    def _grow_call(self, delta: ToolCallDelta) -> bytes:
        out = b""
        index = self._calls.get(delta.index)
        if index is None:
            index = self._calls[delta.index] = len(self._calls)
            call = call_json(ToolCall(delta.id, delta.name), "")
            start = _event("tool-call-start", index=index, delta={"message": {"tool_calls": call}})
            out = self._begin("call", start, _event("tool-call-end", index=index))
        if not delta.arguments:
            return out
        grown: JsonObject = {"function": {"arguments": delta.arguments}}
        return out + _event("tool-call-delta", index=index, delta={"message": {"tool_calls": grown}})

    def _begin_block(self, kind: str, block: JsonObject) -> bytes:
        index = self._contents
        self._contents += 1
        start = _event("content-start", index=index, delta={"message": {"content": block}})
        return self._begin(kind, start, _event("content-end", index=index))

    def _begin(self, kind: str, start: bytes, end: bytes) -> bytes:
        out = b"".join((self._head(), self._close(), start))
        self._kinds.append(kind)
        self._open, self._end = kind, end
        return out

    def _close(self) -> bytes:
        end = self._end
        self._open, self._end = "", b""
        return end

    def _whole(self, part: Part) -> bytes:
        # Each part is a block of its own, also beside one of its kind.
        end = self._close()
        match part:
            case Text(text):
                return end + self._grow("text", text)
            case Thinking(text):
                return end + self._grow("thinking", text)
            case ToolCall():
                index = len(self._calls)
                return end + self._grow_call(ToolCallDelta(index, part.id, part.name, part.arguments))
            case _:
                block = _block(part)
                return end if block is None else end + self._begin_block("other", block)

    def _untold(self, message: Message) -> list[Part]:
        """The parts that no delta told of; parts of a kind that follow each other made one block."""
        untold: list[Part] = []
        told, last = 0, ""
        for part in message.parts:
            kind = _KINDS.get(type(part), "")
            if kind and self._kinds[told : told + 1] == [kind]:
                told += 1
                last = kind
            elif kind not in ("text", "thinking") or kind != last:
                untold.append(part)
        return untold


_KINDS: dict[type[Part], str] = {Text: "text", Thinking: "thinking", ToolCall: "call"}
_GROWN = (
    b'event: content-delta\ndata: {"type":"content-delta","index":%d,"delta":{"message":{"content":{"%b":%b}}}}\n\n'
)


def _event(kind: str, **keys: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json_of({"type": kind, **keys}))
