"""The event view of a run: what an interface shows while the run is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec

from ..data import Progress, TextDelta, Thinking, ThinkingDelta, ToolCall, ToolCallDelta, ToolResult
from ..journal import ModelRequested, ModelResponded, RunFailed, RunFinished, ToolFinished, ToolResolved, ToolStarted
from .feed import Batch, Item


class _Event(msgspec.Struct, frozen=True, tag_field="kind"):
    """What every event has: its `kind`."""

    kind: ClassVar[str]


class LlmChunk(_Event, frozen=True, tag="llm_chunk"):
    """More words of an answer."""

    kind: ClassVar[str] = "llm_chunk"
    text: str


class ThinkingChunk(_Event, frozen=True, tag="thinking_chunk"):
    """More of a model's reasoning."""

    kind: ClassVar[str] = "thinking_chunk"
    text: str


class ToolStart(_Event, frozen=True, tag="tool_start"):
    """A tool begins; `arguments` is the JSON text that the model wrote."""

    kind: ClassVar[str] = "tool_start"
    call_id: str
    name: str
    arguments: str


class ToolEnd(_Event, frozen=True, tag="tool_end"):
    """A tool ended, well or badly, or somebody outside said what a waiting call came to."""

    kind: ClassVar[str] = "tool_end"
    call_id: str
    name: str
    result: str
    is_error: bool
    duration_ms: float


class ToolProgress(_Event, frozen=True, tag="progress"):
    """A tool tells how far it has come."""

    kind: ClassVar[str] = "progress"
    call_id: str
    message: str
    fraction: float | None


class PartialResult(_Event, frozen=True, tag="partial_result"):
    """The fields of a structured output that are complete so far, unchecked."""

    kind: ClassVar[str] = "partial_result"
    value: Any


class Failed(_Event, frozen=True, tag="error"):
    """The run ended with an error."""

    kind: ClassVar[str] = "error"
    type: str
    message: str


class Output(_Event, frozen=True, tag="output"):
    """The run's output."""

    kind: ClassVar[str] = "output"
    value: Any


OutputOf = Callable[[Any, str], Any]
"""The output as its user's type, from what `RunFinished` holds and the last answer's text."""


def plain_output(stored: Any, text: str) -> Any:
    """The output as the journal holds it, for readers that do not know the agent."""
    return text if stored is None else stored


Event = LlmChunk | ThinkingChunk | ToolStart | ToolEnd | ToolProgress | PartialResult | Failed | Output


class EventView:
    """Turns facts and glimpses into events, one by one and in order.

    Words that came as glimpses do not come again with the fact; what the glimpses lacked does. `partial` reads unfinished
    JSON and is asked at most once a batch of glimpses.
    """

    def __init__(
        self,
        output_of: OutputOf = plain_output,
        *,
        partial: Callable[[str], Any] | None = None,
        output_tool: str | None = None,
    ) -> None:
        self._output_of = output_of
        self._partial = partial
        self._output_tool = output_tool
        self._calls: dict[str, ToolCall] = {}
        self._started: dict[str, ToolStarted] = {}
        self._answer = ""
        self._text = 0
        self._thinking = 0
        self._json: list[str] = []
        self._in_output: int | None = None
        self._shown: Any = None

    def of(self, batch: Batch) -> Iterator[Event]:
        """The events of one batch."""
        json_before = len(self._json)
        for item in batch:
            yield from self._of(item)
        if self._partial is not None and len(self._json) > json_before:
            value = self._partial("".join(self._json))
            if value and value != self._shown:
                self._shown = value
                yield PartialResult(value)

    def _of(self, item: Item) -> Iterator[Event]:
        match item:
            case TextDelta(text):
                self._text += len(text)
                if self._partial is not None and self._output_tool is None:
                    self._json.append(text)
                yield LlmChunk(text)
            case ThinkingDelta(text):
                self._thinking += len(text)
                yield ThinkingChunk(text)
            case ToolCallDelta():
                self._collect(item)
            case Progress():
                yield ToolProgress(item.call_id, item.message, item.fraction)
            case _:
                yield from self._of_fact(item)

    def _of_fact(self, fact: Item) -> Iterator[Event]:
        match fact:
            case ModelRequested():
                self._begin_answer()
            case ModelResponded():
                yield from self._rest_of(fact)
            case ToolStarted():
                self._started[fact.call_id] = fact
                call = self._calls.get(fact.call_id)
                yield ToolStart(fact.call_id, fact.name, call.arguments if call else "{}")
            case ToolFinished(result=result) | ToolResolved(result=ToolResult() as result):
                yield self._tool_end(fact.at, result)
            case RunFinished(reason="output"):
                yield Output(self._output_of(fact.output, self._answer))
            case RunFailed():
                yield Failed(fact.failure.type, fact.failure.message)
            case _:
                return

    def _begin_answer(self) -> None:
        self._text = self._thinking = 0
        self._json = []
        self._in_output = None
        self._shown = None

    def _collect(self, delta: ToolCallDelta) -> None:
        if delta.name and delta.name == self._output_tool:
            self._in_output = delta.index
            self._json = []
        if delta.arguments and delta.index == self._in_output and self._partial is not None:
            self._json.append(delta.arguments)

    def _rest_of(self, fact: ModelResponded) -> Iterator[Event]:
        message = fact.response.message
        self._answer = message.text
        self._calls = {call.id: call for call in message.tool_calls}
        thinking = "".join(part.text for part in message.only(Thinking))
        if len(thinking) > self._thinking:
            yield ThinkingChunk(thinking[self._thinking :])
        if len(message.text) > self._text:
            yield LlmChunk(message.text[self._text :])
        self._begin_answer()

    def _tool_end(self, at: int, result: ToolResult) -> ToolEnd:
        # A reader whose cursor is behind the answer knows the name from the start of the call alone.
        started = self._started.pop(result.call_id, None)
        known = self._calls.get(result.call_id) or started
        duration = 0.0 if started is None else (at - started.at) / 1000
        return ToolEnd(result.call_id, known.name if known else "", result.text, result.is_error, duration)
