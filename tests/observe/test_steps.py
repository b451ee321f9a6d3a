"""The step view of a run."""

from __future__ import annotations

from journeyman.data import Message, ModelResponse, Text, Thinking, ToolCall, ToolResult
from journeyman.journal import (
    ModelRequested,
    ModelResponded,
    RunFinished,
    RunResumed,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolResolved,
    ToolStarted,
)
from journeyman.observe import AgentStep, steps_of


def answered(seq, *parts):
    return ModelResponded(seq=seq, response=ModelResponse(Message("assistant", parts)))


ADD, MUL = ToolCall("1", "add", '{"a":1}'), ToolCall("2", "mul")


def test_a_run_reads_as_thoughts_calls_results_and_output():
    """Words before a call are a thought; the words of the last answer are the output."""
    facts = [
        ModelRequested(seq=0, model="m", history=1, iteration=1),
        answered(1, Thinking("hm"), Thinking(""), Text("Let me see."), ADD, MUL),
        ToolStarted(seq=2, at=1_000, call_id="1", name="add"),
        ToolStarted(seq=3, at=1_000, call_id="2", name="mul"),
        ToolFinished(seq=4, at=3_500, result=ToolResult("2", "no", is_error=True)),
        ToolFinished(seq=5, at=4_000, result=ToolResult("1", (Text("3"),))),
        answered(6, Text("It is 3.")),
        RunFinished(seq=7),
    ]
    assert steps_of(facts) == (
        AgentStep(kind="think", seq=1, content="hm"),
        AgentStep(kind="think", seq=1, content="Let me see."),
        AgentStep(kind="tool_call", seq=1, tool="add", call_id="1", arguments='{"a":1}'),
        AgentStep(kind="tool_call", seq=1, tool="mul", call_id="2", arguments="{}"),
        AgentStep(
            kind="tool_result", seq=4, content="no", tool="mul", call_id="2", arguments="{}",
            is_error=True, duration_ms=2.5,
        ),
        AgentStep(
            kind="tool_result", seq=5, content="3", tool="add", call_id="1", arguments='{"a":1}', duration_ms=3.0
        ),
        AgentStep(kind="output", seq=7, content="It is 3."),
    )  # fmt: skip


def test_a_call_that_waited_has_its_result_when_it_is_answered():
    """A call that is to run again has none yet."""
    facts = [
        answered(0, ADD),
        ToolStarted(seq=1, at=0, call_id="1", name="add"),
        ToolPending(seq=2, call_id="1"),
        RunResumed(seq=3),
        ToolResolved(seq=4, at=5_000, call_id="1", result=None),
        ToolResolved(seq=5, at=7_000, call_id="1", result=ToolResult("1", "yes")),
    ]
    [_, step] = steps_of(facts)
    assert (step.kind, step.seq, step.content, step.duration_ms) == ("tool_result", 5, "yes", 7.0)


def test_a_result_without_its_beginning_has_no_duration():
    """Facts may be read from the middle."""
    [step] = steps_of([ToolFinished(seq=9, at=5, result=ToolResult("1", "x"))])
    assert (step.tool, step.arguments, step.duration_ms) == ("", "", None)


def test_an_output_is_given_as_its_users_type():
    """From what the journal holds and the text of the last answer."""
    facts = [answered(0, Text("{}")), RunFinished(seq=1, output={"a": 1})]
    assert steps_of(facts, lambda stored, text: (stored, text))[0].content == ({"a": 1}, "{}")
    assert steps_of(facts)[0].content == {"a": 1}


def test_a_run_that_was_stopped_has_no_output():
    """Only an output is one."""
    assert steps_of([answered(0, Text("x")), RunFinished(seq=1, reason="stopped")]) == ()


def test_a_rejected_call_is_a_result():
    """The model hears of it as an error, and so does whoever reads the steps."""
    call = ModelResponded(seq=1, response=ModelResponse(Message("assistant", (ToolCall("1", "pay"),))))
    steps = steps_of([call, ToolDecided(seq=2, call_id="1", approved=False, reason="no")])
    assert [(step.kind, step.tool, step.is_error) for step in steps][1:] == [("tool_result", "pay", True)]
