"""An agent as another agent's tool, under the name that it has and under those that it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from journeyman import Agent, CallerError, Conflict, Pending, RunContext, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import check_resume
from journeyman.data import ModelRequest, Settings, ToolCall
from journeyman.journal import ChildStarted, Fact, ToolFinished


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 20)


@tool
async def ask(who: str) -> str:
    """Ask somebody."""
    raise Pending(who)


def desk(log: MemoryLog, **named: Any) -> Agent[str]:
    clerk = Agent(turns(ToolCall("1", "ask", '{"who": "Ann"}'), "Ann agrees."), name="clerk", tools=[ask])
    said = ToolCall("1", "clerk", '{"task": "t"}')
    return Agent(turns(said, "done"), name="desk", tools=[clerk.as_tool(**named)], journal=log)


async def test_the_open_call_of_an_agent_that_was_renamed_goes_on_in_its_run() -> None:
    """By its former name the tool is found, the run below is taken up and not begun anew; without it the check refuses."""
    log = MemoryLog()
    run = (await desk(log).run("go")).run_id
    renamed = desk(log, name="secretary", formerly="clerk")
    check = await check_resume(run, renamed)
    # What the model is told of it by itself speaks of its name.
    assert [(change.name, change.how) for change in check.changes] == [
        ("secretary", "renamed"),
        ("secretary", "changed"),
    ]
    assert check.can_resume
    with pytest.raises(CallerError, match="formerly='clerk'"):
        (await check_resume(run, desk(log, name="secretary"))).raise_if_refused()
    result = await resume(run, agent=renamed, answers={"1/1": "yes"})
    assert result.output == "done"
    assert [item.text for item in result.messages[2].tool_results] == ["Ann agrees."]
    assert sum(isinstance(fact, ChildStarted) for fact in result.facts) == 1


def test_two_agents_of_one_former_name_are_refused() -> None:
    """An open call could be of either."""
    log = MemoryLog()
    tools = [Agent(turns(), name=name).as_tool(formerly=["clerk"]) for name in ("one", "two")]
    with pytest.raises(CallerError, match="was formerly 'clerk'"):
        Agent(turns(), tools=tools, journal=log)


async def test_tools_of_one_name_are_each_agents_own_and_only_what_is_meant_is_inherited() -> None:
    """Names do not collide between agents, and prompt, tools, settings and output are each agent's own (pydantic-deep #155 #141).

    What the one below has of its caller are `deps` and the journal; and it counts against the caller's limits.
    """
    heard: list[tuple[str, Any]] = []

    def looking(where: str) -> Any:
        @tool(name="look")
        async def look(context: RunContext[str]) -> str:
            """Look."""
            heard.append((where, context.deps))
            return f"seen {where}"

        return look

    inside = turns(ToolCall("1", "look"), "below is done")
    outside = turns([ToolCall("1", "look"), ToolCall("2", "clerk", '{"task": "t"}')], "done")
    clerk = Agent(inside, name="clerk", tools=[looking("below")], system_prompt="Be brief.")
    settings = Settings(temperature=0.5)
    desk = Agent(outside, tools=[looking("above"), clerk.as_tool()], system_prompt="Be kind.", settings=settings)
    result = await desk.run("go", deps="the deps")
    assert [item.text for item in result.messages[2].tool_results] == ["seen above", "below is done"]
    assert sorted(heard) == [("above", "the deps"), ("below", "the deps")]
    request = inside.requests[0]
    assert ([tool.name for tool in request.tools], request.settings) == (["look"], Settings())
    assert [message.text for message in request.messages] == ["Be brief.", "t"]


class Refuses(MemoryLog):
    """Does not take the first result of a tool in a run below."""

    refused = False

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if not self.refused and any(isinstance(fact, ToolFinished) and fact.result.text == "paid" for fact in facts):
            self.refused = True
            raise OSError("the disk is full")
        await super().append(run, at, facts)


async def test_a_journal_that_fails_below_is_no_failure_that_a_model_may_mend() -> None:
    """The run stops as after a crash; taken up, it asks what became of the payment, and nobody pays again meanwhile."""
    paid: list[int] = []

    @tool
    async def pay(amount: int) -> str:
        """Pay an amount."""
        paid.append(amount)
        return "paid"

    clerk = Agent(turns(ToolCall("1", "pay", '{"amount": 5}'), "Paid."), name="clerk", tools=[pay])
    said = ToolCall("1", "clerk", '{"task": "t"}')
    log = Refuses()
    desk = Agent(turns(said, "done"), name="desk", tools=[clerk.as_tool()], journal=log)
    with pytest.raises(Conflict, match="disk is full") as caught:
        await desk.run("go")
    assert caught.value.run_id is not None
    result = await resume(caught.value.run_id, agent=desk)
    assert [(call.tool, call.kind) for call in result.pending] == [("pay", "in_doubt")]
    result = await resume(result.run_id, agent=desk, answers={result.pending[0].id: "paid"})
    assert (result.output, paid) == ("done", [5])
