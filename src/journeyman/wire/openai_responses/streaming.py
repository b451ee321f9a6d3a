"""Answers of the Responses API that come in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ...data import Delta, JsonObject, ModelResponse, ProviderError, TextDelta, ThinkingDelta, ToolCallDelta
from ..shapes import UNREADABLE, object_of, string_of
from ..sse import SseDecoder
from .answering import Answer, check, error_in, response_of
from .reading import Source
from .spelling import blocks_of


class _Event(msgspec.Struct, gc=False):
    """What most events hold; the others are read again by the type that they turned out to be of."""

    type: str = ""
    output_index: int = -1
    delta: Any = None


class _ItemEvent(msgspec.Struct):
    item: JsonObject | None = None


class _Stage(msgspec.Struct):
    response: Answer | None = None


class _Broken(msgspec.Struct):
    """An error, whose words stand in the event itself or in an object of it."""

    error: Any = None
    code: Any = None
    message: Any = None


_event = msgspec.json.Decoder(_Event).decode
_item_event = msgspec.json.Decoder(_ItemEvent).decode
_stage = msgspec.json.Decoder(_Stage).decode
_broken = msgspec.json.Decoder(_Broken).decode

# That a response in the background was cancelled is not among the documented ones.
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})

_WORDS: dict[str, Callable[[str], Delta]] = {
    "response.output_text.delta": TextDelta,
    "response.refusal.delta": TextDelta,
    "response.reasoning_summary_text.delta": ThinkingDelta,
}


class ResponsesDecoder:
    """Reads one streamed answer; gives up with `ProviderError` at the first event that cannot be."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        # By their places in the output: items that are whole, those that a delta told of, and which call they are.
        self._items: dict[int, JsonObject] = {}
        self._told: set[int] = set()
        self._calls: dict[int, int] = {}
        self._source = Source()
        self._answer: Answer | None = None

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas in the events that these bytes complete."""
        deltas: list[Delta] = []
        self._take(self._sse.feed(data), deltas)
        return deltas

    def finish(self) -> ModelResponse:
        """The answer; raises `ProviderError` of kind `stream` if it is not whole."""
        self._take(self._sse.close(), [])
        if self._answer is None:
            raise ProviderError("the stream ended before the answer did", kind="stream")
        try:
            return response_of(self._answer, self._output(self._answer.output or []))
        except UNREADABLE as error:
            raise ProviderError(f"the stream held an item that cannot be read: {error}", kind="stream") from error

    def _output(self, final: list[JsonObject]) -> list[JsonObject]:
        done = [self._items[index] for index in sorted(self._items)]
        if len(final) < len(done):
            # Some servers do not say everything once more.
            return done
        # Both hold the same items, but for encrypted thoughts: the event of the item has those that are meant to be sent
        # back (the API reference on `encrypted_content`).
        secrets = {string_of(item.get("id")): secret for item in done if (secret := item.get("encrypted_content"))}
        return [
            {**item, "encrypted_content": secret} if (secret := secrets.get(string_of(item.get("id")))) else item
            for item in final
        ]

    def _take(self, events: list[tuple[str, bytes]], deltas: list[Delta]) -> None:
        payload = b""
        try:
            for name, payload in events:
                event = _event(payload)
                kind = event.type or name
                words = _WORDS.get(kind)
                if words is not None:
                    self._told.add(event.output_index)
                    deltas.append(words(_text(event.delta)))
                elif kind == "response.function_call_arguments.delta":
                    self._grow_call(event, deltas)
                else:
                    self._turn(kind, event.output_index, payload, deltas)
        except UNREADABLE as error:
            # Vendors close with the mark of another wire, which says nothing here.
            if payload == b"[DONE]":
                return
            body = payload.decode("utf-8", "replace")
            raise ProviderError(f"the stream held an unreadable event: {error}", kind="stream", body=body) from error

    def _grow_call(self, event: _Event, deltas: list[Delta]) -> None:
        call = self._calls.get(event.output_index)
        if call is None:
            raise msgspec.ValidationError(f"arguments for item {event.output_index}, which was never begun")
        self._told.add(event.output_index)
        deltas.append(ToolCallDelta(call, arguments=_text(event.delta)))

    def _turn(self, kind: str, index: int, payload: bytes, deltas: list[Delta]) -> None:
        match kind:
            case "response.output_item.added":
                begun = _item_event(payload).item or {}
                if begun.get("type") == "function_call":
                    self._begin_call(index, begun, deltas)
            case "response.output_item.done":
                if (item := _item_event(payload).item) is not None:
                    self._items[index] = item
                    self._tell(index, item, deltas)
            case "response.created":
                head = _stage(payload).response or Answer()
                self._source = Source(head.id, head.model)
            case "error":
                broken = _broken(payload)
                raise error_in(broken.error or {"code": broken.code, "message": broken.message}, payload)
            case _ if kind in _ENDS:
                self._end(kind, payload, deltas)
            case _:
                # Other stages, ends of parts, progress of the provider's tools, and what is yet to come.
                return

    def _end(self, kind: str, payload: bytes, deltas: list[Delta]) -> None:
        answer = self._answer = _stage(payload).response or Answer()
        if answer.status is None:
            answer.status = kind.removeprefix("response.")
        check(answer, payload)
        if not self._items and not self._told:
            # A server that says it all at the end is still heard.
            for index, item in enumerate(answer.output or ()):
                self._tell(index, item, deltas)

    def _begin_call(self, index: int, item: JsonObject, deltas: list[Delta]) -> None:
        self._calls[index] = len(self._calls)
        call_id = self._source.call_id(string_of(item.get("call_id")))
        deltas.append(ToolCallDelta(self._calls[index], call_id, string_of(item.get("name"))))

    def _tell(self, index: int, item: JsonObject, deltas: list[Delta]) -> None:
        """The deltas of an item that none has told of."""
        if index in self._told:
            return
        match item.get("type"):
            case "function_call":
                if index not in self._calls:
                    self._begin_call(index, item, deltas)
                deltas.append(ToolCallDelta(self._calls[index], arguments=string_of(item.get("arguments"))))
            case "message":
                blocks = blocks_of(item.get("content")) or ()
                words = (string_of(block.get("text")) or string_of(block.get("refusal")) for block in blocks)
                deltas += map(TextDelta, filter(None, words))
            case "reasoning":
                summary = (string_of(object_of(block).get("text")) for block in blocks_of(item.get("summary")) or ())
                deltas += map(ThinkingDelta, filter(None, summary))
            case _:
                return


def _text(delta: object) -> str:
    if not isinstance(delta, str):
        raise msgspec.ValidationError("a delta is no text")
    return delta
