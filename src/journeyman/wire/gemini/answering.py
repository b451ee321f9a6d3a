"""Answers of the Gemini API, growing piece by piece; a whole one is an answer of one piece."""

from __future__ import annotations

from typing import Any

import msgspec

from ...data import (
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
    ToolCallDelta,
    Usage,
)
from ..http import HttpReply
from ..shapes import UNREADABLE
from ..whole import ERROR_STATUS, unreadable
from .chunks import Chunk, WireUsage, WordChunk, read_chunk, read_content, read_usage
from .failures import error_in, error_of
from .growing import Parts
from .ids import made_id
from .names import FINISHES, FORM, NAME
from .partial import PartialCall, is_partial
from .reading import part_of
from .shapes import Block, anything

_SILENT: tuple[Any, ...] = (None, "", [], {})
_NO_USAGE = WireUsage()


def decode_reply(reply: HttpReply) -> ModelResponse:
    """The answer in a reply; raises `ProviderError` for an error and for what cannot be read."""
    if reply.status >= ERROR_STATUS:
        raise error_of(reply)
    answer = Answer()
    try:
        answer.take(read_chunk(reply.body), reply.body, [])
        if answer.begun:
            return answer.response()
    except UNREADABLE as error:
        raise unreadable(reply, str(error)) from error
    raise unreadable(reply, "it has no `candidates`")


