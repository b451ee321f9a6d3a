"""The event view of a run: what an interface shows while the run is at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, assert_never

import msgspec

from ..data import Glimpse, Progress, TextDelta, Thinking, ThinkingDelta, ToolCall, ToolCallDelta, ToolResult
from ..journal import (
    Fact,
    ModelHedged,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    RunFailed,
    RunFinished,
    Stamped,
    ToolCalled,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolPrepared,
    ToolResolved,
    ToolStarted,
    rejection,
)
from .feed import Batch


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
    """A tool begins; `arguments` is the JSON text that the model wrote, or the program that the call `parent` runs."""

    kind: ClassVar[str] = "tool_start"
    call_id: str
    name: str
    arguments: str
    parent: str = ""


class ToolEnd(_Event, frozen=True, tag="tool_end"):
    """A tool ended, well or badly, or somebody outside said what a waiting call came to."""

    kind: ClassVar[str] = "tool_end"
    call_id: str
    name: str
    result: str
    is_error: bool
    duration_ms: float


class ToolWaiting(_Event, frozen=True, tag="tool_waiting"):
    """A call waits for somebody outside: for its outcome, an approval, or (`in_doubt`) for word of what happened.

    `response` is what the user can be told at once; `reason` is `child` where a run below waits, whose events are its own.
    """

    kind: ClassVar[str] = "tool_waiting"
    call_id: str
    name: str
    arguments: str
    reason: str
    info: Any
    response: str


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


class Retrying(_Event, frozen=True, tag="retrying"):
    """A request failed with `message` and is sent again in `delay` seconds, as attempt number `attempt`."""

    kind: ClassVar[str] = "retrying"
    model: str
    attempt: int
    delay: float
    message: str


class Switched(_Event, frozen=True, tag="switched"):
    """Another model takes over a request; `message` is what was wrong with the one before, empty where it was too slow."""

    kind: ClassVar[str] = "switched"
    model: str
    message: str


class Hedging(_Event, frozen=True, tag="hedging"):
    """A request that gave nothing for `delay` seconds is sent a second time, beside the first."""

    kind: ClassVar[str] = "hedging"
    model: str
    delay: float


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


Event = (
    LlmChunk
    | ThinkingChunk
    | ToolStart
    | ToolEnd
    | ToolWaiting
    | ToolProgress
    | PartialResult
    | Retrying
    | Switched
    | Hedging
    | Failed
    | Output
)


class EventView:
    """Turns facts and glimpses into events, one by one and in order.

    Words that came as glimpses do not come again with the fact; what the glimpses lacked does. `partial` reads unfinished
    JSON and is asked at most once a batch of glimpses, less often the longer the text is.
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
        self._parents: dict[str, str] = {}
        self._started: dict[str, ToolStarted] = {}
        self._answer = ""
        self._text = 0
        self._thinking = 0
        self._json: list[str] = []
        self._length = self._looked = 0
        self._in_output: int | None = None
        self._shown: Any = None

    def of(self, batch: Batch) -> list[Event]:
        """The events of one batch."""
        events: list[Event] = []
        for item in batch:
            events += self._of_fact(item) if isinstance(item, Stamped) else self._of_glimpse(item)
        # Each look reads the whole text, so a long one is looked at when it has grown by a part of its length.
        if self._partial is not None:
            events += self._look(self._looked // 32)
        return events

    def catch_up(self, facts: Sequence[Fact]) -> None:
        """Take in what happened before, and tell nothing of it."""
        self.of(facts)

    def _look(self, unread: int) -> tuple[PartialResult, ...]:
        if self._partial is None or self._length - self._looked <= unread:
            return ()
        self._looked = self._length
        value = self._partial("".join(self._json))
        if not value or value == self._shown:
            return ()
        self._shown = value
        return (PartialResult(value),)

    def _of_glimpse(self, item: Glimpse) -> tuple[Event, ...]:
        match item:
            case TextDelta(text):
                self._text += len(text)
                if self._partial is not None and self._output_tool is None:
                    self._take_json(text)
                return (LlmChunk(text),)
            case ThinkingDelta(text):
                self._thinking += len(text)
                return (ThinkingChunk(text),)
            case ToolCallDelta():
                self._collect(item)
                return ()
            case Progress():
                return (ToolProgress(item.call_id, item.message, item.fraction),)
            case _:
                assert_never(item)

    def _of_fact(self, fact: Fact) -> Sequence[Event]:  # noqa: C901, PLR0911  (a table with a row per kind)
        match fact:
            case ModelRequested():
                self._begin_answer()
            case ModelResponded():
                return self._rest_of(fact)
            case ModelRetried() | ModelSwitched() | ModelHedged():
                return (_on_the_way(fact),)
            case ToolStarted():
                self._started[fact.call_id] = fact
                call = self._calls.get(fact.call_id)
                arguments = call.arguments if call else "{}"
                return (ToolStart(fact.call_id, fact.name, arguments, self._parents.get(fact.call_id, "")),)
            case ToolCalled():
                self._calls[fact.call_id] = ToolCall(fact.call_id, fact.name, fact.arguments)
                self._parents[fact.call_id] = fact.parent
            case ToolPending():
                return (self._waiting(fact),)
            case ToolPrepared() | ToolDecided():
                return self._decided(fact)
            case ToolFinished(result=result) | ToolResolved(result=ToolResult() as result):
                return (self._tool_end(fact.at, result),)
            case RunFinished(reason="output"):
                return (Output(self._output_of(fact.output, self._answer)),)
            case RunFailed():
                return (Failed(fact.failure.type, fact.failure.message),)
            case _:
                pass
        return ()

    def _waiting(self, fact: ToolPending) -> ToolWaiting:
        call = self._calls.get(fact.call_id)
        name, arguments = (call.name, call.arguments) if call else ("", "{}")
        return ToolWaiting(fact.call_id, name, arguments, fact.reason, fact.info, fact.response)

    def _decided(self, fact: ToolPrepared | ToolDecided) -> tuple[Event, ...]:
        call = self._calls.get(fact.call_id)
        if call is not None and fact.arguments is not None:
            self._calls[fact.call_id] = ToolCall(call.id, call.name, fact.arguments)
        if isinstance(fact, ToolDecided) and not fact.approved:
            return (self._tool_end(fact.at, ToolResult(fact.call_id, rejection(fact.reason), is_error=True)),)
        return ()

    def _begin_answer(self) -> None:
        self._text = self._thinking = 0
        self._in_output = None
        self._shown = None
        self._begin_json()

    def _begin_json(self) -> None:
        self._json = []
        self._length = self._looked = 0

    def _take_json(self, text: str) -> None:
        self._json.append(text)
        self._length += len(text)

    def _collect(self, delta: ToolCallDelta) -> None:
        if delta.name and delta.name == self._output_tool:
            self._in_output = delta.index
            self._begin_json()
        if delta.arguments and delta.index == self._in_output and self._partial is not None:
            self._take_json(delta.arguments)

    def _rest_of(self, fact: ModelResponded) -> list[Event]:
        message = fact.response.message
        events: list[Event] = []
        self._answer = message.text
        self._calls = {call.id: call for call in message.tool_calls}
        self._parents = {}
        thinking = "".join([part.text for part in message.only(Thinking)])
        if len(thinking) > self._thinking:
            events.append(ThinkingChunk(thinking[self._thinking :]))
        if len(message.text) > self._text:
            events.append(LlmChunk(message.text[self._text :]))
        events += self._look(0)
        self._begin_answer()
        return events

    def _tool_end(self, at: int, result: ToolResult) -> ToolEnd:
        # A reader whose cursor is behind the answer knows the name from the start of the call alone.
        started = self._started.pop(result.call_id, None)
        known = self._calls.get(result.call_id) or started
        duration = 0.0 if started is None else (at - started.at) / 1000
        return ToolEnd(result.call_id, known.name if known else "", result.text, result.is_error, duration)


def _on_the_way(fact: ModelRetried | ModelSwitched | ModelHedged) -> Event:
    match fact:
        case ModelRetried():
            return Retrying(fact.model, fact.attempt, fact.delay, fact.failure.message)
        case ModelSwitched():
            return Switched(fact.model, "" if fact.failure is None else fact.failure.message)
        case ModelHedged():
            return Hedging(fact.model, fact.delay)
        case _:
            assert_never(fact)
