"""What happens next is decided by the state alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman import Agent, ScriptedModel, tool
from journeyman.data import Limits, Message, ModelResponse, ToolCall, ToolResult
from journeyman.journal import (
    Fact,
    ModelRequested,
    ModelResponded,
    RunResumed,
    RunStarted,
    RunState,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolResolved,
    ToolStarted,
    fold,
)
from journeyman.loop.decide import AskAgain, AskApproval, AskModel, CallTools, Doubt, Fail, Finish, Wait, decide
from journeyman.loop.plan import Plan


@tool
def pay(amount: int) -> str:
    """Pay; must not happen twice."""
    return f"paid {amount}"


@tool(idempotent=True)
def look() -> str:
    """Look; may happen often."""
    return "seen"


PLAN: Plan = Agent(ScriptedModel([]), tools=[pay, look]).plan


def state_after(*facts: Fact, limits: Limits | None = None) -> RunState:
    """The state of a run that was asked something, after some more facts."""
    start = RunStarted(agent="a", model="m", fingerprint="f", input=(Message.user("go"),), limits=limits or Limits())
    from msgspec.structs import replace

    return fold("r", [replace(fact, seq=seq) for seq, fact in enumerate((start, *facts))])


def answered(*calls: ToolCall, text: str = "") -> list[Fact]:
    parts: Any = [*(Message.assistant(text).parts if text else ()), *calls]
    request = ModelRequested(model="m", history=1, iteration=1)
    return [request, ModelResponded(response=ModelResponse(Message("assistant", tuple(parts))))]


PAY, LOOK = ToolCall("p", "pay", '{"amount": 1}'), ToolCall("l", "look")


def test_a_fresh_run_asks_the_model() -> None:
    """There is a question and no answer."""
    assert decide(state_after(), PLAN) == AskModel()


def test_a_cut_off_request_is_asked_again_even_at_the_limit() -> None:
    """A request without an answer is the same iteration, so the limit does not count it twice."""
    cut = state_after(ModelRequested(model="m", history=1, iteration=1), limits=Limits(max_iterations=1))
    assert decide(cut, PLAN) == AskModel()


def test_an_answer_in_words_finishes() -> None:
    """The words are the output; the journal need not hold them a second time."""
    assert decide(state_after(*answered(text="hello")), PLAN) == Finish("hello", None)


def test_calls_are_carried_out_together() -> None:
    """All calls of a turn are one command."""
    command = decide(state_after(*answered(PAY, LOOK)), PLAN)
    assert isinstance(command, CallTools)
    assert [item.call for item in command.calls] == [PAY, LOOK]


def test_results_lead_to_the_next_request() -> None:
    """When all calls have results the model is asked again."""
    done = [ToolFinished(result=ToolResult("p", "x")), ToolFinished(result=ToolResult("l", "y"))]
    assert decide(state_after(*answered(PAY, LOOK), *done), PLAN) == AskModel()


def test_a_started_call_is_in_doubt_unless_it_is_idempotent() -> None:
    """Found without an outcome, `pay` is asked about and `look` is run again."""
    both = state_after(
        *answered(PAY, LOOK), ToolStarted(call_id="p", name="pay"), ToolStarted(call_id="l", name="look")
    )
    command = decide(both, PLAN)
    assert isinstance(command, Doubt)
    assert [item.call.id for item in command.calls] == ["p"]
    only_look = state_after(*answered(LOOK), ToolStarted(call_id="l", name="look"))
    command = decide(only_look, PLAN)
    assert isinstance(command, CallTools)
    assert [item.attempt for item in command.calls] == [1]


def test_a_pending_call_waits_while_nothing_else_can_be_done() -> None:
    """Siblings first; then there is nothing but to wait, and an answer takes it on."""
    pending = ToolPending(call_id="p")
    command = decide(state_after(*answered(PAY, LOOK), pending), PLAN)
    assert isinstance(command, CallTools)
    assert [item.call.id for item in command.calls] == ["l"]
    facts: list[Fact] = [*answered(PAY), pending]
    assert decide(state_after(*facts), PLAN) == Wait()
    resolved = ToolResolved(call_id="p", result=ToolResult("p", "paid"))
    assert decide(state_after(*facts, RunResumed(), resolved), PLAN) == AskModel()
    again = decide(state_after(*facts, RunResumed(), ToolResolved(call_id="p", result=None)), PLAN)
    assert isinstance(again, CallTools)


def test_limits_are_failures_that_name_themselves() -> None:
    """Iterations and tool calls are counted by the state."""
    used_up = state_after(*answered(LOOK), ToolFinished(result=ToolResult("l", "y")), limits=Limits(max_iterations=1))
    command = decide(used_up, PLAN)
    assert isinstance(command, Fail)
    assert "max_iterations=1" in str(command.error)
    command = decide(state_after(*answered(PAY, LOOK), limits=Limits(max_tool_calls=1)), PLAN)
    assert isinstance(command, Fail)
    assert "max_tool_calls=1" in str(command.error)


def test_an_empty_answer_is_asked_for_again() -> None:
    """Silence is no output."""
    assert isinstance(decide(state_after(*answered(text=" \n")), PLAN), AskAgain)


@given(st.integers(0, 3), st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True), st.data())
def test_deciding_twice_gives_the_same(depth: int, ids: list[str], data: st.DataObject) -> None:
    """`decide` keeps nothing and changes nothing: the same state gives the same command."""
    calls = [ToolCall(call_id, data.draw(st.sampled_from(["pay", "look", "gone"])), "{}") for call_id in ids]
    facts: list[Fact] = answered(*calls, text="words")
    facts.extend(ToolFinished(result=ToolResult(call_id, "x")) for call_id in ids[:depth])
    state = state_after(*facts)
    assert decide(state, PLAN) == decide(state, PLAN)
    assert state == state_after(*facts)


@pytest.mark.parametrize("name", ["pay", "look"])
def test_a_tool_that_is_gone_is_told_to_the_model(name: str) -> None:
    """A resumed run whose tool no longer exists runs into a result, not into a crash."""
    bare = Agent(ScriptedModel([])).plan
    command = decide(state_after(*answered(ToolCall("x", name)), ToolStarted(call_id="x", name=name)), bare)
    assert isinstance(command, CallTools)


def test_what_has_to_be_approved_is_held_back_before_its_siblings_run() -> None:
    """First the question is on the journal, then the others are called; approved, or approved for all, it runs."""
    guarded = tool(requires_approval=True)(pay.function)
    plan = Agent(ScriptedModel([]), tools=[guarded, look]).plan
    facts: list[Fact] = answered(PAY, LOOK)
    command = decide(state_after(*facts), plan)
    assert isinstance(command, AskApproval)
    assert [item.call.id for item in command.calls] == ["p"]
    held = ToolPending(call_id="p", reason="approval")
    command = decide(state_after(*facts, held), plan)
    assert isinstance(command, CallTools)
    assert [item.call.id for item in command.calls] == ["l"]
    approved = ToolDecided(call_id="p", approved=True)
    command = decide(state_after(*facts, held, approved), plan)
    assert isinstance(command, CallTools)
    assert [item.call.id for item in command.calls] == ["p", "l"]


def test_a_cut_off_call_is_not_run_again_without_its_approval() -> None:
    """An idempotent tool is run again by itself, but only where it was approved: a branch inherits no approval."""
    guarded = tool(requires_approval=True, idempotent=True)(pay.function)
    plan = Agent(ScriptedModel([]), tools=[guarded]).plan
    started = ToolStarted(call_id="p", name="pay")
    assert isinstance(decide(state_after(*answered(PAY), started), plan), AskApproval)
    held = (ToolPending(call_id="p", reason="approval"), ToolDecided(call_id="p", approved=True))
    assert isinstance(decide(state_after(*answered(PAY), *held, started), plan), CallTools)
