"""The callback view of a run: functions that are told what happens, and can harm nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, assert_never

from ..data import Delta, ModelResponse, Progress, TextDelta, ThinkingDelta, ToolCallDelta
from ..journal import Fact, ModelRequested, ModelResponded, Stamped
from .events import (
    Event,
    EventView,
    Failed,
    Hedging,
    LlmChunk,
    Output,
    OutputOf,
    PartialResult,
    Retrying,
    Switched,
    ThinkingChunk,
    ToolEnd,
    ToolProgress,
    ToolStart,
    ToolWaiting,
    plain_output,
)
from .feed import Batch, Item
from .steps import AgentStep, StepView

log = logging.getLogger(__name__)

Told = Awaitable[None] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Callbacks:
    """Functions to call, sync or async; an exception in one is logged and harms nothing.

    Sync ones are called at once in the run's task and should be quick; async ones are awaited in order beside the run,
    which waits for them at its end. `on_tool_start` gets the tool's name and its arguments as JSON text, `on_tool_end` the
    name, the result's text and the duration in milliseconds.
    """

    on_token: Callable[[str], Told] | None = None
    on_step: Callable[[AgentStep], Told] | None = None
    on_tool_start: Callable[[str, str], Told] | None = None
    on_tool_end: Callable[[str, str, float], Told] | None = None
    on_iteration: Callable[[int], Told] | None = None
    on_output: Callable[[Any], Told] | None = None
    on_request: Callable[[ModelRequested], Told] | None = None
    on_response: Callable[[ModelResponse], Told] | None = None
    on_error: Callable[[Failed], Told] | None = None
    on_stream_delta: Callable[[Delta], Told] | None = None

    @property
    def wants_stream(self) -> bool:
        """Whether any of them hears of single tokens."""
        return self.on_token is not None or self.on_stream_delta is not None

    def are_any(self) -> bool:
        """Whether there is a function at all."""
        return any(getattr(self, field.name) is not None for field in fields(self))


class CallbackTap:
    """Calls the functions for the batches of one run; a tap of its feed."""

    def __init__(self, callbacks: Callbacks, output_of: OutputOf = plain_output) -> None:
        self._callbacks = callbacks
        self._events = EventView(output_of)
        self._steps = StepView(output_of) if callbacks.on_step else None
        self._queue: deque[Awaitable[None]] = deque()
        self._pump: asyncio.Task[None] | None = None

    def __call__(self, batch: Batch) -> None:
        for item in batch:
            self._tell_item(item)
        for event in self._events.of(batch):
            self._tell_event(event)

    def catch_up(self, facts: Sequence[Fact]) -> None:
        """Take in what happened before this stretch of work, and tell nobody."""
        self._events.catch_up(facts)
        if self._steps is not None:
            for fact in facts:
                tuple(self._steps.of(fact))

    async def drain(self) -> None:
        """Wait for the async functions that are still to be told."""
        while self._pump is not None and not self._pump.done():
            await asyncio.wait([self._pump])

    def _tell_item(self, item: Item) -> None:
        callbacks = self._callbacks
        match item:
            case TextDelta() | ThinkingDelta() | ToolCallDelta():
                self._call(callbacks.on_stream_delta, item)
            case Progress():
                return
            case ModelRequested():
                self._call(callbacks.on_iteration, item.iteration)
                self._call(callbacks.on_request, item)
            case ModelResponded():
                self._call(callbacks.on_response, item.response)
            case _:
                pass
        if self._steps is not None and isinstance(item, Stamped):
            for step in self._steps.of(item):
                self._call(callbacks.on_step, step)

    def _tell_event(self, event: Event) -> None:
        callbacks = self._callbacks
        match event:
            case LlmChunk():
                self._call(callbacks.on_token, event.text)
            case ToolStart():
                self._call(callbacks.on_tool_start, event.name, event.arguments)
            case ToolEnd():
                self._call(callbacks.on_tool_end, event.name, event.result, event.duration_ms)
            case Output():
                self._call(callbacks.on_output, event.value)
            case Failed():
                self._call(callbacks.on_error, event)
            case ThinkingChunk() | ToolWaiting() | ToolProgress() | PartialResult():
                return
            case Retrying() | Switched() | Hedging():
                return
            case _:
                assert_never(event)

    def _call(self, function: Callable[..., Told] | None, *args: Any) -> None:
        if function is None:
            return
        try:
            told = function(*args)
        except Exception:
            log.exception("a callback failed; the run goes on")
            return
        if told is not None and inspect.isawaitable(told):
            self._queue.append(told)
            if self._pump is None or self._pump.done():
                self._pump = asyncio.get_running_loop().create_task(self._run_queue())

    async def _run_queue(self) -> None:
        while self._queue:
            try:
                await self._queue.popleft()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                log.warning("a callback was cancelled from within; the run goes on")
            except Exception:
                log.exception("a callback failed; the run goes on")
