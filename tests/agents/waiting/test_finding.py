"""What there is to tell a run that waits: tools below it are asked, and nothing is written where nothing comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman import Agent, Conflict, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import advance, answer, cancel_run
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import Fact, RunPaused, RunResumed, ToolResolved, load
from journeyman.testing import record, replay


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


class Shop:
    """A boss over a clerk over an intern, who waits for an order that can be asked for, and for a call that cannot."""

    def __init__(self, *, alone: bool = True, every: float = 1e-6) -> None:
        self.log = MemoryLog()
        self.says: list[Any] = []
        self.asked: list[Any] = []

        def poll(info: Any) -> Any:
            self.asked.append(info)
            said = self.says.pop(0) if self.says else Pending()
            if isinstance(said, Exception):
                raise said
            return said

        @tool(poll=poll, poll_every=every)
        async def order(article: str) -> str:
            """Order."""
            raise Pending(article)

        @tool
        async def ask() -> str:
            """Ask."""
            raise Pending

        calls = [ToolCall("1", "order", '{"article": "tea"}'), *([] if alone else [ToolCall("2", "ask")])]
        intern = Agent(turns(calls, "tea is here"), name="intern", tools=[order, ask])
        clerk = Agent(turns(ToolCall("1", "intern", '{"task": "t"}'), "fine"), name="clerk", tools=[intern.as_tool()])
        said = ToolCall("1", "clerk", '{"task": "t"}')
        self.boss = Agent(turns(said, "done"), name="boss", tools=[clerk.as_tool()], journal=self.log)

    async def facts(self) -> dict[str, tuple[Fact, ...]]:
        return {row.agent: (await load(self.log, row.run)).facts for row in (await self.log.runs()).rows}


async def test_a_poll_below_that_says_nothing_writes_nothing() -> None:
    """In no journal of the tree, however often it is asked; one that fails says nothing either."""
    shop = Shop()
    run = (await shop.boss.run("go")).run_id
    before = await shop.facts()
    shop.says = [Pending(), ValueError("out of order"), Pending()]
    for take_up in (advance, resume, advance):
        result = await take_up(run, agent=shop.boss)
        assert (result.status, [call.id for call in result.pending]) == ("waiting", ["1/1/1"])
    assert shop.asked == ["tea"] * 3
    assert await shop.facts() == before


async def test_a_poll_below_that_says_something_has_the_tree_go_on() -> None:
    """The outcome is one fact of the run whose call it is, as if somebody had answered, and the tool is asked once."""
    shop = Shop()
    run = (await shop.boss.run("go")).run_id
    before = await shop.facts()
    shop.says = ["tea"]
    assert (await advance(run, agent=shop.boss)).output == "done"
    assert shop.asked == ["tea"]
    new = {agent: facts[len(before[agent]) :] for agent, facts in (await shop.facts()).items()}
    told = new["intern"][0]
    assert isinstance(told, ToolResolved)
    assert told.result is not None
    assert told.result.text == "tea"
    assert [type(fact) for fact in new["boss"][:2]] == [RunResumed, ToolResolved]


async def test_an_outcome_below_a_run_that_waits_for_more_is_kept_there() -> None:
    """The runs above hear nothing of it until the other call is answered, and then the tool is not asked again."""
    shop = Shop(alone=False)
    run = (await shop.boss.run("go")).run_id
    before = await shop.facts()
    shop.says = ["tea"]
    result = await advance(run, agent=shop.boss)
    assert [call.id for call in result.pending] == ["1/1/2"]
    after = await shop.facts()
    assert [type(fact) for fact in after["intern"][len(before["intern"]) :]] == [ToolResolved]
    assert (after["clerk"], after["boss"]) == (before["clerk"], before["boss"])
    assert (await resume(run, agent=shop.boss, answers={"1/1/2": "yes"})).output == "done"
    assert shop.asked == ["tea"]


async def test_a_tool_below_is_asked_when_it_is_time_and_not_before() -> None:
    """`poll_every` counts from when its run came to rest."""
    shop = Shop(every=3600)
    run = (await shop.boss.run("go")).run_id
    assert (await advance(run, agent=shop.boss)).status == "waiting"
    assert shop.asked == []


async def test_a_run_below_that_goes_on_in_any_case_asks_its_own_tools() -> None:
    """Set free by an answer, it is not asked from above as well."""
    shop = Shop(alone=False)
    run = (await shop.boss.run("go")).run_id
    await answer(run, {"1/1/2": "yes"}, journal=shop.log)
    assert (await advance(run, agent=shop.boss)).status == "waiting"
    facts = await shop.facts()
    assert shop.asked == ["tea"]
    assert isinstance(facts["boss"][-1], RunPaused)


async def test_an_answer_that_came_while_a_tool_was_asked_is_not_written_over() -> None:
    """Somebody else has answered the call: what the tool said is refused, and the answer stands."""
    shop = Shop()
    run = (await shop.boss.run("go")).run_id

    class Raced(MemoryLog):
        """The same journals; the first word of a poll meets another one."""

        raced = False

        async def append(self, name: str, at: int, facts: Any) -> None:
            if isinstance(facts[0], ToolResolved) and not self.raced:
                self.raced = True
                await answer(run, {"1/1/1": "by hand"}, journal=shop.log)
            await shop.log.append(name, at, facts)

        def read(self, name: str, after: int = -1) -> Any:
            return shop.log.read(name, after)

    shop.says = ["by itself"]
    with pytest.raises(Conflict):
        await advance(run, agent=shop.boss, journal=Raced())
    result = await advance(run, agent=shop.boss)
    assert result.output == "done"
    intern = (await shop.facts())["intern"]
    texts = [fact.result.text for fact in intern if isinstance(fact, ToolResolved) and fact.result is not None]
    assert texts == ["by hand"]


async def test_a_tree_that_is_asked_is_on_the_tape(tmp_path: Path) -> None:
    """A poll below without and one with an outcome come again to the byte, and nothing is asked again."""

    async def work(shop: Shop) -> dict[str, tuple[Fact, ...]]:
        run = (await shop.boss.run("go")).run_id
        while (await advance(run, agent=shop.boss)).status == "waiting":
            pass
        return await shop.facts()

    first, again = Shop(), Shop()
    first.says = [Pending(), "tea"]
    with record(tmp_path / "tape.jsonl"):
        before = await work(first)
    with replay(tmp_path / "tape.jsonl"):
        assert await work(again) == before
    assert (first.asked, again.asked) == (["tea"] * 2, [])


async def test_no_tool_is_asked_for_a_run_that_is_left_alone() -> None:
    """What it said would be lost: a cancelled run is given back as it is, and asked when somebody resumes it."""
    log = MemoryLog()
    asked: list[Any] = []

    @tool(poll=lambda info: asked.append(info) or "tea")
    async def order(article: str) -> str:
        """Order."""
        raise Pending(article)

    agent = Agent(turns(ToolCall("1", "order", '{"article": "tea"}'), "done"), tools=[order], journal=log)
    run = (await agent.run("go")).run_id
    await cancel_run(run, journal=log)
    assert ((await advance(run, agent=agent)).status, asked) == ("cancelled", [])
    assert ((await resume(run, agent=agent)).output, asked) == ("done", ["tea"])
