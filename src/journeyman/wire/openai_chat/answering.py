"""Answers of Chat Completions, growing piece by piece; a whole one is an answer of one piece."""

from __future__ import annotations

from typing import Any, Literal, assert_never

import msgspec

from ...data import (
    CallerError,
    Delta,
    Finish,
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
)
from ..failures import error_in, error_of
from ..http import HttpReply
from ..shapes import UNREADABLE, object_of, objects_of, string_of, without
from ..whole import ERROR_STATUS, unreadable
from .counting import cost_of, usage_of
from .media import drawn, spoken
from .names import BLOCK, FINISHES, KEY, NAME, REFUSAL, TOLD
from .pieces import Calls, Chunk, WireChoice, WireMessage, read_chunk


class _Segment(msgspec.Struct, gc=False):
    """A run of content of one kind; `data` is a whole block, or the other keys of one."""

    kind: Literal["text", "thinking", "block"]
    pieces: list[str]
    data: JsonObject


def decode_reply(reply: HttpReply) -> ModelResponse:
    """The answer in a reply; raises `ProviderError` for an error and for what cannot be read."""
    if reply.status >= ERROR_STATUS:
        raise error_of(reply)
    answer = Answer()
    try:
        chunk = read_chunk(reply.body)
        answer.take(chunk, reply.body, [], whole=True)
    except (CallerError, *UNREADABLE) as error:
        raise unreadable(reply, str(error)) from error
    if not chunk.choices or chunk.choices[0].message is None:
        raise unreadable(reply, "it has no message")
    return answer.response()