class Answer:
    """One answer; `begun` says that there is one, `ended` that nothing more has to come."""

    def __init__(self) -> None:
        self.begun = False
        self._parts = Parts()
        self._partial: PartialCall | None = None
        self._calls = 0
        self._reason = ""
        self._extra: JsonObject = {}
        self._feedback: JsonObject = {}
        self._usage = msgspec.Raw()
        self._model = ""
        self._raw_id: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it was said why it ended."""
        return bool(self._reason or self._feedback.get("blockReason"))

    def take_words(self, chunk: WordChunk, raw: bytes, deltas: list[Delta]) -> None:
        """Add a piece that holds words alone."""
        self._head(chunk, raw)
        for candidate in chunk.candidates or ():
            # Other candidates are answers of their own, which nobody asked for.
            if candidate.index:
                continue
            if candidate.finish_reason:
                self._reason = candidate.finish_reason
            if candidate.grounding or candidate.ratings:
                self._about({"groundingMetadata": candidate.grounding, "safetyRatings": candidate.ratings})
            goes_on = True
            for word in candidate.content.parts if candidate.content is not None else ():
                origin = None if word.signature is None else Opaque(NAME, {"thoughtSignature": word.signature})
                self._say(Thinking if word.thought else Text, word.text, origin, deltas, goes_on=goes_on)
                goes_on = False

    def take(self, chunk: Chunk, raw: bytes, deltas: list[Delta]) -> None:
        """Add a piece of any kind."""
        self._head(chunk, raw)
        for block in chunk.candidates or ():
            if bytes(block.pop("index", b"0")) not in (b"0", b"null"):
                continue
            content = read_content(block.pop("content", b"null"))
            goes_on = True
            for part in (content.parts if content is not None else None) or ():
                self._part(part, deltas, goes_on=goes_on)
                goes_on = False
            self._about(block)

    def response(self) -> ModelResponse:
        """The answer, complete."""
        self._close_call([])
        parts = tuple(self._parts)
        counts = (read_usage(self._usage) if self._usage else None) or _NO_USAGE
        message = Message("assistant", parts, self._origin(counts))
        return ModelResponse(message, usage_of(counts), self._finish(parts), self._model, self._raw_id)

    def _head(self, chunk: WordChunk | Chunk, raw: bytes) -> None:
        if chunk.error is not None:
            raise error_in(chunk.error, raw)
        if chunk.usage_metadata:
            self._usage = chunk.usage_metadata
        if chunk.model_version:
            self._model = chunk.model_version
        if chunk.response_id:
            self._raw_id = chunk.response_id
        if chunk.prompt_feedback:
            self._feedback = self._feedback | chunk.prompt_feedback
        self.begun = self.begun or bool(chunk.candidates) or self.ended

    def _part(self, block: Block, deltas: list[Delta], *, goes_on: bool) -> None:
        if is_partial(block, self._partial):
            self._grow_call(block, deltas)
            return
        self._close_call(deltas)
        part = part_of(block, self._call_id, self._call_id)
        if isinstance(part, Text | Thinking):
            self._say(type(part), part.text, part.origin, deltas, goes_on=goes_on)
        elif isinstance(part, ToolCall):
            self._add_call(part, deltas)
        else:
            self._parts.add(part, goes_on=goes_on)

    def _say(
        self,
        kind: type[Text | Thinking],
        text: str,
        origin: Opaque | None,
        deltas: list[Delta],
        *,
        goes_on: bool,
    ) -> None:
        if self._partial is not None:
            self._close_call(deltas)
        self._parts.say(kind, text, origin, goes_on=goes_on)
        if text:
            deltas.append(TextDelta(text) if kind is Text else ThinkingDelta(text))

    def _call_id(self, given: str, name: str) -> str:
        if given:
            return given
        if self._raw_id:
            return made_id(self._raw_id, self._calls, name)
        # Old models give answers no id: the size of the prompt tells the turns of a conversation apart.
        counts = (read_usage(self._usage) if self._usage else None) or _NO_USAGE
        return made_id(f"prompt {counts.prompt_token_count}", self._calls, name)

    def _add_call(self, call: ToolCall, deltas: list[Delta]) -> None:
        self._parts.add(call, goes_on=False)
        deltas.append(ToolCallDelta(self._calls, call.id, call.name, call.arguments))
        self._calls += 1

    def _grow_call(self, block: Block, deltas: list[Delta]) -> None:
        self._parts.stop()
        if self._partial is None:
            self._partial = PartialCall()
        if self._partial.grow(block):
            self._close_call(deltas)

    def _close_call(self, deltas: list[Delta]) -> None:
        partial, self._partial = self._partial, None
        if partial is not None and (block := partial.whole()) is not None:
            self._part(block, deltas, goes_on=False)

    def _about(self, block: Block) -> None:
        for key, raw in block.items():
            value = anything(raw) if raw else None
            if key == "finishReason":
                self._reason = value if isinstance(value, str) and value else self._reason
            elif value not in _SILENT and key != FORM:
                self._extra[key] = value

    def _finish(self, parts: tuple[Part, ...]) -> Finish | None:
        if not self._reason:
            return "content_filter" if self._feedback.get("blockReason") else None
        finish = FINISHES.get(self._reason, "other")
        if finish == "stop" and any(isinstance(part, ToolCall) for part in parts):
            return "tool_calls"
        return finish

    def _origin(self, counts: WireUsage) -> Opaque | None:
        # The journal grows with every answer, so what `finish` says is not kept again.
        data = self._extra
        if self._reason == "STOP":
            data.pop("finishMessage", None)
        elif self._reason not in _ORDINARY:
            data["finishReason"] = self._reason
        if self._feedback:
            data["promptFeedback"] = self._feedback
        if counts.tool_use_prompt_token_count:
            data["usageMetadata"] = {"toolUsePromptTokenCount": counts.tool_use_prompt_token_count}
        return Opaque(NAME, data) if data else None


_ORDINARY = frozenset({"", "MAX_TOKENS", "SAFETY", "FINISH_REASON_UNSPECIFIED"})


def usage_of(counts: WireUsage) -> Usage:
    """Token counts in disjoint buckets; counts that contradict each other are cut, never negative.

    What tools on the provider's side put into the prompt (`toolUsePromptTokenCount`) is no part of what was sent, and
    is kept in the message's origin.
    """
    prompt = max(counts.prompt_token_count or 0, 0)
    cached = min(max(counts.cached_content_token_count or 0, 0), prompt)
    output = max(counts.candidates_token_count or 0, 0)
    reasoning = max(counts.thoughts_token_count or 0, 0)
    return Usage(prompt - cached, cached, 0, output, reasoning)
