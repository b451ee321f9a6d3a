"""Answers of the Messages API that come in pieces."""

from __future__ import annotations

import msgspec

from ...data import (
    Delta,
    ModelResponse,
    ProviderError,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from ..sse import SseDecoder
from .answering import Ending, WireError, WireUsage, response_of, stream_error, usage_of
from .names import RAW
from .reading import UNREADABLE, Block, answer_part, string_of


class _Piece(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class _Event(msgspec.Struct):
    """What most events hold; the others are read again by the type that they turned out to be of."""

    type: str = ""
    index: int = -1
    delta: _Piece | None = None


class _Head(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: WireUsage | None = None


class _Start(msgspec.Struct):
    message: _Head


class _BlockStart(msgspec.Struct):
    index: int
    content_block: Block


class _RareDelta(msgspec.Struct):
    delta: Block


class _End(msgspec.Struct):
    delta: Ending
    usage: WireUsage | None = None


class _Broken(msgspec.Struct):
    error: WireError


class _Fallback(msgspec.Struct):
    model: str | None = None


_event = msgspec.json.Decoder(_Event).decode
_start = msgspec.json.Decoder(_Start).decode
_block_start = msgspec.json.Decoder(_BlockStart).decode
_rare_delta = msgspec.json.Decoder(_RareDelta).decode
_end = msgspec.json.Decoder(_End).decode
_broken = msgspec.json.Decoder(_Broken).decode
_fallback = msgspec.json.Decoder(_Fallback).decode
_anything = msgspec.json.Decoder().decode
_encode = msgspec.json.encode

_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "input"}
_GROWING = {"text": "text", "thinking": "thinking"}


class _OpenBlock:
    """A block that is still growing; `field` names the key that its pieces make up."""

    __slots__ = ("call", "citations", "field", "pieces", "start")

    def __init__(self, start: Block, call: int | None) -> None:
        self.start = start
        self.call = call
        self.field = _GROWING.get(string_of(start, "type"), "input")
        self.pieces: list[str] = []
        self.citations: list[msgspec.Raw] = []

    def whole(self) -> Block:
        """The block as it would stand in a whole answer."""
        if self.citations:
            self.start["citations"] = msgspec.Raw(_encode(self.citations))
        if not self.pieces:
            return self.start
        text = "".join(self.pieces)
        if self.field != "input":
            return {**self.start, self.field: msgspec.Raw(_encode(text))}
        return {**self.start, "input": msgspec.Raw(text.encode() if self.call is not None else _object_of(text))}


def _object_of(text: str) -> bytes:
    # The input of a server's tool is not ours to read, and stays a value; the model may have written any nonsense.
    try:
        _anything(text)
    except UNREADABLE:
        return _encode({RAW: text})
    return text.encode()


def _patch(block: _OpenBlock, delta: Block) -> None:
    if string_of(delta, "type") == "citations_delta":
        block.citations += [value for key, value in delta.items() if key == "citation"]
        return
    # A signature, the content of a compaction, and what is yet to come: a delta that comes once and whole.
    block.start.update({key: value for key, value in delta.items() if key != "type"})


class AnthropicDecoder:
    """Reads one streamed answer; gives up with `ProviderError` at the first event that cannot be."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._blocks: dict[int, _OpenBlock] = {}
        self._calls = 0
        self._head: _Head | None = None
        self._model: str | None = None
        self._usage = WireUsage()
        self._ending = Ending()
        self._stopped = False

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas in the events that these bytes complete."""
        deltas: list[Delta] = []
        self._take(self._sse.feed(data), deltas)
        return deltas

    def finish(self) -> ModelResponse:
        """The answer; raises `ProviderError` of kind `stream` if it is not whole."""
        self._take(self._sse.close(), [])
        if self._head is None or not (self._stopped or self._ending.stop_reason):
            raise ProviderError("the stream ended before the answer did", kind="stream")
        try:
            parts = tuple(answer_part(self._blocks[index].whole()) for index in sorted(self._blocks))
        except UNREADABLE as error:
            raise ProviderError(f"the stream held a block that cannot be read: {error}", kind="stream") from error
        return response_of(parts, self._ending, usage_of(self._usage), self._model, self._head.id)

    def _take(self, events: list[tuple[str, bytes]], deltas: list[Delta]) -> None:
        payload = b""
        try:
            for name, payload in events:
                event = _event(payload)
                if event.type == "content_block_delta":
                    self._grow(event, payload, deltas)
                else:
                    self._turn(event.type or name, event.index, payload, deltas)
        except UNREADABLE as error:
            # Vendors behind proxies close with the mark of another wire, which says nothing here.
            if payload == b"[DONE]":
                return
            body = payload.decode("utf-8", "replace")
            raise ProviderError(f"the stream held an unreadable event: {error}", kind="stream", body=body) from error

    def _grow(self, event: _Event, payload: bytes, deltas: list[Delta]) -> None:
        block = self._blocks.get(event.index)
        piece = event.delta
        if block is None or piece is None:
            raise msgspec.ValidationError(f"a delta for block {event.index}, which was never begun")
        field = _FIELDS.get(piece.type)
        if field is None:
            _patch(block, _rare_delta(payload).delta)
            return
        if field != block.field:
            raise msgspec.ValidationError(f"a {piece.type} for a block that takes {block.field}")
        if field == "text":
            block.pieces.append(piece.text)
            deltas.append(TextDelta(piece.text))
        elif field == "thinking":
            block.pieces.append(piece.thinking)
            deltas.append(ThinkingDelta(piece.thinking))
        elif piece.partial_json:
            block.pieces.append(piece.partial_json)
            if block.call is not None:
                deltas.append(ToolCallDelta(block.call, arguments=piece.partial_json))

    def _turn(self, kind: str, index: int, payload: bytes, deltas: list[Delta]) -> None:
        match kind:
            case "content_block_start":
                self._begin(_block_start(payload), deltas)
            case "content_block_stop":
                self._close(index, deltas)
            case "message_start":
                self._head = _start(payload).message
                self._model = self._head.model
                self._count(self._head.usage)
            case "message_delta":
                end = _end(payload)
                self._ending = end.delta
                self._count(end.usage)
            case "message_stop":
                self._stopped = True
            case "error":
                raise stream_error(_broken(payload).error, payload)
            case _:
                # `ping`, and what is yet to come: the API says that unknown events are to be passed over.
                return

    def _begin(self, start: _BlockStart, deltas: list[Delta]) -> None:
        block = start.content_block
        kind = string_of(block, "type")
        call = None
        if kind == "tool_use":
            call = self._calls
            self._calls += 1
            deltas.append(ToolCallDelta(call, string_of(block, "id"), string_of(block, "name")))
        opened = self._blocks[start.index] = _OpenBlock(block, call)
        if kind == "text" and (text := string_of(block, "text")):
            opened.pieces.append(text)
            deltas.append(TextDelta(text))
        elif kind == "thinking":
            # Said even if it is empty: a block of thoughts is signed as a whole, and thoughts that are withheld have a
            # signature and no words, so whoever serves this stream again has to know where a block begins.
            text = string_of(block, "thinking")
            opened.pieces.append(text)
            deltas.append(ThinkingDelta(text))
        elif kind == "fallback" and "to" in block:
            # Another model took over; a whole answer names that one.
            self._model = _fallback(block["to"]).model or self._model

    def _close(self, index: int, deltas: list[Delta]) -> None:
        block = self._blocks.get(index)
        if block is not None and block.call is not None and not block.pieces:
            arguments = bytes(block.start.get("input", b"{}")).decode()
            deltas.append(ToolCallDelta(block.call, arguments=arguments))

    def _count(self, usage: WireUsage | None) -> None:
        # The counts of a message_delta are totals: they replace those from the start, where they are stated.
        if usage is not None:
            stated = {key: value for key in usage.__struct_fields__ if (value := getattr(usage, key)) is not None}
            self._usage = msgspec.structs.replace(self._usage, **stated)
