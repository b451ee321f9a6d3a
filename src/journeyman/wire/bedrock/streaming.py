"""Answers of the ConverseStream API, which come in pieces."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from ...data import Delta, ModelResponse, ProviderError, TextDelta, ThinkingDelta, ToolCallDelta
from ..eventstream import EventStreamDecoder, Headers
from .answering import Ending, response_of, stream_error
from .names import RAW
from .reading import SERVER_TOOL, UNREADABLE, Block, answer_part, is_json


class _Input(msgspec.Struct):
    input: str = ""


class _Reasoning(msgspec.Struct, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Piece(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _Input | None = None
    reasoning_content: _Reasoning | None = None
    citation: Any = None
    tool_result: list[Any] | None = None
    image: dict[str, Any] | None = None


class _Grown(msgspec.Struct, rename="camel"):
    delta: _Piece
    content_block_index: int = 0


class _Start(msgspec.Struct, rename="camel"):
    start: Block
    content_block_index: int = 0


class _Stopped(msgspec.Struct, rename="camel"):
    content_block_index: int = 0


class _Call(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str
    type: str | None = None


_grown = msgspec.json.Decoder(_Grown).decode
_start = msgspec.json.Decoder(_Start).decode
_stopped = msgspec.json.Decoder(_Stopped).decode
_ending = msgspec.json.Decoder(Ending).decode
_call = msgspec.json.Decoder(_Call).decode
_block = msgspec.json.Decoder(Block).decode
_encode = msgspec.json.encode


class _OpenBlock:
    """A block that is still growing: what it began with, and what has been added since."""

    __slots__ = ("binary", "call", "citations", "items", "kind", "pieces", "rest", "signature", "start")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.call: int | None = None
        self.start: Block = {}
        self.pieces: list[str] = []
        self.signature: list[str] = []
        self.citations: list[Any] = []
        self.items: list[Any] = []
        self.binary: list[bytes] = []
        self.rest: dict[str, Any] = {}

    def whole(self) -> Block:
        """The block as it would stand in a whole answer."""
        kind, text = self.kind, "".join(self.pieces)
        body: Any
        match kind:
            case "text" if self.citations:
                kind, body = "citationsContent", {"content": [{"text": text}], "citations": self.citations}
            case "text":
                body = text
            case "reasoningContent" if self.binary:
                body = {"redactedContent": base64.b64encode(b"".join(self.binary)).decode()}
            case "reasoningContent":
                signature = "".join(self.signature)
                body = {"reasoningText": {"text": text, **({"signature": signature} if signature else {})}}
            case "toolUse":
                body = {**self.start, "input": _input_of(text)}
            case "toolResult":
                body = {**self.start, "content": self.items}
            case _:
                source = {"source": {"bytes": base64.b64encode(b"".join(self.binary)).decode()}} if self.binary else {}
                body = {**self.start, **self.rest, **source}
        return {kind: msgspec.Raw(_encode(body))}


def _input_of(text: str) -> Any:
    # What a model writes may be any nonsense; as long as it is JSON, it stays as it was written.
    if is_json(text):
        return msgspec.Raw(text.encode())
    return {RAW: text} if text.strip() else {}


class BedrockDecoder:
    """Reads one streamed answer; gives up with `ProviderError` at the first event that cannot be."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._frames = EventStreamDecoder()
        self._blocks: dict[int, _OpenBlock] = {}
        self._last: _OpenBlock | None = None
        self._calls = 0
        self._end: Ending | None = None
        self._metadata = Ending()

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas in the events that these bytes complete."""
        deltas: list[Delta] = []
        payload = b""
        try:
            for headers, payload in self._frames.feed(data):
                kind = headers.get(":event-type")
                if kind == "contentBlockDelta":
                    self._grow(_grown(payload), deltas)
                else:
                    self._turn(kind, headers, payload, deltas)
        except UNREADABLE as error:
            body = payload.decode("utf-8", "replace")
            raise ProviderError(f"the stream held an unreadable event: {error}", kind="stream", body=body) from error
        return deltas

    def finish(self) -> ModelResponse:
        """The answer; raises `ProviderError` of kind `stream` if it is not whole."""
        self._frames.close()
        if self._end is None:
            raise ProviderError("the stream ended before the answer did", kind="stream")
        try:
            parts = tuple(answer_part(self._blocks[index].whole()) for index in sorted(self._blocks))
        except UNREADABLE as error:
            raise ProviderError(f"the stream held a block that cannot be read: {error}", kind="stream") from error
        end, late = self._end, self._metadata
        # How an answer ended is told in two events, and each of them may leave out what the other says.
        both = {key: getattr(end, key) or getattr(late, key) for key in end.__struct_fields__}
        return response_of(parts, Ending(**both), self._headers)

    def _grow(self, event: _Grown, deltas: list[Delta]) -> None:
        piece = event.delta
        block = self._blocks.get(event.content_block_index)
        if piece.text is not None:
            block = block or self._open(event.content_block_index, "text", deltas)
            if block.kind != "text":
                raise msgspec.ValidationError(f"words for block {event.content_block_index}, a {block.kind}")
            block.pieces.append(piece.text)
            if piece.text:
                deltas.append(TextDelta(piece.text))
        elif piece.tool_use is not None:
            if block is None or block.kind != "toolUse":
                raise msgspec.ValidationError(f"input for block {event.content_block_index}, which is no call")
            block.pieces.append(piece.tool_use.input)
            if block.call is not None and piece.tool_use.input:
                deltas.append(ToolCallDelta(block.call, arguments=piece.tool_use.input))
        elif piece.reasoning_content is not None:
            block = block or self._open(event.content_block_index, "reasoningContent", deltas)
            _think(block, piece.reasoning_content, deltas)
        else:
            _patch(block or self._open(event.content_block_index, "text", deltas), piece)

    def _open(self, index: int, kind: str, deltas: list[Delta]) -> _OpenBlock:
        block = self._blocks[index] = _OpenBlock(kind)
        if kind == "text" and self._last is not None and self._last.kind == "text":
            # Said though it is empty: whoever serves this stream again has to know that another block begins.
            deltas.append(TextDelta(""))
        self._last = block
        return block

    def _turn(self, kind: Any, headers: Headers, payload: bytes, deltas: list[Delta]) -> None:
        match kind:
            case "contentBlockStart":
                self._begin(_start(payload), deltas)
            case "contentBlockStop":
                self._close(_stopped(payload).content_block_index, deltas)
            case "messageStop":
                self._end = _ending(payload)
            case "metadata":
                self._metadata = _ending(payload)
            case None:
                _raise_error(headers, payload)
            case _:
                # `messageStart`, and what is yet to come.
                return

    def _begin(self, event: _Start, deltas: list[Delta]) -> None:
        for kind, raw in event.start.items():
            block = self._open(event.content_block_index, kind, deltas)
            block.start = _block(raw)
            if kind == "toolUse":
                call = _call(raw)
                if call.type == SERVER_TOOL:
                    return
                block.call = self._calls
                self._calls += 1
                deltas.append(ToolCallDelta(block.call, call.tool_use_id, call.name))
            return

    def _close(self, index: int, deltas: list[Delta]) -> None:
        block = self._blocks.get(index)
        if block is not None and block.call is not None and not any(block.pieces):
            deltas.append(ToolCallDelta(block.call, arguments="{}"))


def _think(block: _OpenBlock, piece: _Reasoning, deltas: list[Delta]) -> None:
    if piece.redacted_content is not None:
        block.binary.append(base64.b64decode(piece.redacted_content, validate=True))
        return
    if not block.pieces:
        # Said though it is empty: thoughts are signed block by block, and withheld ones have a signature and no words,
        # so whoever serves this stream again has to know where a block begins.
        block.pieces.append("")
        deltas.append(ThinkingDelta(""))
    if piece.signature is not None:
        block.signature.append(piece.signature)
    if piece.text:
        block.pieces.append(piece.text)
        deltas.append(ThinkingDelta(piece.text))


def _patch(block: _OpenBlock, piece: _Piece) -> None:
    if piece.citation is not None:
        block.citations.append(piece.citation)
    elif piece.tool_result is not None:
        block.items += piece.tool_result
    elif piece.image is not None:
        match piece.image:
            case {"source": {"bytes": str(text), **more}, **rest} if not more:
                block.binary.append(base64.b64decode(text, validate=True))
                block.rest |= rest
            case image:
                block.rest |= image


def _raise_error(headers: Headers, payload: bytes) -> None:
    name = headers.get(":exception-type") or headers.get(":error-code")
    if name is None and headers.get(":message-type") == "event":
        return
    words = headers.get(":error-message")
    raise stream_error(str(name or ""), words if isinstance(words, str) else "", payload)
