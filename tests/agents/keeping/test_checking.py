"""Before a run is taken up, it can be said what changed of its agent and whether the run can go on."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from journeyman import Agent, CallerError, Pending, ScriptedModel, tool
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
