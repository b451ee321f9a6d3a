"""A run's state from its facts: pure, the same on every machine and on every day."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from ..data import CorruptJournal, Message, ModelResponse, ModelUsage, Opaque, Text, ToolResult, with_usage
from .facts import (
    ChildFinished,
    ChildStarted,
    Fact,
    HistoryChanged,
    ModelDropped,
    ModelHedged,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    Noted,
    RetryAsked,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolPrepared,
    ToolResolved,
    ToolStarted,
)
from .state import CallState, RunState, Standing

OURS = "journeyman"
"""The dialect of words that the framework puts into a history; no wire sends its `origin`."""


def fold(run: str, facts: Iterable[Fact], inherited: RunState | None = None) -> RunState:
    """The state after some facts; `inherited` is the state at the checkpoint that the run continues, if it does.

    Raises `CorruptJournal` where the facts do not begin with `RunStarted` or are not numbered without a gap.
    """
    state: RunState | None = None
    for fact in facts:
        state = begin(run, fact, inherited) if state is None else advance(state, fact)
    if state is None:
        raise CorruptJournal(f"run {run} has no facts")
    return state


def begin(run: str, fact: Fact, inherited: RunState | None = None) -> RunState:
    """The state after the first fact of a run."""
    if not isinstance(fact, RunStarted) or fact.seq != 0:
        raise CorruptJournal(
            f"run {run} begins with {type(fact).__name__} as number {fact.seq}, not with RunStarted as 0"
        )
    instructions = fact.instructions
    if instructions is None:
        instructions = () if inherited is None else inherited.instructions
    state = RunState(
        run=run,
        next_seq=1,
        status="running",
        agent=fact.agent,
        model=fact.model,
        fingerprint=fact.fingerprint,
        instructions=instructions,
        limits=fact.limits,
        messages=fact.input,
        started_at=fact.at,
        updated_at=fact.at,
        resumed_at=fact.at,
        parent=fact.parent,
        continues=fact.continues,
        conversation=fact.conversation,
        tags=fact.tags,
        signatures=fact.signatures,
    )
    if inherited is None:
        return state
    if state.signatures is None and state.fingerprint == inherited.fingerprint:
        state = replace(state, signatures=inherited.signatures)
    return _inheriting(state, inherited)


def _inheriting(state: RunState, inherited: RunState) -> RunState:
    if state.messages:
        before = history(inherited)
        return replace(state, messages=before + state.messages, inherited=len(before))
    # Without anything new said, it is a branch: it goes on from the very middle of a turn.
    return replace(
        state,
        messages=inherited.messages,
        inherited=len(inherited.messages),
        calls=tuple(_branched(call) for call in inherited.calls),
        requested=inherited.requested,
        iterations=inherited.iterations,
        retries=inherited.retries,
        model_retries=inherited.model_retries,
        finish=inherited.finish,
    )


def _branched(call: CallState) -> CallState:
    """A call as a branch has it: what was approved was approved for the other run, and that run's children are its own."""
    if call.phase == "done":
        return call
    phase = "planned" if call.waits_for_child else call.phase
    return replace(call, phase=phase, approved=False, child=None, counted=())


def advance(state: RunState, fact: Fact) -> RunState:
    """The state after one more fact; raises `CorruptJournal` for one that is out of order."""
    if fact.seq != state.next_seq:
        raise CorruptJournal(f"run {state.run} has fact {fact.seq} where {state.next_seq} belongs")
    return replace(_applied(state, fact), next_seq=fact.seq + 1, updated_at=fact.at)


def _applied(state: RunState, fact: Fact) -> RunState:  # noqa: C901, PLR0911, PLR0912  (a table with a row per kind)
    match fact:
        case ModelRequested():
            return replace(state, requested=True, model=fact.model, iterations=fact.iteration, status="running")
        case ModelResponded():
            return _answered(state, fact.response)
        case ModelRetried():
            # Whatever model took over before: the wrapper that asks again begins with its own.
            retried = replace(state, model=fact.model, model_retries=state.model_retries + 1)
            return _with_doubt(retried, in_doubt=fact.in_doubt)
        case ModelSwitched():
            return _with_doubt(replace(state, model=fact.model), in_doubt=fact.in_doubt)
        case ModelHedged():
            return state
        case ModelDropped():
            return _with_doubt(_dropped(state, fact), in_doubt=fact.in_doubt)
        case ToolStarted():
            return _with_call(state, fact.call_id, phase="started", attempt=fact.attempt)
        case ToolFinished():
            return _with_result(state, fact.result, asked_retry=fact.asks_retry)
        case ToolPending():
            doubt = fact.reason == "in_doubt"
            return _with_call(
                state,
                fact.call_id,
                phase="pending",
                info=fact.info,
                in_doubt=doubt,
                reason=fact.reason,
                since=fact.seq,
                deadline=fact.ends,
                response=fact.response,
                poll_every=fact.poll_every,
            )
        case ToolResolved():
            if fact.result is None:
                return _set_free(_with_call(state, fact.call_id, phase="planned", in_doubt=False), goes_on=True)
            return _set_free(_with_result(state, fact.result), goes_on=False)
        case ToolPrepared():
            return _with_call(state, fact.call_id, arguments=fact.arguments, prepared=True)
        case ToolDecided():
            return _set_free(_decided(state, fact), goes_on=fact.approved)
        case ChildStarted():
            return _with_call(state, fact.call_id, child=fact.run)
        case ChildFinished():
            return _child_counted(state, fact)
        case RetryAsked():
            return _asked_again(state, fact)
        case HistoryChanged():
            return _changed(state, fact)
        case Noted():
            return state
        case RunPaused():
            waits = any(call.phase == "pending" for call in state.calls)
            return replace(state, status="waiting" if waits else "paused")
        case RunResumed():
            limits = fact.limits or state.limits
            return replace(state, status="running", failure=None, resumed_at=fact.at, limits=limits)
        case RunFinished():
            status = "finished" if fact.reason == "output" else "stopped"
            return replace(state, status=status, output=fact.output)
        case RunFailed():
            return replace(state, status="errored", failure=fact.failure)
        case RunCancelled():
            return replace(state, status="cancelled")
        case RunStarted():
            raise CorruptJournal(f"run {state.run} starts a second time, at fact {fact.seq}")
        case _:
            assert_never(fact)


