"""Interceptors: an agent's own functions that may change what its runs do, and whose changes are facts."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from ..data import CallerError, Message
from ..data import ToolResult as Result
from ..journal import CallState, HistoryChanged, RunState, ToolFinished, ToolPrepared
from ..schema import ArgumentsError, result_text
from ..tools import Done, ModelRetry, Tool, refused

log = logging.getLogger(__name__)

TurnHook = Callable[[RunState], RunState | Awaitable[RunState | None] | None]
BeforeTool = Callable[[str, dict[str, Any]], dict[str, Any] | Awaitable[dict[str, Any] | None] | None]
AfterTool = Callable[[str, dict[str, Any], Result], Result | Awaitable[Result | None] | None]

MAY_CHANGE = ("messages", "instructions")
"""What of a state a turn's interceptor may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Functions, sync or async, between a run and the world; None in place of a result changes nothing.

    `before_turn(state)` is called before each request to the model, `after_turn(state)` when its tool calls have their
    results or it gave its output; each gives back a state with other `messages` or `instructions`. `before_tool(name,
    arguments)` gives other arguments (before anybody is asked to approve them) or raises, which refuses the call;
    `after_tool(name, arguments, result)` gives another result.

    What they change is on the journal, so that a resumed run goes on from it. They run in the run's own task and should
    be quick; after a crash they may be called once more for what was not on the journal yet.
    """

    before_turn: TurnHook | None = None
    after_turn: TurnHook | None = None
    before_tool: BeforeTool | None = None
    after_tool: AfterTool | None = None


async def turn_changed(by: str, hook: TurnHook, state: RunState) -> HistoryChanged | None:
    """What a turn's interceptor changes. Raises `CallerError` for what it may not change."""
    new = await _awaited(hook(state))
    if new is None or new is state:
        return None
    if not isinstance(new, RunState):
        raise CallerError(f"{by} gives back the state that it was given, changed with msgspec.structs.replace, or None")
    for name in RunState.__struct_fields__:
        if name not in MAY_CHANGE and getattr(new, name) != getattr(state, name):
            raise CallerError(f"{by} changed {name} of the run's state; it may change {' and '.join(MAY_CHANGE)}")
    kept = _kept(state.messages, new.messages)
    instructions = None if new.instructions == state.instructions else new.instructions
    if kept == len(state.messages) == len(new.messages) and instructions is None:
        return None
    _check_pairs(by, new.messages, kept)
    return HistoryChanged(by=by, kept=kept, messages=new.messages[kept:], instructions=instructions)


async def prepared(hook: BeforeTool, tool: Tool[..., Any], call: CallState) -> ToolPrepared | ToolFinished | None:
    """What `before_tool` makes of a call: other arguments, or a result that says why it is not made."""
    made = call.made
    try:
        arguments = tool.schema.check(made.arguments)
    except ArgumentsError:
        # The tool itself will refuse them, and tell the model why.
        return None
    before = result_text(arguments)
    try:
        changed = await _awaited(hook(made.name, arguments))
    except ModelRetry as error:
        return ToolFinished(result=refused(made, str(error)).result, asks_retry=True)
    except Exception as error:  # noqa: BLE001  (what an interceptor does not let through is not done)
        return ToolFinished(result=refused(made, f"{made.name} was not called: {error}").result)
    after = result_text(arguments if changed is None else changed)
    return None if after == before else ToolPrepared(call_id=made.id, arguments=after)


async def result_changed(hook: AfterTool, tool: Tool[..., Any], call: CallState, done: Done) -> Done:
    """What `after_tool` makes of a result; where it fails, the result is kept back, since it may be there to hide things."""
    made = call.made
    try:
        arguments = tool.schema.check(made.arguments)
    except ArgumentsError:
        return done
    try:
        changed = await _awaited(hook(made.name, arguments, done.result))
    except Exception as error:
        log.exception("after_tool failed on a result of %s", made.name)
        return refused(made, f"{made.name} was called, but its result is kept back: {error}")
    if changed is None:
        return done
    if not isinstance(changed, Result):
        return refused(made, f"{made.name} was called, but after_tool gave back no ToolResult")
    return replace(done, result=replace(changed, call_id=made.id))


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _kept(old: tuple[Message, ...], new: tuple[Message, ...]) -> int:
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if before is not after and before != after:
            return index
    return min(len(old), len(new))


def _check_pairs(by: str, messages: tuple[Message, ...], kept: int) -> None:
    """Providers refuse calls without results and results without calls, some with words that nobody understands."""
    open_calls: set[str] = set()
    for message in messages[max(kept - 1, 0) :]:
        answered = {result.call_id for result in message.tool_results}
        if answered != open_calls:
            lost = ", ".join(sorted(answered ^ open_calls))
            raise CallerError(f"{by} separated tool calls from their results: {lost}; keep or drop both together")
        open_calls = {call.id for call in message.tool_calls}
    if open_calls:
        raise CallerError(f"{by} left tool calls without results at the end: {', '.join(sorted(open_calls))}")
