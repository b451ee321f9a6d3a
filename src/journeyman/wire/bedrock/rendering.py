"""Our answers as a server of the Converse API gives them, whole and in pieces."""

from __future__ import annotations

import functools
from typing import Any, assert_never, cast

import msgspec

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
    Usage,
    Video,
)
from ..dialect import UNSTAMPED, Stamp
from ..eventstream import frame, header_block
from ..http import HttpReply
from .names import ERROR_NAMES, ERROR_TYPE, FINISHES, REQUEST_ID, STOP_REASONS, STREAM_ERROR_NAMES
from .writing import block_of, own, tool_id

_JSON = "application/json"
_SERVER_ERROR = 500
_encode = msgspec.json.encode


def render_reply(response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
    """The reply with the whole answer; raises `CallerError` for a sound, film or document in it."""
    content = [block for part in response.message.parts if (block := _block(part)) is not None]
    stop, metadata = _ending(response)
    body = {"output": {"message": {"role": "assistant", "content": content}}, **stop, **metadata}
    headers = {"content-type": _JSON}
    if request_id := response.raw_id or stamp.id:
        headers[REQUEST_ID] = request_id
    return HttpReply(200, headers, _encode(body))


def render_failure(status: int, message: str) -> HttpReply:
    """The reply that tells of an error."""
    name = ERROR_NAMES.get(status) or ("InternalServerException" if status >= _SERVER_ERROR else "ValidationException")
    return HttpReply(status, {"content-type": _JSON, ERROR_TYPE: name}, _encode({"message": message}))


def _ending(response: ModelResponse) -> tuple[JsonObject, JsonObject]:
    """How the answer ended, in the two parts in which a stream tells it."""
    kept = own(response.message.origin)
    finish = response.finish
    reason = None if finish is None else STOP_REASONS[finish]
    if "stopReason" in kept and FINISHES.get(kept["stopReason"], "other") == finish:
        reason = kept["stopReason"]
    stop: JsonObject = {"stopReason": reason}
    if "additionalModelResponseFields" in kept:
        stop["additionalModelResponseFields"] = kept["additionalModelResponseFields"]
    metadata: JsonObject = {"usage": _usage(response.usage) | kept.get("usage", {}), "metrics": {"latencyMs": 0}}
    metadata.update({key: kept[key] for key in ("trace", "performanceConfig", "serviceTier") if key in kept})
    return stop, metadata


def _usage(usage: Usage) -> JsonObject:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write,
    }


def _block(part: Part) -> JsonObject | None:
    match part:
        case Thinking():
            return {"reasoningContent": {"reasoningText": {"text": part.text, **own(part.origin)}}}
        case Text() | ToolCall() | Opaque() | Image():
            return block_of(part)
        case ToolResult():
            return None
        case Audio() | Video() | Document():
            raise CallerError(f"the Converse API has no answers with {type(part).__name__.lower()} in them")
        case _:
            assert_never(part)


@functools.cache
def _head(kind: str) -> bytes:
    return header_block({":event-type": kind, ":content-type": _JSON, ":message-type": "event"})


def _event(kind: str, **keys: object) -> bytes:
    return frame(_head(kind), _encode(keys))


def _grown(index: int, delta: object) -> bytes:
    return _event("contentBlockDelta", contentBlockIndex=index, delta=delta)


_GROWN = _head("contentBlockDelta")
_WORDS: dict[str, bytes] = {
    "text": b'{"contentBlockIndex":%d,"delta":{"text":%b}}',
    "thinking": b'{"contentBlockIndex":%d,"delta":{"reasoningContent":{"text":%b}}}',
    "call": b'{"contentBlockIndex":%d,"delta":{"toolUse":{"input":%b}}}',
}


def _said(kind: str, index: int, text: str) -> bytes:
    # This is the hot path of every stream that we serve: one formatting, and JSON only for the words.
    return frame(_GROWN, _WORDS[kind] % (index, _encode(text)))


