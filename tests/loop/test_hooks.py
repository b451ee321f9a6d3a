"""Interceptors: what they change is on the journal, and what they may not change is refused."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, CallerError, ModelRetry, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Approve
from journeyman.data import Message, ModelRequest, Text, ToolCall, ToolResult
from journeyman.journal import HistoryChanged, Instruction, RunState, ToolPrepared, fold, load
from journeyman.loop import Hooks
from journeyman.loop import hooks as hooks_module

LOOK = ToolCall("1", "look", '{"at": "door"}')


@tool(idempotent=True)
async def look(at: str) -> str:
    """Look at something."""
    return f"saw {at}"


def agent_of(script: Any, log: MemoryLog | None = None, *, tools: Any = (look,), **hooks: Any) -> Agent[str]:
    model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
    return Agent(model, name="a", tools=tools, journal=log or MemoryLog(), hooks=Hooks(**hooks))


async def test_before_turn_changes_what_the_model_is_sent() -> None:
    """Messages and instructions; the journal says so, and the state folded from it is what was sent."""

    async def brief(state: RunState) -> RunState:
        words = Instruction("clock", f"This is turn {state.iterations + 1}.")
        return replace(state, messages=state.messages[-1:], instructions=(words,))

    model = ScriptedModel(["one", "two"])
    log = MemoryLog()
    agent = agent_of(model, log, tools=(), before_turn=brief)
    first = await agent.run("a")
    second = await agent.run("b", history=first)
    assert [[message.text for message in request.messages] for request in model.requests] == [
        ["This is turn 1.", "a"],
        ["This is turn 1.", "b"],
    ]
    facts = (await load(log, second.run_id)).facts
    (changed,) = [fact for fact in facts if isinstance(fact, HistoryChanged)]
    assert (changed.by, changed.kept, len(changed.messages)) == ("before_turn", 0, 1)
    assert second.messages == (Message.user("b"), Message.assistant("two"))
    assert second.new_messages == second.messages


async def test_a_resumed_run_goes_on_from_what_was_changed() -> None:
    """Cut after any fact and resumed by an agent without interceptors for what was done, the transcript is the same."""

    def forget(state: RunState) -> RunState | None:
        if len(state.messages) < 3:
            return None
        kept = state.messages[-2:]
        return replace(state, messages=(Message.user("(what was said before was dropped)"), *kept))

    def says(request: ModelRequest) -> Any:
        said = [part for message in request.messages for part in message.tool_calls]
        if not said:
            return ToolCall("1", "look", '{"at": "a"}')
        return ToolCall("2", "look", '{"at": "b"}') if said[-1].id == "1" else "done"

    log = MemoryLog()
    whole = await agent_of([says] * 5, log, before_turn=forget).run("go")
    assert sum(isinstance(fact, HistoryChanged) for fact in whole.facts) == 2
    for cut in range(1, len(whole.facts)):
        again = MemoryLog()
        await again.append(whole.run_id, 0, whole.facts[:cut])
        result = await resume(whole.run_id, agent=agent_of([says] * 5, again, before_turn=forget))
        assert result.messages == whole.messages, f"cut after {cut} facts"


async def test_after_turn_sees_each_whole_turn_once() -> None:
    """With the results of its tools, and with the output before the run ends."""
    seen: list[tuple[int, str]] = []

    def watch(state: RunState) -> None:
        seen.append((state.iterations, state.messages[-1].role))

    await agent_of([[Text("Let me see."), LOOK], "done"], after_turn=watch).run("go")
    assert seen == [(1, "tool"), (2, "assistant")]


async def test_after_turn_may_change_what_comes_next() -> None:
    """A last answer that it takes away is asked for again."""

    def strict(state: RunState) -> RunState | None:
        if state.messages[-1].text == "damn":
            return replace(state, messages=(*state.messages, Message.user("Politely, please.")))
        return None

    model = ScriptedModel(["damn", "Certainly."])
    result = await agent_of(model, tools=(), after_turn=strict).run("go")
    assert (result.output, model.requests[1].messages[-1].text) == ("Certainly.", "Politely, please.")


async def test_before_tool_changes_the_arguments_and_the_history_keeps_the_models_own() -> None:
    """The fact has what runs; after a crash the interceptor is not applied to its own outcome."""
    asked: list[str] = []

    async def masked(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(arguments["at"])
        return {"at": f"{arguments['at']}!"}

    log = MemoryLog()
    result = await agent_of([LOOK, "done"], log, before_tool=masked).run("go")
    assert result.messages[2].tool_results[0].text == "saw door!"
    assert result.messages[1].tool_calls[0].arguments == LOOK.arguments
    (prepared,) = [fact for fact in result.facts if isinstance(fact, ToolPrepared)]
    again = MemoryLog()
    await again.append("r", 0, result.facts[: prepared.seq + 1])
    resumed = await resume("r", agent=agent_of(["done"], again, before_tool=masked))
    assert resumed.messages[2].tool_results[0].text == "saw door!"
    assert asked == ["door"]


async def test_before_tool_that_changes_nothing_writes_nothing() -> None:
    """Given back as they were, changed in place or with None: only a change is a fact."""

    def in_place(name: str, arguments: dict[str, Any]) -> None:
        arguments["at"] = "window"

    for hook, changes in ((lambda _, arguments: arguments, 0), (lambda *_: None, 0), (in_place, 1)):
        result = await agent_of([LOOK, "done"], before_tool=hook).run("go")
        assert sum(isinstance(fact, ToolPrepared) for fact in result.facts) == changes
    assert result.messages[2].tool_results[0].text == "saw window"


async def test_before_tool_refuses_by_raising() -> None:
    """The tool is not called, the model hears why; `ModelRetry` counts as one."""
    called: list[str] = []

    @tool
    async def pay(amount: int) -> str:
        """Pay."""
        called.append("pay")
        return "paid"

    def guard(name: str, arguments: dict[str, Any]) -> None:
        if name == "pay" and arguments["amount"] > 10:
            raise PermissionError("too much")
        if name == "pay":
            raise ModelRetry("ask for more")

    calls = [
        ToolCall("1", "pay", '{"amount": "11"}'),
        ToolCall("2", "pay", '{"amount": 1}'),
        ToolCall("3", "pay", "{}"),
    ]
    result = await agent_of([calls, "done"], tools=[pay], before_tool=guard).run("go")
    texts = [item.text for item in result.messages[2].tool_results]
    assert texts[:2] == ["pay was not called: too much", "ask for more"]
    assert called == []
    assert result.state.retries == 1


async def test_what_is_approved_is_what_before_tool_made_of_it() -> None:
    """Whoever approves sees the arguments with which the call will be made."""
    paid: list[int] = []

    @tool(requires_approval=lambda arguments: arguments["amount"] > 10)
    async def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    log = MemoryLog()
    agent = agent_of(
        [ToolCall("1", "pay", '{"amount": 2}'), "done"],
        log,
        tools=[pay],
        before_tool=lambda _, arguments: {"amount": arguments["amount"] * 10},
    )
    waiting = await agent.run("go")
    assert [call.arguments for call in waiting.pending] == ['{"amount":20}']
    await resume(waiting.run_id, agent=agent, answers={"1": Approve()})
    assert paid == [20]


async def test_after_tool_changes_results_before_anybody_sees_them() -> None:
    """Redacted results are what the journal holds; if it fails, the result is kept back."""

    def redact(name: str, arguments: dict[str, Any], result: ToolResult) -> ToolResult:
        if arguments["at"] == "safe":
            raise ValueError("no idea how")
        return replace(result, content=result.text.replace("door", "***"), call_id="forged")

    calls = [LOOK, ToolCall("2", "look", '{"at": "safe"}')]
    result = await agent_of([calls, "done"], after_tool=redact).run("go")
    first, second = result.messages[2].tool_results
    assert (first.text, first.call_id) == ("saw ***", "1")
    assert (second.is_error, "saw safe" in second.text) == (True, False)
    assert "saw door" not in repr(result.facts)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: replace(state, status="finished"), "before_turn changed status"),
        (lambda state: replace(state, iterations=0), "before_turn changed iterations"),
        (lambda _: "state", "gives back the state"),
        (lambda state: replace(state, messages=state.messages[:-1]), "left tool calls without results at the end: 1"),
        (
            lambda state: replace(state, messages=(*state.messages[:1], state.messages[-1])),
            "separated tool calls from their results: 1",
        ),
        (
            lambda state: replace(state, messages=(*state.messages[:2], Message.user("x"), state.messages[-1])),
            "separated tool calls from their results: 1",
        ),
    ],
)
async def test_a_change_that_would_break_the_run_is_refused(change: Any, told: str) -> None:
    """Only messages and instructions may be changed, and a call and its result stay together."""
    agent = agent_of([LOOK, "done"], before_turn=lambda state: change(state) if state.iterations else None)
    with pytest.raises(CallerError, match=told):
        await agent.run("go")


async def test_a_pending_call_is_not_there_to_be_dropped() -> None:
    """`before_turn` is not called while a call of the turn waits: compaction cannot lose it."""
    seen: list[int] = []

    @tool
    async def ask() -> str:
        """Ask."""
        raise Pending

    def watch(state: RunState) -> None:
        seen.append(sum(call.phase == "pending" for call in state.calls))

    log = MemoryLog()
    agent = agent_of([[ToolCall("1", "ask"), ToolCall("2", "ask")], "done"], log, tools=[ask], before_turn=watch)
    run = (await agent.run("go")).run_id
    await resume(run, agent=agent, answers={"1": "yes"})
    await resume(run, agent=agent, answers={"2": "yes"})
    assert seen == [0, 0]


async def test_a_run_without_interceptors_asks_for_none() -> None:
    """`Hooks()` changes nothing of a run's facts but their times."""
    plain = await Agent(ScriptedModel([LOOK, "done"]), name="a", tools=[look]).run("go")
    hooked = await agent_of([LOOK, "done"]).run("go")
    assert [replace(fact, at=0) for fact in plain.facts] == [replace(fact, at=0) for fact in hooked.facts]
    assert fold(hooked.run_id, hooked.facts) == hooked.state
    assert hooks_module.MAY_CHANGE == ("messages", "instructions")


async def test_what_does_not_fit_is_not_shown_to_interceptors() -> None:
    """Arguments that the tool refuses never reach them; an `after_tool` that gives back something else has failed."""
    asked: list[str] = []

    def before(name: str, arguments: dict[str, Any]) -> None:
        asked.append(name)

    calls = [ToolCall("1", "look", "{}"), ToolCall("2", "look", '{"at": "x"}')]
    agent = agent_of([calls, "done"], before_tool=before, after_tool=lambda *_: "words")
    result = await agent.run("go")
    first, second = result.messages[2].tool_results
    assert (asked, first.is_error, second.is_error) == (["look"], True, True)
    assert second.text == "look was called, but after_tool gave back no ToolResult"
