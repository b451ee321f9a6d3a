"""A run's state from its facts: pure, the same on every machine and on every day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from ..data import CorruptJournal, Message, ModelResponse, ModelUsage, ToolResult, with_usage
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
    ProgramFinished,
    ProgramSuspended,
    RetryAsked,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolCalled,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolPrepared,
    ToolResolved,
    ToolStarted,
)
from .state import CallState, RunState
from .turn import (
    asked_again,
    called,
    child_counted,
    decided,
    goes_on,
    program_ended,
    remembered,
    set_free,
    with_call,
    with_result,
)


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
        data=fact.data or {},
    )
    if inherited is None:
        return state
    state = replace(state, data=inherited.data if fact.data is None else fact.data)
    if state.signatures is None and state.fingerprint == inherited.fingerprint:
        state = replace(state, signatures=inherited.signatures)
    return _inheriting(state, inherited)


def _inheriting(state: RunState, inherited: RunState) -> RunState:
    if state.messages:
        before = history(inherited)
        # A turn that is left open leaves what those of its programs that have ended have defined.
        memory = remembered(inherited).memory
        return replace(state, messages=before + state.messages, inherited=len(before), memory=memory)
    # Without anything new said, it is a branch: it goes on from the very middle of a turn.
    return replace(
        state,
        messages=inherited.messages,
        inherited=len(inherited.messages),
        calls=tuple(_branched(call, inherited.next_seq) for call in inherited.calls),
        requested=inherited.requested,
        iterations=inherited.iterations,
        returned=inherited.returned,
        retries=inherited.retries,
        model_retries=inherited.model_retries,
        finish=inherited.finish,
        memory=inherited.memory,
        programs=inherited.programs,
    )


def _branched(call: CallState, facts: int) -> CallState:
    """A call as a branch has it: what was approved was approved for the other run, and that run's children are its own.

    What happened in the first so many `facts` of the other run was before all facts of the branch, whose numbers begin anew.
    """
    if call.parent and call.result is not None:
        call = replace(call, done_at=call.done_at - facts)
    if call.suspended is not None:
        call = replace(call, suspended=replace(call.suspended, seq=call.suspended.seq - facts))
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
            return replace(
                state, requested=True, model=fact.model, iterations=fact.iteration, status="running", returned=None
            )
        case ModelResponded():
            return _answered(state, fact.response)
        case ToolStarted():
            if fact.attempt > 1:
                return with_call(state, fact.call_id, phase="started", attempt=fact.attempt)
            return with_call(state, fact.call_id, phase="started", attempt=1, began=fact.at)
        case ToolFinished():
            return with_result(state, fact, fact.result, asked_retry=fact.asks_retry)
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
        case ToolCalled():
            return called(state, fact)
        case ToolPending():
            doubt = fact.reason == "in_doubt"
            return with_call(
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
                return set_free(with_call(state, fact.call_id, phase="planned", in_doubt=False), goes_on=True)
            return set_free(with_result(state, fact, fact.result), goes_on=goes_on(state, fact.call_id))
        case ToolPrepared():
            return with_call(state, fact.call_id, arguments=fact.arguments, prepared=True)
        case ToolDecided():
            return set_free(decided(state, fact), goes_on=fact.approved or goes_on(state, fact.call_id))
        case ProgramSuspended():
            suspended = {"phase": "pending", "reason": "program", "since": fact.seq, "info": None}
            return with_call(state, fact.call_id, suspended=fact, seconds=fact.seconds, **suspended)
        case ProgramFinished():
            return program_ended(state, fact)
        case ChildStarted():
            return with_call(state, fact.call_id, child=fact.run)
        case ChildFinished():
            return child_counted(state, fact)
        case RetryAsked():
            return asked_again(state, fact)
        case HistoryChanged():
            return _changed(state, fact)
        case Noted():
            return state
        case RunPaused():
            waits = any(call.phase == "pending" for call in state.calls)
            return replace(state, status="waiting" if waits else "paused")
        case RunResumed():
            limits = fact.limits or state.limits
            # A run that a program gave up goes on with the words that the model gets for it.
            returned = None if state.returned is not None and state.returned.failed else state.returned
            return replace(state, status="running", failure=None, resumed_at=fact.at, limits=limits, returned=returned)
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


def history(state: RunState) -> tuple[Message, ...]:
    """The history for a run that continues this one: a call that never got a result gets one that says so.

    Providers refuse a history with an unanswered call, and dropping the call would change what the model said.
    """
    if not state.calls:
        return state.messages
    calls = [call for call in state.calls if not call.parent and not call.spoken]
    if not calls:
        return state.messages
    results = tuple(call.result or ToolResult(call.call.id, _never_heard(state, call)) for call in calls)
    return (*state.messages, Message("tool", results))


def _never_heard(state: RunState, call: CallState) -> str:
    if state.status == "finished":
        return "The output was accepted."
    if call.phase == "planned" or call.reason == "approval":
        return "This call was not carried out."
    return "This call was begun, and nobody has said what came of it."
