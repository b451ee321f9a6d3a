"""The pieces of an answer: what is read of a whole one and of an event of a streamed one, and the calls that they add up to.

Types are strict only where a wrong one would leave nothing to read; everything else is looked at when it is there.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from ...data import Delta, JsonObject, Opaque, ToolCall, ToolCallDelta
from ..shapes import UNREADABLE, json_of, object_of
from .names import CUSTOM, LEGACY, NAME, legacy_id


class WireFunction(msgspec.Struct, gc=False):
    """A function's arguments, or the free text for a custom tool."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    input: str | None = None


class WireCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None
    custom: WireFunction | None = None
    extra_content: Any = None


class WireMessage(msgspec.Struct, gc=False):
    """A whole message, or more of it."""

    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[WireCall] | None = None
    refusal: str | None = None
    function_call: WireFunction | None = None
    reasoning_details: Any = None
    extra_content: Any = None
    images: Any = None
    audio: Any = None
    annotations: Any = None


class WireChoice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: WireMessage | None = None
    message: WireMessage | None = None
    finish_reason: Any = None
    error: Any = None
    usage: Any = None


class Chunk(msgspec.Struct, gc=False):
    """A whole answer, or one event of a streamed one."""

    id: Any = None
    model: Any = None
    created: Any = None
    choices: list[WireChoice] | None = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None
    # Where Perplexity and xAI say what they read.
    citations: Any = None
    search_results: Any = None
    # Of an error that stands where an answer should.
    message: Any = None


read_chunk = msgspec.json.Decoder(Chunk).decode

_NO_FUNCTION = WireFunction()
_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Call(msgspec.Struct):
    index: int
    given_id: str
    id: str
    name: str
    kind: Literal["function", "custom", "function_call"]
    pieces: list[str]
    extra_content: JsonObject

    def complete(self) -> bool:
        """Whether the arguments are a JSON object, so that nothing can follow."""
        # Joining is for what looks like an end: some vendors repeat the name with every piece of long arguments.
        if not self.pieces or not self.pieces[-1].rstrip().endswith("}"):
            return False
        try:
            _read_object("".join(self.pieces))
        except UNREADABLE:
            return False
        return True

    def part(self) -> ToolCall:
        arguments = "".join(self.pieces)
        origin: JsonObject = {}
        if self.kind == "custom":
            arguments = json_of({"input": arguments}).decode()
            origin[CUSTOM] = True
        elif self.kind == "function_call":
            origin[LEGACY] = True
        if self.extra_content:
            origin["extra_content"] = self.extra_content
        return ToolCall(self.id, self.name, arguments or "{}", Opaque(NAME, origin) if origin else None)


class Calls:
    """The calls of one answer; `about` tells this answer from others and is set before the first of them."""

    def __init__(self) -> None:
        self.about = ""
        self._calls: list[_Call] = []
        self._legacy: _Call | None = None
        self._by_index: dict[int, _Call] = {}
        self._by_given: dict[str, _Call] = {}

    def add(self, wire: WireCall, deltas: list[Delta], *, whole: bool) -> None:
        """Add a call, or more of one."""
        function = wire.custom or wire.function or _NO_FUNCTION
        piece = _words(function)
        call = None if whole else self._known(wire, function.name, piece)
        if call is None:
            call = self._begin(wire.id or "", function.name or "", "function" if wire.custom is None else "custom")
            if wire.index is not None:
                self._by_index[wire.index] = call
            delta = ToolCallDelta(call.index, call.id, call.name, piece)
        elif call.name or not function.name:
            delta = ToolCallDelta(call.index, arguments=piece)
        else:
            call.name = function.name
            delta = ToolCallDelta(call.index, "", call.name, piece)
        if piece:
            call.pieces.append(piece)
        if wire.extra_content:
            call.extra_content = object_of(wire.extra_content)
        # A custom tool's text is JSON for us only when it is whole.
        if call.kind == "function" and (delta.id or delta.name or delta.arguments):
            deltas.append(delta)

    def add_legacy(self, function: WireFunction) -> None:
        """Add the one call of the wire's first form, or more of it; it is shown when it is whole."""
        if self._legacy is None:
            name = function.name or ""
            self._legacy = self._begin(legacy_id(name), name, "function_call")
        self._legacy.pieces.append(_words(function))

    def parts(self) -> list[ToolCall]:
        """The calls, in the order in which they began."""
        return [call.part() for call in self._calls]

    def _known(self, wire: WireCall, name: str | None, piece: str) -> _Call | None:
        """The call that a piece continues; vendors leave out the index or the id, or repeat either."""
        if wire.index is not None:
            call = self._by_index.get(wire.index)
        elif wire.id:
            call = self._by_given.get(wire.id)
        else:
            call = None if name or not self._calls else self._calls[-1]
        if call is None or not name:
            return call
        # A name again, with another id, or with arguments where they were complete: the next call begins. White space
        # is none: llama-cpp-python repeats the name with every piece, and its grammar lets blanks follow the object.
        another = (wire.id and wire.id != call.given_id) or (piece.strip() and call.complete())
        return None if another else call

    def _begin(self, given: str, name: str, kind: Literal["function", "custom", "function_call"]) -> _Call:
        index = len(self._calls)
        call = _Call(index, given, given, name, kind, [], {})
        if not given or given in self._by_given:
            # Made of what stands in the answer, so that reading it again gives the same id.
            digest = hashlib.sha256(f"{self.about} {index} {name}".encode("utf-8", "replace")).hexdigest()
            call.id = f"call_{digest[:24]}"
        self._by_given[given] = call
        self._calls.append(call)
        return call


def _words(function: WireFunction) -> str:
    if isinstance(function.arguments, dict):
        return json_of(function.arguments).decode()
    return function.arguments or function.input or ""
