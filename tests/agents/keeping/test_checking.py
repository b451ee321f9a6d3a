"""Before a run is taken up, it can be said what changed of its agent and whether the run can go on."""

from __future__ import annotations

import gc
from typing import Annotated, Any

import pytest
from msgspec.structs import replace
from pydantic import AliasChoices, BaseModel, Field

from journeyman import Agent, CallerError, Pending, RunAgain, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import check_resume, check_resume_sync
from journeyman.data import ToolCall
from journeyman.journal import RunStarted, load


@tool
async def ask(who: str) -> str:
    """Ask."""
    raise Pending


@tool
async def look() -> str:
    """Look."""
    return "seen"


class Answer(BaseModel):
    words: str


def agent_of(log: MemoryLog, tools: Any = (ask, look), **options: Any) -> Agent[Any]:
    calls = [ToolCall("1", "ask", '{"who": "Ann"}'), ToolCall("2", "look")]
    options = {"system_prompt": "Be kind.", "name": "a", **options}
    return Agent(ScriptedModel([calls]), tools=tools, journal=log, **options)


def renamed(name: str, parameter: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(f"async def {name}({parameter}: str) -> str:\n    'Ask.'\n    return ''", namespace)  # noqa: S102  (our own words)
    return namespace[name]


async def waiting() -> tuple[MemoryLog, str]:
    log = MemoryLog()
    return log, (await agent_of(log).run("go")).run_id


async def test_nothing_changed() -> None:
    """The same agent made anew is the same agent."""
    log, run = await waiting()
    check = await check_resume(run, agent_of(log))
    assert (check.changes, check.can_resume) == ((), True)
    check.raise_if_refused()


async def test_what_does_not_keep_a_run_from_going_on_is_told() -> None:
    """Another prompt, a tool more, a tool less of which no call is open, another output, another model."""
    log, run = await waiting()

    @tool
    async def listen() -> str:
        """Listen."""
        return ""

    changed: Agent[Any] = Agent(
        ScriptedModel([], name="scripted:other"),
        name="a",
        tools=[ask, listen],
        system_prompt="Be brief.",
        output_type=Answer,
    )
    check = await check_resume(run, changed, journal=log)
    found = {(item.what, item.name, item.how) for item in check.changes}
    assert found == {
        ("model", "scripted:other", "changed"),
        ("prompt", "system_prompt", "changed"),
        ("output", "output_type", "changed"),
        ("tool", "look", "removed"),
        ("tool", "listen", "added"),
    }
    assert check.can_resume


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        ((look,), "call '1' is open, and its tool 'ask' is gone"),
        ((renamed("ask", "whom"), look), "tool 'ask' no longer takes its arguments"),
    ],
)
async def test_an_open_call_that_cannot_be_made_any_more_refuses(tools: Any, told: str) -> None:
    """Its tool is gone, or has another signature."""
    log, run = await waiting()
    check = await check_resume(run, agent_of(log, tools))
    assert not check.can_resume
    with pytest.raises(CallerError, match=told):
        check.raise_if_refused()


async def test_another_agents_run_is_refused() -> None:
    """Names are how journals know agents."""
    log, run = await waiting()
    check = await check_resume(run, agent_of(log, name="b"))
    assert [item.what for item in check.changes if item.blocks] == ["agent"]


async def test_an_older_journal_says_only_that_something_changed() -> None:
    """It has no record of what its fingerprint was made of."""
    log, run = await waiting()
    first, *rest = (await load(log, run)).facts
    assert isinstance(first, RunStarted)
    assert first.signatures is not None
    assert set(first.signatures) == {"prompt", "output", "tool:ask", "tool:look"}
    old = MemoryLog()
    await old.append(run, 0, [replace(first, signatures=None), *rest])
    assert (await check_resume(run, agent_of(old))).changes == ()
    (change,) = (await check_resume(run, agent_of(old, system_prompt="x"))).changes
    assert (change.how, change.blocks) == ("unknown", False)


async def test_a_continued_run_does_not_repeat_the_record() -> None:
    """What is the same as in the run before is found there."""
    log = MemoryLog()
    agent = Agent(ScriptedModel(["one", "two"]), name="a", journal=log)
    second = await agent.run("b", history=await agent.run("a"))
    first = second.facts[0]
    assert isinstance(first, RunStarted)
    assert first.signatures is None
    assert second.state.signatures == agent.plan.signatures
    check = await check_resume(second.run_id, Agent(ScriptedModel([]), name="a", system_prompt="x", journal=log))
    assert [(item.what, item.how) for item in check.changes] == [("prompt", "changed")]


