"""A run's row in a list says what its facts say, after each of them."""

import msgspec
import pytest
from hypothesis import given

from journeyman.data import Failure, Message, ModelResponse, ModelUsage, ToolCall, ToolResult, Usage
from journeyman.journal import (
    ChildFinished,
    Fact,
    ModelRequested,
    ModelResponded,
    Noted,
    Parent,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    RunSummary,
    ToolDecided,
    ToolPending,
    ToolResolved,
    advance,
    begin,
    fold,
    summarize,
)
from journeyman.journal.summary import SHOWN

from .strategies import numbered, runs

START = RunStarted(agent="a", model="m", fingerprint="f", input=(Message.user("Hello"),))


def summary_of(*facts: Fact) -> RunSummary:
    summary = None
    for fact in numbered([START, *facts]):
        summary = summarize("r", summary, fact)
    assert summary is not None
    return summary


@given(runs())
def test_the_row_agrees_with_the_state(facts: list[Fact]):
    """After every fact the row says of a run what folding its facts says."""
    summary = summarize("r", None, facts[0])
    state = begin("r", facts[0])
    for fact in [None, *facts[1:]]:
        if fact is not None:
            summary = summarize("r", summary, fact)
            state = advance(state, fact)
        assert summary is not None
        assert (summary.status, summary.usage, summary.facts) == (state.status, state.usage, state.next_seq)
        assert (summary.model, summary.agent, summary.tags) == (state.model, state.agent, state.tags)
        assert (summary.started_at, summary.updated_at) == (state.started_at, state.updated_at)
        assert summary.pending == sum(call.phase == "pending" for call in state.calls)


@given(runs())
def test_a_stored_row_goes_on_where_it_was(facts: list[Fact]):
    """A row that was stored as JSON in the middle of a run comes to the same end."""
    whole = summary = None
    for fact in facts:
        whole = summarize("r", whole, fact)
        summary = summarize("r", summary, fact)
        summary = msgspec.json.decode(msgspec.json.encode(summary), type=RunSummary)
    assert summary == whole


def test_a_start_makes_the_row():
    """The first fact says who works on what, since when and for whom."""
    start = RunStarted(
        seq=0,
        at=7,
        agent="a",
        model="m",
        fingerprint="f",
        input=(Message.user("before"), Message.user("Hello")),
        parent=Parent("p", "c"),
        conversation="talk",
        tags=("x", "y"),
    )
    assert summarize("r", None, start) == RunSummary(
        run="r",
        agent="a",
        model="m",
        status="running",
        started_at=7,
        updated_at=7,
        facts=1,
        parent="p",
        conversation="talk",
        tags=("x", "y"),
        prompt="Hello",
    )


def test_a_run_without_a_start_has_no_row():
    """Facts before the start, which no log takes, make no row."""
    assert summarize("r", None, RunPaused(seq=3)) is None


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [("x" * SHOWN, "x" * SHOWN), ("x" * (SHOWN + 1), "x" * (SHOWN - 1) + "…"), ("", "")],
    ids=["just", "longer", "none"],
)
def test_a_long_prompt_is_marked_as_cut(prompt: str, shown: str):
    """A list shows a prompt's beginning, and where it is cut it says so."""
    start = RunStarted(seq=0, agent="a", model="m", fingerprint="f", input=(Message.user(prompt),))
    summary = summarize("r", None, start)
    assert summary is not None
    assert summary.prompt == shown


def test_a_branch_has_no_prompt():
    """A run in which nothing new is said shows none."""
    start = RunStarted(seq=0, agent="a", model="m", fingerprint="f", input=())
    summary = summarize("r", None, start)
    assert summary is not None
    assert summary.prompt == ""


def test_usage_includes_children():
    """What a child used is in its parent's row."""
    answer = ModelResponse(Message.assistant("hi"), Usage(input=10, output=1))
    bill = (ModelUsage.of("m", Usage(input=5)), ModelUsage.of("n", Usage(output=7)))
    summary = summary_of(ModelResponded(response=answer), ChildFinished(call_id="c", run="child", used=bill))
    assert summary.usage == Usage(input=15, output=8)


CALLS = ModelResponded(response=ModelResponse(Message("assistant", (ToolCall("c", "tool"), ToolCall("d", "tool")))))
BOTH_WAIT = (CALLS, ToolPending(call_id="c"), ToolPending(call_id="d"), RunPaused())


@pytest.mark.parametrize(
    ("facts", "status", "pending"),
    [
        ((), "running", 0),
        ((RunPaused(),), "paused", 0),
        ((RunPaused(), RunResumed()), "running", 0),
        ((CALLS, ToolPending(call_id="c")), "running", 1),
        (BOTH_WAIT, "waiting", 2),
        ((*BOTH_WAIT, RunResumed(), ToolResolved(call_id="c", result=ToolResult("c")), RunPaused()), "waiting", 1),
        ((*BOTH_WAIT, ToolResolved(call_id="c", result=ToolResult("c"))), "waiting", 1),
        ((*BOTH_WAIT, ToolResolved(call_id="c", result=None)), "running", 1),
        ((*BOTH_WAIT, ToolDecided(call_id="c", approved=True)), "running", 1),
        ((*BOTH_WAIT, ToolDecided(call_id="c", approved=False)), "waiting", 1),
        (
            (*BOTH_WAIT, ToolDecided(call_id="c", approved=False), ToolDecided(call_id="d", approved=False)),
            "running",
            0,
        ),
        ((*BOTH_WAIT, Noted(topic="x")), "waiting", 2),
        ((*BOTH_WAIT, RunResumed(), ModelResponded(response=ModelResponse(Message.assistant("")))), "running", 0),
        ((RunFailed(failure=Failure("Bug", "it broke")),), "errored", 0),
        ((RunFailed(failure=Failure("Bug", "it broke")), RunResumed()), "running", 0),
        ((RunCancelled(),), "cancelled", 0),
        ((RunCancelled(), ModelRequested(model="m", history=1, iteration=1)), "running", 0),
        ((RunFinished(),), "finished", 0),
        ((RunFinished(reason="stopped"),), "stopped", 0),
    ],
    ids=str,
)
def test_the_status_follows_the_facts(facts: tuple[Fact, ...], status: str, pending: int):
    """A row's status and its number of waiting calls are those that the facts come to."""
    summary = summary_of(*facts)
    assert (summary.status, summary.pending) == (status, pending)
    assert fold("r", numbered([START, *facts])).status == status


def test_a_branch_that_waits_says_so_in_the_list():
    """It inherits the calls that wait, of which its own facts do not tell; the fact by which it rests does."""
    summary = summary_of(RunPaused(waits=2))
    assert (summary.status, summary.pending) == ("waiting", 2)
