"""The step view of a run: what the agent thought, called, got and gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from ..data import Thinking, ToolCall, ToolResult
from ..journal import (
    Fact,
    ModelResponded,
    RunFinished,
    ToolCalled,
    ToolDecided,
    ToolFinished,
    ToolResolved,
    ToolStarted,
    rejection,
)
from .events import OutputOf, plain_output


class AgentStep(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step; `seq` is the number of the fact that it was read from.

    `content` is the thought, the tool's result or the output; `tool`, `call_id` and `arguments` (JSON text) are set for
    tool calls and results, `duration_ms` for results.
    """

    kind: Literal["think", "tool_call", "tool_result", "output"]
    seq: int
    content: Any = ""
    tool: str = ""
    call_id: str = ""
    arguments: str = ""
    is_error: bool = False
    duration_ms: float | None = None
    parent: str = ""


class StepView:
    """Turns facts into steps, one by one."""

    def __init__(self, output_of: OutputOf = plain_output) -> None:
        self._output_of = output_of
        self._calls: dict[str, ToolCall] = {}
        self._started: dict[str, int] = {}
        self._answer = ""

    def of(self, fact: Fact) -> Iterator[AgentStep]:
        """The steps that one fact tells of."""
        match fact:
            case ModelResponded():
                yield from self._answered(fact)
            case ToolCalled():
                yield from self._called(fact)
            case ToolStarted():
                self._started[fact.call_id] = fact.at
            case ToolFinished() | ToolResolved():
                if fact.result is not None:
                    yield self._result(fact.seq, fact.at, fact.result)
            case ToolDecided(approved=False):
                yield self._result(fact.seq, fact.at, ToolResult(fact.call_id, rejection(fact.reason), is_error=True))
            case RunFinished(reason="output"):
                yield AgentStep(kind="output", seq=fact.seq, content=self._output_of(fact.output, self._answer))
            case _:
                return

    def _answered(self, fact: ModelResponded) -> Iterator[AgentStep]:
        message = fact.response.message
        self._answer = message.text
        self._calls = {call.id: call for call in message.tool_calls}
        thoughts = [part.text for part in message.only(Thinking) if part.text]
        if self._calls and message.text:
            # Words before a tool call are no answer; they are what the model has in mind.
            thoughts.append(message.text)
        for thought in thoughts:
            yield AgentStep(kind="think", seq=fact.seq, content=thought)
        for call in message.tool_calls:
            yield AgentStep(kind="tool_call", seq=fact.seq, tool=call.name, call_id=call.id, arguments=call.arguments)

    def _called(self, fact: ToolCalled) -> Iterator[AgentStep]:
        self._calls[fact.call_id] = ToolCall(fact.call_id, fact.name, fact.arguments)
        if not fact.parent and self._answer:
            # The words in which a program stood.
            yield AgentStep(kind="think", seq=fact.seq, content=self._answer)
        name, arguments = fact.name, fact.arguments
        yield AgentStep(
            kind="tool_call", seq=fact.seq, tool=name, call_id=fact.call_id, arguments=arguments, parent=fact.parent
        )

    def _result(self, seq: int, at: int, result: ToolResult) -> AgentStep:
        call = self._calls.get(result.call_id)
        started = self._started.pop(result.call_id, None)
        return AgentStep(
            kind="tool_result",
            seq=seq,
            content=result.text,
            tool=call.name if call else "",
            call_id=result.call_id,
            arguments=call.arguments if call else "",
            is_error=result.is_error,
            duration_ms=None if started is None else (at - started) / 1000,
        )


def steps_of(facts: Iterable[Fact], output_of: OutputOf = plain_output) -> tuple[AgentStep, ...]:
    """All steps of some facts."""
    view = StepView(output_of)
    return tuple(step for fact in facts for step in view.of(fact))
