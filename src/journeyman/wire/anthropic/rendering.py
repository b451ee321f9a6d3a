"""Our answers as a server of the Messages API gives them, whole and in pieces."""

from __future__ import annotations

from typing import Any, assert_never

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
from ..http import HttpReply
from .names import ERROR_TYPES, FINISHES, NAME, STOP_REASONS
from .writing import block_of, tool_id

DEFAULT_ID = "msg_0"
"""The id of an answer that nobody gave one: no clock and no chance are asked for a better one."""

_JSON = {"content-type": "application/json"}
_SERVER_ERROR = 500
_encode = msgspec.json.encode


def render_reply(response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
    """The reply with the whole answer; raises `CallerError` for a picture or sound in it."""
    content = [block for part in response.message.parts if (block := _block(part)) is not None]
    head = _head(response.raw_id or _id(stamp), response.model or stamp.model, response.usage, content)
    body = head | _ending(response)
    return HttpReply(200, _JSON, _encode(body))


def render_failure(status: int, message: str) -> HttpReply:
    """The reply that tells of an error."""
    kind = ERROR_TYPES.get(status) or ("api_error" if status >= _SERVER_ERROR else "invalid_request_error")
    return HttpReply(status, _JSON, _encode({"type": "error", "error": {"type": kind, "message": message}}))


def _id(stamp: Stamp) -> str:
    return f"msg_{stamp.id}" if stamp.id else DEFAULT_ID


def _head(raw_id: str, model: str, usage: Usage, content: list[JsonObject]) -> JsonObject:
    return {
        "id": raw_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(usage),
    }


def _ending(response: ModelResponse) -> JsonObject:
    origin = response.message.origin
    kept: JsonObject = origin.data if origin is not None and origin.dialect == NAME else {}
    finish = response.finish
    reason = None if finish is None else STOP_REASONS[finish]
    if "stop_reason" in kept and FINISHES.get(kept["stop_reason"], "other") == finish:
        reason = kept["stop_reason"]
    ending: JsonObject = {"stop_reason": reason, "stop_sequence": kept.get("stop_sequence")}
    ending.update({key: kept[key] for key in ("stop_details", "container") if key in kept})
    return ending


def _usage(usage: Usage) -> JsonObject:
    counts: JsonObject = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def _block(part: Part) -> JsonObject | None:
    match part:
        case Thinking():
            # Clients insist on a signature; thoughts of other models have none, and an empty one says so.
            return {"type": "thinking", "thinking": part.text, "signature": "", **_extra(part.origin)}
        case Text() | ToolCall() | Opaque():
            return block_of(part)
        case ToolResult():
            return None
        case Image() | Audio() | Video() | Document():
            raise CallerError(f"the Messages API has no answers with {type(part).__name__.lower()} in them")
        case _:
            assert_never(part)


def _extra(origin: Opaque | None) -> JsonObject:
    return origin.data if origin is not None and origin.dialect == NAME else {}


def _event(kind: str, **keys: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **keys}))