def _set_free(state: RunState, *, goes_on: bool) -> RunState:
    """A run that waits is set free by an answer that lets a call be made, and by the last one that it waits for."""
    if state.status != "waiting" or (not goes_on and any(call.phase == "pending" for call in state.calls)):
        return state
    return replace(state, status="running")


def _decided(state: RunState, fact: ToolDecided) -> RunState:
    call = state.call(fact.call_id)
    if fact.always and call is not None:
        others = tuple(item for item in state.standing if item.tool != call.call.name)
        state = replace(state, standing=(*others, Standing(call.call.name, fact.approved, fact.reason)))
    if fact.approved:
        edited = {} if fact.arguments is None else {"arguments": fact.arguments, "edited": True}
        return _with_call(state, fact.call_id, phase="planned", approved=True, **edited)
    return _with_result(state, ToolResult(fact.call_id, rejection(fact.reason), is_error=True))


def rejection(reason: str) -> str:
    """What a model hears of a call that was rejected."""
    return (
        f"This call was rejected and not carried out: {reason}"
        if reason
        else "This call was rejected, not carried out."
    )


def _changed(state: RunState, fact: HistoryChanged) -> RunState:
    if not 0 <= fact.kept <= len(state.messages):
        raise CorruptJournal(f"run {state.run}: fact {fact.seq} keeps {fact.kept} of {len(state.messages)} messages")
    return replace(
        state,
        messages=(*state.messages[: fact.kept], *fact.messages),
        inherited=min(state.inherited, fact.kept),
        instructions=state.instructions if fact.instructions is None else fact.instructions,
    )


def _with_doubt(state: RunState, *, in_doubt: bool) -> RunState:
    return replace(state, in_doubt=state.in_doubt + 1) if in_doubt else state


def _dropped(state: RunState, fact: ModelDropped) -> RunState:
    if fact.usage is None:
        return state
    return replace(state, used=with_usage(state.used, ModelUsage.of(fact.model, fact.usage, fact.cost)))


def _answered(state: RunState, response: ModelResponse) -> RunState:
    calls = tuple(CallState(call) for call in response.message.tool_calls)
    return replace(
        state,
        requested=False,
        messages=(*state.messages, response.message),
        calls=calls,
        tool_calls=state.tool_calls + len(calls),
        used=state.used if response.cached else with_usage(state.used, _used(state, response)),
        finish=response.finish or "other",
    )


def _used(state: RunState, response: ModelResponse) -> ModelUsage:
    return ModelUsage.of(state.model, response.usage, response.cost)


def _with_call(state: RunState, call_id: str, **changes: object) -> RunState:
    for index, call in enumerate(state.calls):
        if call.call.id == call_id:
            calls = (*state.calls[:index], replace(call, **changes), *state.calls[index + 1 :])
            return replace(state, calls=calls)
    raise CorruptJournal(f"run {state.run} speaks of tool call {call_id!r}, which the last answer does not hold")


def _child_counted(state: RunState, fact: ChildFinished) -> RunState:
    call = state.call(fact.call_id)
    counted = functools.reduce(with_usage, fact.used, call.counted if call else ())
    used = functools.reduce(with_usage, fact.used, state.used)
    return replace(_with_call(state, fact.call_id, counted=counted), used=used)


def _with_result(state: RunState, result: ToolResult, *, asked_retry: bool = False) -> RunState:
    state = _with_call(state, result.call_id, phase="done", result=result, asked_retry=asked_retry)
    return _turn_closed(state) if all(call.phase == "done" for call in state.calls) else state


def _turn_closed(state: RunState) -> RunState:
    results = tuple(call.result for call in state.calls if call.result is not None)
    # The budget is for mending one thing: a turn in which nothing had to be mended begins it anew.
    retries = state.retries + 1 if any(call.asked_retry for call in state.calls) else 0
    return replace(state, messages=(*state.messages, Message("tool", results)), calls=(), retries=retries)


def _asked_again(state: RunState, fact: RetryAsked) -> RunState:
    if fact.call_id is not None:
        return _with_result(state, ToolResult(fact.call_id, fact.reason, is_error=True), asked_retry=True)
    words = Text(fact.reason, origin=Opaque(OURS, {"label": "retry"}))
    return replace(state, messages=(*state.messages, Message("user", (words,))), retries=state.retries + 1)


def history(state: RunState) -> tuple[Message, ...]:
    """The history for a run that continues this one: a call that never got a result gets one that says so.

    Providers refuse a history with an unanswered call, and dropping the call would change what the model said.
    """
    if not state.calls:
        return state.messages
    said = "The output was accepted." if state.status == "finished" else "This call was not carried out."
    results = tuple(call.result or ToolResult(call.call.id, said) for call in state.calls)
    return (*state.messages, Message("tool", results))