def test_blocking_twin() -> None:
    """The same for blocking code; a journal has to be named somewhere."""
    log = MemoryLog()
    agent = Agent(ScriptedModel(["x"]), name="a", journal=log)
    assert check_resume_sync(agent.run_sync("go").run_id, agent).can_resume
    with pytest.raises(CallerError, match="journal="):
        check_resume_sync("r", Agent(ScriptedModel([]), name="a"))


def looking(name: str, words: str = "Ask.", **options: Any) -> Any:
    async def ask(who: str) -> str:
        raise Pending

    return tool(name=name, description=words, **options)(ask)


async def test_a_renamed_tool_that_says_its_former_name_takes_the_open_calls() -> None:
    """It is told as renamed, and as changed where more than the name is new; without the word it refuses."""
    log, run = await waiting()
    check = await check_resume(run, agent_of(log, [looking("ask_them", formerly="ask"), look]))
    (change,) = check.changes
    assert (change.what, change.name, change.how, check.can_resume) == ("tool", "ask_them", "renamed", True)
    check = await check_resume(run, agent_of(log, [looking("ask_them", "Ask them.", formerly="ask"), look]))
    assert [(item.name, item.how) for item in check.changes] == [("ask_them", "renamed"), ("ask_them", "changed")]
    assert check.can_resume
    check = await check_resume(run, agent_of(log, [looking("ask_them"), look]))
    with pytest.raises(CallerError, match="declare it with formerly='ask'"):
        check.raise_if_refused()


async def test_a_former_name_that_the_run_never_knew_changes_nothing() -> None:
    """The tool was renamed before the run began."""
    log = MemoryLog()
    agent = agent_of(log, [looking("ask", formerly="question"), look])
    run = (await agent.run("go")).run_id
    assert (await check_resume(run, agent)).changes == ()


async def test_the_runs_below_are_looked_at_with_the_agents_of_this_process() -> None:
    """A tool of the clerk's is gone: the boss's run is refused, and the change says which run it is about."""
    log = MemoryLog()
    calls = [ToolCall("1", "ask", '{"who": "Ann"}')]

    def family(name: str, tools: Any) -> Agent[Any]:
        clerk: Agent[Any] = Agent(ScriptedModel([calls]), name=name, tools=tools)
        hands = [ToolCall("1", name, '{"task": "t"}')]
        return Agent(ScriptedModel([hands]), name="boss", tools=[clerk.as_tool()], journal=log)

    boss = family("clerk_below", [ask])
    waiting_run = await boss.run("go")
    assert (await check_resume(waiting_run.run_id, boss)).changes == ()
    del boss
    gc.collect()
    changed = family("clerk_below", [look])
    check = await check_resume(waiting_run.run_id, changed)
    assert {change.run for change in check.changes} == {waiting_run.pending[0].run}
    with pytest.raises(CallerError, match=r"in run \w+ below it, call '1' is open, and its tool 'ask' is gone"):
        check.raise_if_refused()
    del changed
    gc.collect()
    alone: Agent[Any] = Agent(ScriptedModel([]), name="boss", tools=[look], journal=log)
    check = await check_resume(waiting_run.run_id, alone)
    (below,) = [change for change in check.changes if change.run]
    assert (below.what, below.how, below.blocks) == ("agent", "unknown", False)


async def test_a_renamed_parameter_that_says_its_former_name_takes_the_open_calls() -> None:
    """By pydantic's own aliases: models are told the new name alone, and calls by the old one are made all the same."""
    log, run = await waiting()
    asked: list[str] = []

    @tool(name="ask")
    async def ask_whom(whom: Annotated[str, Field(validation_alias=AliasChoices("whom", "who"))]) -> str:
        """Ask."""
        asked.append(whom)
        return "yes"

    model = ScriptedModel([ToolCall("3", "ask", '{"whom": "Bob"}'), "done"])
    agent = Agent(model, name="a", tools=[ask_whom, look], system_prompt="Be kind.", journal=log)
    assert list(ask_whom.spec.parameters["properties"]) == ["whom"]
    check = await check_resume(run, agent)
    assert [(change.name, change.how, change.blocks) for change in check.changes] == [("ask", "changed", False)]
    assert (await resume(run, agent=agent, answers={"1": RunAgain()})).output == "done"
    assert asked == ["Ann", "Bob"]
