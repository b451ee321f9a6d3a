"""A run that nobody is to answer any more is cancelled, with the runs below it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, CallerError, Conflict, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import advance, cancel_run, cancel_run_sync, create
from journeyman.agents.waiting import end_tree
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import ChildStarted, RunCancelled, RunFinished, RunResumed, load


@tool
async def ask(who: str) -> str:
    """Ask somebody."""
    raise Pending(who)


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 10)


def boss(log: MemoryLog) -> Agent[str]:
    clerk = Agent(turns(ToolCall("a", "ask", '{"who": "Ann"}'), "clerk done"), name="clerk", tools=[ask])
    said = [ToolCall("1", "clerk", '{"task": "t"}'), ToolCall("2", "clerk", '{"task": "t"}')]
    return Agent(turns(said, "all done"), name="boss", tools=[clerk.as_tool()], journal=log)


async def test_a_waiting_run_and_those_below_it_are_cancelled() -> None:
    """Workers leave them alone; a second time nothing happens; `resume` with the answers takes them up again."""
    log = MemoryLog()
    agent = boss(log)
    run = (await agent.run("go")).run_id
    ended = await cancel_run(run, journal=log)
    rows = (await log.runs()).rows
    assert (len(ended), ended[0]) == (3, run)
    assert {row.status for row in rows} == {"cancelled"}
    assert await cancel_run(run, journal=log) == ()
    assert (await advance(run, agent=agent)).status == "cancelled"
    result = await resume(run, agent=agent, answers={"1/a": "yes", "2/a": "no"})
    assert result.output == "all done"


async def test_a_run_at_work_and_an_unknown_one_are_refused() -> None:
    """Its journal would be taken from it while its tools are at work."""
    log = MemoryLog()
    run = await create(boss(log), "go")
    before = (await load(log, run)).facts
    with pytest.raises(Conflict, match="at work"):
        await cancel_run(run, journal=log)
    assert (await load(log, run)).facts == before
    with pytest.raises(CallerError, match="there is no run 'nobody'"):
        await cancel_run("nobody", journal=log)


def test_blocking_twin() -> None:
    """The same for blocking code."""
    log = MemoryLog()
    run = boss(log).run_sync("go").run_id
    assert len(cancel_run_sync(run, journal=log)) == 3


async def test_a_tree_is_ended_whether_somebody_works_on_it_or_not() -> None:
    """A run that was cut off, one below it that never began, and one whose parent has its end already."""
    log = MemoryLog()
    agent = boss(log)
    run = await create(agent, "go")
    assert await end_tree(run, journal=log) == (run,)
    waiting = await agent.run("go")
    state, children = waiting.state, {call.run for call in waiting.pending}
    await log.append(run := waiting.run_id, state.next_seq, [RunResumed(seq=state.next_seq)])
    assert set(await end_tree(run, RunFinished(reason="stopped"), journal=log)) == {run, *children}
    assert {(await load(log, name)).state.status for name in (run, *children)} == {"stopped"}
    assert await end_tree(run, journal=log) == ()
    facts = [fact for fact in waiting.facts if not isinstance(fact, ChildStarted) or fact.call_id == "1"]
    cut = next(place for place, fact in enumerate(facts) if isinstance(fact, ChildStarted))
    await log.append(
        "r", 0, [replace(facts[cut], run="never", seq=cut) if n == cut else facts[n] for n in range(cut + 1)]
    )
    assert await end_tree("r", journal=log) == ("r",)
    with pytest.raises(CallerError, match="there is no run 'nobody'"):
        await end_tree("nobody", journal=log)


async def test_whoever_writes_all_the_time_is_not_ended() -> None:
    """After some tries it is said, and nothing is pretended; a single fact in between does not matter."""

    class Busy(MemoryLog):
        writes = 99

        async def append(self, run: str, at: int, facts: Any) -> None:
            if self.writes and isinstance(facts[0], RunCancelled):
                self.writes -= 1
                await super().append(run, at, [RunResumed(seq=at)])
            await super().append(run, at, facts)

    log = Busy()
    run = await create(boss(log), "go")
    with pytest.raises(Conflict, match="could not be ended; try again"):
        await end_tree(run, journal=log)
    log.writes = 1
    assert await end_tree(run, journal=log) == (run,)
