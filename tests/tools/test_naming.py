"""Tools under their names, and under those that they had before."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman import Agent, CallerError, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Approve, Reject, check_resume
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import ToolStarted
from journeyman.tools import ToolRegistry, by_name


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 10)


def looking(name: str, **options: Any) -> Any:
    @tool(name=name, **options)
    async def look(words: str) -> str:
        """Look something up."""
        return f"{name} found {words}"

    return look


def test_a_tool_is_found_by_its_former_names_and_listed_by_its_present_one() -> None:
    """One name or several; what is found has the name by which it was asked for."""
    find = looking("find", formerly=("lookup", "search"))
    tools = by_name([find, looking("other", formerly="another")])
    assert (list(tools), len(tools)) == (["find", "other"], 2)
    assert tools["find"] is find
    assert find.spec.name == "find"
    assert [tools[name].name for name in ("lookup", "search", "another")] == ["lookup", "search", "another"]
    assert tools["lookup"].function is find.function
    assert "lookup" in tools
    assert tools.get("nothing") is None
    assert repr(tools) == "Named(find, other; formerly lookup, search, another)"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "find", "formerly": "lookup"}, {"name": "lookup"}),
        ({"name": "lookup"}, {"name": "find", "formerly": "lookup"}),
        ({"name": "find", "formerly": "lookup"}, {"name": "search", "formerly": "lookup"}),
    ],
)
def test_a_name_that_could_mean_two_tools_is_refused(first: Any, second: Any) -> None:
    """For an agent and in a registry."""
    with pytest.raises(CallerError, match="was formerly 'lookup'"):
        by_name([looking(**first), looking(**second)])
    registry = ToolRegistry()
    registry.add(looking(**first))
    with pytest.raises(CallerError, match="was formerly 'lookup'"):
        registry.add(looking(**second))


def test_a_tool_was_not_formerly_what_it_is() -> None:
    """That would say nothing, and is taken for a slip."""
    with pytest.raises(CallerError, match="the name that it has now"):
        looking("find", formerly=("find",))


@pytest.mark.parametrize("decision", [Approve(always=True), Reject("no", always=True)])
async def test_open_calls_go_to_the_tool_by_its_new_name(decision: Any) -> None:
    """What was decided for good under the old name holds for calls by it; the journal keeps the name that was called."""
    log = MemoryLog()
    calls = [ToolCall("1", "lookup", '{"words": "a"}'), ToolCall("2", "lookup", '{"words": "b"}')]
    model = turns(calls, ToolCall("3", "lookup", '{"words": "c"}'), "done")
    before = Agent(model, name="x", tools=[looking("lookup", requires_approval=True)], journal=log)
    waiting = await before.run("go")
    find = looking("find", requires_approval=True, formerly="lookup")
    after = Agent(model, name="x", tools=[find], journal=log)
    result = await resume(waiting.run_id, agent=after, answers={"1": decision})
    assert result.output == "done"
    heard = [item.text for message in result.messages for item in message.tool_results]
    if isinstance(decision, Approve):
        assert heard == ["find found a", "find found b", "find found c"]
        assert {fact.name for fact in result.facts if isinstance(fact, ToolStarted)} == {"lookup"}
    else:
        assert heard == ["This call was rejected and not carried out: no"] * 3


async def test_a_call_that_waits_is_polled_by_the_renamed_tool() -> None:
    """Who knows how far it is, is found by the old name, too."""
    log = MemoryLog()

    async def order(what: str) -> str:
        """Order something."""
        raise Pending({"order": what})

    model = turns(ToolCall("1", "order", '{"what": "tea"}'), "done")
    before = Agent(model, name="x", tools=[tool(order)], journal=log)
    waiting = await before.run("go")
    bought = tool(name="buy", formerly="order", poll=lambda info: f"{info['order']} came")(order)
    after = Agent(model, name="x", tools=[bought], journal=log)
    assert (await check_resume(waiting.run_id, after)).can_resume
    result = await resume(waiting.run_id, agent=after)
    assert [item.text for message in result.messages for item in message.tool_results] == ["tea came"]
