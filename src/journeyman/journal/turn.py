"""The open turn of a run: its tool calls, and what each fact makes of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from msgspec.structs import replace

from ..data import CorruptJournal, Message, Opaque, Text, ToolCall, ToolResult, with_usage
from .facts import (
    ChildFinished,
    ProgramFinished,
    RetryAsked,
    ToolCalled,
    ToolDecided,
    ToolFinished,
    ToolResolved,
)
from .state import CallState, Returned, RunState, Standing

OURS = "journeyman"
"""The dialect of words that the framework puts into a history; no wire sends its `origin`."""


def called(state: RunState, fact: ToolCalled) -> RunState:
    """A call that something else than the model has made."""
    if state.call(fact.call_id) is not None:
        raise CorruptJournal(
            f"run {state.run} has two tool calls {fact.call_id!r} at once, the second in fact {fact.seq}"
        )
    call = ToolCall(fact.call_id, fact.name, fact.arguments)
    calls = (*state.calls, CallState(call, parent=fact.parent, spoken=not fact.parent))
    return replace(state, calls=calls, tool_calls=state.tool_calls + 1)


def goes_on(state: RunState, call_id: str) -> bool:
    """Whether a program can go on with the answer to this call."""
    call = state.call(call_id)
    return call is not None and bool(call.parent)


def set_free(state: RunState, *, goes_on: bool) -> RunState:
    """A run that waits is set free by an answer that lets a call be made, and by the last one that it waits for."""
    if state.status != "waiting" or (not goes_on and any(call.phase == "pending" for call in state.calls)):
        return state
    return replace(state, status="running")


def decided(state: RunState, fact: ToolDecided) -> RunState:
    """A call that somebody approved or rejected."""
    call = state.call(fact.call_id)
    if fact.always and call is not None:
        others = tuple(item for item in state.standing if item.tool != call.call.name)
        state = replace(state, standing=(*others, Standing(call.call.name, fact.approved, fact.reason)))
    if fact.approved:
        edited = {} if fact.arguments is None else {"arguments": fact.arguments, "edited": True}
        return with_call(state, fact.call_id, phase="planned", approved=True, **edited)
    return with_result(state, fact, ToolResult(fact.call_id, rejection(fact.reason), is_error=True))


def rejection(reason: str) -> str:
    """What a model hears of a call that was rejected."""
    return (
        f"This call was rejected and not carried out: {reason}"
        if reason
        else "This call was rejected, not carried out."
    )


def with_call(state: RunState, call_id: str, **changes: object) -> RunState:
    """The call with this id, changed; raises `CorruptJournal` where there is none."""
    for index, call in enumerate(state.calls):
        if call.call.id == call_id:
            calls = (*state.calls[:index], replace(call, **changes), *state.calls[index + 1 :])
            return replace(state, calls=calls)
    raise CorruptJournal(f"run {state.run} speaks of tool call {call_id!r}, which the last answer does not hold")


def child_counted(state: RunState, fact: ChildFinished) -> RunState:
    """What a run below has used, counted here as well."""
    call = state.call(fact.call_id)
    counted = functools.reduce(with_usage, fact.used, call.counted if call else ())
    used = functools.reduce(with_usage, fact.used, state.used)
    state = with_call(state, fact.call_id, counted=counted, turns=(call.turns if call else 0) + fact.turns)
    return replace(state, used=used, turns_below=state.turns_below + fact.turns)


def program_ended(state: RunState, fact: ProgramFinished) -> RunState:
    """What a program defined, and what it said of the run's output."""
    call = state.call(fact.call_id)
    # A crash may come between this and the call's result: then it ends a second time, and is still one program.
    new = call is None or call.ended is None
    state = with_call(state, fact.call_id, seconds=fact.seconds, ended=fact)
    return replace(state, programs=state.programs + 1) if new else state


def remembered(state: RunState) -> RunState:
    """A run whose programs know what those of the turn that is over have defined."""
    ended = [call.ended for call in state.calls if call.ended is not None]
    memory = functools.reduce(
        lambda kept, fact: {name: kept[name] for name in kept if name not in fact.forgotten} | fact.defined,
        ended,
        state.memory,
    )
    # Of several that gave the output the first in the order of the calls counts, and not the quickest.
    final = next((fact for fact in ended if fact.returned or fact.failed), None)
    returned = state.returned if final is None else Returned(final.value, final.failed)
    return replace(state, memory=memory, returned=returned)


def with_result(
    state: RunState, fact: ToolFinished | ToolResolved | ToolDecided, result: ToolResult, *, asked_retry: bool = False
) -> RunState:
    """A call that has its result; the turn is over with the last one."""
    done = {"phase": "done", "result": result, "asked_retry": asked_retry, "done_at": fact.seq}
    if not isinstance(fact, ToolDecided) and fact.structured:
        done["structured"] = True
    state = with_call(state, result.call_id, **done)
    if len(state.calls) > 1:
        state = _with_inner(state, result.call_id)
        if any(call.phase != "done" for call in state.calls):
            return state
    return _turn_closed(state)


def _with_inner(state: RunState, call_id: str) -> RunState:
    """A call has its result: the program that made it can go on; what it has called itself, as a program, is let go of."""
    call = state.call(call_id)
    if call is not None and call.parent:
        parent = state.call(call.parent)
        waits = parent is not None and parent.phase == "pending" and parent.reason == "program"
        return with_call(state, call.parent, phase="planned") if waits else state
    kept = tuple([item for item in state.calls if item.parent != call_id])
    return replace(state, calls=kept) if len(kept) < len(state.calls) else state


def _turn_closed(state: RunState) -> RunState:
    results: list[ToolResult] = []
    # The budget is for mending one thing: a turn in which nothing had to be mended begins it anew.
    retries, with_programs = 0, False
    for call in state.calls:
        if call.result is not None:
            results.append(call.result)
        if call.asked_retry:
            retries = state.retries + 1
        with_programs = with_programs or call.ended is not None
    message = _told(state.calls) if state.calls[0].spoken else Message("tool", tuple(results))
    if with_programs:
        state = remembered(state)
    return replace(state, messages=(*state.messages, message), calls=(), retries=retries)


def _told(calls: Iterable[CallState]) -> Message:
    """What came of programs that stood in an answer's words: told in words, for the model made no call."""
    texts = [call.result.text for call in calls if call.result is not None]
    return Message("user", tuple(Text(text, origin=Opaque(OURS, {"label": "program"})) for text in texts))


def asked_again(state: RunState, fact: RetryAsked) -> RunState:
    """What the model is told of an output that does not do."""
    if fact.call_id is not None:
        result = ToolResult(fact.call_id, fact.reason, is_error=True)
        return with_result(state, ToolFinished(seq=fact.seq, result=result), result, asked_retry=True)
    words = Text(fact.reason, origin=Opaque(OURS, {"label": "retry"}))
    messages = (*state.messages, Message("user", (words,)))
    return replace(state, messages=messages, retries=state.retries + 1, returned=None)