class AnthropicRenderer:
    """Writes one answer as a stream of events.

    Deltas say less than parts. What they leave out (signatures, citations, blocks of the provider's own) comes with
    `finish`: for that a block of thoughts stays open to the end, and blocks that no delta told of follow the others.
    """

    def __init__(self, stamp: Stamp = UNSTAMPED) -> None:
        self._model = stamp.model
        self._raw_id = _id(stamp)
        self._begun = False
        self._kinds: list[str] = []
        self._open: list[int] = []
        self._calls: dict[int, int] = {}

    def feed(self, delta: Delta) -> bytes:
        """The events of one delta, and before the first of them the head of the message."""
        match delta:
            case TextDelta(text):
                return self._grow("text", b'"text_delta","text":', text)
            case ThinkingDelta(""):
                # Our decoder says so where a block of thoughts begins.
                return self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            case ThinkingDelta(text):
                return self._grow("thinking", b'"thinking_delta","thinking":', text)
            case ToolCallDelta():
                return self._grow_call(delta)
            case _:
                assert_never(delta)

    def finish(self, response: ModelResponse) -> bytes:
        """All that is left to say; an answer that was never fed comes whole."""
        if not self._begun:
            self._model = response.model or self._model
            self._raw_id = response.raw_id or self._raw_id
        out = [self._head(response.usage)]
        told, untold = self._matched(response.message)
        for index in list(self._open):
            part = told.get(index)
            out += _late(index, part) if part is not None else ()
            out.append(self._close(index))
        for part in untold:
            if (block := _block(part)) is not None:
                out += self._whole(block)
        out.append(_event("message_delta", delta=_ending(response), usage=_usage(response.usage)))
        out.append(_event("message_stop"))
        return b"".join(out)

    def fail(self, status: int, message: str) -> bytes:
        """The event that tells of an error after the answer has begun (the API's page "Streaming", "Error events")."""
        return b"event: error\ndata: " + render_failure(status, message).body + b"\n\n"

    def _head(self, usage: Usage) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return _event("message_start", message=_head(self._raw_id, self._model, usage, []))

    def _grow(self, kind: str, delta: bytes, text: str) -> bytes:
        out = b""
        if not self._kinds or self._kinds[-1] != kind:
            out = self._begin(kind, {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})})
        return out + _grown(len(self._kinds) - 1, delta, text) if text else out

    def _grow_call(self, delta: ToolCallDelta) -> bytes:
        out = b""
        index = self._calls.get(delta.index)
        if index is None:
            index = self._calls[delta.index] = len(self._kinds)
            call: JsonObject = {"type": "tool_use", "id": tool_id(delta.id), "name": delta.name, "input": {}}
            out = self._begin("tool_use", call)
        if delta.arguments:
            out += _grown(index, b'"input_json_delta","partial_json":', delta.arguments)
        return out

    def _begin(self, kind: str, block: JsonObject) -> bytes:
        out = [self._head(Usage())]
        # Tools run as soon as their block is closed, so a block closes when the next begins. Thoughts wait for their
        # signature; clients put events together by index, and interleaved blocks are legal.
        out += [self._close(index) for index in list(self._open) if self._kinds[index] != "thinking"]
        index = len(self._kinds)
        self._kinds.append(kind)
        self._open.append(index)
        out.append(_event("content_block_start", index=index, content_block=block))
        return b"".join(out)

    def _close(self, index: int) -> bytes:
        self._open.remove(index)
        return _event("content_block_stop", index=index)

    def _whole(self, block: JsonObject) -> list[bytes]:
        kind = block["type"]
        start, pieces = dict(block), list[tuple[bytes, str]]()
        match kind:
            case "text":
                start["text"] = ""
                pieces = [(b'"text_delta","text":', block["text"])]
            case "thinking":
                start["thinking"] = ""
                pieces = [(b'"thinking_delta","thinking":', block["thinking"])]
            case "tool_use":
                start["input"] = {}
                pieces = [(b'"input_json_delta","partial_json":', _encode(block["input"]).decode())]
            case _:
                pass
        out = [self._begin(kind, start)]
        index = self._open[-1]
        out += [_grown(index, delta, text) for delta, text in pieces if text]
        out.append(self._close(index))
        return out

    def _matched(self, message: Message) -> tuple[dict[int, Part], list[Part]]:
        """Which part each block that was sent belongs to, and the parts that no block was sent of.

        Parts of a kind that follow each other made one block, and so did those with nothing but untold parts between.
        """
        told: dict[int, Part] = {}
        untold: list[Part] = []
        last = ""
        for part in message.parts:
            kind = _KINDS.get(type(part), "")
            sent = len(told)
            if kind and sent < len(self._kinds) and self._kinds[sent] == kind:
                told[sent] = part
                last = kind
            elif kind == last and kind in ("text", "thinking"):
                told[sent - 1] = part
            else:
                untold.append(part)
        return told, untold


_KINDS: dict[type[Part], str] = {Text: "text", Thinking: "thinking", ToolCall: "tool_use"}


def _grown(index: int, delta: bytes, text: str) -> bytes:
    # This is the hot path of every stream that we serve: one formatting, and JSON only for the words.
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":%b%b}}\n\n' % (
        index,
        delta,
        _encode(text),
    )


def _late(index: int, part: Part) -> list[bytes]:
    late: list[JsonObject] = []
    match part:
        case Thinking(origin=origin) if signature := _extra(origin).get("signature"):
            late = [{"type": "signature_delta", "signature": signature}]
        case Text(origin=origin):
            cited: list[Any] = _extra(origin).get("citations") or []
            late = [{"type": "citations_delta", "citation": citation} for citation in cited]
        case _:
            pass
    return [_event("content_block_delta", index=index, delta=delta) for delta in late]
