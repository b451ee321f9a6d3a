"""The words that an open model writes, taken apart: thoughts, words, tool calls. No wire does it for a model in this process.

The marks are those of the chat templates that are most used: `<think>` (Qwen, DeepSeek and many others), `<tool_call>`
around an object (Hermes, Qwen), `[TOOL_CALLS]` before a list (Mistral), or nothing but the object or the list (Llama 3).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, cast

import msgspec

from ..data import Delta, Opaque, Part, Text, TextDelta, Thinking, ThinkingDelta, ToolCall, ToolCallDelta

NAME = "in_process"
"""Whose thoughts these are; no wire takes them for its own."""

_State = Literal["text", "thinking", "call", "calls"]

_OPENINGS: dict[str, _State] = {"<think>": "thinking", "<tool_call>": "call", "[TOOL_CALLS]": "calls"}
_CLOSINGS = {"thinking": "</think>", "call": "</tool_call>", "calls": "\0"}

_read = msgspec.json.Decoder().decode
_write = msgspec.json.encode


class Answer:
    """One answer as it is written, piece by piece.

    `tools` are the names of those that may be called, `ids` is what the ids of calls begin with.
    """

    def __init__(self, tools: Collection[str], *, ids: str = "call") -> None:
        self._tools = tools
        self._ids = ids
        self._state: _State = "text"
        self._held = ""
        # Up to where no mark can begin, so that long arguments are not searched again with every piece.
        self._searched = 0
        self._said: list[str] = []
        self._parts: list[Part] = []
        self._calls = 0
        # What begins like JSON may be a call, and is shown only when it is known to be none.
        self._may_be_call = bool(tools)
        self._holds = False

    def think(self) -> None:
        """Begin with thoughts: the template has opened them already, and only their end is written."""
        self._state = "thinking"

    def feed(self, piece: str) -> list[Delta]:
        """More of it; gives what can be shown."""
        self._held += piece
        deltas: list[Delta] = []
        while self._step(deltas):
            pass
        return deltas

    def finish(self) -> tuple[list[Delta], tuple[Part, ...]]:
        """What was held back, and the parts of the whole."""
        deltas: list[Delta] = []
        held, self._held = self._held, ""
        if self._holds or self._state in ("call", "calls"):
            self._call(held, deltas)
        else:
            self._say(held, deltas)
        self._close()
        return deltas, tuple(self._parts)

    def _step(self, deltas: list[Delta]) -> bool:
        """Deal with what is held as far as it is clear; whether there is more to deal with."""
        if self._state == "text":
            return not self._is_held_back() and self._until(tuple(_OPENINGS), deltas)
        closing = _CLOSINGS[self._state]
        if self._state == "thinking":
            return self._until((closing,), deltas)
        at = self._held.find(closing, self._searched)
        if at < 0:
            self._searched = max(0, len(self._held) - len(closing))
            return False
        before, after = self._held[:at], self._held[at + len(closing) :]
        self._call(before, deltas)
        self._held, self._searched = after, 0
        return True

    def _until(self, marks: tuple[str, ...], deltas: list[Delta]) -> bool:
        """Say what is before the first of these marks, and go on behind it."""
        found = [(at, mark) for mark in marks if (at := self._held.find(mark)) >= 0]
        if found:
            at, mark = min(found)
            self._say(self._held[:at], deltas)
            self._close()
            self._held, self._searched = self._held[at + len(mark) :], 0
            self._state = _OPENINGS.get(mark, "text")
            return True
        # The end may be the beginning of a mark.
        sizes = (size for mark in marks for size in range(1, len(mark)) if self._held.endswith(mark[:size]))
        clear = len(self._held) - max(sizes, default=0)
        self._say(self._held[:clear], deltas)
        self._held = self._held[clear:]
        return False

    def _is_held_back(self) -> bool:
        if self._holds or not self._may_be_call:
            return self._holds
        start = self._held.lstrip()[: len("[TOOL_CALLS]")]
        if not start:
            return True
        if start[0] == "[" and "[TOOL_CALLS]".startswith(start):
            # It may become that mark.
            return start != "[TOOL_CALLS]"
        self._holds = start[0] in "{["
        # Only an answer that begins so can be a call without marks.
        self._may_be_call = False
        return self._holds

    def _say(self, words: str, deltas: list[Delta]) -> None:
        if not words:
            return
        self._said.append(words)
        deltas.append(ThinkingDelta(words) if self._state == "thinking" else TextDelta(words))

    def _close(self) -> None:
        words = "".join(self._said)
        self._said = []
        if self._state == "thinking" and words.strip():
            self._parts.append(Thinking(words.strip(), Opaque(NAME, {})))
        elif self._state == "text" and words.strip():
            self._parts.append(Text(words.strip("\n")))

    def _call(self, text: str, deltas: list[Delta]) -> None:
        calls = _calls_in(text, self._tools, strict=self._holds)
        self._state, self._holds = "text", False
        if not calls:
            # It was none; better shown than lost.
            self._say(text, deltas)
        for name, arguments in calls:
            call_id = f"{self._ids}_{self._calls}"
            self._parts.append(ToolCall(call_id, name, arguments))
            deltas.append(ToolCallDelta(self._calls, call_id, name, arguments))
            self._calls += 1


def _calls_in(text: str, tools: Collection[str], *, strict: bool) -> list[tuple[str, str]]:
    """Names and arguments; with `strict` only if all of it are calls of known tools."""
    try:
        value: object = _read(text.strip().encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return []
    rows = cast("list[object]", value) if isinstance(value, list) else [value]
    calls = [_call_in(row) for row in rows]
    if not all(calls) or (strict and any(call[0] not in tools for call in calls if call)):
        return []
    return [call for call in calls if call]


def _call_in(row: object) -> tuple[str, str] | None:
    if not isinstance(row, dict):
        return None
    call = cast("dict[str, Any]", row)
    name, arguments = call.get("name"), call.get("arguments", call.get("parameters", {}))
    if not isinstance(name, str) or not name:
        return None
    return name, arguments if isinstance(arguments, str) else _write(arguments).decode()