class BedrockRenderer:
    """Writes one answer as a stream of events.

    Deltas say less than parts. What they leave out (signatures, citations, blocks of the provider's own) comes with
    `finish`: for that a block of thoughts stays open to the end, and blocks that no delta told of follow the others. The
    id of an answer has no place in its events.
    """

    def __init__(self) -> None:
        self._begun = False
        self._kinds: list[str] = []
        self._open: list[int] = []
        self._calls: dict[int, int] = {}

    def feed(self, delta: Delta) -> bytes:
        """The events of one delta, and before the first of them the head of the message."""
        match delta:
            case TextDelta(""):
                # Our decoder says so between two blocks of words; alone, it says nothing.
                return self._begin("text") if self._kinds and self._kinds[-1] == "text" else b""
            case TextDelta(text):
                return self._grow("text", text)
            case ThinkingDelta(""):
                # Our decoder says so where a block of thoughts begins.
                return self._begin("thinking") + _said("thinking", len(self._kinds) - 1, "")
            case ThinkingDelta(text):
                return self._grow("thinking", text)
            case ToolCallDelta():
                return self._grow_call(delta)
            case _:
                assert_never(delta)

    def finish(self, response: ModelResponse) -> bytes:
        """All that is left to say; an answer that was never fed comes whole."""
        out = [self._start()]
        told, untold = self._matched(response.message)
        for index, part in told:
            out += _late(index, part)
        out += [self._close(index) for index in list(self._open)]
        for part in untold:
            if (block := _block(part)) is not None:
                out += self._whole(block)
        stop, metadata = _ending(response)
        out += (_event("messageStop", **stop), _event("metadata", **metadata))
        return b"".join(out)

    def fail(self, status: int, message: str) -> bytes:
        """The event that tells of an error after the answer has begun (type `ConverseStreamOutput`)."""
        name = STREAM_ERROR_NAMES.get(status) or (
            "internalServerException" if status >= _SERVER_ERROR else "validationException"
        )
        headers = {":exception-type": name, ":content-type": _JSON, ":message-type": "exception"}
        return frame(header_block(headers), _encode({"message": message}))

    def _start(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return _event("messageStart", role="assistant")

    def _grow(self, kind: str, text: str) -> bytes:
        out = self._begin(kind) if not self._kinds or self._kinds[-1] != kind else b""
        return out + _said(kind, len(self._kinds) - 1, text)

    def _grow_call(self, delta: ToolCallDelta) -> bytes:
        out = b""
        index = self._calls.get(delta.index)
        if index is None:
            index = self._calls[delta.index] = len(self._kinds)
            out = self._begin("call", {"toolUse": {"toolUseId": tool_id(delta.id), "name": delta.name}})
        return out + _said("call", index, delta.arguments) if delta.arguments else out

    def _begin(self, kind: str, start: JsonObject | None = None) -> bytes:
        out = [self._start()]
        # Tools run as soon as their block is closed, so a block closes when the next begins. Thoughts wait for their
        # signature; events name their block, so those of several may be mixed.
        out += [self._close(index) for index in list(self._open) if self._kinds[index] != "thinking"]
        index = len(self._kinds)
        self._kinds.append(kind)
        self._open.append(index)
        if start is not None:
            # Words and thoughts begin with their first piece.
            out.append(_event("contentBlockStart", contentBlockIndex=index, start=start))
        return b"".join(out)

    def _close(self, index: int) -> bytes:
        self._open.remove(index)
        return _event("contentBlockStop", contentBlockIndex=index)

    def _whole(self, block: JsonObject) -> list[bytes]:
        start, deltas = _pieces(block)
        out = [self._begin("whole", start)]
        index = self._open[-1]
        out += [_grown(index, delta) for delta in deltas]
        out.append(self._close(index))
        return out

    def _matched(self, message: Message) -> tuple[list[tuple[int, Part]], list[Part]]:
        """The parts that blocks were sent of, with their blocks, and the parts that no delta told of.

        The words of a kind were all told if some were. A model behind another wire may have told them in another order
        than its message has, and without saying where one block ends and the next begins.
        """
        told: list[tuple[int, Part]] = []
        untold: list[Part] = []
        sent = {kind: [index for index, other in enumerate(self._kinds) if other == kind] for kind in _KINDS.values()}
        for part in message.parts:
            blocks = sent.get(_KINDS.get(type(part), ""))
            if not blocks:
                untold.append(part)
                continue
            told.append((blocks[0], part))
            if len(blocks) > 1 or isinstance(part, ToolCall):
                del blocks[0]
        return told, untold


_KINDS: dict[type[Part], str] = {Text: "text", Thinking: "thinking", ToolCall: "call"}


def _late(index: int, part: Part) -> list[bytes]:
    """What a block still has to say when its words have been said."""
    match part:
        case Thinking(origin=origin) if signature := own(origin).get("signature"):
            return [_grown(index, {"reasoningContent": {"signature": signature}})]
        case Text(origin=origin):
            cited: Any = own(origin).get("citationsContent", {})
            return [_grown(index, {"citation": citation}) for citation in cited.get("citations") or ()]
        case _:
            return []


def _pieces(block: JsonObject) -> tuple[JsonObject | None, list[JsonObject]]:
    """A whole block as its start, where it has one, and its deltas."""
    match block:
        case {"text": _} | {"citationsContent": _} | {"reasoningContent": _}:
            return None, _words(block)
        case {"toolUse": {"input": given, **start}}:
            return {"toolUse": start}, [{"toolUse": {"input": _encode(given).decode()}}]
        case {"toolResult": {"content": content, **start}}:
            return {"toolResult": start}, [{"toolResult": content}]
        case {"image": {"source": source, **start}}:
            return {"image": start}, [{"image": {"source": source}}]
        case _:
            # The stream has no deltas for such a block; a client that does not know it passes it over.
            return block, []


def _words(block: JsonObject) -> list[JsonObject]:
    match block:
        case {"citationsContent": {"content": content, "citations": citations}}:
            told = [{"citation": citation} for citation in cast("list[Any]", citations or [])]
            return [*cast("list[JsonObject]", content), *told]
        case {"citationsContent": {"content": content}}:
            return cast("list[JsonObject]", content)
        case {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}:
            return [{"reasoningContent": {"text": text}}, {"reasoningContent": {"signature": signature}}]
        case {"reasoningContent": {"reasoningText": {"text": text}}}:
            return [{"reasoningContent": {"text": text}}]
        case _:
            return [block]