class Answer:
    """What has come of an answer; the words are joined once, at its end."""

    def __init__(self) -> None:
        self.reason: Any = None
        self._raw_id: str | None = None
        self._model = ""
        self._usage: JsonObject = {}
        self._reasoning: list[str] = []
        self._reasoning_key = ""
        self._segments: list[_Segment] = []
        # Where plain words go: the last segment's pieces while that is one of plain text.
        self._words: list[str] | None = None
        self._refusal: list[str] = []
        self._calls = Calls()
        self._details: list[JsonObject] = []
        self._extra_content: JsonObject = {}
        self._images: list[JsonObject] = []
        self._sounds: list[JsonObject] = []
        self._told: JsonObject = {}

    def take(self, chunk: Chunk, raw: bytes, deltas: list[Delta], *, whole: bool = False) -> None:
        """Add what a chunk says, and to `deltas` what it shows; raises the `ProviderError` that it tells of."""
        if chunk.error or (chunk.message and chunk.choices is None):
            raise error_in(chunk.error or msgspec.json.decode(raw), raw)
        if self._raw_id is None or not self._model:
            self._begin(chunk)
        if chunk.usage:
            self._usage = object_of(chunk.usage)
        elif chunk.x_groq:
            self._usage = object_of(object_of(chunk.x_groq).get("usage")) or self._usage
        if chunk.citations or chunk.search_results:
            self._cite(chunk)
        for choice in chunk.choices or ():
            # Other choices are answers of their own, which nobody asked for.
            if not choice.index:
                self._choose(choice, raw, deltas, whole=whole)

    def response(self) -> ModelResponse:
        """The answer, complete."""
        calls = self._calls.parts()
        message = Message("assistant", self._parts(calls), self._origin())
        usage, cost = usage_of(self._usage), cost_of(self._usage)
        return ModelResponse(message, usage, self._finish(calls), self._model, self._raw_id, cost)

    def _begin(self, chunk: Chunk) -> None:
        self._raw_id = self._raw_id or string_of(chunk.id) or None
        self._model = self._model or string_of(chunk.model)
        created = chunk.created if isinstance(chunk.created, int) else 0
        self._calls.about = f"{self._raw_id} {created}"

    def _cite(self, chunk: Chunk) -> None:
        # Perplexity repeats them with each piece; the last are all.
        found = {"citations": chunk.citations, "search_results": chunk.search_results}
        self._told |= {key: value for key, value in found.items() if value}

    def _choose(self, choice: WireChoice, raw: bytes, deltas: list[Delta], *, whole: bool) -> None:
        if choice.error:
            raise error_in(choice.error, raw)
        # Some streams repeat the whole message beside each piece, others send nothing but one.
        whole = whole or choice.delta is None
        piece = choice.message if whole else choice.delta
        if piece is not None:
            self._grow(piece, deltas, whole=whole)
        if choice.finish_reason:
            self.reason = choice.finish_reason
        if choice.usage:
            self._usage = object_of(choice.usage)

    def _grow(self, piece: WireMessage, deltas: list[Delta], *, whole: bool) -> None:
        content = piece.content
        if reasoning := piece.reasoning_content or piece.reasoning:
            if not self._reasoning:
                self._reasoning_key = "reasoning_content" if piece.reasoning_content else "reasoning"
            self._reasoning.append(reasoning)
            deltas.append(ThinkingDelta(reasoning))
        if content:
            if isinstance(content, str):
                self._say(content, deltas)
            else:
                self._blocks(content, deltas)
        if piece.tool_calls:
            for call in piece.tool_calls:
                self._calls.add(call, deltas, whole=whole)
        self._grow_rarely(piece, deltas, whole=whole)

    def _grow_rarely(self, piece: WireMessage, deltas: list[Delta], *, whole: bool) -> None:
        if piece.refusal:
            self._refusal.append(piece.refusal)
            deltas.append(TextDelta(piece.refusal))
        legacy = piece.function_call
        # llama-cpp-python says the same call in both forms, for clients old and new.
        if legacy is not None and (legacy.name or legacy.arguments) and not piece.tool_calls:
            self._calls.add_legacy(legacy)
        if piece.reasoning_details:
            self._detail(objects_of(piece.reasoning_details), whole=whole)
        if piece.extra_content:
            self._extra_content |= object_of(piece.extra_content)
        if piece.images:
            self._images += objects_of(piece.images)
        if piece.audio:
            self._sounds.append(object_of(piece.audio))
        if piece.annotations:
            self._told.setdefault("annotations", []).extend(objects_of(piece.annotations))

    def _say(self, text: str, deltas: list[Delta]) -> None:
        if self._words is None:
            self._words = []
            self._segments.append(_Segment("text", self._words, {}))
        self._words.append(text)
        deltas.append(TextDelta(text))

    def _blocks(self, blocks: list[Any], deltas: list[Delta]) -> None:
        for block in objects_of(blocks):
            kind = block.get("type")
            if kind == "text":
                self._text_block(block, deltas)
            elif kind == "thinking":
                self._thinking_block(block, deltas)
            else:
                self._segments.append(_Segment("block", [], block))
                self._words = None

    def _text_block(self, block: JsonObject, deltas: list[Delta]) -> None:
        text = string_of(block.get("text"))
        extras = {key: value for key, value in without(block, "type", "text").items() if value is not None}
        if not extras:
            if text:
                self._say(text, deltas)
            return
        self._segments.append(_Segment("text", [text], extras))
        self._words = None
        deltas.append(TextDelta(text))

    def _thinking_block(self, block: JsonObject, deltas: list[Delta]) -> None:
        thoughts = block.get("thinking")
        words = "".join(string_of(item.get("text")) for item in objects_of(thoughts)) or string_of(thoughts)
        last = self._segments[-1] if self._segments else None
        if last is None or last.kind != "thinking" or last.data.get("closed"):
            last = _Segment("thinking", [], {})
            self._segments.append(last)
            self._words = None
        last.pieces.append(words)
        last.data = last.data | without(block, "type", "thinking")
        if words:
            deltas.append(ThinkingDelta(words))

    def _detail(self, details: list[JsonObject], *, whole: bool) -> None:
        for detail in details:
            last = self._details[-1] if self._details and not whole else None
            if last is not None and _continues(detail, last):
                for key, value in detail.items():
                    if key in _GROWING and isinstance(value, str):
                        last[key] = string_of(last.get(key)) + value
                    elif value is not None:
                        last[key] = value
            else:
                self._details.append(detail)

    def _parts(self, calls: list[ToolCall]) -> tuple[Part, ...]:
        parts: list[Part] = []
        if self._reasoning:
            # Where there are details, these go back, and the words are in them.
            data = {} if self._details else {KEY: self._reasoning_key}
            parts.append(Thinking("".join(self._reasoning), Opaque(NAME, data)))
        parts += map(_part_of, self._segments)
        if self._refusal:
            parts.append(Text("".join(self._refusal), Opaque(NAME, {REFUSAL: True})))
        if self._images:
            parts += drawn(self._images)
        if self._sounds:
            parts += spoken(self._sounds)
        return (*parts, *calls)

    def _origin(self) -> Opaque | None:
        data: JsonObject = {}
        if self._details:
            data["reasoning_details"] = self._details
        if self._extra_content:
            data["extra_content"] = self._extra_content
        if self._told:
            data[TOLD] = self._told
        return Opaque(NAME, data) if data else None

    def _finish(self, calls: list[ToolCall]) -> Finish | None:
        reason = string_of(self.reason)
        if not reason:
            return None
        finish = FINISHES.get(reason, "other")
        if finish == "stop" and calls:
            return "tool_calls"
        return "content_filter" if finish == "stop" and self._refusal else finish


_GROWING = frozenset({"text", "summary", "data"})


def _continues(detail: JsonObject, last: JsonObject) -> bool:
    """Whether a piece of OpenRouter's `reasoning_details` is more of the one before it."""
    if detail.get("type") != last.get("type") or detail.get("index") != last.get("index"):
        return False
    return detail.get("id") in (None, last.get("id"))


def _part_of(segment: _Segment) -> Part:
    match segment.kind:
        case "text":
            return Text("".join(segment.pieces), Opaque(NAME, segment.data) if segment.data else None)
        case "thinking":
            return Thinking("".join(segment.pieces), Opaque(NAME, {BLOCK: segment.data}))
        case "block":
            return Opaque(NAME, segment.data)
        case _:
            assert_never(segment.kind)
