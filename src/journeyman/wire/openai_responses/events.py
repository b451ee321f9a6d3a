"""Our answers as OpenAI's server would stream them."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from ...data import Delta, JsonObject, ModelResponse, TextDelta, ThinkingDelta, ToolCallDelta
from ..dialect import UNSTAMPED, Stamp
from ..shapes import json_of, string_of
from .names import INCOMPLETE
from .reading import made_up
from .rendering import error_json, final, head_of, id_of, output_of
from .spelling import blocks_of
from .writing import call_id


class _Speech(NamedTuple):
    """How words of one kind are streamed: the names of their events, the key that counts them, the part they make up."""

    part: str
    words: str
    counter: str
    key: str
    empty: JsonObject


_TEXT = _Speech(
    "response.content_part",
    "response.output_text",
    "content_index",
    "text",
    {"type": "output_text", "text": "", "annotations": [], "logprobs": []},
)
_REFUSAL = _Speech(
    "response.content_part", "response.refusal", "content_index", "refusal", {"type": "refusal", "refusal": ""}
)
_SUMMARY = _Speech(
    "response.reasoning_summary_part",
    "response.reasoning_summary_text",
    "summary_index",
    "text",
    {"type": "summary_text", "text": ""},
)
_SPEECHES = {"output_text": _TEXT, "refusal": _REFUSAL, "summary_text": _SUMMARY}
_ARGUMENTS = "response.function_call_arguments"

_PARTS = {"message": ("content", _TEXT), "reasoning": ("summary", _SUMMARY)}
"""The items that hold words: under which key, and what deltas of ours make of them."""


class _Open:
    """An item that is still growing; `head` is what its deltas begin with."""

    __slots__ = ("head", "index", "item", "kind", "pieces")

    def __init__(self, index: int, item: JsonObject) -> None:
        self.index = index
        self.item = item
        self.kind = string_of(item.get("type"))
        self.head = b""
        self.pieces: list[str] = []

    @property
    def place(self) -> JsonObject:
        return {"item_id": self.item.get("id"), "output_index": self.index}

    def grows_by(self, kind: str, place: JsonObject) -> None:
        """From here on deltas are of this kind."""
        self.head = b"event: %b\ndata: %b" % (kind.encode(), json_of({"type": kind, **place})[:-1])


class ResponsesRenderer:
    """Writes one answer as a stream of events.

    Deltas say less than parts. What they leave out (ids, encrypted thoughts, citations, items of the provider's own)
    comes with `finish`: items that no delta told of follow the others, and the last event holds the whole answer in its
    own order. An item keeps the id with which it was begun in all its own events, as clients put them together by it.
    """

    def __init__(self, stamp: Stamp = UNSTAMPED) -> None:
        self._stamp = stamp
        self._raw_id = id_of(stamp)
        self._head: JsonObject | None = None
        self._out: list[bytes] = []
        self._sequence = 0
        self._items = 0
        # The kinds of the items that deltas told of, in their order.
        self._kinds: list[str] = []
        self._open: list[_Open] = []
        self._calls: dict[int, _Open] = {}

    def feed(self, delta: Delta) -> bytes:
        """The events of one delta, and before the first of them the head of the answer."""
        match delta:
            case TextDelta(text):
                self._speak("message", text)
            case ThinkingDelta(text):
                self._speak("reasoning", text)
            case ToolCallDelta():
                self._grow(self._calls.get(delta.index) or self._begin_call(delta), delta.arguments)
            case _:
                assert_never(delta)
        return self._flushed()

    def finish(self, response: ModelResponse) -> bytes:
        """All that is left to say; an answer that was never fed comes whole."""
        if self._head is None:
            self._raw_id = response.raw_id or self._raw_id
        head = self._begin(response.model)
        self._close_all()
        output = output_of(response.message, self._raw_id)
        for item in self._untold(output):
            self._whole(item)
        kind = "incomplete" if response.finish in INCOMPLETE else "completed"
        self._event(f"response.{kind}", response=final(head, response, output))
        return self._flushed()

    def fail(self, status: int, message: str) -> bytes:
        """The event that tells of an error after the answer has begun."""
        # The reference has its keys beside `type`; the API sends them in an object too, where clients look for them.
        error = error_json(status, message)
        self._event("error", code=error["type"], message=message, param=None, error=error)
        return self._flushed()

    def _flushed(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _event(self, kind: str, **keys: object) -> None:
        value = {"type": kind, **keys, "sequence_number": self._sequence}
        self._sequence += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), json_of(value)))

    def _begin(self, model: str = "") -> JsonObject:
        if self._head is None:
            self._head = head_of(self._raw_id, model or self._stamp.model, self._stamp)
            self._event("response.created", response=self._head)
            self._event("response.in_progress", response=self._head)
        return self._head

    def _begin_item(self, item: JsonObject) -> _Open:
        self._event("response.output_item.added", output_index=self._items, item=item)
        self._items += 1
        return _Open(self._items - 1, item)

    def _begin_told(self, kind: str, prefix: str, keys: JsonObject) -> _Open:
        self._begin()
        if kind != "function_call" or any(opened.kind != kind for opened in self._open):
            # Calls stay open together, since there are models that write several at a time.
            self._close_all()
        name = made_up(prefix, self._raw_id, self._kinds.count(kind))
        self._kinds.append(kind)
        self._open.append(self._begin_item({"id": name, "type": kind, **keys}))
        return self._open[-1]

    def _begin_part(self, opened: _Open, number: int, speech: _Speech) -> None:
        place = {**opened.place, speech.counter: number}
        self._event(f"{speech.part}.added", **place, part=speech.empty)
        opened.grows_by(f"{speech.words}.delta", {**place, **({"logprobs": []} if speech is _TEXT else {})})

    def _begin_call(self, delta: ToolCallDelta) -> _Open:
        keys = {"status": "in_progress", "call_id": call_id(delta.id), "name": delta.name, "arguments": ""}
        call = self._calls[delta.index] = self._begin_told("function_call", "fc", keys)
        call.grows_by(f"{_ARGUMENTS}.delta", call.place)
        return call

    def _speak(self, kind: str, text: str) -> None:
        if not text:
            return
        if not self._open or self._open[-1].kind != kind:
            if kind == "message":
                opened = self._begin_told(kind, "msg", {"status": "in_progress", "role": "assistant", "content": []})
            else:
                opened = self._begin_told(kind, "rs", {"summary": []})
            self._begin_part(opened, 0, _PARTS[kind][1])
        self._grow(self._open[-1], text)

    def _grow(self, opened: _Open, text: str) -> None:
        # This is the hot path of every stream that we serve: one formatting, and JSON only for the words.
        if text:
            opened.pieces.append(text)
            self._out.append(b'%b,"delta":%b,"sequence_number":%d}\n\n' % (opened.head, json_of(text), self._sequence))
            self._sequence += 1

    def _end_part(self, opened: _Open, number: int, speech: _Speech, part: JsonObject) -> None:
        place = {**opened.place, speech.counter: number}
        logprobs = {"logprobs": part.get("logprobs", [])} if speech is _TEXT else {}
        self._event(f"{speech.words}.done", **place, **{speech.key: part[speech.key]}, **logprobs)
        self._event(f"{speech.part}.done", **place, part=part)

    def _end_item(self, opened: _Open, item: JsonObject) -> None:
        if opened.kind == "function_call":
            self._event(f"{_ARGUMENTS}.done", **opened.place, name=item["name"], arguments=item["arguments"])
        self._event("response.output_item.done", output_index=opened.index, item=item)

    def _close_all(self) -> None:
        for opened in self._open:
            text = "".join(opened.pieces)
            item = {**opened.item, "status": "completed"} if "status" in opened.item else dict(opened.item)
            if opened.kind == "function_call":
                item["arguments"] = text
            else:
                held, speech = _PARTS[opened.kind]
                part: JsonObject = {**speech.empty, speech.key: text}
                item[held] = [part]
                self._end_part(opened, 0, speech, part)
            self._end_item(opened, item)
        self._open.clear()

    def _untold(self, output: list[JsonObject]) -> list[JsonObject]:
        """The items that no delta told of.

        Words that follow each other made one item, and so did those with nothing but untold items between them.
        """
        untold: list[JsonObject] = []
        told, last = 0, ""
        for item in output:
            # Thoughts without a summary are told by no delta.
            kind = "" if item.get("summary") == [] else string_of(item.get("type"))
            if kind and told < len(self._kinds) and self._kinds[told] == kind:
                told += 1
                last = kind
            elif kind != last or kind not in _PARTS:
                untold.append(item)
        return untold

    def _whole(self, item: JsonObject) -> None:
        kind = string_of(item.get("type"))
        if kind == "function_call":
            opened = self._begin_item({**item, "status": "in_progress", "arguments": ""})
            opened.grows_by(f"{_ARGUMENTS}.delta", opened.place)
            self._grow(opened, item["arguments"])
        elif kind in _PARTS:
            held = _PARTS[kind][0]
            opened = self._begin_item({**item, held: []})
            for number, part in enumerate(blocks_of(item.get(held)) or ()):
                self._whole_part(opened, number, part)
        else:
            opened = self._begin_item(item)
        self._end_item(opened, item)

    def _whole_part(self, opened: _Open, number: int, part: JsonObject) -> None:
        speech = _SPEECHES.get(string_of(part.get("type")))
        if speech is not None and isinstance(text := part.get(speech.key), str):
            self._begin_part(opened, number, speech)
            self._grow(opened, text)
            self._end_part(opened, number, speech, part)
        else:
            place = {**opened.place, "content_index": number}
            self._event("response.content_part.added", **place, part=part)
            self._event("response.content_part.done", **place, part=part)
