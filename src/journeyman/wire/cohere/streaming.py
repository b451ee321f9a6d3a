"""Answers of the Chat API that come in pieces (Cohere's pages "Streaming" and "Streaming for tool use")."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ...data import (
    Delta,
    JsonObject,
    ModelResponse,
    Opaque,
    Part,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
)
from ..sse import SseDecoder
from .answering import Answer, call_of, stream_error
from .names import FAILED, NAME
from .shapes import UNREADABLE, Event, Piece, PieceContent, PieceMessage, WireCall, WireFunction, read_event

_END = b"[DONE]"
_anything = msgspec.json.Decoder().decode


class _Block(msgspec.Struct, gc=False):
    """A block that is still growing; one of a kind that has no noun is `whole` from its beginning."""

    kind: Literal["text", "thinking", "other"]
    pieces: list[str]
    whole: JsonObject

    def part(self) -> Part:
        match self.kind:
            case "text":
                return Text("".join(self.pieces))
            case "thinking":
                return Thinking("".join(self.pieces), Opaque(NAME, {}))
            case _:
                return Opaque(NAME, self.whole)


class _Call(msgspec.Struct, gc=False):
    index: int
    id: str
    name: str
    pieces: list[str]

    def part(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.pieces) or "{}")


class CohereDecoder:
    """Reads one streamed answer; what comes after `message-end` is not heard.

    The tool plan is no glimpse of ours: it goes back to Cohere with the message, and comes with it.
    """

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._answer = Answer()
        self._plan: list[str] = []
        self._citations: list[Any] = []
        self._blocks: list[_Block] = []
        self._block_at: dict[int | None, _Block] = {}
        self._calls: list[_Call] = []
        self._call_at: dict[int | None, _Call] = {}
        self._ended = False

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas in the events that these bytes complete."""
        deltas: list[Delta] = []
        self._take(self._sse.feed(data), deltas)
        return deltas

    def finish(self) -> ModelResponse:
        """The answer; raises `ProviderError` of kind `stream` if it is not whole."""
        self._take(self._sse.close(), [])
        if not self._ended:
            raise ProviderError("the stream ended before the answer did", kind="stream")
        self._answer.tool_plan = "".join(self._plan)
        self._answer.citations = self._citations
        return self._answer.response([block.part() for block in self._blocks], [call.part() for call in self._calls])

    def _take(self, events: list[tuple[str, bytes]], deltas: list[Delta]) -> None:
        for _, payload in events:
            if self._ended or payload == _END:
                return
            try:
                event = read_event(payload)
                if event.type == "content-delta":
                    self._grow(event, deltas)
                else:
                    self._turn(event, payload, deltas)
            except UNREADABLE as error:
                body = payload.decode("utf-8", "replace")
                raise ProviderError(
                    f"the stream held an unreadable event: {error}", kind="stream", body=body
                ) from error

    def _grow(self, event: Event, deltas: list[Delta]) -> None:
        piece = event.delta
        message = None if piece is None else piece.message
        content = None if message is None else message.content
        if isinstance(content, PieceContent):
            block = self._block_at.get(event.index)
            if content.text:
                if block is None or block.kind != "text":
                    block = self._begin_block(event.index, "text")
                block.pieces.append(content.text)
                deltas.append(TextDelta(content.text))
            elif content.thinking:
                if block is None or block.kind != "thinking":
                    block = self._begin_block(event.index, "thinking")
                block.pieces.append(content.thinking)
                deltas.append(ThinkingDelta(content.thinking))
        if event.logprobs:
            if self._answer.logprobs is None:
                self._answer.logprobs = []
            self._answer.logprobs.append(event.logprobs)

    def _turn(self, event: Event, payload: bytes, deltas: list[Delta]) -> None:
        message = event.delta.message if event.delta is not None else None
        match event.type:
            case "tool-call-delta" | "tool-call-start" | "tool-plan-delta" | "citation-start":
                if message is not None:
                    self._grow_rarely(event, message, deltas)
            case "content-start":
                self._start(event, payload, deltas)
            case "message-start":
                self._answer.raw_id = event.id
            case "message-end":
                self._end(event.delta, payload)
            case _ if event.type == "error" or event.error or isinstance(event.message, str):
                raise stream_error(_anything(payload), payload)
            case _:
                # Ends of blocks say nothing; `debug` and what is yet to come is not for us.
                return

    def _grow_rarely(self, event: Event, message: PieceMessage, deltas: list[Delta]) -> None:
        match event.type:
            case "tool-call-delta":
                for wire in _calls(message):
                    self._grow_call(event.index, wire.function, deltas)
            case "tool-call-start":
                for wire in _calls(message):
                    self._begin_call(event.index, wire, deltas)
            case "tool-plan-delta":
                self._plan.append(message.tool_plan or "")
            case _:
                # A whole answer lists them, a stream tells one at a time.
                cited: Any = message.citations
                if cited:
                    self._citations += cited if isinstance(cited, list) else [cited]

    def _start(self, event: Event, payload: bytes, deltas: list[Delta]) -> None:
        content = None if event.delta is None or event.delta.message is None else event.delta.message.content
        if not isinstance(content, PieceContent):
            return
        match content.type:
            case "text" | None if content.thinking is None:
                self._begin_block(event.index, "text")
            case "thinking" | None:
                self._begin_block(event.index, "thinking")
            case _:
                block = self._begin_block(event.index, "other")
                block.whole = _anything(payload)["delta"]["message"]["content"]
                return
        self._grow(event, deltas)

    def _begin_block(self, index: int | None, kind: Literal["text", "thinking", "other"]) -> _Block:
        block = self._block_at[index] = _Block(kind, [], {})
        self._blocks.append(block)
        return block

    def _begin_call(self, index: int | None, wire: WireCall, deltas: list[Delta]) -> None:
        part = call_of(wire, len(self._calls), self._answer.raw_id)
        call = self._call_at[index] = _Call(len(self._calls), part.id, part.name, [])
        self._calls.append(call)
        deltas.append(ToolCallDelta(call.index, call.id, call.name))
        self._grow_call(index, wire.function, deltas)

    def _grow_call(self, index: int | None, function: WireFunction | None, deltas: list[Delta]) -> None:
        call = self._call_at.get(index)
        if call is None:
            raise msgspec.ValidationError(f"more of the tool call {index}, which was never begun")
        arguments = None if function is None else function.arguments
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        if arguments:
            call.pieces.append(arguments)
            deltas.append(ToolCallDelta(call.index, arguments=arguments))

    def _end(self, end: Piece | None, payload: bytes) -> None:
        self._ended = True
        if end is None:
            return
        if end.error or end.finish_reason == FAILED:
            raise stream_error(end.error, payload)
        self._answer.finish_reason = end.finish_reason
        self._answer.usage = end.usage


def _calls(message: PieceMessage) -> list[WireCall]:
    calls = message.tool_calls
    if calls is None:
        return []
    return calls if isinstance(calls, list) else [calls]
